//! A publication of the generator: its packets as they are sent, with RTP header, VP8 descriptor and a stamp that tells
//! a receiver what was sent and when. Owned by the generator.

use super::feedback::sender_report;
use super::profiles::{Kind, Packet, Packets, Profile, Shape};
use super::sdp;
use super::wire::clock_ns;
use anyhow::{Context as _, Result};

/// Where the stamp stands in a payload, behind descriptor and frame header; its mark and its size.
pub(crate) const STAMP_AT: usize = 16;
pub(crate) const MARK: [u8; 4] = *b"WKRB";
pub(crate) const STAMP_BYTES: usize = 16;

/// How a publication leaves.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) client: usize,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) ids: sdp::ExtensionIds,
    pub(crate) mid: String,
}

/// The publication.
pub(crate) struct Outgoing {
    publication: usize,
    kind: Kind,
    shape: Shape,
    pub(crate) route: Route,
    pub(crate) viewers: u64,
    packets: Packets,
    pub(crate) next: Packet,
    sequence: u16,
    picture: u16,
    key: bool,
    timestamp: u32,
    sent: u32,
    octets: u32,
    /// Packets and payload bytes since the window began.
    pub(crate) window: (u64, u64),
}

impl Outgoing {
    pub(crate) fn new(profile: &Profile, publication: usize, route: Route, viewers: usize) -> Result<Self> {
        let mut packets = profile.packets(publication);
        let next = packets.next().context("a publication without packets")?;
        let one = profile.publications.get(publication).context("no such publication")?;
        Ok(Self {
            publication,
            kind: one.kind,
            shape: one.shape,
            route,
            viewers: viewers as u64,
            packets,
            next,
            sequence: 1_000,
            picture: 0,
            key: true,
            timestamp: 0,
            sent: 0,
            octets: 0,
            window: (0, 0),
        })
    }

    /// Somebody needs a key frame of this stream.
    pub(crate) fn key_frame_asked(&mut self, ssrc: u32) {
        self.key |= self.route.ssrc == ssrc;
    }

    /// The sender report of what leaves on this connection.
    pub(crate) fn report(&self, client: usize) -> Option<Vec<u8>> {
        let sends = self.route.client == client && self.sent > 0;
        sends.then(|| sender_report(self.route.ssrc, clock_ns(), self.timestamp, self.sent, self.octets))
    }

    /// The next packet in the clear; it counts as sent.
    pub(crate) fn next_packet(&mut self, transport_number: u16) -> Result<Vec<u8>> {
        let packet = self.next;
        self.next = self.packets.next().context("a stream ended")?;
        self.window.0 += 1;
        self.window.1 += packet.payload_bytes as u64;
        Ok(self.plain(&packet, transport_number))
    }

    fn plain(&mut self, packet: &Packet, transport_number: u16) -> Vec<u8> {
        let (voice, hz) = (self.kind == Kind::Voice, if self.kind == Kind::Voice { 48_000 } else { 90_000 });
        let marker = packet.last && !voice;
        if packet.first {
            // All packets of a frame share the time of its first one.
            self.timestamp = (packet.at.as_micros() * hz / 1_000_000) as u32;
            self.picture = (self.picture + 1) & 0x7fff;
        }
        let mut plain = Vec::with_capacity(packet.payload_bytes + 48);
        plain.extend([0x90, u8::from(marker) << 7 | self.route.payload_type]);
        plain.extend(self.sequence.to_be_bytes());
        plain.extend(self.timestamp.to_be_bytes());
        plain.extend(self.route.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        let now_ns = clock_ns();
        let ids = &self.route.ids;
        plain.extend([0xbe, 0xde, 0, 0]);
        if let Some(id) = ids.transport {
            plain.push(id << 4 | 1);
            plain.extend(transport_number.to_be_bytes());
        }
        if let Some(id) = ids.mid.filter(|_| !self.route.mid.is_empty() && self.route.mid.len() <= 16) {
            plain.push(id << 4 | (self.route.mid.len() - 1) as u8);
            plain.extend(self.route.mid.as_bytes());
        }
        if let Some(id) = ids.level.filter(|_| voice) {
            plain.extend([id << 4, 0x80 | 25]); // somebody speaks
        }
        while !plain.len().is_multiple_of(4) {
            plain.push(0);
        }
        plain[15] = ((plain.len() - 16) / 4) as u8;
        let begin = plain.len();
        if voice {
            plain.extend([0xfc; STAMP_AT]);
        } else {
            self.picture_head(packet, &mut plain);
        }
        plain.extend(MARK);
        plain.extend((self.publication as u16).to_be_bytes());
        plain.extend((packet.payload_bytes as u16).to_be_bytes());
        plain.extend(now_ns.to_be_bytes());
        plain.resize(begin + packet.payload_bytes, 0x77);
        self.sent = self.sent.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload_bytes as u32);
        plain
    }

    /// The VP8 payload descriptor (RFC 7741, clause 4.2) and, in a frame's first packet, the frame header (RFC 6386,
    /// clause 9.1); sixteen bytes.
    fn picture_head(&mut self, packet: &Packet, plain: &mut Vec<u8>) {
        let [high, low] = self.picture.to_be_bytes();
        let key = self.key;
        let height: u16 = match self.shape {
            Shape::Burst => 720,
            Shape::Camera360 => 360,
            Shape::Camera180 => 180,
            Shape::Screen1080 => 1_080,
            Shape::Voice => 0,
        };
        plain.extend([if packet.first { 0x90 } else { 0x80 }, 0xe0, 0x80 | high, low, self.picture as u8, 0x20]);
        if packet.first && key {
            plain.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a]);
            plain.extend((height / 9 * 16).to_le_bytes());
            plain.extend(height.to_le_bytes());
        } else {
            plain.extend([0x11; 10]);
        }
        if packet.last {
            self.key = false;
        }
    }
}
