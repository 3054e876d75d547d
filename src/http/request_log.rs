//! One line and one figure per request: method, route pattern, status, milliseconds; nothing else (P-04).
//!
//! Middleware around all routes. The pattern (`/api/v1/rooms/{id}`) is logged, never the path: paths hold ids, query
//! strings hold tokens.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::Response;

/// Times the request and writes it down.
pub async fn record(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().map_or("(none)".into(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let status = response.status().as_u16();
    let elapsed = started.elapsed();
    metrics::histogram!("http_request_seconds", "method" => method, "route" => route.clone(), "status" => status.to_string())
        .record(elapsed.as_secs_f64());
    let ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
    if status >= 500 {
        tracing::warn!(method, route, status, ms, "request");
    } else {
        tracing::debug!(method, route, status, ms, "request");
    }
    response
}

/// A client can invent methods; a label or log line must not repeat what it wrote.
fn known_method(method: &axum::http::Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "(other)",
    }
}
