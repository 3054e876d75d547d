//! How many bytes of pictures may leave for a viewer now: a bucket that fills at a little more than the estimate and holds
//! some tens of milliseconds of it. What leaves at once thus never makes a longer queue in the path than that, and where
//! the estimate is far above what is sent, nothing ever waits. Sound is counted but does not wait.

use std::time::Instant;

/// What may leave at once, in milliseconds of the estimate, and at least this many bytes.
const BURST_MS: u64 = 40;
const BURST_MIN: i64 = 2_400;
/// A bucket is not emptied further than this by sound and by trains that had begun.
const DEBT_MAX: i64 = -20_000;

/// The bucket.
#[derive(Debug, Default)]
pub(crate) struct Pacer {
    bytes: i64,
    at: Option<Instant>,
}

impl Pacer {
    /// Bytes of pictures that may leave now; 0: they wait. `bps`: how fast they may leave; `None`: as they come.
    pub(crate) fn room(&mut self, now: Instant, bps: Option<u64>) -> usize {
        let Some(bps) = bps else { return usize::MAX };
        let elapsed = self.at.map_or(1_000_000, |at| now.saturating_duration_since(at).as_micros());
        let elapsed = u64::try_from(elapsed).unwrap_or(u64::MAX).min(1_000_000);
        if elapsed > 0 {
            self.at = Some(now);
        }
        let depth = i64::try_from(bps * BURST_MS / 8_000).unwrap_or(i64::MAX).max(BURST_MIN);
        let filled = i64::try_from(bps.saturating_mul(elapsed) / 8_000_000).unwrap_or(i64::MAX);
        self.bytes = self.bytes.saturating_add(filled).min(depth);
        if bps == 0 { 0 } else { usize::try_from(self.bytes).unwrap_or(0) }
    }

    /// So many bytes have left.
    pub(crate) fn spent(&mut self, bytes: usize) {
        self.bytes = (self.bytes - bytes as i64).max(DEBT_MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_at_once_and_then_at_the_rate() {
        let start = Instant::now();
        let mut pacer = Pacer::default();
        assert_eq!(pacer.room(start, None), usize::MAX);
        let mut sent = 0;
        for ms in 0..=1_000 {
            while pacer.room(start + Duration::from_millis(ms), Some(800_000)) > 0 {
                pacer.spent(1_000);
                sent += 1_000;
            }
        }
        assert!((100_000..106_000).contains(&sent), "{sent}");
        assert_eq!(pacer.room(start + Duration::from_secs(9), Some(0)), 0, "a queue stands");
    }
}
