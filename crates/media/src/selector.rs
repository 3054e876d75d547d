//! Which frames of a layered stream one viewer gets: those of its decode target, entered only where nothing is missing.
//! Owned by a viewer's stream; asked for each packet, decides once for each frame, so that a frame is given whole or
//! not at all, whatever order its packets come in.
//!
//! Down a viewer goes with the next picture, when all of the lower target was sent so far (not so where a higher layer
//! does without the lower ones between key pictures). Up it goes where a frame says so and what it builds on was sent.
//! Without such a place only a key picture helps, and [`Selector::waits`] says that it has to be asked for.

use crate::scalability::{Basis, FRAMES, Frame, Scalability};

const WORDS: usize = FRAMES / 64;
/// Pictures in which a place for going up in frame rate should have come.
const PICTURES_MAX: u16 = 60;

/// One viewer's choice.
#[derive(Debug)]
pub(crate) struct Selector {
    /// The targets: shall be and is.
    wanted: u8,
    current: u8,
    /// Their layers, for when the numbers change their meaning.
    wanted_layer: (u8, u8),
    generation: u32,
    /// Targets of which nothing is missing.
    whole: u32,
    /// The newest frame that was decided, and its picture.
    newest: u64,
    timestamp: Option<u32>,
    decided: [u64; WORDS],
    sent: [u64; WORDS],
    /// Of the highest spatial layer that was forwarded then.
    last: [u64; WORDS],
    /// Pictures that were left out so far, and before each frame.
    omitted: u16,
    omitted_before: [u16; FRAMES],
    /// Pictures since something else is wanted.
    waited: u16,
}

/// What becomes of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is forwarded. `omitted`: pictures left out before it. `last`: it is of the highest layer that is forwarded.
    Forward { omitted: u16, last: bool },
    /// It is left out.
    Omit,
}

fn place(number: u64) -> (usize, u64) {
    ((number % FRAMES as u64 / 64) as usize, 1 << (number % 64))
}

impl Selector {
    /// A viewer that starts at a key frame.
    pub(crate) fn new() -> Self {
        Self {
            wanted: 0,
            current: 0,
            wanted_layer: (0, 0),
            generation: 0,
            whole: 0,
            newest: 0,
            timestamp: None,
            // What lies before the start does not come any more.
            decided: [u64::MAX; WORDS],
            sent: [0; WORDS],
            last: [0; WORDS],
            omitted: 0,
            omitted_before: [0; FRAMES],
            waited: 0,
        }
    }

    /// Starts anew with the stream of another origin, at this frame.
    pub(crate) fn start(&mut self, layers: &Scalability, frame: &Frame) {
        let (wanted, wanted_layer) = (self.wanted, self.wanted_layer);
        *self = Self { wanted, wanted_layer, ..Self::new() };
        self.newest = frame.number.saturating_sub(1);
        self.translate(layers);
    }

    /// Says which target it shall be, and what layers that means.
    pub(crate) fn want(&mut self, target: u8, layer: (u8, u8)) {
        if self.wanted != target {
            (self.wanted, self.waited) = (target, 0);
        }
        self.wanted_layer = layer;
    }

    /// The spatial and temporal layer that it shall be.
    pub(crate) fn wanted_layer(&self) -> (u8, u8) {
        self.wanted_layer
    }

    /// Whether only a key picture helps.
    pub(crate) fn waits(&self, layers: &Scalability) -> bool {
        if self.wanted == self.current || self.whole >> self.wanted & 1 == 1 {
            return false;
        }
        let spatial = |target| layers.layer(target).map(|(spatial, _)| spatial);
        spatial(self.wanted) != spatial(self.current) || self.waited > PICTURES_MAX
    }

    /// What becomes of a packet of this frame.
    pub(crate) fn decide(&mut self, layers: &Scalability, frame: &Frame) -> Verdict {
        if frame.number + FRAMES as u64 <= self.newest {
            return Verdict::Omit;
        }
        let (word, bit) = place(frame.number);
        if frame.number > self.newest {
            self.advance(frame.number);
        }
        if self.decided[word] & bit == 0 {
            self.judge(layers, frame);
        }
        self.verdict(frame).unwrap_or(Verdict::Omit)
    }

    /// What became of a frame; `None`: it has not come, or is forgotten.
    pub(crate) fn verdict(&self, frame: &Frame) -> Option<Verdict> {
        let (word, bit) = place(frame.number);
        let remembered = (self.newest.saturating_sub(FRAMES as u64 - 1)..=self.newest).contains(&frame.number);
        if !remembered || self.decided[word] & bit == 0 {
            return None;
        }
        if self.sent[word] & bit == 0 {
            return Some(Verdict::Omit);
        }
        let omitted = self.omitted_before[(frame.number % FRAMES as u64) as usize];
        Some(Verdict::Forward { omitted, last: self.last[word] & bit != 0 })
    }

    /// Makes room for frames up to `number`; those between may still come.
    fn advance(&mut self, number: u64) {
        let first = (self.newest + 1).max(number.saturating_sub(FRAMES as u64 - 1));
        for skipped in first..=number {
            let (word, bit) = place(skipped);
            self.decided[word] &= !bit;
            self.sent[word] &= !bit;
            self.last[word] &= !bit;
            self.omitted_before[(skipped % FRAMES as u64) as usize] = self.omitted;
        }
        self.newest = number;
    }

    /// Whether all that a frame builds on was sent, or may still come.
    fn decodable(&self, frame: &Frame) -> bool {
        match &frame.basis {
            Basis::Targets(targets) => frame.key || self.whole & targets != 0,
            Basis::Frames(diffs) => diffs.as_slice().iter().all(|diff| {
                let diff = u64::from(*diff);
                let (word, bit) = place(frame.number.wrapping_sub(diff));
                diff < FRAMES as u64 && (self.sent[word] & bit != 0 || self.decided[word] & bit == 0)
            }),
        }
    }

    /// Decides about a frame, of which this is the first packet that came.
    fn judge(&mut self, layers: &Scalability, frame: &Frame) {
        if self.generation != layers.generation() {
            self.translate(layers);
        }
        let decodable = self.decodable(frame);
        let enters = if decodable { frame.indications.switches } else { 0 };
        let is_next = self.timestamp.is_none_or(|last| (frame.timestamp.wrapping_sub(last) as i32) > 0);
        if is_next {
            self.timestamp = Some(frame.timestamp);
            if self.wanted != self.current {
                self.waited = self.waited.saturating_add(1);
                self.current = self.step(layers, self.whole | enters);
            }
        }
        let (word, bit) = place(frame.number);
        self.decided[word] |= bit;
        if decodable && frame.indications.needs >> self.current & 1 == 1 {
            self.sent[word] |= bit;
            if layers.layer(self.current).is_some_and(|(spatial, _)| spatial == frame.spatial) {
                self.last[word] |= bit;
            }
            // What came after a late frame was judged without it: it opens nothing any more.
            if frame.number == self.newest {
                let kept = if frame.key { 0 } else { self.whole };
                self.whole = kept | frame.indications.switches;
            }
        } else {
            self.whole &= !frame.indications.required;
            self.omitted = self.omitted.wrapping_add(u16::from(frame.number == self.newest));
        }
    }

    /// The target for the next picture: what is wanted, or on the way there, among those that can be decoded.
    fn step(&self, layers: &Scalability, open: u32) -> u8 {
        if open >> self.wanted & 1 == 1 {
            return self.wanted;
        }
        let (Some(from), Some(to)) = (layers.layer(self.current), layers.layer(self.wanted)) else {
            return self.current;
        };
        // A frame rate in between; sizes are changed at once or not at all.
        let between = |target: &u8| {
            layers.layer(*target).is_some_and(|(spatial, temporal)| {
                open >> target & 1 == 1 && spatial == from.0 && (from.1..=to.1).contains(&temporal)
            })
        };
        let best = (0..32).filter(between).max_by_key(|target| layers.layer(*target));
        if from.0 == to.0 { best.unwrap_or(self.current) } else { self.current }
    }

    /// The targets' numbers mean something else.
    fn translate(&mut self, layers: &Scalability) {
        self.generation = layers.generation();
        let (spatial, temporal) = self.wanted_layer;
        self.wanted = layers.nearest(spatial, temporal).unwrap_or(0);
        (self.current, self.whole) = (self.wanted, 0);
    }
}

#[cfg(test)]
#[path = "selector_tests.rs"]
mod tests;
