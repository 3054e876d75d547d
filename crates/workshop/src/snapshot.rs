//! Saving and loading the room's state, so that it survives a restart of the server. A version stands in
//! front; chat is stored row by row beside it. What a snapshot holds is personal: `store` seals it.

use crate::chat::ChatLine;
use crate::effect::Effect;
use crate::people::{Line, RESTART_GRACE_MS};
use crate::room::{EVENT_GAP_MS, Facts, Now, Room, State};
use model::limits;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// The version that this code writes and the only one it reads.
pub const SNAPSHOT_VERSION: u32 = 1;

/// Why a snapshot cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Written by another version.
    #[error("room state of version {0}, this server reads {SNAPSHOT_VERSION}")]
    Version(u32),
    /// Not what this version writes; the text of the cause would hold personal data and is left out.
    #[error("room state cannot be read")]
    Broken,
}

#[derive(Deserialize)]
struct Envelope {
    version: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved<S> {
    version: u32,
    state: S,
}

impl Room {
    /// The state as bytes, chat not included.
    ///
    /// # Errors
    /// [`SnapshotError::Broken`] if the state cannot be written, which would be a fault of ours.
    pub fn save(&self) -> Result<Vec<u8>, SnapshotError> {
        serde_json::to_vec(&Saved { version: SNAPSHOT_VERSION, state: &self.state }).map_err(|_| SnapshotError::Broken)
    }

    /// A room as it was saved, with the chat of the store (oldest first). Nobody is connected; all have
    /// [`RESTART_GRACE_MS`] to come back. The effects tell media who is in.
    ///
    /// # Errors
    /// [`SnapshotError`] when the bytes are not a state of this version or break a rule of the room.
    pub fn restore(
        now: Now,
        facts: Facts,
        saved: &[u8],
        chat: Vec<ChatLine>,
    ) -> Result<(Self, Vec<Effect>), SnapshotError> {
        let Envelope { version } = serde_json::from_slice(saved).map_err(|_| SnapshotError::Broken)?;
        if version != SNAPSHOT_VERSION {
            return Err(SnapshotError::Version(version));
        }
        let Saved::<State> { state, .. } = serde_json::from_slice(saved).map_err(|_| SnapshotError::Broken)?;
        let skip = chat.len().saturating_sub(limits::CHAT_KEPT_MAX);
        let chat: VecDeque<_> = chat.into_iter().skip(skip).map(Arc::new).collect();
        let mut room = Self { facts, state, chat, over_at_ms: None };
        let down = Line::Down { gone_at_ms: now.monotonic_ms + RESTART_GRACE_MS };
        room.state.people.iter_mut().for_each(|p| p.line = down);
        room.state.waiting.iter_mut().for_each(|w| w.line = down);
        if room.is_empty() {
            // A clock that jumped back must not keep the event alive for ever, nor end it early.
            let empty_for = room.state.empty_since_utc_ms.map_or(0, |since| now.utc_ms.saturating_sub(since));
            room.over_at_ms = Some(now.monotonic_ms + EVENT_GAP_MS.saturating_sub(empty_for));
        }
        room.check().map_err(|_| SnapshotError::Broken)?;
        let effects = room.media_state().into_iter().map(Effect::Media).collect();
        Ok((room, effects))
    }
}
