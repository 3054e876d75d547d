//! One room's media: who is in it, what they publish, who sees and hears what. Takes opened packets to the viewers'
//! trains; called by the engine. Rooms know nothing of each other.

use crate::cache::Kept;
use crate::command::{Event, Refusal, SlotWish, Sources};
use crate::connection::{Bound, Connection};
use crate::outbox::{Held, Outbox};
use crate::publication::{Media, Publication};
use crate::red::{self, Redundant};
use crate::remote::Remote;
use crate::reports::{self, Clock, ClockOffset, Report};
use crate::rewrite::Origin;
use crate::rtcp::{self, Message};
use crate::rtp::Header;
use crate::sdp::CodecKind;
use crate::slab::{Key, Slab};
use crate::slot::Coming;
use crate::speaker::Speakers;
use crate::train::{Departure, HOLD, SEGMENTS_MAX};
use crate::transport::Input;
use model::ids::{ParticipantId, RoomId};
use model::source::Source;
use std::time::{Duration, Instant};

/// A source's SSRC may change (another device); more often than this is no device.
const RENEW_EVERY: Duration = Duration::from_secs(1);
/// Sound without level extension: packets of at least this size are speech (Opus sends fewer bytes for silence).
const SPEECH_BYTES: usize = 40;
/// What is around a packet of sound: the seal, UDP and IP.
const SOUND_OVERHEAD: usize = 16 + 28;

/// Somebody in the room.
pub(crate) struct Peer {
    pub(crate) participant: ParticipantId,
    pub(crate) allowed: Sources,
    pub(crate) on: Sources,
    pub(crate) clock: ClockOffset,
    pub(crate) connection: Option<Connection>,
}

impl Peer {
    fn live(&self, source: Source) -> bool {
        self.allowed.contains(source) && self.on.contains(source)
    }
}

/// The room.
pub(crate) struct Room {
    pub(crate) id: RoomId,
    /// Its name in the engine, for the outbox.
    pub(crate) key: Key,
    pub(crate) peers: Slab<Peer>,
    pub(crate) publications: Slab<Publication>,
    pub(crate) speakers: Speakers,
    pub(crate) clock: Clock,
    /// Something changed that decides who gets what: all slots are to be looked at.
    pub(crate) stale: bool,
    /// There are new bitrates of layers.
    pub(crate) figures: bool,
    /// Connections that every tick has to look at: those that come up, and those that publish.
    pub(crate) lively: Vec<Key>,
    /// Some slot carries something else than before.
    pub(crate) slots_changed: bool,
    pub(crate) scratch: Vec<u16>,
    /// How many there were.
    pub(crate) ticks: u32,
}

impl Room {
    pub(crate) fn new(id: RoomId, key: Key, clock: Clock) -> Self {
        Self {
            id,
            key,
            peers: Slab::default(),
            publications: Slab::default(),
            speakers: Speakers::default(),
            clock,
            stale: false,
            figures: false,
            lively: Vec::new(),
            slots_changed: false,
            scratch: Vec::new(),
            ticks: 0,
        }
    }

    pub(crate) fn find(&self, participant: ParticipantId) -> Result<Key, Refusal> {
        let found = self.peers.iter().find(|(_, peer)| peer.participant == participant);
        found.map(|(key, _)| key).ok_or(Refusal::Unknown)
    }

    pub(crate) fn join(&mut self, participant: ParticipantId, allowed: Sources) {
        if let Ok(key) = self.find(participant) {
            return self.set_allowed(key, allowed);
        }
        let clock = ClockOffset::default();
        self.peers.insert(Peer { participant, allowed, on: Sources::NONE, clock, connection: None });
    }

    pub(crate) fn set_allowed(&mut self, key: Key, allowed: Sources) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.allowed = allowed;
        }
        self.apply_policy(key);
    }

    pub(crate) fn set_on(&mut self, key: Key, source: Source, on: bool) {
        if let Some(peer) = self.peers.get_mut(key) {
            peer.on = peer.on.with(source, on);
        }
        self.apply_policy(key);
    }

    /// Makes each publication of a peer live or not (S-04: at once).
    fn apply_policy(&mut self, key: Key) {
        let Some(peer) = self.peers.get(key) else { return };
        let Some(connection) = &peer.connection else { return };
        for publication_key in &connection.publications {
            let Some(publication) = self.publications.get_mut(*publication_key) else { continue };
            publication.live = peer.live(publication.source);
            if publication.source == Source::Microphone {
                if publication.live {
                    self.speakers.add(*publication_key);
                } else {
                    self.speakers.remove(*publication_key);
                }
            }
        }
        self.stale = true;
    }

    pub(crate) fn subscribe(&mut self, key: Key, wishes: &[SlotWish]) -> Result<(), Refusal> {
        let peer = self.peers.get_mut(key).ok_or(Refusal::Unknown)?;
        let connection = peer.connection.as_mut().ok_or(Refusal::Unknown)?;
        let place = |number: u8, connection: &Connection| {
            connection.slots.iter().position(|slot| slot.number == number && slot.video.is_some())
        };
        if let Some(bad) = wishes.iter().find(|wish| place(wish.slot, connection).is_none()) {
            return Err(Refusal::BadSection(format!("slot {}", bad.slot)));
        }
        for wish in wishes {
            if let Some(place) = place(wish.slot, connection) {
                connection.slots[place].wish = Some(*wish);
            }
        }
        self.stale = true;
        Ok(())
    }

    /// Takes a publication out.
    pub(crate) fn remove_publication(&mut self, key: Key, out: &mut Outbox) {
        let Some(publication) = self.publications.remove(key) else { return };
        self.speakers.remove(key);
        self.stale = true;
        if let Some(owner) = self.peers.get_mut(publication.owner) {
            if publication.told {
                let (participant, source) = (owner.participant, publication.source);
                out.event(Event::Unpublished { room: self.id, participant, source });
            }
            if let Some(connection) = &mut owner.connection {
                connection.publications.retain(|known| *known != key);
                connection.streams.retain(|(_, bound)| bound.publication != key);
            }
        }
    }

    /// Ends a peer's connection; its goodbye, if any, lies in the returned transport.
    pub(crate) fn disconnect(&mut self, now: Instant, key: Key, out: &mut Outbox) -> Option<Connection> {
        let publications = self.peers.get(key)?.connection.as_ref()?.publications.clone();
        for publication in publications {
            self.remove_publication(publication, out);
        }
        self.stale = true;
        let mut connection = self.peers.get_mut(key)?.connection.take()?;
        connection.transport.close(now);
        Some(connection)
    }

    /// Takes a datagram that the demultiplexer gave to this peer. True: its sender is proven and may be bound.
    pub(crate) fn datagram(
        &mut self,
        now: Instant,
        key: Key,
        from: Remote,
        datagram: &mut [u8],
        out: &mut Outbox,
    ) -> bool {
        let Some(connection) = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) else { return false };
        match connection.transport.handle_datagram(now, from, datagram) {
            Input::Rtp(length) => self.rtp(now, key, &datagram[..length], out),
            Input::Rtcp(length) => self.rtcp(now, key, &datagram[..length], out),
            Input::Validated => {
                out.ready(self.key, key);
                return true;
            }
            // DTLS may have something to say, and may have come to its end.
            Input::Nothing => {
                out.ready(self.key, key);
                self.watch_state(key, out);
            }
        }
        false
    }

    /// One packet: which stream, is it live, who gets it.
    fn rtp(&mut self, now: Instant, key: Key, packet: &[u8], out: &mut Outbox) {
        let Some(header) = Header::parse(packet) else { return };
        let Some(peer) = self.peers.get_mut(key) else { return };
        let participant = peer.participant;
        let Some(connection) = &mut peer.connection else { return };
        let transport_cc = connection.ids.transport_cc.and_then(|id| header.extension(packet, id));
        if let Some([high, low]) = transport_cc {
            connection.recorder.arrive(now, u16::from_be_bytes([*high, *low]));
        }
        let known = connection.streams.len();
        let Some(bound) = connection.bind(&header, packet, &self.publications) else { return };
        if connection.streams.len() > known && !self.lively.contains(&key) {
            self.lively.push(key);
        }
        let level = connection.ids.level.and_then(|id| header.extension(packet, id)).and_then(|level| level.first());
        let Some(publication) = self.publications.get_mut(bound.publication) else { return };
        let Some((codec, rtx)) = publication.section.codec(header.payload_type) else { return };
        let (kind, red) = (codec.kind, codec.red == Some(header.payload_type));
        let mut media = Media {
            sequence: header.sequence,
            timestamp: header.timestamp,
            marker: header.marker,
            payload: packet.get(header.payload.clone()).unwrap_or_default(),
            descriptor: connection.ids.descriptor.and_then(|id| header.extension(packet, id)),
        };
        if rtx {
            // RFC 4588, clause 4; probes are RTX without any payload.
            let [high, low, original @ ..] = media.payload else { return };
            (media.sequence, media.payload) = (u16::from_be_bytes([*high, *low]), original);
        } else if self.replaced(now, key, bound, header.ssrc, out) {
            return;
        }
        if red {
            media.payload = self.earlier(now, bound, kind, media, out);
        }
        let Some(publication) = self.publications.get_mut(bound.publication) else { return };
        let (video, hz) = (publication.video(), publication.clock_hz());
        let arrived = self.clock.us(now) * i64::from(hz) / 1_000_000;
        if let Some(layer) = publication.layers.get_mut(usize::from(bound.layer)).filter(|_| !rtx) {
            layer.arrivals.timing(arrived, media.timestamp);
        }
        let Some(packet) = publication.take(now, bound.layer, kind, media) else { return };
        if !publication.told {
            publication.told = true;
            out.event(Event::Published { room: self.id, participant, source: publication.source });
        }
        let layer = &mut publication.layers[usize::from(bound.layer)];
        if !layer.active {
            (layer.active, self.stale) = (true, true);
        }
        self.stale |= layer.takes_changed();
        let broken = layer.takes_broken();
        if publication.source == Source::Microphone {
            let silence = if media.payload.len() >= SPEECH_BYTES { 30 } else { 127 };
            let level = level.map_or(silence, |level| level & 0x7f);
            self.stale |= self.speakers.heard(now, bound.publication, level);
        }
        if self.stale {
            self.assign(now, out);
        }
        let origin = Origin { publication: bound.publication, layer: bound.layer };
        if video {
            self.gather(now, origin, packet, rtx, out);
        } else {
            self.forward(now, origin, &[packet], out);
        }
        if broken {
            self.ask_key_frame(now, origin, Duration::ZERO, out);
        }
    }

    /// Keeps the packets of a picture together until it is complete, so that what is known of each viewer is looked at
    /// once for all of them; what was sent again is waited for already.
    fn gather(&mut self, now: Instant, origin: Origin, packet: Kept, again: bool, out: &mut Outbox) {
        let publication = self.publications.get_mut(origin.publication);
        let Some(layer) = publication.and_then(|p| p.layers.get_mut(usize::from(origin.layer))) else { return };
        layer.pending.push(packet);
        if packet.marker || again || layer.pending.len() >= SEGMENTS_MAX {
            self.release(now, origin, out);
        } else if layer.pending_since.is_none() {
            layer.pending_since = Some(now);
            out.hold(now, Held::Picture(self.key, origin));
        }
    }

    /// When the packets of a picture that is not complete have to leave.
    pub(crate) fn pending_until(&self, origin: Origin) -> Option<Instant> {
        let layer = self.publications.get(origin.publication)?.layers.get(usize::from(origin.layer))?;
        layer.pending_since.map(|since| since + HOLD)
    }

    /// What came of a picture goes to its viewers.
    pub(crate) fn release(&mut self, now: Instant, origin: Origin, out: &mut Outbox) {
        let publication = self.publications.get_mut(origin.publication);
        let Some(layer) = publication.and_then(|p| p.layers.get_mut(usize::from(origin.layer))) else { return };
        layer.pending_since = None;
        let mut packets = std::mem::take(&mut layer.pending);
        self.forward(now, origin, &packets, out);
        packets.clear();
        // Back, for its capacity.
        let publication = self.publications.get_mut(origin.publication);
        if let Some(layer) = publication.and_then(|p| p.layers.get_mut(usize::from(origin.layer))) {
            layer.pending = packets;
        }
    }

    /// Takes the earlier sounds that a packet carries once more, as far as they had not come; gives its own sound.
    fn earlier<'a>(
        &mut self,
        now: Instant,
        bound: Bound,
        kind: CodecKind,
        media: Media<'a>,
        out: &mut Outbox,
    ) -> &'a [u8] {
        let mut own: &[u8] = &[];
        red::read(media.payload, |offset, back, payload| {
            if back == 0 {
                own = payload;
                return;
            }
            let (sequence, timestamp) = (media.sequence.wrapping_sub(back), media.timestamp.wrapping_sub(offset));
            let earlier = Media { sequence, timestamp, marker: false, payload, descriptor: None };
            let publication = self.publications.get_mut(bound.publication);
            if let Some(packet) = publication.and_then(|found| found.take(now, bound.layer, kind, earlier)) {
                self.forward(now, Origin { publication: bound.publication, layer: bound.layer }, &[packet], out);
            }
        });
        own
    }

    /// Whether the source of a stream was replaced (another SSRC for the same section and layer): then the publication
    /// starts anew, since nothing of its numbers goes on.
    fn replaced(&mut self, now: Instant, key: Key, bound: Bound, ssrc: u32, out: &mut Outbox) -> bool {
        let Some(publication) = self.publications.get_mut(bound.publication) else { return true };
        let Some(layer) = publication.layers.get_mut(usize::from(bound.layer)) else { return true };
        match layer.ssrc {
            Some(known) if known == ssrc => return false,
            None => {
                layer.ssrc = Some(ssrc);
                return false;
            }
            Some(_) => {}
        }
        if now.saturating_duration_since(publication.made_at) < RENEW_EVERY {
            return true;
        }
        let publication_owner = publication.participant;
        let (source, section, live, told) =
            (publication.source, publication.section.clone(), publication.live, publication.told);
        publication.told = false; // to the shell it stays the same publication
        self.remove_publication(bound.publication, out);
        let owner = (key, publication_owner);
        let mut renewed = Publication::new(now, owner, source, section, live);
        renewed.told = told;
        let renewed = self.publications.insert(renewed);
        if live && source == Source::Microphone {
            self.speakers.add(renewed);
        }
        if let Some(connection) = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) {
            connection.publications.push(renewed);
        }
        true
    }

    /// Puts packets into the trains of all who look on.
    fn forward(&mut self, now: Instant, origin: Origin, packets: &[Kept], out: &mut Outbox) {
        let Some(publication) = self.publications.get(origin.publication).filter(|publication| publication.live) else {
            return;
        };
        let Some(layer) = publication.layers.get(usize::from(origin.layer)) else { return };
        let Some(codec) = layer.codec else { return };
        let (video, clock_hz, now_us) = (publication.video(), publication.clock_hz(), self.clock.us(now));
        let layers = layer.scalability.as_deref();
        let before = match packets.first() {
            Some(packet) if !video => Redundant::before(packet, &layer.cache),
            _ => Redundant::default(),
        };
        for viewer in &publication.viewers {
            let Some(connection) = self.peers.get_mut(viewer.peer).and_then(|peer| peer.connection.as_mut()) else {
                continue;
            };
            let Some(slot) = connection.slots.get_mut(usize::from(viewer.slot)) else { continue };
            let stream = if video { slot.video.as_mut() } else { Some(&mut slot.audio) };
            let Some(stream) = stream else { continue };
            let mut departure = Departure::Known;
            for packet in packets {
                let begins = stream.current != Some(origin);
                if begins && stream.begins(origin, packet) && connection.train.waits_since() != Some(now) {
                    // What of the former layer still waits would only be in the way.
                    connection.train.drop_pictures(stream.ssrc).into_iter().for_each(|first| stream.cut(first));
                }
                let captured_us = layer.report.map(|report| report.captured_us(packet.timestamp, clock_hz));
                let coming = Coming { origin, packet, codec, clock_hz, layers, captured_us, now_us, now, before };
                let Some(queued) = stream.accept(&coming) else { continue };
                slot.changed |= begins;
                self.slots_changed |= begins;
                if !video {
                    connection.sound.add(queued.size() + SOUND_OVERHEAD);
                }
                departure = departure.max(connection.train.push(now, queued, video));
            }
            if video && connection.train.leave() {
                departure = Departure::Now;
            }
            match departure {
                Departure::Now => out.ready(self.key, viewer.peer),
                Departure::Hold => out.hold(now, Held::Train((self.key, viewer.peer))),
                Departure::Known => {}
            }
        }
    }

    /// What came back about what we send, and the publisher's own reports.
    fn rtcp(&mut self, now: Instant, key: Key, compound: &[u8], out: &mut Outbox) {
        let now_us = self.clock.us(now);
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(connection) = &mut peer.connection else { return };
        let (publications, clock) = (&mut self.publications, &mut peer.clock);
        let mut key_frames = Vec::new();
        let mut departs = false;
        let mut stale = false;
        rtcp::read(compound, |message| match message {
            Message::SenderReport { ssrc, ntp, timestamp } => {
                let Some((_, bound)) = connection.streams.iter().find(|(known, _)| *known == ssrc) else { return };
                let publication = publications.get_mut(bound.publication);
                let layer = publication.and_then(|publication| publication.layers.get_mut(usize::from(bound.layer)));
                if let Some(layer) = layer.filter(|layer| layer.ssrc == Some(ssrc)) {
                    let (at_us, ntp_middle) = (clock.server_us(now_us, ntp), (ntp >> 16) as u32);
                    layer.report = Some(Report { at_us, timestamp, ntp_middle, arrived: now });
                }
            }
            Message::Report { ssrc, fraction_lost, last_report, delay } => {
                connection.rtt = reports::round_trip(Clock::ntp(now_us), last_report, delay).or(connection.rtt);
                let streams = connection.slots.iter_mut().flat_map(|slot| slot.streams_mut());
                for stream in streams.filter(|stream| stream.ssrc == ssrc) {
                    connection.health.report(fraction_lost, stream.unanswered());
                    connection.health.round_trip((Clock::ntp(now_us) >> 16) as u32, last_report, delay);
                }
                let ours = connection.slots.iter().any(|slot| slot.video.as_ref().is_some_and(|v| v.ssrc == ssrc));
                connection.loss = if ours { f32::from(fraction_lost) / 256.0 } else { connection.loss };
                let sent = connection.sent.bps();
                stale |= ours && connection.budget.loss(now, fraction_lost, sent);
            }
            Message::Remb { bps } => {
                let sent = connection.sent.bps();
                stale |= connection.budget.estimate(now, bps, sent);
            }
            Message::Transport(feedback) => {
                if let Some(estimator) = &mut connection.estimator {
                    estimator.feedback(now, &feedback);
                }
            }
            Message::Nack { ssrc, sequence, mask } => {
                let mut streams = connection.slots.iter_mut().filter_map(|slot| slot.video.as_mut());
                let Some(stream) = streams.find(|stream| stream.ssrc == ssrc) else { return };
                let rtt = connection.rtt.unwrap_or_default();
                let others = (0..16).filter(|bit| mask >> bit & 1 == 1).map(|bit| sequence.wrapping_add(bit + 1));
                for missing in std::iter::once(sequence).chain(others) {
                    if connection.train.holds(ssrc, missing) {
                        continue; // it has not left yet, and may give its number to another
                    }
                    if let Some(again) = stream.resend(now, rtt, missing, publications) {
                        connection.train.push(now, again, true);
                        departs = true;
                    }
                }
            }
            Message::KeyFrame { ssrc } => {
                let mut streams = connection.slots.iter().filter_map(|slot| slot.video.as_ref());
                key_frames.extend(streams.find(|stream| stream.ssrc == ssrc).and_then(|stream| stream.current));
            }
        });
        if departs {
            out.ready(self.key, key);
        }
        self.stale |= stale;
        for origin in key_frames {
            self.ask_key_frame(now, origin, Duration::ZERO, out);
        }
    }

    /// Asks the publisher for a key frame, at most every 200 ms whoever asks.
    pub(crate) fn ask_key_frame(&mut self, now: Instant, origin: Origin, every: Duration, out: &mut Outbox) {
        let Some(publication) = self.publications.get_mut(origin.publication) else { return };
        let owner = publication.owner;
        let Some(layer) = publication.layers.get_mut(usize::from(origin.layer)) else { return };
        let Some(ssrc) = layer.ssrc else { return };
        if !layer.ask_key_frame(now, every) {
            return;
        }
        if let Some(connection) = self.peers.get_mut(owner).and_then(|peer| peer.connection.as_mut()) {
            let sender = connection.ssrc;
            connection.rtcp(|out| rtcp::picture_loss(out, sender, ssrc));
            out.ready(self.key, owner);
        }
    }

    /// Tells when a connection came up or ended; an ended one is taken out.
    pub(crate) fn watch_state(&mut self, key: Key, out: &mut Outbox) {
        use crate::transport::State;
        let Some(peer) = self.peers.get_mut(key) else { return };
        let Some(connection) = &mut peer.connection else { return };
        match connection.transport.state() {
            State::Connected if !connection.connected => {
                connection.connected = true;
                out.event(Event::Connected { room: self.id, participant: peer.participant });
            }
            State::Closed => out.ended(self.key, key),
            _ => {}
        }
    }
}
