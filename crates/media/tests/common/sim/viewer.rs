//! A model of a browser that looks on: transport-wide feedback every 50 to 100 ms, receiver reports, NACK at a gap and
//! again, PLI when a picture is given up; and what came of it: pictures complete, decoded and when, sound in time.

use super::super::meeting::{OPUS, RTX, SlotSsrcs, VP8};
use super::link::Random;
use super::publisher::{MARK_AT, MARK_BYTES, Mark};
use std::collections::{BTreeMap, HashMap};

const RED: u8 = 63;
/// A gap older than this is given up.
const GIVE_UP_US: u64 = 500_000;
const NACK_TRIES: u8 = 10;
/// Between two NACKs for the same packet: about a round trip.
const NACK_AGAIN_US: u64 = 80_000;
const PLI_AGAIN_US: u64 = 300_000;

/// A picture that began to arrive.
#[derive(Clone, Debug)]
pub struct Picture {
    pub mark: Mark,
    parts: u64,
    first: Option<u64>,
    pub complete_us: Option<u64>,
}

#[derive(Default)]
struct Video {
    ssrc: u32,
    highest: Option<u64>,
    /// Missing: since when, asked when, how often.
    missing: BTreeMap<u64, (u64, u64, u8)>,
    /// By publisher, number and layer.
    pictures: BTreeMap<(u8, u32, u8), Picture>,
    /// Complete pictures that wait to be decoded: first number, with how many packets, key.
    waiting: BTreeMap<u64, (u64, bool)>,
    next: Option<u64>,
    pli_us: Option<u64>,
    expected: u64,
    received: u64,
    reported: (u64, u64),
}

/// What was seen and heard.
#[derive(Default)]
pub struct Seen {
    /// Every picture of which something came, by slot.
    pub pictures: Vec<Vec<Picture>>,
    /// When pictures were decoded, by slot.
    pub decoded: Vec<Vec<u64>>,
    /// By publisher and number: how late it came, in microseconds after it was sent.
    pub sounds: HashMap<(u8, u32), u64>,
    pub plis: u32,
    pub nacks: u32,
    pub padding: u64,
}

pub struct Viewer {
    videos: Vec<Video>,
    slots: Vec<SlotSsrcs>,
    pub feedback: bool,
    /// How far its clock was set forward.
    pub clock_us: u64,
    arrivals: BTreeMap<u64, u64>,
    transport_highest: u64,
    base: u64,
    count: u8,
    feedback_us: u64,
    report_us: u64,
    clock: HashMap<u32, (u32, u64)>,
    random: Random,
    pub seen: Seen,
}

fn extend(highest: u64, number: u16) -> u64 {
    highest.wrapping_add_signed(i64::from(number.wrapping_sub(highest as u16) as i16))
}

impl Viewer {
    pub fn new(slots: Vec<SlotSsrcs>, feedback: bool, seed: u64) -> Self {
        let videos: Vec<Video> = slots
            .iter()
            .filter(|slot| slot.video != 0)
            .map(|slot| Video { ssrc: slot.video, ..Video::default() })
            .collect();
        let seen = Seen {
            pictures: vec![Vec::new(); videos.len()],
            decoded: vec![Vec::new(); videos.len()],
            ..Seen::default()
        };
        Self {
            videos,
            slots,
            feedback,
            clock_us: 0,
            arrivals: BTreeMap::new(),
            transport_highest: 65_536,
            base: 0,
            count: 0,
            feedback_us: 0,
            report_us: 0,
            clock: HashMap::new(),
            random: Random(seed),
            seen,
        }
    }

    /// Takes a packet that was opened.
    pub fn packet(&mut self, now_us: u64, packet: &[u8]) {
        let word = |at: usize| u32::from_be_bytes(packet[at..at + 4].try_into().expect("four"));
        let mut at = 12;
        if packet[0] & 0x10 != 0 {
            let words = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
            if packet[16] == 3 << 4 | 1 {
                let number = extend(self.transport_highest, u16::from_be_bytes([packet[17], packet[18]]));
                self.transport_highest = self.transport_highest.max(number);
                self.arrivals.entry(number).or_insert(now_us + self.clock_us);
            }
            at += 4 + 4 * words;
        }
        let padding = if packet[0] & 0x20 != 0 { usize::from(packet[packet.len() - 1]) } else { 0 };
        let payload = &packet[at..packet.len() - padding];
        let (ssrc, sequence) = (word(8), u16::from_be_bytes([packet[2], packet[3]]));
        match packet[1] & 0x7f {
            OPUS => self.sound(now_us, payload),
            RED => self.sounds(now_us, payload),
            VP8 => self.video(now_us, ssrc, sequence, payload, false),
            RTX if payload.is_empty() => self.seen.padding += packet.len() as u64,
            RTX => {
                let main = self.slots.iter().find(|slot| slot.rtx == ssrc).map_or(0, |slot| slot.video);
                self.video(now_us, main, u16::from_be_bytes([payload[0], payload[1]]), &payload[2..], true);
            }
            other => panic!("payload type {other}"),
        }
    }

    /// RFC 2198.
    fn sounds(&mut self, now_us: u64, payload: &[u8]) {
        let mut lengths = Vec::new();
        let mut at = 0;
        while payload[at] & 0x80 != 0 {
            assert_eq!(payload[at] & 0x7f, OPUS);
            lengths.push(usize::from(u16::from_be_bytes([payload[at + 2], payload[at + 3]]) & 0x3ff));
            at += 4;
        }
        at += 1;
        for length in lengths {
            self.sound(now_us, &payload[at..at + length]);
            at += length;
        }
        self.sound(now_us, &payload[at..]);
    }

    fn sound(&mut self, now_us: u64, payload: &[u8]) {
        let Some(mark) = payload.get(MARK_AT..MARK_AT + MARK_BYTES).and_then(Mark::read) else { return };
        let late = now_us - mark.sent_us;
        self.seen.sounds.entry((mark.publisher, mark.number)).or_insert(late);
    }

    fn video(&mut self, now_us: u64, ssrc: u32, sequence: u16, payload: &[u8], again: bool) {
        let Some(place) = self.videos.iter().position(|video| video.ssrc == ssrc) else { return };
        let video = &mut self.videos[place];
        let highest = *video.highest.get_or_insert(u64::from(sequence) + 65_536);
        let number = extend(highest, sequence);
        if number > highest {
            for gap in highest + 1..number {
                video.missing.insert(gap, (now_us, 0, 0));
            }
            video.expected += number - highest;
            video.highest = Some(number);
        }
        video.missing.remove(&number);
        video.received += u64::from(!again);
        let Some(mark) = payload.get(MARK_AT..MARK_AT + MARK_BYTES).and_then(Mark::read) else { return };
        let picture = video.pictures.entry((mark.publisher, mark.number, mark.layer)).or_insert(Picture {
            mark,
            parts: 0,
            first: None,
            complete_us: None,
        });
        picture.parts |= 1 << (mark.part % 64);
        picture.first = Some(number - u64::from(mark.part));
        if picture.parts.count_ones() == u32::from(mark.parts) && picture.complete_us.is_none() {
            picture.complete_us = Some(now_us);
            video.waiting.insert(number - u64::from(mark.part), (u64::from(mark.parts), mark.key));
        }
        self.decode(now_us, place);
    }

    fn decode(&mut self, now_us: u64, place: usize) {
        let video = &mut self.videos[place];
        while let Some((&first, &(parts, key))) = video.waiting.first_key_value() {
            let next = video.next.unwrap_or(u64::MAX);
            if video.next.is_some() && first < next {
                video.waiting.pop_first();
            } else if first == next || key {
                video.waiting.pop_first();
                video.next = Some(first + parts);
                video.missing = video.missing.split_off(&first);
                self.seen.decoded[place].push(now_us);
            } else if let Some((&later, _)) = video.waiting.iter().find(|(_, (_, key))| *key) {
                video.waiting = video.waiting.split_off(&later);
            } else {
                return;
            }
        }
    }

    /// Takes a compound: sender reports, for the receiver reports.
    pub fn control(&mut self, now_us: u64, compound: &[u8]) {
        let mut rest = compound;
        while rest.len() >= 8 {
            let size = 4 + 4 * usize::from(u16::from_be_bytes([rest[2], rest[3]]));
            let word = |at: usize| u32::from_be_bytes(rest[at..at + 4].try_into().expect("four"));
            if rest[1] == 200 {
                self.clock.insert(word(4), (word(8) << 16 | word(12) >> 16, now_us));
            }
            rest = &rest[size.min(rest.len())..];
        }
    }

    /// What the browser has to say now.
    pub fn tick(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for place in 0..self.videos.len() {
            self.ask(now_us, place, &mut out);
        }
        if now_us >= self.feedback_us && self.feedback {
            self.feedback_us = now_us + 50_000 + self.random.below(50_000);
            out.extend(self.transport());
        }
        if now_us >= self.report_us {
            self.report_us = now_us + 1_000_000;
            out.extend(self.report(now_us));
        }
        out
    }

    fn ask(&mut self, now_us: u64, place: usize, out: &mut Vec<Vec<u8>>) {
        let video = &mut self.videos[place];
        let mut asked = Vec::new();
        let mut lost = false;
        video.missing.retain(|number, (since, at, tries)| {
            if now_us - *since > GIVE_UP_US || *tries >= NACK_TRIES {
                lost = true;
                return false;
            }
            if now_us - *since >= 2_000 && now_us - *at >= NACK_AGAIN_US {
                (*at, *tries) = (now_us, *tries + 1);
                asked.push(*number as u16);
            }
            true
        });
        for chunk in asked.chunks(50) {
            self.seen.nacks += chunk.len() as u32;
            let mut nack = vec![0x81, 205, 0, 2 + chunk.len() as u8, 0, 0, 0, 9];
            nack.extend(video.ssrc.to_be_bytes());
            for number in chunk {
                nack.extend(number.to_be_bytes());
                nack.extend([0, 0]);
            }
            out.push(nack);
        }
        // Nothing to decode with, or what was needed never came.
        let stuck = video.waiting.first_key_value().is_some_and(|_| video.missing.is_empty());
        if (lost || stuck) && video.pli_us.is_none_or(|at| now_us - at >= PLI_AGAIN_US) {
            video.pli_us = Some(now_us);
            self.seen.plis += 1;
            let mut pli = vec![0x81, 206, 0, 2, 0, 0, 0, 9];
            pli.extend(video.ssrc.to_be_bytes());
            out.push(pli);
        }
        let done = video.pictures.len().saturating_sub(200);
        for _ in 0..done {
            self.seen.pictures[place].extend(video.pictures.pop_first().map(|(_, picture)| picture));
        }
    }

    /// Transport-wide feedback: two-bit statuses, from the end of the last message on.
    fn transport(&mut self) -> Option<Vec<u8>> {
        let (&first, _) = self.arrivals.first_key_value()?;
        let (&last, _) = self.arrivals.last_key_value()?;
        let base = if self.base == 0 { first } else { self.base.min(first) };
        let base = base.max(last.saturating_sub(600));
        let reference = self.arrivals.values().min()? / 64_000;
        let mut message = vec![0x8f, 205, 0, 0, 0, 0, 0, 9];
        message.extend(self.videos.first().map_or(0, |video| video.ssrc).to_be_bytes());
        message.extend((base as u16).to_be_bytes());
        message.extend(((last + 1 - base) as u16).to_be_bytes());
        message.extend((((reference as u32) & 0xff_ffff) << 8 | u32::from(self.count)).to_be_bytes());
        self.count = self.count.wrapping_add(1);
        let (mut deltas, mut before) = (Vec::new(), reference * 256);
        let numbers: Vec<u64> = (base..=last).collect();
        for seven in numbers.chunks(7) {
            let mut chunk = 3_u16 << 14;
            for (place, number) in seven.iter().enumerate() {
                let Some(at) = self.arrivals.get(number).map(|us| us / 250) else { continue };
                let delta = at as i64 - before as i64;
                before = at;
                if (0..256).contains(&delta) {
                    chunk |= 1 << (12 - 2 * place);
                    deltas.push(delta as u8);
                } else {
                    chunk |= 2 << (12 - 2 * place);
                    deltas.extend((delta as i16).to_be_bytes());
                }
            }
            message.extend(chunk.to_be_bytes());
        }
        message.extend(deltas);
        message.resize(message.len().next_multiple_of(4), 0);
        let words = (message.len() / 4 - 1) as u16;
        message[2..4].copy_from_slice(&words.to_be_bytes());
        self.base = last + 1;
        self.arrivals.clear();
        Some(message)
    }

    fn report(&mut self, now_us: u64) -> Option<Vec<u8>> {
        let mut blocks = Vec::new();
        for video in &mut self.videos {
            let expected = video.expected - video.reported.0;
            let received = video.received - video.reported.1;
            video.reported = (video.expected, video.received);
            let lost = (expected.saturating_sub(received) * 256 / expected.max(1)).min(255);
            let (clock, delay) =
                self.clock.get(&video.ssrc).map_or((0, 0), |(clock, at)| (*clock, (now_us - at) * 65_536 / 1_000_000));
            blocks.push([video.ssrc, (lost as u32) << 24, 0, 0, clock, delay as u32]);
        }
        let mut message = vec![0x80 | blocks.len() as u8, 201, 0, 1 + 6 * blocks.len() as u8, 0, 0, 0, 9];
        blocks.iter().flatten().for_each(|word| message.extend(word.to_be_bytes()));
        (!blocks.is_empty()).then_some(message)
    }

    /// The end: what is still in the making counts as it is.
    pub fn finish(&mut self) {
        for (place, video) in self.videos.iter_mut().enumerate() {
            self.seen.pictures[place].extend(std::mem::take(&mut video.pictures).into_values());
        }
    }
}
