//! `/api/v1/session`: sign in, who am I, sign out.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use wire::api::{Session, SignIn};
use wire::code::Code;

use super::people;
use crate::http::body::Body;
use crate::http::client_ip::ClientIp;
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::session::{self, SetCookie};
use crate::http::state::AppState;

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/session", get(show).post(sign_in).delete(sign_out))
}

async fn show(visitor: Visitor) -> Json<Session> {
    Json(Session { account: visitor.account.as_deref().map(people::shown) })
}

async fn sign_in(
    State(state): State<AppState>,
    client: ClientIp,
    visitor: Visitor,
    Body(body): Body<SignIn>,
) -> Result<(SetCookie, Json<Session>), Refused> {
    let email = body.email.trim();
    let target = state.store().target(email)?;
    state.wrong_secrets().admit(client.prefix(), Some(target))?;
    let account = state.store().account_by_email(email).await?;
    let hash = account.as_ref().map(|account| account.password.clone());
    let fits = state.passwords().verify(body.password, hash).await?;
    // Asked again: others may have tried while this one waited for its turn.
    state.wrong_secrets().admit(client.prefix(), Some(target))?;
    let Some(account) = account.filter(|_| fits) else {
        state.wrong_secrets().count(client.prefix(), Some(target));
        return Err(Code::WrongCredentials.into());
    };
    let (_, cookie) = session::begin(&state, &visitor, Some(account.id)).await?;
    Ok((cookie, Json(people::session_of(&account))))
}

async fn sign_out(State(state): State<AppState>, visitor: Visitor) -> Result<(SetCookie, StatusCode), Refused> {
    if let Some(session) = visitor.session {
        state.store().end_session(session.id).await?;
    }
    Ok((SetCookie::Away, StatusCode::NO_CONTENT))
}
