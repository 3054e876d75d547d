//! What the shell tells the engine and hears from it: plain values, made by `src/media` and by tests.
//!
//! Nothing here decides anything. Who may publish what was decided by `workshop` and `model::permission`; the engine
//! only enforces the sets that it is given (P-06: there is no command that starts anybody's source).

use model::ids::{ParticipantId, RoomId};
use model::quality::Quality;
use model::source::Source;
use std::time::Duration;

/// A set of sources.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources(u8);

impl Sources {
    /// No source.
    pub const NONE: Self = Self(0);
    /// All sources.
    pub const ALL: Self = Self(0b1111);

    fn bit(source: Source) -> u8 {
        match source {
            Source::Microphone => 1,
            Source::Camera => 2,
            Source::Screen => 4,
            Source::ScreenSound => 8,
        }
    }

    /// Whether `source` is in the set.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        self.0 & Self::bit(source) != 0
    }

    /// The set with (`on`) or without `source`.
    #[must_use]
    pub fn with(self, source: Source, on: bool) -> Self {
        if on { Self(self.0 | Self::bit(source)) } else { Self(self.0 & !Self::bit(source)) }
    }
}

impl FromIterator<Source> for Sources {
    fn from_iter<I: IntoIterator<Item = Source>>(sources: I) -> Self {
        sources.into_iter().fold(Self::NONE, |set, source| set.with(source, true))
    }
}

/// A sending section of an offer: its `a=mid` and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publish {
    /// The section.
    pub mid: String,
    /// What it carries.
    pub source: Source,
}

/// The receiving sections of an offer that form a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotSections {
    /// The slot's number, below `limits::MEDIA_SLOTS_MAX`.
    pub slot: u8,
    /// The `a=mid` of its sound.
    pub audio: String,
    /// The `a=mid` of its picture; without it the server chooses whose sound it carries.
    pub video: Option<String>,
}

/// A session description with what its sections mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// RFC 8829; at most `limits::SDP_BYTES_MAX` bytes.
    pub sdp: String,
    /// The sending sections.
    pub publish: Vec<Publish>,
    /// The receiving sections.
    pub slots: Vec<SlotSections>,
}

/// What a slot with a picture shall show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotWish {
    /// Which slot.
    pub slot: u8,
    /// Whose picture; `None` empties the slot.
    pub participant: Option<ParticipantId>,
    /// `Camera` (with the microphone) or `Screen` (with the screen's sound).
    pub source: Source,
    /// How high it is drawn, in device pixels; 0 pauses the picture, sound goes on.
    pub height_px: u16,
}

/// What the shell wants done. All name the room because a room lives on one worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Somebody was admitted. Nothing of theirs is on until `SetOn` says so. Joining again only sets `allowed`.
    Join {
        /// Into which room; it is made when it is not there.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// What they may publish.
        allowed: Sources,
    },
    /// Answers a description: the first one, a further one, or one that restarts ICE. A description with another
    /// DTLS fingerprint is a new connection (a reloaded page) and replaces the old.
    Offer {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
        /// The description.
        offer: Offer,
    },
    /// Says what slots shall show; slots that are not named stay.
    Subscribe {
        /// The room.
        room: RoomId,
        /// Whose slots.
        participant: ParticipantId,
        /// The wishes.
        slots: Vec<SlotWish>,
    },
    /// What somebody may publish from now on; the rest is dropped at the door.
    SetAllowed {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// The whole new set.
        sources: Sources,
    },
    /// Whether a source of somebody is on; what is off is dropped at the door.
    SetOn {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// On or off.
        on: bool,
    },
    /// Somebody went: their connection is closed and nothing of theirs is forwarded any more.
    Leave {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
    },
    /// Everybody leaves.
    CloseRoom {
        /// The room.
        room: RoomId,
    },
}

impl Command {
    /// The room that it is about, hence the worker that carries it out.
    #[must_use]
    pub fn room(&self) -> RoomId {
        match self {
            Self::Join { room, .. }
            | Self::Offer { room, .. }
            | Self::Subscribe { room, .. }
            | Self::SetAllowed { room, .. }
            | Self::SetOn { room, .. }
            | Self::Leave { room, .. }
            | Self::CloseRoom { room } => *room,
        }
    }
}

/// The answer to a command that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was.
    Done,
    /// The answer to an offer (RFC 8829), with our candidates.
    Answer(String),
}

/// Why a command was not carried out; nothing has changed then.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The room or the participant did not join.
    #[error("unknown room or participant")]
    Unknown,
    /// The description cannot be read or exceeds a limit (S-19).
    #[error("bad session description: {0}")]
    BadDescription(String),
    /// A named section is not there, is of the wrong kind or direction, or is named twice.
    #[error("section {0:?} does not fit")]
    BadSection(String),
    /// More publications or slots than `model::limits` allows, or a slot number named twice.
    #[error("too many publications or slots")]
    TooMany,
    /// The room was closed because of a fault in the server (S-25); joining makes it anew.
    #[error("room failed")]
    Failed,
}

/// What a slot carries now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotContent {
    /// Which slot.
    pub slot: u8,
    /// Whose sound and picture.
    pub participant: Option<ParticipantId>,
    /// `Camera` or `Screen`; `Microphone` in a slot without picture.
    pub source: Source,
    /// Whether pictures flow in it.
    pub picture: bool,
}

/// What is known of the path to somebody, for statistics.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Path {
    /// What it carries in bit/s; `None`: not known, nothing has limited it yet.
    pub estimate_bps: Option<u64>,
    /// There and back.
    pub rtt: Option<Duration>,
    /// The part of our packets that gets lost.
    pub loss: f32,
}

/// How somebody's connection did in the last two seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Lost of 1,000 packets on the way to us, after what was sent again; `None`: nothing was sent.
    pub loss_up_permille: Option<u16>,
    /// Lost of 1,000 packets on the way from us, as the receiver reports it; `None`: no report.
    pub loss_down_permille: Option<u16>,
    /// There and back; `None`: not known yet.
    pub round_trip_ms: Option<u16>,
    /// What came of sound and pictures, in bit/s.
    pub in_bps: u64,
    /// What was sent of sound and pictures, in bit/s.
    pub out_bps: u64,
    /// How often a picture of theirs changed its layer.
    pub layer_switches: u32,
    /// In a word, which changes only after several looks.
    pub quality: Quality,
}

/// What the engine tells the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The media connection is up (ICE and DTLS).
    Connected {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
    },
    /// No consent for 30 s (RFC 7675), or the browser closed it. The participant stays joined and may offer again.
    Disconnected {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
    },
    /// First media of a source arrived.
    Published {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
    },
    /// A source that had been published went away.
    Unpublished {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
    },
    /// What of a publication with pictures anybody looks at; the rest need not be sent. More is told at once, less after
    /// a second. Everything is wanted when a source begins.
    Wanted {
        /// The room.
        room: RoomId,
        /// Whose.
        participant: ParticipantId,
        /// `Camera` or `Screen`.
        source: Source,
        /// The simulcast layers that are wanted (RFC 8851); empty where there is only one.
        rids: Vec<String>,
        /// The greatest height at which it is drawn, in device pixels, rounded up to a few steps; 0: nobody looks.
        height_px: u16,
    },
    /// How all connections do, every two seconds.
    Health {
        /// The room.
        room: RoomId,
        /// Everybody who is connected.
        people: Vec<(ParticipantId, Health)>,
    },
    /// Who speaks now, loudest first; told at changes, at most ten times a second.
    Speaking {
        /// The room.
        room: RoomId,
        /// All of them.
        participants: Vec<ParticipantId>,
    },
    /// What the changed ones of somebody's slots carry now.
    Slots {
        /// The room.
        room: RoomId,
        /// Whose slots.
        participant: ParticipantId,
        /// The changed ones.
        slots: Vec<SlotContent>,
    },
    /// A fault in the server ended this room's media (S-25); everybody has to join and offer again.
    Failed {
        /// The room.
        room: RoomId,
    },
}

impl Event {
    /// The room that it is about.
    #[must_use]
    pub fn room(&self) -> RoomId {
        match self {
            Self::Connected { room, .. }
            | Self::Disconnected { room, .. }
            | Self::Published { room, .. }
            | Self::Unpublished { room, .. }
            | Self::Wanted { room, .. }
            | Self::Health { room, .. }
            | Self::Speaking { room, .. }
            | Self::Slots { room, .. }
            | Self::Failed { room } => *room,
        }
    }
}
