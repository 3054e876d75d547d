//! Going into a room: what is behind a link, in by a link as a guest, in by one's account, and a fresh ticket for a
//! browser that is in already. The websocket then takes the ticket (S-17).

use axum::extract::State;
use axum::routing::post;
use axum::{Extension, Json, Router};
use model::ids::{ParticipantId, RoomId};
use model::limits::INVITATION_SECRET_BYTES;
use model::permission::ability;
use model::role::{AccountRole, Role};
use store::{Entry, InvitationRecord, ParticipantRecord, RoomRecord, Secret, Standing};
use wire::api::{Entrance, Join, JoinAsAccount, Joined, Look};
use wire::code::Code;

use super::organisation;
use crate::http::body::{Body, Ids};
use crate::http::client_ip::ClientIp;
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::session::{self, SetCookie};
use crate::http::state::AppState;
use crate::http::unproven::Unproven;
use crate::rooms::Grant;
use crate::{clock, random};

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/join/look", post(look))
        .route("/api/v1/join", post(join))
        .route("/api/v1/rooms/{room}/join", post(join_as_account))
        .route("/api/v1/rooms/{room}/ticket", post(ticket))
}

/// What a link's secret opens now.
async fn open(
    state: &AppState,
    client: ClientIp,
    unproven: Option<Extension<Unproven>>,
    secret: &str,
) -> Result<(InvitationRecord, RoomRecord), Refused> {
    state.wrong_secrets().admit(client.prefix(), None)?;
    let link = match Secret::parse(secret, INVITATION_SECRET_BYTES) {
        Some(secret) => state.store().invitation_by_secret(&secret.hash()).await?,
        None => None,
    };
    let Some(link) = link else {
        state.wrong_secrets().count(client.prefix(), None);
        return Err(Code::InvitationUnknown.into());
    };
    if let Some(Extension(unproven)) = unproven {
        unproven.proven();
    }
    if link.expires_ms.is_some_and(|end| end <= clock::now_ms()) {
        return Err(Code::InvitationExpired.into());
    }
    let room = state.store().room(link.room).await?.ok_or(Code::InvitationUnknown)?;
    Ok((link, room))
}

async fn look(
    State(state): State<AppState>,
    client: ClientIp,
    visitor: Visitor,
    unproven: Option<Extension<Unproven>>,
    Body(body): Body<Look>,
) -> Result<Json<Entrance>, Refused> {
    let (link, room) = open(&state, client, unproven, &body.secret).await?;
    let organisation = organisation::complete(&state, room.organisation).await?;
    let known = match visitor.session {
        Some(session) => state.store().participant_of(room.id, session.id).await?,
        None => None,
    };
    let people = state.rooms().presence(room.id).people;
    Ok(Json(Entrance {
        room: room.id,
        name: room.settings.name,
        role: link.role,
        lobby: room.settings.lobby,
        people,
        organisation,
        known_as: known.map(|participant| participant.name),
    }))
}

async fn join(
    State(state): State<AppState>,
    client: ClientIp,
    visitor: Visitor,
    unproven: Option<Extension<Unproven>>,
    Body(body): Body<Join>,
) -> Result<(SetCookie, Json<Joined>), Refused> {
    let (link, room) = open(&state, client, unproven, &body.secret).await?;
    organisation::complete(&state, room.organisation).await?;
    let (session, begun) = match visitor.session {
        Some(session) => (session.id, None),
        None => {
            state.wrong_secrets().admit_join(client.prefix())?;
            let (session, cookie) = session::begin(&state, &visitor, None).await?;
            (session.id, Some(cookie))
        }
    };
    let before = state.store().participant_of(room.id, session).await?;
    let entry = Entry {
        fresh_id: random::id(ParticipantId::from_random),
        room: room.id,
        session,
        account: None,
        invitation: Some(link.id),
        name: body.name,
        role: link.role,
        admitted: false,
    };
    let participant = state.store().enter(&entry, clock::now_ms()).await?;
    let joined = admit(&state, &participant).await?;
    let cookie = match begun {
        Some(cookie) => cookie,
        // A right was gained: a token from before must not carry it (S-17).
        None if before.is_none_or(|before| before.role != participant.role) => session::rotate(&state, session).await?,
        None => SetCookie::Keep,
    };
    Ok((cookie, Json(joined)))
}

async fn join_as_account(
    State(state): State<AppState>,
    visitor: Visitor,
    Ids(room): Ids<RoomId>,
    Body(body): Body<JoinAsAccount>,
) -> Result<Json<Joined>, Refused> {
    let account = visitor.account()?;
    let session = visitor.session.ok_or(Code::SignInRequired)?;
    let (room, _permit) = state.service().permitted(&visitor.actor(), ability::HostRoom, room).await?;
    organisation::complete(&state, room.organisation).await?;
    let role = match account.role {
        AccountRole::Admin => Role::Admin,
        AccountRole::Trainer => Role::Trainer,
    };
    let entry = Entry {
        fresh_id: random::id(ParticipantId::from_random),
        room: room.id,
        session: session.id,
        account: Some(account.id),
        invitation: None,
        name: body.name.unwrap_or_else(|| account.name.clone()),
        role,
        admitted: true,
    };
    let participant = state.store().enter(&entry, clock::now_ms()).await?;
    admit(&state, &participant).await.map(Json)
}

async fn ticket(
    State(state): State<AppState>,
    client: ClientIp,
    visitor: Visitor,
    Ids(room): Ids<RoomId>,
) -> Result<Json<Joined>, Refused> {
    let target = Some(*room.as_bytes());
    state.wrong_secrets().admit(client.prefix(), target)?;
    let participant = match visitor.session {
        Some(session) => match state.store().participant_of(room, session.id).await {
            Err(store::StoreError::NotFound) => None,
            found => found?,
        },
        None => None,
    };
    let Some(participant) = participant else {
        state.wrong_secrets().count(client.prefix(), target);
        return Err(Code::NotFound.into());
    };
    admit(&state, &participant).await.map(Json)
}

/// A ticket for whoever was not removed (S-08).
async fn admit(state: &AppState, participant: &ParticipantRecord) -> Result<Joined, Refused> {
    let removed = participant.standing == Standing::Removed;
    if removed || state.rooms().blocked(participant.room, participant.id).await {
        return Err(Code::Removed.into());
    }
    let grant = Grant {
        room: participant.room,
        participant: participant.id,
        name: participant.name.clone(),
        role: participant.role,
        via: participant.invitation,
    };
    let ticket = state.rooms().tickets().issue(grant).ok_or(Code::Overloaded)?;
    Ok(Joined { room: participant.room, participant: participant.id, ticket })
}
