//! What surrounds every request, outermost first: log, host check, security headers, client address, limits, panics.
//!
//! `serve` wraps all routes once. The order matters: a foreign host is refused before any handler runs, and a panic of
//! a handler becomes a 500 of that request alone (S-25).

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use model::limits;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::RequestBodyTimeoutLayer;
use wire::code::Code;

use super::client_ip::ClientIp;
use super::hosts::{self, Hosts};
use super::security_headers::{self, PublicName};
use super::{assets, request_log};

/// What the layers need to know.
pub struct Outer {
    /// Under which names we answer.
    pub hosts: Hosts,
    /// Whether one of them is a public name.
    pub public_name: bool,
    /// Proxies whose forwarding headers are believed.
    pub proxies: Arc<[IpAddr]>,
}

/// All routes in, the finished app out.
pub fn wrap(routes: Router, outer: Outer) -> Router {
    routes
        .fallback(nothing_here)
        .method_not_allowed_fallback(|| async { (StatusCode::METHOD_NOT_ALLOWED, refusal_body(Code::Malformed)) })
        .layer(CatchPanicLayer::custom(|_panic| refusal(Code::Internal).into_response()))
        .layer(DefaultBodyLimit::max(limits::HTTP_BODY_BYTES_MAX))
        .layer(RequestBodyTimeoutLayer::new(Duration::from_secs(limits::HTTP_BODY_S_MAX)))
        .layer(from_fn_with_state(outer.proxies, name_client))
        .layer(from_fn_with_state(outer.hosts, hosts::refuse_foreign))
        .layer(from_fn_with_state(PublicName(outer.public_name), security_headers::add))
        .layer(from_fn(request_log::record))
}

/// An HTTP error as clients know it: the code's status and `{"code": …}`.
pub fn refusal(code: Code) -> impl IntoResponse {
    let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, refusal_body(code))
}

fn refusal_body(code: Code) -> Json<serde_json::Value> {
    Json(serde_json::json!({ "code": code }))
}

async fn name_client(State(proxies): State<Arc<[IpAddr]>>, mut request: Request, next: Next) -> Response {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() {
        let client = ClientIp::new(peer.ip(), request.headers(), &proxies);
        request.extensions_mut().insert(client);
    }
    next.run(request).await
}

/// No route: people get the web client's own "not found" page, programs a code.
async fn nothing_here(request: Request) -> Response {
    if assets::wants_page(&request) {
        return (StatusCode::NOT_FOUND, assets::index().await).into_response();
    }
    refusal(Code::NotFound).into_response()
}
