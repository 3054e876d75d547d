//! A meeting in virtual time: one engine, several clients (ICE, DTLS and SRTP by the webrtc family) and a network with
//! delay and seeded loss between them. No I/O; a test sends packets, lets time pass and looks at what arrived.

use super::peer::{Options, Peer};
use super::scalable::Frame;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use werkraum_media::command::{Command, Event, Offer, Publish, Reply, SlotSections, SlotWish, Sources};
use werkraum_media::engine::{Config, Engine};
use werkraum_media::transport::{Credentials, Identity};

use model::ids::{ParticipantId, RoomId};
use model::source::Source;

pub const MIC: u32 = 1_000;
pub const CAMERA: u32 = 2_000;
pub const OPUS: u8 = 111;
pub const VP8: u8 = 96;
pub const RTX: u8 = 97;
const DELAY: Duration = Duration::from_millis(10);

/// An RTP packet as a client got it.
#[derive(Clone, Debug)]
pub struct Received {
    pub at: Instant,
    pub marker: bool,
    pub payload_type: u8,
    pub sequence: u16,
    pub timestamp: u32,
    pub ssrc: u32,
    /// The dependency descriptor; empty without one.
    pub descriptor: Vec<u8>,
    pub payload: Vec<u8>,
}

/// What a client's slot streams are called.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotSsrcs {
    pub audio: u32,
    pub video: u32,
    pub rtx: u32,
}

pub struct Client {
    pub peer: Peer,
    pub id: ParticipantId,
    pub slots: Vec<SlotSsrcs>,
    pub received: Vec<Received>,
    pub rtcp: Vec<Vec<u8>>,
    /// SSRCs of which a key frame was asked for.
    pub key_frames_asked: Vec<u32>,
    /// (SSRC, sequence number) that were asked for again.
    pub nacked: Vec<(u32, u16)>,
    pub transport_number: u16,
    pub simulcast: bool,
}

pub struct Meeting {
    pub engine: Engine,
    pub now: Instant,
    pub room: RoomId,
    pub clients: Vec<Client>,
    pub events: Vec<Event>,
    /// Lost of 1,000 RTP and RTCP datagrams, to and from the server.
    pub loss: (u32, u32),
    /// The one video codec of whoever joins from now on.
    pub codec: &'static str,
    random: u64,
    wire: Vec<(Instant, SocketAddr, SocketAddr, Vec<u8>)>,
}

fn server() -> SocketAddr {
    "198.51.100.1:8443".parse().expect("address")
}

impl Meeting {
    pub fn new() -> Self {
        let now = Instant::now();
        let identity = Identity::generate().expect("identity");
        let engine = Engine::new(now, Config { addresses: vec![server().into()], identity }, [7; 32]);
        let room = RoomId::from_random([1; 16]);
        let (clients, events, wire) = (Vec::new(), Vec::new(), Vec::new());
        Self { engine, now, room, clients, events, loss: (0, 0), codec: "VP8", random: 1, wire }
    }

    pub fn random(&mut self) -> u32 {
        self.random = self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.random >> 33) as u32
    }

    pub fn command(&mut self, command: Command) -> Reply {
        self.engine.handle_command(self.now, command).expect("carried out")
    }

    /// Lets somebody in with microphone and camera on, `pairs` slots with and two without picture, and connects them.
    pub fn join(&mut self, pairs: usize, simulcast: bool) -> usize {
        let number = self.clients.len();
        let id = ParticipantId::from_random([number as u8 + 1; 16]);
        let nobody = Credentials::from_random([0; 30]);
        let mut peer = Peer::new(nobody, Options::default());
        peer.address = SocketAddr::from(([192, 0, 2, number as u8 + 1], 5_000));
        let (room, participant) = (self.room, id);
        self.command(Command::Join { room, participant, allowed: Sources::ALL });
        for source in [Source::Microphone, Source::Camera] {
            self.command(Command::SetOn { room, participant, source, on: true });
        }
        let mut offer = offer(&peer, pairs, simulcast);
        offer.sdp = offer.sdp.replace("VP8/90000", &format!("{}/90000", self.codec));
        let Reply::Answer(answer) = self.command(Command::Offer { room, participant, offer }) else { panic!("answer") };
        let value = |key: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(key)).expect("in the answer");
            line.to_owned()
        };
        peer.server = Credentials { ufrag: value("a=ice-ufrag:"), pwd: value("a=ice-pwd:") };
        peer.check();
        peer.connect(self.now);
        self.clients.push(Client {
            peer,
            id,
            slots: slot_ssrcs(&answer, pairs + 2),
            received: Vec::new(),
            rtcp: Vec::new(),
            key_frames_asked: Vec::new(),
            nacked: Vec::new(),
            transport_number: 65_000,
            simulcast,
        });
        let loss = std::mem::take(&mut self.loss);
        for _ in 0..100 {
            self.pass(Duration::from_millis(10));
            let connected = Event::Connected { room, participant };
            if self.events.contains(&connected) && self.clients[number].peer.inbound.is_some() {
                self.loss = loss;
                return number;
            }
        }
        panic!("not connected: {:?}", self.events);
    }

    pub fn wish(&mut self, viewer: usize, slot: u8, whom: Option<usize>, height_px: u16) {
        let participant = self.clients[viewer].id;
        let whom = whom.map(|whom| self.clients[whom].id);
        let slots = vec![SlotWish { slot, participant: whom, source: Source::Camera, height_px }];
        self.command(Command::Subscribe { room: self.room, participant, slots });
    }

    /// Lets time pass, a millisecond at a time.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.exchange();
            if self.now >= until {
                return;
            }
            self.now += Duration::from_millis(1);
            for client in &mut self.clients {
                if client.peer.next_timeout().is_some_and(|at| at <= self.now) {
                    client.peer.handle_timeout(self.now);
                }
            }
            if self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
                self.engine.handle_timeout(self.now);
            }
        }
    }

    fn exchange(&mut self) {
        for place in 0..self.clients.len() {
            while let Some(datagram) = self.clients[place].peer.sending.pop_front() {
                let from = self.clients[place].peer.address;
                self.post(from, server(), datagram);
            }
        }
        let (due, later) = std::mem::take(&mut self.wire).into_iter().partition(|(at, ..)| *at <= self.now);
        self.wire = later;
        let due: Vec<(Instant, SocketAddr, SocketAddr, Vec<u8>)> = due;
        for (_, from, to, mut datagram) in due {
            if to == server() {
                self.engine.handle_datagram(self.now, from, &mut datagram);
            } else if let Some(client) = self.clients.iter_mut().find(|client| client.peer.address == to) {
                client.take(self.now, &datagram);
            }
        }
        let mut sent = Vec::new();
        while let Some(transmit) = self.engine.poll_transmit() {
            let size = transmit.segment_size.unwrap_or(transmit.contents.len());
            sent.extend(transmit.contents.chunks(size).map(|datagram| (transmit.to.address, datagram.to_vec())));
        }
        for (to, datagram) in sent {
            self.post(server(), to, datagram);
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }

    pub fn post(&mut self, from: SocketAddr, to: SocketAddr, datagram: Vec<u8>) {
        let permille = if to == server() { self.loss.0 } else { self.loss.1 };
        let media = (128..192).contains(&datagram[0]);
        if !(media && self.random() % 1_000 < permille) {
            self.wire.push((self.now + DELAY, from, to, datagram));
        }
    }

    /// Sends a packet as a client: RTP header with mid, level and transport-wide number.
    #[allow(clippy::too_many_arguments, reason = "the fields of a header")]
    pub fn send(&mut self, who: usize, ssrc: u32, pt: u8, seq: u16, time: u32, marker: bool, ext: &[u8], body: &[u8]) {
        let client = &mut self.clients[who];
        client.transport_number = client.transport_number.wrapping_add(1);
        let mut block = vec![3 << 4 | 1];
        block.extend(client.transport_number.to_be_bytes());
        block.extend(ext);
        block.resize(block.len().next_multiple_of(4), 0);
        let mut packet = vec![0x90, u8::from(marker) << 7 | pt];
        packet.extend(seq.to_be_bytes());
        packet.extend(time.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0xbe, 0xde, 0, (block.len() / 4) as u8]);
        packet.extend(block);
        packet.extend(body);
        self.send_raw(who, &packet);
    }

    /// Seals and sends any bytes as RTP.
    pub fn send_raw(&mut self, who: usize, packet: &[u8]) {
        let client = &mut self.clients[who];
        let Ok(sealed) = client.peer.outbound.as_mut().expect("connected").encrypt_rtp(packet) else { return };
        let from = client.peer.address;
        self.post(from, server(), sealed.to_vec());
    }

    /// Seals and sends any bytes as RTCP.
    pub fn send_rtcp(&mut self, who: usize, compound: &[u8]) {
        let client = &mut self.clients[who];
        let Ok(sealed) = client.peer.outbound.as_mut().expect("connected").encrypt_rtcp(compound) else { return };
        let from = client.peer.address;
        self.post(from, server(), sealed.to_vec());
    }

    /// 20 ms of sound at this level (-dBov); packet number `n`.
    pub fn sound(&mut self, who: usize, n: u32, level: u8) {
        self.send(who, MIC, OPUS, n as u16, n * 960, false, &[4 << 4, b'0', 1 << 4, level], &[0x5a; 80]);
    }

    /// A picture of two packets; picture number `n`, layer by rid.
    pub fn picture(&mut self, who: usize, n: u32, key: bool, layer: u32) {
        for part in 0..2 {
            self.picture_part(who, n, key, layer, part);
        }
    }

    pub fn picture_part(&mut self, who: usize, n: u32, key: bool, layer: u32, part: u32) {
        let (ext, body) = (self.picture_ext(who, layer, false), picture_body(n, key, layer, part));
        let (sequence, time) = ((n * 2 + part) as u16, n * 3_000 + layer * 77);
        self.send(who, CAMERA + layer, VP8, sequence, time, part == 1, &ext, &body);
    }

    /// The same packet once more, as RTX.
    pub fn picture_again(&mut self, who: usize, n: u32, key: bool, layer: u32, part: u32, rtx_sequence: u16) {
        let ext = self.picture_ext(who, layer, true);
        let mut body = ((n * 2 + part) as u16).to_be_bytes().to_vec();
        body.extend(picture_body(n, key, layer, part));
        let time = n * 3_000 + layer * 77;
        self.send(who, CAMERA + 500 + layer, RTX, rtx_sequence, time, part == 1, &ext, &body);
    }

    /// A picture of so many parts and a piece of sound, sealed but not sent: for those who count or measure the engine
    /// alone. Every 50th picture is a key frame.
    pub fn sealed(&mut self, who: usize, n: u32, parts: u32, every_ms: u32) -> Vec<Vec<u8>> {
        let client = &mut self.clients[who];
        let mut datagrams = Vec::new();
        for part in 0..=parts {
            let is_sound = part == parts;
            client.transport_number = client.transport_number.wrapping_add(1);
            let (ssrc, pt, sequence, time, marker) = if is_sound {
                (MIC, OPUS, n, n * every_ms * 48, false)
            } else {
                (CAMERA, VP8, n * parts + part, n * every_ms * 90, part + 1 == parts)
            };
            let mut packet = vec![0x90, u8::from(marker) << 7 | pt];
            packet.extend((sequence as u16).to_be_bytes());
            packet.extend(time.to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend([0xbe, 0xde, 0, 2, 3 << 4 | 1]);
            packet.extend(client.transport_number.to_be_bytes());
            if is_sound {
                packet.extend([4 << 4, b'0', 1 << 4, 30, 0]);
                packet.resize(packet.len() + 80, 0x5a);
            } else {
                packet.extend([4 << 4, b'1', 0, 0, 0]);
                packet.extend(picture_body(n, n.is_multiple_of(50), 0, part.min(1)));
                packet.resize(1_100, 0x77);
            }
            let outbound = client.peer.outbound.as_mut().expect("connected");
            datagrams.push(outbound.encrypt_rtp(&packet).expect("sealed").to_vec());
        }
        datagrams
    }

    /// Frames of layers inside one stream of AV1, of two packets each, sealed but not sent.
    pub fn sealed_layers(&mut self, who: usize, frames: &[Frame], sequence: &mut u16) -> Vec<Vec<u8>> {
        let client = &mut self.clients[who];
        let mut datagrams = Vec::new();
        for (place, frame) in frames.iter().enumerate() {
            for part in 0..2 {
                *sequence = sequence.wrapping_add(1);
                client.transport_number = client.transport_number.wrapping_add(1);
                let descriptor = frame.descriptor(part == 0, part == 1, false, None);
                let mut block = vec![3, 2];
                block.extend(client.transport_number.to_be_bytes());
                block.extend([4, 1, b'1', 12, descriptor.len() as u8]);
                block.extend(descriptor);
                block.resize(block.len().next_multiple_of(4), 0);
                let marker = part == 1 && place + 1 == frames.len();
                let mut packet = vec![0x90, u8::from(marker) << 7 | VP8];
                packet.extend(sequence.to_be_bytes());
                packet.extend(((frame.picture * 3_000) as u32).to_be_bytes());
                packet.extend(CAMERA.to_be_bytes());
                packet.extend([0x10, 0x00, 0, (block.len() / 4) as u8]);
                packet.extend(block);
                packet.resize(1_000, 0x10);
                let outbound = client.peer.outbound.as_mut().expect("connected");
                datagrams.push(outbound.encrypt_rtp(&packet).expect("sealed").to_vec());
            }
        }
        datagrams
    }

    /// Lets what the engine has to send go nowhere, and counts its packets.
    pub fn sent(&mut self) -> usize {
        let mut packets = 0;
        while let Some(transmit) = self.engine.poll_transmit() {
            packets += transmit.segment_size.map_or(1, |size| transmit.contents.len().div_ceil(size));
        }
        packets
    }

    fn picture_ext(&self, who: usize, layer: u32, again: bool) -> Vec<u8> {
        let mut ext = vec![4 << 4, b'1'];
        if self.clients[who].simulcast {
            ext.extend([if again { 11 << 4 } else { 10 << 4 }, b"qhf"[layer as usize]]);
        }
        ext
    }

    pub fn stream(&self, who: usize, ssrc: u32) -> Vec<Received> {
        self.clients[who].received.iter().filter(|packet| packet.ssrc == ssrc).cloned().collect()
    }
}

/// Picture `n` of a layer: descriptor with picture id and TL0PICIDX, then a VP8 header; its number and part at the end.
pub fn picture_body(n: u32, key: bool, layer: u32, part: u32) -> Vec<u8> {
    let start = if part == 0 { 0x90 } else { 0x80 };
    let mut body = vec![start, 0xc0, 0x80 | (n >> 8 & 0x7f) as u8, n as u8, n as u8];
    if part == 0 {
        let height = (180_u16 << layer).to_le_bytes();
        body.extend([if key { 0x10 } else { 0x11 }, 0, 0, 0x9d, 0x01, 0x2a, 0, 1, height[0], height[1]]);
    }
    body.resize(600, 0xab);
    body.extend(n.to_be_bytes());
    body.push(part as u8);
    body
}

impl Client {
    fn take(&mut self, now: Instant, datagram: &[u8]) {
        if !(128..192).contains(&datagram[0]) {
            return self.peer.handle(now, datagram);
        }
        let inbound = self.peer.inbound.as_mut().expect("keys");
        if (192..224).contains(&datagram[1]) {
            let compound = inbound.decrypt_rtcp(datagram).expect("opened").to_vec();
            let mut rest = &compound[..];
            while rest.len() >= 12 {
                let size = 4 + 4 * usize::from(u16::from_be_bytes([rest[2], rest[3]]));
                let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("four"));
                match (rest[1], rest[0] & 31) {
                    (206, 1) => self.key_frames_asked.push(word(8)),
                    (205, 1) => {
                        for pair in rest[12..size].chunks(4) {
                            let first = u16::from_be_bytes([pair[0], pair[1]]);
                            let mask = u16::from_be_bytes([pair[2], pair[3]]);
                            let more =
                                (0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1));
                            self.nacked.extend(std::iter::once(first).chain(more).map(|number| (word(8), number)));
                        }
                    }
                    _ => {}
                }
                rest = &rest[size..];
            }
            self.rtcp.push(compound);
            return;
        }
        let packet = inbound.decrypt_rtp(datagram).expect("opened");
        let (mut at, mut descriptor) = (12, Vec::new());
        if packet[0] & 0x10 != 0 {
            at += 4 + 4 * usize::from(u16::from_be_bytes([packet[14], packet[15]]));
            descriptor = extension(&packet[16..at], packet[12] == 0x10, 12).to_vec();
        }
        let end =
            if packet[0] & 0x20 != 0 { packet.len() - usize::from(packet[packet.len() - 1]) } else { packet.len() };
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four"));
        self.received.push(Received {
            at: now,
            marker: packet[1] & 0x80 != 0,
            payload_type: packet[1] & 0x7f,
            sequence: u16::from_be_bytes([packet[2], packet[3]]),
            timestamp: word(4),
            ssrc: word(8),
            descriptor,
            payload: packet[at..end].to_vec(),
        });
    }
}

/// The element of an extension block with this id; nothing when there is none.
fn extension(block: &[u8], two_byte: bool, wanted: u8) -> &[u8] {
    let mut rest = block;
    while let [first, after @ ..] = rest {
        let (id, length, after) = match (*first, two_byte) {
            (0, _) => {
                rest = after;
                continue;
            }
            (id, true) => (id, usize::from(after[0]), &after[1..]),
            (both, false) => (both >> 4, usize::from(both & 15) + 1, after),
        };
        if id == wanted {
            return &after[..length];
        }
        rest = &after[length..];
    }
    &[]
}

pub fn offer(peer: &Peer, pairs: usize, simulcast: bool) -> Offer {
    let description = peer.description();
    let count = 2 + 2 * pairs + 2;
    let mids: Vec<String> = (0..count).map(|mid| mid.to_string()).collect();
    let mut sdp = format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\na=extmap-allow-mixed\r\n",
        mids.join(" ")
    );
    for mid in 0..count {
        let video = mid == 1 || (2..2 + 2 * pairs).contains(&mid) && mid % 2 == 1;
        let format = if video { "video 9 UDP/TLS/RTP/SAVPF 96 97" } else { "audio 9 UDP/TLS/RTP/SAVPF 111" };
        let Credentials { ufrag, pwd } = &description.credentials;
        sdp += &format!(
            "m={format}\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:{pwd}\r\na=fingerprint:sha-256 {}\r\n\
             a=setup:actpass\r\na=mid:{mid}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
             a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n\
             a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time\r\n\
             a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
             a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\n",
            description.fingerprint
        );
        sdp += if video {
            "a=extmap:12 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n\
             a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
             a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n\
             a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\na=rtcp-fb:96 transport-cc\r\n\
             a=rtcp-fb:96 goog-remb\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
        } else {
            "a=rtpmap:111 opus/48000/2\r\na=fmtp:111 minptime=10;useinbandfec=1\r\na=rtcp-fb:111 transport-cc\r\n"
        };
        sdp += if mid < 2 { "a=sendonly\r\n" } else { "a=recvonly\r\n" };
        if mid == 1 && simulcast {
            sdp += "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
            // As Firefox does: all layers' SSRCs, without a word which is which.
            for layer in 0..3 {
                let (ssrc, rtx) = (CAMERA + layer, CAMERA + 500 + layer);
                sdp += &format!("a=ssrc:{ssrc} cname:x\r\na=ssrc:{rtx} cname:x\r\na=ssrc-group:FID {ssrc} {rtx}\r\n");
            }
        }
    }
    let publish = [(0, Source::Microphone), (1, Source::Camera)]
        .map(|(mid, source): (i32, Source)| Publish { mid: mid.to_string(), source })
        .to_vec();
    let pair = |slot: usize| SlotSections {
        slot: slot as u8,
        audio: (2 + 2 * slot).to_string(),
        video: Some((3 + 2 * slot).to_string()),
    };
    let extra = |more: usize| SlotSections {
        slot: (pairs + more) as u8,
        audio: (2 + 2 * pairs + more).to_string(),
        video: None,
    };
    let slots = (0..pairs).map(pair).chain((0..2).map(extra)).collect();
    Offer { sdp, publish, slots }
}

/// The SSRCs of the answer, slot by slot.
pub fn slot_ssrcs(answer: &str, slots: usize) -> Vec<SlotSsrcs> {
    let sections: Vec<&str> = answer.split("\r\nm=").skip(3).collect();
    let mut all = Vec::new();
    let mut sections = sections.into_iter().peekable();
    let ssrcs = |section: &str| -> Vec<u32> {
        let mut list: Vec<u32> =
            section.lines().filter_map(|line| line.strip_prefix("a=ssrc:")?.split(' ').next()?.parse().ok()).collect();
        list.dedup();
        list
    };
    while all.len() < slots {
        let audio = ssrcs(sections.next().expect("a section"))[0];
        let mut slot = SlotSsrcs { audio, ..SlotSsrcs::default() };
        if let Some(video) = sections.next_if(|section| section.starts_with("video")) {
            let list = ssrcs(video);
            (slot.video, slot.rtx) = (list[0], list[1]);
        }
        all.push(slot);
    }
    all
}
