//! A model of a browser that publishes: three layers of VP8 by simulcast with sizes as an encoder makes them, key frames
//! when asked, RTX for NACKs, and 20 ms of Opus. Each payload carries who made it, its number and when.

use super::super::meeting::{CAMERA, MIC, OPUS, RTX, VP8};
use super::link::Random;
use std::collections::HashMap;

pub const FRAME_MS: u64 = 33;
/// Where in a payload the mark is: behind all headers.
pub const MARK_AT: usize = 16;
pub const MARK_BYTES: usize = 20;
const PART_BYTES: usize = 1_080;
/// A key frame is so many times as large as another; the encoder saves that again later.
const KEY: f64 = 6.0;

/// What a payload says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub publisher: u8,
    pub layer: u8,
    pub part: u8,
    pub parts: u8,
    pub number: u32,
    pub sent_us: u64,
    pub key: bool,
}

impl Mark {
    pub fn write(&self) -> [u8; MARK_BYTES] {
        let mut out = [0; MARK_BYTES];
        out[..6].copy_from_slice(&[b'M', self.publisher, self.layer, self.part, self.parts, u8::from(self.key)]);
        out[6..10].copy_from_slice(&self.number.to_be_bytes());
        out[10..18].copy_from_slice(&self.sent_us.to_be_bytes());
        out
    }

    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [b'M', publisher, layer, part, parts, key, rest @ ..] = bytes else { return None };
        Some(Self {
            publisher: *publisher,
            layer: *layer,
            part: *part,
            parts: *parts,
            number: u32::from_be_bytes(rest.get(..4)?.try_into().ok()?),
            sent_us: u64::from_be_bytes(rest.get(4..12)?.try_into().ok()?),
            key: *key == 1,
        })
    }
}

struct Layer {
    bps: f64,
    sequence: u16,
    rtx_sequence: u16,
    key_wanted: bool,
    key_at_ms: Option<u64>,
    /// Bytes that key frames have taken in advance.
    debt: f64,
    kept: HashMap<u16, (u32, bool, Vec<u8>)>,
}

pub struct Publisher {
    pub number: u8,
    layers: Vec<Layer>,
    picture: u32,
    sound: u32,
    transport_number: u16,
    random: Random,
    pub key_frames: u32,
}

impl Publisher {
    pub fn new(number: u8, bps: [u64; 3], seed: u64) -> Self {
        let layer = |bps: u64| Layer {
            bps: bps as f64,
            sequence: 0,
            rtx_sequence: 0,
            key_wanted: true,
            key_at_ms: None,
            debt: 0.0,
            kept: HashMap::new(),
        };
        Self {
            number,
            layers: bps.into_iter().map(layer).collect(),
            picture: 0,
            sound: 0,
            transport_number: 0,
            random: Random(seed),
            key_frames: 0,
        }
    }

    /// `numbers`: sequence and timestamp.
    fn packet(&mut self, (ssrc, pt): (u32, u8), numbers: (u16, u32), marker: bool, ext: &[u8], body: &[u8]) -> Vec<u8> {
        let (sequence, time) = numbers;
        self.transport_number = self.transport_number.wrapping_add(1);
        let mut block = vec![3 << 4 | 1];
        block.extend(self.transport_number.to_be_bytes());
        block.extend(ext);
        block.resize(block.len().next_multiple_of(4), 0);
        let mut packet = vec![0x90, u8::from(marker) << 7 | pt];
        packet.extend(sequence.to_be_bytes());
        packet.extend(time.to_be_bytes());
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0xbe, 0xde, 0, (block.len() / 4) as u8]);
        packet.extend(block);
        packet.extend(body);
        packet
    }

    /// The packets of 20 ms of sound.
    pub fn sound(&mut self, now_us: u64) -> Vec<u8> {
        let number = self.sound;
        self.sound += 1;
        let mark = Mark { publisher: self.number, layer: 0, part: 0, parts: 1, number, sent_us: now_us, key: false };
        let mut body = vec![0x78; 80];
        body[MARK_AT..MARK_AT + MARK_BYTES].copy_from_slice(&mark.write());
        self.packet((MIC, OPUS), (number as u16, number * 960), false, &[4 << 4, b'0', 1 << 4, 30], &body)
    }

    /// The packets of a picture in all layers.
    pub fn pictures(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let number = self.picture;
        self.picture += 1;
        let now_ms = now_us / 1_000;
        let mut packets = Vec::new();
        for place in 0..self.layers.len() {
            let usual = self.layers[place].bps / 8.0 * FRAME_MS as f64 / 1_000.0;
            let spread = 0.75 + self.random.below(500) as f64 / 1_000.0;
            let layer = &mut self.layers[place];
            let key = layer.key_wanted && layer.key_at_ms.is_none_or(|at| now_ms - at >= 150);
            let size = if key {
                (layer.key_wanted, layer.key_at_ms) = (false, Some(now_ms));
                layer.debt += usual * (KEY - 1.0);
                self.key_frames += 1;
                usual * KEY
            } else {
                let saved = (usual * 0.3).min(layer.debt);
                layer.debt -= saved;
                usual * spread - saved
            };
            let parts = (size as usize).div_ceil(PART_BYTES).max(1);
            let part_bytes = (size as usize / parts).max(60);
            for part in 0..parts {
                let sequence = self.layers[place].sequence;
                self.layers[place].sequence = sequence.wrapping_add(1);
                let mark = Mark {
                    publisher: self.number,
                    layer: place as u8,
                    part: part as u8,
                    parts: parts as u8,
                    number,
                    sent_us: now_us,
                    key,
                };
                let body = body(&mark, part_bytes);
                let (time, marker) = (number * 2_970 + place as u32 * 77, part + 1 == parts);
                let ext = [4 << 4, b'1', 10 << 4, b"qhf"[place]];
                packets.push(self.packet((CAMERA + place as u32, VP8), (sequence, time), marker, &ext, &body));
                let kept = &mut self.layers[place].kept;
                kept.insert(sequence, (time, marker, body));
                kept.remove(&sequence.wrapping_sub(1_000));
            }
        }
        packets
    }

    pub fn key_frame_asked(&mut self, ssrc: u32) {
        if let Some(layer) = self.layers.get_mut(ssrc.wrapping_sub(CAMERA) as usize) {
            layer.key_wanted = true;
        }
    }

    /// The packet that answers a NACK.
    pub fn again(&mut self, ssrc: u32, sequence: u16) -> Option<Vec<u8>> {
        let place = ssrc.wrapping_sub(CAMERA) as usize;
        let layer = self.layers.get_mut(place)?;
        let (time, marker, body) = layer.kept.get(&sequence)?.clone();
        layer.rtx_sequence = layer.rtx_sequence.wrapping_add(1);
        let rtx = layer.rtx_sequence;
        let body = [&sequence.to_be_bytes()[..], &body].concat();
        let ext = [4 << 4, b'1', 11 << 4, b"qhf"[place]];
        Some(self.packet((CAMERA + 500 + place as u32, RTX), (rtx, time), marker, &ext, &body))
    }
}

fn body(mark: &Mark, bytes: usize) -> Vec<u8> {
    let n = mark.number;
    let start = if mark.part == 0 { 0x90 } else { 0x80 };
    let mut body = vec![start, 0xc0, 0x80 | (n >> 8 & 0x7f) as u8, n as u8, n as u8];
    if mark.part == 0 {
        let height = (180_u16 << mark.layer).to_le_bytes();
        body.extend([if mark.key { 0x10 } else { 0x11 }, 0, 0, 0x9d, 0x01, 0x2a, 0, 1, height[0], height[1]]);
    }
    body.resize(MARK_AT, 0xab);
    body.extend(mark.write());
    body.resize(bytes, 0xab);
    body
}
