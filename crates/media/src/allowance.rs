//! What a viewer's pictures may spend: down at once with the estimate, up only when a higher one has lasted, and longer
//! after a step up that failed. So layers do not go up and down with every breath of the network.

use std::time::{Duration, Instant};

/// How long a higher estimate has to last.
const LASTS: Duration = Duration::from_millis(1_000);
const LASTS_MAX: Duration = Duration::from_secs(8);
/// A step up that is followed by a step down within this time was one too many.
const FAILED: Duration = Duration::from_secs(8);
/// An estimate so many times higher is another path, whatever failed before.
const OTHER: u64 = 2;
/// Changes that are worth another look at the layers, in percent.
const DOWN: u64 = 98;
const UP: u64 = 104;

/// The allowance.
#[derive(Debug)]
pub(crate) struct Allowance {
    now: Option<u64>,
    steady: Option<u64>,
    /// Since when the estimate is above the steady one, and the least of it since then.
    above: Option<(Instant, u64)>,
    raised_at: Option<Instant>,
    lasts: Duration,
}

impl Default for Allowance {
    fn default() -> Self {
        Self { now: None, steady: None, above: None, raised_at: None, lasts: LASTS }
    }
}

impl Allowance {
    /// What is there now; what is sent may stay as long as it fits. `None`: no limit is known.
    pub(crate) fn now(&self) -> Option<u64> {
        self.now
    }

    /// What has lasted; more is sent only within this.
    pub(crate) fn steady(&self) -> Option<u64> {
        self.steady
    }

    /// Takes an estimate. True: the layers are to be looked at again.
    pub(crate) fn observe(&mut self, now: Instant, bps: Option<u64>) -> bool {
        let (Some(new), Some(steady)) = (bps, self.steady) else {
            let changed = self.steady != bps;
            (self.now, self.steady, self.above) = (bps, bps, None);
            return changed;
        };
        self.now = bps;
        if new <= steady {
            self.above = None;
            if new * 100 >= steady * DOWN {
                return false;
            }
            if new * 10 < steady * 9 && self.raised_at.is_some_and(|at| now.saturating_duration_since(at) < FAILED) {
                (self.lasts, self.raised_at) = ((self.lasts * 2).min(LASTS_MAX), None);
            }
            self.steady = Some(new);
            return true;
        }
        let (since, least) = self.above.map_or((now, new), |(since, least)| (since, least.min(new)));
        self.above = Some((since, least));
        let lasts = if least >= steady * OTHER { LASTS } else { self.lasts };
        if now.saturating_duration_since(since) < lasts {
            return false;
        }
        if least * 100 < steady * UP {
            self.above = Some((now, new));
            return false;
        }
        if self.raised_at.is_none_or(|at| now.saturating_duration_since(at) >= FAILED) {
            self.lasts = LASTS.max(self.lasts / 2);
        }
        (self.steady, self.above, self.raised_at) = (Some(least), Some((now, new)), Some(now));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn down_at_once_up_when_it_lasts_and_later_after_a_failure() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut allowance = Allowance::default();
        assert!(allowance.observe(at(0), Some(1_000)));
        assert!(allowance.observe(at(10), Some(500)));
        assert!(!allowance.observe(at(20), Some(900)) && !allowance.observe(at(900), Some(800)));
        assert_eq!((allowance.now(), allowance.steady()), (Some(800), Some(500)));
        assert!(allowance.observe(at(1_020), Some(1_000)));
        assert_eq!(allowance.steady(), Some(800), "the least of that time");
        assert!(allowance.observe(at(2_000), Some(500)), "it failed");
        assert!(!allowance.observe(at(2_100), Some(800)) && !allowance.observe(at(3_200), Some(800)));
        assert!(allowance.observe(at(4_100), Some(800)), "twice as long");
        assert!(allowance.observe(at(5_000), Some(400)));
        assert!(!allowance.observe(at(5_100), Some(4_000)));
        assert!(allowance.observe(at(6_100), Some(4_000)), "another path");
        assert!(allowance.observe(at(7_000), None));
    }
}
