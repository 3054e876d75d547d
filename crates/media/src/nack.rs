//! What arrived of a publisher's stream and what is missing: extended sequence numbers, one delivery of each packet,
//! when to ask again for the missing ones (RFC 4585, clause 6.2.1), and the figures for receiver reports
//! (RFC 3550, clause 6.4.1 and appendix A.3, A.8). Owned by a layer; told the time.

use std::time::{Duration, Instant};

/// How far back a packet may come and still be taken.
const WINDOW: u64 = 1_024;
const WORDS: usize = (WINDOW / 64) as usize;
/// Missing packets that are asked for at once; more is a broken path, where a key frame helps and NACKs do not.
const MISSING_MAX: usize = 256;
/// Time for a reordered packet to come by itself.
const PATIENCE: Duration = Duration::from_millis(10);
/// Between two requests for the same packet: a round trip and a little, as the answers tell it.
const AGAIN: Duration = Duration::from_millis(80);
const AGAIN_MIN: Duration = Duration::from_millis(30);
const AGAIN_MAX: Duration = Duration::from_millis(300);
const TRIES_MAX: u8 = 8;

#[derive(Clone, Copy, Debug)]
struct Missing {
    sequence: u64,
    due: Instant,
    asked: Instant,
    tries: u8,
}

/// One stream's arrivals.
#[derive(Debug)]
pub(crate) struct Arrivals {
    highest: Option<u64>,
    first: u64,
    seen: [u64; WORDS],
    missing: Vec<Missing>,
    again: Duration,
    received: u64,
    /// Interarrival jitter in timestamp units, times 16.
    jitter: u64,
    transit: Option<i64>,
    reported: (u64, u64),
}

/// The figures of a report block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Figures {
    pub(crate) highest: u32,
    pub(crate) fraction_lost: u8,
    pub(crate) total_lost: u32,
    pub(crate) jitter: u32,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self {
            highest: None,
            first: 0,
            seen: [0; WORDS],
            missing: Vec::with_capacity(MISSING_MAX),
            again: AGAIN,
            received: 0,
            jitter: 0,
            transit: None,
            reported: (0, 0),
        }
    }
}

impl Arrivals {
    fn bit(sequence: u64) -> (usize, u64) {
        ((sequence % WINDOW / 64) as usize, 1 << (sequence % 64))
    }

    /// Takes note of a packet. `None`: it came before or is too old, drop it. `wanted`: whether gaps shall be filled.
    pub(crate) fn arrive(&mut self, now: Instant, sequence: u16, wanted: bool) -> Option<u64> {
        let Some(highest) = self.highest else {
            // Room below, so that what was reordered at the start is no negative number.
            let extended = u64::from(sequence) + 65_536;
            (self.highest, self.first) = (Some(extended), extended);
            let (word, bit) = Self::bit(extended);
            self.seen[word] |= bit;
            self.received = 1;
            return Some(extended);
        };
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let extended = highest.checked_add_signed(step)?;
        if step > 0 {
            if step as u64 >= WINDOW {
                self.seen = [0; WORDS];
                self.missing.clear();
            } else {
                for gap in highest + 1..extended {
                    let (word, bit) = Self::bit(gap);
                    self.seen[word] &= !bit;
                    if wanted && self.missing.len() < MISSING_MAX {
                        self.missing.push(Missing { sequence: gap, due: now + PATIENCE, asked: now, tries: 0 });
                    }
                }
            }
            self.highest = Some(extended);
        } else {
            let (word, bit) = Self::bit(extended);
            if highest - extended >= WINDOW || self.seen[word] & bit != 0 {
                return None;
            }
            if let Some(place) = self.missing.iter().position(|missing| missing.sequence == extended) {
                let found = self.missing.remove(place);
                self.answered(now, &found);
            }
        }
        let (word, bit) = Self::bit(extended);
        self.seen[word] |= bit;
        self.received += 1;
        Some(extended)
    }

    /// Feeds the jitter estimate: when a packet came and its timestamp, both in units of the media clock.
    pub(crate) fn timing(&mut self, arrived: i64, timestamp: u32) {
        let transit = arrived.wrapping_sub(i64::from(timestamp));
        if let Some(former) = self.transit.replace(transit) {
            // Both clocks wrap at 32 bit in this difference.
            let distance = u64::from((transit.wrapping_sub(former) as i32).unsigned_abs());
            self.jitter += distance.min(1 << 20);
            self.jitter -= (self.jitter + 8) >> 4;
        }
    }

    /// Learns the round trip from what came after one request: after two it is not known to which.
    fn answered(&mut self, now: Instant, missing: &Missing) {
        if missing.tries == 1 {
            let trip = now.saturating_duration_since(missing.asked);
            self.again = ((self.again * 7 + trip * 3 / 2) / 8).clamp(AGAIN_MIN, AGAIN_MAX);
        }
    }

    /// Whether anything is being asked for.
    pub(crate) fn incomplete(&self) -> bool {
        !self.missing.is_empty()
    }

    /// Forgets gaps before a key frame: nobody needs them any more.
    pub(crate) fn forget_before(&mut self, sequence: u64) {
        self.missing.retain(|missing| missing.sequence >= sequence);
    }

    /// Appends the sequence numbers to ask for now. True when some were given up: a key frame is needed.
    pub(crate) fn ask(&mut self, now: Instant, out: &mut Vec<u16>) -> bool {
        let before = self.missing.len();
        let again = self.again;
        self.missing.retain(|missing| missing.tries < TRIES_MAX || now < missing.due);
        for missing in &mut self.missing {
            if now >= missing.due {
                missing.tries += 1;
                (missing.asked, missing.due) = (now, now + again);
                out.push(missing.sequence as u16);
            }
        }
        before != self.missing.len()
    }

    /// How many packets should have come and how many did, since the beginning.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.highest.map_or(0, |highest| highest + 1 - self.first), self.received)
    }

    /// The figures for the next report; the lost fraction counts from the report before.
    pub(crate) fn figures(&mut self) -> Option<Figures> {
        let highest = self.highest?;
        let expected = highest + 1 - self.first;
        let (expected_before, received_before) = self.reported;
        let (expected_now, received_now) = (expected - expected_before, self.received - received_before);
        self.reported = (expected, self.received);
        let lost = expected_now.saturating_sub(received_now);
        let fraction = (lost * 256).checked_div(expected_now).unwrap_or(0).min(255);
        Some(Figures {
            highest: (highest - 65_536) as u32,
            fraction_lost: fraction as u8,
            total_lost: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            jitter: (self.jitter >> 4) as u32,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_packet_is_taken_once_over_the_wrap() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        let first = arrivals.arrive(now, 65_534, true).expect("first");
        assert_eq!(arrivals.arrive(now, 1, true), Some(first + 3));
        assert_eq!(arrivals.arrive(now, 65_535, true), Some(first + 1));
        assert_eq!(arrivals.arrive(now, 65_535, true), None);
        let mut asked = Vec::new();
        assert!(!arrivals.ask(now, &mut asked));
        assert!(asked.is_empty(), "a reordered packet gets its time");
        arrivals.ask(now + PATIENCE, &mut asked);
        assert_eq!(asked, [0]);
        arrivals.ask(now + PATIENCE, &mut asked);
        assert_eq!(asked, [0], "not asked twice at once");
        assert_eq!(arrivals.arrive(now, 0, true), Some(first + 2));
        assert!(!arrivals.incomplete());
    }

    #[test]
    fn asks_again_after_about_a_round_trip() {
        let start = Instant::now();
        let again = |trip: u64| {
            let mut arrivals = Arrivals::default();
            let mut now = start;
            let mut asked = Vec::new();
            for gap in 0..60_u16 {
                arrivals.arrive(now, gap * 2, true);
                now += PATIENCE;
                arrivals.ask(now, &mut asked);
                now += Duration::from_millis(trip);
                arrivals.arrive(now, (gap * 2).wrapping_sub(1), true);
            }
            arrivals.again.as_millis()
        };
        assert_eq!([again(4), again(60), again(900)].map(|ms| ms / 10), [3, 8, 30]);
    }

    #[test]
    fn what_never_comes_is_given_up() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        arrivals.arrive(now, 1, true);
        arrivals.arrive(now, 3, true);
        let mut asked = Vec::new();
        let gave_up = (0..100).any(|step| arrivals.ask(now + Duration::from_millis(20) * step, &mut asked));
        assert!(gave_up && !arrivals.incomplete());
        assert_eq!(asked.len(), usize::from(TRIES_MAX));
    }

    #[test]
    fn figures_count_loss_since_the_last_report() {
        let now = Instant::now();
        let mut arrivals = Arrivals::default();
        for sequence in (0..100).filter(|sequence| sequence % 4 != 1) {
            arrivals.arrive(now, sequence, false);
        }
        let figures = arrivals.figures().expect("some");
        assert_eq!((figures.fraction_lost, figures.total_lost, figures.highest), (64, 25, 99));
        arrivals.arrive(now, 100, false);
        assert_eq!(arrivals.figures().expect("some").fraction_lost, 0);
    }

    proptest! {
        /// Whatever comes, no packet is taken twice.
        #[test]
        fn never_twice(sequences in proptest::collection::vec(any::<u16>(), 1..400)) {
            let now = Instant::now();
            let mut arrivals = Arrivals::default();
            let mut taken = std::collections::HashSet::new();
            for sequence in sequences {
                if let Some(extended) = arrivals.arrive(now, sequence, true) {
                    prop_assert!(taken.insert(extended));
                    prop_assert_eq!(extended as u16, sequence);
                }
                let _ = arrivals.figures();
            }
        }
    }
}
