//! How much arrives: bytes by arrival time, on the viewer's clock, in steps of 10 ms. While a queue stands, that is what
//! the path carries.

const STEP_US: i64 = 10_000;
const STEPS: usize = 64;
/// Rates are told over windows between these.
const LONG: usize = 50;
const SHORT: usize = 20;

/// The meter.
#[derive(Debug)]
pub(crate) struct Acked {
    bytes: [u32; STEPS],
    newest: Option<i64>,
    first: Option<i64>,
}

impl Default for Acked {
    fn default() -> Self {
        Self { bytes: [0; STEPS], newest: None, first: None }
    }
}

impl Acked {
    /// Takes a packet that arrived.
    pub(crate) fn add(&mut self, arrived_us: i64, bytes: u16) {
        let step = arrived_us.div_euclid(STEP_US);
        let newest = *self.newest.get_or_insert(step);
        self.first.get_or_insert(step);
        if step > newest {
            let over = (step - newest).min(STEPS as i64);
            for empty in 0..over {
                self.bytes[Self::place(step - empty)] = 0;
            }
            self.newest = Some(step);
        } else if newest - step >= STEPS as i64 {
            return;
        }
        self.bytes[Self::place(step)] += u32::from(bytes);
    }

    fn place(step: i64) -> usize {
        step.rem_euclid(STEPS as i64) as usize
    }

    /// In bit/s over the last half second; `None` in the first 200 ms.
    pub(crate) fn bps(&self) -> Option<u64> {
        self.over(LONG)
    }

    /// In bit/s over the last 200 ms.
    pub(crate) fn bps_now(&self) -> Option<u64> {
        self.over(SHORT)
    }

    fn over(&self, steps: usize) -> Option<u64> {
        let newest = self.newest?;
        let known = newest - self.first?;
        if known < SHORT as i64 {
            return None;
        }
        // The newest step is not over yet.
        let steps = (steps as i64).min(known);
        let bytes: u64 = (1..=steps).map(|back| u64::from(self.bytes[Self::place(newest - back)])).sum();
        Some(bytes * 8 * 1_000_000 / (steps * STEP_US) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_rate_of_the_last_half_second_and_of_now() {
        let mut acked = Acked::default();
        assert_eq!(acked.bps(), None);
        // 1,000 bytes each 10 ms are 800 kbit/s; then half of it.
        for n in 0..100 {
            acked.add(5_000_000 + n * 10_000, 1_000);
        }
        assert_eq!((acked.bps(), acked.bps_now()), (Some(800_000), Some(800_000)));
        for n in 100..125 {
            acked.add(5_000_000 + n * 10_000, 500);
        }
        assert_eq!(acked.bps_now(), Some(400_000));
        assert_eq!(acked.bps(), Some(608_000));
        acked.add(99_000_000, 500);
        assert_eq!(acked.bps(), Some(0), "after a long silence");
    }

    #[test]
    fn what_comes_far_too_late_is_left_out() {
        let mut acked = Acked::default();
        for n in 0..100 {
            acked.add(n * 10_000, 1_000);
        }
        acked.add(0, 60_000);
        assert_eq!(acked.bps(), Some(800_000));
    }
}
