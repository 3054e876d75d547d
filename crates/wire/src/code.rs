//! The closed list of error codes. A code is stable: clients translate it into a sentence that says what to do.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident => $status:literal,)*) => {
        /// Why something was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ts_rs::TS, utoipa::ToSchema, thiserror::Error)]
        #[serde(rename_all = "snake_case")]
        #[error("{self:?}")]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// All codes, for tests and for the client's catalogue.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The HTTP status that goes with the code.
            #[must_use]
            pub fn http_status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }
        }
    };
}

codes! {
    /// The message or body is not what the protocol says.
    Malformed => 400,
    /// Bigger than the limit for its kind.
    TooLarge => 413,
    /// Too many in too short a time; try again later.
    TooMany => 429,
    /// Nothing is there, or not for you: the two look the same.
    NotFound => 404,
    /// Known, but not allowed to do this.
    Forbidden => 403,
    /// Nobody is signed in.
    SignInRequired => 401,
    /// Address or password is wrong.
    WrongCredentials => 401,
    /// The request came from another site.
    ForeignOrigin => 403,
    /// The server does not answer under this host name.
    UnknownHost => 421,
    /// Edited from a version that is no longer the newest.
    Conflict => 409,
    /// The invitation link is wrong or was revoked.
    InvitationUnknown => 404,
    /// The invitation link has expired.
    InvitationExpired => 410,
    /// The one-time link was used or has expired.
    OneTimeLinkUsed => 410,
    /// A name is missing or only white space.
    NameEmpty => 422,
    /// A name has more characters than allowed.
    NameTooLong => 422,
    /// A name has control or reordering characters.
    NameForbidden => 422,
    /// A text is empty.
    TextEmpty => 422,
    /// A text has more characters than allowed.
    TextTooLong => 422,
    /// A text has control characters.
    TextForbidden => 422,
    /// Not an e-mail address.
    EmailInvalid => 422,
    /// An account with this e-mail address exists.
    EmailTaken => 409,
    /// The password has too few characters.
    PasswordTooShort => 422,
    /// Organisation and contact are missing, so no room may open (P-02).
    OrganisationIncomplete => 409,
    /// The room is full.
    RoomFull => 409,
    /// The room is locked.
    RoomLocked => 409,
    /// The lobby is full.
    LobbyFull => 409,
    /// The trainer said no.
    Denied => 403,
    /// Removed from the room; the same browser is refused for this event (S-08).
    Removed => 403,
    /// The meeting was ended for all.
    Ended => 410,
    /// The room was deleted.
    RoomDeleted => 410,
    /// The same person connected again elsewhere; this connection is the older one.
    Replaced => 409,
    /// The ticket is wrong, used or expired: fetch a new one.
    TicketInvalid => 401,
    /// The first message was not `hello`, or did not come in time.
    HelloExpected => 400,
    /// Client and server speak different versions: reload the page.
    ProtocolVersion => 400,
    /// What is meant is no longer as the sender believed (person gone, hand lowered, message deleted).
    Stale => 409,
    /// The session description cannot be used.
    SdpInvalid => 422,
    /// More publications, sections or slots than allowed.
    MediaLimit => 409,
    /// The server carries as many pictures as it can: sound goes on, another picture does not begin.
    VideoFull => 503,
    /// The pad does not exist or the token is not for it.
    PadUnknown => 404,
    /// The pad is at its size limit and read-only.
    PadFull => 409,
    /// The connection reads this pad and may not write.
    PadReadOnly => 403,
    /// The client read too slowly and has to sync again.
    SlowReader => 409,
    /// The server is going down or restarting: come back.
    ShuttingDown => 503,
    /// The server has no room for more now.
    Overloaded => 503,
    /// A fault of ours; it was counted and logged.
    Internal => 500,
}
