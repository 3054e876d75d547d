//! Probes: padding for some tens of milliseconds, as fast as the path would have to carry what the viewer wants. What
//! arrives of it, and how far apart, shows whether the path does: so an unused link is found again in seconds.

/// How long a probe lasts, and at least how many bytes it has: a few packets say little where there is jitter.
const LASTS_US: i64 = 50_000;
const LASTS_MAX_US: i64 = 100_000;
const BYTES_MIN: u64 = 5_000;
/// A path that is asked for more than it carries gets a queue of half a probe; it is empty again after so long.
const SETTLES_US: i64 = 150_000;
/// What did not come back after so long will not.
const PATIENCE_US: i64 = 1_000_000;
/// Between two probes: after one that succeeded, one that got lost or whose feedback did, and the shortest and longest after one that did not.
const ON_US: i64 = 20_000;
const INCONCLUSIVE_US: i64 = 400_000;
const WAIT_MIN_US: i64 = 1_000_000;
const WAIT_MAX_US: i64 = 5_000_000;
/// After a queue, before the first probe.
const AFTER_QUEUE_US: i64 = 1_500_000;
/// How far above the estimate is asked, and above what is wanted.
const STEP: f64 = 2.0;
const ROOM: f64 = 1.15;
/// Arrived this much more slowly than it was sent: that is the path's end. It is used a little below.
const SATURATED: f64 = 0.9;
const BELOW: f64 = 0.95;
/// The part of a probe that must have arrived.
const ENOUGH: f64 = 0.5;
/// Packets after a probe that still wait behind it.
pub(crate) const TAIL: u8 = u8::MAX;

#[derive(Clone, Copy, Debug, Default)]
struct Train {
    sent_us: i64,
    bytes: u64,
    arrived_us: i64,
}

#[derive(Clone, Copy, Debug)]
struct Cluster {
    id: u8,
    bps: u64,
    lasts_us: i64,
    started_us: i64,
    sent: u64,
    /// Set when all is sent: when, and the number of the next packet.
    ended: Option<(i64, u64)>,
    first: Option<Train>,
    last: Train,
    arrived: u64,
    arrived_last_us: i64,
}

/// What a probe has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// So much arrives.
    pub(crate) bps: u64,
    /// And more would not.
    pub(crate) end: bool,
}

/// The probes of a viewer.
#[derive(Debug)]
pub(crate) struct Prober {
    cluster: Option<Cluster>,
    id: u8,
    tail_until_us: i64,
    next_us: i64,
    wait_us: i64,
}

impl Default for Prober {
    fn default() -> Self {
        Self { cluster: None, id: 0, tail_until_us: i64::MIN, next_us: 0, wait_us: WAIT_MIN_US }
    }
}

impl Prober {
    /// A queue stands or grew: no probe now.
    pub(crate) fn queue(&mut self, now_us: i64) {
        if self.cluster.is_some_and(|cluster| cluster.ended.is_none()) {
            self.cluster = None;
            self.tail_until_us = now_us + SETTLES_US;
        }
        self.next_us = self.next_us.max(now_us + AFTER_QUEUE_US);
    }

    /// Starts a probe when it is time for one and more is wanted than is known to fit.
    pub(crate) fn start(&mut self, now_us: i64, estimate: u64, wanted: u64) {
        let target = (estimate as f64 * STEP).min(wanted as f64 * ROOM) as u64;
        if self.cluster.is_some() || now_us < self.next_us || target < estimate + estimate / 20 {
            return;
        }
        self.id = self.id % (TAIL - 1) + 1;
        self.cluster = Some(Cluster {
            id: self.id,
            bps: target,
            lasts_us: ((BYTES_MIN * 8_000_000 / target.max(1)) as i64).clamp(LASTS_US, LASTS_MAX_US),
            started_us: now_us,
            sent: 0,
            ended: None,
            first: None,
            last: Train::default(),
            arrived: 0,
            arrived_last_us: 0,
        });
    }

    /// Whether padding is to be sent, now or soon.
    pub(crate) fn sending(&self) -> bool {
        self.cluster.is_some_and(|cluster| cluster.ended.is_none())
    }

    /// Bytes of padding to send now.
    pub(crate) fn bytes(&mut self, now_us: i64, next: u64) -> usize {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.ended.is_none()) else { return 0 };
        let elapsed = now_us - cluster.started_us;
        if elapsed >= cluster.lasts_us {
            cluster.ended = Some((now_us, next));
            self.tail_until_us = now_us + SETTLES_US;
            return 0;
        }
        // The first train leaves at once; so the last one is before the end.
        let due = cluster.bps * (elapsed + 5_000) as u64 / 8_000_000;
        usize::try_from(due.saturating_sub(cluster.sent)).unwrap_or(0)
    }

    /// What a packet that leaves now belongs to, for the history.
    pub(crate) fn sent(&mut self, now_us: i64, bytes: usize) -> u8 {
        match self.cluster.as_mut().filter(|cluster| cluster.ended.is_none()) {
            Some(cluster) => {
                cluster.sent += bytes as u64;
                cluster.id
            }
            None if now_us < self.tail_until_us => TAIL,
            None => 0,
        }
    }

    /// A packet of a cluster arrived.
    pub(crate) fn arrived(&mut self, id: u8, sent_us: i64, arrived_us: i64, bytes: u16) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| cluster.id == id) else { return };
        let bytes = u64::from(bytes);
        cluster.arrived += bytes;
        cluster.arrived_last_us = cluster.arrived_last_us.max(arrived_us);
        let first = cluster.first.get_or_insert(Train { sent_us, bytes: 0, arrived_us });
        if first.sent_us == sent_us {
            first.bytes += bytes;
            first.arrived_us = first.arrived_us.max(arrived_us);
        }
        if cluster.last.sent_us != sent_us {
            cluster.last = Train { sent_us, bytes: 0, arrived_us };
        }
        cluster.last.bytes += bytes;
    }

    /// What a probe has shown, once all of it that will come back has. `newest`: the newest number that arrived.
    pub(crate) fn result(&mut self, now_us: i64, newest: u64) -> Option<Shown> {
        let cluster = self.cluster?;
        let (ended_us, next) = cluster.ended?;
        if newest < next && now_us - ended_us < PATIENCE_US {
            return None;
        }
        self.cluster = None;
        let shown = measure(&cluster);
        let pause_us = match shown {
            Some(Shown { end: false, .. }) => {
                self.wait_us = WAIT_MIN_US;
                ON_US
            }
            Some(_) => {
                self.wait_us = (self.wait_us * 2).min(WAIT_MAX_US);
                self.wait_us
            }
            None => INCONCLUSIVE_US,
        };
        self.next_us = self.next_us.max(now_us + pause_us);
        shown
    }
}

fn measure(cluster: &Cluster) -> Option<Shown> {
    let first = cluster.first?;
    let (sent_us, arrived_us) = (cluster.last.sent_us - first.sent_us, cluster.arrived_last_us - first.arrived_us);
    if (cluster.arrived as f64) < cluster.sent as f64 * ENOUGH || sent_us < LASTS_US / 2 || arrived_us <= 0 {
        return None;
    }
    // A train takes no time to leave: the first one's bytes left before the sending time began, and at the other end
    // their arrival is where the time begins.
    let rate = |bytes: u64, us: i64| bytes.saturating_mul(8_000_000) / us as u64;
    let sent = rate(cluster.arrived - cluster.last.bytes, sent_us);
    let arrived = rate(cluster.arrived - first.bytes, arrived_us);
    let end = (arrived as f64) < sent as f64 * SATURATED;
    let bps = if end { (arrived as f64 * BELOW) as u64 } else { arrived.min(sent) };
    Some(Shown { bps, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends a probe over a link of this rate; what it shows.
    fn over(link: u64, estimate: u64, wanted: u64) -> Option<Shown> {
        let mut prober = Prober::default();
        prober.start(0, estimate, wanted);
        let (mut now, mut number, mut free) = (0, 1_u64, 0);
        let mut sent = Vec::new();
        while prober.sending() {
            while prober.bytes(now, number) > 0 {
                assert_eq!(prober.sent(now, 300), 1);
                free = now.max(free) + 300 * 8_000_000 / link as i64;
                sent.push((now, free + 20_000));
                number += 1;
            }
            now += 5_000;
        }
        assert_eq!(prober.sent(now, 100), TAIL, "what waits behind it");
        for (sent_us, arrived_us) in sent {
            prober.arrived(1, sent_us, arrived_us, 300);
        }
        assert_eq!(prober.result(now, number - 1), None, "not all is back");
        prober.result(now, number)
    }

    #[test]
    fn a_wide_path_is_found_and_a_narrow_one_too() {
        let wide = over(10_000_000, 1_000_000, 5_000_000).expect("shown");
        assert!(!wide.end && (1_800_000..2_200_000).contains(&wide.bps), "{wide:?}");
        let narrow = over(1_000_000, 1_000_000, 5_000_000).expect("shown");
        assert!(narrow.end && (850_000..1_000_000).contains(&narrow.bps), "{narrow:?}");
        let slow = over(300_000, 260_000, 5_000_000).expect("shown");
        assert!(slow.end && (240_000..300_000).contains(&slow.bps), "{slow:?}");
    }

    #[test]
    fn nothing_is_probed_that_nobody_wants() {
        let mut prober = Prober::default();
        prober.start(0, 1_000_000, 900_000);
        assert!(!prober.sending());
        prober.queue(0);
        prober.start(1_000_000, 1_000_000, 5_000_000);
        assert!(!prober.sending(), "a queue stood");
        prober.start(2_000_000, 1_000_000, 5_000_000);
        assert!(prober.sending());
    }

    #[test]
    fn a_probe_that_never_comes_back_is_given_up() {
        let mut prober = Prober::default();
        prober.start(0, 1_000_000, 5_000_000);
        prober.bytes(LASTS_US, 5);
        assert_eq!(prober.result(LASTS_US, 1), None);
        assert_eq!(prober.result(LASTS_US + PATIENCE_US, 1), None);
        prober.start(LASTS_US + PATIENCE_US + 1, 1_000_000, 5_000_000);
        assert!(!prober.sending(), "not at once");
        prober.start(LASTS_US + PATIENCE_US + INCONCLUSIVE_US, 1_000_000, 5_000_000);
        assert!(prober.sending(), "but soon: it has said nothing");
    }
}
