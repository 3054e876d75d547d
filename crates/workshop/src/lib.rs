//! The live room: who is there and as what, the lobby, raised hands, chat, what may be sent, moderation.
//!
//! An engine without I/O: it is told the time, handed an input and new ids, and returns what is to be done
//! ([`Effect`]) or why not ([`Refusal`]). It never reads a clock, draws randomness, opens anything or knows the other
//! engines. `src/rooms/task.rs` drives one [`Room`] for each open room and carries its effects out in their order.

mod chat;
mod command;
mod effect;
mod hands;
mod lobby;
mod moderation;
mod people;
mod room;
mod snapshot;
mod sources;

pub use chat::{ChatLine, WELCOME_CHAT_MAX};
pub use command::Command;
pub use effect::{Closing, Effect, Event, LobbyView, MediaEffect, PersonView, Refusal, WaitingView, Welcome};
pub use people::{Comer, GRACE_MS, KNOWN_MAX, RESTART_GRACE_MS};
pub use room::{EVENT_GAP_MS, Facts, Now, Room};
pub use snapshot::{SNAPSHOT_VERSION, SnapshotError};
