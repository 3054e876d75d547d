//! `/api/v1/rooms/{id}/invitations`: links into a room, one role each.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use model::ids::{InvitationId, RoomId};
use model::role::Role;
use store::NewInvitation;
use wire::api::{CreateInvitation, Invitation};
use wire::code::Code;

use crate::clock;
use crate::http::body::{Body, Ids};
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::state::{AppState, uninterrupted};

/// A link without an end can be revoked; one with an end ends within a year.
const LIFETIME_S_MAX: u64 = 366 * 24 * 3600;

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/rooms/{room}/invitations", get(list).post(create))
        .route("/api/v1/rooms/{room}/invitations/{invitation}", delete(revoke))
        .route("/api/v1/rooms/{room}/invitations/{invitation}/renew", post(renew))
}

fn shown(state: &AppState, uri: &Uri, headers: &HeaderMap, new: &NewInvitation) -> Invitation {
    Invitation {
        id: new.invitation.id,
        role: new.invitation.role,
        url: state.link(uri, headers, "/j", &new.secret),
        expires_at_ms: new.invitation.expires_ms,
    }
}

async fn list(
    State(state): State<AppState>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    Ids(room): Ids<RoomId>,
) -> Result<Json<Vec<Invitation>>, Refused> {
    visitor.account()?;
    let links = state.service().invitations(&visitor.actor(), room).await?;
    Ok(Json(links.iter().map(|link| shown(&state, &uri, &headers, link)).collect()))
}

async fn create(
    State(state): State<AppState>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    Ids(room): Ids<RoomId>,
    Body(body): Body<CreateInvitation>,
) -> Result<(StatusCode, Json<Invitation>), Refused> {
    visitor.account()?;
    if body.role == Role::Admin {
        // Admins are people with accounts; a link cannot make one.
        return Err(Refused::about(Code::Forbidden, "role"));
    }
    let expires_ms = match body.lifetime_s {
        Some(0) => return Err(Refused::about(Code::Malformed, "lifetime_s")),
        Some(lifetime_s) => Some(clock::now_ms() + lifetime_s.min(LIFETIME_S_MAX) * 1000),
        None => None,
    };
    let link = state.service().invite(&visitor.actor(), room, body.role, expires_ms).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, &uri, &headers, &link))))
}

async fn revoke(
    State(state): State<AppState>,
    visitor: Visitor,
    Ids((room, invitation)): Ids<(RoomId, InvitationId)>,
) -> Result<StatusCode, Refused> {
    visitor.account()?;
    let (service, actor) = (state.service(), visitor.actor());
    uninterrupted(async move { Ok(service.revoke(&actor, room, invitation).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn renew(
    State(state): State<AppState>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    Ids((room, invitation)): Ids<(RoomId, InvitationId)>,
) -> Result<Json<Invitation>, Refused> {
    visitor.account()?;
    let (service, actor) = (state.service(), visitor.actor());
    let link = uninterrupted(async move { Ok(service.renew(&actor, room, invitation).await?) }).await?;
    Ok(Json(shown(&state, &uri, &headers, &link)))
}
