//! The only SQL of the workspace: an SQLite database and, beside it, a file of keys.
//!
//! What people write or are is sealed with the key of its room or organisation before it reaches a row; destroying the
//! key destroys the content, in older backups too (docs/adr/0002-storage-made-for-deletion.md). Callers hand in ids
//! and times; nothing here decides who may do what.

mod accounts;
mod api_tokens;
mod audit;
mod backup;
mod codec;
mod error;
mod invitations;
mod keyring;
mod links;
mod open;
mod organisations;
mod pads;
mod participants;
mod room_state;
mod rooms;
mod seal;
mod secret;
mod sessions;
#[cfg(test)]
mod testing;

pub use accounts::{AccountRecord, NewAccount};
pub use api_tokens::ApiToken;
pub use audit::Audit;
pub use backup::{restore, restore_keys};
pub use error::StoreError;
pub use invitations::{InvitationRecord, NewInvitation};
pub use keyring::Keyring;
pub use links::{LinkKind, OneTimeLink};
pub use open::{DATABASE_FILE, KEY_FILE, Store};
pub use organisations::OrganisationRecord;
pub use pads::{PadAppend, StoredPad};
pub use participants::{Entry, ParticipantRecord, Standing};
pub use rooms::{NewRoom, RoomRecord};
pub use seal::{Context, Key, Sealed};
pub use secret::{Secret, SecretHash};
pub use sessions::SessionRecord;
