//! What a person can publish in a room.

use serde::{Deserialize, Serialize};

/// Where a publication comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// The microphone.
    Microphone,
    /// The camera.
    Camera,
    /// A screen, window or tab.
    Screen,
    /// The sound of the shared screen.
    ScreenSound,
}

impl Source {
    /// All sources, for tables over them.
    pub const ALL: [Self; 4] = [Self::Microphone, Self::Camera, Self::Screen, Self::ScreenSound];
}
