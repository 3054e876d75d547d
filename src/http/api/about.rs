//! `/api/v1/limits` and `/api/v1/openapi.json`: what a program must know before it talks to us. The doors come from the
//! table, the bodies from `wire::api`, so that neither can be forgotten here.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use model::limits;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::http::doors::{DOORS, Kind};
use crate::http::state::AppState;

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/limits", get(show_limits)).route("/api/v1/openapi.json", get(openapi))
}

async fn show_limits(State(_): State<AppState>) -> Json<Value> {
    Json(json!({
        "frame_room_bytes_max": limits::FRAME_ROOM_BYTES_MAX,
        "http_body_bytes_max": limits::HTTP_BODY_BYTES_MAX,
        "json_depth_max": limits::JSON_DEPTH_MAX,
        "sdp_bytes_max": limits::SDP_BYTES_MAX,
        "person_name_chars_max": limits::PERSON_NAME_CHARS_MAX,
        "room_name_chars_max": limits::ROOM_NAME_CHARS_MAX,
        "organisation_text_chars_max": limits::ORGANISATION_TEXT_CHARS_MAX,
        "chat_chars_max": limits::CHAT_CHARS_MAX,
        "chat_messages_per_window_max": limits::CHAT_MESSAGES_PER_WINDOW_MAX,
        "chat_window_ms": limits::CHAT_WINDOW_MS,
        "knock_chars_max": limits::KNOCK_CHARS_MAX,
        "lobby_message_chars_max": limits::LOBBY_MESSAGE_CHARS_MAX,
        "lobby_people_max": limits::LOBBY_PEOPLE_MAX,
        "password_chars_min": limits::PASSWORD_CHARS_MIN,
        "password_bytes_max": limits::PASSWORD_BYTES_MAX,
        "email_bytes_max": limits::EMAIL_BYTES_MAX,
        "room_people_default": limits::ROOM_PEOPLE_DEFAULT,
        "room_people_max": limits::ROOM_PEOPLE_MAX,
        "media_slots_max": limits::MEDIA_SLOTS_MAX,
        "media_publications_max": limits::MEDIA_PUBLICATIONS_MAX,
        "pad_update_bytes_max": limits::PAD_UPDATE_BYTES_MAX,
        "pad_updates_per_second_max": limits::PAD_UPDATES_PER_SECOND_MAX,
        "pad_sync_bytes_max": limits::PAD_SYNC_BYTES_MAX,
        "pad_awareness_bytes_max": limits::PAD_AWARENESS_BYTES_MAX,
        "pad_awareness_per_second_max": limits::PAD_AWARENESS_PER_SECOND_MAX,
        "pad_document_bytes_max": limits::PAD_DOCUMENT_BYTES_MAX,
        "ticket_lifetime_s": limits::TICKET_LIFETIME_S,
        "token_lifetime_s_max": limits::TOKEN_LIFETIME_S_MAX,
    }))
}

/// The bodies.
#[derive(OpenApi)]
#[openapi(
    info(title = "Werkraum", description = "The HTTP interface; the room websocket is described in docs/protocol.md."),
    components(schemas(
        wire::api::ErrorBody,
        wire::api::FirstAdmin,
        wire::api::SignIn,
        wire::api::Session,
        wire::api::Account,
        wire::api::Organisation,
        wire::api::InviteAccount,
        wire::api::Link,
        wire::api::AcceptAccount,
        wire::api::Room,
        wire::api::CreateRoom,
        wire::api::ChangeRoom,
        wire::api::CreateInvitation,
        wire::api::Invitation,
        wire::api::Look,
        wire::api::Entrance,
        wire::api::Join,
        wire::api::JoinAsAccount,
        wire::api::Joined,
        wire::api::PadToken,
        wire::api::PadRight,
        wire::code::Code,
        model::role::Role,
        model::role::AccountRole,
        model::room::RoomSettings,
        model::room::RoomPolicy,
        model::room::Audience,
        model::name::PersonName,
        model::name::RoomName,
        model::name::OrganisationText,
        model::ids::RoomId,
        model::ids::AccountId,
        model::ids::OrganisationId,
        model::ids::ParticipantId,
        model::ids::InvitationId,
        model::ids::PadId,
    ))
)]
struct Bodies;

/// Body and answer of each door of the API; `[]` behind a name: a list of them.
const SHAPES: &[(&str, &str, &str, &str)] = &[
    ("GET", "/api/v1/limits", "", ""),
    ("GET", "/api/v1/openapi.json", "", ""),
    ("GET", "/api/v1/information", "", "Organisation"),
    ("POST", "/api/v1/setup/first-admin", "FirstAdmin", "Session"),
    ("GET", "/api/v1/session", "", "Session"),
    ("POST", "/api/v1/session", "SignIn", "Session"),
    ("DELETE", "/api/v1/session", "", ""),
    ("GET", "/api/v1/organisation", "", "Organisation"),
    ("PATCH", "/api/v1/organisation", "Organisation", "Organisation"),
    ("GET", "/api/v1/accounts", "", "Account[]"),
    ("POST", "/api/v1/accounts", "AcceptAccount", "Session"),
    ("DELETE", "/api/v1/accounts/{account}", "", ""),
    ("POST", "/api/v1/accounts/invitations", "InviteAccount", "Link"),
    ("GET", "/api/v1/rooms", "", "Room[]"),
    ("POST", "/api/v1/rooms", "CreateRoom", "Room"),
    ("GET", "/api/v1/rooms/{room}", "", "Room"),
    ("PATCH", "/api/v1/rooms/{room}", "ChangeRoom", "Room"),
    ("DELETE", "/api/v1/rooms/{room}", "", ""),
    ("GET", "/api/v1/rooms/{room}/invitations", "", "Invitation[]"),
    ("POST", "/api/v1/rooms/{room}/invitations", "CreateInvitation", "Invitation"),
    ("DELETE", "/api/v1/rooms/{room}/invitations/{invitation}", "", ""),
    ("POST", "/api/v1/rooms/{room}/invitations/{invitation}/renew", "", "Invitation"),
    ("POST", "/api/v1/rooms/{room}/join", "JoinAsAccount", "Joined"),
    ("POST", "/api/v1/rooms/{room}/ticket", "", "Joined"),
    ("POST", "/api/v1/join/look", "Look", "Entrance"),
    ("POST", "/api/v1/join", "Join", "Joined"),
    ("POST", "/api/v1/pads/{pad}/token", "", "PadToken"),
];

async fn openapi(State(_): State<AppState>) -> Json<Value> {
    Json(description())
}

fn description() -> Value {
    let mut all = serde_json::to_value(Bodies::openapi()).unwrap_or_default();
    let mut paths = Map::new();
    for (method, path, body, answer) in SHAPES {
        let door = DOORS.iter().find(|door| (door.method, door.path) == (*method, *path));
        let item = paths.entry(*path).or_insert_with(|| json!({ "parameters": parameters(path) }));
        item[method.to_lowercase()] = operation(door.map(|door| door.kind), body, answer);
    }
    all["paths"] = Value::Object(paths);
    all["components"]["securitySchemes"] = json!({
        "cookie": { "type": "apiKey", "in": "cookie", "name": crate::http::session::COOKIE },
        "bearer": { "type": "http", "scheme": "bearer" },
    });
    all
}

fn operation(kind: Option<Kind>, body: &str, answer: &str) -> Value {
    let security = match kind {
        Some(Kind::Cookie) => json!([{ "cookie": [] }]),
        Some(Kind::CookieOrBearer(scope)) => json!([{ "cookie": [] }, { "bearer": [scope] }]),
        _ => json!([]),
    };
    let success = match answer {
        "" => json!({ "description": "done" }),
        _ => json!({ "description": "done", "content": content(answer) }),
    };
    let refused = json!({ "description": "refused", "content": content("ErrorBody") });
    let mut operation = json!({ "security": security, "responses": { "2XX": success, "default": refused } });
    if !body.is_empty() {
        operation["requestBody"] = json!({ "required": true, "content": content(body) });
    }
    operation
}

fn content(name: &str) -> Value {
    let schema = match name.strip_suffix("[]") {
        Some(one) => json!({ "type": "array", "items": reference(one) }),
        None => reference(name),
    };
    json!({ "application/json": { "schema": schema } })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn parameters(path: &str) -> Value {
    let names = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let all = names.map(|name| {
        json!({ "name": name, "in": "path", "required": true, "schema": { "type": "string", "format": "uuid" } })
    });
    Value::Array(all.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_door_of_the_api_is_described_and_every_body_is_there() {
        for door in DOORS.iter().filter(|door| door.path.starts_with("/api/v1/") && door.kind != Kind::Ticket) {
            let described = SHAPES.iter().any(|(method, path, ..)| (door.method, door.path) == (*method, *path));
            assert!(described, "{door:?}");
        }
        for (method, path, ..) in SHAPES {
            assert!(crate::http::doors::find(method, path).is_some(), "{method} {path}");
        }
        let text = description().to_string();
        let all = description();
        for part in text.split("#/components/schemas/").skip(1) {
            let name = part.split('"').next().unwrap_or_default();
            assert!(all["components"]["schemas"][name].is_object(), "{name} is missing");
        }
    }
}
