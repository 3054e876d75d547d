//! `/api/v1/organisation` and `/api/v1/information`: who is responsible and how to reach them (P-02).

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use model::ids::OrganisationId;
use model::permission::{Object, ability, authorize};
use store::{Audit, OrganisationRecord};
use wire::api::Organisation;
use wire::code::Code;

use crate::clock;
use crate::http::body::Body;
use crate::http::guard::Visitor;
use crate::http::refused::Refused;
use crate::http::state::AppState;

pub(in crate::http) fn router() -> Router<AppState> {
    Router::new().route("/api/v1/organisation", get(show).patch(change)).route("/api/v1/information", get(information))
}

/// The organisation, once both name and contact are known.
///
/// # Errors
/// `organisation_incomplete`: no room opens while they are empty (P-02).
pub(super) async fn complete(state: &AppState, id: OrganisationId) -> Result<Organisation, Refused> {
    let record = state.store().organisation(id).await?;
    match (record.name, record.contact) {
        (Some(name), Some(contact)) => Ok(Organisation { name, contact }),
        _ => Err(Code::OrganisationIncomplete.into()),
    }
}

async fn show(State(state): State<AppState>, visitor: Visitor) -> Result<Json<Organisation>, Refused> {
    complete(&state, visitor.account()?.organisation).await.map(Json)
}

async fn information(State(state): State<AppState>) -> Result<Json<Organisation>, Refused> {
    let first = state.store().organisations().await?.first().copied().ok_or(Code::OrganisationIncomplete)?;
    complete(&state, first).await.map(Json)
}

async fn change(
    State(state): State<AppState>,
    visitor: Visitor,
    Body(body): Body<Organisation>,
) -> Result<Json<Organisation>, Refused> {
    let account = visitor.account()?;
    let id = account.organisation;
    let _permit = authorize(&visitor.actor(), ability::AdministerOrganisation, &Object::Organisation(id))
        .map_err(|_| Code::Forbidden)?;
    let record = OrganisationRecord { id, name: Some(body.name.clone()), contact: Some(body.contact.clone()) };
    let audit = Audit {
        at_ms: clock::now_ms(),
        organisation: Some(id),
        actor: Some(account.id),
        room: None,
        deed: "organisation_changed",
    };
    state.store().change_organisation(&record, audit).await?;
    Ok(Json(body))
}
