//! The queue in the path: how much longer packets take now than at best, and how long it takes until a queue that stands
//! has emptied. What is behind such a queue comes late whatever it is, so pictures wait until it is gone and sound does
//! not (PRODUCT M6).

/// The best delay counts for one to two of these; clocks drift a millisecond or so in that time.
const GENERATION_US: i64 = 10_000_000;
/// A queue is what all packets of this last part of a feedback had to wait.
const RECENT_US: i64 = 40_000;
const RECENT_MIN: usize = 3;
/// A packet that had to wait so long came out of a queue; so many of them, over so much time, tell the path's rate.
const WAITED_US: i64 = 15_000;
const RUN_MIN: u32 = 3;
const RUN_MIN_US: i64 = 20_000;
const RUN_MAX_US: i64 = 400_000;
/// Two clocks that run alike differ by no more than this in what they say of one queue.
const STEP_US: i64 = 20_000;
/// Longer than this nothing is made to wait by one queue.
const DRAIN_MAX_US: i64 = 1_500_000;

/// Delays of one way, on clocks of which only differences mean anything.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    best: Option<i64>,
    best_before: Option<i64>,
    since: i64,
    queue_us: i64,
    busy: Option<Busy>,
}

/// Packets that came one behind the other out of a queue.
#[derive(Clone, Copy, Debug)]
struct Busy {
    first_us: i64,
    last_us: i64,
    /// All bytes that were sent up to the first one's and the last one's end, and those between that are missing.
    first_total: u64,
    last_total: u64,
    missing: u64,
    count: u32,
}

impl Backlog {
    /// Takes the packets of a feedback message that arrived: when each left and arrived. True: the viewer's clock made a
    /// step, so that nothing of what was known of it counts any more.
    pub(crate) fn packets(&mut self, now_us: i64, packets: impl Iterator<Item = (i64, i64)> + Clone) -> bool {
        if now_us - self.since >= GENERATION_US {
            (self.best_before, self.best, self.since) = (self.best, None, now_us);
        }
        let Some((newest, sent)) = packets.clone().map(|(sent, arrived)| (arrived, sent)).max() else { return false };
        let least = |from: i64| {
            let recent = packets.clone().filter(|(_, arrived)| *arrived >= from).map(|(sent, arrived)| arrived - sent);
            (recent.clone().count(), recent.min())
        };
        let (_, Some(all)) = least(i64::MIN) else { return false };
        self.best = Some(self.best.map_or(all, |best| best.min(all)));
        let best = all.min(self.best_before.unwrap_or(i64::MAX)).min(self.best.unwrap_or(i64::MAX));
        let (count, recent) = least(newest - RECENT_US);
        let recent = if count >= RECENT_MIN { recent.unwrap_or(all) } else { all };
        self.queue_us = recent - best;
        // A packet of which we know already has waited no longer than since it left.
        let stepped = self.queue_us > now_us - sent + STEP_US;
        if stepped {
            *self = Self { best: Some(all), since: now_us, ..Self::default() };
        }
        stepped
    }

    /// Takes a packet that arrived, in the order of sending: a queue that stands is a run of packets that waited.
    /// `total`: all bytes that were sent up to its end; what nobody told of, because feedback got lost, counts.
    pub(crate) fn packet(&mut self, sent_us: i64, arrived_us: i64, total: u64) {
        let best = self.best.unwrap_or(i64::MAX).min(self.best_before.unwrap_or(i64::MAX));
        let waited = (arrived_us - sent_us).saturating_sub(best);
        self.busy = match self.busy {
            _ if best == i64::MAX || waited < WAITED_US => None,
            Some(busy) if arrived_us - busy.first_us < RUN_MAX_US => Some(Busy {
                last_us: busy.last_us.max(arrived_us),
                last_total: busy.last_total.max(total),
                count: busy.count + 1,
                ..busy
            }),
            _ => Some(Busy {
                first_us: arrived_us,
                last_us: arrived_us,
                first_total: total,
                last_total: total,
                missing: 0,
                count: 1,
            }),
        };
    }

    /// Takes a packet that is missing.
    pub(crate) fn missing(&mut self, total: u64, bytes: u16) {
        if let Some(busy) = &mut self.busy
            && total > busy.first_total
            && total < busy.last_total
        {
            busy.missing += u64::from(bytes);
        }
    }

    /// The queue is gone.
    pub(crate) fn forget_run(&mut self) {
        self.busy = None;
    }

    /// What the path carries, in bit/s, while a queue stands in it; `None`: none stands, or not for long enough.
    pub(crate) fn carried(&self) -> Option<u64> {
        let busy = self.busy.filter(|busy| busy.count >= RUN_MIN && busy.last_us - busy.first_us >= RUN_MIN_US)?;
        let bytes = (busy.last_total - busy.first_total).saturating_sub(busy.missing);
        Some(bytes * 8_000_000 / (busy.last_us - busy.first_us).max(1) as u64)
    }

    /// What the newest packets had to wait, in microseconds.
    pub(crate) fn queue_us(&self) -> i64 {
        self.queue_us
    }
}

/// How long a queue takes to empty, in microseconds from now. `in_flight`: bytes sent after the newest packet that
/// arrived; `since_us`: for how long the path has been working on those; `bps`: what it carries.
pub(crate) fn drain_us(in_flight: u64, since_us: i64, bps: u64) -> i64 {
    let all = in_flight.saturating_mul(8_000_000) / bps.max(1);
    (i64::try_from(all).unwrap_or(DRAIN_MAX_US) - since_us.max(0)).clamp(0, DRAIN_MAX_US)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_what_all_wait_and_jitter_is_not() {
        let mut backlog = Backlog::default();
        let feedback = |from: i64, delay: fn(i64) -> i64| (0..20).map(move |n| (from + n * 5_000, delay(n)));
        let arrived = |(sent, delay): (i64, i64)| (sent, sent + 7_000_000 + delay);
        let mut told = |from: i64, delay| {
            assert!(!backlog.packets(from + 300_000, feedback(from, delay).map(arrived)), "clocks run on");
            backlog.queue_us()
        };
        assert_eq!(told(0, |_| 20_000), 0);
        assert_eq!(told(100_000, |n| 20_000 + n % 2 * 20_000), 0, "jitter");
        let queue = told(200_000, |n| 20_000 + n * 7_500);
        assert!(queue >= 90_000, "{queue}");
        for n in 3..300 {
            told(n * 100_000, |_| 50_000);
        }
        assert_eq!(told(30_000_000, |_| 50_000), 0, "the path has become longer");
    }

    #[test]
    fn a_wait_longer_than_the_round_trip_is_a_clock_that_was_set() {
        let mut backlog = Backlog::default();
        let mut told = |from: i64, delay: i64| {
            let stepped =
                backlog.packets(from + 150_000, (0..20).map(|n| (from + n * 5_000, from + n * 5_000 + delay)));
            (stepped, backlog.queue_us())
        };
        assert_eq!(told(0, 20_000), (false, 0));
        assert_eq!(told(100_000, 70_000), (false, 50_000), "a queue");
        assert_eq!(told(200_000, 8_620_000), (true, 0), "nobody can know already that it waited for so long");
        assert_eq!(told(300_000, 8_620_000), (false, 0));
        assert_eq!(told(400_000, 8_660_000), (false, 40_000), "a queue, from the new beginning");
        assert_eq!(told(500_000, -3_000_000), (false, 0), "back");
    }

    #[test]
    fn packets_out_of_a_queue_tell_what_the_path_carries() {
        let mut backlog = Backlog::default();
        backlog.packets(0, [(0, 20_000)].into_iter());
        // Sent all at once, 1,000 bytes each 10 ms come out.
        for n in 0..10 {
            backlog.packet(0, 20_000 + n * 10_000, (n as u64 + 1) * 1_000);
            assert_eq!(backlog.carried(), (n >= 4).then_some(800_000), "{n}");
        }
        backlog.missing(9_500, 500);
        assert_eq!(backlog.carried(), Some(742_857), "it did not come out");
        backlog.packet(200_000, 221_000, 11_000);
        assert_eq!(backlog.carried(), None, "the queue is gone");
    }

    #[test]
    fn a_queue_empties_at_the_rate_of_the_path() {
        assert_eq!(drain_us(25_000, 0, 1_000_000), 200_000);
        assert_eq!(drain_us(25_000, 150_000, 1_000_000), 50_000);
        assert_eq!(drain_us(25_000, 900_000, 1_000_000), 0);
        assert_eq!(drain_us(u64::MAX, 0, 0), DRAIN_MAX_US);
    }
}
