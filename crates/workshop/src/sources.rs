//! Publications: what somebody may send (policy and role), what is on, and switching others' off. Nothing here can
//! switch on what belongs to another person (P-06); what stops being allowed goes off at once (S-04).

use crate::effect::{Effect, Event, MediaEffect, Refusal};
use crate::room::{Now, Room};
use model::ids::ParticipantId;
use model::limits;
use model::permission::{Permit, ability};
use model::role::Role;
use model::source::Source;

impl Room {
    /// Whether somebody of this role may send this.
    pub(crate) fn allows(&self, role: Role, source: Source) -> bool {
        let policy = self.policy();
        match source {
            Source::Microphone => policy.speak.includes(role),
            Source::Camera => policy.show.includes(role),
            Source::Screen | Source::ScreenSound => policy.share.includes(role),
        }
    }

    pub(crate) fn allowed(&self, role: Role) -> Vec<Source> {
        Source::ALL.into_iter().filter(|&source| self.allows(role, source)).collect()
    }

    pub(crate) fn source(
        &mut self,
        now: Now,
        who: ParticipantId,
        source: Source,
        on: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if !on {
            // Everybody may stop sending, whatever the policy says by now.
            let permit = self.ask(who, ability::Attend)?;
            return self.set_source(permit, now, who, source, false, out);
        }
        match source {
            Source::Microphone => self.set_source(self.ask(who, ability::Speak)?, now, who, source, true, out),
            Source::Camera => self.set_source(self.ask(who, ability::Show)?, now, who, source, true, out),
            Source::Screen | Source::ScreenSound => {
                self.set_source(self.ask(who, ability::Share)?, now, who, source, true, out)
            }
        }
    }

    fn set_source<A: model::permission::Ability>(
        &mut self,
        _permit: Permit<A>,
        now: Now,
        who: ParticipantId,
        source: Source,
        on: bool,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let person = self.state.people.iter_mut().find(|p| p.id == who).ok_or(Refusal::Stale)?;
        person.hand_pace.take(now, limits::HANDS_PER_SECOND_MAX, 1_000)?;
        let changed = if on { person.sources.insert(source) } else { person.sources.remove(&source) };
        let view = person.view();
        // Media is told also when nothing changed: it may have begun anew after a reconnect.
        out.push(Effect::Media(MediaEffect::On { participant: who, source, on }));
        if changed {
            self.send(self.others(None), Event::Person(view), out);
        }
        Ok(())
    }

    pub(crate) fn silence(
        &mut self,
        _permit: Permit<ability::Silence>,
        by: ParticipantId,
        whose: ParticipantId,
        source: Source,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        if self.switch_off(whose, source, Some(by), out) { Ok(()) } else { Err(Refusal::Stale) }
    }

    /// Everybody's but one's own, and nobody's of higher rank.
    pub(crate) fn silence_all(
        &mut self,
        by: ParticipantId,
        source: Source,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        // The table knows silencing only towards a person; to silence all one must be allowed to moderate at all.
        let _moderate = self.ask(by, ability::ModerateRoom)?;
        let whose: Vec<_> = self.state.people.iter().map(|p| p.id).filter(|&id| id != by).collect();
        for id in whose {
            if let Ok(permit) = self.ask_about(by, ability::Silence, id) {
                // Who has it off already is no reason to refuse.
                let _already_off = self.silence(permit, by, id, source, out);
            }
        }
        Ok(())
    }

    /// Switches off what is no longer allowed, after policy or role changed.
    pub(crate) fn switch_off_forbidden(
        &mut self,
        whose: ParticipantId,
        by: Option<ParticipantId>,
        out: &mut Vec<Effect>,
    ) {
        let Some(person) = self.state.people.iter().find(|p| p.id == whose) else { return };
        let role = person.role;
        let gone: Vec<_> = person.sources.iter().copied().filter(|&s| !self.allows(role, s)).collect();
        out.push(Effect::Media(MediaEffect::Allowed { participant: whose, allowed: self.allowed(role) }));
        for source in gone {
            self.switch_off(whose, source, by, out);
        }
    }

    fn switch_off(
        &mut self,
        whose: ParticipantId,
        source: Source,
        by: Option<ParticipantId>,
        out: &mut Vec<Effect>,
    ) -> bool {
        let Some(person) = self.state.people.iter_mut().find(|p| p.id == whose) else { return false };
        if !person.sources.remove(&source) {
            return false;
        }
        let view = person.view();
        out.push(Effect::Media(MediaEffect::On { participant: whose, source, on: false }));
        if view.connected {
            // Without anybody to name (settings changed from outside the room) the person's own id stands there.
            self.send(vec![whose], Event::Silenced { source, by: by.unwrap_or(whose) }, out);
        }
        self.send(self.others(None), Event::Person(view), out);
        true
    }
}
