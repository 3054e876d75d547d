//! The lobby: outside → waiting → in, or not (S-06). The waiting are told `Waiting` and a closing reason and nothing
//! else; those who lead see who waits. After a removal whoever comes by a link waits, also where there is no lobby,
//! until the link is renewed (S-08).

use crate::effect::{Closing, Effect, Event, LobbyView, Refusal, WaitingView};
use crate::people::{Comer, Line, Pace, Person};
use crate::room::{Now, Room};
use model::ids::{InvitationId, ParticipantId};
use model::limits;
use model::name::{KnockText, LobbyText, PersonName};
use model::permission::{Permit, ability};
use model::role::Role;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who was not let in so often is refused for the rest of the event.
const DENIALS_MAX: u8 = 3;

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Waiter {
    pub(crate) id: ParticipantId,
    pub(crate) name: PersonName,
    pub(crate) role: Role,
    pub(crate) via: Option<InvitationId>,
    pub(crate) knock: Option<KnockText>,
    #[serde(skip)]
    pub(crate) line: Line,
    #[serde(skip)]
    pace: Pace,
}

impl Waiter {
    pub(crate) fn new(comer: Comer) -> Self {
        Self {
            id: comer.participant,
            name: comer.name,
            role: comer.role,
            via: comer.via,
            knock: None,
            line: Line::Up(comer.connection),
            pace: Pace::default(),
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

impl Room {
    /// Whether somebody with this role has to wait. Those who lead only wait when their own link may be in the wrong
    /// hands; somebody must be able to let people in.
    pub(crate) fn must_wait(&self, role: Role, via: Option<InvitationId>) -> bool {
        if role.leads() {
            return via.is_some() && self.state.tainted.contains(&via);
        }
        self.facts.settings.lobby || (via.is_some() && !self.state.tainted.is_empty())
    }

    /// A link was renewed or revoked: nobody can come by it any more, so it needs no lobby.
    pub fn link_gone(&mut self, now: Now, link: InvitationId) -> Vec<Effect> {
        let mut out = Vec::new();
        // Whom no link let in (an account) and who was removed might come by any; renewing one is the answer, too.
        if self.state.tainted.remove(&Some(link)) | self.state.tainted.remove(&None) {
            out.push(Effect::SaveState);
            self.open_lobby(now, &mut out);
        }
        out
    }

    pub(crate) fn wait(&mut self, waiter: Waiter, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        if self.state.waiting.len() >= limits::LOBBY_PEOPLE_MAX {
            return Err(Refusal::LobbyFull);
        }
        let to = waiter.id;
        self.state.waiting.push(waiter);
        out.push(Effect::SaveState);
        out.push(Effect::Waiting { to, message: self.state.lobby_message.clone() });
        self.tell_leaders(out);
        Ok(())
    }

    pub(crate) fn wait_again(&mut self, comer: Comer, out: &mut Vec<Effect>) {
        let Some(waiter) = self.state.waiting.iter_mut().find(|w| w.id == comer.participant) else { return };
        if let Line::Up(connection) = waiter.line
            && connection != comer.connection
        {
            out.push(Effect::Close { participant: waiter.id, connection, why: Closing::Replaced });
        }
        waiter.line = Line::Up(comer.connection);
        let renamed = waiter.name != comer.name;
        waiter.name = comer.name;
        out.push(Effect::Waiting { to: comer.participant, message: self.state.lobby_message.clone() });
        if renamed {
            out.push(Effect::SaveState);
            self.tell_leaders(out);
        }
    }

    pub(crate) fn leave_lobby(
        &mut self,
        _permit: Permit<ability::WaitInLobby>,
        now: Now,
        who: ParticipantId,
        out: &mut Vec<Effect>,
    ) {
        self.drop_waiter(now, who, Closing::Left, out);
    }

    fn drop_waiter(&mut self, now: Now, who: ParticipantId, why: Closing, out: &mut Vec<Effect>) {
        let Some(at) = self.state.waiting.iter().position(|w| w.id == who) else { return };
        let waiter = self.state.waiting.remove(at);
        self.mark_empty(now);
        out.push(Effect::SaveState);
        if let Some(connection) = waiter.connection() {
            out.push(Effect::Close { participant: who, connection, why });
        }
        self.tell_leaders(out);
    }

    pub(crate) fn rename_waiting(
        &mut self,
        _permit: Permit<ability::WaitInLobby>,
        now: Now,
        who: ParticipantId,
        to: PersonName,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let waiter = self.state.waiting.iter_mut().find(|w| w.id == who).ok_or(Refusal::Stale)?;
        waiter.pace.take(now, limits::HANDS_PER_SECOND_MAX, 1_000)?;
        waiter.name = to;
        out.push(Effect::SaveState);
        self.tell_leaders(out);
        Ok(())
    }

    pub(crate) fn knock(
        &mut self,
        _permit: Permit<ability::WaitInLobby>,
        now: Now,
        who: ParticipantId,
        text: KnockText,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let waiter = self.state.waiting.iter_mut().find(|w| w.id == who).ok_or(Refusal::Stale)?;
        waiter.pace.take(now, limits::HANDS_PER_SECOND_MAX, 1_000)?;
        waiter.knock = Some(text);
        out.push(Effect::SaveState);
        self.tell_leaders(out);
        Ok(())
    }

    pub(crate) fn admit(
        &mut self,
        _permit: Permit<ability::ManageLobby>,
        now: Now,
        whom: Option<ParticipantId>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if let Some(id) = whom
            && !self.is_waiting(id)
        {
            return Err(Refusal::Stale);
        }
        if self.state.locked {
            return Err(Refusal::RoomLocked);
        }
        let ids: Vec<_> = self.state.waiting.iter().map(|w| w.id).filter(|&id| whom.is_none_or(|w| w == id)).collect();
        let asked = ids.len();
        if self.let_in(now, ids, out) == 0 && asked > 0 {
            return Err(Refusal::RoomFull);
        }
        Ok(())
    }

    /// Lets in as many of these as fit, in their order; answers how many.
    fn let_in(&mut self, now: Now, ids: Vec<ParticipantId>, out: &mut Vec<Effect>) -> usize {
        let mut entered = 0;
        for id in ids {
            let Some(at) = self.state.waiting.iter().position(|w| w.id == id) else { continue };
            if self.places_left(self.state.waiting[at].role) == 0 {
                continue;
            }
            let waiter = self.state.waiting.remove(at);
            let person = Person {
                id: waiter.id,
                name: waiter.name,
                role: waiter.role,
                via: waiter.via,
                line: waiter.line,
                sources: BTreeSet::new(),
                chat_pace: Pace::default(),
                hand_pace: Pace::default(),
            };
            self.enter(now, person, out);
            entered += 1;
        }
        if entered > 0 {
            self.tell_leaders(out);
        }
        entered
    }

    /// Where nobody has to wait any more (the setting changed, the link was renewed), those who wait come in.
    pub(crate) fn open_lobby(&mut self, now: Now, out: &mut Vec<Effect>) {
        if self.state.locked {
            return;
        }
        let free: Vec<_> = self.state.waiting.iter().filter(|w| !self.must_wait(w.role, w.via)).map(|w| w.id).collect();
        self.let_in(now, free, out);
    }

    pub(crate) fn deny(
        &mut self,
        _permit: Permit<ability::ManageLobby>,
        now: Now,
        whom: ParticipantId,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if !self.is_waiting(whom) {
            return Err(Refusal::Stale);
        }
        let denials = self.state.denials.entry(whom).or_default();
        *denials = denials.saturating_add(1);
        if *denials >= DENIALS_MAX {
            self.state.denials.remove(&whom);
            self.block(whom);
        }
        self.drop_waiter(now, whom, Closing::Denied, out);
        // Bounded like everything that strangers can make grow; the lowest ids go first, which is as good as any.
        while self.state.denials.len() > limits::LOBBY_PEOPLE_MAX {
            self.state.denials.pop_first();
        }
        Ok(())
    }

    pub(crate) fn tell_lobby(
        &mut self,
        _permit: Permit<ability::ManageLobby>,
        text: Option<LobbyText>,
        out: &mut Vec<Effect>,
    ) {
        if self.state.lobby_message == text {
            return;
        }
        self.state.lobby_message = text;
        out.push(Effect::SaveState);
        for waiter in self.state.waiting.iter().filter(|w| w.connection().is_some()) {
            out.push(Effect::Waiting { to: waiter.id, message: self.state.lobby_message.clone() });
        }
        self.tell_leaders(out);
    }

    pub(crate) fn lobby_view(&self) -> LobbyView {
        let view = |w: &Waiter| WaitingView { id: w.id, name: w.name.clone(), knock: w.knock.clone() };
        LobbyView { message: self.state.lobby_message.clone(), waiting: self.state.waiting.iter().map(view).collect() }
    }

    pub(crate) fn tell_leaders(&self, out: &mut Vec<Effect>) {
        let leaders: Vec<_> =
            self.state.people.iter().filter(|p| p.role.leads() && p.connection().is_some()).map(|p| p.id).collect();
        if !leaders.is_empty() {
            self.send(leaders, Event::Lobby(self.lobby_view()), out);
        }
    }
}
