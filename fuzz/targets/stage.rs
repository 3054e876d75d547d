//! A whole engine with a publisher and a viewer who are really connected (ICE, DTLS, SRTP), for targets whose input is
//! what those two send once they have keys. Datagrams go straight in, sealed here, so that any plaintext is possible.
//!
//! Shaking hands costs more than most inputs, so a stage is used for several, with new publications and slots for each;
//! when one fails, all that the stage has seen is saved, to be tried again by `cargo xtask fuzz NAME --replay FILE`.

use super::input::chunk;
use super::seal::Sealer;
use crate::common::meeting::{self, CAMERA, MIC, Meeting};
use model::source::Source;
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Once;
use std::time::Duration;
use werkraum_media::command::{Command, Event, Offer, Reply};

/// The one who sends pictures and sound, and the one who looks on. Both may say anything.
pub const PUBLISHER: usize = 0;
pub const VIEWER: usize = 1;
/// Payload types that the meeting's own offers do not have.
pub const AV1: u8 = 45;
pub const VP9: u8 = 98;
/// The id of the dependency descriptor in the publisher's packets.
pub const DESCRIPTOR: u8 = 12;
/// Longer plans add nothing.
pub const STEPS_MAX: usize = 64;
/// Virtual time of one plan: less than a lost consent.
const TIME_MAX: Duration = Duration::from_secs(25);
/// Inputs that one stage sees, and pictures: the meeting's own timestamps end somewhere.
const USES_MAX: usize = 50;
const PICTURES_MAX: u32 = 300_000;

thread_local! {
    static STAGES: RefCell<[Option<Stage>; 2]> = const { RefCell::new([None, None]) };
    /// What the stage in use has seen.
    static SEEN: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Plays an input on a stage (`simulcast`: of a publisher with three sizes), and checks what must hold afterwards.
pub fn play(bytes: &[u8], simulcast: bool, act: impl FnOnce(&mut Stage)) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            save();
            former(info);
        }));
    });
    let place = usize::from(simulcast);
    // Taken out, so that one that has failed is not used again.
    let fresh = |stage: &Stage| stage.seen.len() < USES_MAX && stage.pictures.iter().all(|n| *n < PICTURES_MAX);
    let kept = STAGES.with_borrow_mut(|stages| stages[place].take()).filter(fresh);
    let mut stage = match kept {
        Some(mut stage) => {
            stage.renew();
            stage
        }
        None => Stage::new(simulcast),
    };
    stage.seen.push(bytes.to_vec());
    SEEN.set(std::mem::take(&mut stage.seen));
    act(&mut stage);
    stage.holds();
    stage.seen = SEEN.take();
    STAGES.with_borrow_mut(|stages| stages[place] = Some(stage));
}

/// Saves what the failing stage has seen, if there is a place for it.
fn save() {
    let seen = SEEN.take();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|folder| folder.join("fuzz/crashes"));
    if let Some(folder) = folder.into_iter().find(|folder| folder.is_dir()).filter(|_| !seen.is_empty()) {
        let bytes: Vec<u8> = seen.iter().flat_map(|input| chunk(input)).collect();
        let name = format!("stage-{:x}", bytes.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte)));
        // A failure without its file is still a failure.
        let _ = std::fs::write(folder.join(name), bytes);
    }
}

pub struct Stage {
    pub meeting: Meeting,
    sealers: [Sealer; 2],
    sequences: HashMap<u32, u16>,
    /// The next picture of each size, for targets that count pictures.
    pub pictures: [u32; 3],
    passed: Duration,
    seen: Vec<Vec<u8>>,
}

impl Stage {
    fn new(simulcast: bool) -> Self {
        let mut meeting = Meeting::new();
        for layers in [simulcast, false] {
            meeting.join(1, layers);
        }
        let mut stage = Self {
            sealers: [PUBLISHER, VIEWER].map(|who| {
                let (key, salt) = meeting.clients[who].peer.master.clone().expect("connected");
                Sealer::new(&key, &salt)
            }),
            meeting,
            sequences: HashMap::new(),
            pictures: [0; 3],
            passed: Duration::ZERO,
            seen: Vec::new(),
        };
        stage.set();
        stage
    }

    /// Everything but the connections anew.
    fn renew(&mut self) {
        self.passed = Duration::ZERO;
        // Numbers of packets go on, since SRTP takes each only once.
        self.pictures = self.pictures.map(|n| n.next_multiple_of(8) + 8);
        for who in [PUBLISHER, VIEWER] {
            self.meeting.clients[who].peer.check();
            self.offer(who, |offer| {
                offer.publish.clear();
                offer.slots.clear();
            });
            let client = &mut self.meeting.clients[who];
            client.received.clear();
            client.rtcp.clear();
            client.key_frames_asked.clear();
            client.nacked.clear();
        }
        self.meeting.events.clear();
        self.meeting.pass(Duration::from_millis(40));
        self.set();
    }

    fn offer(&mut self, who: usize, change: impl FnOnce(&mut Offer)) -> String {
        let client = &self.meeting.clients[who];
        let mut offer = with_layered_codecs(meeting::offer(&client.peer, 1, client.simulcast));
        change(&mut offer);
        let (room, participant) = (self.meeting.room, client.id);
        let Reply::Answer(answer) = self.meeting.command(Command::Offer { room, participant, offer }) else {
            panic!("no answer")
        };
        answer
    }

    fn set(&mut self) {
        let (room, participant) = (self.meeting.room, self.meeting.clients[PUBLISHER].id);
        self.meeting.command(Command::SetOn { room, participant, source: Source::Camera, on: true });
        for who in [PUBLISHER, VIEWER] {
            let answer = self.offer(who, |_| {});
            self.meeting.clients[who].slots = meeting::slot_ssrcs(&answer, 3);
        }
        self.meeting.wish(VIEWER, 0, Some(PUBLISHER), 360);
        self.advance(Duration::ZERO);
    }

    /// The next sequence number of a stream, `step` further on.
    pub fn sequence(&mut self, ssrc: u32, step: u16) -> u16 {
        let next = self.sequences.entry(ssrc).or_insert(1_000);
        *next = next.wrapping_add(step);
        *next
    }

    /// Any bytes as RTP (at least twelve).
    pub fn rtp(&mut self, who: usize, packet: Vec<u8>) {
        let datagram = self.sealers[who].rtp(packet);
        self.deliver(who, datagram);
    }

    /// Any bytes as RTCP (at least eight).
    pub fn rtcp(&mut self, who: usize, compound: Vec<u8>) {
        let datagram = self.sealers[who].rtcp(compound);
        self.deliver(who, datagram);
    }

    fn deliver(&mut self, who: usize, mut datagram: Vec<u8>) {
        let (now, from) = (self.meeting.now, self.meeting.clients[who].peer.address);
        self.meeting.engine.handle_datagram(now, from, &mut datagram);
    }

    /// A well-formed picture of two packets and a piece of sound, so that there is something to react to.
    pub fn media(&mut self, n: u32, layer: u32) {
        for part in 0..2 {
            let ssrc = CAMERA + layer;
            let sequence = self.sequence(ssrc, 1);
            let mut packet = vec![0x90, u8::from(part == 1) << 7 | meeting::VP8];
            packet.extend(sequence.to_be_bytes());
            packet.extend((n * 3_000).to_be_bytes());
            packet.extend(ssrc.to_be_bytes());
            packet.extend([0xbe, 0xde, 0, 1, 4 << 4, b'1', 10 << 4, b"qhf"[layer as usize % 3]]);
            packet.extend(meeting::picture_body(n, n.is_multiple_of(8), layer, part));
            self.rtp(PUBLISHER, packet);
        }
        let sequence = self.sequence(MIC, 1);
        let mut packet = vec![0x90, meeting::OPUS];
        packet.extend(sequence.to_be_bytes());
        packet.extend((n * 960).to_be_bytes());
        packet.extend(MIC.to_be_bytes());
        packet.extend([0xbe, 0xde, 0, 1, 4 << 4, b'0', 1 << 4, 30]);
        packet.resize(packet.len() + 60, 0x5a);
        self.rtp(PUBLISHER, packet);
    }

    /// Time goes on; what the engine sends meanwhile goes nowhere.
    pub fn advance(&mut self, time: Duration) {
        let time = time.min(TIME_MAX.saturating_sub(self.passed));
        self.passed += time;
        let until = self.meeting.now + time;
        loop {
            self.meeting.sent();
            let due = self.meeting.engine.poll_timeout().filter(|due| *due <= until);
            self.meeting.now = due.map_or(until, |due| due.max(self.meeting.now));
            let now = self.meeting.now;
            if due.is_none() {
                break;
            }
            self.meeting.engine.handle_timeout(now);
        }
    }

    /// As [`Self::advance`] with clients that take what comes; opening it is a test of its own.
    pub fn exchange(&mut self, time: Duration) {
        let time = time.min(TIME_MAX.saturating_sub(self.passed));
        self.passed += time;
        self.meeting.pass(time);
    }

    /// Somebody's stream: pictures and sound of one's own slot, pictures of its RTX, what the publisher sends.
    pub fn ssrc(&self, who: usize, choice: u8, other: u32) -> u32 {
        let slot = self.meeting.clients[who].slots[0];
        match choice % 8 {
            0 => slot.video,
            1 => slot.audio,
            2 => slot.rtx,
            3..=5 => CAMERA + u32::from(choice % 8) - 3,
            6 => MIC,
            _ => other,
        }
    }

    /// What must hold whatever came: nothing failed, both are still connected.
    fn holds(&mut self) {
        self.advance(Duration::from_millis(50));
        assert_eq!(self.meeting.engine.counters().panics, 0, "the engine failed (S-25)");
        let ended = |event: &Event| matches!(event, Event::Disconnected { .. } | Event::Failed { .. });
        while let Some(event) = self.meeting.engine.poll_event() {
            assert!(!ended(&event), "a packet ended a session (S-30): {event:?}");
        }
        assert!(!self.meeting.events.iter().any(ended), "a packet ended a session (S-30)");
    }
}

/// The meeting's offer with AV1, VP9 and the dependency descriptor.
fn with_layered_codecs(mut offer: Offer) -> Offer {
    offer.sdp = offer.sdp.replace("SAVPF 96 97\r\n", &format!("SAVPF 96 97 {VP9} {AV1}\r\n")).replace(
        "a=rtpmap:96 VP8/90000\r\n",
        &format!(
            "a=extmap:{DESCRIPTOR} \
                 https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n\
                 a=rtpmap:{VP9} VP9/90000\r\na=rtpmap:{AV1} AV1/90000\r\na=rtpmap:96 VP8/90000\r\n"
        ),
    );
    offer
}
