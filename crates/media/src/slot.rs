//! A place in which a viewer receives somebody's sound and picture, each as one continuous stream whatever it carries.
//! Owned by a connection; the room says what a stream shall carry, packets say when it can.

use crate::cache::Kept;
use crate::command::{SlotContent, SlotWish};
use crate::publication::Publication;
use crate::red::Redundant;
use crate::reports::Clock;
use crate::rewrite::{Origin, Rewriter};
use crate::rtcp;
use crate::rtp::Stamp;
use crate::scalability::Scalability;
use crate::sdp::{CodecKind, Extension, PlannedSection};
use crate::selector::{Selector, Verdict};
use crate::slab::Slab;
use crate::train::Queued;
use model::source::Source;
use std::time::{Duration, Instant};

/// Between two sender reports of a stream.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Packets that are sent again in a second and at once, for one stream.
const AGAIN_PER_SECOND: f64 = 400.0;
const AGAIN_BURST: f64 = 100.0;

/// Packets that were sent again and are remembered, and the bounds of the time in which that is not done twice.
const RESENT: usize = 128;
const SOON_MIN: Duration = Duration::from_millis(15);
const SOON_MAX: Duration = Duration::from_millis(200);

/// One outgoing stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) ssrc: u32,
    pub(crate) rtx_ssrc: u32,
    pub(crate) section: PlannedSection,
    pub(crate) stamp: Option<Stamp>,
    /// The id of the dependency descriptor.
    descriptor: Option<u8>,
    video: bool,
    pub(crate) rewriter: Rewriter,
    /// What it shall carry.
    pub(crate) wanted: Option<Origin>,
    /// What it carries.
    pub(crate) current: Option<Origin>,
    /// What of it, where it has layers inside.
    selector: Option<Box<Selector>>,
    /// From which of its packets on the selector decides.
    layered: Option<u64>,
    /// Sounds that each packet carries once more.
    pub(crate) redundancy: u8,
    /// Packets of it were dropped before they left: it goes on at the next key frame.
    cut: bool,
    captured_us: Option<i64>,
    sent_us: i64,
    packets: u32,
    octets: u32,
    /// Of which a receiver has told how they arrived.
    answered: u32,
    /// From layer to layer of the same picture, since it was last looked at.
    pub(crate) switches: u32,
    reported_at: Option<Instant>,
    rtx_sequence: u16,
    again: (f64, Option<Instant>),
    /// What was sent again last, by number.
    resent: Box<[Option<(u16, Instant)>; RESENT]>,
}

/// A packet on its way to a stream, with what is known of its origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coming<'a> {
    pub(crate) origin: Origin,
    pub(crate) packet: &'a Kept,
    pub(crate) codec: CodecKind,
    pub(crate) clock_hz: u32,
    /// The layers inside the origin.
    pub(crate) layers: Option<&'a Scalability>,
    /// When it was captured, on the server's clock, once that is known.
    pub(crate) captured_us: Option<i64>,
    pub(crate) now_us: i64,
    pub(crate) now: Instant,
    /// In sound: what was before it.
    pub(crate) before: Redundant,
}

/// The extension that packets of a section carry: the transport-wide number where the viewer sends feedback by it.
fn stamp(section: &PlannedSection) -> Option<Stamp> {
    let id = |extension| section.extension(extension).filter(|id| *id < 15);
    id(Extension::TransportCc).map(Stamp::TransportCc).or_else(|| id(Extension::AbsSendTime).map(Stamp::SendTime))
}

impl Stream {
    /// `random`: start of the sequence numbers and timestamps (RFC 3550, clause 5.1).
    pub(crate) fn new(section: PlannedSection, ssrc: u32, rtx_ssrc: u32, video: bool, random: u64) -> Self {
        Self {
            ssrc,
            rtx_ssrc,
            stamp: stamp(&section),
            descriptor: section.extension(Extension::DependencyDescriptor).filter(|id| *id < 15),
            redundancy: 0,
            cut: false,
            section,
            video,
            // The upper half stays free, so that short streams do not come near the wrap at once.
            rewriter: Rewriter::new((random as u16) & 0x7fff, (random >> 16) as u32),
            wanted: None,
            current: None,
            selector: None,
            layered: None,
            captured_us: None,
            sent_us: 0,
            packets: 0,
            octets: 0,
            answered: 0,
            switches: 0,
            reported_at: None,
            rtx_sequence: (random >> 48) as u16 & 0x7fff,
            again: (AGAIN_BURST, None),
            resent: Box::new([None; RESENT]),
        }
    }

    /// Takes what a further offer says about this stream.
    pub(crate) fn renegotiate(&mut self, section: PlannedSection) {
        self.stamp = stamp(&section);
        self.descriptor = section.extension(Extension::DependencyDescriptor).filter(|id| *id < 15);
        self.section = section;
    }

    /// Says what it shall carry. Another publication: the old one stops at once. Another layer: it goes on until the
    /// new one has a key frame.
    pub(crate) fn want(&mut self, origin: Option<Origin>) {
        let stays = |current: Origin| origin.is_some_and(|origin| origin.publication == current.publication);
        self.current = self.current.filter(|current| stays(*current));
        self.wanted = origin;
    }

    /// Says which decode target of its origin it shall carry.
    pub(crate) fn want_target(&mut self, target: u8, layers: Option<&Scalability>) {
        if let Some(layers) = layers {
            let layer = layers.layer(target).unwrap_or_default();
            self.selector.get_or_insert_with(|| Box::new(Selector::new())).want(target, layer);
        }
    }

    /// The spatial and temporal layer that it shall carry of an origin with layers inside.
    pub(crate) fn wanted_layer(&self) -> Option<(u8, u8)> {
        self.selector.as_ref().map(|selector| selector.wanted_layer())
    }

    /// Whether it waits for a key frame of what it shall carry.
    pub(crate) fn waits(&self, publications: &Slab<Publication>) -> bool {
        let Some(wanted) = self.wanted.filter(|_| self.video) else { return false };
        if self.starts_anew() {
            return true;
        }
        let layers = publications.get(wanted.publication).and_then(|publication| publication.layers(wanted.layer));
        layers.zip(self.selector.as_ref()).is_some_and(|(layers, selector)| selector.waits(layers))
    }

    /// Whether what it shall carry is another origin than what it carries, or goes on only after a cut.
    fn starts_anew(&self) -> bool {
        self.video && self.wanted.is_some() && (self.wanted != self.current || self.cut)
    }

    /// Whether this packet is the key frame with which it takes up what it shall carry.
    pub(crate) fn begins(&self, origin: Origin, packet: &Kept) -> bool {
        self.starts_anew() && self.wanted == Some(origin) && packet.picture.key
    }

    /// Its packets from this number on were dropped before they left.
    pub(crate) fn cut(&mut self, first: u16) {
        self.rewriter.rewind(first);
        self.cut = true;
    }

    /// Takes a packet: as it shall leave, or `None` when this stream does not carry it.
    pub(crate) fn accept(&mut self, coming: &Coming<'_>) -> Option<Queued> {
        let Coming { origin, packet, .. } = *coming;
        if self.current != Some(origin) || self.cut {
            if self.wanted != Some(origin) || self.video && !packet.picture.key {
                return None;
            }
            self.section.codec_of(coming.codec)?; // without a common codec the stream stays empty
            self.rewriter.begin(origin, packet, self.step(coming));
            self.switches += u32::from(self.current.is_some());
            (self.current, self.cut) = (Some(origin), false);
            self.reported_at = None; // the clock mapping has changed: tell it at once
            self.layered = None;
        }
        let codec = self.section.codec_of(coming.codec)?;
        let (usual, red) = (codec.payload_type, codec.red);
        // No further back than what it carries now.
        let blocks = self.rewriter.since_begin(packet.sequence).min(self.redundancy.into());
        let again = coming.before.limited(if red.is_some() { blocks } else { 0 }, usual);
        let payload_type = red.filter(|_| !again.is_empty()).unwrap_or(usual);
        let newest = self.rewriter.last_timestamp();
        let (numbers, marker) = match self.select(coming.layers, packet) {
            Some((omitted, marker)) => (self.rewriter.rewrite(packet, omitted)?, marker),
            None => {
                let numbers = self.rewriter.omit(packet)?;
                return Some(self.filler(coming.now, origin, packet, numbers, payload_type));
            }
        };
        if newest.is_none_or(|newest| (numbers.timestamp.wrapping_sub(newest) as i32) >= 0) {
            self.captured_us = coming.captured_us;
            self.sent_us = coming.now_us;
        }
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.length.into());
        Some(Queued { marker, again, ..self.queued(coming.now, origin, packet, numbers, payload_type) })
    }

    /// Whether a packet is forwarded: how many pictures were left out before it, and its marker. Inside a stream with
    /// layers the last packet of the highest forwarded spatial layer has the marker.
    fn select(&mut self, layers: Option<&Scalability>, packet: &Kept) -> Option<(u16, bool)> {
        let Some(layers) = layers else {
            self.layered = None;
            return Some((0, packet.marker));
        };
        let frame = layers.frame(packet.picture.frame);
        if self.layered.is_none() {
            // The stream had no layers so far; what is known of them begins with a key frame.
            let Some(frame) = frame.filter(|_| packet.picture.key) else { return Some((0, packet.marker)) };
            self.selector.get_or_insert_with(|| Box::new(Selector::new())).start(layers, frame);
            self.layered = Some(packet.sequence);
        }
        Self::selected(self.selector.as_mut()?.decide(layers, frame?), layers, packet)
    }

    fn selected(verdict: Verdict, layers: &Scalability, packet: &Kept) -> Option<(u16, bool)> {
        match verdict {
            Verdict::Omit => None,
            Verdict::Forward { omitted, last } => {
                let omitted = if layers.closes_ids() { omitted } else { 0 };
                Some((omitted, packet.marker || packet.picture.end && last))
            }
        }
    }

    fn queued(
        &self,
        now: Instant,
        origin: Origin,
        packet: &Kept,
        numbers: crate::rewrite::Numbers,
        payload_type: u8,
    ) -> Queued {
        Queued {
            origin,
            source: packet.sequence,
            numbers,
            ssrc: self.ssrc,
            payload_type,
            marker: packet.marker,
            stamp: self.stamp,
            descriptor: self
                .descriptor
                .filter(|_| packet.picture.descriptor > 0)
                .map(|id| (id, packet.picture.descriptor)),
            length: packet.length,
            since: now,
            late: numbers.sequence != self.rewriter.newest(),
            original: None,
            again: Redundant::default(),
            empty: false,
        }
    }

    /// An empty packet in the place of one that turned out to be none for this viewer.
    fn filler(
        &self,
        now: Instant,
        origin: Origin,
        packet: &Kept,
        numbers: crate::rewrite::Numbers,
        payload_type: u8,
    ) -> Queued {
        let queued = self.queued(now, origin, packet, numbers, payload_type);
        Queued { marker: false, descriptor: None, length: 0, empty: true, ..queued }
    }

    /// How many packets were sent since the last call: what a receiver report is about.
    pub(crate) fn unanswered(&mut self) -> u32 {
        self.packets.wrapping_sub(std::mem::replace(&mut self.answered, self.packets))
    }

    /// How far the timestamp moves on at a switch: the time between the two captures, or between the two packets where
    /// a capture time is not known yet.
    fn step(&self, coming: &Coming<'_>) -> u32 {
        let elapsed = match (coming.captured_us, self.captured_us) {
            (Some(new), Some(old)) => new - old,
            _ => coming.now_us - self.sent_us,
        };
        let shortest = i64::from(coming.clock_hz / 1_000);
        // An hour at most: what lies further apart only has to stay in order.
        let ticks = elapsed.clamp(0, 3_600_000_000) * i64::from(coming.clock_hz) / 1_000_000;
        ticks.max(shortest) as u32
    }

    /// The sequence number of the next packet of its RTX stream.
    pub(crate) fn next_rtx(&mut self) -> u16 {
        self.rtx_sequence = self.rtx_sequence.wrapping_add(1);
        self.rtx_sequence
    }

    /// The ids of the transport-wide number and of RTX, where padding can be sent with them.
    pub(crate) fn padding_type(&self) -> Option<(u8, u8)> {
        let Some(Stamp::TransportCc(id)) = self.stamp else { return None };
        Some((id, self.section.codecs.iter().find_map(|codec| codec.rtx)?))
    }

    /// The packet that answers a NACK, as RTX; `None` when it is not kept, too many were asked for, or it is on its way:
    /// it was sent again less than about a round trip ago.
    pub(crate) fn resend(
        &mut self,
        now: Instant,
        rtt: Duration,
        sequence: u16,
        publications: &Slab<Publication>,
    ) -> Option<Queued> {
        let last = self.resent[usize::from(sequence) % RESENT];
        let soon = (rtt * 3 / 4).clamp(SOON_MIN, SOON_MAX);
        if last.is_some_and(|(number, at)| number == sequence && now.saturating_duration_since(at) < soon) {
            return None;
        }
        let (origin, source) = self.rewriter.find(sequence)?;
        let layer = publications.get(origin.publication)?.layers.get(usize::from(origin.layer))?;
        let codec = self.section.codec_of(layer.codec?)?;
        let (media_type, payload_type) = (codec.payload_type, codec.rtx?);
        let (packet, ..) = layer.cache.get(source)?;
        let selected = match (layer.scalability.as_deref(), &self.selector) {
            (Some(layers), Some(selector))
                if self.current == Some(origin) && self.layered.is_some_and(|from| source >= from) =>
            {
                let frame = layers.frame(packet.picture.frame);
                // Without a frame it never was one for anybody; one that is not remembered is of no use any more.
                let verdict = frame.map_or(Some(Verdict::Omit), |frame| selector.verdict(frame))?;
                Self::selected(verdict, layers, packet)
            }
            // From before it began: how many pictures were left out then is forgotten.
            (Some(layers), _) if layers.closes_ids() => return None,
            _ => Some((0, packet.marker)),
        };
        let (omitted, marker) = selected.unwrap_or_default();
        let numbers = self.rewriter.again(origin, sequence, packet, omitted)?;
        let (tokens, at) = &mut self.again;
        let elapsed = at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        (*tokens, *at) = ((*tokens + elapsed * AGAIN_PER_SECOND).min(AGAIN_BURST), Some(now));
        if *tokens < 1.0 {
            return None;
        }
        *tokens -= 1.0;
        if selected.is_none() {
            return Some(self.filler(now, origin, packet, numbers, media_type));
        }
        self.resent[usize::from(sequence) % RESENT] = Some((sequence, now));
        let numbers = crate::rewrite::Numbers { sequence: self.next_rtx(), ..numbers };
        let (ssrc, original) = (self.rtx_ssrc, Some(sequence));
        Some(Queued { ssrc, marker, original, ..self.queued(now, origin, packet, numbers, payload_type) })
    }

    /// Appends a sender report when it is time for one and the origin's clock is known. True: it did.
    pub(crate) fn report(
        &mut self,
        now: Instant,
        clock: &Clock,
        publications: &Slab<Publication>,
        out: &mut Vec<u8>,
    ) -> bool {
        if self.reported_at.is_some_and(|at| now.saturating_duration_since(at) < REPORT_EVERY) {
            return false;
        }
        let Some((origin, offset)) =
            self.rewriter.timestamp_offset().filter(|(origin, _)| self.current == Some(*origin))
        else {
            return false;
        };
        let Some(publication) = publications.get(origin.publication) else { return false };
        let Some(report) = publication.layers.get(usize::from(origin.layer)).and_then(|layer| layer.report) else {
            return false;
        };
        let us = clock.us(now);
        let timestamp = report.timestamp_at(us, publication.clock_hz()).wrapping_add(offset);
        rtcp::sender_report(out, self.ssrc, Clock::ntp(us), timestamp, self.packets, self.octets);
        self.reported_at = Some(now);
        true
    }
}

/// A slot.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) number: u8,
    pub(crate) audio: Stream,
    pub(crate) video: Option<Stream>,
    pub(crate) wish: Option<SlotWish>,
    /// Something has changed that the shell may have to be told.
    pub(crate) changed: bool,
    /// What the shell was told last.
    told: SlotContent,
}

impl Slot {
    pub(crate) fn new(number: u8, audio: Stream, video: Option<Stream>) -> Self {
        let source = if video.is_some() { Source::Camera } else { Source::Microphone };
        let told = SlotContent { slot: number, participant: None, source, picture: false };
        Self { number, audio, video, wish: None, changed: true, told }
    }

    /// Its streams.
    pub(crate) fn streams_mut(&mut self) -> impl Iterator<Item = &mut Stream> {
        std::iter::once(&mut self.audio).chain(self.video.as_mut())
    }

    /// What it carries, when that is news. `heard`: whose sound is in a slot without picture.
    pub(crate) fn news(&mut self, heard: Option<model::ids::ParticipantId>) -> Option<SlotContent> {
        let content = match (&self.video, &self.wish) {
            (None, _) => SlotContent { participant: heard, ..self.told },
            (Some(video), Some(wish)) => SlotContent {
                slot: self.number,
                participant: wish.participant,
                source: wish.source,
                picture: video.current.is_some(),
            },
            (Some(_), None) => SlotContent { participant: None, picture: false, ..self.told },
        };
        (content != self.told).then(|| {
            self.told = content;
            content
        })
    }
}
