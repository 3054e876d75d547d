//! Who somebody is, in the server and in a room.

use serde::{Deserialize, Serialize};

/// What a person is in a room. The order is rank: later is more.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees, hears and reads; sends nothing but a raised hand.
    ReadOnly,
    /// Takes part: speaks, shows, writes, as far as the room allows it.
    Participant,
    /// Helps the trainer: everything but ending the room for all and changing roles of trainers.
    CoTrainer,
    /// Hosts the room.
    Trainer,
    /// Administers the organisation that owns the room; acts in it as a trainer.
    Admin,
}

impl Role {
    /// All roles, for tests that walk the whole permission table.
    pub const ALL: [Self; 5] = [Self::ReadOnly, Self::Participant, Self::CoTrainer, Self::Trainer, Self::Admin];

    /// Whether this role helps to lead the room.
    #[must_use]
    pub fn leads(self) -> bool {
        self >= Self::CoTrainer
    }
}

/// What an account may be in the server, apart from any room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AccountRole {
    /// Configures rooms and people of the organisation.
    Admin,
    /// Creates and hosts own rooms.
    Trainer,
}
