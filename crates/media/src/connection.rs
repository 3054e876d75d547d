//! One participant's media connection: transport, what it publishes (by SSRC), its slots and its outgoing train.
//! Owned by a room. Knows nobody else: publications are handed in where a train or a report needs them.

use crate::allowance::Allowance;
use crate::budget::Budget;
use crate::bwe::Estimator;
use crate::command::Path;
use crate::feedback::Recorder;
use crate::health::Gathered;
use crate::outbox::{Address, Held, Outbox};
use crate::pacer::Pacer;
use crate::publication::{Meter, Publication};
use crate::red;
use crate::remote::Remote;
use crate::rtp::{Header, Outgoing, Stamp};
use crate::sdp::{Extension, PlannedSection};
use crate::slab::{Key, Slab};
use crate::slot::Slot;
use crate::train::{HOLD, Queued, SEGMENTS_MAX, Train};
use crate::transport::{State, Transport};
use model::limits;
use std::time::{Duration, Instant};

/// RTCP that waits is sent in datagrams of about this size.
const RTCP_BYTES: usize = 1_100;
/// SSRCs that one connection may use: media and RTX of each layer.
const STREAMS_MAX: usize = limits::MEDIA_PUBLICATIONS_MAX * limits::MEDIA_LAYERS_MAX * 2;
/// Pictures that had to wait longer are old: better a new one (with a request for a key frame).
const OLD: Duration = Duration::from_millis(500);
/// RTP padding of a packet that is nothing else (RFC 3550, clause 5.1).
const PADDING: usize = 255;
/// UDP and IP around a datagram.
const DATAGRAM_OVERHEAD: usize = 28;
/// A path that carries less is narrow, in bit/s.
const NARROW: u64 = 350_000;
/// Sound is reckoned with at least this, in bit/s.
const SOUND_MIN: u64 = 40_000;

/// Which stream an SSRC of the client is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bound {
    pub(crate) publication: Key,
    pub(crate) layer: u8,
}

/// Ids of the header extensions that are read; one bundle, so they are the same in all sections.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct ExtensionIds {
    pub(crate) mid: Option<u8>,
    pub(crate) rid: Option<u8>,
    pub(crate) repaired: Option<u8>,
    pub(crate) level: Option<u8>,
    pub(crate) transport_cc: Option<u8>,
    pub(crate) descriptor: Option<u8>,
}

impl ExtensionIds {
    pub(crate) fn of<'a>(sections: impl Iterator<Item = &'a PlannedSection>) -> Self {
        let mut ids = Self::default();
        for section in sections {
            let take = |kept: Option<u8>, wanted| kept.or_else(|| section.extension(wanted));
            ids = Self {
                mid: take(ids.mid, Extension::Mid),
                rid: take(ids.rid, Extension::Rid),
                repaired: take(ids.repaired, Extension::RepairedRid),
                level: take(ids.level, Extension::AudioLevel),
                transport_cc: take(ids.transport_cc, Extension::TransportCc),
                descriptor: take(ids.descriptor, Extension::DependencyDescriptor),
            };
        }
        ids
    }
}

/// The connection.
pub(crate) struct Connection {
    pub(crate) transport: Transport,
    /// Told once when it came up.
    pub(crate) connected: bool,
    pub(crate) publications: Vec<Key>,
    pub(crate) streams: Vec<(u32, Bound)>,
    pub(crate) ids: ExtensionIds,
    pub(crate) slots: Vec<Slot>,
    pub(crate) train: Train,
    pub(crate) recorder: Recorder,
    /// Of viewers that send no transport-wide feedback.
    pub(crate) budget: Budget,
    /// Of those that do.
    pub(crate) estimator: Option<Estimator>,
    pub(crate) pacer: Pacer,
    pub(crate) allowance: Allowance,
    /// When pictures or padding that wait are looked at again.
    wake_at: Option<Instant>,
    pub(crate) sent: Meter,
    /// The part of it that is sound.
    pub(crate) sound: Meter,
    /// What would be sent if the path carried everything, in bit/s.
    pub(crate) wanted_bps: u64,
    pub(crate) rtt: Option<Duration>,
    pub(crate) loss: f32,
    pub(crate) health: Gathered,
    /// Our SSRC as the sender of feedback.
    pub(crate) ssrc: u32,
    pub(crate) session: (u64, u64),
    pub(crate) reported_at: Option<Instant>,
    pub(crate) feedback_at: Option<Instant>,
    /// RTCP messages that wait, and where each ends.
    rtcp: Vec<u8>,
    rtcp_ends: Vec<usize>,
    segments: Vec<Queued>,
}

impl Connection {
    pub(crate) fn new(now: Instant, transport: Transport, ssrc: u32, session: u64) -> Self {
        Self {
            transport,
            connected: false,
            publications: Vec::new(),
            streams: Vec::with_capacity(STREAMS_MAX),
            ids: ExtensionIds::default(),
            slots: Vec::new(),
            train: Train::new(),
            recorder: Recorder::new(now),
            budget: Budget::default(),
            estimator: None,
            pacer: Pacer::default(),
            allowance: Allowance::default(),
            wake_at: None,
            sent: Meter::default(),
            sound: Meter::default(),
            wanted_bps: 0,
            rtt: None,
            loss: 0.0,
            health: Gathered::default(),
            ssrc,
            session: (session, 0),
            reported_at: None,
            feedback_at: None,
            rtcp: Vec::new(),
            rtcp_ends: Vec::new(),
            segments: Vec::with_capacity(SEGMENTS_MAX),
        }
    }

    /// Which stream a packet belongs to: by its SSRC, or the first time by mid and rid or by announced SSRCs.
    pub(crate) fn bind(&mut self, header: &Header, packet: &[u8], publications: &Slab<Publication>) -> Option<Bound> {
        if let Some((_, bound)) = self.streams.iter().find(|(ssrc, _)| *ssrc == header.ssrc) {
            return Some(*bound);
        }
        let bound = self.named(header, packet, publications).or_else(|| self.announced(header.ssrc, publications))?;
        if self.streams.len() >= STREAMS_MAX {
            // Sources were replaced again and again: the oldest SSRC is surely not in use any more.
            let (ssrc, _) = self.streams.remove(0);
            self.transport.forget_ssrc(ssrc);
        }
        self.streams.push((header.ssrc, bound));
        self.transport.accept_ssrc(header.ssrc);
        Some(bound)
    }

    fn announced(&self, ssrc: u32, publications: &Slab<Publication>) -> Option<Bound> {
        let mut known = self.publications.iter().filter_map(|key| Some((*key, &publications.get(*key)?.section)));
        let (publication, section) = known.find(|(_, section)| section.ssrcs.contains(&ssrc))?;
        if section.rids.is_empty() {
            return Some(Bound { publication, layer: 0 });
        }
        // Firefox announces the SSRCs of its simulcast layers, but not which is which: that only a rid tells (RFC 8853,
        // clause 5.3). Packets sent again belong where those are that they repeat.
        let (main, _) = section.rtx_ssrcs.iter().find(|(_, rtx)| *rtx == ssrc)?;
        self.streams.iter().find(|(ssrc, _)| ssrc == main).map(|(_, bound)| *bound)
    }

    fn named(&self, header: &Header, packet: &[u8], publications: &Slab<Publication>) -> Option<Bound> {
        let text = |id: Option<u8>| header.extension(packet, id?);
        let mid = text(self.ids.mid)?;
        let mut all = self.publications.iter().filter_map(|key| Some((*key, publications.get(*key)?)));
        let (key, publication) = all.find(|(_, publication)| publication.section.mid.as_bytes() == mid)?;
        publication.section.codec(header.payload_type)?;
        let layer = if publication.section.rids.is_empty() {
            0
        } else {
            let rid = text(self.ids.rid).or_else(|| text(self.ids.repaired))?;
            let is = |known: &str| known.as_bytes() == rid;
            publication.layers.iter().position(|layer| layer.rid.as_deref().is_some_and(is))?
        };
        Some(Bound { publication: key, layer: u8::try_from(layer).ok()? })
    }

    /// Whether what a slot carries may have changed since the last call.
    pub(crate) fn slots_changed(&mut self) -> bool {
        self.slots.iter_mut().fold(false, |changed, slot| std::mem::take(&mut slot.changed) | changed)
    }

    /// Lets a message be appended to the waiting RTCP.
    pub(crate) fn rtcp(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.rtcp.len();
        write(&mut self.rtcp);
        if self.rtcp.len() > before {
            self.rtcp_ends.push(self.rtcp.len());
        }
    }

    /// Whether RTCP waits.
    pub(crate) fn has_rtcp(&self) -> bool {
        !self.rtcp_ends.is_empty()
    }

    /// Begins to estimate the viewer's path when one of its sections has transport-wide numbers.
    pub(crate) fn estimate_by_feedback(&mut self, now: Instant) {
        let numbered = |stamp| matches!(stamp, Some(Stamp::TransportCc(_)));
        if self.slots.iter_mut().any(|slot| slot.streams_mut().any(|stream| numbered(stream.stamp))) {
            self.estimator.get_or_insert_with(|| Estimator::new(now));
        } else {
            self.estimator = None;
        }
    }

    /// What pictures may cost in bit/s; `None`: no limit is known.
    pub(crate) fn limit(&self, now: Instant) -> Option<u64> {
        let Some((estimator, bps)) = self.estimator.as_ref().and_then(|e| Some((e, e.bps(now)?))) else {
            return self.budget.limit();
        };
        // What gets lost is sent again.
        let again = 1.0 - estimator.loss().min(0.3);
        Some((bps.saturating_sub(self.sound_bps()) as f64 * again) as u64)
    }

    fn sound_bps(&self) -> u64 {
        self.sound.bps().max(SOUND_MIN)
    }

    /// Looks after the path. True: layers are to be chosen again.
    pub(crate) fn watch_path(&mut self, now: Instant) -> bool {
        let can_pad = self.padding_stream().is_some();
        let wanted = self.wanted_bps + self.sound_bps();
        if let Some(estimator) = &mut self.estimator {
            estimator.tick(now, wanted, can_pad);
        }
        let path = self.path(now);
        // On a narrow path once is enough: a sound costs as much as a small picture when it is sent three times.
        let most = if path.estimate_bps.is_some_and(|bps| bps < NARROW) { 1 } else { 2 };
        for slot in &mut self.slots {
            slot.audio.redundancy = red::blocks_for(path.loss, slot.audio.redundancy).min(most);
        }
        let limit = self.limit(now);
        self.allowance.observe(now, limit)
    }

    /// What is known of the path, for statistics.
    pub(crate) fn path(&self, now: Instant) -> Path {
        let estimator = self.estimator.as_ref();
        Path {
            estimate_bps: estimator.map_or(self.budget.limit(), |estimator| estimator.bps(now)),
            rtt: self.rtt.or_else(|| estimator?.rtt()),
            loss: estimator.filter(|e| e.rtt().is_some()).map_or(self.loss, |estimator| estimator.loss() as f32),
        }
    }

    /// Whether padding of a probe is to be sent.
    pub(crate) fn probes(&self) -> bool {
        self.estimator.as_ref().is_some_and(Estimator::probing)
    }

    /// Whether every tick has to look at it: it comes up, publishes, is probed, or something waits for its path.
    pub(crate) fn lively(&self) -> bool {
        !self.connected || !self.streams.is_empty() || self.probes() || self.train.has_pictures()
    }

    /// When what could not leave yet is to be looked at.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.wake_at
    }

    /// After a flush: lets what could not leave yet be looked at again soon.
    pub(crate) fn wake_later(&mut self, now: Instant, (room, peer): Address, out: &mut Outbox) {
        if (self.train.has_pictures() || self.probes()) && self.wake_at.is_none_or(|at| at <= now) {
            self.wake_at = Some(now + HOLD);
            out.hold(now, Held::Rest((room, peer)));
        }
    }

    /// The place of a slot whose RTX stream can carry padding.
    fn padding_stream(&self) -> Option<usize> {
        self.slots.iter().position(|slot| slot.video.as_ref().is_some_and(|video| video.padding_type().is_some()))
    }

    /// Drops pictures that had to wait for too long; their streams go on at the next key frame.
    fn drop_old(&mut self, now: Instant) {
        if self.train.waits_since().is_none_or(|since| now.saturating_duration_since(since) < OLD) {
            return;
        }
        for stream in self.slots.iter_mut().filter_map(|slot| slot.video.as_mut()) {
            if let Some(first) = self.train.drop_pictures(stream.ssrc) {
                stream.cut(first);
            }
        }
    }

    /// Writes what is to be sent next into `out`: where to, and the size of its segments if there are several.
    pub(crate) fn flush(
        &mut self,
        now: Instant,
        send_time: u32,
        publications: &Slab<Publication>,
        out: &mut Vec<u8>,
    ) -> Option<(Remote, Option<usize>)> {
        out.clear();
        if let Some(transmit) = self.transport.poll_transmit() {
            out.extend_from_slice(&transmit.contents);
            return Some((transmit.to, None));
        }
        if self.transport.state() != State::Connected {
            self.rtcp.clear();
            self.rtcp_ends.clear();
            while self.train.next(&mut self.segments, usize::MAX).is_some() {}
            return None;
        }
        let to = self.transport.remote()?;
        while self.has_rtcp() {
            if self.flush_rtcp(out) {
                return Some((to, None));
            }
        }
        loop {
            let pace = self.estimator.as_ref().and_then(|estimator| estimator.pace(now));
            let room = self.pacer.room(now, pace);
            if room == 0 {
                self.drop_old(now);
            }
            let Some(size) = self.train.next(&mut self.segments, room) else { break };
            let count = self.seal_train(now, size, send_time, publications, out);
            if count > 0 {
                self.sent.add(out.len());
                self.pacer.spent(out.len() + count * DATAGRAM_OVERHEAD);
                let segment = size + self.transport.overhead_rtp();
                return Some((to, (count > 1).then_some(segment)));
            }
        }
        let (size, count) = self.seal_padding(now, out)?;
        Some((to, (count > 1).then_some(size)))
    }

    /// Seals packets of nothing but padding for a probe, as RTX without payload; tells their size and how many.
    fn seal_padding(&mut self, now: Instant, out: &mut Vec<u8>) -> Option<(usize, usize)> {
        let estimator = self.estimator.as_mut().filter(|estimator| estimator.probing())?;
        let bytes = estimator.padding(now);
        let mut streams = self.slots.iter_mut().filter_map(|slot| slot.video.as_mut());
        let (stream, (id, payload_type)) = streams.find_map(|stream| {
            let kind = stream.padding_type()?;
            Some((stream, kind))
        })?;
        let size = Outgoing::size(true, None) + PADDING + self.transport.overhead_rtp();
        let count = bytes.div_ceil(size + DATAGRAM_OVERHEAD).min(SEGMENTS_MAX);
        out.clear();
        for _ in 0..count {
            let start = out.len();
            let number = estimator.sent(now, size);
            Outgoing {
                marker: false,
                padded: true,
                payload_type,
                sequence: stream.next_rtx(),
                timestamp: stream.rewriter.last_timestamp().unwrap_or(0),
                ssrc: stream.rtx_ssrc,
                stamp: Some((Stamp::TransportCc(id), number.into())),
                descriptor: None,
            }
            .write(out);
            out.resize(out.len() + PADDING - 1, 0);
            out.push(PADDING as u8);
            self.transport.seal_rtp(out, start).ok()?;
        }
        self.sent.add(out.len());
        (count > 0).then_some((size, count))
    }

    fn flush_rtcp(&mut self, out: &mut Vec<u8>) -> bool {
        let fits = self.rtcp_ends.iter().take_while(|end| **end <= RTCP_BYTES).count().max(1);
        let end = self.rtcp_ends[fits - 1];
        out.clear();
        out.extend_from_slice(&self.rtcp[..end]);
        self.rtcp.drain(..end);
        self.rtcp_ends.drain(..fits);
        for later in &mut self.rtcp_ends {
            *later -= end;
        }
        self.transport.seal_rtcp(out, 0).is_ok()
    }

    /// Seals the chosen segments one behind the other; tells how many there are. A payload that is not kept any more
    /// and a packet that cannot be sealed are left out: the viewer sees loss.
    fn seal_train(
        &mut self,
        now: Instant,
        size: usize,
        send_time: u32,
        publications: &Slab<Publication>,
        out: &mut Vec<u8>,
    ) -> usize {
        let mut count = 0;
        let last = self.segments.len() - 1;
        for (place, segment) in self.segments.iter().enumerate() {
            let layer = publications
                .get(segment.origin.publication)
                .and_then(|publication| publication.layers.get(usize::from(segment.origin.layer)));
            let Some(layer) = layer else { continue };
            let Some((kept, mut payload, descriptor)) = layer.cache.get(segment.source) else { continue };
            let start = out.len();
            let mut padding = if place == last { 0 } else { size - segment.size() };
            let stamp = segment.stamp.map(|stamp| match (stamp, &mut self.estimator) {
                (Stamp::TransportCc(_), Some(estimator)) => {
                    let bytes = segment.size() + padding + self.transport.overhead_rtp();
                    (stamp, estimator.sent(now, bytes).into())
                }
                _ => (stamp, send_time),
            });
            if segment.empty {
                (payload, padding) = (&[], padding + 1);
            }
            Outgoing {
                marker: segment.marker,
                padded: padding > 0,
                payload_type: segment.payload_type,
                sequence: segment.numbers.sequence,
                timestamp: segment.numbers.timestamp,
                ssrc: segment.ssrc,
                stamp,
                descriptor: segment.descriptor.map(|(id, _)| (id, descriptor, segment.numbers.picture)),
            }
            .write(out);
            if let Some(original) = segment.original {
                out.extend_from_slice(&original.to_be_bytes());
            }
            if !segment.again.is_empty() && segment.again.write(out, segment.source, &layer.cache).is_none() {
                out.truncate(start);
                continue;
            }
            let body = out.len();
            out.extend_from_slice(payload);
            if let Some(id) = kept.picture.id.filter(|_| kept.picture.descriptor == 0 && !segment.empty) {
                let at = body + usize::from(id.at);
                if id.long {
                    out[at..at + 2].copy_from_slice(&(segment.numbers.picture | 0x8000).to_be_bytes());
                } else {
                    out[at] = segment.numbers.picture as u8 & 0x7f;
                }
            }
            if let Some(tl0) = kept.picture.tl0.filter(|_| !segment.empty) {
                out[body + usize::from(tl0.at)] = segment.numbers.tl0;
            }
            if padding > 0 {
                out.resize(out.len() + padding - 1, 0);
                out.push(padding as u8);
            }
            if self.transport.seal_rtp(out, start).is_ok() {
                count += 1;
            } else {
                out.truncate(start);
            }
        }
        count
    }
}
