//! One outgoing stream that stays continuous while its source changes: sequence number, timestamp, picture id and
//! TL0PICIDX go on where they were. Called for each forwarded packet by a slot; it knows neither time nor sources.
//!
//! A stream is a row of segments, one for each stretch from one origin. In a segment everything is an offset, so a
//! packet that comes late or again gets the same numbers. What lies before a segment's first packet is not forwarded:
//! its numbers belong to the segment before (and a number is never used twice: RFC 7714, clause 8.1).
//!
//! Where packets are left out (layers that a viewer does not get), sequence numbers are closed up: from the first one
//! left out on a segment is *thinned*, and a ring says for each number which packet has it. A packet that is missing
//! keeps a number, since nobody knows yet whether it will be left out.

use crate::cache::Kept;
use crate::slab::Key;
use std::collections::VecDeque;

/// Segments that are remembered for answering NACKs.
const SEGMENTS_MAX: usize = 12;
/// Numbers of thinned segments that are remembered, a power of two; at 300 packets in a second well over a second.
const RING: u64 = 512;
/// Numbers that are kept for packets missing in a row; after more a viewer needs a key frame anyway.
const GAP_MAX: u64 = RING / 4;

/// Where packets come from: a publication and one of its layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) publication: Key,
    pub(crate) layer: u8,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    origin: Origin,
    first_in: u64,
    first_out: u64,
    timestamp: u32,
    picture: u16,
    tl0: u8,
    thinned: bool,
}

/// The numbers that a packet leaves with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    /// Picture id (of which 15 or 7 bits are written) or frame number.
    pub(crate) picture: u16,
    pub(crate) tl0: u8,
}

/// The stream.
#[derive(Debug)]
pub(crate) struct Rewriter {
    segments: VecDeque<Segment>,
    next: u64,
    /// The newest timestamp, picture id and TL0PICIDX that were sent.
    last: Option<(u32, u16, u8)>,
    /// The packet of each number of thinned segments; empty until something is left out.
    ring: Vec<u64>,
    /// The first number of which the ring still knows the packet, where it is not the reach of the ring that says so.
    ring_from: u64,
    /// The newest packet of the thinned segment, forwarded or not.
    newest_in: u64,
}

impl Rewriter {
    /// A stream that starts with the given sequence number and timestamp (random: RFC 3550, clause 5.1).
    pub(crate) fn new(sequence: u16, timestamp: u32) -> Self {
        Self {
            segments: VecDeque::with_capacity(SEGMENTS_MAX),
            // Room below, so that a number before the first is no negative one.
            next: u64::from(sequence) + 65_536,
            last: Some((timestamp, sequence & 0x7fff, sequence as u8)),
            ring: Vec::new(),
            ring_from: 0,
            newest_in: 0,
        }
    }

    /// Starts a segment with this packet. `step`: how far the stream's timestamp moves on from the last packet; at
    /// least 1, so that no two pictures share one.
    pub(crate) fn begin(&mut self, origin: Origin, packet: &Kept, step: u32) {
        let (timestamp, picture, tl0) = self.last.unwrap_or_default();
        let offset = |number: Option<crate::payload::Number>| number.map_or(0, |number| number.value);
        self.push(Segment {
            origin,
            first_in: packet.sequence,
            first_out: self.next,
            timestamp: timestamp.wrapping_add(step.max(1)).wrapping_sub(packet.timestamp),
            picture: picture.wrapping_add(1).wrapping_sub(offset(packet.picture.id)),
            tl0: tl0.wrapping_add(1).wrapping_sub(offset(packet.picture.tl0) as u8),
            thinned: false,
        });
    }

    /// The number `first` and those after it were not used and can be given again; a new segment has to begin.
    pub(crate) fn rewind(&mut self, first: u16) {
        // What the ring said before of numbers that are within its reach again was overwritten.
        self.ring_from = self.ring_from.max(self.next.saturating_sub(RING));
        self.next = self.next.saturating_sub(u64::from((self.next as u16).wrapping_sub(first)));
        while self.segments.back().is_some_and(|segment| segment.first_out >= self.next) {
            self.segments.pop_back();
        }
    }

    /// The newest number that was given.
    pub(crate) fn newest(&self) -> u16 {
        self.next.wrapping_sub(1) as u16
    }

    fn push(&mut self, segment: Segment) {
        if self.segments.len() == SEGMENTS_MAX {
            self.segments.pop_front();
        }
        self.segments.push_back(segment);
    }

    /// The numbers for a packet of the current segment; `None` when it is from before it. `omitted`: how many pictures
    /// of the segment were left out before it whose ids must not be missing.
    pub(crate) fn rewrite(&mut self, packet: &Kept, omitted: u16) -> Option<Numbers> {
        let segment = *self.segments.back()?;
        let (out, segment) = if segment.thinned {
            match self.slot(packet.sequence) {
                Slot::Taken(out, segment) => (out, segment),
                Slot::New => {
                    let place = (self.next % RING) as usize;
                    self.ring[place] = packet.sequence;
                    (self.next, segment)
                }
                Slot::None => return None,
            }
        } else {
            (segment.first_out + packet.sequence.checked_sub(segment.first_in)?, segment)
        };
        let numbers = Self::numbers(&segment, out, packet, omitted);
        if out >= self.next {
            self.next = out + 1;
            let (_, picture, tl0) = self.last.unwrap_or_default();
            // Padding has no picture's numbers.
            let picture = packet.picture.id.map_or(picture, |_| numbers.picture);
            let tl0 = packet.picture.tl0.map_or(tl0, |_| numbers.tl0);
            self.last = Some((numbers.timestamp, picture, tl0));
        }
        Some(numbers)
    }

    /// Leaves a packet of the current segment out. The numbers that were kept for it, if some were: an empty packet has
    /// to take them, or the viewer asks for it again and again.
    pub(crate) fn omit(&mut self, packet: &Kept) -> Option<Numbers> {
        let segment = *self.segments.back()?;
        if !segment.thinned {
            if self.ring.is_empty() {
                self.ring = vec![0; RING as usize];
            }
            let first_in = segment.first_in + (self.next - segment.first_out);
            self.newest_in = first_in.saturating_sub(1);
            self.push(Segment { first_in, first_out: self.next, thinned: true, ..segment });
        }
        match self.slot(packet.sequence) {
            Slot::Taken(out, segment) => Some(Self::numbers(&segment, out, packet, 0)),
            Slot::New | Slot::None => None,
        }
    }

    /// The number of a packet in the current, thinned segment. Takes note of a new one, and keeps numbers for what is
    /// missing before it.
    fn slot(&mut self, sequence: u64) -> Slot {
        let Some(&segment) = self.segments.back() else { return Slot::None };
        if sequence > self.newest_in {
            let missing = (sequence - self.newest_in - 1).min(GAP_MAX);
            for packet in sequence - missing..sequence {
                self.ring[(self.next % RING) as usize] = packet;
                self.next += 1;
            }
            self.newest_in = sequence;
            return Slot::New;
        }
        if sequence < segment.first_in {
            // From before anything was left out: the same stretch, numbered by offset.
            let before = self.segments.iter().rev().nth(1).filter(|before| before.origin == segment.origin);
            return match before.filter(|before| !before.thinned && before.first_in <= sequence) {
                Some(before) => Slot::Taken(before.first_out + (sequence - before.first_in), *before),
                None => Slot::None,
            };
        }
        // The ring rises from the oldest number to the newest.
        let oldest = segment.first_out.max(self.ring_from).max(self.next.saturating_sub(RING));
        let (mut low, mut high) = (oldest, self.next);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.ring[(middle % RING) as usize].cmp(&sequence) {
                std::cmp::Ordering::Equal => return Slot::Taken(middle, segment),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        Slot::None
    }

    fn numbers(segment: &Segment, out: u64, packet: &Kept, omitted: u16) -> Numbers {
        let value = |number: Option<crate::payload::Number>| number.map_or(0, |number| number.value);
        Numbers {
            sequence: out as u16,
            timestamp: packet.timestamp.wrapping_add(segment.timestamp),
            picture: value(packet.picture.id).wrapping_add(segment.picture).wrapping_sub(omitted),
            tl0: (value(packet.picture.tl0) as u8).wrapping_add(segment.tl0),
        }
    }

    /// How many packets of the current origin left before this one.
    pub(crate) fn since_begin(&self, sequence: u64) -> u64 {
        self.segments.back().map_or(0, |segment| sequence.saturating_sub(segment.first_in))
    }

    /// Which packet left with this sequence number.
    pub(crate) fn find(&self, sequence: u16) -> Option<(Origin, u64)> {
        // The newest number that was used and has these 16 bits.
        let newest = self.next.checked_sub(1)?;
        let out = newest.checked_sub(u64::from((newest as u16).wrapping_sub(sequence)))?;
        let segment = self.segments.iter().rev().find(|segment| segment.first_out <= out)?;
        if !segment.thinned {
            return Some((segment.origin, segment.first_in + (out - segment.first_out)));
        }
        let packet =
            self.ring.get((out % RING) as usize).filter(|_| self.next - out <= RING && out >= self.ring_from)?;
        Some((segment.origin, *packet))
    }

    /// The numbers with which a packet of this origin left, for sending it again.
    pub(crate) fn again(&self, origin: Origin, sequence: u16, packet: &Kept, omitted: u16) -> Option<Numbers> {
        let newest = self.next.checked_sub(1)?;
        let out = newest.checked_sub(u64::from((newest as u16).wrapping_sub(sequence)))?;
        let segment = self.segments.iter().rev().find(|segment| segment.first_out <= out)?;
        let is_it = segment.origin == origin && self.find(sequence) == Some((origin, packet.sequence));
        is_it.then(|| Self::numbers(segment, out, packet, omitted))
    }

    /// What is added to the current origin's timestamps, for sender reports.
    pub(crate) fn timestamp_offset(&self) -> Option<(Origin, u32)> {
        self.segments.back().map(|segment| (segment.origin, segment.timestamp))
    }

    /// The newest timestamp that was sent.
    pub(crate) fn last_timestamp(&self) -> Option<u32> {
        if self.segments.is_empty() { None } else { self.last.map(|(timestamp, ..)| timestamp) }
    }
}

/// What [`Rewriter::slot`] found.
enum Slot {
    /// The packet has this number.
    Taken(u64, Segment),
    /// It is the newest and gets the next one, if it is forwarded.
    New,
    /// It has none, and gets none any more.
    None,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Cache;
    use crate::payload::{Number, Picture};
    use crate::slab::Slab;
    use proptest::prelude::*;
    use std::time::Instant;

    fn packet(sequence: u64, timestamp: u32, id: u16) -> Kept {
        let number = |value| Some(Number { at: 2, value, long: true });
        let picture = Picture { id: number(id), tl0: number(id & 0xff), ..Picture::default() };
        Cache::new(64, 64).keep(Instant::now(), sequence, timestamp, true, picture, [b"x", &[]]).expect("fits")
    }

    fn origins() -> (Origin, Origin) {
        let mut slab = Slab::default();
        let (a, b) = (slab.insert(()), slab.insert(()));
        (Origin { publication: a, layer: 0 }, Origin { publication: b, layer: 0 })
    }

    #[test]
    fn a_switch_continues_all_numbers() {
        let (a, b) = origins();
        let mut stream = Rewriter::new(65_534, u32::MAX - 10);
        stream.begin(a, &packet(100, 5_000, 7), 1);
        let first = stream.rewrite(&packet(100, 5_000, 7), 0).expect("first");
        assert_eq!((first.sequence, first.timestamp), (65_534, u32::MAX - 9));
        let second = stream.rewrite(&packet(101, 8_000, 8), 0).expect("second");
        assert_eq!(second.timestamp.wrapping_sub(first.timestamp), 3_000);
        assert_eq!(second.picture & 0x7fff, (first.picture + 1) & 0x7fff);
        stream.begin(b, &packet(9_000, 77, 500), 3_000);
        let third = stream.rewrite(&packet(9_000, 77, 500), 0).expect("third");
        assert_eq!(third.sequence, 0);
        assert_eq!(third.timestamp, second.timestamp.wrapping_add(3_000));
        assert_eq!(third.picture & 0x7fff, (second.picture + 1) & 0x7fff);
        assert_eq!(third.tl0, second.tl0.wrapping_add(1));
        assert_eq!(stream.rewrite(&packet(8_999, 70, 499), 0), None, "before the switch");
        assert_eq!(stream.find(65_535), Some((a, 101)));
        assert_eq!(stream.find(0), Some((b, 9_000)));
        assert_eq!(stream.again(a, 65_535, &packet(101, 8_000, 8), 0), Some(second));
    }

    /// Numbers that are given again mean the new packets; those that left keep theirs, also in a thinned stretch.
    #[test]
    fn numbers_are_given_again_after_a_cut() {
        let (a, b) = origins();
        let mut stream = Rewriter::new(0, 0);
        stream.begin(a, &packet(1_000, 0, 0), 1);
        let mut sent = std::collections::HashMap::new();
        for of_a in 1_000..2_400_u64 {
            if of_a % 2 == 1 {
                assert_eq!(stream.omit(&packet(of_a, 0, 0)), None);
                continue;
            }
            let numbers = stream.rewrite(&packet(of_a, 0, 0), 0).expect("newer");
            sent.insert(numbers.sequence, of_a);
        }
        // The last hundred did not leave.
        stream.rewind(600);
        assert_eq!(stream.newest(), 599);
        for number in 0..600 {
            let found = stream.find(number).map(|(_, packet)| packet);
            assert!(found.is_none() || found == sent.get(&number).copied(), "{number}: {found:?}");
            assert_eq!(found.is_some(), !(1..188).contains(&number), "{number}: as far as the ring reaches");
        }
        stream.begin(b, &packet(50, 0, 0), 1);
        for of_b in 50..300_u64 {
            if of_b % 2 == 1 {
                assert_eq!(stream.omit(&packet(of_b, 0, 0)), None);
                continue;
            }
            let numbers = stream.rewrite(&packet(of_b, 0, 0), 0).expect("newer");
            assert_eq!(u64::from(numbers.sequence), 600 + (of_b - 50) / 2);
            assert_eq!(stream.find(numbers.sequence), Some((b, of_b)));
        }
        assert_eq!(stream.find(599), Some((a, 1_000 + 2 * 599)));
        stream.rewind(590);
        stream.begin(a, &packet(2_400, 0, 0), 1);
        assert_eq!(stream.rewrite(&packet(2_400, 0, 0), 0).map(|numbers| numbers.sequence), Some(590));
        assert_eq!(stream.find(590), Some((a, 2_400)), "back over the start of a stretch");
    }

    proptest! {
        /// Over any row of switches, losses and reorderings, no sequence number is given twice and NACKs find back.
        #[test]
        fn no_number_twice(steps in proptest::collection::vec((any::<bool>(), 0_u64..5, 0_u16..100), 1..300)) {
            let (a, b) = origins();
            let mut stream = Rewriter::new(65_000, 9);
            let (mut at, mut of_b) = ([1_000_u64, 500_000], 0);
            let mut used = std::collections::HashMap::new();
            for (switch, step, id) in steps {
                let begins = switch || used.is_empty();
                if switch {
                    of_b = 1 - of_b;
                }
                at[of_b] += step + 1;
                let origin = [a, b][of_b];
                let packet = packet(at[of_b], id.into(), id);
                if begins {
                    stream.begin(origin, &packet, 1);
                }
                let numbers = stream.rewrite(&packet, 0).expect("newer than the segment's start");
                prop_assert!(used.insert(numbers.sequence, packet.sequence).is_none());
                prop_assert_eq!(stream.find(numbers.sequence), Some((origin, packet.sequence)));
            }
        }
    }
}
