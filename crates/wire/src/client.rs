//! What a client says on the room websocket: JSON text frames, one message each, at most
//! `limits::FRAME_ROOM_BYTES_MAX` bytes (`FRAME_UNAUTHENTICATED_BYTES_MAX` for the first).
//!
//! No message names its sender: who speaks is known from the connection (S-02).

use model::ids::{MessageId, ParticipantId};
use model::name::{ChatText, KnockText, LobbyText, PersonName};
use model::role::Role;
use model::room::RoomPolicy;
use model::source::Source;
use serde::{Deserialize, Serialize};

/// One frame from a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ClientMessage {
    /// The first message: who I am.
    Hello {
        /// The one-time ticket from `POST /api/v1/join` or `…/ticket`.
        ticket: String,
        /// [`crate::PROTOCOL_VERSION`].
        protocol: u16,
    },
    /// Something to be done; answered by `done` or `refused` with the same id.
    Command {
        /// Chosen by the client, unique on this connection.
        id: u32,
        /// What.
        command: Command,
    },
    /// A session description that publishes and asks for slots; answered by `answer` or `refused`.
    Offer {
        /// Chosen by the client, unique on this connection.
        id: u32,
        /// The offer (RFC 8829), at most `limits::SDP_BYTES_MAX` bytes.
        sdp: String,
        /// What each sending section carries.
        publish: Vec<PublishedSection>,
        /// Which receiving sections form which slot.
        slots: Vec<SlotSections>,
    },
    /// What each slot shall show. Slots that are not named stay as they are.
    Subscribe {
        /// The wishes.
        slots: Vec<SlotWish>,
    },
    /// Keeps the connection alive; answered by `pong`.
    Ping {},
}

/// What a waiting or admitted person can do. The waiting may only `leave`, `rename` and `knock` (S-06).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Go out of the room or the lobby.
    Leave {},
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
        /// What.
        text: ChatText,
    },
    /// Delete a chat message (one's own, or any for those who lead).
    DeleteChat {
        /// Which.
        message: MessageId,
    },
    /// Tell everybody that one of my publications is on or off. Off: the server forwards nothing more of it.
    Source {
        /// Which.
        source: Source,
        /// On or off.
        on: bool,
    },
    /// Switch off somebody's publication; `None` for the participant: everybody's but mine. Never on (P-06).
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
    /// What the waiting read; `None` takes it away.
    LobbyMessage {
        /// The text.
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
    /// End the meeting for all; pads stay.
    EndForAll {},
}

/// A sending section of the offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct PublishedSection {
    /// Its `a=mid`.
    pub mid: String,
    /// What it carries.
    pub source: Source,
}

/// The receiving sections that together form one slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct SlotSections {
    /// The slot's number, unique in the connection, below `limits::MEDIA_SLOTS_MAX`.
    pub slot: u8,
    /// The `a=mid` of its sound.
    pub audio: String,
    /// The `a=mid` of its picture; without one it is a slot for people who speak without being seen.
    pub video: Option<String>,
}

/// What a slot shall show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
#[serde(deny_unknown_fields)]
pub struct SlotWish {
    /// Which slot (one with a picture).
    pub slot: u8,
    /// Whose picture; `None` empties the slot.
    pub participant: Option<ParticipantId>,
    /// Their camera, or their screen (the slot's sound is then the microphone, or the screen's sound).
    pub source: Source,
    /// How high the picture is drawn, in device pixels; chooses the layer. 0 pauses the picture, sound goes on.
    pub height_px: u16,
}
