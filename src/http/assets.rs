//! The web client, built by `./run` and embedded by build.rs; without it, one page that says so.
//!
//! Merged into the routes by `serve`. Files under /assets/ carry a hash in their name and are kept for ever; every
//! page of the single-page client is the same index.html, which is asked for again each time.

use std::sync::LazyLock;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use memory_serve::CacheControl;
use tower::ServiceExt;

/// The addresses that the web client's router knows (web/src/router.tsx), besides `/`.
pub const PAGES: [&str; 10] = [
    "/j",
    "/r/{id}",
    "/pad/{id}",
    "/setup",
    "/invite",
    "/sign-in",
    "/admin",
    "/admin/{*page}",
    "/browsers",
    "/privacy",
];

/// memory-serve leaks its bytes, so there is one for the process.
static ROUTES: LazyLock<Router> = LazyLock::new(build);

/// The routes of all files and pages.
pub fn router() -> Router {
    ROUTES.clone()
}

#[expect(unused_qualifications, reason = "the code that memory-serve generates")]
fn build() -> Router {
    let files = PAGES.iter().fold(memory_serve::load!(), |files, page| files.add_alias(page, "/index.html"));
    files
        .index_file(Some("/index.html"))
        .html_cache_control(CacheControl::NoCache)
        .cache_control(CacheControl::NoCache)
        .into_router()
        .layer(from_fn(keep_hashed))
}

async fn keep_hashed(request: Request, next: Next) -> Response {
    let hashed = request.uri().path().starts_with("/assets/");
    let mut response = next.run(request).await;
    if hashed && (response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED) {
        let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
        response.headers_mut().insert(header::CACHE_CONTROL, for_ever);
    }
    response
}

/// Whether somebody looks at this address with a browser: a GET that asks for HTML, outside the programs' doors.
pub fn wants_page(request: &Request) -> bool {
    let path = request.uri().path();
    let html = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    request.method() == Method::GET
        && !["/api/", "/pads/", "/assets/"].iter().any(|door| path.starts_with(door))
        && html.is_some_and(|accept| accept.contains("text/html"))
}

/// The client's page, for an address that is none of ours.
pub async fn index() -> Response {
    ROUTES.clone().oneshot(Request::new(Body::empty())).await.unwrap_or_else(|never| match never {})
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn get(path: &str, encoding: &str) -> Response {
        let request = Request::get(path).header("accept-encoding", encoding).body(Body::empty()).expect("a request");
        router().oneshot(request).await.expect("infallible")
    }

    #[tokio::test]
    async fn every_page_is_the_client() {
        for page in PAGES.iter().chain(&["/"]) {
            let path = page.replace("{id}", "0").replace("{*page}", "rooms/1");
            let response = get(&path, "gzip").await;
            assert_eq!(response.status(), StatusCode::OK, "{path}");
            assert!(response.headers()["content-type"].to_str().expect("ASCII").starts_with("text/html"), "{path}");
            assert_eq!(response.headers()["cache-control"], "no-cache", "{path}");
        }
        assert_eq!(get("/r", "gzip").await.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_page_is_asked_for_with_its_tag() {
        let tag = get("/", "gzip").await.headers()["etag"].clone();
        let request = Request::get("/").header("if-none-match", tag).body(Body::empty()).expect("a request");
        let response = router().oneshot(request).await.expect("infallible");
        assert_eq!(response.status(), StatusCode::NOT_MODIFIED);
    }

    #[test]
    fn programs_get_no_page() {
        let asks = |path: &str, accept: &str| {
            wants_page(&Request::get(path).header("accept", accept).body(Body::empty()).expect("a request"))
        };
        assert!(asks("/nowhere", "text/html,*/*"));
        assert!(!asks("/nowhere", "application/json"));
        assert!(!asks("/api/v1/nothing", "text/html"));
    }
}
