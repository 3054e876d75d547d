//! What a video payload says about its picture: whether a key frame starts here, how high it is, and where the
//! numbers lie that must stay continuous when a stream switches source. Reads, never decodes; safe on any bytes.
//!
//! VP8: RFC 7741, clause 4.2; VP9: RFC 9628, clause 4.2; H264: RFC 6184, clause 5; AV1: AV1 RTP specification 4.4.

use crate::scalability::Place;
use crate::sdp::CodecKind;
use crate::vp9;

/// A number in the payload that has to be rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    /// Where it starts.
    pub(crate) at: u8,
    /// What it is.
    pub(crate) value: u16,
    /// 15 instead of 7 bits (picture ids only).
    pub(crate) long: bool,
}

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Picture {
    /// The first packet of a key frame.
    pub(crate) key: bool,
    /// Its height, where it can be read easily.
    pub(crate) height: Option<u16>,
    /// The picture id.
    pub(crate) id: Option<Number>,
    /// TL0PICIDX.
    pub(crate) tl0: Option<Number>,
    /// In a stream with several layers: the frame's number there (`scalability.rs`); 0: none is known.
    pub(crate) frame: u64,
    /// Whether the packet is the frame's last.
    pub(crate) end: bool,
    /// Bytes of the dependency descriptor that goes along; 0: none. Then [`Self::id`] lies in it.
    pub(crate) descriptor: u8,
}

/// Looks at a payload: the picture, and where its frame lies among the stream's layers when the payload tells.
pub(crate) fn inspect(codec: CodecKind, payload: &[u8]) -> (Picture, Option<Place>) {
    match codec {
        CodecKind::Vp8 => vp8(payload),
        CodecKind::Vp9 => {
            let found = vp9::Descriptor::read(payload);
            let spatial = found.layer.map_or(0, |layer| layer.spatial);
            let key = !found.inter && found.start && spatial == 0;
            let heights = found.structure.and_then(|structure| structure.heights);
            let height = heights.map(|heights| heights.into_iter().max().unwrap_or(0)).filter(|height| *height > 0);
            let picture = Picture { key, height, id: found.id, tl0: found.tl0, ..Picture::default() };
            (picture, found.layer.filter(|_| found.id.is_some()).map(|layer| Place::vp9(&found, layer)))
        }
        CodecKind::H264 => (Picture { key: h264_key(payload), ..Picture::default() }, None),
        // N: the packet starts a new coded video sequence.
        CodecKind::Av1 => {
            let key = payload.first().is_some_and(|first| first & 0x08 != 0);
            (Picture { key, ..Picture::default() }, None)
        }
        CodecKind::Opus => (Picture::default(), None),
    }
}

/// A picture id at `at`: 7 bits, or 15 when the first bit is set. Also tells where the next field begins.
pub(crate) fn picture_id(payload: &[u8], at: usize) -> Option<(Number, usize)> {
    let first = *payload.get(at)?;
    let place = u8::try_from(at).ok()?;
    if first & 0x80 == 0 {
        return Some((Number { at: place, value: u16::from(first), long: false }, at + 1));
    }
    let value = u16::from(first & 0x7f) << 8 | u16::from(*payload.get(at + 1)?);
    Some((Number { at: place, value, long: true }, at + 2))
}

fn vp8(payload: &[u8]) -> (Picture, Option<Place>) {
    let mut picture = Picture::default();
    let mut layer = None;
    let mut read = || -> Option<()> {
        let first = *payload.first()?;
        let mut at = 1;
        if first & 0x80 != 0 {
            let more = *payload.get(1)?;
            at = 2;
            if more & 0x80 != 0 {
                let (number, next) = picture_id(payload, at)?;
                picture.id = Some(number);
                at = next;
            }
            if more & 0x40 != 0 {
                let value = u16::from(*payload.get(at)?);
                picture.tl0 = Some(Number { at: u8::try_from(at).ok()?, value, long: false });
                at += 1;
            }
            if more & 0x20 != 0 {
                let byte = *payload.get(at)?;
                layer = Some((byte >> 6, byte & 0x20 != 0));
            }
            at += usize::from(more & 0x30 != 0);
        }
        // First packet of partition 0, and the inverse key frame bit of the frame itself (RFC 6386, clause 9.1).
        picture.key = first & 0x17 == 0x10 && payload.get(at)? & 0x01 == 0;
        if picture.key && payload.get(at + 3..at + 6)? == [0x9d, 0x01, 0x2a] {
            let height = payload.get(at + 8..at + 10)?;
            picture.height = Some(u16::from_le_bytes([height[0], height[1]]) & 0x3fff);
        }
        Some(())
    };
    let _ = read();
    let discardable = payload.first().is_some_and(|first| first & 0x20 != 0);
    let place = layer.filter(|_| picture.id.is_some());
    (picture, place.map(|(temporal, sync)| Place::vp8(temporal, sync, discardable, picture.key)))
}

fn h264_key(payload: &[u8]) -> bool {
    const SLICE_IDR: u8 = 5;
    const SEQUENCE_PARAMETERS: u8 = 7;
    const STAP_A: u8 = 24;
    const FU_A: u8 = 28;
    let starts = |kind: u8| matches!(kind, SLICE_IDR | SEQUENCE_PARAMETERS);
    let Some(first) = payload.first() else { return false };
    match first & 0x1f {
        STAP_A => {
            let mut rest = &payload[1..];
            while let [high, low, after @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                if after.first().is_some_and(|kind| starts(kind & 0x1f)) {
                    return true;
                }
                rest = after.get(length..).unwrap_or_default();
            }
            false
        }
        FU_A => payload.get(1).is_some_and(|header| header & 0x80 != 0 && starts(header & 0x1f)),
        kind => starts(kind),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn inspect(codec: CodecKind, payload: &[u8]) -> Picture {
        super::inspect(codec, payload).0
    }

    #[test]
    fn vp8_key_frame_with_long_picture_id() {
        let mut payload = vec![0x90, 0xe0, 0x80 | 0x12, 0x34, 0x56, 0x20];
        payload.extend([0x50, 0x42, 0x00, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01]);
        let picture = inspect(CodecKind::Vp8, &payload);
        assert_eq!(
            picture,
            Picture {
                key: true,
                height: Some(360),
                id: Some(Number { at: 2, value: 0x1234, long: true }),
                tl0: Some(Number { at: 4, value: 0x56, long: false }),
                ..Picture::default()
            }
        );
        payload[6] |= 1;
        assert!(!inspect(CodecKind::Vp8, &payload).key, "an inter frame");
        payload[6] &= !1;
        payload[0] = 0x80;
        assert!(!inspect(CodecKind::Vp8, &payload).key, "not the first packet");
    }

    #[test]
    fn vp9_key_frame_is_one_without_prediction_in_the_base_layer() {
        assert!(inspect(CodecKind::Vp9, &[0x88, 0x05]).key);
        assert!(!inspect(CodecKind::Vp9, &[0xc8, 0x05]).key);
        let layered = inspect(CodecKind::Vp9, &[0xa8, 0x05, 0x02, 0x07]);
        assert!(!layered.key, "a higher spatial layer");
        assert_eq!(layered.tl0, Some(Number { at: 3, value: 7, long: false }));
    }

    #[test]
    fn h264_key_frames_in_all_packings() {
        assert!(inspect(CodecKind::H264, &[0x67, 0x42]).key);
        assert!(inspect(CodecKind::H264, &[0x18, 0, 2, 0x06, 0, 0, 2, 0x67, 0x42]).key);
        assert!(inspect(CodecKind::H264, &[0x7c, 0x85, 0]).key);
        assert!(!inspect(CodecKind::H264, &[0x7c, 0x05, 0]).key);
        assert!(!inspect(CodecKind::H264, &[0x41, 0]).key);
    }

    #[test]
    fn av1_key_frame_starts_a_sequence() {
        assert!(inspect(CodecKind::Av1, &[0x18]).key);
        assert!(!inspect(CodecKind::Av1, &[0x10]).key);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            for codec in [CodecKind::Vp8, CodecKind::Vp9, CodecKind::H264, CodecKind::Av1, CodecKind::Opus] {
                let picture = inspect(codec, &bytes);
                for number in [picture.id, picture.tl0].into_iter().flatten() {
                    prop_assert!(usize::from(number.at) + usize::from(number.long) < bytes.len());
                }
            }
        }
    }
}
