//! From the workshop engine's values to messages and back. Everything that leaves is one of `server`'s typed values,
//! serialised anew (S-02); no text of a client is passed on. Used by `src/rooms` and `src/socket`.

use crate::client::Command;
use crate::code::Code;
use crate::server::{ChatMessage, Event, Lobby, Person, WaitingPerson, Welcome};
use model::ids::MessageId;
use model::limits;

impl Command {
    /// The engine's command. `message` is the id of the chat message, should this be one.
    #[must_use]
    pub fn into_workshop(self, message: MessageId) -> workshop::Command {
        use workshop::Command as To;
        match self {
            Self::Leave {} => To::Leave,
            Self::Rename { to } => To::Rename { to },
            Self::Knock { text } => To::Knock { text },
            Self::Hand { raised } => To::Hand { raised },
            Self::LowerHand { participant } => To::LowerHand { participant },
            Self::Chat { text } => To::Chat { message, text },
            Self::DeleteChat { message } => To::DeleteChat { message },
            Self::Source { source, on } => To::Source { source, on },
            Self::Silence { participant, source } => To::Silence { participant, source },
            Self::Admit { participant } => To::Admit { participant },
            Self::Deny { participant } => To::Deny { participant },
            Self::LobbyMessage { text } => To::LobbyMessage { text },
            Self::Remove { participant } => To::Remove { participant },
            Self::ChangeRole { participant, role } => To::ChangeRole { participant, role },
            Self::Lock { locked } => To::Lock { locked },
            Self::Policy { policy } => To::Policy { policy },
            Self::EndForAll {} => To::EndForAll,
        }
    }
}

impl From<workshop::Refusal> for Code {
    fn from(refusal: workshop::Refusal) -> Self {
        match refusal {
            workshop::Refusal::Forbidden => Self::Forbidden,
            workshop::Refusal::Stale => Self::Stale,
            workshop::Refusal::TooMany => Self::TooMany,
            workshop::Refusal::RoomFull => Self::RoomFull,
            workshop::Refusal::RoomLocked => Self::RoomLocked,
            workshop::Refusal::LobbyFull => Self::LobbyFull,
            workshop::Refusal::Removed => Self::Removed,
        }
    }
}

impl From<workshop::Event> for Event {
    fn from(event: workshop::Event) -> Self {
        match event {
            workshop::Event::Person(person) => Self::Person { person: person.into() },
            workshop::Event::Left { participant, removed } => Self::Left { participant, removed },
            workshop::Event::Hands(hands) => Self::Hands { hands },
            workshop::Event::Chat(line) => Self::Chat { message: line.as_ref().into() },
            workshop::Event::ChatDeleted { message, by } => Self::ChatDeleted { message, by },
            workshop::Event::Silenced { source, by } => Self::Silenced { source, by },
            workshop::Event::Lobby(lobby) => Self::Lobby { lobby: lobby.into() },
            workshop::Event::Locked { locked, by } => Self::Locked { locked, by },
            workshop::Event::Room { name, policy, pad } => Self::Room { room_name: name, policy, pad },
        }
    }
}

impl From<workshop::PersonView> for Person {
    fn from(person: workshop::PersonView) -> Self {
        let workshop::PersonView { id, name, role, sources, connected } = person;
        Self { id, name, role, sources, connected }
    }
}

impl From<&workshop::ChatLine> for ChatMessage {
    fn from(line: &workshop::ChatLine) -> Self {
        let workshop::ChatLine { id, from, name, text, at_ms } = line;
        Self { id: *id, from: *from, name: name.clone(), text: text.clone(), at_ms: *at_ms }
    }
}

impl From<workshop::LobbyView> for Lobby {
    fn from(lobby: workshop::LobbyView) -> Self {
        let waiting = lobby.waiting.into_iter();
        let waiting = waiting.map(|w| WaitingPerson { id: w.id, name: w.name, knock: w.knock }).collect();
        Self { message: lobby.message, waiting }
    }
}

impl From<workshop::Welcome> for Welcome {
    fn from(welcome: workshop::Welcome) -> Self {
        Self {
            room: welcome.room,
            name: welcome.name,
            you: welcome.you,
            policy: welcome.policy,
            locked: welcome.locked,
            pad: welcome.pad,
            people: welcome.people.into_iter().map(Into::into).collect(),
            hands: welcome.hands,
            chat: welcome.chat.iter().map(|line| line.as_ref().into()).collect(),
            lobby: welcome.lobby.map(Into::into),
            slots_max: u8::try_from(limits::MEDIA_SLOTS_MAX).unwrap_or(u8::MAX),
            ice_servers: Vec::new(),
        }
    }
}
