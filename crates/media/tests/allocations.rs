//! The way of a packet allocates nothing: from the datagram of one publisher, opened in place, to the sealed trains of all
//! who look on, counted by an allocator of this test binary's own. What happens once a tick or once a stream may.

mod common;

use common::meeting::Meeting;
use common::scalable::{Encoder, MODES};
use std::net::SocketAddr;
use std::time::Duration;

const VIEWERS: usize = 8;
/// Packets of a picture.
const PARTS: u32 = 6;
/// Longer than trains are held, shorter than a tick.
const HELD: Duration = Duration::from_millis(6);
/// What remains of a tick of 20 ms after [`HELD`].
const REST: Duration = Duration::from_millis(14);
/// Rings, queues and the routing table have grown by then: two seconds.
const WARM_UP: u32 = 100;
const MEASURED: u32 = 200;

/// Takes the datagrams and sends everything that is due then; gives the number of packets that left.
fn forward(meeting: &mut Meeting, from: SocketAddr, datagrams: &mut [Vec<u8>]) -> usize {
    let mut packets = 0;
    for datagram in datagrams {
        meeting.engine.handle_datagram(meeting.now, from, datagram);
        packets += meeting.sent();
    }
    meeting.now += HELD;
    meeting.engine.handle_timeout(meeting.now);
    packets + meeting.sent()
}

/// What the tick has to do is done before each round, so that none falls into one.
fn tick(meeting: &mut Meeting) {
    meeting.now += REST;
    meeting.engine.handle_timeout(meeting.now);
    meeting.sent();
    while meeting.engine.poll_event().is_some() {}
}

#[test]
fn a_forwarded_packet_allocates_nothing() {
    let mut meeting = Meeting::new();
    let publisher = meeting.join(1, false);
    for _ in 0..VIEWERS {
        let viewer = meeting.join(1, false);
        meeting.wish(viewer, 0, Some(publisher), 360);
    }
    let from = meeting.clients[publisher].peer.address;
    meeting.now += HELD + REST;
    meeting.engine.handle_timeout(meeting.now);
    meeting.now += HELD;
    let (mut forwarded, mut allocated) = (0, 0);
    for n in 0..WARM_UP + MEASURED {
        tick(&mut meeting);
        let mut datagrams = meeting.sealed(publisher, n, PARTS, 20);
        let mut packets = 0;
        let counted = allocation_counter::measure(|| packets = forward(&mut meeting, from, &mut datagrams));
        if n >= WARM_UP {
            assert_eq!(packets, VIEWERS * (PARTS as usize + 1), "round {n}: not all were forwarded");
            forwarded += packets;
            allocated += counted.count_total;
        }
    }
    assert_eq!(allocated, 0, "for {forwarded} packets");
    assert!(allocation_counter::measure(|| drop(std::hint::black_box(vec![1]))).count_total > 0, "nothing is counted");
}

/// Key pictures with their structures, layers that are left out, numbers that are closed up.
#[test]
fn a_packet_of_a_layered_stream_allocates_nothing() {
    let mut meeting = Meeting::new();
    meeting.codec = "AV1";
    let publisher = meeting.join(1, false);
    for place in 0..VIEWERS {
        let viewer = meeting.join(1, false);
        meeting.wish(viewer, 0, Some(publisher), [180, 360, 720][place % 3]);
    }
    let from = meeting.clients[publisher].peer.address;
    meeting.now += HELD + REST;
    meeting.engine.handle_timeout(meeting.now);
    meeting.now += HELD;
    let mut encoder = Encoder::new(MODES[3], 65_000, 0);
    let (mut sequence, mut forwarded, mut allocated) = (65_000, 0, 0);
    for n in 0..WARM_UP + MEASURED {
        tick(&mut meeting);
        let frames = encoder.picture(n.is_multiple_of(50));
        let mut datagrams = meeting.sealed_layers(publisher, &frames, &mut sequence);
        let mut packets = 0;
        let counted = allocation_counter::measure(|| packets = forward(&mut meeting, from, &mut datagrams));
        if n >= WARM_UP {
            assert!(packets >= VIEWERS * 2, "round {n}: {packets}");
            forwarded += packets;
            allocated += counted.count_total;
        }
    }
    assert!(forwarded < VIEWERS * MEASURED as usize * 3, "{forwarded}: nothing was left out");
    assert_eq!(allocated, 0, "for {forwarded} packets");
}
