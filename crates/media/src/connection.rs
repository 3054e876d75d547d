//! One participant's media connection: transport, what it publishes (by SSRC), its slots and its outgoing train.
//! Owned by a room. Knows nobody else: publications are handed in where a train or a report needs them.

use crate::budget::Budget;
use crate::feedback::Recorder;
use crate::publication::{Meter, Publication};
use crate::remote::Remote;
use crate::rtp::{Header, Outgoing};
use crate::sdp::{Extension, PlannedSection};
use crate::slab::{Key, Slab};
use crate::slot::Slot;
use crate::train::{Queued, SEGMENTS_MAX, Train};
use crate::transport::{State, Transport};
use model::limits;
use std::time::Instant;

/// RTCP that waits is sent in datagrams of about this size.
const RTCP_BYTES: usize = 1_100;
/// SSRCs that one connection may use: media and RTX of each layer.
const STREAMS_MAX: usize = limits::MEDIA_PUBLICATIONS_MAX * limits::MEDIA_LAYERS_MAX * 2;

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
    pub(crate) budget: Budget,
    pub(crate) sent: Meter,
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
            sent: Meter::default(),
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

    /// Writes what is to be sent next into `out`: where to, and the size of its segments if there are several.
    pub(crate) fn flush(
        &mut self,
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
            while self.train.next(&mut self.segments).is_some() {}
            return None;
        }
        let to = self.transport.remote()?;
        while self.has_rtcp() {
            if self.flush_rtcp(out) {
                return Some((to, None));
            }
        }
        while let Some(size) = self.train.next(&mut self.segments) {
            let count = self.seal_train(size, send_time, publications, out);
            if count > 0 {
                self.sent.add(out.len());
                let segment = size + self.transport.overhead_rtp();
                return Some((to, (count > 1).then_some(segment)));
            }
        }
        None
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
            let Some((kept, mut payload, descriptor)) = layer.and_then(|layer| layer.cache.get(segment.source)) else {
                continue;
            };
            let start = out.len();
            let mut padding = if place == last { 0 } else { size - segment.size() };
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
                send_time: segment.send_time.map(|id| (id, send_time)),
                descriptor: segment.descriptor.map(|(id, _)| (id, descriptor, segment.numbers.picture)),
            }
            .write(out);
            if let Some(original) = segment.original {
                out.extend_from_slice(&original.to_be_bytes());
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
