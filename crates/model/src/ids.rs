//! Identifiers: opaque 128-bit values, made by the shell from the operating system's randomness.
//!
//! Engines compare, store and pass them on; they never make one. An id is no secret and gives no right: what
//! may be done is decided by [`crate::permission::authorize`] alone.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema)]
        #[serde(transparent)]
        #[ts(type = "string")]
        #[schema(value_type = String, format = Uuid)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps 16 random bytes (version and variant bits are set, RFC 9562 clause 5.4).
            #[must_use]
            pub fn from_random(bytes: [u8; 16]) -> Self {
                Self(uuid::Builder::from_random_bytes(bytes).into_uuid())
            }

            /// The 16 bytes as they are stored.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// Reads the 16 bytes of a stored id.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(Uuid::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

id! {
    /// An association or one of its member organisations.
    OrganisationId;
    /// A person with an account: admin or trainer.
    AccountId;
    /// A room, and with it the key that seals what is written in it.
    RoomId;
    /// One person in one room; lives as long as the person's session and survives reconnects.
    ParticipantId;
    /// An invitation link (not its secret).
    InvitationId;
    /// A shared document.
    PadId;
    /// A chat message.
    MessageId;
    /// A signed-in or guest session of one browser (not its token).
    SessionId;
    /// The key that seals one room's or event's content in the store.
    KeyId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let id = RoomId::from_random([7; 16]);
        assert_eq!(id.to_string().parse::<RoomId>().ok(), Some(id));
        assert_eq!(RoomId::from_bytes(*id.as_bytes()), id);
    }
}
