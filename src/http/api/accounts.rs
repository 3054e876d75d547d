//! `/api/v1/accounts`: people with accounts, and the one-time links by which they come.

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use model::ids::AccountId;
use model::permission::{Object, ability, authorize};
use store::{AccountRecord, Audit, LinkKind, OneTimeLink};
use wire::api::{AcceptAccount, Account, InviteAccount, Link, Session};
use wire::code::Code;

use super::{people, setup};
use crate::http::body::{Body, Ids};
use crate::http::client_ip::ClientIp;
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::session::{self, SetCookie};
use crate::http::state::{AppState, ONE_TIME_SECRET_BYTES};
use crate::{clock, random};

/// How long an account invitation can be used.
const INVITATION_MS: u64 = 7 * 24 * 3600 * 1000;

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new()
        .route("/api/v1/accounts", get(list).post(accept))
        .route("/api/v1/accounts/invitations", post(invite))
        .route("/api/v1/accounts/{account}", delete(remove))
}

async fn list(State(state): State<AppState>, visitor: Visitor) -> Result<Json<Vec<Account>>, Refused> {
    let organisation = visitor.account()?.organisation;
    let _permit = authorize(&visitor.actor(), ability::AdministerOrganisation, &Object::Organisation(organisation))
        .map_err(|_| Code::Forbidden)?;
    let accounts = state.store().accounts_of(organisation).await?;
    Ok(Json(accounts.iter().map(people::shown).collect()))
}

async fn invite(
    State(state): State<AppState>,
    visitor: Visitor,
    uri: Uri,
    headers: HeaderMap,
    Body(body): Body<InviteAccount>,
) -> Result<Json<Link>, Refused> {
    let account = visitor.account()?;
    let organisation = account.organisation;
    let _permit = authorize(&visitor.actor(), ability::InviteAccounts, &Object::Organisation(organisation))
        .map_err(|_| Code::Forbidden)?;
    let secret = session::draw(ONE_TIME_SECRET_BYTES)?;
    let now_ms = clock::now_ms();
    let link =
        OneTimeLink { kind: LinkKind::Account { organisation, role: body.role }, expires_ms: now_ms + INVITATION_MS };
    state.store().create_link(&secret.hash(), link, audit(account, now_ms, "account_invited")).await?;
    let url = state.link(&uri, &headers, "/invite", &secret);
    Ok(Json(Link { url, expires_at_ms: Some(link.expires_ms) }))
}

async fn accept(
    State(state): State<AppState>,
    client: ClientIp,
    visitor: Visitor,
    Body(body): Body<AcceptAccount>,
) -> Result<(SetCookie, Json<Session>), Refused> {
    let email = people::email(&body.email)?;
    let (link, kind) = setup::open_link(&state, client, &body.secret).await?;
    let LinkKind::Account { organisation, role } = kind else { return Err(Code::InvitationUnknown.into()) };
    let password = state.passwords().hash(body.password).await?;
    let account =
        AccountRecord { id: random::id(AccountId::from_random), organisation, email, name: body.name, password, role };
    setup::create(&state, &account, link, audit(&account, clock::now_ms(), "account_made")).await?;
    let (_, cookie) = session::begin(&state, &visitor, Some(account.id)).await?;
    Ok((cookie, Json(people::session_of(&account))))
}

async fn remove(
    State(state): State<AppState>,
    visitor: Visitor,
    Ids(id): Ids<AccountId>,
) -> Result<StatusCode, Refused> {
    let account = visitor.account()?;
    let organisation = account.organisation;
    let _permit = authorize(&visitor.actor(), ability::AdministerOrganisation, &Object::Organisation(organisation))
        .map_err(|_| Code::Forbidden)?;
    if id == account.id {
        // Whoever removes themselves could leave nobody behind who can let others in.
        return Err(Refused::about(Code::Forbidden, "one's own account"));
    }
    let audit = audit(account, clock::now_ms(), "account_deleted");
    match state.store().delete_account(id, organisation, account.id, audit).await {
        Ok(()) | Err(store::StoreError::LogBusy) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(error.into()),
    }
}

fn audit(account: &AccountRecord, at_ms: u64, deed: &'static str) -> Audit {
    Audit { at_ms, organisation: Some(account.organisation), actor: Some(account.id), room: None, deed }
}
