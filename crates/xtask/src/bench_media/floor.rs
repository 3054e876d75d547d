//! What the same packets to the same viewers cost at least: seal each one and send it, nothing else. No receiving, no
//! rewriting, no decision who gets what. Fixed, whatever the server does.
//!
//! Policy: a queue per viewer, sent at the end of a picture, when the oldest packet is 5 ms old, or at 16 packets; a
//! viewer's streams share trains, whose last packet may be shorter; one byte of padding mends a train. For profile (a)
//! that is one send for each six-packet frame and viewer.

use super::process::{SERVER_CORE, own_cpu_ns, pin_thread};
use super::profiles::{Kind, Packet, Packets, Profile};
use anyhow::{Context as _, Result, anyhow};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use quinn_udp::{Transmit, UdpSockRef, UdpSocketState};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

const HOLD: Duration = Duration::from_millis(5);
const SEGMENTS_MAX: usize = 16;
/// RTP header with the send time as the one extension; the tag of AES-GCM.
const HEADER_BYTES: usize = 20;
const TAG_BYTES: usize = 16;

/// What it took.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cost {
    pub(crate) packets: u64,
    pub(crate) trains: u64,
    pub(crate) cpu_ns: u64,
}

struct Viewer {
    to: SocketAddr,
    key: LessSafeKey,
    nonce: u64,
    /// Sizes of what waits, in order, with its publication.
    queue: Vec<(usize, usize)>,
    since: Option<Duration>,
}

struct Floor {
    socket: UdpSocket,
    state: UdpSocketState,
    viewers: Vec<Viewer>,
    payload: [u8; 2_048],
    out: Vec<u8>,
    cost: Cost,
}

/// Runs in a thread of its own on the server's core. `targets`: the viewers' addresses by person.
pub(crate) fn run(profile: &Profile, targets: &[SocketAddr], time: Duration) -> Result<Cost> {
    pin_thread(SERVER_CORE)?;
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
    let viewer = |to: &SocketAddr| -> Result<Viewer> {
        let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| anyhow!("key"))?);
        Ok(Viewer { to: *to, key, nonce: 0, queue: Vec::with_capacity(SEGMENTS_MAX), since: None })
    };
    let viewers = targets.iter().map(viewer).collect::<Result<_>>()?;
    let out = Vec::with_capacity(64 * 1_024);
    let mut floor = Floor { socket, state, viewers, payload: [0x77; 2_048], out, cost: Cost::default() };
    let cpu = own_cpu_ns()?;
    floor.stream(profile, time)?;
    floor.cost.cpu_ns = own_cpu_ns()? - cpu;
    Ok(floor.cost)
}

impl Floor {
    fn stream(&mut self, profile: &Profile, time: Duration) -> Result<()> {
        let audience = profile.viewers();
        let mut streams: Vec<(Packets, Packet)> = Vec::new();
        let mut due = BinaryHeap::new();
        for publication in 0..profile.publications.len() {
            let mut packets = profile.packets(publication);
            let first = packets.next().context("no packets")?;
            due.push(Reverse((first.at, publication)));
            streams.push((packets, first));
        }
        // All are held for the same time: in order of their ends.
        let mut held: std::collections::VecDeque<(Duration, usize)> = std::collections::VecDeque::new();
        let start = Instant::now();
        loop {
            let next = due.peek().map_or(time, |Reverse((at, _))| *at);
            let until = held.front().map_or(next, |(at, _)| next.min(*at + HOLD));
            if until >= time {
                return Ok(());
            }
            if let Some(wait) = until.checked_sub(start.elapsed()) {
                std::thread::sleep(wait); // as a server sleeps between datagrams
            }
            let now = start.elapsed();
            while let Some((since, viewer)) = held.pop_front_if(|(since, _)| *since + HOLD <= now) {
                if self.viewers[viewer].since == Some(since) {
                    self.flush(viewer)?;
                }
            }
            while let Some(Reverse((at, publication))) = due.peek().copied()
                && at <= now
            {
                due.pop();
                let (packets, packet) = &mut streams[publication];
                let this = std::mem::replace(packet, packets.next().context("a stream ended")?);
                due.push(Reverse((packet.at, publication)));
                let completes = this.last && profile.publications[publication].kind != Kind::Voice;
                for &viewer in &audience[publication] {
                    let one = &mut self.viewers[viewer];
                    one.queue.push((publication, this.payload_bytes));
                    if completes || one.queue.len() >= SEGMENTS_MAX {
                        self.flush(viewer)?;
                    } else if one.since.is_none() {
                        one.since = Some(now);
                        held.push_back((now, viewer));
                    }
                }
            }
        }
    }

    /// Sends all that waits for a viewer.
    fn flush(&mut self, viewer: usize) -> Result<()> {
        let viewer = &mut self.viewers[viewer];
        viewer.since = None;
        // Largest first, so that what is small comes last in a train; a stream stays in order.
        if viewer.queue.iter().any(|(publication, _)| *publication != viewer.queue[0].0) {
            let queue = viewer.queue.clone();
            let largest = |publication: usize| {
                queue.iter().filter(|(one, _)| *one == publication).map(|(_, bytes)| *bytes).max().unwrap_or(0)
            };
            viewer.queue.sort_by_key(|(publication, _)| (Reverse(largest(*publication)), *publication));
        }
        let mut from = 0;
        while from < viewer.queue.len() {
            let (mut size, mut smallest) = (viewer.queue[from].1, viewer.queue[from].1);
            let mut to = from + 1;
            while let Some((_, next)) = viewer.queue.get(to) {
                if next.max(&size) - smallest <= 1 {
                    (size, smallest) = (size.max(*next), smallest.min(*next));
                } else if *next < smallest {
                    to += 1;
                    break;
                } else {
                    break;
                }
                to += 1;
            }
            self.out.clear();
            for place in from..to {
                let length = viewer.queue[place].1;
                // The last one may be shorter.
                let length = if place + 1 < to { size } else { length };
                let begin = self.out.len();
                self.out.extend_from_slice(&self.payload[..HEADER_BYTES + length]);
                viewer.nonce += 1;
                let mut nonce = [0; 12];
                nonce[4..].copy_from_slice(&viewer.nonce.to_be_bytes());
                let (header, body) = self.out[begin..].split_at_mut(HEADER_BYTES);
                let nonce = Nonce::assume_unique_for_key(nonce);
                let tag = viewer.key.seal_in_place_separate_tag(nonce, Aad::from(&*header), body);
                self.out.extend_from_slice(tag.map_err(|_| anyhow!("sealing"))?.as_ref());
            }
            let segment_size = (to > from + 1).then_some(HEADER_BYTES + size + TAG_BYTES);
            let train = Transmit { destination: viewer.to, ecn: None, contents: &self.out, segment_size, src_ip: None };
            // A full buffer is loss; the receiver counts what came.
            let _ = self.state.try_send(UdpSockRef::from(&self.socket), &train);
            self.cost.packets += (to - from) as u64;
            self.cost.trains += 1;
            from = to;
        }
        viewer.queue.clear();
        Ok(())
    }
}
