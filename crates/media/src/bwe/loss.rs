//! Loss that means congestion, told from loss that the path has anyway. A radio link loses at any rate; sending less does
//! not help there, and would cost the picture for nothing. So only what lies above the usual loss of the last seconds
//! counts as a reason to send less.

/// A figure is taken from at least so much time and so many packets.
const WINDOW_US: i64 = 300_000;
const PACKETS_MIN: u32 = 20;
/// Figures that make what is usual: three seconds.
const WINDOWS: usize = 9;
/// Windows from which on the usual is known, and the most that is believed.
const USUAL_MIN: usize = 3;
const USUAL_MAX: f64 = 0.35;
/// Loss that is trouble before the usual is known.
const UNUSUAL: f64 = 0.45;
/// Loss above the usual that is trouble.
const TROUBLE: f64 = 0.1;
/// Trouble that can only be a queue that overflows.
const OVERFLOW: f64 = 0.3;

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Nothing to be done.
    Fine,
    /// Send this part of what is sent now.
    Less(f64),
    /// Send no more than what arrives.
    Arriving,
}

/// The windows.
#[derive(Debug, Default)]
pub(crate) struct Loss {
    since: Option<i64>,
    arrived: u32,
    missing: u32,
    usual: [f64; WINDOWS],
    count: usize,
    smooth: f64,
}

impl Loss {
    /// Takes the packets of a feedback message. `late`: those that had been counted as missing before.
    pub(crate) fn add(&mut self, arrived: u32, missing: u32, late: u32) {
        self.arrived += arrived;
        self.missing = (self.missing + missing).saturating_sub(late);
    }

    /// The smoothed part of packets that get lost.
    pub(crate) fn fraction(&self) -> f64 {
        self.smooth
    }

    /// The part that gets lost whatever is sent, as far as that is known.
    pub(crate) fn usual(&self) -> f64 {
        if self.count < USUAL_MIN { 0.0 } else { self.median().min(USUAL_MAX) }
    }

    /// A verdict, when a window is full.
    pub(crate) fn verdict(&mut self, now_us: i64) -> Option<Verdict> {
        let since = *self.since.get_or_insert(now_us);
        let packets = self.arrived + self.missing;
        if now_us - since < WINDOW_US || packets < PACKETS_MIN {
            return None;
        }
        let loss = f64::from(self.missing) / f64::from(packets);
        (self.since, self.arrived, self.missing) = (Some(now_us), 0, 0);
        self.smooth = if self.count == 0 { loss } else { 0.7 * self.smooth + 0.3 * loss };
        let above = loss - self.median();
        self.usual[self.count % WINDOWS] = loss;
        self.count += 1;
        Some(match above {
            // At first it is not known what is usual: only what no line has is trouble.
            above if self.count <= USUAL_MIN && above < UNUSUAL => Verdict::Fine,
            above if above > OVERFLOW => Verdict::Arriving,
            above if above > TROUBLE => Verdict::Less(1.0 - 0.5 * above),
            _ => Verdict::Fine,
        })
    }

    fn median(&self) -> f64 {
        let mut sorted = self.usual;
        let known = &mut sorted[..self.count.min(WINDOWS)];
        known.sort_unstable_by(f64::total_cmp);
        known.get(known.len() / 2).copied().unwrap_or(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(loss: &mut Loss, from: i64, windows: i64, missing: u32) -> Vec<Verdict> {
        (0..windows)
            .filter_map(|n| {
                loss.add(100 - missing, missing, 0);
                loss.verdict((from + n) * WINDOW_US)
            })
            .collect()
    }

    #[test]
    fn loss_that_appears_is_trouble_until_it_is_usual() {
        let mut loss = Loss::default();
        assert!(verdicts(&mut loss, 0, 20, 1).iter().all(|verdict| *verdict == Verdict::Fine));
        let after = verdicts(&mut loss, 20, 12, 20);
        assert!(matches!(after[0], Verdict::Less(part) if (0.88..0.93).contains(&part)), "{after:?}");
        assert_eq!(after[11], Verdict::Fine, "less did not help: the path is so");
        assert!((loss.fraction() - 0.2).abs() < 0.01);
        assert_eq!(verdicts(&mut loss, 40, 1, 70), [Verdict::Arriving]);
    }

    #[test]
    fn what_came_late_was_not_lost() {
        let mut loss = Loss::default();
        loss.verdict(0);
        loss.add(50, 50, 0);
        loss.add(50, 0, 50);
        assert_eq!(loss.verdict(WINDOW_US), Some(Verdict::Fine));
        assert!(loss.fraction() < 0.001);
    }
}
