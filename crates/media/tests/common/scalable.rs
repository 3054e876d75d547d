//! An encoder's stream with spatial and temporal layers, without pictures: which frames it makes, on which they depend,
//! and what AV1's dependency descriptor and VP9's and VP8's payload descriptors say about them. Written from the
//! specifications alone, so that it judges the engine's readers. Shared with the engine's unit tests.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses some of it")]

/// How a stream is layered (W3C Scalable Video Coding, clause 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode {
    pub name: &'static str,
    pub spatial: u8,
    pub temporal: u8,
    /// Spatial layers refer to each other in key pictures only.
    pub key: bool,
}

pub const MODES: [Mode; 5] = [
    Mode { name: "L1T2", spatial: 1, temporal: 2, key: false },
    Mode { name: "L1T3", spatial: 1, temporal: 3, key: false },
    Mode { name: "L2T2_KEY", spatial: 2, temporal: 2, key: true },
    Mode { name: "L3T3_KEY", spatial: 3, temporal: 3, key: true },
    Mode { name: "L3T3", spatial: 3, temporal: 3, key: false },
];

/// A row of bits that grows.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    count: usize,
}

impl Bits {
    fn put(&mut self, value: u32, width: usize) {
        for bit in (0..width).rev() {
            if self.count.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.len() - 1;
            self.bytes[last] |= ((value >> bit & 1) as u8) << (7 - self.count % 8);
            self.count += 1;
        }
    }

    /// `ns(n)`.
    fn below(&mut self, value: u32, n: u32) {
        let width = (u32::BITS - n.leading_zeros()) as usize;
        let short = (1 << width) - n;
        if value < short { self.put(value, width - 1) } else { self.put(value + short, width) }
    }
}

/// A frame of one layer.
#[derive(Clone, Debug)]
pub struct Frame {
    pub number: u64,
    pub picture: u64,
    pub spatial: u8,
    pub temporal: u8,
    pub key: bool,
    /// The frames that it depends on.
    pub on: Vec<u64>,
    /// For each decode target: 0 not present, 1 discardable, 2 switch, 3 required.
    pub indications: Vec<u8>,
    /// It depends on the lowest temporal layer alone.
    sync: bool,
    template: u8,
    tl0: u8,
    mode: Mode,
}

/// The encoder.
pub struct Encoder {
    pub mode: Mode,
    number: u64,
    picture: u64,
    since_key: u64,
    tl0: u8,
    /// The newest frame of each layer.
    newest: [[Option<u64>; 4]; 4],
    /// Its first template's id, another one after each key picture.
    pub first_template: u8,
}

fn pattern(temporal: u8) -> &'static [u8] {
    match temporal {
        1 => &[0],
        2 => &[0, 1],
        _ => &[0, 2, 1, 2],
    }
}

impl Mode {
    /// Spatial and temporal layer of each decode target.
    pub fn targets(self) -> Vec<(u8, u8)> {
        (0..self.spatial).flat_map(|s| (0..self.temporal).map(move |t| (s, t))).collect()
    }

    /// What a frame of this layer is for each target.
    fn indications(self, spatial: u8, temporal: u8, key: bool) -> Vec<u8> {
        let of = |(s, t): (u8, u8)| match () {
            () if temporal > t || spatial > s || spatial < s && self.key && !key => 0,
            () if key => 2,
            () if spatial < s => 3,
            () if temporal == 0 => 2,
            () if temporal + 1 == self.temporal || temporal == t => 1,
            () => 2,
        };
        self.targets().into_iter().map(of).collect()
    }

    /// The templates: of each layer one for key and one for other pictures.
    fn templates(self) -> Vec<(u8, u8, bool)> {
        self.targets().into_iter().flat_map(|(s, t)| [(s, t, true), (s, t, false)]).collect()
    }
}

impl Encoder {
    pub fn new(mode: Mode, number: u64, picture: u64) -> Self {
        Self { mode, number, picture, since_key: 0, tl0: 0, newest: [[None; 4]; 4], first_template: 0 }
    }

    /// The frames of the next picture.
    pub fn picture(&mut self, key: bool) -> Vec<Frame> {
        if key {
            self.since_key = 0;
            self.newest = [[None; 4]; 4];
            self.first_template = (self.first_template + self.mode.templates().len() as u8) % 64;
        }
        let row = pattern(self.mode.temporal);
        let temporal = row[(self.since_key % row.len() as u64) as usize];
        self.tl0 = self.tl0.wrapping_add(u8::from(temporal == 0));
        let mut frames: Vec<Frame> = Vec::new();
        for spatial in 0..self.mode.spatial {
            let of_layer = self.newest[usize::from(spatial)];
            // The newest of the layers below; the lowest goes on from itself.
            let lower = &of_layer[..usize::from(temporal.max(1))];
            let mut on: Vec<u64> = lower.iter().copied().flatten().max().into_iter().collect();
            if spatial > 0 && (key || !self.mode.key) {
                on.push(self.number - 1);
            }
            let base = of_layer[0];
            let template = self.mode.templates().iter().position(|of| *of == (spatial, temporal, key)).expect("one");
            frames.push(Frame {
                number: self.number,
                picture: self.picture,
                spatial,
                temporal,
                key,
                sync: temporal > 0 && on.iter().all(|on| Some(*on) == base),
                on,
                indications: self.mode.indications(spatial, temporal, key),
                template: (self.first_template + template as u8) % 64,
                tl0: self.tl0,
                mode: self.mode,
            });
            self.newest[usize::from(spatial)][usize::from(temporal)] = Some(self.number);
            self.number += 1;
        }
        self.picture += 1;
        self.since_key += 1;
        frames
    }
}

impl Frame {
    /// The dependency descriptor of a packet of this frame. `custom`: says by itself what its template says too.
    pub fn descriptor(&self, start: bool, end: bool, custom: bool, active: Option<u32>) -> Vec<u8> {
        let mut bits = Bits::default();
        bits.put(start.into(), 1);
        bits.put(end.into(), 1);
        bits.put(self.template.into(), 6);
        bits.put((self.number & 0xffff) as u32, 16);
        let structure = self.key && self.spatial == 0 && start;
        // Templates say nothing of distances here, so that every frame that has some is custom in this.
        let flags = [structure, active.is_some(), custom, !self.on.is_empty(), custom];
        if flags.contains(&true) {
            flags.iter().for_each(|flag| bits.put((*flag).into(), 1));
            if structure {
                self.structure(&mut bits);
            }
            let targets = self.mode.targets().len();
            if let Some(active) = active {
                bits.put(active, targets);
            }
            if custom {
                self.indications.iter().for_each(|indication| bits.put((*indication).into(), 2));
            }
            if !self.on.is_empty() {
                for before in &self.on {
                    let less = (self.number - before - 1) as u32;
                    let size = if less < 16 { 1 } else { 2 };
                    bits.put(size, 2);
                    bits.put(less, 4 * size as usize);
                }
                bits.put(0, 2);
            }
            if custom {
                (0..self.mode.spatial).for_each(|_| bits.put(1, 8));
            }
        }
        bits.bytes
    }

    fn structure(&self, bits: &mut Bits) {
        let (mode, templates) = (self.mode, self.mode.templates());
        let targets = mode.targets();
        bits.put(self.template.into(), 6);
        bits.put(targets.len() as u32 - 1, 5);
        for pair in templates.windows(2) {
            let ((s, t, _), (next_s, next_t, _)) = (pair[0], pair[1]);
            bits.put(if next_s > s { 2 } else { u32::from(next_t > t) }, 2);
        }
        bits.put(3, 2);
        for &(s, t, key) in &templates {
            mode.indications(s, t, key).iter().for_each(|indication| bits.put((*indication).into(), 2));
        }
        templates.iter().for_each(|_| bits.put(0, 1));
        let chains = u32::from(mode.spatial);
        bits.below(chains, targets.len() as u32 + 1);
        targets.iter().for_each(|(s, _)| bits.below((*s).into(), chains));
        templates.iter().for_each(|_| (0..chains).for_each(|_| bits.put(1, 4)));
        bits.put(1, 1);
        for spatial in 0..mode.spatial {
            bits.put((320 << spatial) - 1, 16);
            bits.put((180 << spatial) - 1, 16);
        }
    }

    /// The VP9 payload descriptor of a packet of this frame.
    pub fn vp9(&self, start: bool, end: bool, flexible: bool) -> Vec<u8> {
        let inter = !self.key;
        let apart = self.mode.key && !self.key || self.spatial + 1 == self.mode.spatial;
        let structure = self.key && self.spatial == 0 && start;
        let mut first = 0xa0;
        for (bit, is) in [(0x40, inter), (0x10, flexible), (0x08, start), (0x04, end), (0x02, structure), (0x01, apart)]
        {
            first |= if is { bit } else { 0 };
        }
        let inter_layer = self.spatial > 0 && (self.key || !self.mode.key);
        let up = self.temporal == 0;
        let mut out = vec![first, 0x80 | (self.picture >> 8 & 0x7f) as u8, self.picture as u8];
        out.push(self.temporal << 5 | u8::from(up) << 4 | self.spatial << 1 | u8::from(inter_layer));
        if !flexible {
            out.push(self.tl0);
        } else if inter {
            let pictures = |number: u64| (self.number - number) / u64::from(self.mode.spatial);
            let diffs: Vec<u64> = self.on.iter().map(|on| pictures(*on)).filter(|diff| *diff > 0).collect();
            for (place, diff) in diffs.iter().enumerate() {
                out.push((*diff as u8) << 1 | u8::from(place + 1 < diffs.len()));
            }
        }
        if structure {
            out.push((self.mode.spatial - 1) << 5 | 0x10);
            for spatial in 0..self.mode.spatial {
                out.extend((320_u16 << spatial).to_be_bytes());
                out.extend((180_u16 << spatial).to_be_bytes());
            }
        }
        out
    }

    /// The VP8 payload descriptor and the frame's first bytes; of streams without spatial layers.
    pub fn vp8(&self, start: bool) -> Vec<u8> {
        let top = self.temporal + 1 == self.mode.temporal && self.mode.temporal > 1;
        let mut out = vec![0x80 | u8::from(top) << 5 | u8::from(start) << 4, 0xe0];
        out.extend([0x80 | (self.picture >> 8 & 0x7f) as u8, self.picture as u8, self.tl0]);
        out.push(self.temporal << 6 | u8::from(self.sync) << 5);
        if start {
            out.extend([if self.key { 0x10 } else { 0x11 }, 0, 0, 0x9d, 0x01, 0x2a, 0x40, 1, 0xb4, 0]);
        }
        out
    }
}
