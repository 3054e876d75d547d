//! The layers inside one stream: spatial and temporal layers of AV1 (dependency descriptor), VP9 and VP8 (payload
//! descriptors), all told as decode targets, what a viewer can be given. Kept by a layer of a publication, which feeds it
//! each packet once, whatever the number of viewers; a viewer's `Selector` reads the frames.
//!
//! AV1 numbers its decode targets itself. For VP8 and VP9 they stand in a grid: spatial layer times [`TEMPORAL_MAX`] plus
//! temporal layer.

use crate::descriptor::{Diffs, Indications, Structures, Unread};
use crate::payload::Picture;
use crate::publication::Meter;
use crate::sdp::CodecKind;
use crate::vp9;
use std::time::{Duration, Instant};

/// Frames that are remembered; at 30 pictures of 3 layers in a second nearly three seconds.
pub(crate) const FRAMES: usize = 256;
/// Columns of the grid.
const TEMPORAL_MAX: u8 = 4;
const GRID: u8 = vp9::SPATIAL_MAX as u8 * TEMPORAL_MAX;
/// A layer from which nothing came while others came so long is taken as switched off by the publisher.
const ACTIVE: Duration = Duration::from_secs(2);
/// Without sizes: the height of the largest layer.
const HEIGHT: u16 = 720;

/// When a frame can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// When these frames before it were forwarded, as distances.
    Frames(Diffs),
    /// When nothing is missing of one of these decode targets.
    Targets(u32),
}

/// A frame, as viewers have to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) number: u64,
    pub(crate) timestamp: u32,
    pub(crate) spatial: u8,
    /// A new sequence starts: everything before is forgotten.
    pub(crate) key: bool,
    pub(crate) indications: Indications,
    pub(crate) basis: Basis,
}

/// Where a packet's frame lies, as a payload descriptor tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    spatial: u8,
    temporal: u8,
    key: bool,
    end: bool,
    indications: Indications,
    basis: Basis,
    structure: Option<vp9::Structure>,
    /// Numbers of frames in one picture.
    stride: u8,
}

/// The bits of all decode targets of the grid that fulfil a condition.
fn targets(fits: impl Fn(u8, u8) -> bool) -> u32 {
    let fits = |target: &u8| fits(target / TEMPORAL_MAX, target % TEMPORAL_MAX);
    (0..GRID).filter(fits).fold(0, |all, target| all | 1 << target)
}

/// A frame without references: it can always be decoded.
const NO_REFERENCES: Basis = Basis::Targets(u32::MAX);

impl Place {
    /// RFC 7741, clause 4.2. `sync`: the frame depends on the lowest temporal layer only.
    pub(crate) fn vp8(temporal: u8, sync: bool, discardable: bool, key: bool) -> Self {
        let above = |from: u8| targets(move |spatial, of| spatial == 0 && of >= from);
        let needs = above(temporal);
        let switches = match (key, temporal, sync) {
            (true, ..) => needs,
            (_, 0, _) | (_, _, true) => 1 << temporal,
            _ => 0,
        };
        // A synchronised frame joins the layer below: going up two layers at once would miss the one between.
        let basis = if key { NO_REFERENCES } else { Basis::Targets(above(temporal.saturating_sub(u8::from(sync)))) };
        let indications = Indications { needs, required: if discardable { 0 } else { needs }, switches };
        Self { spatial: 0, temporal, key, end: false, indications, basis, structure: None, stride: 1 }
    }

    /// The lowest layer, of a picture that names none.
    pub(crate) fn lowest(codec: CodecKind, key: bool, end: bool) -> Self {
        match codec {
            CodecKind::Vp9 => {
                let found = vp9::Descriptor { inter: !key, start: key, end, ..vp9::Descriptor::default() };
                Self::vp9(&found, vp9::Layer { switch_up: true, ..vp9::Layer::default() })
            }
            _ => Self::vp8(0, false, false, key),
        }
    }

    /// RFC 9628, clause 4.2.
    pub(crate) fn vp9(found: &vp9::Descriptor, layer: vp9::Layer) -> Self {
        let spatial = layer.spatial.min(vp9::SPATIAL_MAX as u8 - 1);
        let temporal = layer.temporal.min(TEMPORAL_MAX - 1);
        let own = |from: u8| targets(move |of, time| of == spatial && time >= from);
        let higher = if found.not_for_higher { 0 } else { targets(|of, time| of > spatial && time >= temporal) };
        let needs = own(temporal) | higher;
        let key = !found.inter && spatial == 0;
        let switches = match (key, layer.switch_up, temporal) {
            (true, ..) => targets(|_, _| true),
            (_, true, _) => own(temporal),
            (_, _, 0) => targets(|of, time| of == spatial && time == 0),
            _ => 0,
        };
        let stride = vp9::SPATIAL_MAX as u8;
        let basis = match found.diffs {
            _ if key => NO_REFERENCES,
            Some((diffs, count)) => {
                let mut all = Diffs::default();
                for diff in &diffs[..usize::from(count)] {
                    let _ = all.push(u16::from(*diff) * u16::from(stride));
                }
                if layer.inter_layer && spatial > 0 {
                    let _ = all.push(1);
                }
                Basis::Frames(all)
            }
            // Between the layers of a key picture, or in non-flexible mode, where only the group of pictures tells.
            None => Basis::Targets(needs),
        };
        let indications = Indications { needs, required: needs, switches };
        Self { spatial, temporal, key, end: found.end, indications, basis, structure: found.structure, stride }
    }
}

/// A decode target.
#[derive(Debug, Default)]
pub(crate) struct Target {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// Frames of its own layer came lately.
    pub(crate) active: bool,
    height: Option<u16>,
    heard_at: Option<Instant>,
    meter: Meter,
}

/// The layers of a stream.
#[derive(Debug, Default)]
pub(crate) struct Scalability {
    structures: Structures,
    targets: Vec<Target>,
    /// Rises when the targets are others: their numbers mean something else then.
    generation: u32,
    frames: Vec<Option<Frame>>,
    /// Sequence number, picture id or frame number, and frame of the newest packet.
    newest: Option<(u64, u16, u64)>,
    /// The frame that brought the structure.
    keyed: u64,
    heard_at: Option<Instant>,
    /// What there is to choose from has changed.
    changed: bool,
    /// A structure was lost: only a key frame helps.
    broken: bool,
    /// Picture ids must have no gaps where pictures are left out (VP8).
    closes_ids: bool,
}

/// A packet, as far as layers go.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) bytes: usize,
    /// The dependency descriptor.
    pub(crate) descriptor: Option<&'a [u8]>,
    pub(crate) place: Option<Place>,
}

impl Scalability {
    /// Takes a packet and notes its frame in `picture`.
    pub(crate) fn take(&mut self, now: Instant, seen: &Seen<'_>, picture: &mut Picture) {
        let taken = match (seen.descriptor, seen.place) {
            (Some(descriptor), _) => self.described(now, seen, descriptor, picture),
            (None, Some(place)) => self.placed(now, seen, &place, picture),
            _ => None,
        };
        let Some((frame, temporal)) = taken else { return };
        let spatial = frame.spatial;
        picture.frame = frame.number;
        if self.frames.is_empty() {
            self.frames = vec![None; FRAMES];
        }
        let known = &mut self.frames[(frame.number % FRAMES as u64) as usize];
        if known.is_none_or(|known| known.number < frame.number) {
            *known = Some(frame);
        }
        self.heard_at = Some(now);
        for (bit, target) in self.targets.iter_mut().enumerate() {
            if frame.indications.needs >> bit & 1 == 1 {
                target.meter.add(seen.bytes);
            }
            if (target.spatial, target.temporal) == (spatial, temporal) {
                target.heard_at = Some(now);
                self.changed |= !target.active;
                target.active = true;
            }
        }
    }

    fn described(&mut self, now: Instant, seen: &Seen<'_>, bytes: &[u8], picture: &mut Picture) -> Option<(Frame, u8)> {
        picture.key = false;
        let [_, high, low, ..] = *bytes else { return None };
        let number = self.unwrap(seen.sequence, u16::from_be_bytes([high, low]), 16)?;
        // A late key frame must not bring back the structure that its successor has replaced.
        let structure = bytes.get(3).is_some_and(|flags| flags & 0x80 != 0);
        if structure && number < self.keyed {
            return None;
        }
        let found = match self.structures.read(bytes) {
            Ok(found) => found,
            Err(why) => {
                self.broken |= why == Unread::Unknown && number >= self.keyed;
                return None;
            }
        };
        picture.key = found.key && found.start;
        picture.end = found.end;
        if found.key {
            self.keyed = number;
            self.broken = false;
            self.adopt();
        }
        if let Some(active) = found.active.filter(|_| self.is_newest(number)) {
            for (bit, target) in self.targets.iter_mut().enumerate() {
                let is_active = active >> bit & 1 == 1;
                if target.active != is_active {
                    (target.active, self.changed) = (is_active, true);
                    target.heard_at = is_active.then_some(now);
                }
            }
        }
        let frame = Frame {
            number,
            timestamp: seen.timestamp,
            spatial: found.spatial,
            key: found.key,
            indications: found.indications,
            basis: Basis::Frames(found.diffs),
        };
        Some((frame, found.temporal))
    }

    /// Makes the targets those of the structure.
    fn adopt(&mut self) {
        let Some(structure) = self.structures.known() else { return };
        let layers = structure.targets();
        let same = |(target, layer): (&Target, &(u8, u8))| (target.spatial, target.temporal) == *layer;
        if self.targets.len() != layers.len() || !self.targets.iter().zip(layers).all(same) {
            let target = |&(spatial, temporal): &(u8, u8)| Target { spatial, temporal, ..Target::default() };
            self.targets = layers.iter().map(target).collect();
            self.generation = self.generation.wrapping_add(1);
            self.changed = true;
        }
        for target in &mut self.targets {
            let height = structure.height(target.spatial);
            self.changed |= target.height != height;
            target.height = height;
        }
    }

    fn placed(&mut self, now: Instant, seen: &Seen<'_>, place: &Place, picture: &mut Picture) -> Option<(Frame, u8)> {
        let id = picture.id?;
        let number = self.unwrap(seen.sequence, id.value, if id.long { 15 } else { 7 })?;
        if self.targets.is_empty() {
            let grid = |target| Target {
                spatial: target / TEMPORAL_MAX,
                temporal: target % TEMPORAL_MAX,
                ..Target::default()
            };
            self.targets = (0..GRID).map(grid).collect();
            self.closes_ids = place.stride == 1;
        }
        if self.targets.len() != usize::from(GRID) {
            return None; // the stream began with descriptors
        }
        picture.end = place.end;
        if let Some(structure) = place.structure.filter(|_| self.is_newest(number)) {
            for target in &mut self.targets {
                if let Some(heights) = structure.heights {
                    let height = heights.get(usize::from(target.spatial)).copied().filter(|height| *height > 0);
                    self.changed |= target.height != height;
                    target.height = height;
                }
                let is_there = target.spatial < structure.spatial;
                if target.active && !is_there {
                    (target.active, self.changed) = (false, true);
                } else if !target.active && is_there && target.temporal == 0 {
                    (target.active, self.changed, target.heard_at) = (true, true, Some(now));
                }
            }
        }
        if let Some(height) = picture.height.filter(|_| place.stride == 1) {
            for target in &mut self.targets {
                self.changed |= target.height != Some(height);
                target.height = Some(height);
            }
        }
        let frame = Frame {
            number: number * u64::from(place.stride) + u64::from(if place.stride > 1 { place.spatial } else { 0 }),
            timestamp: seen.timestamp,
            spatial: place.spatial,
            key: place.key,
            indications: place.indications,
            basis: place.basis,
        };
        Some((frame, place.temporal))
    }

    /// The whole number of which `value` has the last bits; `None`: it is too old for anybody.
    fn unwrap(&mut self, sequence: u64, value: u16, bits: u32) -> Option<u64> {
        let Some((newest, last, number)) = self.newest else {
            // Room below, for what was reordered at the start.
            let number = u64::from(value) + (1 << 16);
            self.newest = Some((sequence, value, number));
            return Some(number);
        };
        let mask = ((1_u32 << bits) - 1) as u16;
        let ahead = u64::from(value.wrapping_sub(last) & mask);
        if sequence < newest {
            let behind = u64::from(last.wrapping_sub(value) & mask);
            return (behind < FRAMES as u64).then(|| number.saturating_sub(behind));
        }
        // In order, yet behind: the encoder counts anew.
        let number = number + if ahead < 1 << (bits - 1) { ahead } else { 1 };
        self.newest = Some((sequence, value, number));
        Some(number)
    }

    fn is_newest(&self, number: u64) -> bool {
        self.newest.is_some_and(|(_, _, newest)| newest == number)
    }

    /// Ends the windows of measurement that are due. True: there are new figures, or a layer fell silent.
    pub(crate) fn tick(&mut self, now: Instant) -> bool {
        let mut news = false;
        for target in &mut self.targets {
            news |= target.meter.tick(now) && target.active;
            let silent = self.heard_at > target.heard_at.and_then(|at| at.checked_add(ACTIVE));
            if target.active && silent {
                (target.active, news) = (false, true);
            }
        }
        news
    }

    /// Whether what there is to choose from has changed since the last call.
    pub(crate) fn take_changed(&mut self) -> bool {
        std::mem::take(&mut self.changed)
    }

    /// Whether a key frame is needed, since the last call.
    pub(crate) fn take_broken(&mut self) -> bool {
        std::mem::take(&mut self.broken)
    }

    /// Whether there is a choice at all.
    pub(crate) fn is_layered(&self) -> bool {
        self.targets.iter().filter(|target| target.active).nth(1).is_some()
    }

    /// The frame with this number, while it is remembered.
    pub(crate) fn frame(&self, number: u64) -> Option<&Frame> {
        let frame = self.frames.get((number % FRAMES as u64) as usize)?.as_ref()?;
        (frame.number == number && number > 0).then_some(frame)
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    pub(crate) fn closes_ids(&self) -> bool {
        self.closes_ids
    }

    /// The spatial and temporal layer of a target.
    pub(crate) fn layer(&self, target: u8) -> Option<(u8, u8)> {
        self.targets.get(usize::from(target)).map(|target| (target.spatial, target.temporal))
    }

    /// The target that comes nearest to these layers without being above them.
    pub(crate) fn nearest(&self, spatial: u8, temporal: u8) -> Option<u8> {
        let heard = (0..).zip(&self.targets).filter(|(_, of)| of.heard_at.is_some());
        let below = heard.filter(|(_, of)| of.spatial <= spatial && of.temporal <= temporal);
        below.max_by_key(|(_, of)| (of.spatial, of.temporal)).map(|(target, _)| target)
    }

    /// What the choice of layers has to know, small layers first: each target with its number.
    pub(crate) fn choices(&self) -> Vec<(u8, crate::layers::Layer)> {
        let active = || (0_u8..).zip(&self.targets).filter(|(_, target)| target.active);
        let top = active().map(|(_, target)| target.spatial).max().unwrap_or(0);
        let full = |spatial| active().filter(|(_, of)| of.spatial == spatial).map(|(_, of)| of.temporal).max();
        let mut choices: Vec<(u8, crate::layers::Layer)> = active()
            .map(|(number, target)| {
                let layer = crate::layers::Layer {
                    active: true,
                    height: target.height.or(Some(HEIGHT >> (top - target.spatial).min(4))),
                    bps: target.meter.need_bps(),
                    slow: full(target.spatial) != Some(target.temporal),
                };
                (number, layer)
            })
            .collect();
        choices.sort_by_key(|(number, _)| self.layer(*number));
        choices
    }
}
