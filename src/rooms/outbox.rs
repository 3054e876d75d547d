//! The bounded queue to one browser. A reader that is too slow is cut off and syncs anew; nobody else waits for it
//! . Filled by the room task, emptied by `socket/connection.rs`.

use axum::extract::ws::Utf8Bytes;
use model::limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{mpsc, watch};
use wire::code::Code;

/// Something for the browser.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A frame.
    Text(Utf8Bytes),
    /// Say why, then close; `None`: the person asked for it.
    Bye(Option<Code>),
}

/// The room's end.
#[derive(Clone, Debug)]
pub struct Outbox {
    queue: mpsc::Sender<Outgoing>,
    bytes: Arc<AtomicUsize>,
    cut: Arc<watch::Sender<bool>>,
    host: Arc<str>,
}

/// The connection's end.
#[derive(Debug)]
pub struct OutboxReader {
    queue: mpsc::Receiver<Outgoing>,
    bytes: Arc<AtomicUsize>,
    cut: watch::Receiver<bool>,
}

impl Outbox {
    /// A queue with both its ends. `host`: name and port under which this browser reaches us.
    #[must_use]
    pub fn new(host: &str) -> (Self, OutboxReader) {
        let (sender, receiver) = mpsc::channel(limits::ROOM_OUTBOX_MESSAGES_MAX);
        let bytes = Arc::new(AtomicUsize::new(0));
        let (cut, is_cut) = watch::channel(false);
        let outbox = Self { queue: sender, bytes: bytes.clone(), cut: Arc::new(cut), host: host.into() };
        (outbox, OutboxReader { queue: receiver, bytes, cut: is_cut })
    }

    /// Name and port under which this browser reaches us.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Puts something into the queue, or cuts off a reader that is too slow. One message may exceed the byte limit,
    /// so that a big room can always be told.
    pub fn put(&self, outgoing: Outgoing) {
        let size = match &outgoing {
            Outgoing::Text(text) => text.len(),
            Outgoing::Bye(_) => 0,
        };
        let queued = self.bytes.fetch_add(size, Ordering::Relaxed);
        if queued > limits::ROOM_OUTBOX_BYTES_MAX || self.queue.try_send(outgoing).is_err() {
            self.cut.send_replace(true);
        }
    }
}

impl OutboxReader {
    /// The next thing to send; `None` when the room has let go of this connection without a word (a fault of ours).
    pub async fn next(&mut self) -> Option<Outgoing> {
        let outgoing = self.queue.recv().await;
        if let Some(Outgoing::Text(text)) = &outgoing {
            self.bytes.fetch_sub(text.len(), Ordering::Relaxed);
        }
        outgoing
    }

    /// Resolves when this reader was too slow.
    pub fn cut(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut cut = self.cut.clone();
        async move {
            // The sender's end without a cut is told by `next`; this future then never resolves.
            if cut.wait_for(|&cut| cut).await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_slow_reader_is_cut_and_a_reader_in_time_is_not() {
        let (outbox, mut reader) = Outbox::new("localhost");
        for _ in 0..limits::ROOM_OUTBOX_MESSAGES_MAX {
            outbox.put(Outgoing::Text("x".into()));
        }
        assert!(reader.cut().now_or_never().is_none());
        assert!(reader.next().await.is_some());
        outbox.put(Outgoing::Text("x".into()));
        assert!(reader.cut().now_or_never().is_none());
        outbox.put(Outgoing::Text("x".into()));
        assert!(reader.cut().now_or_never().is_some());
    }

    #[tokio::test]
    async fn bytes_are_bounded_too() {
        let (outbox, reader) = Outbox::new("localhost");
        let big = "x".repeat(limits::ROOM_OUTBOX_BYTES_MAX + 1);
        outbox.put(Outgoing::Text(big.into()));
        assert!(reader.cut().now_or_never().is_none());
        outbox.put(Outgoing::Text("x".into()));
        assert!(reader.cut().now_or_never().is_some());
    }
}
