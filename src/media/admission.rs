//! How much this server can forward, and whether it takes further pictures: measured each second by the worker, so that
//! further video is refused before anybody's sound or picture suffers (S-19, O-10). Sound is never refused here.
//!
//! The limit in packets is what a share of one core carries at the cost per packet that was measured here; the limit in
//! bits is a share of what the network card says. The settings may name other limits.

use media::engine::Counters;
use metrics::{Gauge, describe_gauge, gauge};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How much of a core forwarding may take: beyond it, bursts would have to wait.
const CORE_SHARE: f64 = 0.75;
/// How much of the network card: TLS, pads and files use the rest.
const CARD_SHARE: f64 = 0.8;
/// What a packet is taken to cost until it was measured, and what a measurement can say at most and at least.
const COST_NS: f64 = 2_500.0;
const COST_NS_RANGE: (f64, f64) = (300.0, 50_000.0);
/// From so many packets in a second on, a measurement says something about packets.
const PACKETS_MEASURED_MIN: u64 = 1_000;
/// Full from this load on, and again open when it was below that one for so many looks.
const FULL_AT: f64 = 1.0;
const OPEN_BELOW: f64 = 0.85;
const LOOKS_TO_OPEN: u8 = 5;

/// What the settings say; 0: found out by ourselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Forwarded packets in a second.
    pub packets_per_second: u64,
    /// Sent bits in a second.
    pub egress_bps: u64,
}

/// What was counted until a moment.
#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Instant,
    packets: u64,
    bytes: u64,
    /// Run time of the worker's thread; `None` where the system does not tell.
    cpu_ns: Option<u64>,
}

/// The judge. Owned by the worker's thread.
pub struct Admission {
    limits: Limits,
    card_bps: Option<u64>,
    full: watch::Sender<bool>,
    last: Option<Sample>,
    cost_ns: f64,
    calm: u8,
    load: Gauge,
    full_gauge: Gauge,
}

impl Admission {
    /// A judge, and where its verdict can be read: true means that no further picture is taken.
    #[must_use]
    pub fn new(limits: Limits, card_bps: Option<u64>) -> (Self, watch::Receiver<bool>) {
        describe_gauge!("media_load_ratio", "Load of forwarding; at 1 further pictures are refused");
        describe_gauge!("media_video_full", "1 while further pictures are refused");
        let (full, reader) = watch::channel(false);
        let (load, full_gauge) = (gauge!("media_load_ratio"), gauge!("media_video_full"));
        (Self { limits, card_bps, full, last: None, cost_ns: COST_NS, calm: 0, load, full_gauge }, reader)
    }

    /// Takes what was counted so far; looks once a second. To be called on the worker's thread.
    pub fn look(&mut self, now: Instant, counters: &Counters) {
        if self.last.is_some_and(|last| now.saturating_duration_since(last.at) < LOOK_EVERY) {
            return;
        }
        let (packets, bytes) = (counters.packets, counters.bytes);
        self.judge(Sample { at: now, packets, bytes, cpu_ns: thread_run_time_ns() });
    }

    fn judge(&mut self, sample: Sample) {
        let Some(last) = self.last.replace(sample) else { return };
        let seconds = sample.at.saturating_duration_since(last.at).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let packets = sample.packets.saturating_sub(last.packets);
        if let (Some(now), Some(before)) = (sample.cpu_ns, last.cpu_ns)
            && packets >= PACKETS_MEASURED_MIN
        {
            let measured = (now.saturating_sub(before) as f64 / packets as f64).clamp(COST_NS_RANGE.0, COST_NS_RANGE.1);
            self.cost_ns += (measured - self.cost_ns) / 4.0;
        }
        let packets_limit = match self.limits.packets_per_second {
            0 => CORE_SHARE * 1e9 / self.cost_ns,
            limit => limit as f64,
        };
        let egress_limit = match self.limits.egress_bps {
            0 => self.card_bps.map(|bps| bps as f64 * CARD_SHARE),
            limit => Some(limit as f64),
        };
        let egress = sample.bytes.saturating_sub(last.bytes) as f64 * 8.0 / seconds;
        let load = (packets as f64 / seconds / packets_limit).max(egress_limit.map_or(0.0, |limit| egress / limit));
        self.load.set(load);
        self.calm = if load < OPEN_BELOW { self.calm.saturating_add(1) } else { 0 };
        let was_full = *self.full.borrow();
        let is_full = load >= FULL_AT || was_full && self.calm < LOOKS_TO_OPEN;
        if is_full != was_full {
            tracing::warn!(is_full, load, "further pictures are refused while the server is full");
            self.full.send_replace(is_full);
            self.full_gauge.set(if is_full { 1.0 } else { 0.0 });
        }
    }
}

/// How long this thread has run (first figure of schedstat).
fn thread_run_time_ns() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_ascii_whitespace().next()?.parse().ok()
}

/// What the fastest network card says that it carries, in bit/s; `None` where none says anything (many virtual ones).
#[must_use]
pub fn card_bps() -> Option<u64> {
    let cards = std::fs::read_dir("/sys/class/net").ok()?;
    let speed = |card: std::fs::DirEntry| -> Option<u64> {
        // In Mbit/s; -1 or an error: unknown.
        let text = std::fs::read_to_string(card.path().join("speed")).ok()?;
        text.trim().parse::<u64>().ok().filter(|mbps| *mbps > 0)
    };
    cards.filter_map(Result::ok).filter_map(speed).max().map(|mbps| mbps * 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs `seconds` of so many packets (1,000 bytes each, so much time each) past it.
    fn pass(admission: &mut Admission, seconds: u64, packets: u64, cost_ns: u64) {
        for _ in 0..seconds {
            let last = admission.last.expect("begun");
            admission.judge(Sample {
                at: last.at + Duration::from_secs(1),
                packets: last.packets + packets,
                bytes: last.bytes + packets * 1_000,
                cpu_ns: last.cpu_ns.map(|ns| ns + packets * cost_ns),
            });
        }
    }

    fn begun(limits: Limits, card_bps: Option<u64>) -> (Admission, watch::Receiver<bool>) {
        let (mut admission, full) = Admission::new(limits, card_bps);
        admission.judge(Sample { at: Instant::now(), packets: 0, bytes: 0, cpu_ns: Some(0) });
        (admission, full)
    }

    #[test]
    fn the_measured_cost_makes_the_limit() {
        let (mut admission, full) = begun(Limits::default(), None);
        pass(&mut admission, 20, 100_000, 2_000);
        assert!(!*full.borrow(), "a fifth of a core");
        pass(&mut admission, 20, 100_000, 10_000);
        assert!(*full.borrow(), "a whole core");
    }

    #[test]
    fn it_opens_after_some_calm_seconds_only() {
        let (mut admission, full) = begun(Limits { packets_per_second: 1_000, egress_bps: 0 }, None);
        pass(&mut admission, 1, 999, 1_000);
        assert!(!*full.borrow());
        pass(&mut admission, 1, 1_000, 1_000);
        assert!(*full.borrow());
        pass(&mut admission, 10, 900, 1_000);
        assert!(*full.borrow(), "too near");
        pass(&mut admission, 4, 800, 1_000);
        assert!(*full.borrow(), "not long enough");
        pass(&mut admission, 1, 800, 1_000);
        assert!(!*full.borrow());
    }

    #[test]
    fn the_line_is_a_limit_too() {
        let (mut admission, full) = begun(Limits::default(), Some(100_000_000));
        pass(&mut admission, 3, 9_000, 1_000);
        assert!(!*full.borrow(), "72 of 80 Mbit/s");
        pass(&mut admission, 1, 10_000, 1_000);
        assert!(*full.borrow());
        let (mut admission, full) = begun(Limits { packets_per_second: 0, egress_bps: 1_000_000 }, Some(100_000_000));
        pass(&mut admission, 1, 126, 1_000);
        assert!(*full.borrow(), "the settings stand above the card");
    }
}
