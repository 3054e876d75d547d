//! What somebody in a room or its lobby can ask for. `src/socket/dispatch.rs` makes these from the wire's messages;
//! who asks is handed in beside them and never part of them (S-02). There is no command that switches somebody's
//! microphone or camera on (P-06).

use model::ids::{MessageId, ParticipantId};
use model::name::{ChatText, KnockText, LobbyText, PersonName};
use model::role::Role;
use model::room::RoomPolicy;
use model::source::Source;

/// One wish of one person.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Go out of the room or the lobby.
    Leave,
    /// Take another name.
    Rename {
        /// The new name.
        to: PersonName,
    },
    /// Say something to be let in.
    Knock {
        /// What.
        text: KnockText,
    },
    /// Raise or lower one's own hand.
    Hand {
        /// Up or down.
        raised: bool,
    },
    /// Lower somebody's hand, or with `None` all hands.
    LowerHand {
        /// Whose.
        participant: Option<ParticipantId>,
    },
    /// Write in the chat.
    Chat {
        /// The id of the new message, made by the shell.
        message: MessageId,
        /// What.
        text: ChatText,
    },
    /// Delete a chat message.
    DeleteChat {
        /// Which.
        message: MessageId,
    },
    /// One of my publications is on or off.
    Source {
        /// Which.
        source: Source,
        /// On or off.
        on: bool,
    },
    /// Switch off somebody's publication; `None`: everybody's but mine.
    Silence {
        /// Whose.
        participant: Option<ParticipantId>,
        /// Which.
        source: Source,
    },
    /// Let somebody in from the lobby; `None`: all.
    Admit {
        /// Whom.
        participant: Option<ParticipantId>,
    },
    /// Do not let somebody in.
    Deny {
        /// Whom.
        participant: ParticipantId,
    },
    /// What the waiting read.
    LobbyMessage {
        /// The text; `None` takes it away.
        text: Option<LobbyText>,
    },
    /// Take somebody out for this event (S-08).
    Remove {
        /// Whom.
        participant: ParticipantId,
    },
    /// Give somebody another role.
    ChangeRole {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        role: Role,
    },
    /// Let nobody else in, or again.
    Lock {
        /// Locked or not.
        locked: bool,
    },
    /// Change who may do what, effective at once (S-04).
    Policy {
        /// The whole new policy.
        policy: RoomPolicy,
    },
    /// End the meeting for all.
    EndForAll,
}
