//! The headers that make a browser hold our rules (S-10): sent by the server itself on every answer, so that no
//! installation can forget them.
//!
//! Middleware inside the host check, because the policy names the asked host. A handler that set a stricter policy of
//! its own (files of users, S-11) keeps it.

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;

use super::hosts;

/// Nothing inline, nothing from elsewhere, no frame around us; scripts only through our Trusted Types policies.
/// `default` is the web client's, `ProseMirrorClipboard` the editor's.
fn content_security_policy(host: Option<&str>) -> Option<HeaderValue> {
    // Some browsers do not count wss: as 'self'.
    let websocket = host.map(|host| format!(" wss://{host}")).unwrap_or_default();
    HeaderValue::try_from(format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; font-src 'self'; \
         connect-src 'self'{websocket}; media-src 'self' blob:; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types default ProseMirrorClipboard"
    ))
    .ok()
}

const FIXED: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), speaker-selection=(self), \
         screen-wake-lock=(self), clipboard-write=(self), geolocation=(), payment=(), usb=(), serial=(), hid=(), \
         bluetooth=(), midi=(), accelerometer=(), gyroscope=(), magnetometer=()",
    ),
];

/// Two years. Only with a public name: on `localhost` it would bind every other program's ports, too.
const STRICT_TRANSPORT: &str = "max-age=63072000";

/// Whether a browser may be told to use HTTPS only for this host.
#[derive(Clone, Copy, Debug)]
pub struct PublicName(pub bool);

/// Middleware: adds the headers.
pub async fn add(State(PublicName(public_name)): State<PublicName>, request: Request, next: Next) -> Response {
    let is_api = request.uri().path().starts_with("/api/");
    let policy = content_security_policy(hosts::asked(request.uri(), request.headers()));
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in FIXED {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let (false, Some(policy)) = (headers.contains_key(header::CONTENT_SECURITY_POLICY), policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    if public_name {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
    }
    if is_api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::body::Body;
    use axum::routing::get;
    use tower::ServiceExt;

    use super::*;

    async fn headers(path: &str, public: bool) -> axum::http::HeaderMap {
        let own = || async { [("content-security-policy", "sandbox")] };
        let app = Router::new()
            .route("/", get(|| async {}))
            .route("/api/x", get(|| async {}))
            .route("/file", get(own))
            .layer(axum::middleware::from_fn_with_state(PublicName(public), add));
        let request = Request::get(path).header("host", "a.example").body(Body::empty()).expect("a request");
        app.oneshot(request).await.expect("infallible").headers().clone()
    }

    #[tokio::test]
    async fn every_answer_carries_the_policy() {
        let headers = headers("/", true).await;
        let policy = headers["content-security-policy"].to_str().expect("ASCII");
        for part in [
            "default-src 'none'",
            "script-src 'self';",
            "style-src 'self';",
            "connect-src 'self' wss://a.example;",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types default ProseMirrorClipboard",
        ] {
            assert!(policy.contains(part), "{part} in {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["strict-transport-security"], STRICT_TRANSPORT);
    }

    #[tokio::test]
    async fn the_exceptions_are_these() {
        assert!(!headers("/", false).await.contains_key("strict-transport-security"));
        assert_eq!(headers("/file", true).await["content-security-policy"], "sandbox");
        assert_eq!(headers("/api/x", true).await["cache-control"], "no-store");
        assert!(!headers("/", true).await.contains_key("cache-control"));
    }
}
