//! SRTP of one connection: opening a packet in place and sealing one into a train, with AES-128-GCM.

use crate::clients::peer::{Options, Pair, plain_rtp};
use criterion::{Criterion, Throughput};
use media::transport::Input;
use std::time::{Duration, Instant};

const SSRC: u32 = 7;
const PACKET_BYTES: usize = 1_100;

pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("srtp");
    group.throughput(Throughput::Elements(1));
    group.bench_function("open", |bencher| {
        let mut pair = Pair::connected(Options::default());
        let mut sequence = 0_u16;
        bencher.iter_custom(|packets| {
            let mut took = Duration::ZERO;
            for _ in 0..packets {
                sequence = sequence.wrapping_add(1);
                let mut packet = plain_rtp(SSRC, sequence);
                packet.resize(PACKET_BYTES, 0x55);
                let outbound = pair.peer.outbound.as_mut().expect("connected");
                let mut sealed = outbound.encrypt_rtp(&packet).expect("sealed").to_vec();
                let start = Instant::now();
                let input = pair.transport.handle_datagram(pair.now, pair.peer.address, &mut sealed);
                took += start.elapsed();
                assert_eq!(input, Input::Rtp(PACKET_BYTES));
            }
            took
        });
    });
    group.bench_function("seal", |bencher| {
        let mut pair = Pair::connected(Options::default());
        let mut out = Vec::with_capacity(2 * PACKET_BYTES);
        let mut packet = plain_rtp(SSRC, 0);
        packet.resize(PACKET_BYTES, 0x55);
        let mut sequence = 0_u16;
        bencher.iter(|| {
            sequence = sequence.wrapping_add(1);
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            out.clear();
            out.extend_from_slice(&packet);
            pair.transport.seal_rtp(&mut out, 0).expect("sealed");
            out.len()
        });
    });
    group.finish();
}
