//! One open room: its state, and the way from a command to its handler. Each arm asks `model::permission` and hands
//! the permit to the feature's file; the features change the state. Called by `src/rooms/task.rs` only.

use crate::chat::ChatLine;
use crate::command::Command;
use crate::effect::{Closing, Effect, Event, MediaEffect, PersonView, Refusal, Welcome};
use crate::lobby::Waiter;
use crate::people::{Known, Person};
use model::ids::{AccountId, InvitationId, OrganisationId, PadId, ParticipantId, RoomId};
use model::name::LobbyText;
use model::permission::{Ability, Actor, Object, Permit, ability, authorize};
use model::room::{RoomPolicy, RoomSettings};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// An event is over when nobody has been there for so long: then removals and chat are forgotten. Long enough for a
/// lunch break.
pub const EVENT_GAP_MS: u64 = 2 * 3600 * 1000;

/// The time, handed in with every input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds that never jump; any zero.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970 (UTC), for what people read.
    pub utc_ms: u64,
}

/// What the store knows about the room.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// Which.
    pub room: RoomId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Who made it.
    pub owner: AccountId,
    /// Its settings.
    pub settings: RoomSettings,
    /// Its pad.
    pub pad: Option<PadId>,
}

/// What survives a restart of the server, chat apart.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// In the order of coming.
    pub(crate) people: Vec<Person>,
    /// In the order of coming.
    pub(crate) waiting: Vec<Waiter>,
    /// In the order of raising; all of them are in `people`.
    pub(crate) hands: Vec<ParticipantId>,
    /// Let in during this event, whether still there or not: they need no lobby again.
    pub(crate) known: Vec<Known>,
    /// Refused for this event (S-08), oldest first.
    pub(crate) removed: Vec<ParticipantId>,
    /// Links by which somebody came who was removed; `None`: somebody without a link.
    pub(crate) tainted: BTreeSet<Option<InvitationId>>,
    /// How often somebody was not let in.
    pub(crate) denials: BTreeMap<ParticipantId, u8>,
    pub(crate) locked: bool,
    pub(crate) lobby_message: Option<LobbyText>,
    /// The policy while it differs from the settings'.
    pub(crate) policy: Option<RoomPolicy>,
    /// Since when nobody is there, as people's clocks said; only read after a restart.
    pub(crate) empty_since_utc_ms: Option<u64>,
}

/// One open room.
#[derive(Clone, Debug)]
pub struct Room {
    pub(crate) facts: Facts,
    pub(crate) state: State,
    pub(crate) chat: VecDeque<Arc<ChatLine>>,
    /// When the event ends if nobody comes, monotonic.
    pub(crate) over_at_ms: Option<u64>,
}

impl Room {
    /// A room in which nobody is yet.
    #[must_use]
    pub fn open(now: Now, facts: Facts) -> Self {
        let mut room = Self { facts, state: State::default(), chat: VecDeque::new(), over_at_ms: None };
        room.mark_empty(now);
        room
    }

    /// Which room this is.
    #[must_use]
    pub fn id(&self) -> RoomId {
        self.facts.room
    }

    /// Who may do what now.
    #[must_use]
    pub fn policy(&self) -> RoomPolicy {
        self.state.policy.unwrap_or(self.facts.settings.policy)
    }

    /// How many people are in, lobby not counted.
    #[must_use]
    pub fn people_count(&self) -> usize {
        self.state.people.len()
    }

    /// How many wait.
    #[must_use]
    pub fn waiting_count(&self) -> usize {
        self.state.waiting.len()
    }

    /// Whether nobody is in or waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state.people.is_empty() && self.state.waiting.is_empty()
    }

    /// Somebody who is in, as others see them.
    #[must_use]
    pub fn person(&self, id: ParticipantId) -> Option<PersonView> {
        self.state.people.iter().find(|p| p.id == id).map(Person::view)
    }

    /// Whether the room shows a pad.
    #[must_use]
    pub fn has_pad(&self) -> bool {
        self.facts.pad.is_some()
    }

    /// What media has to know from the beginning: who is in, what they may send, what is on.
    #[must_use]
    pub fn media_state(&self) -> Vec<MediaEffect> {
        let mut all = Vec::new();
        for person in &self.state.people {
            let participant = person.id;
            all.push(MediaEffect::Enter { participant, allowed: self.allowed(person.role) });
            all.extend(person.sources.iter().map(|&source| MediaEffect::On { participant, source, on: true }));
        }
        all
    }

    /// Whether somebody waits.
    #[must_use]
    pub fn is_waiting(&self, id: ParticipantId) -> bool {
        self.state.waiting.iter().any(|w| w.id == id)
    }

    /// Whether somebody is refused for this event.
    #[must_use]
    pub fn is_blocked(&self, id: ParticipantId) -> bool {
        self.state.removed.contains(&id)
    }

    /// Who `id` is to the permission table; from state, never from a message (S-02).
    #[must_use]
    pub fn actor(&self, id: ParticipantId) -> Actor {
        let room = self.facts.room;
        if let Some(person) = self.state.people.iter().find(|p| p.id == id) {
            Actor::Participant { room, participant: id, role: person.role }
        } else if self.is_waiting(id) {
            Actor::Waiting { room }
        } else if self.is_blocked(id) {
            Actor::Removed
        } else {
            Actor::Anonymous
        }
    }

    /// The room as an object of the permission table.
    #[must_use]
    pub fn object(&self) -> Object {
        Object::Room {
            room: self.facts.room,
            organisation: self.facts.organisation,
            owner: self.facts.owner,
            policy: self.policy(),
        }
    }

    /// Carries out one wish of `who`.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing has changed.
    pub fn handle(&mut self, now: Now, who: ParticipantId, command: Command) -> Result<Vec<Effect>, Refusal> {
        let mut out = Vec::new();
        match command {
            Command::Leave => {
                if self.is_waiting(who) {
                    let permit = self.ask(who, ability::WaitInLobby)?;
                    self.leave_lobby(permit, now, who, &mut out);
                } else {
                    let permit = self.ask(who, ability::Attend)?;
                    self.leave(permit, now, who, &mut out);
                }
            }
            Command::Rename { to } => {
                if self.is_waiting(who) {
                    let permit = self.ask(who, ability::WaitInLobby)?;
                    self.rename_waiting(permit, now, who, to, &mut out)?;
                } else {
                    let permit = self.ask(who, ability::Attend)?;
                    self.rename(permit, now, who, to, &mut out)?;
                }
            }
            Command::Knock { text } => {
                let permit = self.ask(who, ability::WaitInLobby)?;
                self.knock(permit, now, who, text, &mut out)?;
            }
            Command::Hand { raised } => {
                let permit = self.ask(who, ability::RaiseHand)?;
                self.hand(permit, now, who, raised, &mut out)?;
            }
            Command::LowerHand { participant: Some(whose) } => {
                let permit = self.ask_about(who, ability::LowerHand, whose)?;
                self.lower_hand(permit, whose, &mut out)?;
            }
            Command::LowerHand { participant: None } => {
                let permit = self.ask(who, ability::LowerHand)?;
                self.lower_all_hands(permit, &mut out);
            }
            Command::Chat { message, text } => {
                let permit = self.ask(who, ability::Chat)?;
                self.write(permit, now, who, message, text, &mut out)?;
            }
            Command::DeleteChat { message } => {
                if self.wrote(who, message) {
                    let permit = self.ask(who, ability::DeleteOwnChat)?;
                    self.delete_own(permit, who, message, &mut out)?;
                } else {
                    let permit = self.ask(who, ability::DeleteAnyChat)?;
                    self.delete_any(permit, who, message, &mut out)?;
                }
            }
            Command::Source { source, on } => self.source(now, who, source, on, &mut out)?,
            Command::Silence { participant: Some(whose), source } => {
                let permit = self.ask_about(who, ability::Silence, whose)?;
                self.silence(permit, who, whose, source, &mut out)?;
            }
            Command::Silence { participant: None, source } => self.silence_all(who, source, &mut out)?,
            Command::Admit { participant } => {
                let permit = self.ask(who, ability::ManageLobby)?;
                self.admit(permit, now, participant, &mut out)?;
            }
            Command::Deny { participant } => {
                let permit = self.ask(who, ability::ManageLobby)?;
                self.deny(permit, now, participant, &mut out)?;
            }
            Command::LobbyMessage { text } => {
                let permit = self.ask(who, ability::ManageLobby)?;
                self.tell_lobby(permit, text, &mut out);
            }
            Command::Remove { participant } => {
                let permit = self.ask_about(who, ability::Remove, participant)?;
                self.remove(permit, now, participant, &mut out)?;
            }
            Command::ChangeRole { participant, role } => {
                let permit = self.ask_about(who, ability::ChangeRole, participant)?;
                self.change_role(permit, who, participant, role, &mut out)?;
            }
            Command::Lock { locked } => {
                let permit = self.ask(who, ability::ModerateRoom)?;
                self.lock(permit, who, locked, &mut out);
            }
            Command::Policy { policy } => {
                let permit = self.ask(who, ability::ModerateRoom)?;
                self.set_policy(permit, who, policy, &mut out);
            }
            Command::EndForAll => {
                let permit = self.ask(who, ability::EndForAll)?;
                self.end_for_all(permit, now, &mut out);
            }
        }
        Ok(out)
    }

    /// Whether `who` may do `A` here.
    pub(crate) fn ask<A: Ability>(&self, who: ParticipantId, ability: A) -> Result<Permit<A>, Refusal> {
        authorize(&self.actor(who), ability, &self.object()).map_err(|_| Refusal::Forbidden)
    }

    /// Whether `who` may do `A` to `whom`. Somebody who is gone is told apart from "not allowed" only to those who
    /// might have been allowed.
    pub(crate) fn ask_about<A: Ability>(
        &self,
        who: ParticipantId,
        ability: A,
        whom: ParticipantId,
    ) -> Result<Permit<A>, Refusal> {
        let there = self.state.people.iter().find(|p| p.id == whom);
        // Somebody who is not there counts as the lowest rank: who may not touch that may touch nobody.
        let role = there.map_or(model::role::Role::ReadOnly, |p| p.role);
        let person = Object::Person { room: self.facts.room, participant: whom, role };
        let permit = authorize(&self.actor(who), ability, &person).map_err(|_| Refusal::Forbidden)?;
        if there.is_some() { Ok(permit) } else { Err(Refusal::Stale) }
    }

    /// Time has passed: people whose grace is over go, and the event may be over.
    pub fn tick(&mut self, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        self.drop_lost(now, &mut out);
        if self.over_at_ms.is_some_and(|at| now.monotonic_ms >= at) {
            self.forget(now);
            self.over_at_ms = None;
            out.push(Effect::Forget);
        }
        out
    }

    /// When [`Self::tick`] is needed next, on the monotonic clock.
    #[must_use]
    pub fn deadline_ms(&self) -> Option<u64> {
        let people = self.state.people.iter().filter_map(Person::gone_at_ms);
        let waiting = self.state.waiting.iter().filter_map(Waiter::gone_at_ms);
        people.chain(waiting).chain(self.over_at_ms).min()
    }

    /// Whether the event is over and the room can be closed.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_empty() && self.over_at_ms.is_none()
    }

    /// The settings were changed by HTTP (rule, store and audit are done there).
    pub fn set_settings(&mut self, now: Now, settings: RoomSettings, pad: Option<PadId>) -> Vec<Effect> {
        let mut out = Vec::new();
        let before = self.policy();
        let policy_changed = settings.policy != self.facts.settings.policy;
        let pad_changed = pad != self.facts.pad;
        let shown = settings.name != self.facts.settings.name || pad_changed;
        self.facts.settings = settings;
        self.facts.pad = pad;
        if policy_changed {
            self.state.policy = None;
            out.push(Effect::SaveState);
        }
        if self.policy() != before {
            self.follow_policy(None, &mut out);
        } else if pad_changed {
            out.extend(self.state.people.iter().map(|p| Effect::RightsChanged { participant: p.id }));
        }
        if shown || self.policy() != before {
            self.tell_room(&mut out);
        }
        self.open_lobby(now, &mut out);
        out
    }

    /// The room was deleted: everybody goes.
    pub fn delete(&mut self, now: Now) -> Vec<Effect> {
        let mut out = Vec::new();
        self.send_away_all(Closing::RoomDeleted, &mut out);
        self.forget(now);
        self.over_at_ms = None;
        out
    }

    /// Empties state and chat: the next who comes starts a new event.
    pub(crate) fn forget(&mut self, now: Now) {
        self.state = State::default();
        self.chat.clear();
        self.mark_empty(now);
    }

    /// Closes every connection and tells media; the state itself is emptied by the caller.
    pub(crate) fn send_away_all(&mut self, why: Closing, out: &mut Vec<Effect>) {
        for person in &self.state.people {
            out.push(Effect::Media(MediaEffect::Leave { participant: person.id }));
            out.push(Effect::RightsChanged { participant: person.id });
        }
        let people = self.state.people.iter().map(|p| (p.id, p.connection()));
        let waiting = self.state.waiting.iter().map(|w| (w.id, w.connection()));
        for (participant, connection) in people.chain(waiting) {
            if let Some(connection) = connection {
                out.push(Effect::Close { participant, connection, why });
            }
        }
        self.state.people.clear();
        self.state.waiting.clear();
        self.state.hands.clear();
    }

    /// Starts or stops the clock that ends the event.
    pub(crate) fn mark_empty(&mut self, now: Now) {
        if !self.is_empty() {
            self.over_at_ms = None;
            self.state.empty_since_utc_ms = None;
        } else if self.over_at_ms.is_none() {
            self.over_at_ms = Some(now.monotonic_ms + EVENT_GAP_MS);
            self.state.empty_since_utc_ms = Some(now.utc_ms);
        }
    }

    /// Everybody who is in and connected, but `but`.
    pub(crate) fn others(&self, but: Option<ParticipantId>) -> Vec<ParticipantId> {
        self.state.people.iter().filter(|p| p.connection().is_some() && Some(p.id) != but).map(|p| p.id).collect()
    }

    pub(crate) fn send(&self, to: Vec<ParticipantId>, event: Event, out: &mut Vec<Effect>) {
        if !to.is_empty() {
            out.push(Effect::Send { to, event });
        }
    }

    pub(crate) fn tell_room(&self, out: &mut Vec<Effect>) {
        let event = Event::Room { name: self.facts.settings.name.clone(), policy: self.policy(), pad: self.facts.pad };
        self.send(self.others(None), event, out);
    }

    /// The room as `you` sees it.
    #[must_use]
    pub fn welcome(&self, you: ParticipantId) -> Option<Welcome> {
        let me = self.state.people.iter().find(|p| p.id == you)?;
        Some(Welcome {
            room: self.facts.room,
            name: self.facts.settings.name.clone(),
            you,
            policy: self.policy(),
            locked: self.state.locked,
            pad: self.facts.pad,
            people: self.state.people.iter().map(Person::view).collect(),
            hands: self.state.hands.clone(),
            chat: self.newest_chat(),
            lobby: me.role.leads().then(|| self.lobby_view()),
        })
    }

    /// What must hold between any two inputs; the room task checks it in debug builds, the property tests always.
    ///
    /// # Errors
    /// The first sentence that does not hold.
    pub fn check(&self) -> Result<(), &'static str> {
        let people: BTreeSet<_> = self.state.people.iter().map(|p| p.id).collect();
        let waiting: BTreeSet<_> = self.state.waiting.iter().map(|w| w.id).collect();
        let hands: BTreeSet<_> = self.state.hands.iter().copied().collect();
        let allowed = |p: &Person| p.sources.iter().all(|&s| self.allows(p.role, s));
        match () {
            () if people.len() != self.state.people.len() => Err("somebody is in twice"),
            () if waiting.len() != self.state.waiting.len() => Err("somebody waits twice"),
            () if people.intersection(&waiting).next().is_some() => Err("somebody is in and waits"),
            () if people.iter().chain(&waiting).any(|&id| self.is_blocked(id)) => Err("a removed person is there"),
            () if hands.len() != self.state.hands.len() => Err("a hand is up twice"),
            () if !hands.is_subset(&people) => Err("a hand of somebody who is not there is up"),
            () if !self.state.people.iter().all(allowed) => Err("a publication is on that is not allowed"),
            () if self.state.people.len() > model::limits::ROOM_PEOPLE_MAX.into() => Err("too many people"),
            () if self.state.waiting.len() > model::limits::LOBBY_PEOPLE_MAX => Err("too many wait"),
            () if self.chat.len() > model::limits::CHAT_KEPT_MAX => Err("too many chat messages"),
            () if self.is_empty() != self.over_at_ms.is_some() && !self.is_over() => Err("the clock of the end is off"),
            () => Ok(()),
        }
    }
}
