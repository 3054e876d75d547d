//! One direction of a path: a rate with a queue in front of it that drops at its end, delay, jitter, loss, reordering.
//! Seeded; the same seed and the same datagrams give the same arrivals.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// splitmix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    pub fn permille(&mut self, permille: u32) -> bool {
        self.below(1_000) < u64::from(permille)
    }
}

/// How a path is.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// `None`: as fast as can be.
    pub bps: Option<u64>,
    /// What fits into the queue.
    pub queue_bytes: usize,
    pub delay: Duration,
    /// Up to so much more for each packet; the order stays.
    pub jitter: Duration,
    pub loss_permille: u32,
    /// So many are held back by 10 to 40 ms and overtaken.
    pub reorder_permille: u32,
}

impl Path {
    pub const FREE: Self = Self {
        bps: None,
        queue_bytes: 64 * 1024,
        delay: Duration::from_millis(10),
        jitter: Duration::ZERO,
        loss_permille: 0,
        reorder_permille: 0,
    };
}

/// UDP and IP around a datagram.
const OVERHEAD: usize = 28;

/// The path with what is on it.
pub struct Link {
    pub path: Path,
    random: Random,
    queue: VecDeque<(Instant, Vec<u8>)>,
    queued: usize,
    /// When the first of the queue has been sent.
    sent_at: Option<Instant>,
    last_arrival: Option<Instant>,
    flying: Vec<(Instant, Vec<u8>)>,
    /// What each packet waited in the queue, and when it left.
    pub waits: Vec<(Instant, Duration)>,
    /// Bytes that were carried, and when.
    pub carried: Vec<(Instant, usize)>,
    pub overflowed: usize,
}

impl Link {
    pub fn new(path: Path, seed: u64) -> Self {
        Self {
            path,
            random: Random(seed),
            queue: VecDeque::new(),
            queued: 0,
            sent_at: None,
            last_arrival: None,
            flying: Vec::new(),
            waits: Vec::new(),
            carried: Vec::new(),
            overflowed: 0,
        }
    }

    fn time(&self, datagram: &[u8]) -> Duration {
        let bits = (datagram.len() + OVERHEAD) as u64 * 8;
        self.path.bps.map_or(Duration::ZERO, |bps| Duration::from_nanos(bits * 1_000_000_000 / bps))
    }

    pub fn send(&mut self, now: Instant, datagram: Vec<u8>) {
        let bytes = datagram.len() + OVERHEAD;
        if self.queued + bytes > self.path.queue_bytes && self.path.bps.is_some() {
            self.overflowed += 1;
            return;
        }
        self.queued += bytes;
        if self.queue.is_empty() {
            self.sent_at = Some(now + self.time(&datagram));
        }
        self.queue.push_back((now, datagram));
    }

    /// What has arrived by now.
    pub fn arrived(&mut self, now: Instant) -> Vec<(Instant, Vec<u8>)> {
        while let Some(done) = self.sent_at.filter(|done| *done <= now)
            && let Some((came, datagram)) = self.queue.pop_front()
        {
            let bytes = datagram.len() + OVERHEAD;
            self.queued -= bytes;
            self.waits.push((done, done - came));
            self.carried.push((done, bytes));
            self.fly(done, datagram);
            self.sent_at = self.queue.front().map(|(came, next)| done.max(*came) + self.time(next));
        }
        let (due, later) = std::mem::take(&mut self.flying).into_iter().partition(|(at, _)| *at <= now);
        self.flying = later;
        let mut due: Vec<(Instant, Vec<u8>)> = due;
        due.sort_by_key(|(at, _)| *at);
        due
    }

    fn fly(&mut self, done: Instant, datagram: Vec<u8>) {
        // Only media: a lost handshake is another test's matter.
        let is_media = datagram.first().is_some_and(|first| (128..192).contains(first));
        if is_media && self.random.permille(self.path.loss_permille) {
            return;
        }
        let jitter = Duration::from_micros(self.random.below(self.path.jitter.as_micros() as u64 + 1));
        let mut at = done + self.path.delay + jitter;
        if is_media && self.random.permille(self.path.reorder_permille) {
            at += Duration::from_millis(10 + self.random.below(30));
        } else {
            at = self.last_arrival.map_or(at, |last| last.max(at));
            self.last_arrival = Some(at);
        }
        self.flying.push((at, datagram));
    }
}
