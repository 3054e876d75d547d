//! What a viewer's path carries, estimated where it is sent (transport-wide feedback): pure stages, each in a file of its
//! own, told the time in microseconds. Used by connections; sees no packets, only their numbers, times and sizes.
//!
//! Sent numbers are kept in [`history`]; [`feedback`] is read and gives arrivals. From these: groups and their delays
//! ([`groups`]), a growing queue ([`trend`]), a standing queue ([`backlog`]), loss that means congestion ([`loss`]), what
//! arrives ([`acked`]). [`rate`] goes up and down by them; [`probe`] shows what an unused path would carry.

mod acked;
mod backlog;
mod feedback;
mod groups;
mod history;
mod loss;
mod probe;
mod rate;
mod trend;

pub(crate) use feedback::Feedback;

use acked::Acked;
use backlog::Backlog;
use feedback::Reference;
use groups::Groups;
use history::{History, News, Sent};
use loss::{Loss, Verdict};
use probe::Prober;
use rate::{Growth, Rate};
use std::time::{Duration, Instant};
use trend::{Trend, Usage};

/// A queue as long as this is emptied at once: sound behind it would be late.
const QUEUE_MAX_US: i64 = 80_000;
/// At overuse a queue as long as this is emptied too.
const QUEUE_SOME_US: i64 = 30_000;
/// A queue that stands for longer has another reason.
const DRAINING_MAX_US: i64 = 2_000_000;
/// What remains of the rate at least when it is not clear what the path carries.
const BELIEVED: f64 = 0.75;
/// What remains of what arrives when a queue stands.
const STANDING: f64 = 0.9;
/// Before feedback has come the estimate is a guess; a viewer that sends none for so long has none to give.
const SILENT_AT_FIRST: Duration = Duration::from_millis(1_500);
/// A viewer that gave feedback and is silent for so long while packets are on their way: nothing gets through.
const SILENT_US: i64 = 600_000;
/// What remains of the rate then.
const SILENT_PART: u64 = 8;
/// On a path that carries more than this a burst is short enough for the sound behind it.
const NARROW: u64 = 1_500_000;
/// Round-trip time before one is known.
const RTT_US: i64 = 100_000;
/// Arrivals of one feedback that are looked at.
const ARRIVALS_MAX: usize = 512;
/// Bytes of UDP and IP around each datagram, which the path carries too.
const PACKET_OVERHEAD: usize = 28;

/// The estimate of one viewer's path.
#[derive(Debug)]
pub(crate) struct Estimator {
    start: Instant,
    history: History,
    reference: Reference,
    groups: Groups,
    trend: Trend,
    acked: Acked,
    loss: Loss,
    backlog: Backlog,
    rate: Rate,
    prober: Prober,
    arrivals: Vec<(Sent, i64)>,
    missing: Vec<Sent>,
    /// When the first packet left, and feedback came.
    first_sent: Option<i64>,
    fed_at: Option<i64>,
    /// Pictures wait until then for a queue to empty.
    drained_at: i64,
    /// Since when a queue is being emptied.
    draining: Option<i64>,
    /// What left before has been judged.
    judged: i64,
    rtt_us: Option<i64>,
    can_probe: bool,
}

impl Estimator {
    pub(crate) fn new(start: Instant) -> Self {
        Self {
            start,
            history: History::new(),
            reference: Reference::default(),
            groups: Groups::default(),
            trend: Trend::default(),
            acked: Acked::default(),
            loss: Loss::default(),
            backlog: Backlog::default(),
            rate: Rate::default(),
            prober: Prober::default(),
            arrivals: Vec::with_capacity(ARRIVALS_MAX),
            missing: Vec::with_capacity(ARRIVALS_MAX),
            first_sent: None,
            fed_at: None,
            drained_at: i64::MIN,
            draining: None,
            judged: i64::MIN,
            rtt_us: None,
            can_probe: false,
        }
    }

    fn us(&self, now: Instant) -> i64 {
        now.saturating_duration_since(self.start).as_micros() as i64
    }

    /// The transport-wide number of a datagram that leaves now.
    pub(crate) fn sent(&mut self, now: Instant, bytes: usize) -> u16 {
        let (now_us, bytes) = (self.us(now), bytes + PACKET_OVERHEAD);
        self.first_sent.get_or_insert(now_us);
        let cluster = self.prober.sent(now_us, bytes);
        self.history.send(now_us, bytes, cluster)
    }

    /// The estimate in bit/s of all that the path carries; `None`: the viewer tells nothing.
    pub(crate) fn bps(&self, now: Instant) -> Option<u64> {
        let guess = || {
            let first = self.first_sent.unwrap_or(i64::MAX);
            self.us(now).saturating_sub(first) < SILENT_AT_FIRST.as_micros() as i64
        };
        (self.fed_at.is_some() || guess()).then(|| self.rate.bps())
    }

    /// The rate at which pictures leave now; 0: they wait until a queue is empty. `None`: as they come.
    pub(crate) fn pace(&self, now: Instant) -> Option<u64> {
        let bps = self.bps(now)?;
        let now_us = self.us(now);
        if now_us < self.drained_at {
            return Some(0);
        }
        let silent = self.fed_at.is_some_and(|at| now_us - at > SILENT_US + self.rtt_us.unwrap_or(RTT_US))
            && self.history.in_flight() * 8 > bps / 2;
        // A little more than the estimate, so that a queue of ours empties; on a wide path more, since pictures come in
        // bursts (a page that is turned on a shared screen) and sound behind one does not wait for long there.
        Some(if silent { bps / SILENT_PART } else { bps + bps / 5 + bps.saturating_sub(NARROW) })
    }

    /// The part of packets that get lost.
    pub(crate) fn loss(&self) -> f64 {
        self.loss.fraction()
    }

    /// The round-trip time, where it is known.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt_us.map(|us| Duration::from_micros(us.max(0) as u64))
    }

    /// Starts a probe when it is time. `wanted`: what would be sent if the path carried all; `can`: there is a stream
    /// for padding.
    pub(crate) fn tick(&mut self, now: Instant, wanted: u64, can: bool) {
        self.can_probe = can;
        let now_us = self.us(now);
        if can && self.fed_at.is_some() && now_us >= self.drained_at {
            self.prober.start(now_us, self.rate.bps(), wanted);
        }
    }

    /// Whether padding is to be sent, now or soon.
    pub(crate) fn probing(&self) -> bool {
        self.prober.sending()
    }

    /// Bytes of padding to send now.
    pub(crate) fn padding(&mut self, now: Instant) -> usize {
        let now_us = self.us(now);
        self.prober.bytes(now_us, self.history.next())
    }

    /// Takes a feedback message. True: there is less to spend.
    pub(crate) fn feedback(&mut self, now: Instant, message: &Feedback<'_>) -> bool {
        let now_us = self.us(now);
        let reference = self.reference.us(message.reference());
        let mut late = 0;
        let (history, arrivals, missing) = (&mut self.history, &mut self.arrivals, &mut self.missing);
        arrivals.clear();
        missing.clear();
        message.each(|number, at| match history.report(number, at.is_some()) {
            Some(News::Missing(sent)) if missing.len() < ARRIVALS_MAX => missing.push(sent),
            Some(News::Missing(_)) => {}
            Some(News::Arrived { sent, late: was_missing }) => {
                late += u32::from(was_missing);
                if let Some(at) = at.filter(|_| arrivals.len() < ARRIVALS_MAX) {
                    arrivals.push((sent, reference + at));
                }
            }
            None => {}
        });
        self.loss.add(self.arrivals.len() as u32, self.missing.len() as u32, late);
        if self.arrivals.is_empty() {
            return false;
        }
        self.fed_at = Some(now_us);
        let usual = self.arrivals.iter().filter(|(sent, _)| sent.cluster == 0);
        if self.backlog.packets(now_us, usual.map(|(sent, arrived)| (sent.at_us, *arrived))) {
            (self.groups, self.acked, self.draining) = (Groups::default(), Acked::default(), None);
            self.trend.restart();
        }
        for (sent, arrived) in &self.arrivals {
            self.acked.add(*arrived, sent.bytes);
            if sent.cluster != 0 {
                self.prober.arrived(sent.cluster, sent.at_us, *arrived, sent.bytes);
            } else if let Some(delta) = self.groups.packet(sent.at_us, *arrived) {
                self.trend.group(delta);
            }
        }
        // While a queue is being emptied only sound is sent: that tells nothing of what the path carries.
        let full = self.draining.unwrap_or(i64::MAX);
        for (sent, arrived) in self.arrivals.iter().filter(|(sent, _)| sent.at_us <= full) {
            self.backlog.packet(sent.at_us, *arrived, sent.total);
        }
        for sent in &self.missing {
            self.backlog.missing(sent.total, sent.bytes);
        }
        self.judge(now_us)
    }

    fn judge(&mut self, now_us: i64) -> bool {
        let Some((number, newest)) = self.history.newest() else { return false };
        let trip = now_us - newest.at_us - self.backlog.queue_us();
        // The least of late: what lies above it is the time that feedback waits for company.
        self.rtt_us = Some(self.rtt_us.map_or(trip, |rtt| if trip < rtt { trip } else { rtt + (trip - rtt) / 64 }));
        let verdict = self.loss.verdict(now_us);
        if let Some(shown) = self.prober.result(now_us, number) {
            self.rate.shown(self.whole(shown.bps));
        }
        let (Some(acked), Some(arriving)) = (self.acked.bps(), self.acked.bps_now()) else { return false };
        let before = self.rate.bps();
        // One queue is judged once: by packets that left after it was last dealt with.
        let fresh = newest.cluster == 0 && newest.at_us > self.judged;
        let queue = self.backlog.queue_us();
        // Without a queue a growing delay is a burst: no reason to go down, but none to go up.
        let usage = match self.trend.usage() {
            _ if !fresh => Usage::Normal,
            Usage::Over if queue < QUEUE_SOME_US => Usage::Under,
            usage => usage,
        };
        let growth = match (fresh && matches!(verdict, Some(Verdict::Fine) | None), self.can_probe) {
            (false, _) => Growth::No,
            (true, true) => Growth::Used,
            (true, false) => Growth::Any,
        };
        // While a queue stands, what arrives is what the path carries. Without a clear sight of one less may have been
        // sent than that, so what arrives is believed only so far.
        let behind = self.backlog.carried().map(|bps| self.whole(bps));
        let believed = (before as f64 * BELIEVED) as u64;
        let arriving = behind.unwrap_or(self.whole(arriving).max(believed));
        let usual_acked = self.whole(acked);
        let acked = behind.unwrap_or(if usage == Usage::Over { usual_acked.max(believed) } else { usual_acked });
        // What the queue has grown to since: feedback is old news when much was sent after it.
        let standing = behind.map_or(0, |bps| self.drain_us(now_us, newest, bps));
        if let Some(since) = self.draining {
            // The first look at a queue is a guess; sound goes on and tells how it stands.
            if queue < QUEUE_SOME_US || now_us - since > DRAINING_MAX_US {
                self.draining = None;
                self.backlog.forget_run();
            } else if let Some(bps) = behind {
                self.rate.decrease(bps, STANDING);
                self.drain(now_us, newest, bps);
            }
        } else if fresh && (queue > QUEUE_MAX_US || queue > QUEUE_SOME_US && standing > QUEUE_MAX_US) {
            self.rate.decrease(arriving, STANDING);
            self.drain(now_us, newest, arriving);
        } else if self.rate.update(now_us, usage, acked, self.rtt_us.unwrap_or(RTT_US), growth) {
            self.drain(now_us, newest, arriving);
        }
        match verdict {
            Some(Verdict::Arriving) => self.rate.decrease(arriving, 1.0),
            Some(Verdict::Less(part)) => self.rate.scale(part),
            Some(Verdict::Fine) | None => {}
        }
        self.rate.bps() < before
    }

    /// What was sent for so much to arrive, with what the path loses anyway.
    fn whole(&self, bps: u64) -> u64 {
        (bps as f64 / (1.0 - self.loss.usual())) as u64
    }

    /// How long the path still works on what is in it.
    fn drain_us(&self, now_us: i64, newest: Sent, bps: u64) -> i64 {
        // The newest packet that arrived left the queue about half a round trip ago; the path works since then on what
        // was sent after it.
        let since = now_us - newest.at_us - self.backlog.queue_us() - self.rtt_us.unwrap_or(RTT_US) / 2;
        backlog::drain_us(self.history.in_flight(), since, bps)
    }

    /// Lets pictures wait until the queue that stands is empty.
    fn drain(&mut self, now_us: i64, newest: Sent, bps: u64) {
        self.drained_at = now_us + self.drain_us(now_us, newest, bps);
        self.judged = now_us;
        self.draining.get_or_insert(now_us);
        self.prober.queue(now_us);
        self.trend.restart();
    }
}
