//! From an offer to the answer and to what it changes: connections, publications, slots. Either everything in an offer
//! is taken, or it is refused and nothing has changed. Called by the engine for `Command::Offer`.

use crate::command::{Offer, Refusal};
use crate::connection::{Connection, ExtensionIds};
use crate::outbox::Outbox;
use crate::publication::Publication;
use crate::random::Random;
use crate::remote::Remote;
use crate::room::Room;
use crate::sdp::{
    self, AnswerPlan, CodecKind, Extension, Kind, OfferedSection, PlannedSection, Purpose, ServerSide, SlotStream,
};
use crate::slab::Key;
use crate::slot::{Slot, Stream};
use crate::transport::{Credentials, Identity, State, Transport};
use model::limits;
use model::source::Source;
use std::sync::Arc;
use std::time::Instant;

/// What the engine lends for negotiating.
pub(crate) struct Negotiator<'a> {
    pub(crate) identity: &'a Arc<Identity>,
    pub(crate) addresses: &'a [Remote],
    pub(crate) random: &'a mut Random,
}

/// What came of an offer.
pub(crate) struct Negotiated {
    pub(crate) answer: String,
    /// A ufrag of ours that STUN will name from now on.
    pub(crate) new_ufrag: Option<String>,
    /// The connection that was replaced, with its goodbye.
    pub(crate) replaced: Option<Connection>,
}

/// An offer in which all that was named has been found.
struct Read {
    description: sdp::Offer,
    publish: Vec<(usize, Source)>,
    slots: Vec<(u8, usize, Option<usize>)>,
}

fn read(offer: &Offer) -> Result<Read, Refusal> {
    let description = sdp::Offer::parse(&offer.sdp).map_err(|error| Refusal::BadDescription(error.to_string()))?;
    let (publishes, slots) = (&offer.publish, &offer.slots);
    if publishes.len() > limits::MEDIA_PUBLICATIONS_MAX || slots.len() > limits::MEDIA_SLOTS_MAX {
        return Err(Refusal::TooMany);
    }
    let mut taken: Vec<usize> = Vec::new();
    let mut section = |mid: &str, fits: &dyn Fn(&OfferedSection) -> bool| {
        let bad = || Refusal::BadSection(mid.chars().take(32).collect());
        let mut all = description.sections.iter().enumerate();
        let (place, _) = all.find(|(_, section)| section.mid == mid && fits(section)).ok_or_else(bad)?;
        if taken.contains(&place) {
            return Err(bad());
        }
        taken.push(place);
        Ok(place)
    };
    let mut publish: Vec<(usize, Source)> = Vec::new();
    for wanted in publishes {
        let place = section(&wanted.mid, &|section| Publication::fits(wanted.source, section.kind))?;
        if publish.iter().any(|(_, source)| *source == wanted.source) {
            return Err(Refusal::TooMany);
        }
        publish.push((place, wanted.source));
    }
    let mut places: Vec<(u8, usize, Option<usize>)> = Vec::new();
    for slot in slots {
        let known = places.iter().any(|(number, ..)| *number == slot.slot);
        if known || usize::from(slot.slot) >= limits::MEDIA_SLOTS_MAX {
            return Err(Refusal::TooMany);
        }
        let audio = section(&slot.audio, &|section| section.kind == Kind::Audio)?;
        let video =
            slot.video.as_deref().map(|mid| section(mid, &|section| section.kind == Kind::Video)).transpose()?;
        places.push((slot.slot, audio, video));
    }
    Ok(Read { description, publish, slots: places })
}

impl Room {
    /// Answers an offer.
    pub(crate) fn negotiate(
        &mut self,
        now: Instant,
        key: Key,
        offer: &Offer,
        with: &mut Negotiator<'_>,
        out: &mut Outbox,
    ) -> Result<Negotiated, Refusal> {
        let read = read(offer)?;
        let peer = self.peers.get(key).ok_or(Refusal::Unknown)?;
        let same = |connection: &&Connection| {
            connection.transport.is_same_peer(&read.description.remote) && connection.transport.state() != State::Closed
        };
        let kept = peer.connection.as_ref().filter(same);

        // Slots that stay keep their SSRCs, so that their streams go on.
        let mut purposes = vec![Purpose::Idle; read.description.sections.len()];
        for (place, _) in &read.publish {
            purposes[*place] = Purpose::Publication;
        }
        for (number, audio, video) in &read.slots {
            let slot = kept.and_then(|connection| connection.slots.iter().find(|slot| slot.number == *number));
            let mut purpose = |stream: Option<&Stream>| {
                let ssrcs = stream.map(|stream| (stream.ssrc, stream.rtx_ssrc));
                let (ssrc, rtx_ssrc) = ssrcs.unwrap_or_else(|| (with.random.ssrc(), with.random.ssrc()));
                Purpose::Slot(SlotStream { slot: *number, ssrc, rtx_ssrc })
            };
            purposes[*audio] = purpose(slot.map(|slot| &slot.audio));
            if let Some(video) = video {
                purposes[*video] = purpose(slot.and_then(|slot| slot.video.as_ref()));
            }
        }
        let mut purposes = purposes.into_iter();
        let mut plan = sdp::plan(&read.description, |_| purposes.next().unwrap_or(Purpose::Refused));
        let mixed = plan.extmap_allow_mixed;
        plan.sections.iter_mut().for_each(|section| keep_what_we_handle(section, mixed));

        let is_kept = kept.is_some();
        let (mut replaced, mut new_ufrag) = (None, None);
        if !is_kept {
            replaced = self.disconnect(now, key, out);
            let local = Credentials::from_random(with.random.bytes());
            new_ufrag = Some(local.ufrag.clone());
            let remote = read.description.remote.clone();
            let transport = Transport::new(now, Arc::clone(with.identity), local, remote);
            let connection = Connection::new(now, transport, with.random.ssrc(), with.random.u64() >> 2);
            if let Some(peer) = self.peers.get_mut(key) {
                peer.connection = Some(connection);
            }
        }
        self.apply_publications(now, key, &read, &plan, out);
        self.slots_changed = true;
        if !self.lively.contains(&key) {
            self.lively.push(key);
        }
        let peer = self.peers.get_mut(key).ok_or(Refusal::Unknown)?;
        let connection = peer.connection.as_mut().ok_or(Refusal::Unknown)?;
        if is_kept && connection.transport.is_restart(&read.description.remote) {
            let local = Credentials::from_random(with.random.bytes());
            new_ufrag = Some(local.ufrag.clone());
            connection.transport.restart(now, local, read.description.remote.credentials.clone());
        }
        connection.ids = ExtensionIds::of(plan.sections.iter().filter(|s| s.purpose == Purpose::Publication));
        apply_slots(connection, &read, &plan, with.random);
        connection.estimate_by_feedback(now);
        connection.session.1 += 1;
        let answer = plan.to_sdp(&ServerSide {
            credentials: connection.transport.local_credentials(),
            fingerprint: with.identity.fingerprint(),
            addresses: with.addresses,
            session_id: connection.session.0,
            session_version: connection.session.1,
        });
        self.stale = true;
        Ok(Negotiated { answer, new_ufrag, replaced })
    }

    /// Makes the publications those of the offer: the same section with the same source goes on.
    fn apply_publications(&mut self, now: Instant, key: Key, read: &Read, plan: &AnswerPlan, out: &mut Outbox) {
        let mut planned: Vec<(Source, &PlannedSection)> = Vec::new();
        for (place, source) in &read.publish {
            planned.extend(
                plan.sections
                    .get(*place)
                    .filter(|section| section.purpose == Purpose::Publication)
                    .map(|section| (*source, section)),
            );
        }
        let Some(peer) = self.peers.get(key) else { return };
        let (participant, allowed, on) = (peer.participant, peer.allowed, peer.on);
        let known = peer.connection.as_ref().map(|connection| connection.publications.clone()).unwrap_or_default();
        for publication_key in known {
            let Some(publication) = self.publications.get_mut(publication_key) else { continue };
            let place = planned.iter().position(|(source, section)| {
                *source == publication.source
                    && section.mid == publication.section.mid
                    && section.rids == publication.section.rids
            });
            match place {
                Some(place) => publication.section = planned.remove(place).1.clone(),
                None => self.remove_publication(publication_key, out),
            }
        }
        for (source, section) in planned {
            let live = allowed.contains(source) && on.contains(source);
            let publication = Publication::new(now, (key, participant), source, section.clone(), live);
            let ssrcs: Vec<u32> = section.ssrcs.iter().copied().take(2 * limits::MEDIA_LAYERS_MAX).collect();
            let publication = self.publications.insert(publication);
            if live && source == Source::Microphone {
                self.speakers.add(publication);
            }
            if let Some(connection) = self.peers.get_mut(key).and_then(|peer| peer.connection.as_mut()) {
                connection.publications.push(publication);
                for ssrc in ssrcs {
                    connection.transport.accept_ssrc(ssrc);
                }
            }
        }
    }
}

/// Takes out of a planned section what forwarding does not carry, so that no browser relies on it: a turned phone turns
/// its pictures itself. Towards a viewer packets carry transport-wide numbers where it sends feedback by them; others
/// estimate their path by abs-send-time (REMB).
///
/// The dependency descriptor is read and carried for AV1 alone: VP8 and VP9 tell their layers in each payload, and a
/// client that sends them first would only send more bytes. Its structure needs long elements (RFC 8285, clause 6).
fn keep_what_we_handle(section: &mut PlannedSection, mixed: bool) {
    let described = |kind| mixed && kind == Extension::DependencyDescriptor;
    match section.purpose {
        Purpose::Slot(_) => {
            let feedback = section.codecs.iter().all(|codec| codec.feedback.transport_cc)
                && section.extension(Extension::TransportCc).is_some();
            let stamp = if feedback { Extension::TransportCc } else { Extension::AbsSendTime };
            let has_av1 = section.codec_of(CodecKind::Av1).is_some();
            section.extensions.retain(|extension| extension.kind == stamp || described(extension.kind) && has_av1);
            for codec in &mut section.codecs {
                codec.feedback.transport_cc = feedback;
                codec.feedback.remb &= !feedback;
            }
        }
        _ => {
            let sends_av1 = section.codecs.first().is_some_and(|codec| codec.kind == CodecKind::Av1);
            section.extensions.retain(|extension| match extension.kind {
                Extension::VideoOrientation => false,
                Extension::DependencyDescriptor => sends_av1 && mixed,
                _ => true,
            });
        }
    }
}

/// Makes the slots those of the offer: the same number goes on.
fn apply_slots(connection: &mut Connection, read: &Read, plan: &AnswerPlan, random: &mut Random) {
    let mut former = std::mem::take(&mut connection.slots);
    let stream_of = |place: usize| match plan.sections.get(place) {
        Some(section) => match &section.purpose {
            Purpose::Slot(stream) => Some((section, stream)),
            _ => None,
        },
        None => None,
    };
    for (number, audio, video) in &read.slots {
        let kept = former.iter().position(|slot| slot.number == *number && slot.video.is_some() == video.is_some());
        let kept = kept.map(|place| former.swap_remove(place));
        let Some((section, stream)) = stream_of(*audio) else { continue };
        let mut make = |(section, stream): (&PlannedSection, &SlotStream), video, old: Option<Stream>| match old {
            Some(mut old) if old.ssrc == stream.ssrc => {
                old.renegotiate(section.clone());
                old
            }
            _ => Stream::new(section.clone(), stream.ssrc, stream.rtx_ssrc, video, random.u64()),
        };
        let picture = video.and_then(stream_of);
        match kept {
            Some(mut slot) => {
                slot.audio = make((section, stream), false, Some(slot.audio));
                slot.video = picture.map(|picture| make(picture, true, slot.video.take()));
                connection.slots.push(slot);
            }
            None => {
                let sound = make((section, stream), false, None);
                let picture = picture.map(|picture| make(picture, true, None));
                connection.slots.push(Slot::new(*number, sound, picture));
            }
        }
    }
}
