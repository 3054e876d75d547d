//! Streams with layers inside (VP9 and AV1 SVC, VP8 with temporal layers) through the whole engine: a small tile gets the
//! small layer, a large one the large layer, numbers stay continuous, losses on both sides are mended.

mod common;

use common::meeting::{CAMERA, Meeting, RTX, VP8};
use common::scalable::{Encoder, Frame, MODES, Mode};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

const PICTURE: Duration = Duration::from_millis(33);
const DESCRIPTOR: u8 = 12;

/// Somebody who publishes such a stream, answers NACKs and makes key pictures when asked.
struct Publisher {
    who: usize,
    codec: &'static str,
    encoder: Encoder,
    sequence: u16,
    rtx_sequence: u16,
    /// What was sent, by sequence number.
    sent: HashMap<u16, (u32, bool, Vec<u8>, Vec<u8>)>,
    frames: HashMap<u64, Frame>,
    pictures: u64,
    key_pictures: u64,
    /// Says nothing of layers.
    plain: bool,
}

impl Publisher {
    fn new(meeting: &mut Meeting, codec: &'static str, mode: Mode) -> Self {
        meeting.codec = codec;
        let who = meeting.join(1, false);
        Self {
            who,
            codec,
            encoder: Encoder::new(mode, 65_000, 32_000),
            sequence: 64_000,
            rtx_sequence: 1,
            sent: HashMap::new(),
            frames: HashMap::new(),
            pictures: 0,
            key_pictures: 0,
            plain: false,
        }
    }

    fn encoder_number(&self) -> u64 {
        self.frames.keys().max().map_or(0, |number| number + 1)
    }

    fn body(&self, frame: &Frame, part: u8, parts: u8) -> (Vec<u8>, Vec<u8>) {
        let (start, end) = (part == 0, part + 1 == parts);
        let (mut payload, descriptor) = match self.codec {
            "AV1" => {
                let first = if frame.key && frame.spatial == 0 && start { 0x18 } else { 0x10 };
                (vec![first], frame.descriptor(start, end, false, None))
            }
            "VP9" if self.plain => {
                let inter = if frame.key { 0 } else { 0x40 };
                let (begin, end) = (u8::from(start) << 3, u8::from(end) << 2);
                let id = frame.picture as u16 | 0x8000;
                (vec![0x80 | inter | begin | end, (id >> 8) as u8, id as u8], Vec::new())
            }
            "VP9" => (frame.vp9(start, end, true), Vec::new()),
            _ if self.plain => {
                let mut payload = frame.vp8(start);
                payload[1] &= !0x20;
                payload.remove(5);
                (payload, Vec::new())
            }
            _ => (frame.vp8(start), Vec::new()),
        };
        payload.resize(300, 0xcd);
        payload.extend(frame.number.to_be_bytes());
        payload.extend([part, parts]);
        (payload, descriptor)
    }

    fn send(&self, meeting: &mut Meeting, rtx: Option<(u16, u16)>, sequence: u16) {
        let (time, marker, payload, descriptor) = &self.sent[&sequence];
        let client = &mut meeting.clients[self.who];
        client.transport_number = client.transport_number.wrapping_add(1);
        let mut block = vec![3, 2];
        block.extend(client.transport_number.to_be_bytes());
        block.extend([4, 1, b'1']);
        if !descriptor.is_empty() {
            block.extend([DESCRIPTOR, descriptor.len() as u8]);
            block.extend(descriptor);
        }
        block.resize(block.len().next_multiple_of(4), 0);
        let (payload_type, number, ssrc) = match rtx {
            None => (VP8, sequence, CAMERA),
            Some((number, _)) => (RTX, number, CAMERA + 500),
        };
        let mut packet = vec![0x90, u8::from(*marker) << 7 | payload_type];
        packet.extend(number.to_be_bytes());
        packet.extend(time.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0x10, 0x00, 0, (block.len() / 4) as u8]);
        packet.extend(block);
        packet.extend(rtx.iter().flat_map(|(_, original)| original.to_be_bytes()));
        packet.extend(payload);
        meeting.send_raw(self.who, &packet);
    }

    /// A picture, and what was asked for again.
    fn picture(&mut self, meeting: &mut Meeting) {
        let asked = !std::mem::take(&mut meeting.clients[self.who].key_frames_asked).is_empty();
        let key = self.pictures == 0 || asked;
        self.key_pictures += u64::from(key);
        let time = (self.pictures * 3_000) as u32;
        self.pictures += 1;
        let frames = self.encoder.picture(key);
        let top = frames.len() - 1;
        for (place, frame) in frames.into_iter().enumerate() {
            let parts = 1 + frame.spatial + u8::from(key);
            for part in 0..parts {
                self.sequence = self.sequence.wrapping_add(1);
                let (payload, descriptor) = self.body(&frame, part, parts);
                let marker = part + 1 == parts && place == top;
                self.sent.insert(self.sequence, (time, marker, payload, descriptor));
                self.send(meeting, None, self.sequence);
            }
            self.frames.insert(frame.number, frame);
        }
        for (_, missing) in std::mem::take(&mut meeting.clients[self.who].nacked) {
            if self.sent.contains_key(&missing) {
                self.rtx_sequence += 1;
                self.send(meeting, Some((self.rtx_sequence, missing)), missing);
            }
        }
        meeting.pass(PICTURE);
    }
}

/// What a viewer got, by outgoing sequence number counted on: the frame's number, part, parts, marker; `None`: empty.
#[derive(Default)]
struct Got {
    packets: BTreeMap<u64, Option<(u64, u8, u8, bool)>>,
    newest: Option<u64>,
    read: usize,
    asked: HashMap<u64, u32>,
}

impl Got {
    fn read(&mut self, meeting: &Meeting, viewer: usize) {
        let slot = meeting.clients[viewer].slots[0];
        let received = &meeting.clients[viewer].received;
        for packet in &received[self.read..] {
            let (sequence, payload) = match packet.ssrc {
                ssrc if ssrc == slot.video => (packet.sequence, &packet.payload[..]),
                ssrc if ssrc == slot.rtx => {
                    (u16::from_be_bytes([packet.payload[0], packet.payload[1]]), &packet.payload[2..])
                }
                _ => continue,
            };
            let newest = *self.newest.get_or_insert(u64::from(sequence) + 65_536);
            let ahead = i64::from(sequence.wrapping_sub(newest as u16) as i16);
            let number = newest.checked_add_signed(ahead).expect("positive");
            self.newest = Some(newest.max(number));
            let content = payload.split_last_chunk::<10>().map(|(_, end)| {
                let frame = u64::from_be_bytes(end[..8].try_into().expect("eight"));
                (frame, end[8], end[9], packet.marker)
            });
            let former = self.packets.insert(number, content);
            assert!(former.is_none_or(|former| former == content), "number {number} was given twice");
        }
        self.read = received.len();
    }

    /// Numbers that are missing.
    fn gaps(&self) -> Vec<u64> {
        let (Some((first, _)), Some((last, _))) = (self.packets.first_key_value(), self.packets.last_key_value())
        else {
            return Vec::new();
        };
        (*first..*last).filter(|number| !self.packets.contains_key(number)).collect()
    }

    /// Asks for what is missing, as a browser does.
    fn ask(&mut self, meeting: &mut Meeting, viewer: usize) {
        for missing in self.gaps() {
            let tries = self.asked.entry(missing).or_default();
            *tries += 1;
            if *tries % 3 == 1 && *tries < 30 {
                let mut nack = vec![0x81, 205, 0, 3, 0, 0, 0, 9];
                nack.extend(meeting.clients[viewer].slots[0].video.to_be_bytes());
                nack.extend((missing as u16).to_be_bytes());
                nack.extend([0, 0]);
                meeting.send_rtcp(viewer, &nack);
            }
        }
    }

    /// The frames that came whole, and how many packets had a frame.
    fn frames(&self) -> HashSet<u64> {
        let mut parts: HashMap<u64, (u8, u8)> = HashMap::new();
        for (frame, _, of, _) in self.packets.values().flatten() {
            let entry = parts.entry(*frame).or_insert((0, *of));
            entry.0 += 1;
        }
        parts.into_iter().filter(|(_, (came, of))| came == of).map(|(frame, _)| frame).collect()
    }
}

fn wished(mode: Mode, height: u16) -> u8 {
    (0..mode.spatial).find(|spatial| 180_u16 << spatial >= height).unwrap_or(mode.spatial - 1)
}

fn streams() -> Vec<(&'static str, Mode)> {
    let all = |codec| MODES.map(|mode| (codec, mode));
    let vp8 = MODES.into_iter().filter(|mode| mode.spatial == 1).map(|mode| ("VP8", mode));
    all("AV1").into_iter().chain(all("VP9")).chain(vp8).collect()
}

#[test]
fn a_tile_gets_the_layer_of_its_size_without_gaps() {
    for (codec, mode) in streams() {
        let what = format!("{codec} {}", mode.name);
        let mut meeting = Meeting::new();
        let mut publisher = Publisher::new(&mut meeting, codec, mode);
        let viewer = meeting.join(1, false);
        let mut got = Got::default();
        for (round, height) in [180, 720, 360, 180, 720, 180].into_iter().enumerate() {
            meeting.wish(viewer, 0, Some(publisher.who), height);
            let keys = publisher.key_pictures;
            for n in 0..45 {
                if n == 15 {
                    // Half a second later only this layer comes, whole, with its marker.
                    got = Got::default();
                    got.read = meeting.clients[viewer].received.len();
                }
                publisher.picture(&mut meeting);
                got.read(&meeting, viewer);
            }
            assert_eq!(got.gaps(), Vec::<u64>::new(), "{what} round {round}");
            let wanted = wished(mode, height);
            let frames = got.frames();
            let highest: HashSet<u64> = frames.iter().map(|number| publisher.frames[number].picture).collect();
            let mut all: Vec<_> = highest.iter().copied().collect();
            all.sort();
            assert!(highest.len() >= 28, "{what} round {round}: {} pictures {all:?}", highest.len());
            for (frame, part, of, marker) in got.packets.values().flatten() {
                let frame = &publisher.frames[frame];
                assert!(frame.spatial <= wanted, "{what} round {round}: {frame:?}");
                assert_eq!(*marker, part + 1 == *of && frame.spatial == wanted, "{what}: {frame:?}");
                if mode.key && !frame.key {
                    assert_eq!(frame.spatial, wanted, "{what}: lower layers are no use between key pictures");
                }
            }
            let asked = publisher.key_pictures - keys;
            assert!(asked <= 1 || round == 0, "{what} round {round}: {asked} key pictures");
            if mode.spatial == 1 {
                assert!(asked == 0 || round == 0, "{what}: none is needed");
            }
        }
    }
}

/// Every forwarded frame can be decoded: what it depends on was forwarded, by frame numbers as the viewer sees them.
#[test]
fn the_descriptor_stays_true_for_a_viewer_of_av1() {
    let mode = MODES[3];
    let mut meeting = Meeting::new();
    let mut publisher = Publisher::new(&mut meeting, "AV1", mode);
    let mut other = Publisher::new(&mut meeting, "AV1", MODES[4]);
    // Frames are told apart by their whole number; their last bits are the same.
    other.encoder = Encoder::new(MODES[4], 65_000 + (1 << 16), 32_000);
    other.encoder.first_template = 30;
    let viewer = meeting.join(1, false);
    for round in 0..8 {
        let height = [180, 360, 720, 720][round % 4];
        let whom = if round % 2 == 0 { publisher.who } else { other.who };
        meeting.wish(viewer, 0, Some(whom), height);
        for _ in 0..30 {
            publisher.picture(&mut meeting);
            other.picture(&mut meeting);
        }
    }
    let packets = meeting.stream(viewer, meeting.clients[viewer].slots[0].video);
    assert!(packets.len() > 300, "{}", packets.len());
    let mut known: HashSet<u16> = HashSet::new();
    let (mut newest, mut structures) = (None::<u16>, 0);
    for packet in &packets {
        let descriptor = &packet.descriptor;
        assert!(descriptor.len() >= 3);
        let number = u16::from_be_bytes([descriptor[1], descriptor[2]]);
        let structure = descriptor.get(3).is_some_and(|flags| flags & 0x80 != 0);
        if structure {
            structures += 1;
            known.clear();
        }
        assert!(newest.is_none() || !known.is_empty() || structure, "no stream begins without a structure");
        if let Some(newest) = newest {
            assert!(number.wrapping_sub(newest) < 100, "{number} after {newest}");
        }
        newest = Some(number);
        let (_, end) = packet.payload.split_last_chunk::<10>().expect("a body");
        let original = u64::from_be_bytes(end[..8].try_into().expect("eight"));
        let frame = [&publisher, &other].into_iter().find_map(|from| from.frames.get(&original)).expect("known");
        for on in &frame.on {
            let distance = (frame.number - on) as u16;
            assert!(
                known.contains(&number.wrapping_sub(distance)),
                "{number} depends on what did not come: {frame:?} {known:?}"
            );
        }
        known.insert(number);
    }
    assert!(structures >= 8, "{structures}");
}

/// Losses up and down: what a viewer needs comes in the end, and what it does not need is no gap.
#[test]
fn losses_of_layered_streams_are_mended() {
    for (codec, mode) in streams() {
        let what = format!("{codec} {}", mode.name);
        let mut meeting = Meeting::new();
        let mut publisher = Publisher::new(&mut meeting, codec, mode);
        let viewer = meeting.join(1, false);
        meeting.wish(viewer, 0, Some(publisher.who), 180);
        let mut got = Got::default();
        (0..30).for_each(|_| publisher.picture(&mut meeting));
        meeting.loss = (20, 20);
        for n in 0..300 {
            if n == 270 {
                meeting.loss = (0, 0);
            }
            publisher.picture(&mut meeting);
            got.read(&meeting, viewer);
            got.ask(&mut meeting, viewer);
        }
        let gaps = got.gaps();
        let packets = got.packets.len();
        assert!(packets > 250 && gaps.len() <= 2, "{what}: {} of {packets} never came", gaps.len());
        let frames = got.frames();
        let late = frames.iter().map(|number| publisher.frames[number].picture).max().expect("some") - 10;
        let missing = |frame: &&u64| publisher.frames[frame].on.iter().any(|on| !frames.contains(on));
        let broken = frames.iter().filter(|number| publisher.frames[number].picture < late).filter(missing).count();
        assert!(broken <= 3, "{what}: {broken} frames lack what they depend on");
    }
}

/// A browser may stop making layers, and begin again: its viewers see pictures all the time.
#[test]
fn layers_may_go_and_come_back() {
    for codec in ["VP8", "VP9"] {
        let mut meeting = Meeting::new();
        let mut publisher = Publisher::new(&mut meeting, codec, MODES[1]);
        let viewer = meeting.join(1, false);
        meeting.wish(viewer, 0, Some(publisher.who), 180);
        let mut got = Got::default();
        for plain in [true, false, true, false] {
            publisher.plain = plain;
            meeting.clients[publisher.who].key_frames_asked.push(CAMERA);
            let before = publisher.encoder_number();
            for _ in 0..60 {
                publisher.picture(&mut meeting);
                got.read(&meeting, viewer);
            }
            let pictures = got.frames().iter().filter(|number| **number >= before).count();
            assert!(pictures >= 55, "{codec} plain {plain}: {pictures}");
        }
        assert_eq!(got.gaps(), Vec::<u64>::new(), "{codec}");
    }
}
