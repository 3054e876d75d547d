//! `/api/v1/pads/{id}/token`: a signed, short-lived token for the pad's websocket (S-05).

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use model::ids::PadId;
use model::limits::TOKEN_LIFETIME_S_MAX;
use model::permission::{ability, authorize};
use store::RoomRecord;
use wire::api::{PadRight, PadToken};
use wire::code::Code;

use crate::clock;
use crate::http::body::Ids;
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::state::AppState;
use crate::http::tokens::PadClaims;
use crate::rooms::service;

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/pads/{pad}/token", post(token))
}

async fn token(
    State(state): State<AppState>,
    visitor: Visitor,
    Ids(pad): Ids<PadId>,
) -> Result<Json<PadToken>, Refused> {
    let room = state.store().room_of_pad(pad).await?.filter(|room| room.settings.pad).ok_or(Code::PadUnknown)?;
    let claims = right_of(&state, &visitor, pad, &room).await?.ok_or(Code::PadUnknown)?;
    let (token, claims) = state.tokens().issue_pad_token(claims, clock::now_ms());
    let title = room.settings.name.expose().to_owned();
    Ok(Json(PadToken { token, right: claims.right, expires_at_ms: claims.expires_ms, title }))
}

/// What the visitor may: as somebody who is in the room now, else as somebody who administers it.
async fn right_of(
    state: &AppState,
    visitor: &Visitor,
    pad: PadId,
    room: &RoomRecord,
) -> Result<Option<PadClaims>, Refused> {
    let expires_ms = clock::now_ms() + TOKEN_LIFETIME_S_MAX * 1000;
    if let Some(session) = visitor.session
        && let Some(participant) = state.store().participant_of(room.id, session.id).await?
        && let Some(standing) = state.rooms().person(room.id, participant.id).await
    {
        let participant = Some(participant.id);
        let claims = |right| PadClaims { pad, right, participant, account: None, expires_ms };
        return Ok(standing.pad.map(claims));
    }
    let (actor, object) = (visitor.actor(), service::object(room));
    let right = if authorize(&actor, ability::WritePad, &object).is_ok() {
        PadRight::Write
    } else if authorize(&actor, ability::ReadPad, &object).is_ok() {
        PadRight::Read
    } else {
        return Ok(None);
    };
    let account = visitor.account.as_deref().map(|account| account.id);
    Ok(Some(PadClaims { pad, right, participant: None, account, expires_ms }))
}
