//! The dependency descriptor (AV1 RTP specification, appendix A): to which decode targets a frame belongs, where a
//! target may be entered, on which frames a frame depends. Read where it lies; the structure that a key frame brings is
//! kept by the publication (`scalability.rs`).
//!
//! Every packet carries one, so reading allocates nothing once a structure's list has grown. Safe on any bytes: all
//! lists have the limits that their fields allow.

/// Decode targets of a structure (5 bits).
pub(crate) const TARGETS_MAX: usize = 32;
/// Templates of a structure (6 bits name one).
const TEMPLATES_MAX: usize = 64;
/// Frames that a frame may depend on directly. No encoder uses more than its reference buffers.
pub(crate) const DIFFS_MAX: usize = 8;
/// Spatial layers; encoders have at most four.
const SPATIAL_MAX: u8 = 8;
/// Bytes of the mandatory fields.
const MANDATORY_BYTES: usize = 3;

/// Where the frame number stands: the second and third byte of every descriptor.
pub(crate) const FRAME_NUMBER_AT: u8 = 1;

/// A row of bits.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn read(&mut self, count: usize) -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            let byte = *self.bytes.get(self.at / 8)?;
            value = value << 1 | u32::from(byte >> (7 - self.at % 8) & 1);
            self.at += 1;
        }
        Some(value)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.read(1)? == 1)
    }

    /// `ns(n)`: a number below `n` (A.8.1).
    fn below(&mut self, n: u32) -> Option<u32> {
        let width = u32::BITS - n.leading_zeros();
        let short = (1_u32 << width).wrapping_sub(n);
        let value = self.read(width.checked_sub(1)? as usize)?;
        if value < short {
            return Some(value);
        }
        Some((value << 1) - short + self.read(1)?)
    }
}

/// On which frames a frame depends, as distances in frame numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Diffs {
    list: [u16; DIFFS_MAX],
    count: u8,
}

impl Diffs {
    /// Adds one; `None`: there are too many.
    pub(crate) fn push(&mut self, diff: u16) -> Option<()> {
        *self.list.get_mut(usize::from(self.count))? = diff;
        self.count += 1;
        Some(())
    }

    pub(crate) fn as_slice(&self) -> &[u16] {
        &self.list[..usize::from(self.count)]
    }
}

/// What a frame is for each decode target: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Indications {
    /// It belongs to the target.
    pub(crate) needs: u32,
    /// Later frames of the target depend on it: the target is broken without it.
    pub(crate) required: u32,
    /// Whoever can decode it can decode all that follows of the target.
    pub(crate) switches: u32,
}

impl Indications {
    fn read(bits: &mut Bits<'_>, targets: u8) -> Option<Self> {
        let mut all = Self::default();
        for target in 0..targets {
            let bit = 1 << target;
            let (required, switches) = match bits.read(2)? {
                0 => continue,
                1 => (0, 0), // discardable
                2 => (bit, bit),
                _ => (bit, 0),
            };
            all.needs |= bit;
            all.required |= required;
            all.switches |= switches;
        }
        Some(all)
    }
}

/// What frames of one kind have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Template {
    spatial: u8,
    temporal: u8,
    indications: Indications,
    diffs: Diffs,
}

/// What a key frame says about all frames until the next structure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Structure {
    first_id: u8,
    targets: u8,
    chains: u8,
    templates: Vec<Template>,
    /// Width and height of each spatial layer; empty where they are not told.
    resolutions: [Option<(u16, u16)>; SPATIAL_MAX as usize],
    layers: [(u8, u8); TARGETS_MAX],
}

impl Structure {
    /// Reads a structure into `self`, whose list is used again.
    fn read(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.first_id = bits.read(6)? as u8;
        self.targets = bits.read(5)? as u8 + 1;
        self.templates.clear();
        let (mut spatial, mut temporal) = (0, 0);
        loop {
            if self.templates.len() == TEMPLATES_MAX {
                return None;
            }
            self.templates.push(Template { spatial, temporal, ..Template::default() });
            match bits.read(2)? {
                0 => {}
                1 => temporal += 1,
                2 => (spatial, temporal) = (spatial + 1, 0),
                _ => break,
            }
            if spatial >= SPATIAL_MAX {
                return None;
            }
        }
        for template in &mut self.templates {
            template.indications = Indications::read(bits, self.targets)?;
        }
        for template in &mut self.templates {
            while bits.flag()? {
                template.diffs.push(bits.read(4)? as u16 + 1)?;
            }
        }
        self.chains = bits.below(u32::from(self.targets) + 1)? as u8;
        if self.chains > 0 {
            for _ in 0..self.targets {
                bits.below(self.chains.into())?;
            }
            for _ in 0..self.templates.len() * usize::from(self.chains) {
                bits.read(4)?;
            }
        }
        self.layers = [(0, 0); TARGETS_MAX];
        for template in &self.templates {
            for (target, layer) in self.layers.iter_mut().enumerate() {
                if template.indications.needs >> target & 1 == 1 {
                    *layer = (layer.0.max(template.spatial), layer.1.max(template.temporal));
                }
            }
        }
        self.resolutions = [None; SPATIAL_MAX as usize];
        if bits.flag()? {
            for resolution in &mut self.resolutions[..=usize::from(spatial)] {
                let mut size = || Some((bits.read(16)? as u16).saturating_add(1));
                *resolution = Some((size()?, size()?));
            }
        }
        Some(())
    }

    /// The spatial and temporal layer of each decode target.
    pub(crate) fn targets(&self) -> &[(u8, u8)] {
        &self.layers[..usize::from(self.targets)]
    }

    /// The height of a spatial layer.
    pub(crate) fn height(&self, spatial: u8) -> Option<u16> {
        self.resolutions.get(usize::from(spatial))?.map(|(_, height)| height)
    }
}

/// A structure that arrives and the one that holds.
#[derive(Debug, Default)]
pub(crate) struct Structures {
    known: Option<Structure>,
    spare: Structure,
}

/// What a descriptor says about its packet's frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// First and last packet of the frame.
    pub(crate) start: bool,
    pub(crate) end: bool,
    pub(crate) number: u16,
    /// It brought a structure: a new coded sequence starts.
    pub(crate) key: bool,
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    pub(crate) indications: Indications,
    pub(crate) diffs: Diffs,
    /// The decode targets that are sent at present, when it says so.
    pub(crate) active: Option<u32>,
}

/// Why a descriptor could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unread {
    /// It is not what the specification says.
    Malformed,
    /// It names a template of a structure that has not come: the first packet of a key frame was lost.
    Unknown,
}

impl Structures {
    /// The structure that holds.
    pub(crate) fn known(&self) -> Option<&Structure> {
        self.known.as_ref()
    }

    /// Reads a descriptor; a structure in it holds from now on.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Descriptor, Unread> {
        let [first, high, low, ..] = *bytes else { return Err(Unread::Malformed) };
        let (start, end, template) = (first & 0x80 != 0, first & 0x40 != 0, usize::from(first & 0x3f));
        let mut bits = Bits { bytes, at: 8 * MANDATORY_BYTES };
        let flags = if bytes.len() > MANDATORY_BYTES { bits.read(5).ok_or(Unread::Malformed)? } else { 0 };
        let has = |flag: u32| flags >> (4 - flag) & 1 == 1;
        if has(0) {
            self.spare.read(&mut bits).ok_or(Unread::Malformed)?;
        } else if self.known.is_none() {
            return Err(Unread::Unknown);
        }
        let structure = if has(0) { &self.spare } else { self.known.as_ref().ok_or(Unread::Unknown)? };
        let every = u32::MAX >> (TARGETS_MAX as u32 - u32::from(structure.targets));
        let mut active = has(0).then_some(every);
        if has(1) {
            active = Some(bits.read(structure.targets.into()).ok_or(Unread::Malformed)?);
        }
        let place = (template + TEMPLATES_MAX - usize::from(structure.first_id)) % TEMPLATES_MAX;
        let mut frame = *structure.templates.get(place).ok_or(Unread::Unknown)?;
        let mut custom = || {
            if has(2) {
                frame.indications = Indications::read(&mut bits, structure.targets)?;
            }
            if has(3) {
                frame.diffs = Diffs::default();
                loop {
                    match bits.read(2)? {
                        0 => break,
                        size => frame.diffs.push(bits.read(4 * size as usize)? as u16 + 1)?,
                    }
                }
            }
            if has(4) {
                bits.read(8 * usize::from(structure.chains))?;
            }
            Some(())
        };
        custom().ok_or(Unread::Malformed)?;
        if has(0) {
            let former = self.known.take().unwrap_or_default();
            self.known = Some(std::mem::replace(&mut self.spare, former));
        }
        Ok(Descriptor {
            start,
            end,
            number: u16::from_be_bytes([high, low]),
            key: has(0),
            spatial: frame.spatial,
            temporal: frame.temporal,
            indications: frame.indications,
            diffs: frame.diffs,
            active,
        })
    }
}

#[cfg(test)]
#[path = "../tests/common/scalable.rs"]
pub(crate) mod scalable;

#[cfg(test)]
mod tests {
    use super::scalable::{Encoder, MODES};
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_an_encoder_says_is_read() {
        for mode in MODES {
            let mut encoder = Encoder::new(mode, 65_500, 0);
            let mut structures = Structures::default();
            for picture in 0..100_u32 {
                for frame in encoder.picture(picture.is_multiple_of(40)) {
                    let custom = picture % 3 == 1;
                    let bytes = frame.descriptor(true, false, custom, None);
                    let found = structures.read(&bytes).expect(mode.name);
                    assert_eq!((found.start, found.end), (true, false));
                    assert_eq!((found.number, found.spatial), (frame.number as u16, frame.spatial));
                    assert_eq!(found.temporal, frame.temporal, "{}", mode.name);
                    assert_eq!(found.key, frame.key && frame.spatial == 0);
                    let diffs: Vec<u16> = frame.on.iter().map(|on| (frame.number - on) as u16).collect();
                    assert_eq!(found.diffs.as_slice(), diffs);
                    for (target, indication) in frame.indications.iter().enumerate() {
                        let of = |bits: u32| bits >> target & 1 == 1;
                        let Indications { needs, required, switches } = found.indications;
                        assert_eq!(
                            (of(needs), of(required), of(switches)),
                            (*indication > 0, *indication > 1, *indication == 2),
                            "{} {picture}",
                            mode.name
                        );
                    }
                }
            }
            let known = structures.known().expect("one");
            assert_eq!(known.targets(), mode.targets());
            assert_eq!(known.height(mode.spatial - 1), Some(180 << (mode.spatial - 1)));
        }
    }

    #[test]
    fn a_frame_of_an_unknown_structure_is_told_apart_from_nonsense() {
        let mut encoder = Encoder::new(MODES[3], 0, 0);
        let mut structures = Structures::default();
        let first = encoder.picture(true);
        assert_eq!(structures.read(&first[1].descriptor(true, true, false, None)), Err(Unread::Unknown));
        let known = first[0].descriptor(true, true, false, Some(0b111));
        assert_eq!(structures.read(&known).map(|found| found.active), Ok(Some(0b111)));
        encoder.picture(true);
        let next = &encoder.picture(false)[0];
        assert_eq!(structures.read(&next.descriptor(true, true, false, None)), Err(Unread::Unknown), "other ids");
        assert_eq!(structures.read(&known[..2]), Err(Unread::Malformed));
        for cut in 4..known.len() {
            assert_eq!(structures.read(&known[..cut]), Err(Unread::Malformed), "{cut}");
        }
        assert_eq!(structures.known().map(|known| known.targets().len()), Some(9), "what was cut changed nothing");
    }

    /// Mutations of real descriptors, in the order of a stream: whatever is cut, overwritten or repeated, reading ends
    /// and what was read is within its limits.
    #[test]
    fn mutated_streams_are_safe() {
        let mut random = 7_u64;
        let mut draw = |below: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as usize % below
        };
        for round in 0..2_000 {
            let mut encoder = Encoder::new(MODES[round % MODES.len()], round as u64, 0);
            let mut structures = Structures::default();
            for picture in 0..12 {
                for frame in encoder.picture(picture % 4 == 0) {
                    let mut bytes = frame.descriptor(true, true, draw(2) == 0, (draw(3) == 0).then_some(5));
                    for _ in 0..draw(4) {
                        let at = draw(bytes.len());
                        match draw(4) {
                            0 => bytes[at] = draw(256) as u8,
                            1 => bytes[at] ^= 1 << draw(8),
                            2 => bytes.truncate(at.max(1)),
                            _ => bytes.insert(at, draw(256) as u8),
                        }
                    }
                    if let Ok(found) = structures.read(&bytes) {
                        assert!(found.diffs.as_slice().len() <= DIFFS_MAX && found.spatial < SPATIAL_MAX);
                        let known = structures.known().expect("one").targets().len() as u32;
                        assert_eq!(u64::from(found.indications.needs) >> known, 0);
                    }
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(all in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..90), 0..6)) {
            let mut structures = Structures::default();
            for bytes in &all {
                let _ = structures.read(bytes);
            }
        }
    }
}
