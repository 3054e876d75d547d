//! Seeded network simulations over the real engine in virtual time: publishers and a viewer as browsers behave
//! ([`publisher`], [`viewer`]), a network between them ([`link`]), and the figures that come of it ([`figures`]).
//! ICE, DTLS and SRTP are those of the engine's other tests; no sockets, no waiting.

pub mod figures;
pub mod link;
pub mod publisher;
pub mod viewer;

use super::meeting::{offer, slot_ssrcs};
use super::peer::{Options, Peer};
use link::{Link, Path};
use model::ids::{ParticipantId, RoomId};
use model::source::Source;
use publisher::{FRAME_MS, Publisher};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use viewer::Viewer;
use werkraum_media::command::{Command, Event, Reply, SlotWish, Sources};
use werkraum_media::engine::{Config, Engine};
use werkraum_media::transport::{Credentials, Identity};

const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(198, 51, 100, 1)), 8_443);
const STEP: Duration = Duration::from_millis(1);

/// What happens.
pub struct Setting {
    pub seed: u64,
    /// Bitrates of each publisher's layers, small to large.
    pub publishers: Vec<[u64; 3]>,
    /// Which publishers speak.
    pub speaking: usize,
    /// How high the viewer shows each.
    pub heights: Vec<u16>,
    /// To the viewer and back.
    pub down: Path,
    pub up: Path,
    /// From the publishers.
    pub uplink: Path,
    /// Whether the viewer sends transport-wide feedback.
    pub feedback: bool,
}

struct Client {
    peer: Peer,
    id: ParticipantId,
    to: Link,
    from: Link,
}

pub struct Sim {
    pub engine: Engine,
    pub now: Instant,
    pub start: Instant,
    room: RoomId,
    clients: Vec<Client>,
    publishers: Vec<Publisher>,
    speaking: usize,
    pub viewer: Viewer,
    events: Vec<Event>,
    pub running: bool,
    frames: u64,
    sounds: u64,
    /// The first sound was sent in this step of 20 ms.
    pub sound_offset: u32,
    pub traces: bool,
    /// The answer to the viewer's offer.
    pub answer: String,
}

impl Sim {
    /// Everybody is connected and the viewer looks at all publishers; nothing was sent yet.
    pub fn new(setting: &Setting) -> Self {
        let now = Instant::now();
        let identity = Identity::generate().expect("identity");
        let config = Config { addresses: vec![SERVER.into()], identity };
        let engine = Engine::new(now, config, [setting.seed as u8; 32]);
        let room = RoomId::from_random([1; 16]);
        let publishers = setting.publishers.iter().zip(0..);
        let mut sim = Self {
            engine,
            now,
            start: now,
            room,
            clients: Vec::new(),
            publishers: publishers.map(|(bps, n)| Publisher::new(n, *bps, setting.seed * 31 + u64::from(n))).collect(),
            speaking: setting.speaking,
            viewer: Viewer::new(Vec::new(), setting.feedback, setting.seed),
            events: Vec::new(),
            running: false,
            frames: 0,
            sounds: 0,
            sound_offset: 0,
            answer: String::new(),
            traces: std::env::var_os("WERKRAUM_TRACE").is_some(),
        };
        for number in 0..setting.publishers.len() {
            let seed = setting.seed * 1_000 + number as u64;
            sim.join(1, true, [Link::new(Path::FREE, seed), Link::new(setting.uplink, seed + 100)], true);
        }
        let links = [Link::new(setting.down, setting.seed * 7 + 1), Link::new(setting.up, setting.seed * 7 + 2)];
        let answer = sim.join(setting.heights.len(), false, links, setting.feedback);
        sim.viewer = Viewer::new(slot_ssrcs(&answer, setting.heights.len() + 2), setting.feedback, setting.seed);
        sim.answer = answer;
        for (place, height_px) in setting.heights.iter().enumerate() {
            sim.wish(place, *height_px);
        }
        sim
    }

    fn join(&mut self, pairs: usize, simulcast: bool, [to, from]: [Link; 2], feedback: bool) -> String {
        let number = self.clients.len();
        let participant = ParticipantId::from_random([number as u8 + 1; 16]);
        let mut peer = Peer::new(Credentials::from_random([0; 30]), Options::default());
        peer.address = SocketAddr::from(([192, 0, 2, number as u8 + 1], 5_000));
        let (room, now) = (self.room, self.now);
        let mut command = |command: Command| self.engine.handle_command(now, command).expect("carried out");
        command(Command::Join { room, participant, allowed: Sources::ALL });
        for source in [Source::Microphone, Source::Camera] {
            command(Command::SetOn { room, participant, source, on: true });
        }
        let mut offer = offer(&peer, pairs, simulcast);
        if !feedback {
            let lines = offer.sdp.split_inclusive("\r\n").filter(|line| !line.contains("transport-"));
            offer.sdp = lines.collect();
        }
        // As Chromium offers it.
        let red = "a=rtpmap:111 opus/48000/2\r\na=rtpmap:63 red/48000/2\r\na=fmtp:63 111/111\r\n";
        offer.sdp = offer.sdp.replace("a=rtpmap:111 opus/48000/2\r\n", red).replace("SAVPF 111\r", "SAVPF 111 63\r");
        let Reply::Answer(answer) = command(Command::Offer { room, participant, offer }) else { panic!("no answer") };
        let value = |key: &str| {
            let line = answer.lines().find_map(|line| line.strip_prefix(key)).expect("in the answer");
            line.to_owned()
        };
        peer.server = Credentials { ufrag: value("a=ice-ufrag:"), pwd: value("a=ice-pwd:") };
        peer.check();
        peer.connect(self.now);
        self.clients.push(Client { peer, id: participant, to, from });
        let connected = Event::Connected { room, participant };
        for _ in 0..3_000 {
            self.step();
            if self.events.contains(&connected) && self.clients[number].peer.inbound.is_some() {
                return answer;
            }
        }
        panic!("not connected: {:?}", self.events);
    }

    /// How high the viewer shows a publisher.
    pub fn wish(&mut self, place: usize, height_px: u16) {
        let (participant, whom) = (self.clients.last().expect("viewer").id, self.clients[place].id);
        let wish = SlotWish { slot: place as u8, participant: Some(whom), source: Source::Camera, height_px };
        let command = Command::Subscribe { room: self.room, participant, slots: vec![wish] };
        self.engine.handle_command(self.now, command).expect("carried out");
    }

    /// The path to the viewer.
    pub fn down(&mut self) -> &mut Link {
        &mut self.clients.last_mut().expect("viewer").to
    }

    pub fn estimate(&self) -> Option<u64> {
        self.engine.path(self.room, self.clients.last()?.id)?.estimate_bps
    }

    pub fn now_us(&self) -> u64 {
        (self.now - self.start).as_micros() as u64
    }

    /// Lets everybody send for so long.
    pub fn run(&mut self, time: Duration) {
        self.running = true;
        let until = self.now + time;
        while self.now < until {
            self.step();
        }
    }

    fn step(&mut self) {
        self.now += STEP;
        let now_us = self.now_us();
        if self.running {
            self.publish(now_us);
            let viewer = self.clients.last_mut().expect("viewer");
            for message in self.viewer.tick(now_us) {
                let sealed = viewer.peer.outbound.as_mut().expect("connected").encrypt_rtcp(&message).expect("sealed");
                viewer.from.send(self.now, sealed.to_vec());
            }
        }
        let consents = self.running && (now_us / 1_000).is_multiple_of(5_000);
        for client in &mut self.clients {
            if consents {
                client.peer.check();
            }
            if client.peer.next_timeout().is_some_and(|at| at <= self.now) {
                client.peer.handle_timeout(self.now);
            }
            while let Some(datagram) = client.peer.sending.pop_front() {
                client.from.send(self.now, datagram);
            }
            for (_, mut datagram) in client.from.arrived(self.now) {
                self.engine.handle_datagram(self.now, client.peer.address, &mut datagram);
            }
        }
        if self.engine.poll_timeout().is_some_and(|at| at <= self.now) {
            self.engine.handle_timeout(self.now);
        }
        while let Some(transmit) = self.engine.poll_transmit() {
            let size = transmit.segment_size.unwrap_or(transmit.contents.len());
            let Some(client) = self.clients.iter_mut().find(|client| client.peer.address == transmit.to.address) else {
                continue;
            };
            for datagram in transmit.contents.chunks(size) {
                client.to.send(self.now, datagram.to_vec());
            }
        }
        for place in 0..self.clients.len() {
            for (_, datagram) in self.clients[place].to.arrived(self.now) {
                self.deliver(place, now_us, &datagram);
            }
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }

    fn publish(&mut self, now_us: u64) {
        let (frame, sound) = (now_us / 1_000 / FRAME_MS, now_us / 20_000);
        let (has_frame, has_sound) = (frame > self.frames, sound > self.sounds);
        if has_sound && self.sound_offset == 0 {
            self.sound_offset = sound as u32;
        }
        (self.frames, self.sounds) = (frame, sound);
        for (place, publisher) in self.publishers.iter_mut().enumerate() {
            let mut packets = Vec::new();
            if has_frame {
                packets = publisher.pictures(now_us);
            }
            if has_sound && place < self.speaking {
                packets.push(publisher.sound(now_us));
            }
            let client = &mut self.clients[place];
            for packet in packets {
                let sealed = client.peer.outbound.as_mut().expect("connected").encrypt_rtp(&packet).expect("sealed");
                client.from.send(self.now, sealed.to_vec());
            }
        }
    }

    fn deliver(&mut self, place: usize, now_us: u64, datagram: &[u8]) {
        let is_viewer = place + 1 == self.clients.len() && self.running;
        let client = &mut self.clients[place];
        if !(128..192).contains(&datagram[0]) {
            return client.peer.handle(self.now, datagram);
        }
        let Some(inbound) = &mut client.peer.inbound else { return };
        if (192..224).contains(&datagram[1]) {
            let compound = inbound.decrypt_rtcp(datagram).expect("opened").to_vec();
            if is_viewer {
                self.viewer.control(now_us, &compound);
            } else {
                self.feedback(place, &compound);
            }
        } else if is_viewer {
            let packet = inbound.decrypt_rtp(datagram).expect("opened");
            self.viewer.packet(now_us, &packet);
        }
    }

    /// What a publisher is asked for.
    fn feedback(&mut self, place: usize, compound: &[u8]) {
        let Some(publisher) = self.publishers.get_mut(place) else { return };
        let mut again = Vec::new();
        let mut rest = compound;
        while rest.len() >= 12 {
            let size = 4 + 4 * usize::from(u16::from_be_bytes([rest[2], rest[3]]));
            let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("four"));
            match (rest[1], rest[0] & 31) {
                (206, 1) => publisher.key_frame_asked(word(8)),
                (205, 1) => {
                    for pair in rest[12..size].chunks(4) {
                        let (first, mask) =
                            (u16::from_be_bytes([pair[0], pair[1]]), u16::from_be_bytes([pair[2], pair[3]]));
                        let more = (0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| first.wrapping_add(bit + 1));
                        for number in std::iter::once(first).chain(more) {
                            again.extend(publisher.again(word(8), number));
                        }
                    }
                }
                _ => {}
            }
            rest = &rest[size..];
        }
        let client = &mut self.clients[place];
        for packet in again {
            let sealed = client.peer.outbound.as_mut().expect("connected").encrypt_rtp(&packet).expect("sealed");
            client.from.send(self.now, sealed.to_vec());
        }
    }

    /// Pictures and sounds that were sent so far.
    pub fn published(&self) -> (u32, u32) {
        (self.frames as u32, self.sounds as u32)
    }

    /// Whether the viewer was told last that pictures flow in a slot.
    pub fn told_picture(&self, slot: u8) -> Option<bool> {
        let viewer = self.clients.last()?.id;
        let all = self.events.iter().filter_map(|event| match event {
            Event::Slots { participant, slots, .. } if *participant == viewer => Some(slots),
            _ => None,
        });
        all.flatten().filter(|content| content.slot == slot).map(|content| content.picture).next_back()
    }

    pub fn panics(&self) -> u64 {
        self.engine.counters().panics
    }
}
