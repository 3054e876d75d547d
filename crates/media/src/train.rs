//! One viewer's outgoing packets between forwarding and sending: held until a picture is complete, the oldest is
//! 5 ms old, or there are 16, then put together into trains of equal segments for one system call (UDP GSO).
//!
//! Payloads are not held: they are copied from the publication's cache when the train leaves. Order within a stream is
//! kept. One byte of RTP padding mends a train, since the packets of one picture differ by one byte at most; padding
//! is made here and never comes into a cache.

use crate::rewrite::{Numbers, Origin};
use crate::rtp::Outgoing;
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
    /// The id of abs-send-time in its section.
    pub(crate) send_time: Option<u8>,
    /// The id and size of the dependency descriptor that goes along.
    pub(crate) descriptor: Option<(u8, u8)>,
    pub(crate) length: u16,
    /// In RTX packets the original sequence number (RFC 4588, clause 4).
    pub(crate) original: Option<u16>,
    /// Nothing but a header and padding.
    pub(crate) empty: bool,
}

impl Queued {
    /// Its size before sealing.
    pub(crate) fn size(&self) -> usize {
        Outgoing::size(self.send_time.is_some(), self.descriptor.map(|(_, size)| size.into()))
            + usize::from(self.length)
            + usize::from(self.empty)
            + if self.original.is_some() { 2 } else { 0 }
    }
}

/// When the train leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Departure {
    /// Now.
    Now,
    /// When [`HOLD`] is over; this is the first packet.
    Hold,
    /// As was said before.
    Known,
}

/// The queue of one viewer.
#[derive(Debug)]
pub(crate) struct Train {
    video: VecDeque<Queued>,
    audio: VecDeque<Queued>,
    since: Option<Instant>,
    due: bool,
}

impl Train {
    pub(crate) fn new() -> Self {
        let queue = || VecDeque::with_capacity(64);
        Self { video: queue(), audio: queue(), since: None, due: false }
    }

    /// Takes a packet.
    pub(crate) fn push(&mut self, now: Instant, packet: Queued, video: bool) -> Departure {
        let waiting = self.video.len() + self.audio.len();
        if waiting >= QUEUE_MAX {
            return Departure::Known; // nobody takes them: loss, as the network would do it
        }
        let completes = packet.marker && video || packet.original.is_some() || waiting + 1 >= SEGMENTS_MAX;
        if video {
            self.video.push_back(packet)
        } else {
            self.audio.push_back(packet)
        }
        let first = self.since.is_none();
        self.since.get_or_insert(now);
        if completes && !self.due {
            self.due = true;
            return Departure::Now;
        }
        if first { Departure::Hold } else { Departure::Known }
    }

    /// Whether the oldest packet was held long enough.
    pub(crate) fn expired(&self, now: Instant) -> bool {
        self.since.is_some_and(|since| now.saturating_duration_since(since) >= HOLD)
    }

    /// Takes the next train out into `segments`; all but its last are to be padded to the returned size. `None`: all
    /// are gone.
    pub(crate) fn next(&mut self, segments: &mut Vec<Queued>) -> Option<usize> {
        segments.clear();
        let pictures = !self.video.is_empty();
        let (queue, pad) = if pictures { (&mut self.video, PAD_VIDEO) } else { (&mut self.audio, PAD_AUDIO) };
        let Some(first) = queue.pop_front() else {
            (self.since, self.due) = (None, false);
            return None;
        };
        let (mut size, mut smallest) = (first.size(), first.size());
        segments.push(first);
        let mut closed = false;
        while segments.len() < SEGMENTS_MAX
            && let Some(next) = queue.front()
        {
            let this = next.size();
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

    fn packet(number: u16, length: u16, marker: bool) -> Queued {
        let publication = Slab::default().insert(());
        let numbers = Numbers { sequence: number, timestamp: 0, picture: 0, tl0: 0 };
        let origin = Origin { publication, layer: 0 };
        let (ssrc, payload_type, source) = (1, 96, number.into());
        Queued {
            origin,
            source,
            numbers,
            ssrc,
            payload_type,
            marker,
            send_time: Some(3),
            descriptor: None,
            length,
            original: None,
            empty: false,
        }
    }

    fn trains(train: &mut Train) -> Vec<Vec<u16>> {
        let (mut all, mut segments) = (Vec::new(), Vec::new());
        while let Some(size) = train.next(&mut segments) {
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
        assert_eq!(train.push(now, packet(3, 1_100, true), true), Departure::Now);
        assert!(!train.expired(now) && train.expired(now + HOLD));
        assert_eq!(trains(&mut train), [vec![1_099, 1_099, 1_100, 80]]);
        assert!(!train.expired(now + HOLD));
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
