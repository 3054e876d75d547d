//! What those who lead do to the room and the people in it: remove (S-08), roles, lock, policy (S-04), end for all.

use crate::effect::{Closing, Effect, Event, Refusal};
use crate::people::KNOWN_MAX;
use crate::room::{Now, Room};
use model::ids::ParticipantId;
use model::permission::{Permit, ability};
use model::role::Role;
use model::room::RoomPolicy;

impl Room {
    pub(crate) fn remove(
        &mut self,
        _permit: Permit<ability::Remove>,
        now: Now,
        whom: ParticipantId,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let person = self.state.people.iter().find(|p| p.id == whom).ok_or(Refusal::Stale)?;
        self.state.tainted.insert(person.via);
        self.block(whom);
        self.take_out(now, whom, Some(Closing::Removed), out);
        Ok(())
    }

    /// Refuses somebody for the rest of the event.
    pub(crate) fn block(&mut self, whom: ParticipantId) {
        self.state.known.retain(|k| k.id != whom);
        if !self.state.removed.contains(&whom) {
            self.state.removed.push(whom);
        }
        if self.state.removed.len() > KNOWN_MAX {
            self.state.removed.remove(0);
        }
    }

    pub(crate) fn change_role(
        &mut self,
        _permit: Permit<ability::ChangeRole>,
        by: ParticipantId,
        whose: ParticipantId,
        role: Role,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        // Admin is what an account is, never what somebody is made in a room.
        if role == Role::Admin {
            return Err(Refusal::Forbidden);
        }
        let person = self.state.people.iter_mut().find(|p| p.id == whose).ok_or(Refusal::Stale)?;
        if person.role == role {
            return Ok(());
        }
        let led = person.role.leads();
        person.role = role;
        let (via, view, connected) = (person.via, person.view(), person.connection().is_some());
        self.remember(whose, role, via);
        out.push(Effect::SaveState);
        out.push(Effect::RightsChanged { participant: whose });
        self.send(self.others(None), Event::Person(view), out);
        self.switch_off_forbidden(whose, Some(by), out);
        if role.leads() && !led && connected {
            self.send(vec![whose], Event::Lobby(self.lobby_view()), out);
        }
        Ok(())
    }

    pub(crate) fn lock(
        &mut self,
        _permit: Permit<ability::ModerateRoom>,
        by: ParticipantId,
        locked: bool,
        out: &mut Vec<Effect>,
    ) {
        if self.state.locked != locked {
            self.state.locked = locked;
            out.push(Effect::SaveState);
            self.send(self.others(None), Event::Locked { locked, by }, out);
        }
    }

    pub(crate) fn set_policy(
        &mut self,
        _permit: Permit<ability::ModerateRoom>,
        by: ParticipantId,
        policy: RoomPolicy,
        out: &mut Vec<Effect>,
    ) {
        if self.policy() == policy {
            return;
        }
        self.state.policy = (policy != self.facts.settings.policy).then_some(policy);
        out.push(Effect::SaveState);
        self.follow_policy(Some(by), out);
        self.tell_room(out);
    }

    /// The policy is another one: everybody's rights follow at once.
    pub(crate) fn follow_policy(&mut self, by: Option<ParticipantId>, out: &mut Vec<Effect>) {
        let everybody: Vec<_> = self.state.people.iter().map(|p| p.id).collect();
        for id in everybody {
            self.switch_off_forbidden(id, by, out);
            out.push(Effect::RightsChanged { participant: id });
        }
    }

    pub(crate) fn end_for_all(&mut self, _permit: Permit<ability::EndForAll>, now: Now, out: &mut Vec<Effect>) {
        out.push(Effect::Forget);
        self.send_away_all(Closing::Ended, out);
        self.forget(now);
    }
}
