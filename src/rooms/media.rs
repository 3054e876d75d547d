//! What a room has to do with media: it tells the worker what the engine decided, passes offers and wishes on, and tells
//! people what media reports. Part of the room task; it decides nothing about who may what.

use super::inbox::Offered;
use super::task::Task;
use crate::media::handle::MediaError;
use media::command::{Event as MediaEvent, Refusal as MediaRefusal, SlotWish};
use model::ids::ParticipantId;
use std::time::Duration;
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

    pub(super) async fn subscribe(&self, who: ParticipantId, mut slots: Vec<SlotWish>) {
        if self.room.person(who).is_none() {
            return;
        }
        // Somebody who has just left is no error of the client: the slot is empty.
        for slot in &mut slots {
            slot.participant = slot.participant.filter(|&whose| self.room.person(whose).is_some());
        }
        if let Err(error) = self.shared.media.subscribe(self.id, who, slots).await {
            tracing::debug!(%error, "slots not set");
        }
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
            MediaEvent::Failed { .. } => {
                // The room's media begins anew; clients see their connection end and offer again.
                self.slots.clear();
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
    pub(super) fn tell_media(&self, you: ParticipantId) {
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
