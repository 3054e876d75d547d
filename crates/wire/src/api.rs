//! HTTP bodies of `/api/v1`: JSON objects, unknown fields refused. All doors and who may use them: `src/http/doors.rs`.

use crate::code::Code;
use model::ids::{AccountId, InvitationId, OrganisationId, PadId, ParticipantId, RoomId};
use model::name::{OrganisationText, PersonName, RoomName};
use model::role::{AccountRole, Role};
use model::room::RoomSettings;
use serde::{Deserialize, Serialize};
use ts_rs::TS;
use utoipa::ToSchema;

/// The body of every refusal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, TS, ToSchema)]
pub struct ErrorBody {
    /// Stable; translate this.
    pub code: Code,
    /// Which field or value is meant, for programmers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// `POST /api/v1/setup/first-admin`: the secret of the link that the server printed, and what it asks for (P-02).
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FirstAdmin {
    /// From the link's fragment.
    pub secret: String,
    /// The admin's name.
    pub name: PersonName,
    /// The admin's e-mail address, used to sign in.
    pub email: String,
    /// At least `limits::PASSWORD_CHARS_MIN` characters.
    pub password: String,
    /// The organisation's name.
    pub organisation: OrganisationText,
    /// How to reach it about data protection (address, phone or mail).
    pub contact: OrganisationText,
}

/// `POST /api/v1/session`: sign in.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    /// The address.
    pub email: String,
    /// The password.
    pub password: String,
}

/// `GET /api/v1/session`: who is signed in.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
pub struct Session {
    /// `None` for guests and strangers.
    pub account: Option<Account>,
}

/// A person with an account.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, TS, ToSchema)]
pub struct Account {
    /// Who.
    pub id: AccountId,
    /// Name.
    pub name: PersonName,
    /// Address.
    pub email: String,
    /// Admin or trainer.
    pub role: AccountRole,
    /// Whose.
    pub organisation: OrganisationId,
}

/// `GET`/`PATCH /api/v1/organisation`.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// The name.
    pub name: OrganisationText,
    /// How to reach it about data protection.
    pub contact: OrganisationText,
}

/// `POST /api/v1/accounts/invitations`: make a one-time link by which somebody makes an account.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteAccount {
    /// What they become.
    pub role: AccountRole,
}

/// A link that has just been made; its secret is shown this once (account invitations) or kept sealed (rooms).
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
pub struct Link {
    /// The whole address with the secret in its fragment.
    pub url: String,
    /// When it ends, in milliseconds since 1970.
    #[ts(type = "number | null")]
    pub expires_at_ms: Option<u64>,
}

/// `POST /api/v1/accounts`: accept an account invitation.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AcceptAccount {
    /// From the link's fragment.
    pub secret: String,
    /// Name.
    pub name: PersonName,
    /// Address.
    pub email: String,
    /// Password.
    pub password: String,
}

/// A room as those who may configure it see it.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, TS, ToSchema)]
pub struct Room {
    /// Which.
    pub id: RoomId,
    /// Its settings.
    pub settings: RoomSettings,
    /// Rises with every change; sent back with the next one.
    #[ts(type = "number")]
    pub version: u64,
    /// Its pad.
    pub pad: Option<PadId>,
    /// Who made it.
    pub owner: AccountId,
    /// People in it now, lobby not counted.
    pub people: u32,
    /// People in its lobby now.
    pub waiting: u32,
}

/// `POST /api/v1/rooms`.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateRoom {
    /// The title; everything else starts with its default.
    pub name: RoomName,
}

/// `PATCH /api/v1/rooms/{id}`.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeRoom {
    /// The version that was edited; another one is refused with `conflict`.
    #[ts(type = "number")]
    pub version: u64,
    /// The new settings, whole.
    pub settings: RoomSettings,
}

/// `POST /api/v1/rooms/{id}/invitations`.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateInvitation {
    /// What people become who follow it: trainer, co-trainer, participant or read-only.
    pub role: Role,
    /// How long it is valid, in seconds from now; `None`: until revoked.
    #[ts(type = "number | null")]
    pub lifetime_s: Option<u64>,
}

/// An invitation link of a room.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// What people become.
    pub role: Role,
    /// The whole address (kept sealed, shown to those who may manage links).
    pub url: String,
    /// When it ends, in milliseconds since 1970.
    #[ts(type = "number | null")]
    pub expires_at_ms: Option<u64>,
}

/// `POST /api/v1/join/look`: what is behind this link?
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// From the link's fragment.
    pub secret: String,
}

/// The answer to [`Look`].
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
pub struct Entrance {
    /// The room.
    pub room: RoomId,
    /// Its title.
    pub name: RoomName,
    /// As what the link lets in.
    pub role: Role,
    /// Whether people wait first.
    pub lobby: bool,
    /// How many people are there.
    pub people: u32,
    /// Who runs it and how to reach them (P-02).
    pub organisation: Organisation,
    /// The name this browser used in this room before.
    pub known_as: Option<PersonName>,
}

/// `POST /api/v1/join`: a guest goes in by a link.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// From the link's fragment.
    pub secret: String,
    /// How they want to be called.
    pub name: PersonName,
}

/// `POST /api/v1/rooms/{id}/join`: a signed-in person goes in without a link.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinAsAccount {
    /// Another name than the account's.
    pub name: Option<PersonName>,
}

/// The answer to joining and to `POST /api/v1/rooms/{id}/ticket`.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
pub struct Joined {
    /// The room.
    pub room: RoomId,
    /// Who one is in it; stays the same over reconnects.
    pub participant: ParticipantId,
    /// Good once, for `limits::TICKET_LIFETIME_S`.
    pub ticket: String,
}

/// `POST /api/v1/pads/{id}/token`: a token for the pad's websocket.
#[derive(Clone, Debug, Deserialize, Serialize, TS, ToSchema)]
pub struct PadToken {
    /// Goes into `?token=`.
    pub token: String,
    /// Whether it lets one write.
    pub right: PadRight,
    /// When it ends, in milliseconds since 1970.
    #[ts(type = "number")]
    pub expires_at_ms: u64,
    /// The pad's title.
    pub title: String,
}

/// What one may do with a pad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, TS, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PadRight {
    /// See the text and who is there.
    Read,
    /// Also comment.
    Comment,
    /// Also write.
    Write,
}
