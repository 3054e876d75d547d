//! Bringing readers up to date: the answer to a step 1, and slow ones that were left behind.
//!
//! Part of [`Pad`]: `pad.rs` publishes ticks, this file sends pieces as far as there is room on the gauge.

use crate::connection::{Close, ConnectionId, Reading};
use crate::pad::{Effect, Pad};
use bytes::Bytes;
use model::limits;
use std::sync::Arc;
use std::time::Duration;
use yrs::StateVector;

impl Pad {
    /// Begins to bring a connection from what it says it has to now.
    pub(crate) fn answer(&mut self, now: Duration, id: ConnectionId, since: &StateVector) {
        // What waits for the tick is not in the document yet, and then comes as a change like any other.
        let Some(frames) = self.frames_since(since, true) else { return };
        let (reached, version) = (self.document.state_vector(), self.document.version());
        if let Some(one) = self.connections.get_mut(&id) {
            one.reading = Reading::CatchingUp { frames, next: 0, reached, version };
        }
        self.catch_up(now, id);
    }

    /// Sends what there is room for.
    pub(crate) fn catch_up(&mut self, now: Duration, id: ConnectionId) {
        loop {
            let Some(one) = self.connections.get_mut(&id) else { return };
            let since = match &mut one.reading {
                Reading::Fresh | Reading::Live => {
                    one.blocked_since = None;
                    break;
                }
                Reading::CatchingUp { frames, next, reached, version } => {
                    let Some(frame) = frames.get(*next).cloned() else {
                        let (reached, version) = (reached.clone(), *version);
                        one.reading = Reading::Live;
                        if version != self.document.version() {
                            self.start_difference(id, &reached);
                        }
                        continue;
                    };
                    if one.gauge.has_room(frame.len()) {
                        *next += 1;
                        one.blocked_since = None;
                        self.send(id, frame);
                        continue;
                    }
                    None
                }
                Reading::Behind { reached } => Some(reached.clone()),
            };
            if let Some(since) = since
                && one.gauge.waiting().0 <= limits::PAD_OUTBOX_MESSAGES_MAX / 2
            {
                one.blocked_since = None;
                self.start_difference(id, &since);
                continue;
            }
            // No room: wait, unless the writer has just finished and did not see that we wait.
            one.blocked_since.get_or_insert(now);
            one.gauge.starve();
            if one.gauge.waiting().0 == 0 {
                continue;
            }
            return;
        }
        if let Some(one) = self.connections.get_mut(&id)
            && std::mem::take(&mut one.missed_states)
        {
            for frame in self.states.all() {
                self.send(id, frame);
            }
        }
    }

    fn start_difference(&mut self, id: ConnectionId, since: &StateVector) {
        let Some(frames) = self.frames_since(since, false) else { return };
        let (reached, version) = (self.document.state_vector(), self.document.version());
        if let Some(one) = self.connections.get_mut(&id) {
            one.reading = Reading::CatchingUp { frames, next: 0, reached, version };
        }
    }

    /// Encodes a difference. If that fails, the document holds something poisonous: it is rebuilt without it, and
    /// everybody comes back to the rebuilt one.
    fn frames_since(&mut self, since: &StateVector, answer: bool) -> Option<Arc<[Bytes]>> {
        if let Ok(frames) = self.document.frames_since(since, answer) {
            return Some(frames);
        }
        self.document.rebuild(true);
        self.batch.clear();
        self.effects.push(Effect::Quarantined);
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.close(id, Close::Internal);
        }
        None
    }
}
