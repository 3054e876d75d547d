//! All routes of `/api/v1`, behind the guard. `serve` merges them with the pages, the sockets and what watches.

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::from_fn_with_state;
use tower_http::set_header::SetResponseHeaderLayer;

use super::state::AppState;
use super::{api, guard};

/// The API.
pub fn router(state: AppState) -> Router {
    Router::new()
        .merge(api::setup::router())
        .merge(api::session::router())
        .merge(api::organisation::router())
        .merge(api::accounts::router())
        .merge(api::rooms::router())
        .merge(api::invitations::router())
        .merge(api::join::router())
        .merge(api::pads::router())
        .merge(api::about::router())
        .layer(from_fn_with_state(state.clone(), guard::stand))
        .layer(SetResponseHeaderLayer::overriding(header::CACHE_CONTROL, HeaderValue::from_static("no-store")))
        .with_state(state)
}
