//! Raised hands, in the order in which they went up; lowered one by one or all at once. A hand belongs to somebody
//! who is there and survives a lost connection and a restart.

use crate::effect::{Effect, Event, Refusal};
use crate::room::{Now, Room};
use model::ids::ParticipantId;
use model::limits;
use model::permission::{Permit, ability};

impl Room {
    pub(crate) fn hand(
        &mut self,
        _permit: Permit<ability::RaiseHand>,
        now: Now,
        who: ParticipantId,
        raised: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let person = self.state.people.iter_mut().find(|p| p.id == who).ok_or(Refusal::Stale)?;
        person.hand_pace.take(now, limits::HANDS_PER_SECOND_MAX, 1_000)?;
        let is_up = self.state.hands.contains(&who);
        if raised == is_up {
            return Ok(());
        }
        if raised {
            self.state.hands.push(who);
        } else {
            self.state.hands.retain(|&h| h != who);
        }
        out.push(Effect::SaveState);
        self.tell_hands(out);
        Ok(())
    }

    pub(crate) fn lower_hand(
        &mut self,
        _permit: Permit<ability::LowerHand>,
        whose: ParticipantId,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let at = self.state.hands.iter().position(|&h| h == whose).ok_or(Refusal::Stale)?;
        self.state.hands.remove(at);
        out.push(Effect::SaveState);
        self.tell_hands(out);
        Ok(())
    }

    pub(crate) fn lower_all_hands(&mut self, _permit: Permit<ability::LowerHand>, out: &mut Vec<Effect>) {
        if !self.state.hands.is_empty() {
            self.state.hands.clear();
            out.push(Effect::SaveState);
            self.tell_hands(out);
        }
    }

    pub(crate) fn tell_hands(&self, out: &mut Vec<Effect>) {
        self.send(self.others(None), Event::Hands(self.state.hands.clone()), out);
    }
}
