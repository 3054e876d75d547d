//! What the server says on the room websocket: JSON text frames, one message each.
//!
//! Somebody who waits receives `waiting`, `done`, `refused`, `pong` and `bye` and nothing else (S-06); `welcome` is the
//! first message of those who are in, and holds everything needed to draw the room. Then come `event`s.

use crate::code::Code;
use model::ids::{MessageId, PadId, ParticipantId, RoomId};
use model::name::{ChatText, KnockText, LobbyText, PersonName, RoomName};
use model::quality::Quality;
use model::role::Role;
use model::room::RoomPolicy;
use model::source::Source;
use serde::{Deserialize, Serialize};

/// One frame to a client.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ServerMessage {
    /// You are in the lobby. Sent again when the trainer's message changes.
    Waiting {
        /// What the trainer tells the waiting.
        message: Option<LobbyText>,
    },
    /// You are in.
    Welcome(Box<Welcome>),
    /// Something happened in the room.
    Event {
        /// What.
        event: Event,
    },
    /// The command with this id was carried out.
    Done {
        /// The command's id.
        id: u32,
    },
    /// The command or offer with this id was refused; nothing has changed.
    Refused {
        /// The id of command or offer.
        id: u32,
        /// Why.
        code: Code,
    },
    /// The answer to an offer (RFC 8829).
    Answer {
        /// The offer's id.
        id: u32,
        /// The session description, with the server's candidates.
        sdp: String,
    },
    /// The answer to `ping`.
    Pong {},
    /// The connection ends; the code says why and whether to come back.
    Bye {
        /// Why.
        code: Code,
    },
}

/// Everything needed to draw the room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Welcome {
    /// The room.
    pub room: RoomId,
    /// Its title.
    pub name: RoomName,
    /// Who you are in it.
    pub you: ParticipantId,
    /// Who may do what.
    pub policy: RoomPolicy,
    /// Whether nobody else is let in.
    pub locked: bool,
    /// The room's pad.
    pub pad: Option<PadId>,
    /// Who is there, you included, in the order of coming.
    pub people: Vec<Person>,
    /// Raised hands in their order.
    pub hands: Vec<ParticipantId>,
    /// The newest chat messages, oldest first.
    pub chat: Vec<ChatMessage>,
    /// For those who lead: who waits.
    pub lobby: Option<Lobby>,
    /// How many pictures this server sends to one person at most.
    pub slots_max: u8,
    /// Where UDP is blocked, media goes through these; for `RTCConfiguration.iceServers` as they stand.
    pub ice_servers: Vec<IceServer>,
}

/// A way for media through TURN (RFC 8656), with credentials of one's own that end soon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct IceServer {
    /// Where (RFC 7065).
    pub urls: Vec<String>,
    /// The username.
    pub username: String,
    /// The password.
    pub credential: String,
}

/// Somebody in the room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Person {
    /// Who.
    pub id: ParticipantId,
    /// How they are called.
    pub name: PersonName,
    /// As what.
    pub role: Role,
    /// Which of their publications are on.
    pub sources: Vec<Source>,
    /// Whether their connection is up; somebody who lost it stays for a while.
    pub connected: bool,
}

/// The lobby as those who lead see it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct Lobby {
    /// What the waiting read.
    pub message: Option<LobbyText>,
    /// Who waits, in the order of coming.
    pub waiting: Vec<WaitingPerson>,
}

/// Somebody in the lobby.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct WaitingPerson {
    /// Who.
    pub id: ParticipantId,
    /// How they are called.
    pub name: PersonName,
    /// What they said.
    pub knock: Option<KnockText>,
}

/// A chat message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
pub struct ChatMessage {
    /// Which.
    pub id: MessageId,
    /// Who wrote it.
    pub from: ParticipantId,
    /// Their name when they wrote it.
    pub name: PersonName,
    /// What.
    pub text: ChatText,
    /// When, in milliseconds since 1970 (UTC).
    #[ts(type = "number")]
    pub at_ms: u64,
}

/// Something that happened in the room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ts_rs::TS)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Event {
    /// Somebody came, or something about them changed (name, role, sources, connection).
    Person {
        /// As they are now.
        person: Person,
    },
    /// Somebody went.
    Left {
        /// Who.
        participant: ParticipantId,
        /// Whether they were removed.
        removed: bool,
    },
    /// The hands that are up, in their order.
    Hands {
        /// All of them.
        hands: Vec<ParticipantId>,
    },
    /// Somebody wrote in the chat.
    Chat {
        /// What.
        message: ChatMessage,
    },
    /// A chat message was deleted.
    ChatDeleted {
        /// Which.
        message: MessageId,
        /// By whom.
        by: ParticipantId,
    },
    /// Somebody who leads switched off one of your publications: stop sending it.
    Silenced {
        /// Which.
        source: Source,
        /// Who did it.
        by: ParticipantId,
    },
    /// The lobby changed (only to those who lead).
    Lobby {
        /// As it is now.
        lobby: Lobby,
    },
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
        room_name: RoomName,
        /// Who may do what.
        policy: RoomPolicy,
        /// The pad.
        pad: Option<PadId>,
    },
    /// Who is speaking now, loudest first.
    Speaking {
        /// All of them.
        participants: Vec<ParticipantId>,
    },
    /// New credentials in place of those that end soon.
    IceServers {
        /// All servers, as in `welcome`.
        ice_servers: Vec<IceServer>,
    },
    /// What anybody looks at of your camera or screen; the rest need not be sent. Everything is wanted at the beginning of
    /// a source.
    Wanted {
        /// Camera or screen.
        source: Source,
        /// The simulcast layers that are wanted, by their rids; empty where there is only one.
        rids: Vec<String>,
        /// The greatest height at which it is drawn, in device pixels; 0: nobody looks.
        height_px: u16,
    },
    /// Whose connections are not good: your own, and for those who lead everybody's. All of them, replacing those before.
    Connections {
        /// In no order; who is missing has a good connection.
        people: Vec<PersonConnection>,
    },
    /// Whether pictures that you wished for do not come because the server carries as many as it can.
    VideoFull {
        /// Whether some are missing now.
        full: bool,
    },
    /// What your slots carry now: as wished, or for slots without picture as the server chose. Only those that changed.
    Slots {
        /// The changed ones.
        slots: Vec<SlotContent>,
    },
}

/// How somebody's connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct PersonConnection {
    /// Whose.
    pub participant: ParticipantId,
    /// In a word.
    pub quality: Quality,
}

/// What a slot carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS)]
pub struct SlotContent {
    /// Which slot.
    pub slot: u8,
    /// Whose sound and picture.
    pub participant: Option<ParticipantId>,
    /// Camera or screen; microphone in a slot without picture.
    pub source: Source,
    /// Whether pictures flow in it now.
    pub picture: bool,
}
