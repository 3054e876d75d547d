//! The VP9 payload descriptor (RFC 9628, clause 4.2): picture id, layer, what the frame refers to, and the scalability
//! structure with its sizes, in flexible and non-flexible mode. Read where it lies; safe on any bytes.

use crate::payload::{Number, picture_id};

/// Spatial layers whose size is looked at.
pub(crate) const SPATIAL_MAX: usize = 4;
/// Pictures that a frame may refer to (clause 4.2.1).
const DIFFS_MAX: usize = 3;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) id: Option<Number>,
    pub(crate) tl0: Option<Number>,
    /// It refers to earlier pictures.
    pub(crate) inter: bool,
    /// First and last packet of the frame.
    pub(crate) start: bool,
    pub(crate) end: bool,
    /// Higher spatial layers of the picture do not refer to it.
    pub(crate) not_for_higher: bool,
    /// The layer, where layers are told.
    pub(crate) layer: Option<Layer>,
    /// In flexible mode: distances in picture ids.
    pub(crate) diffs: Option<([u8; DIFFS_MAX], u8)>,
    pub(crate) structure: Option<Structure>,
}

/// The layer of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Layer {
    pub(crate) spatial: u8,
    pub(crate) temporal: u8,
    /// Later pictures of higher temporal layers do not depend on such pictures before this one.
    pub(crate) switch_up: bool,
    /// It refers to the spatial layer below it.
    pub(crate) inter_layer: bool,
}

/// The scalability structure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Structure {
    /// Spatial layers from now on.
    pub(crate) spatial: u8,
    /// Their heights, where they are told.
    pub(crate) heights: Option<[u16; SPATIAL_MAX]>,
}

impl Descriptor {
    /// Reads what there is; what lies behind a cut end stays at its default.
    pub(crate) fn read(payload: &[u8]) -> Self {
        let mut found = Self::default();
        let _ = found.fill(payload);
        found
    }

    fn fill(&mut self, payload: &[u8]) -> Option<()> {
        let first = *payload.first()?;
        let has = |bit: u8| first & bit != 0;
        (self.inter, self.start, self.end, self.not_for_higher) = (has(0x40), has(0x08), has(0x04), has(0x01));
        let (layers, flexible) = (has(0x20), has(0x10));
        let mut at = 1;
        if has(0x80) {
            let (number, next) = picture_id(payload, at)?;
            self.id = Some(number);
            at = next;
        }
        if layers {
            let layer = *payload.get(at)?;
            self.layer = Some(Layer {
                spatial: layer >> 1 & 0x07,
                temporal: layer >> 5,
                switch_up: layer & 0x10 != 0,
                inter_layer: layer & 0x01 != 0,
            });
            at += 1;
            if !flexible {
                let value = u16::from(*payload.get(at)?);
                self.tl0 = Some(Number { at: u8::try_from(at).ok()?, value, long: false });
                at += 1;
            }
        }
        if flexible && self.inter {
            let (mut diffs, mut count) = ([0; DIFFS_MAX], 0);
            loop {
                let byte = *payload.get(at)?;
                at += 1;
                *diffs.get_mut(usize::from(count))? = byte >> 1;
                count += 1;
                if byte & 1 == 0 {
                    break;
                }
            }
            self.diffs = Some((diffs, count));
        }
        if has(0x02) {
            let structure = *payload.get(at)?;
            at += 1;
            let spatial = (structure >> 5) + 1;
            let mut heights = [0; SPATIAL_MAX];
            if structure & 0x10 != 0 {
                for layer in 0..usize::from(spatial) {
                    let size = payload.get(at + 4 * layer..at + 4 * layer + 4)?;
                    if let Some(height) = heights.get_mut(layer) {
                        *height = u16::from_be_bytes([size[2], size[3]]);
                    }
                }
            }
            self.structure = Some(Structure { spatial, heights: (structure & 0x10 != 0).then_some(heights) });
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_key_frame_with_its_structure() {
        // I, L, B, E, V; long picture id; TID 0, U, SID 0; TL0PICIDX; two layers with sizes and one picture in a group.
        let mut payload = vec![0xae, 0x92, 0x34, 0x10, 0x07, 0x38];
        payload.extend([0x01, 0x40, 0x00, 0xb4, 0x02, 0x80, 0x01, 0x68, 0x01, 0x05, 0x01]);
        let found = Descriptor::read(&payload);
        assert_eq!(found.id, Some(Number { at: 1, value: 0x1234, long: true }));
        assert_eq!(found.tl0, Some(Number { at: 4, value: 7, long: false }));
        assert_eq!(found.layer, Some(Layer { spatial: 0, temporal: 0, switch_up: true, inter_layer: false }));
        assert_eq!(found.structure, Some(Structure { spatial: 2, heights: Some([180, 360, 0, 0]) }));
        assert!(found.start && found.end && !found.inter && !found.not_for_higher);
    }

    #[test]
    fn flexible_mode_names_its_references() {
        // I, P, L, F, B, Z; short id; TID 2, SID 1, D; two references.
        let found = Descriptor::read(&[0xf9, 0x05, 0x43, 0x03, 0x08]);
        assert_eq!(found.diffs, Some(([1, 4, 0], 2)));
        assert_eq!(found.layer, Some(Layer { spatial: 1, temporal: 2, switch_up: false, inter_layer: true }));
        assert!(found.not_for_higher && found.inter && !found.end && found.tl0.is_none());
        assert_eq!(
            Descriptor::read(&[0xf8, 0x05, 0x43, 3, 3, 3, 2]).diffs,
            None,
            "four references are none that exist"
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let found = Descriptor::read(&bytes);
            for number in [found.id, found.tl0].into_iter().flatten() {
                prop_assert!(usize::from(number.at) + usize::from(number.long) < bytes.len());
            }
        }
    }
}
