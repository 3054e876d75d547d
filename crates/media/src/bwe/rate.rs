//! Rate control: additive increase, multiplicative decrease (Carlucci et al., clause IV.D; RFC 8698 and others do alike).
//! The rate goes up while the path is used and its delay is steady, and down to a part of what arrives when a queue grows.

use super::trend::Usage;

/// The rate before anything is known, in bit/s.
pub(crate) const START: f64 = 1_000_000.0;
/// Less is no media any more, more is not needed by anybody.
pub(crate) const MIN: f64 = 60_000.0;
pub(crate) const MAX: f64 = 50_000_000.0;
/// What remains of what arrives after overuse. The queue that has grown is not emptied by it but by a pause.
const DECREASE: f64 = 0.9;
/// Growth in a second while the path's end is not known.
const GROWTH: f64 = 1.08;
/// Never further above what arrives, unless a probe has shown more.
const ABOVE_ACKED: f64 = 1.5;
/// Growth near the path's known end: a packet in a response time, and no more than this part in a second.
const PACKET_BITS: f64 = 9_600.0;
const GROWTH_NEAR: f64 = 0.04;
/// How fast the known end follows, and how wide it is at first.
const END_WEIGHT: f64 = 0.05;
const DEVIATION_MIN: f64 = 0.02;
/// A rate that is used less than this says nothing about the path.
const USED: f64 = 0.9;

/// Whether the rate may go up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Growth {
    /// Something else than the delay speaks against it.
    No,
    /// While it is used: what is not used is learned by probes.
    Used,
    /// Also while it is not used: probes are not possible.
    Any,
}

/// The rate.
#[derive(Debug)]
pub(crate) struct Rate {
    bps: f64,
    /// What the path carried at overuse, with its relative deviation.
    end: Option<(f64, f64)>,
    updated_us: Option<i64>,
    holds: bool,
}

impl Default for Rate {
    fn default() -> Self {
        Self { bps: START, end: None, updated_us: None, holds: false }
    }
}

impl Rate {
    pub(crate) fn bps(&self) -> u64 {
        self.bps as u64
    }

    /// A probe has shown that the path carries so much.
    pub(crate) fn shown(&mut self, bps: u64) {
        self.bps = self.bps.max(bps as f64).min(MAX);
        if self.end.is_some_and(|(end, deviation)| self.bps > end * (1.0 + 3.0 * deviation)) {
            self.end = None;
        }
    }

    /// Goes down to this part of what arrives, if that is lower.
    pub(crate) fn decrease(&mut self, acked: u64, part: f64) {
        let acked = acked as f64;
        self.end = Some(match self.end {
            Some((end, deviation)) if (acked - end).abs() <= end * 3.0 * deviation => {
                let unlike = ((acked - end) / end).abs();
                let deviation = (deviation + END_WEIGHT * (unlike - deviation)).max(DEVIATION_MIN);
                (end + END_WEIGHT * (acked - end), deviation)
            }
            _ => (acked, 3.0 * DEVIATION_MIN),
        });
        self.bps = self.bps.min(acked * part).max(MIN);
        self.holds = true;
    }

    /// Goes down by a factor.
    pub(crate) fn scale(&mut self, part: f64) {
        self.bps = (self.bps * part).max(MIN);
        self.holds = true;
    }

    /// Brings the rate up to date. True: the path is overused, and the rate has gone down.
    pub(crate) fn update(&mut self, now_us: i64, usage: Usage, acked: u64, rtt_us: i64, growth: Growth) -> bool {
        let elapsed = (now_us - self.updated_us.replace(now_us).unwrap_or(now_us)).clamp(0, 1_000_000) as f64 / 1e6;
        match usage {
            Usage::Over => {
                self.decrease(acked, DECREASE);
                return true;
            }
            Usage::Under => self.holds = true,
            Usage::Normal if self.holds => self.holds = false,
            Usage::Normal => {
                let acked = acked as f64;
                if self.end.is_some_and(|(end, deviation)| acked > end * (1.0 + 3.0 * deviation)) {
                    self.end = None;
                }
                let top = acked * ABOVE_ACKED + 10_000.0;
                let may = match growth {
                    Growth::No => false,
                    Growth::Used => acked > self.bps * USED,
                    Growth::Any => true,
                };
                if may && self.bps < top {
                    let grown = if self.end.is_some() {
                        let response = (rtt_us as f64 / 1e6 + 0.1).max(0.05);
                        self.bps + (PACKET_BITS / response).min(self.bps * GROWTH_NEAR) * elapsed
                    } else {
                        self.bps * GROWTH.powf(elapsed) + 1_000.0 * elapsed
                    };
                    self.bps = grown.min(top).min(MAX);
                }
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: i64 = 100_000;

    #[test]
    fn grows_while_it_is_used_and_not_above_what_arrives() {
        let mut rate = Rate::default();
        for n in 0..50 {
            rate.update(n * STEP, Usage::Normal, 300_000, 50_000, Growth::Used);
        }
        assert_eq!(rate.bps(), 1_000_000, "unused: nothing was learned");
        let mut now = 50;
        while rate.bps() < 2_000_000 {
            rate.update(now * STEP, Usage::Normal, rate.bps(), 50_000, Growth::Used);
            now += 1;
        }
        assert!((130..160).contains(&now), "8 % in a second: {now}");
        for _ in 0..1_000 {
            now += 1;
            rate.update(now * STEP, Usage::Normal, 2_000_000, 50_000, Growth::Used);
        }
        assert!(rate.bps() <= 3_010_000);
    }

    #[test]
    fn overuse_takes_it_below_what_arrives_and_then_it_grows_slowly() {
        let mut rate = Rate::default();
        assert!(rate.update(0, Usage::Over, 800_000, 50_000, Growth::Used));
        assert_eq!(rate.bps(), 720_000);
        for n in 1..=12 {
            rate.update(n * STEP, Usage::Normal, 720_000, 50_000, Growth::Used);
        }
        assert!((740_000..760_000).contains(&rate.bps()), "a packet in a response time: {}", rate.bps());
        rate.update(13 * STEP, Usage::Over, 0, 50_000, Growth::Used);
        assert_eq!(rate.bps() as f64, MIN);
        rate.shown(2_000_000);
        assert_eq!(rate.bps(), 2_000_000);
    }
}
