//! One editor's connection as the engine sees it: rights, what it has received, what it waits for.
//!
//! The pad owns these; the shell shares only the [`Gauge`], on which its writer counts down what it has sent, so that
//! the engine can stop before a slow reader's queue grows beyond its limit.

use crate::access::{Person, Right};
use bytes::Bytes;
use model::limits;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use yrs::StateVector;

/// A connection, unique while the process lives; numbered by the shell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// What waits in the shell for one reader.
#[derive(Debug, Default)]
pub struct Gauge {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    starving: AtomicBool,
}

impl Gauge {
    /// Whether a message of this size may be queued. A single one always may when nothing waits.
    #[must_use]
    pub fn has_room(&self, bytes: usize) -> bool {
        let waiting = self.messages.load(Ordering::Acquire);
        waiting == 0
            || (waiting < limits::PAD_OUTBOX_MESSAGES_MAX
                && self.bytes.load(Ordering::Acquire) + bytes <= limits::PAD_OUTBOX_BYTES_MAX)
    }

    pub(crate) fn queued(&self, bytes: usize) {
        self.messages.fetch_add(1, Ordering::AcqRel);
        self.bytes.fetch_add(bytes, Ordering::AcqRel);
    }

    pub(crate) fn starve(&self) {
        self.starving.store(true, Ordering::Release);
    }

    /// The shell has written a message. `true`: the engine waits for room and there is some now; tell it by
    /// [`crate::pad::Pad::drained`].
    #[must_use]
    pub fn written(&self, bytes: usize) -> bool {
        let messages = self.messages.fetch_sub(1, Ordering::AcqRel) - 1;
        let bytes = self.bytes.fetch_sub(bytes, Ordering::AcqRel) - bytes;
        messages <= limits::PAD_OUTBOX_MESSAGES_MAX / 2
            && bytes <= limits::PAD_OUTBOX_BYTES_MAX / 2
            && self.starving.swap(false, Ordering::AcqRel)
    }

    /// Messages and bytes that wait.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        (self.messages.load(Ordering::Acquire), self.bytes.load(Ordering::Acquire))
    }
}

/// Why a connection is closed. The number is the websocket close code: 44xx = do not come back by yourself,
/// 45xx = come back later (y-websocket 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Close {
    /// Not our protocol.
    Malformed,
    /// Larger than the limit for a live update; it goes through as an answer to step 1 after a reconnect.
    TooLarge,
    /// Too many questions in too short a time.
    TooMany,
    /// The token is wrong or has expired.
    Token,
    /// The right was taken away.
    Right,
    /// No such pad.
    Unknown,
    /// The pad was deleted.
    Deleted,
    /// This frame made the document fail and is not taken again.
    Quarantined,
    /// A fault of ours.
    Internal,
    /// Going down, or no room for more now.
    Unavailable,
    /// Reads too slowly.
    Slow,
}

impl Close {
    /// The websocket close code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::TooMany => 1008,
            Self::TooLarge => 1009,
            Self::Malformed => 4400,
            Self::Token => 4401,
            Self::Right => 4403,
            Self::Unknown => 4404,
            Self::Deleted => 4410,
            Self::Quarantined => 4422,
            Self::Internal => 4500,
            Self::Unavailable => 4503,
            Self::Slow => 4508,
        }
    }

    /// The reason that goes with it; stable, no personal data.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::TooMany => "too_many",
            Self::Token => "token_invalid",
            Self::Right => "forbidden",
            Self::Unknown => "pad_unknown",
            Self::Deleted => "pad_deleted",
            Self::Quarantined => "quarantined",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
            Self::Slow => "slow_reader",
        }
    }
}

/// Who comes.
#[derive(Clone, Debug)]
pub struct Attach {
    /// The connection.
    pub connection: ConnectionId,
    /// Who stands behind it.
    pub person: Person,
    /// What they may do now.
    pub right: Right,
    /// What their token allows at most; later rights never go beyond it.
    pub most: Right,
    /// Their name as the session knows it; it replaces what the client calls itself.
    pub name: Option<String>,
    /// Whether the client asked for acknowledgements (`ack=1`).
    pub acks: bool,
    /// What waits for it.
    pub gauge: Arc<Gauge>,
}

/// How far a connection has received the document.
#[derive(Debug)]
pub(crate) enum Reading {
    /// It has not said yet what it has.
    Fresh,
    /// It gets every change.
    Live,
    /// It gets pieces, and then what has changed since.
    CatchingUp { frames: Arc<[Bytes]>, next: usize, reached: StateVector, version: u64 },
    /// Its queue was full: it has everything up to here and gets the difference when there is room.
    Behind { reached: StateVector },
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) person: Person,
    pub(crate) right: Right,
    pub(crate) most: Right,
    pub(crate) name: Option<String>,
    pub(crate) acks: bool,
    pub(crate) gauge: Arc<Gauge>,
    /// The client id that it speaks for.
    pub(crate) client: Option<u64>,
    pub(crate) reading: Reading,
    /// A step 1 of ours is not answered yet.
    pub(crate) asked: bool,
    /// How often in a row its answer could not be used.
    pub(crate) failures: u32,
    /// Something of it was dropped, so nothing is acknowledged until an answer to step 1 was taken.
    pub(crate) hole: bool,
    /// The newest counter that came while there was a hole.
    pub(crate) held_back: Option<u64>,
    /// Counters that wait for the commit of a row, oldest first.
    pub(crate) waiting: VecDeque<(u64, u64)>,
    /// Since when its queue has been full.
    pub(crate) blocked_since: Option<Duration>,
    /// It missed states of editors.
    pub(crate) missed_states: bool,
    pub(crate) questions: Bucket,
}

/// A token bucket that is told the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bucket {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Duration,
}

impl Bucket {
    pub(crate) fn new(now: Duration, per_second: f64, burst: f64) -> Self {
        Self { per_second, burst, left: burst, at: now }
    }

    pub(crate) fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.per_second).min(self.burst);
        if self.left >= 1.0 {
            self.left -= 1.0;
            true
        } else {
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_wakes_once_when_half_is_written() {
        let gauge = Gauge::default();
        for _ in 0..limits::PAD_OUTBOX_MESSAGES_MAX {
            assert!(gauge.has_room(10));
            gauge.queued(10);
        }
        assert!(!gauge.has_room(10));
        gauge.starve();
        let wakes = (0..limits::PAD_OUTBOX_MESSAGES_MAX).filter(|_| gauge.written(10)).count();
        assert_eq!((wakes, gauge.waiting()), (1, (0, 0)));
        assert!(gauge.has_room(limits::PAD_OUTBOX_BYTES_MAX * 2), "a single large message may always go");
    }

    #[test]
    fn buckets_refill_with_time() {
        let mut bucket = Bucket::new(Duration::ZERO, 2.0, 2.0);
        assert!(bucket.take(Duration::ZERO) && bucket.take(Duration::ZERO) && !bucket.take(Duration::ZERO));
        assert!(bucket.take(Duration::from_millis(500)));
    }
}
