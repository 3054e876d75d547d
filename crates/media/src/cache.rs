//! The payloads of a layer's last second, in one ring of bytes: what viewers' trains copy from when they leave, and
//! what answers their NACKs. Owned by a layer of a publication; bounded, and grown only while a second does not fit.

use crate::payload::Picture;
use std::time::{Duration, Instant};

/// Packets that can be looked up, a power of two.
const ENTRIES: usize = 1_024;
/// How far back answers to NACKs should reach.
const KEEP: Duration = Duration::from_secs(1);

/// A packet as it is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    /// The extended sequence number in the publisher's stream.
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) picture: Picture,
    pub(crate) length: u16,
    arrived: Instant,
    /// Where its payload was written, counted in bytes since the start; the dependency descriptor stands behind it.
    position: u64,
}

impl Kept {
    fn size(&self) -> usize {
        usize::from(self.length) + usize::from(self.picture.descriptor)
    }
}

/// The ring.
#[derive(Debug)]
pub(crate) struct Cache {
    /// Empty until the first packet: most publications that an offer names never start.
    bytes: Vec<u8>,
    bytes_first: usize,
    bytes_max: usize,
    written: u64,
    entries: Vec<Option<Kept>>,
}

impl Cache {
    /// A ring that starts with `bytes` and may grow to `bytes_max`.
    pub(crate) fn new(bytes: usize, bytes_max: usize) -> Self {
        Self { bytes: Vec::new(), bytes_first: bytes, bytes_max, written: 0, entries: Vec::new() }
    }

    fn start(&mut self) {
        self.bytes = vec![0; self.bytes_first];
        self.entries = vec![None; ENTRIES];
    }

    fn place(sequence: u64) -> usize {
        // ENTRIES is a power of two; the remainder fits.
        (sequence % ENTRIES as u64) as usize
    }

    /// Keeps a packet: its payload and the dependency descriptor that goes along (or nothing), as long as `picture`
    /// says. `None` when they are larger than the ring.
    pub(crate) fn keep(
        &mut self,
        now: Instant,
        sequence: u64,
        timestamp: u32,
        marker: bool,
        picture: Picture,
        [payload, descriptor]: [&[u8]; 2],
    ) -> Option<Kept> {
        let length = u16::try_from(payload.len()).ok()?;
        let picture = Picture { descriptor: u8::try_from(descriptor.len()).ok()?, ..picture };
        let size_all = payload.len() + descriptor.len();
        if self.bytes.is_empty() {
            self.start();
        }
        if size_all > self.bytes.len() {
            return None;
        }
        self.grow_if_short(now);
        let size = self.bytes.len();
        let mut at = (self.written % size as u64) as usize;
        if at + size_all > size {
            self.written += (size - at) as u64; // never split over the end
            at = 0;
        }
        self.bytes[at..at + payload.len()].copy_from_slice(payload);
        if !descriptor.is_empty() {
            self.bytes[at + payload.len()..at + size_all].copy_from_slice(descriptor);
        }
        let kept = Kept { sequence, timestamp, marker, picture, length, arrived: now, position: self.written };
        self.written += size_all as u64;
        self.entries[Self::place(sequence)] = Some(kept);
        Some(kept)
    }

    /// Doubles the ring when what would be overwritten next is younger than [`KEEP`].
    fn grow_if_short(&mut self, now: Instant) {
        let size = self.bytes.len();
        if size >= self.bytes_max || self.written < size as u64 {
            return;
        }
        let oldest = self.written - size as u64;
        let young = |kept: &Kept| kept.position < oldest + 1_500 && now.saturating_duration_since(kept.arrived) < KEEP;
        // The oldest valid packets are among the first that were written; looking at each one costs less than a
        // microsecond a packet only while the ring is too small, then never again.
        if !self.entries.iter().flatten().any(|kept| kept.position >= oldest && young(kept)) {
            return;
        }
        let mut grown = Self::new((size * 2).min(self.bytes_max), self.bytes_max);
        grown.start();
        let mut live: Vec<Kept> = self.entries.iter().flatten().filter(|kept| self.holds(kept)).copied().collect();
        live.sort_unstable_by_key(|kept| kept.position);
        for mut kept in live {
            let both = self.read(&kept);
            let at = grown.written as usize; // less than the old size
            grown.bytes[at..at + both.len()].copy_from_slice(both);
            kept.position = grown.written;
            grown.written += both.len() as u64;
            grown.entries[Self::place(kept.sequence)] = Some(kept);
        }
        *self = grown;
    }

    fn holds(&self, kept: &Kept) -> bool {
        kept.position + self.bytes.len() as u64 >= self.written
    }

    fn read(&self, kept: &Kept) -> &[u8] {
        let at = (kept.position % self.bytes.len() as u64) as usize;
        &self.bytes[at..at + kept.size()]
    }

    /// A packet with its payload and its dependency descriptor, while it is kept.
    pub(crate) fn get(&self, sequence: u64) -> Option<(&Kept, &[u8], &[u8])> {
        let kept = self.entries.get(Self::place(sequence))?.as_ref()?;
        if kept.sequence != sequence || !self.holds(kept) {
            return None;
        }
        let (payload, descriptor) = self.read(kept).split_at(usize::from(kept.length));
        Some((kept, payload, descriptor))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_until_overwritten_and_grows_within_a_second() {
        let now = Instant::now();
        let mut cache = Cache::new(4_000, 32_000);
        for sequence in 0..20_u64 {
            let payload = vec![sequence as u8; 1_000];
            cache.keep(now, sequence, 0, false, Picture::default(), [&payload, &[]]).expect("fits");
        }
        for sequence in 0..20_u64 {
            let (_, payload, _) = cache.get(sequence).expect("grown instead of lost");
            assert!(payload.len() == 1_000 && payload.iter().all(|byte| *byte == sequence as u8));
        }
        for sequence in 20..100 {
            cache.keep(now + KEEP * 2, sequence, 0, false, Picture::default(), [&[9; 1_000], &[]]);
        }
        assert!(cache.get(0).is_none() && cache.get(99).is_some());
        assert!(cache.bytes.len() <= 32_000);
        assert!(cache.keep(now, 100, 0, false, Picture::default(), [&[0; 40_000], &[]]).is_none());
    }

    #[test]
    fn a_sequence_number_that_shares_a_place_is_not_confused() {
        let now = Instant::now();
        let mut cache = Cache::new(4_000, 4_000);
        cache.keep(now, 5, 0, false, Picture::default(), [b"a", &[]]);
        assert!(cache.get(5 + ENTRIES as u64).is_none());
        cache.keep(now, 5 + ENTRIES as u64, 0, false, Picture::default(), [b"b", &[]]);
        assert!(cache.get(5).is_none());
    }

    #[test]
    fn the_descriptor_stays_with_its_payload() {
        let now = Instant::now();
        let mut cache = Cache::new(8_000, 8_000);
        for sequence in 0..30_u64 {
            let (payload, descriptor) = (vec![sequence as u8; 200], vec![!(sequence as u8); 3 + sequence as usize % 4]);
            cache.keep(now, sequence, 0, false, Picture::default(), [&payload, &descriptor]).expect("fits");
        }
        for sequence in 0..30_u64 {
            let (kept, payload, descriptor) = cache.get(sequence).expect("kept");
            assert_eq!((payload.len(), descriptor.len()), (200, 3 + sequence as usize % 4));
            assert_eq!(
                (kept.picture.descriptor as usize, descriptor[0], payload[0]),
                (descriptor.len(), !(sequence as u8), sequence as u8)
            );
        }
    }
}
