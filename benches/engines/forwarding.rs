//! Forwarding: a picture of six packets and a piece of sound from one publisher to 50 viewers, from the sealed datagrams
//! to the sealed trains, with what the engine does besides in that time.

use crate::clients::meeting::Meeting;
use criterion::{Criterion, Throughput};
use std::time::{Duration, Instant};

const VIEWERS: usize = 50;
const PARTS: u32 = 6;
const FRAME_MS: u32 = 33;
/// Trains with sound alone are held so long.
const HELD: Duration = Duration::from_millis(6);
/// Clients renew their consent before 30 s are over.
const CHECK_EVERY: u32 = 300;

struct Running {
    meeting: Meeting,
    publisher: usize,
    n: u32,
}

impl Running {
    fn new() -> Self {
        let mut meeting = Meeting::new();
        let publisher = meeting.join(1, false);
        for _ in 0..VIEWERS {
            let viewer = meeting.join(1, false);
            meeting.wish(viewer, 0, Some(publisher), 360);
        }
        let mut this = Self { meeting, publisher, n: 0 };
        for _ in 0..60 {
            this.frame();
        }
        this
    }

    /// One frame; how long the engine took.
    fn frame(&mut self) -> Duration {
        let Self { meeting, publisher, n } = self;
        let mut datagrams = meeting.sealed(*publisher, *n, PARTS, FRAME_MS);
        let from = meeting.clients[*publisher].peer.address;
        let start = Instant::now();
        let mut packets = 0;
        for datagram in &mut datagrams {
            meeting.engine.handle_datagram(meeting.now, from, datagram);
            packets += meeting.sent();
        }
        meeting.now += HELD;
        meeting.engine.handle_timeout(meeting.now);
        packets += meeting.sent();
        let took = start.elapsed();
        let warm = *n > 30;
        assert!(!warm || packets >= VIEWERS * (PARTS as usize + 1), "only {packets} packets");
        meeting.now += Duration::from_millis(u64::from(FRAME_MS)) - HELD;
        while meeting.engine.poll_event().is_some() {}
        *n += 1;
        if n.is_multiple_of(CHECK_EVERY) {
            self.renew_consent();
        }
        took
    }

    fn renew_consent(&mut self) {
        let meeting = &mut self.meeting;
        for client in &mut meeting.clients {
            client.peer.check();
            while let Some(mut check) = client.peer.sending.pop_front() {
                meeting.engine.handle_datagram(meeting.now, client.peer.address, &mut check);
            }
        }
        meeting.sent();
    }
}

/// Per frame; criterion divides by the packets that leave.
pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("media");
    group.throughput(Throughput::Elements(VIEWERS as u64 * u64::from(PARTS + 1)));
    group.bench_function("forward_1_to_50", |bencher| {
        let mut running = Running::new();
        bencher.iter_custom(|frames| (0..frames).map(|_| running.frame()).sum());
    });
    group.finish();
}
