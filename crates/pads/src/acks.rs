//! Acknowledgements and questions: a counter is echoed when everything before it is on disk, and never when something
//! before it was dropped (S-23, the pad promise).
//!
//! Part of [`Pad`]: `intake.rs` says what was dropped, `pad.rs` what was appended and committed.

use crate::connection::ConnectionId;
use crate::frame;
use crate::pad::Pad;

impl Pad {
    /// Takes note of a counter: it is echoed when everything before it is on disk.
    pub(crate) fn want_ack(&mut self, id: ConnectionId, counter: u64) {
        let need = if self.batch.is_empty() { self.appended } else { self.appended + 1 };
        if let Some(one) = self.connections.get_mut(&id).filter(|one| one.acks) {
            if one.hole {
                one.held_back = Some(counter);
                return;
            }
            match one.waiting.back_mut() {
                Some(last) if last.1 == need => last.0 = counter,
                _ => one.waiting.push_back((counter, need)),
            }
        }
        self.acknowledge(id);
    }

    pub(crate) fn acknowledge(&mut self, id: ConnectionId) {
        let Some(one) = self.connections.get_mut(&id) else { return };
        let mut newest = None;
        while let Some(&(counter, need)) = one.waiting.front() {
            // The row of a batch that turned out to hold nothing new is never appended: then nothing is to wait for.
            let settled = need <= self.committed || (self.batch.is_empty() && self.appended <= self.committed);
            if !settled {
                break;
            }
            one.waiting.pop_front();
            newest = Some(counter);
        }
        if let Some(counter) = newest {
            self.send(id, frame::ack(counter));
        }
    }

    /// Something of a connection was dropped: nothing more is acknowledged until its answer to step 1 was taken.
    pub(crate) fn drop_and_ask(&mut self, id: ConnectionId) {
        self.counters.gaps += 1;
        if let Some(one) = self.connections.get_mut(&id) {
            one.hole = true;
        }
        self.ask(id);
    }

    pub(crate) fn ask(&mut self, id: ConnectionId) {
        if let Some(one) = self.connections.get_mut(&id)
            && !std::mem::replace(&mut one.asked, true)
        {
            // The shadow is ahead of the document by what waits for the tick; asking for that again does no harm.
            let vector = self.document.state_vector_bytes();
            self.send(id, frame::step1(&vector));
        }
    }
}
