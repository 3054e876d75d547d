//! Trendline: the slope of the smoothed queueing delay over the last groups, and whether it means that the path is
//! overused, against a threshold that follows the path's usual unrest (Carlucci et al., "Congestion Control for Web
//! Real-Time Communication", IEEE/ACM ToN 2017, clauses IV.B and IV.C).

use super::groups::Delta;

/// Groups in the line.
const WINDOW: usize = 20;
/// How much of the former smoothed delay stays.
const SMOOTHING: f64 = 0.9;
/// Makes a slope comparable with the threshold.
const GAIN: f64 = 4.0;
const GROUPS_MAX: f64 = 60.0;
/// The threshold in ms: where it starts and between which values it moves.
const THRESHOLD: f64 = 12.5;
const THRESHOLD_MIN: f64 = 6.0;
const THRESHOLD_MAX: f64 = 600.0;
/// How fast the threshold goes up and down to the trend, for each ms.
const UP: f64 = 0.008_7;
const DOWN: f64 = 0.039;
/// A trend further above than this is no unrest and does not move the threshold.
const FAR: f64 = 15.0;
/// Overuse has to last so long, in ms.
const LASTS: f64 = 10.0;

/// What the path's delay says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Usage {
    /// A queue empties.
    Under,
    /// All is well.
    #[default]
    Normal,
    /// A queue grows.
    Over,
}

/// The line and the threshold.
#[derive(Debug)]
pub(crate) struct Trend {
    points: [(f64, f64); WINDOW],
    count: usize,
    start_us: Option<i64>,
    delay: f64,
    smooth: f64,
    threshold: f64,
    updated: Option<f64>,
    over_ms: f64,
    last: f64,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Self {
            points: [(0.0, 0.0); WINDOW],
            count: 0,
            start_us: None,
            delay: 0.0,
            smooth: 0.0,
            threshold: THRESHOLD,
            updated: None,
            over_ms: 0.0,
            last: 0.0,
            usage: Usage::Normal,
        }
    }
}

impl Trend {
    /// What the last groups said.
    pub(crate) fn usage(&self) -> Usage {
        self.usage
    }

    /// Forgets the line, not the threshold: what comes next is another flow of packets.
    pub(crate) fn restart(&mut self) {
        (self.count, self.delay, self.smooth, self.last) = (0, 0.0, 0.0, 0.0);
        (self.start_us, self.updated, self.over_ms, self.usage) = (None, None, 0.0, Usage::Normal);
    }

    /// Takes the delay between two groups.
    pub(crate) fn group(&mut self, delta: Delta) {
        let start = *self.start_us.get_or_insert(delta.at_us);
        let at = (delta.at_us - start) as f64 / 1_000.0;
        self.delay += (delta.arrived_us - delta.sent_us) as f64 / 1_000.0;
        self.smooth = SMOOTHING * self.smooth + (1.0 - SMOOTHING) * self.delay;
        self.points[self.count % WINDOW] = (at, self.smooth);
        self.count += 1;
        let slope = if self.count >= WINDOW { self.slope().unwrap_or(0.0) } else { 0.0 };
        let trend = slope * (self.count as f64).min(GROUPS_MAX) * GAIN;
        self.detect(trend, slope, delta.sent_us as f64 / 1_000.0, at);
    }

    /// Least squares.
    fn slope(&self) -> Option<f64> {
        let count = WINDOW as f64;
        let (x, y) = self.points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
        let (x, y) = (x / count, y / count);
        let (top, bottom) = self.points.iter().fold((0.0, 0.0), |(top, bottom), point| {
            (top + (point.0 - x) * (point.1 - y), bottom + (point.0 - x) * (point.0 - x))
        });
        (bottom > 0.0).then(|| top / bottom)
    }

    fn detect(&mut self, trend: f64, slope: f64, sent_ms: f64, at: f64) {
        if trend > self.threshold {
            self.over_ms += sent_ms;
            if self.over_ms > LASTS && slope >= self.last {
                self.over_ms = 0.0;
                self.usage = Usage::Over;
            }
        } else {
            self.over_ms = 0.0;
            self.usage = if trend < -self.threshold { Usage::Under } else { Usage::Normal };
        }
        self.last = slope;
        let elapsed = (at - self.updated.unwrap_or(at)).clamp(0.0, 100.0);
        self.updated = Some(at);
        if trend.abs() > self.threshold + FAR {
            return;
        }
        let speed = if trend.abs() < self.threshold { DOWN } else { UP };
        self.threshold += speed * (trend.abs() - self.threshold) * elapsed;
        self.threshold = self.threshold.clamp(THRESHOLD_MIN, THRESHOLD_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups 33 ms apart, each with so many microseconds more delay than the one before.
    fn groups(trend: &mut Trend, from: i64, count: i64, more: impl Fn(i64) -> i64) -> bool {
        (0..count).fold(false, |over, n| {
            let more = more(n);
            trend.group(Delta { sent_us: 33_000, arrived_us: 33_000 + more, at_us: (from + n) * 33_000 });
            over | (trend.usage() == Usage::Over)
        })
    }

    #[test]
    fn a_steady_path_is_normal_and_a_growing_queue_is_overuse() {
        let mut trend = Trend::default();
        assert!(!groups(&mut trend, 0, 100, |_| 0));
        assert!(groups(&mut trend, 100, 10, |_| 8_000), "80 ms of queue in a third of a second");
        groups(&mut trend, 110, 20, |_| -8_000);
        assert_eq!(trend.usage(), Usage::Under);
    }

    #[test]
    fn unrest_is_no_overuse() {
        let mut trend = Trend::default();
        let jitter = |n: i64| if n % 2 == 0 { 6_000 } else { -6_000 };
        assert!(!groups(&mut trend, 0, 300, jitter));
    }
}
