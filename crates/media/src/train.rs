//! One viewer's outgoing packets between forwarding and sending: held until a picture is complete, the oldest is
//! 5 ms old, or there are 16, then put together into trains of equal segments for one system call (UDP GSO).
//!
//! Payloads are not held: they are copied from the publication's cache when the train leaves. Order within a stream is
//! kept. One byte of RTP padding mends a train, since the packets of one picture differ by one byte at most; padding
//! is made here and never comes into a cache.

use crate::red::Redundant;
use crate::rewrite::{Numbers, Origin};
use crate::rtp::{Outgoing, Stamp};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The longest time that a packet is held.
pub(crate) const HOLD: Duration = Duration::from_millis(5);
/// Segments in a train.
pub(crate) const SEGMENTS_MAX: usize = 16;
/// Packets that wait for one viewer; more means that its path takes nothing any more.
const QUEUE_MAX: usize = 512;
/// Padding that mends a train of pictures, and one of sounds (their sizes vary more, and they are small).
const PAD_VIDEO: usize = 1;
const PAD_AUDIO: usize = 32;

/// A packet that will leave.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Queued {
    pub(crate) origin: Origin,
    /// Its number in the origin.
    pub(crate) source: u64,
    pub(crate) numbers: Numbers,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) marker: bool,
    /// Its header extension.
    pub(crate) stamp: Option<Stamp>,
    /// The id and size of the dependency descriptor that goes along.
    pub(crate) descriptor: Option<(u8, u8)>,
    pub(crate) length: u16,
    /// Since when it waits.
    pub(crate) since: Instant,
    /// In RTX packets the original sequence number (RFC 4588, clause 4).
    pub(crate) original: Option<u16>,
    /// Its number was kept for it before numbers that were given already: it leaves out of order.
    pub(crate) late: bool,
    /// Nothing but a header and padding.
    pub(crate) empty: bool,
    /// Sounds before this one that it carries once more.
    pub(crate) again: Redundant,
}

impl Queued {
    /// Its size before sealing.
    pub(crate) fn size(&self) -> usize {
        Outgoing::size(self.stamp.is_some(), self.descriptor.map(|(_, size)| size.into()))
            + usize::from(self.length)
            + usize::from(self.empty)
            + if self.original.is_some() { 2 } else { 0 }
            + self.again.size()
    }
}

/// When the train leaves; later is sooner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Departure {
    /// As was said before.
    Known,
    /// When [`HOLD`] is over; this is the first packet.
    Hold,
    /// Now.
    Now,
}

/// The queue of one viewer.
#[derive(Debug)]
pub(crate) struct Train {
    video: VecDeque<Queued>,
    /// So many at its front are sent again.
    again: usize,
    audio: VecDeque<Queued>,
    since: Option<Instant>,
    due: bool,
}

impl Train {
    pub(crate) fn new() -> Self {
        let (video, audio) = (VecDeque::with_capacity(64), VecDeque::with_capacity(64));
        Self { video, again: 0, audio, since: None, due: false }
    }

    /// Takes a packet.
    pub(crate) fn push(&mut self, now: Instant, packet: Queued, video: bool) -> Departure {
        let waiting = self.video.len() + self.audio.len();
        if waiting >= QUEUE_MAX {
            return Departure::Known; // nobody takes them: loss, as the network would do it
        }
        let completes = packet.original.is_some() || waiting + 1 >= SEGMENTS_MAX;
        if video && packet.original.is_some() {
            // A picture waits for it already.
            self.video.insert(self.again, packet);
            self.again += 1;
        } else if video {
            self.video.push_back(packet)
        } else {
            self.audio.push_back(packet)
        }
        let first = self.since.is_none();
        self.since.get_or_insert(now);
        if completes && self.leave() {
            return Departure::Now;
        }
        if first { Departure::Hold } else { Departure::Known }
    }

    /// What waits leaves now, as when a picture is complete. True: that is news.
    pub(crate) fn leave(&mut self) -> bool {
        self.since.is_some() && !std::mem::replace(&mut self.due, true)
    }

    /// When the oldest packet was held long enough; `None` when nothing waits or it leaves already.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.since.filter(|_| !self.due).map(|since| since + HOLD)
    }

    /// Since when the oldest picture waits, those that are sent again left out.
    pub(crate) fn waits_since(&self) -> Option<Instant> {
        self.video.get(self.again).map(|packet| packet.since)
    }

    /// Whether pictures wait.
    pub(crate) fn has_pictures(&self) -> bool {
        !self.video.is_empty()
    }

    /// Whether a packet still waits.
    pub(crate) fn holds(&self, ssrc: u32, sequence: u16) -> bool {
        self.video.iter().any(|packet| packet.ssrc == ssrc && packet.numbers.sequence == sequence)
    }

    /// Takes out the pictures of a stream that wait; tells the first of their sequence numbers: none from it on was used.
    /// Late packets before it stay, since numbers after theirs have left already.
    pub(crate) fn drop_pictures(&mut self, ssrc: u32) -> Option<u16> {
        let place = self.video.iter().position(|packet| packet.ssrc == ssrc && !packet.late)?;
        let first = self.video[place].numbers.sequence;
        let mut at = 0;
        self.video.retain(|packet| {
            at += 1;
            packet.ssrc != ssrc || at <= place
        });
        Some(first)
    }

    /// Takes the next train out into `segments`; all but its last are to be padded to the returned size. `room`: bytes
    /// of pictures that may leave; a train that begins may be a packet longer. `None`: nothing may leave now.
    pub(crate) fn next(&mut self, segments: &mut Vec<Queued>, room: usize) -> Option<usize> {
        segments.clear();
        let pictures = !self.video.is_empty() && room > 0;
        let (queue, pad) = if pictures { (&mut self.video, PAD_VIDEO) } else { (&mut self.audio, PAD_AUDIO) };
        let Some(first) = queue.pop_front() else {
            if !self.has_pictures() {
                (self.since, self.due) = (None, false);
            }
            return None;
        };
        let (mut size, mut smallest) = (first.size(), first.size());
        segments.push(first);
        let mut closed = false;
        while segments.len() < SEGMENTS_MAX
            && let Some(next) = queue.front()
        {
            let this = next.size();
            if pictures && size * (segments.len() + 1) > room {
                break;
            }
            if this.max(size) - smallest > pad {
                break; // it is larger than what is in the train can be padded to
            }
            closed = size > this + pad; // shorter than the others: it can only be the last
            size = size.max(this);
            smallest = if closed { smallest } else { smallest.min(this) };
            segments.extend(queue.pop_front());
            if closed {
                break;
            }
        }
        if pictures && !closed && segments.len() < SEGMENTS_MAX && self.audio.front().is_some_and(|a| a.size() <= size)
        {
            segments.extend(self.audio.pop_front());
        }
        self.again = self.again.saturating_sub(segments.iter().filter(|segment| segment.original.is_some()).count());
        if self.video.is_empty() && self.audio.is_empty() {
            (self.since, self.due) = (None, false);
        }
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slab::Slab;
    use proptest::prelude::*;

    const ALL: usize = usize::MAX;

    fn packet(number: u16, length: u16, marker: bool) -> Queued {
        let publication = Slab::default().insert(());
        let numbers = Numbers { sequence: number, timestamp: 0, picture: 0, tl0: 0 };
        let origin = Origin { publication, layer: 0 };
        let (ssrc, payload_type, source, stamp) = (1, 96, number.into(), Some(Stamp::SendTime(3)));
        let (since, original, late, empty) = (Instant::now(), None, false, false);
        let (again, descriptor) = (Redundant::default(), None);
        Queued {
            origin,
            source,
            numbers,
            ssrc,
            payload_type,
            marker,
            stamp,
            descriptor,
            length,
            since,
            original,
            late,
            empty,
            again,
        }
    }

    fn trains(train: &mut Train) -> Vec<Vec<u16>> {
        let (mut all, mut segments) = (Vec::new(), Vec::new());
        while let Some(size) = train.next(&mut segments, ALL) {
            let last = segments.len() - 1;
            assert!(
                segments[..last].iter().all(|segment| segment.size() <= size && segment.size() + PAD_AUDIO >= size)
            );
            assert!(segments[last].size() <= size);
            all.push(segments.iter().map(|segment| segment.length).collect());
        }
        all
    }

    #[test]
    fn a_picture_is_one_train() {
        let now = Instant::now();
        let mut train = Train::new();
        assert_eq!(train.push(now, packet(0, 1_099, false), true), Departure::Hold);
        assert_eq!(train.push(now, packet(1, 1_099, false), true), Departure::Known);
        assert_eq!(train.push(now, packet(2, 80, false), false), Departure::Known);
        assert_eq!(train.push(now, packet(3, 1_100, true), true), Departure::Known);
        assert_eq!(train.held_until(), Some(now + HOLD));
        assert!(train.leave() && !train.leave());
        assert_eq!(train.held_until(), None);
        assert_eq!(trains(&mut train), [vec![1_099, 1_099, 1_100, 80]]);
    }

    #[test]
    fn different_sizes_break_a_train_only_where_they_must() {
        let now = Instant::now();
        let mut train = Train::new();
        for (number, length) in [(0, 1_000), (1, 1_000), (2, 500), (3, 900), (4, 1_000)] {
            train.push(now, packet(number, length, false), true);
        }
        assert_eq!(trains(&mut train), [vec![1_000, 1_000, 500], vec![900], vec![1_000]]);
    }

    #[test]
    fn sixteen_leave_at_once() {
        let now = Instant::now();
        let mut train = Train::new();
        let departures: Vec<_> = (0..16).map(|number| train.push(now, packet(number, 90, false), false)).collect();
        assert_eq!(departures.iter().filter(|departure| **departure == Departure::Now).count(), 1);
        assert_eq!(departures[15], Departure::Now);
        assert_eq!(trains(&mut train).len(), 1);
    }

    #[test]
    fn pictures_wait_for_room_and_sound_does_not() {
        let (now, mut segments) = (Instant::now(), Vec::new());
        let mut train = Train::new();
        for number in 0..4 {
            train.push(now, packet(number, 1_000, number == 3), true);
        }
        train.push(now, packet(9, 80, false), false);
        let mut again = packet(7, 1_000, false);
        (again.ssrc, again.original) = (2, Some(7));
        train.push(now, again, true);
        let mut next = |train: &mut Train, room| {
            let found = train.next(&mut segments, room).is_some();
            found.then(|| segments.iter().map(|segment| segment.numbers.sequence).collect::<Vec<_>>())
        };
        assert_eq!(next(&mut train, 0), Some(vec![9]));
        assert_eq!(next(&mut train, 0), None);
        assert!(train.has_pictures(), "they still wait");
        assert_eq!(next(&mut train, 1), Some(vec![7]), "what was missing goes first");
        assert_eq!(next(&mut train, 2_100), Some(vec![0, 1]));
        assert_eq!(train.drop_pictures(1), Some(2));
        assert_eq!(train.drop_pictures(1), None);
        assert_eq!(next(&mut train, ALL), None);
        assert_eq!(train.held_until(), None);
        assert!(!train.has_pictures() && train.waits_since().is_none());
    }

    #[test]
    fn a_late_packet_stays_since_numbers_after_its_own_have_left() {
        let (now, mut train) = (Instant::now(), Train::new());
        train.push(now, Queued { late: true, ..packet(3, 100, false) }, true);
        assert_eq!(train.drop_pictures(1), None);
        train.push(now, packet(9, 101, false), true);
        train.push(now, Queued { late: true, ..packet(8, 102, false) }, true);
        assert_eq!(train.drop_pictures(1), Some(9));
        assert_eq!(trains(&mut train), [vec![100]]);
    }

    proptest! {
        /// Everything leaves once, in its order, in trains that the kernel takes.
        #[test]
        fn order_is_kept(lengths in proptest::collection::vec((any::<bool>(), 1_u16..1_200), 0..100)) {
            let now = Instant::now();
            let mut train = Train::new();
            for (number, (video, length)) in (0..).zip(&lengths) {
                train.push(now, packet(number, *length, false), *video);
            }
            let expected = |wanted: bool| -> Vec<u16> {
                lengths.iter().filter(|(video, _)| *video == wanted).map(|(_, length)| *length).collect()
            };
            let all: Vec<u16> = trains(&mut train).concat();
            prop_assert_eq!(all.len(), lengths.len());
            let mut sorted = (all, [expected(true), expected(false)].concat());
            sorted.0.sort_unstable();
            sorted.1.sort_unstable();
            prop_assert_eq!(sorted.0, sorted.1);
        }
    }
}
