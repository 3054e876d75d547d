//! Redundancy for sound (RFC 2198): a packet carries the sounds before it once more, for viewers who lose packets and as
//! far as they do. So a lost sound comes with the next packet, sooner than it could be asked for. Made here for each
//! viewer, whatever the publisher sends.

use crate::cache::{Cache, Kept};
use std::ops::RangeInclusive;

/// Sounds that a packet carries once more at most.
pub(crate) const BLOCKS_MAX: usize = 2;
/// A block's header, and the last one's.
const HEADER_BYTES: usize = 4;
const LAST_BYTES: usize = 1;
/// What fits into a block's header: 10 bits of length, 14 bits of time.
const LENGTH_MAX: u16 = 1_023;
const OFFSET_MAX: u32 = 16_383;
/// From how much loss on one and two sounds are sent again, and below which no longer.
const ONE: f32 = 0.02;
const TWO: f32 = 0.08;
const LESS: f32 = 0.6;

/// An earlier sound: its length and how far before in timestamp units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Block {
    length: u16,
    offset: u16,
}

/// The sounds directly before a packet, the nearest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Redundant {
    blocks: [Block; BLOCKS_MAX],
    count: u8,
    payload_type: u8,
}

impl Redundant {
    /// What could go with this packet: the sounds before it without a gap, as far as they are kept.
    pub(crate) fn before(packet: &Kept, cache: &Cache) -> Self {
        let mut found = Self::default();
        for (place, block) in (1..).zip(&mut found.blocks) {
            let Some((kept, ..)) = packet.sequence.checked_sub(place).and_then(|number| cache.get(number)) else {
                break;
            };
            let offset = packet.timestamp.wrapping_sub(kept.timestamp);
            if kept.length == 0 || kept.length > LENGTH_MAX || offset > OFFSET_MAX {
                break;
            }
            *block = Block { length: kept.length, offset: offset as u16 };
            found.count += 1;
        }
        found
    }

    /// So many of them at most, as this payload type.
    pub(crate) fn limited(self, count: u64, payload_type: u8) -> Self {
        Self { count: u64::from(self.count).min(count) as u8, payload_type, ..self }
    }

    pub(crate) fn is_empty(self) -> bool {
        self.count == 0
    }

    /// What it adds to a packet.
    pub(crate) fn size(self) -> usize {
        let blocks = &self.blocks[..usize::from(self.count)];
        let bytes: usize = blocks.iter().map(|block| HEADER_BYTES + usize::from(block.length)).sum();
        if self.is_empty() { 0 } else { bytes + LAST_BYTES }
    }

    /// Appends the headers and the earlier sounds, the oldest first; the packet's own sound follows. `None`: one is not
    /// kept any more.
    pub(crate) fn write(self, out: &mut Vec<u8>, source: u64, cache: &Cache) -> Option<()> {
        let places: RangeInclusive<usize> = 1..=usize::from(self.count);
        for block in places.clone().rev().map(|place| self.blocks[place - 1]) {
            let word = u32::from(block.offset) << 10 | u32::from(block.length);
            out.extend_from_slice(&(u32::from(0x80 | self.payload_type) << 24 | word).to_be_bytes());
        }
        out.push(self.payload_type);
        for place in places.rev() {
            let (_, payload, _) = cache.get(source.checked_sub(place as u64)?)?;
            (payload.len() == usize::from(self.blocks[place - 1].length)).then(|| out.extend_from_slice(payload))?;
        }
        Some(())
    }
}

/// How many sounds a viewer with this loss gets once more; `now`: how many it gets.
pub(crate) fn blocks_for(loss: f32, now: u8) -> u8 {
    match now {
        _ if loss >= TWO => 2,
        2 if loss >= TWO * LESS => 2,
        _ if loss >= ONE => 1,
        1 | 2 if loss >= ONE * LESS => 1,
        _ => 0,
    }
}

/// Reads a packet with redundancy: tells each block with how far it lies before the packet in timestamp units and in
/// packets, the oldest first; the packet's own sound is the last, with 0. Malformed ones tell nothing.
pub(crate) fn read<'a>(payload: &'a [u8], mut tell: impl FnMut(u32, u16, &'a [u8])) {
    let (mut headers, mut at) = ([(0_u32, 0_usize); BLOCKS_MAX + 1], 0);
    let mut count = 0;
    loop {
        match payload.get(at..) {
            Some([first, high, middle, low, ..]) if first & 0x80 != 0 => {
                let word = u32::from_be_bytes([0, *high, *middle, *low]);
                let Some(header) = headers.get_mut(count) else { return };
                *header = (word >> 10, (word & 0x3ff) as usize);
                (count, at) = (count + 1, at + HEADER_BYTES);
            }
            Some([first, ..]) if first & 0x80 == 0 => break,
            _ => return,
        }
    }
    at += LAST_BYTES;
    let earlier: usize = headers[..count].iter().map(|(_, length)| length).sum();
    if at + earlier > payload.len() {
        return;
    }
    for (place, (offset, length)) in headers[..count].iter().enumerate() {
        tell(*offset, (count - place) as u16, &payload[at..at + length]);
        at += length;
    }
    tell(0, 0, &payload[at..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Picture;
    use proptest::prelude::*;
    use std::time::Instant;

    #[test]
    fn what_is_written_is_read() {
        let mut cache = Cache::new(8_000, 8_000);
        let mut kept = None;
        for n in 0..3_u64 {
            let payload = vec![n as u8; 10 + n as usize];
            kept =
                cache.keep(Instant::now(), 100 + n, 5_000 + n as u32 * 960, false, Picture::default(), [&payload, &[]]);
        }
        let packet = kept.expect("kept");
        let before = Redundant::before(&packet, &cache).limited(2, 111);
        let mut out = Vec::new();
        before.write(&mut out, packet.sequence, &cache).expect("all are kept");
        assert_eq!(out.len(), before.size());
        out.extend([2; 12]);
        let mut told = Vec::new();
        read(&out, |offset, back, payload| told.push((offset, back, payload.to_vec())));
        assert_eq!(told, [(1_920, 2, vec![0; 10]), (960, 1, vec![1; 11]), (0, 0, vec![2; 12])]);
        let one = before.limited(1, 111);
        assert_eq!(one.size(), 4 + 11 + 1);
        assert!(before.limited(0, 111).is_empty() && before.limited(0, 111).size() == 0);
    }

    #[test]
    fn a_gap_ends_what_can_be_carried() {
        let mut cache = Cache::new(8_000, 8_000);
        let mut keep = |number, time| {
            cache.keep(Instant::now(), number, time, false, Picture::default(), [&[7; 20], &[]]).expect("kept")
        };
        keep(1, 960);
        let after_gap = keep(3, 2_880);
        let much_later = keep(4, 60_000);
        assert!(Redundant::before(&after_gap, &cache).is_empty());
        assert!(Redundant::before(&much_later, &cache).is_empty(), "a pause lies between them");
    }

    #[test]
    fn the_more_is_lost_the_more_is_carried() {
        assert_eq!([0.0, 0.015, 0.05, 0.1, 0.3].map(|loss| blocks_for(loss, 0)), [0, 0, 1, 2, 2]);
        assert_eq!([0.0, 0.015, 0.05, 0.1].map(|loss| blocks_for(loss, 2)), [0, 1, 2, 2]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            let mut total = 0;
            read(&bytes, |_, _, payload| total += payload.len());
            prop_assert!(total <= bytes.len());
        }
    }
}
