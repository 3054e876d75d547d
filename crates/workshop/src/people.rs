//! Coming, going, losing and getting back the connection, names. Newest connection of a person wins; who loses
//! the connection stays for a grace and comes back as the same person with role and hand.

use crate::effect::{Closing, Effect, Event, MediaEffect, PersonView, Refusal};
use crate::lobby::Waiter;
use crate::room::{Now, Room};
use model::ids::{InvitationId, ParticipantId};
use model::limits;
use model::name::PersonName;
use model::permission::{Permit, ability};
use model::role::Role;
use model::source::Source;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, VecDeque};

/// Who lost the connection keeps the place for so long; media goes on meanwhile.
pub const GRACE_MS: u64 = 30_000;
/// The same after a restart of the server: all come at once and with jitter.
pub const RESTART_GRACE_MS: u64 = 120_000;
/// People whom a room remembers as let in, those who went included; the oldest are forgotten first.
pub const KNOWN_MAX: usize = 2_000;

/// Somebody who comes, as the ticket says.
#[derive(Clone, Debug, PartialEq)]
pub struct Comer {
    /// Who; the same over all reconnects of a session.
    pub participant: ParticipantId,
    /// How they want to be called.
    pub name: PersonName,
    /// As what the link or the account lets them in.
    pub role: Role,
    /// By which link; `None`: by account.
    pub via: Option<InvitationId>,
    /// The number of their connection, unique in the server's life.
    pub connection: u64,
}

/// Whether a connection is up, and if not, until when the place is kept (monotonic).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Line {
    Up(u64),
    Down { gone_at_ms: u64 },
}

impl Default for Line {
    fn default() -> Self {
        Self::Down { gone_at_ms: u64::MAX }
    }
}

/// When somebody last did what is bounded in time (S-19).
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Pace {
    at_ms: VecDeque<u64>,
}

impl Pace {
    /// Whether one more is within `max` per `window_ms`; takes note of it only then.
    pub(crate) fn take(&mut self, now: Now, max: u32, window_ms: u64) -> Result<(), Refusal> {
        while self.at_ms.front().is_some_and(|&at| at + window_ms <= now.monotonic_ms) {
            self.at_ms.pop_front();
        }
        if self.at_ms.len() >= max as usize {
            return Err(Refusal::TooMany);
        }
        self.at_ms.push_back(now.monotonic_ms);
        Ok(())
    }
}

/// Somebody who is in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    pub(crate) id: ParticipantId,
    pub(crate) name: PersonName,
    pub(crate) role: Role,
    pub(crate) via: Option<InvitationId>,
    #[serde(skip)]
    pub(crate) line: Line,
    /// What is on; not saved: after a restart media begins anew and only the person starts it (P-06).
    #[serde(skip)]
    pub(crate) sources: BTreeSet<Source>,
    #[serde(skip)]
    pub(crate) chat_pace: Pace,
    #[serde(skip)]
    pub(crate) hand_pace: Pace,
}

impl Person {
    pub(crate) fn view(&self) -> PersonView {
        PersonView {
            id: self.id,
            name: self.name.clone(),
            role: self.role,
            sources: self.sources.iter().copied().collect(),
            connected: self.connection().is_some(),
        }
    }

    pub(crate) fn connection(&self) -> Option<u64> {
        match self.line {
            Line::Up(connection) => Some(connection),
            Line::Down { .. } => None,
        }
    }

    pub(crate) fn gone_at_ms(&self) -> Option<u64> {
        match self.line {
            Line::Up(_) => None,
            Line::Down { gone_at_ms } => Some(gone_at_ms),
        }
    }
}

/// Somebody who was let in during this event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Known {
    pub(crate) id: ParticipantId,
    pub(crate) role: Role,
    pub(crate) via: Option<InvitationId>,
}

impl Room {
    /// Somebody's connection is there: for the first time, again, or a second time.
    ///
    /// # Errors
    /// [`Refusal`] when they may not come (removed, locked, full); then nothing has changed.
    pub fn come(&mut self, now: Now, comer: Comer) -> Result<Vec<Effect>, Refusal> {
        if self.is_blocked(comer.participant) {
            return Err(Refusal::Removed);
        }
        let mut out = Vec::new();
        if self.state.people.iter().any(|p| p.id == comer.participant) {
            self.come_back(comer, &mut out);
        } else if self.is_waiting(comer.participant) {
            self.wait_again(comer, &mut out);
        } else {
            self.come_new(now, comer, &mut out)?;
        }
        self.mark_empty(now);
        Ok(out)
    }

    fn come_new(&mut self, now: Now, comer: Comer, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        // Somebody who was let in before keeps the role they were given, unless they follow another link now.
        let known = self.state.known.iter().find(|k| k.id == comer.participant && k.via == comer.via);
        let role = known.map_or(comer.role, |k| k.role);
        if self.state.locked && !role.leads() {
            return Err(Refusal::RoomLocked);
        }
        if known.is_none() && self.must_wait(role, comer.via) {
            return self.wait(Waiter::new(comer), out);
        }
        if self.places_left(role) == 0 {
            return Err(Refusal::RoomFull);
        }
        let person = Person {
            id: comer.participant,
            name: comer.name,
            role,
            via: comer.via,
            line: Line::Up(comer.connection),
            sources: BTreeSet::new(),
            chat_pace: Pace::default(),
            hand_pace: Pace::default(),
        };
        self.enter(now, person, out);
        Ok(())
    }

    fn come_back(&mut self, comer: Comer, out: &mut Vec<Effect>) {
        let Some(person) = self.state.people.iter_mut().find(|p| p.id == comer.participant) else { return };
        let before = person.view();
        if let Line::Up(connection) = person.line
            && connection != comer.connection
        {
            out.push(Effect::Close { participant: person.id, connection, why: Closing::Replaced });
        }
        person.line = Line::Up(comer.connection);
        // A link of higher rank, followed in the same browser, lifts; nothing lowers but those who lead.
        if person.via != comer.via && comer.role > person.role {
            person.role = comer.role;
            person.via = comer.via;
        }
        let (id, role, after) = (person.id, person.role, person.view());
        if after.role != before.role {
            self.remember(id, role, comer.via);
            out.push(Effect::SaveState);
            out.push(Effect::Media(MediaEffect::Allowed { participant: id, allowed: self.allowed(role) }));
            out.push(Effect::RightsChanged { participant: id });
        }
        if after != before {
            self.send(self.others(Some(id)), Event::Person(after), out);
        }
        if let Some(welcome) = self.welcome(id) {
            out.push(Effect::Welcome(Box::new(welcome)));
        }
    }

    /// Puts somebody into the room. The caller has asked whether there is a place.
    pub(crate) fn enter(&mut self, now: Now, person: Person, out: &mut Vec<Effect>) {
        let (id, role, via, view) = (person.id, person.role, person.via, person.view());
        self.state.people.push(person);
        self.remember(id, role, via);
        self.mark_empty(now);
        out.push(Effect::SaveState);
        out.push(Effect::Media(MediaEffect::Enter { participant: id, allowed: self.allowed(role) }));
        self.send(self.others(Some(id)), Event::Person(view.clone()), out);
        if view.connected
            && let Some(welcome) = self.welcome(id)
        {
            out.push(Effect::Welcome(Box::new(welcome)));
        }
    }

    pub(crate) fn remember(&mut self, id: ParticipantId, role: Role, via: Option<InvitationId>) {
        self.state.known.retain(|k| k.id != id);
        self.state.known.push(Known { id, role, via });
        if self.state.known.len() > KNOWN_MAX {
            self.state.known.remove(0);
        }
    }

    /// How many more people of this role fit. Those who lead find a place in a full room.
    pub(crate) fn places_left(&self, role: Role) -> usize {
        let max = if role.leads() { limits::ROOM_PEOPLE_MAX } else { self.facts.settings.people_max };
        usize::from(max.min(limits::ROOM_PEOPLE_MAX)).saturating_sub(self.state.people.len())
    }

    /// A connection is gone. An older one that was replaced changes nothing.
    pub fn lost(&mut self, now: Now, participant: ParticipantId, connection: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        let down = Line::Down { gone_at_ms: now.monotonic_ms + GRACE_MS };
        if let Some(person) = self.state.people.iter_mut().find(|p| p.id == participant) {
            if person.line == Line::Up(connection) {
                person.line = down;
                let view = person.view();
                self.send(self.others(Some(participant)), Event::Person(view), &mut out);
            }
        } else if let Some(waiter) = self.state.waiting.iter_mut().find(|w| w.id == participant)
            && waiter.line == Line::Up(connection)
        {
            waiter.line = down;
        }
        out
    }

    /// Those whose grace is over go.
    pub(crate) fn drop_lost(&mut self, now: Now, out: &mut Vec<Effect>) {
        let due = |at: Option<u64>| at.is_some_and(|at| now.monotonic_ms >= at);
        let people: Vec<_> = self.state.people.iter().filter(|p| due(p.gone_at_ms())).map(|p| p.id).collect();
        for id in people {
            self.take_out(now, id, None, out);
        }
        let waiting = self.state.waiting.len();
        self.state.waiting.retain(|w| !due(w.gone_at_ms()));
        if self.state.waiting.len() != waiting {
            out.push(Effect::SaveState);
            self.tell_leaders(out);
            self.mark_empty(now);
        }
    }

    pub(crate) fn leave(
        &mut self,
        _permit: Permit<ability::Attend>,
        now: Now,
        who: ParticipantId,
        out: &mut Vec<Effect>,
    ) {
        self.take_out(now, who, Some(Closing::Left), out);
    }

    /// Takes somebody out of the room, their hand too, and tells the others.
    pub(crate) fn take_out(&mut self, now: Now, who: ParticipantId, why: Option<Closing>, out: &mut Vec<Effect>) {
        let Some(at) = self.state.people.iter().position(|p| p.id == who) else { return };
        let person = self.state.people.remove(at);
        let hands = self.state.hands.len();
        self.state.hands.retain(|&h| h != who);
        self.mark_empty(now);
        out.push(Effect::SaveState);
        out.push(Effect::Media(MediaEffect::Leave { participant: who }));
        out.push(Effect::RightsChanged { participant: who });
        if let (Some(connection), Some(why)) = (person.connection(), why) {
            out.push(Effect::Close { participant: who, connection, why });
        }
        let removed = why == Some(Closing::Removed);
        self.send(self.others(None), Event::Left { participant: who, removed }, out);
        if self.state.hands.len() != hands {
            self.tell_hands(out);
        }
    }

    pub(crate) fn rename(
        &mut self,
        _permit: Permit<ability::Attend>,
        now: Now,
        who: ParticipantId,
        to: PersonName,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let person = self.state.people.iter_mut().find(|p| p.id == who).ok_or(Refusal::Stale)?;
        person.hand_pace.take(now, limits::HANDS_PER_SECOND_MAX, 1_000)?;
        if person.name != to {
            person.name = to;
            let view = person.view();
            out.push(Effect::SaveState);
            self.send(self.others(None), Event::Person(view), out);
        }
        Ok(())
    }
}
