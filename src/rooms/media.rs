//! What a room has to do with media: it tells the worker what the engine decided, passes offers and wishes on, and tells
//! people what media reports. Part of the room task; it decides nothing about who may what.

use super::inbox::Offered;
use super::task::Task;
use crate::media::handle::MediaError;
use media::command::{Event as MediaEvent, Refusal as MediaRefusal, SlotWish};
use metrics::counter;
use model::ids::ParticipantId;
use model::source::Source;
use std::collections::BTreeMap;
use std::time::Duration;
use wire::client::Command;
use wire::code::Code;
use wire::server::{Event, IceServer, ServerMessage, SlotContent};
use workshop::MediaEffect;

/// How often a media worker with a full queue is asked again, 20 ms apart, before it counts as failed.
const MEDIA_TRIES_MAX: u32 = 50;

impl Task {
    /// Tells media. A busy worker is asked again: a source that was switched off must not go on (P-06, S-04).
    pub(super) async fn media(&self, effect: MediaEffect) {
        let (media, room) = (&self.shared.media, self.id);
        for _ in 0..MEDIA_TRIES_MAX {
            let told = match &effect {
                MediaEffect::Enter { participant, allowed } => {
                    media.join(room, *participant, allowed.iter().copied().collect()).await
                }
                MediaEffect::Allowed { participant, allowed } => {
                    media.set_allowed(room, *participant, allowed.iter().copied().collect()).await
                }
                MediaEffect::On { participant, source, on } => media.set_on(room, *participant, *source, *on).await,
                MediaEffect::Leave { participant } => media.leave(room, *participant).await,
            };
            match told {
                Err(MediaError::Busy) => tokio::time::sleep(Duration::from_millis(20)).await,
                Ok(()) | Err(MediaError::Ended) => return,
                Err(MediaError::Refused(refusal)) => {
                    tracing::warn!(%refusal, "media did not follow the room");
                    return;
                }
            }
        }
        tracing::error!("a media worker stays busy");
    }

    pub(super) async fn offer(&mut self, who: ParticipantId, id: u32, Offered(offer): Offered) {
        // The waiting have no media at all (S-06).
        if self.room.person(who).is_none() {
            return self.refuse(who, id, Code::Forbidden);
        }
        match self.shared.media.offer(self.id, who, offer).await {
            Ok(sdp) => self.tell(who, &ServerMessage::Answer { id, sdp }),
            Err(error) => self.refuse(who, id, media_code(&error)),
        }
    }

    pub(super) async fn subscribe(&mut self, who: ParticipantId, mut slots: Vec<SlotWish>) {
        if self.room.person(who).is_none() {
            return;
        }
        // Somebody who has just left is no error of the client: the slot is empty.
        for slot in &mut slots {
            slot.participant = slot.participant.filter(|&whose| self.room.person(whose).is_some());
        }
        let full = self.shared.media.is_full();
        let pictures = &mut self.pictures.entry(who).or_default().0;
        let slots = pictures.take(slots, full);
        self.wish(who, slots).await;
        self.tell_full(who);
    }

    async fn wish(&self, who: ParticipantId, slots: Vec<SlotWish>) {
        if let Err(error) = self.shared.media.subscribe(self.id, who, slots).await {
            tracing::debug!(%error, "slots not set");
        }
    }

    /// Whether this switches on a picture that the server cannot carry. Sound is never refused.
    pub(super) fn is_refused(&self, who: ParticipantId, command: &Command) -> bool {
        let Command::Source { source: source @ (Source::Camera | Source::Screen), on: true } = command else {
            return false;
        };
        // What is on already goes on: a client that comes back says so again.
        let is_on = self.room.person(who).is_some_and(|person| person.sources.contains(source));
        let refused = !is_on && self.shared.media.is_full();
        if refused {
            counter!("media_video_refused_total", "what" => "publish").increment(1);
        }
        refused
    }

    /// The server has become full, or has room again: then what waited comes.
    pub(super) async fn full_changed(&mut self) {
        let full = self.shared.media.is_full();
        let viewers: Vec<ParticipantId> = self.pictures.keys().copied().collect();
        for who in viewers {
            let slots = self.pictures.get_mut(&who).map(|(pictures, _)| pictures.set_full(full)).unwrap_or_default();
            if !slots.is_empty() {
                self.wish(who, slots).await;
            }
            self.tell_full(who);
        }
    }

    fn tell_full(&mut self, who: ParticipantId) {
        let Some((pictures, told)) = self.pictures.get_mut(&who) else { return };
        let full = pictures.cut();
        if std::mem::replace(told, full) != full {
            if full {
                counter!("media_video_refused_total", "what" => "view").increment(1);
            }
            self.send(vec![who], Event::VideoFull { full });
        }
    }

    pub(super) fn forget_media_of(&mut self, who: ParticipantId) {
        self.slots.remove(&who);
        self.wanted.remove(&who);
        self.connections.remove(&who);
        self.pictures.remove(&who);
    }

    pub(super) async fn media_event(&mut self, event: MediaEvent) {
        match event {
            MediaEvent::Speaking { participants, .. } => {
                let people = self.seats.keys().copied().filter(|&id| self.room.person(id).is_some()).collect();
                self.speaking.clone_from(&participants);
                self.send(people, Event::Speaking { participants });
            }
            MediaEvent::Slots { participant, slots, .. } => {
                if self.room.person(participant).is_some() {
                    let content = slots.into_iter().map(|slot| SlotContent {
                        slot: slot.slot,
                        participant: slot.participant,
                        source: slot.source,
                        picture: slot.picture,
                    });
                    let slots: Vec<_> = content.collect();
                    let known = self.slots.entry(participant).or_default();
                    known.extend(slots.iter().map(|slot| (slot.slot, slot.clone())));
                    self.send(vec![participant], Event::Slots { slots });
                }
            }
            MediaEvent::Wanted { participant, source, rids, height_px, .. } => {
                let event = Event::Wanted { source, rids, height_px };
                self.wanted.entry(participant).or_default().insert(source, event.clone());
                self.send(vec![participant], event);
            }
            MediaEvent::Health { people, .. } => self.health(&people),
            MediaEvent::Failed { .. } => {
                // The room's media begins anew; clients see their connection end and offer again.
                self.slots.clear();
                self.wanted.clear();
                self.pictures.clear();
                for effect in self.room.media_state() {
                    self.media(effect).await;
                }
            }
            MediaEvent::Connected { .. }
            | MediaEvent::Disconnected { .. }
            | MediaEvent::Published { .. }
            | MediaEvent::Unpublished { .. } => {}
        }
    }

    /// How this person's media gets through where UDP does not; nothing for those who are not in (S-06, S-33).
    pub(super) fn ice_servers(&self, who: ParticipantId) -> Vec<IceServer> {
        let outbox = self.seats.get(&who).and_then(|connection| self.outboxes.get(connection));
        let (Some(outbox), Some(turn), true) = (outbox, &self.shared.turn, self.room.person(who).is_some()) else {
            return Vec::new();
        };
        vec![turn.ice_server(self.id, who, outbox.host())]
    }

    /// Gives everybody new credentials before theirs end.
    pub(super) fn renew_ice_servers(&self) {
        for &who in self.seats.keys() {
            let ice_servers = self.ice_servers(who);
            if !ice_servers.is_empty() {
                self.send(vec![who], Event::IceServers { ice_servers });
            }
        }
    }

    /// What is seen and heard now, as far as it was told before.
    pub(super) fn tell_media(&mut self, you: ParticipantId) {
        // Told anew with the next look.
        self.connections.remove(&you);
        if self.pictures.get(&you).is_some_and(|(_, told)| *told) {
            self.send(vec![you], Event::VideoFull { full: true });
        }
        for event in self.wanted.get(&you).into_iter().flat_map(BTreeMap::values) {
            self.send(vec![you], event.clone());
        }
        if let Some(slots) = self.slots.get(&you) {
            self.send(vec![you], Event::Slots { slots: slots.values().cloned().collect() });
        }
        if !self.speaking.is_empty() {
            self.send(vec![you], Event::Speaking { participants: self.speaking.clone() });
        }
    }
}

fn media_code(error: &MediaError) -> Code {
    match error {
        MediaError::Refused(MediaRefusal::BadDescription(_) | MediaRefusal::BadSection(_)) => Code::SdpInvalid,
        MediaError::Refused(MediaRefusal::TooMany) => Code::MediaLimit,
        MediaError::Refused(MediaRefusal::Unknown) => Code::Stale,
        MediaError::Refused(MediaRefusal::Failed) => Code::Internal,
        MediaError::Busy => Code::Overloaded,
        MediaError::Ended => Code::ShuttingDown,
    }
}
