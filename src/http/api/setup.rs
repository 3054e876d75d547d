//! `/api/v1/setup`: the first admin, by the one-time link that the server printed on an empty database.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use model::ids::{AccountId, KeyId, OrganisationId};
use model::role::AccountRole;
use store::{AccountRecord, Audit, LinkKind, NewAccount, OrganisationRecord, Secret, SecretHash, StoreError};
use wire::api::{FirstAdmin, Session};
use wire::code::Code;

use super::people;
use crate::http::body::Body;
use crate::http::client_ip::ClientIp;
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::session::{self, SetCookie};
use crate::http::state::{AppState, ONE_TIME_SECRET_BYTES};
use crate::{clock, random};

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/setup/first-admin", post(first_admin))
}

async fn first_admin(
    State(state): State<AppState>,
    client: ClientIp,
    visitor: Visitor,
    Body(body): Body<FirstAdmin>,
) -> Result<(SetCookie, Json<Session>), Refused> {
    let email = people::email(&body.email)?;
    let _alone = state.setup().await;
    let (link, kind) = open_link(&state, client, &body.secret).await?;
    if kind != LinkKind::FirstAdmin || !state.store().is_fresh().await? {
        return Err(Code::OneTimeLinkUsed.into());
    }
    let password = state.passwords().hash(body.password).await?;
    let now_ms = clock::now_ms();
    let (name, contact) = (Some(body.organisation), Some(body.contact));
    let known = state.store().organisations().await?.first().copied();
    let id = known.unwrap_or_else(|| random::id(OrganisationId::from_random));
    let organisation = OrganisationRecord { id, name, contact };
    let account = AccountRecord {
        id: random::id(AccountId::from_random),
        organisation: id,
        email,
        name: body.name,
        password,
        role: AccountRole::Admin,
    };
    let audit = |deed| Audit { at_ms: now_ms, organisation: Some(id), actor: Some(account.id), room: None, deed };
    if known.is_some() {
        state.store().change_organisation(&organisation, audit("organisation_changed")).await?;
    } else {
        state.store().create_organisation(&organisation, random::id(KeyId::from_random), now_ms).await?;
    }
    create(&state, &account, link, audit("first_admin_made")).await?;
    let (_, cookie) = session::begin(&state, &visitor, Some(account.id)).await?;
    Ok((cookie, Json(people::session_of(&account))))
}

/// What a one-time link opens.
///
/// # Errors
/// `one_time_link_used` for used and expired ones, `invitation_unknown` for unknown ones, `too_many`.
pub(super) async fn open_link(
    state: &AppState,
    client: ClientIp,
    secret: &str,
) -> Result<(SecretHash, LinkKind), Refused> {
    state.wrong_secrets().admit(client.prefix(), None)?;
    let found = match Secret::parse(secret, ONE_TIME_SECRET_BYTES) {
        Some(secret) => match state.store().link(&secret.hash(), clock::now_ms()).await {
            Err(StoreError::Conflict) => return Err(Code::OneTimeLinkUsed.into()),
            found => found?.map(|link| (secret.hash(), link.kind)),
        },
        None => None,
    };
    found.ok_or_else(|| {
        state.wrong_secrets().count(client.prefix(), None);
        Code::InvitationUnknown.into()
    })
}

/// Makes an account and uses up its link.
pub(super) async fn create(
    state: &AppState,
    account: &AccountRecord,
    link: SecretHash,
    audit: Audit,
) -> Result<(), Refused> {
    state.store().create_account(NewAccount { account, link: Some(link) }, audit).await.map_err(|error| match error {
        StoreError::Taken => Code::EmailTaken.into(),
        StoreError::NotFound => Code::OneTimeLinkUsed.into(),
        other => other.into(),
    })
}
