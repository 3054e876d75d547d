//! `/api/v1/rooms`: make, list, configure and delete rooms.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use model::ids::RoomId;
use model::limits;
use model::permission::ability;
use model::room::RoomSettings;
use store::RoomRecord;
use wire::api::{ChangeRoom, CreateRoom, Room};
use wire::code::Code;

use crate::http::body::{Body, Ids};
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::state::{AppState, uninterrupted};

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/rooms", get(list).post(create))
        .route("/api/v1/rooms/{room}", get(show).patch(change).delete(remove))
}

fn shown(state: &AppState, room: RoomRecord) -> Room {
    let presence = state.rooms().presence(room.id);
    Room {
        id: room.id,
        pad: room.settings.pad.then_some(room.pad),
        settings: room.settings,
        version: room.version,
        owner: room.owner,
        people: presence.people,
        waiting: presence.waiting,
    }
}

async fn list(State(state): State<AppState>, visitor: Visitor) -> Result<Json<Vec<Room>>, Refused> {
    visitor.account()?;
    let rooms = state.service().list(&visitor.actor()).await?;
    Ok(Json(rooms.into_iter().map(|room| shown(&state, room)).collect()))
}

async fn create(
    State(state): State<AppState>,
    visitor: Visitor,
    Body(body): Body<CreateRoom>,
) -> Result<(StatusCode, Json<Room>), Refused> {
    visitor.account()?;
    let room = state.service().create(&visitor.actor(), RoomSettings::named(body.name)).await?;
    Ok((StatusCode::CREATED, Json(shown(&state, room))))
}

async fn show(State(state): State<AppState>, visitor: Visitor, Ids(id): Ids<RoomId>) -> Result<Json<Room>, Refused> {
    visitor.account()?;
    let (room, _permit) = state.service().permitted(&visitor.actor(), ability::ReadRoomSettings, id).await?;
    Ok(Json(shown(&state, room)))
}

async fn change(
    State(state): State<AppState>,
    visitor: Visitor,
    Ids(id): Ids<RoomId>,
    Body(body): Body<ChangeRoom>,
) -> Result<Json<Room>, Refused> {
    visitor.account()?;
    if body.settings.people_max == 0 || body.settings.people_max > limits::ROOM_PEOPLE_MAX {
        return Err(Refused::about(Code::Malformed, "people_max"));
    }
    let (service, actor) = (state.service(), visitor.actor());
    let room = uninterrupted(async move { Ok(service.change(&actor, id, body.version, body.settings).await?) }).await?;
    Ok(Json(shown(&state, room)))
}

async fn remove(State(state): State<AppState>, visitor: Visitor, Ids(id): Ids<RoomId>) -> Result<StatusCode, Refused> {
    visitor.account()?;
    let (service, actor) = (state.service(), visitor.actor());
    uninterrupted(async move { Ok(service.delete(&actor, id).await?) }).await?;
    Ok(StatusCode::NO_CONTENT)
}
