//! The public chat: bounded in rate and number, kept apart from the room's state so that one message is one row of
//! the store. A message keeps the name its author had. The oldest go first when the room keeps too many (S-19).

use crate::effect::{Effect, Event, Refusal};
use crate::room::{Now, Room};
use model::ids::{MessageId, ParticipantId};
use model::limits;
use model::name::{ChatText, PersonName};
use model::permission::{Permit, ability};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// So many of the newest messages are told to somebody who comes.
pub const WELCOME_CHAT_MAX: usize = 200;

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChatLine {
    /// Which.
    pub id: MessageId,
    /// Who wrote it.
    pub from: ParticipantId,
    /// Their name when they wrote it.
    pub name: PersonName,
    /// What.
    pub text: ChatText,
    /// When, in milliseconds since 1970 (UTC).
    pub at_ms: u64,
}

impl Room {
    pub(crate) fn write(
        &mut self,
        _permit: Permit<ability::Chat>,
        now: Now,
        who: ParticipantId,
        message: MessageId,
        text: ChatText,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        let person = self.state.people.iter_mut().find(|p| p.id == who).ok_or(Refusal::Stale)?;
        person.chat_pace.take(now, limits::CHAT_MESSAGES_PER_WINDOW_MAX, limits::CHAT_WINDOW_MS)?;
        let name = person.name.clone();
        let line = Arc::new(ChatLine { id: message, from: who, name, text, at_ms: now.utc_ms });
        self.chat.push_back(line.clone());
        out.push(Effect::AppendChat(line.clone()));
        if self.chat.len() > limits::CHAT_KEPT_MAX
            && let Some(oldest) = self.chat.pop_front()
        {
            out.push(Effect::DeleteChat(oldest.id));
        }
        self.send(self.others(None), Event::Chat(line), out);
        Ok(())
    }

    /// Whether `who` wrote this message.
    pub(crate) fn wrote(&self, who: ParticipantId, message: MessageId) -> bool {
        self.chat.iter().any(|line| line.id == message && line.from == who)
    }

    pub(crate) fn delete_own(
        &mut self,
        _permit: Permit<ability::DeleteOwnChat>,
        who: ParticipantId,
        message: MessageId,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        self.delete_line(who, message, out)
    }

    pub(crate) fn delete_any(
        &mut self,
        _permit: Permit<ability::DeleteAnyChat>,
        who: ParticipantId,
        message: MessageId,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refusal> {
        self.delete_line(who, message, out)
    }

    fn delete_line(&mut self, by: ParticipantId, message: MessageId, out: &mut Vec<Effect>) -> Result<(), Refusal> {
        let at = self.chat.iter().position(|line| line.id == message).ok_or(Refusal::Stale)?;
        self.chat.remove(at);
        out.push(Effect::DeleteChat(message));
        self.send(self.others(None), Event::ChatDeleted { message, by }, out);
        Ok(())
    }

    pub(crate) fn newest_chat(&self) -> Vec<Arc<ChatLine>> {
        let skip = self.chat.len().saturating_sub(WELCOME_CHAT_MAX);
        self.chat.iter().skip(skip).cloned().collect()
    }
}
