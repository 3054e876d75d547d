//! How fast one connection may speak (S-19). Faster honest ones are read more slowly, so TCP holds them back; nothing
//! is buffered here.
//!
//! `yjs_socket` asks before it hands on a frame. Time is handed in.

use std::time::Duration;

use model::limits;

/// A bucket that may go into debt: the next one waits until it is paid.
#[derive(Debug)]
struct Debt {
    per_second: f64,
    burst: f64,
    left: f64,
    at: Duration,
}

impl Debt {
    fn new(per_second: f64) -> Self {
        Self { per_second, burst: per_second, left: per_second, at: Duration::ZERO }
    }

    /// Takes `amount` and says how long to wait until the debt is paid.
    fn take(&mut self, now: Duration, amount: f64) -> Duration {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now;
        self.left = (self.left + passed * self.per_second).min(self.burst) - amount;
        if self.left >= 0.0 { Duration::ZERO } else { Duration::from_secs_f64(-self.left / self.per_second) }
    }
}

/// What kind of message a frame is, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A live update: counted by number and bytes.
    Update,
    /// The answer to our step 1: offline edits, not counted; its size is limited.
    Sync,
    /// A state of an editor: the newest counts, older ones may be left out.
    Awareness,
    /// Anything else: counted like an update.
    Other,
}

impl Kind {
    /// Looks at the first bytes only.
    #[must_use]
    pub fn of(frame: &[u8]) -> Self {
        match frame {
            [0, 1, ..] => Self::Sync,
            [0, 2, ..] => Self::Update,
            [1, ..] => Self::Awareness,
            _ => Self::Other,
        }
    }
}

/// The pace of one connection.
#[derive(Debug)]
pub struct Pace {
    messages: Debt,
    bytes: Debt,
    others: Debt,
    states: Debt,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            messages: Debt::new(f64::from(limits::PAD_UPDATES_PER_SECOND_MAX)),
            bytes: Debt::new(limits::PAD_UPDATE_BYTES_PER_SECOND_MAX as f64),
            others: Debt::new(f64::from(limits::PAD_UPDATES_PER_SECOND_MAX)),
            states: Debt::new(f64::from(limits::PAD_AWARENESS_PER_SECOND_MAX)),
        }
    }
}

impl Pace {
    /// How long to wait before the next frame may be read (or, for a state, before this one may be passed on).
    pub fn wait(&mut self, now: Duration, kind: Kind, bytes: usize) -> Duration {
        match kind {
            Kind::Update => self.messages.take(now, 1.0).max(self.bytes.take(now, bytes as f64)),
            Kind::Sync => Duration::ZERO,
            Kind::Awareness => self.states.take(now, 1.0),
            Kind::Other => self.others.take(now, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_of_updates_is_free_and_more_is_slowed_to_the_limit() {
        let mut pace = Pace::default();
        let per_second = limits::PAD_UPDATES_PER_SECOND_MAX;
        let mut now = Duration::from_secs(5);
        for _ in 0..per_second {
            assert_eq!(pace.wait(now, Kind::Update, 20), Duration::ZERO);
        }
        let start = now;
        for _ in 0..per_second * 2 {
            now += pace.wait(now, Kind::Update, 20);
        }
        let took = (now - start).as_secs_f64();
        assert!((1.9..2.1).contains(&took), "{took}");
    }

    #[test]
    fn bytes_count_too_and_kinds_are_apart() {
        let mut pace = Pace::default();
        let now = Duration::from_secs(5);
        assert_eq!(pace.wait(now, Kind::Update, limits::PAD_UPDATE_BYTES_PER_SECOND_MAX), Duration::ZERO);
        assert!(
            pace.wait(now, Kind::Update, limits::PAD_UPDATE_BYTES_PER_SECOND_MAX / 2) >= Duration::from_millis(499)
        );
        assert_eq!(pace.wait(now, Kind::Awareness, 200), Duration::ZERO);
        assert_eq!(pace.wait(now, Kind::Sync, limits::PAD_SYNC_BYTES_MAX), Duration::ZERO);
        assert_eq!((Kind::of(&[0, 1]), Kind::of(&[0, 0]), Kind::of(&[])), (Kind::Sync, Kind::Other, Kind::Other));
    }
}
