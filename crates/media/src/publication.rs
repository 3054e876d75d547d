//! What one participant publishes: its layers with what arrived and what is kept of them, and who looks on.
//! Owned by a room, which feeds it opened packets; it forwards nothing itself.

use crate::cache::{Cache, Kept};
use crate::demand::Demand;
use crate::nack::Arrivals;
use crate::payload::{self, Number, Picture};
use crate::reports::Report;
use crate::scalability::{Place, Scalability, Seen};
use crate::sdp::{CodecKind, Kind, PlannedSection};
use crate::slab::Key;
use model::ids::ParticipantId;
use model::limits;
use model::source::Source;
use std::time::{Duration, Instant};

/// First and largest size of what is kept of a layer.
const VIDEO_BYTES: usize = 128 * 1024;
const VIDEO_BYTES_MAX: usize = 1024 * 1024;
const AUDIO_BYTES: usize = 8 * 1024;
const AUDIO_BYTES_MAX: usize = 32 * 1024;
/// A layer that sent nothing for so long is taken as switched off by the publisher.
const ACTIVE: Duration = Duration::from_secs(2);
/// Between two requests for a key frame, whoever asks.
const KEY_FRAME_EVERY: Duration = Duration::from_millis(200);

/// What a path carries around each payload: IP, UDP, RTP with its extensions, the tag of SRTP.
const AROUND: u64 = 28 + 24 + 16;

/// Bytes over time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: u64,
    packets: u64,
    since: Option<Instant>,
    bps: u64,
    /// The last windows, with what is around each payload: a key frame fills one of them, which is no reason to choose
    /// another layer.
    windows: [u64; 5],
}

impl Meter {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
        self.packets += u64::from(bytes > 0);
    }

    pub(crate) fn bps(&self) -> u64 {
        self.bps
    }

    /// What it needs on a path: the usual figure of the last seconds, which is the middle one of its windows.
    pub(crate) fn need_bps(&self) -> u64 {
        let mut sorted = self.windows;
        sorted.sort_unstable();
        let first = sorted.iter().position(|bps| *bps > 0).unwrap_or(sorted.len() - 1);
        let known = &sorted[first..];
        known[known.len() / 2]
    }

    /// Ends a window of at least half a second. True: there is a new figure.
    pub(crate) fn tick(&mut self, now: Instant) -> bool {
        let Some(since) = self.since else {
            self.since = Some(now);
            return false;
        };
        let elapsed = now.saturating_duration_since(since);
        if elapsed < Duration::from_millis(500) {
            return false;
        }
        let per_second = |bytes: u64| bytes * 8_000 / elapsed.as_millis() as u64;
        let bps = per_second(self.bytes);
        self.bps = if self.bps == 0 { bps } else { (self.bps + bps) / 2 };
        self.windows.rotate_left(1);
        self.windows[self.windows.len() - 1] = per_second(self.bytes + self.packets * AROUND);
        (self.bytes, self.packets, self.since) = (0, 0, Some(now));
        true
    }
}

/// One layer: the whole publication, or one simulcast encoding of it.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) rid: Option<Box<str>>,
    pub(crate) ssrc: Option<u32>,
    pub(crate) arrivals: Arrivals,
    pub(crate) cache: Cache,
    pub(crate) codec: Option<CodecKind>,
    pub(crate) report: Option<Report>,
    pub(crate) height: Option<u16>,
    pub(crate) meter: Meter,
    pub(crate) heard_at: Option<Instant>,
    pub(crate) active: bool,
    /// The layers inside it, where its packets tell of any.
    pub(crate) scalability: Option<Box<Scalability>>,
    /// Packets of a picture that is not complete, and since when the first waits.
    pub(crate) pending: Vec<Kept>,
    pub(crate) pending_since: Option<Instant>,
    asked_at: Option<Instant>,
}

impl Layer {
    fn new(kind: Kind, rid: Option<Box<str>>) -> Self {
        let (bytes, bytes_max) = match kind {
            Kind::Video => (VIDEO_BYTES, VIDEO_BYTES_MAX),
            _ => (AUDIO_BYTES, AUDIO_BYTES_MAX),
        };
        Self {
            rid,
            ssrc: None,
            arrivals: Arrivals::default(),
            cache: Cache::new(bytes, bytes_max),
            codec: None,
            report: None,
            height: None,
            meter: Meter::default(),
            heard_at: None,
            active: false,
            scalability: None,
            pending: Vec::new(),
            pending_since: None,
            asked_at: None,
        }
    }

    /// Whether a key frame may be asked for now; takes note that it is.
    pub(crate) fn ask_key_frame(&mut self, now: Instant, every: Duration) -> bool {
        let every = every.max(KEY_FRAME_EVERY);
        if self.asked_at.is_some_and(|at| now.saturating_duration_since(at) < every) {
            return false;
        }
        self.asked_at = Some(now);
        true
    }

    /// Whether the layer has just fallen silent.
    pub(crate) fn falls_silent(&mut self, now: Instant) -> bool {
        let silent = self.heard_at.is_none_or(|at| now.saturating_duration_since(at) > ACTIVE);
        self.active && silent && {
            self.active = false;
            true
        }
    }

    /// The whole of it, as the choice of layers has to know it.
    pub(crate) fn choice(&self) -> crate::layers::Layer {
        crate::layers::Layer { active: self.active, height: self.height, bps: self.meter.need_bps(), slow: false }
    }

    /// What can be had of it, and what the choice of layers has to know of each: the whole, or its decode targets.
    fn choices(&self) -> impl Iterator<Item = (u8, crate::layers::Layer)> {
        let layered = self.scalability.as_ref().filter(|layers| layers.is_layered());
        let inside = layered.map(|layers| layers.choices()).unwrap_or_default();
        let whole = inside.is_empty().then(|| {
            let target = self.scalability.as_ref().and_then(|layers| layers.nearest(u8::MAX, u8::MAX));
            (target.unwrap_or(0), self.choice())
        });
        let active = self.active;
        inside.into_iter().chain(whole).map(move |(target, layer)| (target, crate::layers::Layer { active, ..layer }))
    }

    /// Notes where a packet's frame lies among the layers inside; gives the dependency descriptor that goes along.
    fn look<'a>(
        &mut self,
        now: Instant,
        sequence: u64,
        (codec, media): (CodecKind, &Media<'a>),
        picture: &mut Picture,
        place: Option<Place>,
    ) -> &'a [u8] {
        // VP8 and VP9 tell their layers in each payload, without a structure that can be lost.
        let descriptor = media.descriptor.filter(|_| codec == CodecKind::Av1);
        if self.scalability.is_none() && descriptor.is_none() && place.is_none() {
            return &[];
        }
        let bytes = media.payload.len();
        let place = match place {
            None if descriptor.is_none() && bytes > 0 => {
                if picture.id.is_none() {
                    self.scalability = None; // nothing tells its frames apart any more
                    return &[];
                }
                // An encoder that makes no layers any more does not name them.
                Some(Place::lowest(codec, picture.key, media.marker))
            }
            told => told,
        };
        let seen = Seen { sequence, timestamp: media.timestamp, bytes, descriptor, place };
        self.scalability.get_or_insert_default().take(now, &seen, picture);
        let Some(descriptor @ [_, high, low, ..]) = descriptor else { return &[] };
        let value = u16::from_be_bytes([*high, *low]);
        picture.id = Some(Number { at: crate::descriptor::FRAME_NUMBER_AT, value, long: true });
        descriptor
    }

    /// Whether a structure was lost since the last call: only a key frame helps.
    pub(crate) fn takes_broken(&mut self) -> bool {
        self.scalability.as_mut().is_some_and(|layers| layers.take_broken())
    }

    /// Whether the layers inside are others since the last call.
    pub(crate) fn takes_changed(&mut self) -> bool {
        self.scalability.as_mut().is_some_and(|layers| layers.take_changed())
    }
}

/// A stream of a slot that shows a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Viewer {
    pub(crate) peer: Key,
    /// The slot's place in its connection.
    pub(crate) slot: u8,
}

/// A publication.
#[derive(Debug)]
pub(crate) struct Publication {
    pub(crate) owner: Key,
    pub(crate) participant: ParticipantId,
    pub(crate) source: Source,
    pub(crate) section: PlannedSection,
    pub(crate) layers: Vec<Layer>,
    pub(crate) viewers: Vec<Viewer>,
    pub(crate) demand: Demand,
    /// Allowed and on: what is not live is dropped at the door.
    pub(crate) live: bool,
    /// Whether the shell was told.
    pub(crate) told: bool,
    pub(crate) made_at: Instant,
}

/// A packet after RTX was unwrapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Media<'a> {
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload: &'a [u8],
    /// The dependency descriptor in its header.
    pub(crate) descriptor: Option<&'a [u8]>,
}

impl Publication {
    pub(crate) fn new(
        now: Instant,
        (owner, participant): (Key, ParticipantId),
        source: Source,
        section: PlannedSection,
        live: bool,
    ) -> Self {
        let rids = section.rids.iter().take(limits::MEDIA_LAYERS_MAX);
        let mut layers: Vec<Layer> = rids.map(|rid| Layer::new(section.kind, Some(rid.as_str().into()))).collect();
        if layers.is_empty() {
            layers.push(Layer::new(section.kind, None));
        }
        let (viewers, demand) = (Vec::new(), Demand::default());
        Self { owner, participant, source, section, layers, viewers, demand, live, told: false, made_at: now }
    }

    pub(crate) fn video(&self) -> bool {
        self.section.kind == Kind::Video
    }

    pub(crate) fn clock_hz(&self) -> u32 {
        if self.video() { 90_000 } else { 48_000 }
    }

    /// The layers inside a layer.
    pub(crate) fn layers(&self, layer: u8) -> Option<&Scalability> {
        self.layers.get(usize::from(layer))?.scalability.as_deref()
    }

    /// What a viewer can be given, in the order of [`Self::step`].
    pub(crate) fn choices(&self) -> Vec<crate::layers::Layer> {
        self.layers.iter().flat_map(|layer| layer.choices().map(|(_, choice)| choice)).collect()
    }

    /// The layer and the decode target in it of each of [`Self::choices`].
    pub(crate) fn steps(&self) -> impl Iterator<Item = (u8, u8)> {
        let all = (0_u8..).zip(&self.layers);
        all.flat_map(|(number, layer)| layer.choices().map(move |(target, _)| (number, target)))
    }

    /// The layer and the decode target in it of one of [`Self::choices`].
    pub(crate) fn step(&self, choice: u8) -> Option<(u8, u8)> {
        self.steps().nth(usize::from(choice))
    }

    /// Which of [`Self::choices`] a layer is; `inside`: the spatial and temporal layer in it.
    pub(crate) fn choice_of(&self, layer: u8, inside: Option<(u8, u8)>) -> Option<u8> {
        let of = || (0_u8..).zip(self.steps()).filter(move |(_, (number, _))| *number == layer);
        let mut all = of();
        let first = all.next()?;
        if all.next().is_none() {
            return Some(first.0); // the whole of it
        }
        let layers = self.layers(layer)?;
        of().find(|(_, (_, target))| inside.is_some() && layers.layer(*target) == inside).map(|(index, _)| index)
    }

    /// Whether this source and this kind of section go together.
    pub(crate) fn fits(source: Source, kind: Kind) -> bool {
        match source {
            Source::Microphone | Source::ScreenSound => kind == Kind::Audio,
            Source::Camera | Source::Screen => kind == Kind::Video,
        }
    }

    /// Takes a packet of a layer; `None`: it came before, is too old, or is not live.
    pub(crate) fn take(&mut self, now: Instant, layer: u8, codec: CodecKind, media: Media<'_>) -> Option<Kept> {
        let (video, live) = (self.video(), self.live);
        let layer = self.layers.get_mut(usize::from(layer))?;
        let sequence = layer.arrivals.arrive(now, media.sequence, video && live)?;
        layer.heard_at = Some(now);
        layer.meter.add(media.payload.len());
        if !live {
            return None;
        }
        layer.codec = Some(codec);
        let (mut picture, mut descriptor) = (Picture::default(), &[][..]);
        if video {
            let place;
            (picture, place) = payload::inspect(codec, media.payload);
            descriptor = layer.look(now, sequence, (codec, &media), &mut picture, place);
        }
        if picture.key {
            layer.height = picture.height.or(layer.height);
            layer.arrivals.forget_before(sequence);
        }
        layer.cache.keep(now, sequence, media.timestamp, media.marker, picture, [media.payload, descriptor])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_around_a_payload_is_needed_too() {
        let start = Instant::now();
        for (payload, needs) in [(1_100, 1_168), (200, 268)] {
            let mut meter = Meter::default();
            meter.tick(start);
            for window in 1..=5 {
                (0..100).for_each(|_| meter.add(if window == 3 { 6 * payload } else { payload }));
                meter.add(0); // padding
                assert!(meter.tick(start + Duration::from_secs(window)));
            }
            assert_eq!(meter.need_bps(), needs * 100 * 8, "without the window of the key frame");
        }
    }
}
