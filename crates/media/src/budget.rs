//! What a viewer's path carries, learned from loss and from the receiver's own estimate (REMB): no limit until there is
//! trouble, then a limit that is lifted step by step, more slowly after each step that failed. Told the time.
//!
//! An estimate above what we send says nothing (a receiver cannot see more than it gets), so only estimates below it
//! count. A failed step up costs a viewer a moment of loss, which NACK repairs; never trying would cost the picture.

use std::time::{Duration, Instant};

/// More loss than this, in 1/256, is trouble (10 %).
const LOSS_BAD: u8 = 26;
/// Loss and receivers' estimates are no reason to send less than this: they do not tell a bad line from a full one, and
/// the last picture would go for nothing.
const LIMIT_MIN: u64 = 200_000;
/// First and longest time before a step up.
const WAIT_MIN: Duration = Duration::from_secs(3);
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Further bad news within this time is about the same trouble.
const SAME_TROUBLE: Duration = Duration::from_secs(1);

/// The budget of one viewer.
#[derive(Debug)]
pub(crate) struct Budget {
    limit: Option<u64>,
    wait: Duration,
    troubled_at: Option<Instant>,
    step_at: Option<Instant>,
}

impl Default for Budget {
    fn default() -> Self {
        Self { limit: None, wait: WAIT_MIN, troubled_at: None, step_at: None }
    }
}

impl Budget {
    /// The limit for pictures in bit/s; `None`: none is known.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// A receiver report. True: the limit has changed.
    pub(crate) fn loss(&mut self, now: Instant, fraction: u8, sent_bps: u64) -> bool {
        fraction >= LOSS_BAD && self.trouble(now, sent_bps * u64::from(255 - fraction) / 256 * 85 / 100)
    }

    /// A receiver's estimate. True: the limit has changed.
    pub(crate) fn estimate(&mut self, now: Instant, bps: u64, sent_bps: u64) -> bool {
        bps < sent_bps * 85 / 100 && self.trouble(now, bps)
    }

    fn trouble(&mut self, now: Instant, bps: u64) -> bool {
        if self.troubled_at.is_some_and(|at| now.saturating_duration_since(at) < SAME_TROUBLE) {
            return false;
        }
        // Trouble soon after a step up: the step was too early, wait longer before the next.
        let failed = self.step_at.is_some_and(|at| now.saturating_duration_since(at) < WAIT_MIN * 2);
        self.wait = if failed { (self.wait * 2).min(WAIT_MAX) } else { WAIT_MIN };
        self.troubled_at = Some(now);
        // What is sent again counts as sent: news of trouble never lifts the limit.
        self.limit = Some(bps.max(LIMIT_MIN).min(self.limit.unwrap_or(u64::MAX)));
        true
    }

    /// Lifts the limit when it is time. True: the limit has changed.
    pub(crate) fn tick(&mut self, now: Instant, sent_bps: u64) -> bool {
        let (Some(limit), Some(since)) = (self.limit, self.step_at.max(self.troubled_at)) else { return false };
        if now.saturating_duration_since(since) < self.wait {
            return false;
        }
        self.step_at = Some(now);
        let lifted = limit + limit / 2;
        // Far above what is wanted anyway: the limit is none any more.
        self.limit = (lifted < sent_bps.max(1_000_000) * 4).then_some(lifted);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_at_once_up_slowly() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut budget = Budget::default();
        assert!(!budget.loss(at(0), 10, 1_000_000));
        assert!(!budget.estimate(at(0), 900_000, 1_000_000), "near what we send: no news");
        assert!(budget.estimate(at(0), 500_000, 1_000_000));
        assert_eq!(budget.limit(), Some(500_000));
        assert!(!budget.loss(at(0), 200, 1_000_000), "the same trouble");
        assert!(!budget.tick(at(2), 500_000));
        assert!(budget.tick(at(3), 500_000));
        assert_eq!(budget.limit(), Some(750_000));
        assert!(budget.loss(at(5), 60, 700_000), "the step was too much");
        assert!(!budget.tick(at(9), 490_000), "waits longer now");
        assert!(budget.tick(at(11), 490_000));
        for s in 0..60 {
            budget.tick(at(20 + s), 490_000);
        }
        assert_eq!(budget.limit(), None);
    }
}
