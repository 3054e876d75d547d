//! What one participant publishes: its layers with what arrived and what is kept of them, and who looks on.
//! Owned by a room, which feeds it opened packets; it forwards nothing itself.

use crate::cache::{Cache, Kept};
use crate::demand::Demand;
use crate::nack::Arrivals;
use crate::payload::{self, Picture};
use crate::reports::Report;
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

/// Bytes over time.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    bytes: u64,
    since: Option<Instant>,
    bps: u64,
    /// The last windows: a key frame fills one of them, which is no reason to choose another layer.
    windows: [u64; 5],
}

impl Meter {
    pub(crate) fn add(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    pub(crate) fn bps(&self) -> u64 {
        self.bps
    }

    /// The usual figure of the last seconds: the middle one of its windows.
    pub(crate) fn usual_bps(&self) -> u64 {
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
        let bps = self.bytes * 8_000 / elapsed.as_millis() as u64;
        self.bps = if self.bps == 0 { bps } else { (self.bps + bps) / 2 };
        (self.bytes, self.since) = (0, Some(now));
        self.windows.rotate_left(1);
        self.windows[self.windows.len() - 1] = bps;
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

    /// What the choice of layers has to know.
    pub(crate) fn choice(&self) -> crate::layers::Layer {
        // Headers and what is around them cost a tenth of what a picture does.
        let bps = self.meter.usual_bps() * 11 / 10;
        crate::layers::Layer { active: self.active, height: self.height, bps }
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
        let picture = if video { payload::inspect(codec, media.payload) } else { Picture::default() };
        if picture.key {
            layer.height = picture.height.or(layer.height);
            layer.arrivals.forget_before(sequence);
        }
        layer.cache.keep(now, sequence, media.timestamp, media.marker, picture, media.payload)
    }
}
