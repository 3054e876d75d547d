//! What the engine wants done: whom to tell what, what to make durable first, what it means for media and
//! connections. Recipients are resolved here, so that the shell cannot send a waiting person something by mistake
//! (S-06). Carried out in their order by `src/rooms/task.rs`; `wire` turns [`Event`]s into messages.

use crate::chat::ChatLine;
use model::ids::{MessageId, PadId, ParticipantId, RoomId};
use model::name::{KnockText, LobbyText, PersonName, RoomName};
use model::role::Role;
use model::room::RoomPolicy;
use model::source::Source;
use std::sync::Arc;

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The room's state changed: it must be durable before anything after it is told to anybody.
    SaveState,
    /// A chat message to be made durable before it is told.
    AppendChat(Arc<ChatLine>),
    /// A chat message to be deleted from the store.
    DeleteChat(MessageId),
    /// The event is over: delete state and chat from the store (P-03).
    Forget,
    /// Tell people who are in.
    Send {
        /// To whom; all of them are in and connected.
        to: Vec<ParticipantId>,
        /// What.
        event: Event,
    },
    /// Tell somebody that they are in.
    Welcome(Box<Welcome>),
    /// Tell somebody that they wait.
    Waiting {
        /// Whom.
        to: ParticipantId,
        /// What those who lead say to the waiting.
        message: Option<LobbyText>,
    },
    /// Close a connection.
    Close {
        /// Whose.
        participant: ParticipantId,
        /// Which of theirs.
        connection: u64,
        /// Why.
        why: Closing,
    },
    /// Media has to follow.
    Media(MediaEffect),
    /// What somebody may do changed, or they went: pad rights are to be asked again (S-04).
    RightsChanged {
        /// Whose.
        participant: ParticipantId,
    },
}

/// What media has to follow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MediaEffect {
    /// Somebody is in and may send these.
    Enter {
        /// Who.
        participant: ParticipantId,
        /// What they may send.
        allowed: Vec<Source>,
    },
    /// What somebody may send changed.
    Allowed {
        /// Who.
        participant: ParticipantId,
        /// What they may send now.
        allowed: Vec<Source>,
    },
    /// A publication is on or off; off: nothing more of it is forwarded (P-06).
    On {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// On or off.
        on: bool,
    },
    /// Somebody is no longer in.
    Leave {
        /// Who.
        participant: ParticipantId,
    },
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The person asked for it.
    Left,
    /// The same person connected again elsewhere.
    Replaced,
    /// Those who lead did not let them in.
    Denied,
    /// Taken out (S-08).
    Removed,
    /// The meeting was ended for all.
    Ended,
    /// The room was deleted.
    RoomDeleted,
}

/// Why something was refused; nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not allowed to do this.
    #[error("not allowed")]
    Forbidden,
    /// What is meant is no longer there.
    #[error("no longer as believed")]
    Stale,
    /// Too many in too short a time (S-19).
    #[error("too many")]
    TooMany,
    /// The room is full.
    #[error("the room is full")]
    RoomFull,
    /// The room is locked.
    #[error("the room is locked")]
    RoomLocked,
    /// The lobby is full.
    #[error("the lobby is full")]
    LobbyFull,
    /// Removed or denied too often in this event (S-08).
    #[error("removed from this event")]
    Removed,
}

/// Something that happened, for those who are in.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Somebody came or changed.
    Person(PersonView),
    /// Somebody went.
    Left {
        /// Who.
        participant: ParticipantId,
        /// Whether they were removed.
        removed: bool,
    },
    /// The hands that are up, in their order.
    Hands(Vec<ParticipantId>),
    /// Somebody wrote.
    Chat(Arc<ChatLine>),
    /// A message was deleted.
    ChatDeleted {
        /// Which.
        message: MessageId,
        /// By whom.
        by: ParticipantId,
    },
    /// A publication of the recipient was switched off.
    Silenced {
        /// Which.
        source: Source,
        /// Who did it.
        by: ParticipantId,
    },
    /// The lobby changed (only to those who lead).
    Lobby(LobbyView),
    /// The room was locked or unlocked.
    Locked {
        /// Which.
        locked: bool,
        /// By whom.
        by: ParticipantId,
    },
    /// Title, policy or pad changed.
    Room {
        /// The title.
        name: RoomName,
        /// Who may do what.
        policy: RoomPolicy,
        /// The pad.
        pad: Option<PadId>,
    },
}

/// Somebody who is in.
#[derive(Clone, Debug, PartialEq)]
pub struct PersonView {
    /// Who.
    pub id: ParticipantId,
    /// How they are called.
    pub name: PersonName,
    /// As what.
    pub role: Role,
    /// What is on.
    pub sources: Vec<Source>,
    /// Whether their connection is up.
    pub connected: bool,
}

/// Somebody who waits.
#[derive(Clone, Debug, PartialEq)]
pub struct WaitingView {
    /// Who.
    pub id: ParticipantId,
    /// How they are called.
    pub name: PersonName,
    /// What they said.
    pub knock: Option<KnockText>,
}

/// The lobby as those who lead see it.
#[derive(Clone, Debug, PartialEq)]
pub struct LobbyView {
    /// What the waiting read.
    pub message: Option<LobbyText>,
    /// Who waits, in the order of coming.
    pub waiting: Vec<WaitingView>,
}

/// Everything needed to draw the room.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    /// The room.
    pub room: RoomId,
    /// Its title.
    pub name: RoomName,
    /// Whom this is for.
    pub you: ParticipantId,
    /// Who may do what.
    pub policy: RoomPolicy,
    /// Whether nobody else is let in.
    pub locked: bool,
    /// The room's pad.
    pub pad: Option<PadId>,
    /// Who is there, in the order of coming.
    pub people: Vec<PersonView>,
    /// Raised hands in their order.
    pub hands: Vec<ParticipantId>,
    /// The newest chat messages, oldest first.
    pub chat: Vec<Arc<ChatLine>>,
    /// For those who lead: who waits.
    pub lobby: Option<LobbyView>,
}
