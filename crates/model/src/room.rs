//! What is set for a room.

use crate::limits;
use crate::name::RoomName;
use crate::role::Role;
use serde::{Deserialize, Serialize};

/// Which roles a room lets do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Every participant; read-only people still not.
    Everyone,
    /// Trainer, co-trainer and admin.
    Trainers,
}

impl Audience {
    /// Whether `role` is among those meant. Read-only people never are.
    #[must_use]
    pub fn includes(self, role: Role) -> bool {
        match self {
            Self::Everyone => role >= Role::Participant,
            Self::Trainers => role.leads(),
        }
    }
}

/// Who may do what in a room, as its trainer set it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomPolicy {
    /// Microphone.
    pub speak: Audience,
    /// Camera.
    pub show: Audience,
    /// Screen share.
    pub share: Audience,
    /// Chat messages.
    pub chat: Audience,
    /// Writing in the room's pad; the others read.
    pub write: Audience,
}

impl Default for RoomPolicy {
    fn default() -> Self {
        Self {
            speak: Audience::Everyone,
            show: Audience::Everyone,
            share: Audience::Trainers,
            chat: Audience::Everyone,
            write: Audience::Everyone,
        }
    }
}

/// Everything that can be set for a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoomSettings {
    /// The title that everybody sees.
    pub name: RoomName,
    /// Whether guests wait until they are let in.
    pub lobby: bool,
    /// Who may do what.
    pub policy: RoomPolicy,
    /// Whether the room has a pad.
    pub pad: bool,
    /// People at once, lobby not counted; at most [`limits::ROOM_PEOPLE_MAX`].
    pub people_max: u16,
}

impl RoomSettings {
    /// A room as a trainer gets it who only gives a name.
    #[must_use]
    pub fn named(name: RoomName) -> Self {
        Self { name, lobby: true, policy: RoomPolicy::default(), pad: true, people_max: limits::ROOM_PEOPLE_DEFAULT }
    }
}
