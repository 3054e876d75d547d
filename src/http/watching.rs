//! `/healthz` and `/metrics`: for monitoring, without cookies.
//!
//! `/metrics` opens to this machine itself (a loopback peer without forwarding headers, when no proxy stands before
//! us) or to whoever sends the token from the settings. Everybody else gets 404, as if it were not there.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;
use wire::code::Code;

/// What decides who may see the metrics, and what renders them.
#[derive(Clone)]
pub struct Watching {
    /// Renders the metrics.
    pub figures: PrometheusHandle,
    /// From the settings.
    pub token: Option<Arc<str>>,
    /// A proxy stands before us: its requests come from loopback as well.
    pub proxy: bool,
}

/// Headers that a proxy adds.
const FORWARDING: [&str; 5] = ["forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via"];

/// Both routes.
pub fn router(watching: Watching) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).route("/metrics", get(figures)).with_state(watching)
}

async fn figures(State(watching): State<Watching>, peer: ConnectInfo<SocketAddr>, headers: HeaderMap) -> Response {
    if !watching.may_see(peer.0, &headers) {
        return super::outer::refusal(Code::NotFound).into_response();
    }
    watching.figures.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], watching.figures.render()).into_response()
}

impl Watching {
    fn may_see(&self, peer: SocketAddr, headers: &HeaderMap) -> bool {
        let direct = !self.proxy
            && peer.ip().to_canonical().is_loopback()
            && !FORWARDING.iter().any(|name| headers.contains_key(*name));
        direct || self.token.as_deref().is_some_and(|token| bearer(headers).is_some_and(|sent| same(sent, token)))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// Compares in constant time.
fn same(a: &str, b: &str) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(a.as_bytes(), b.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn may_see(peer: &str, proxy: bool, headers: &[(&'static str, &str)]) -> bool {
        let figures = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        let watching = Watching { figures, token: Some(TOKEN.into()), proxy };
        let headers = headers.iter().map(|(n, v)| (header::HeaderName::from_static(n), v.parse().expect("a value")));
        watching.may_see(peer.parse().expect("an address"), &headers.collect())
    }

    #[test]
    fn this_machine_or_the_token() {
        assert!(may_see("127.0.0.1:1", false, &[]));
        assert!(may_see("[::1]:1", false, &[]));
        assert!(!may_see("192.0.2.1:1", false, &[]));
        assert!(!may_see("127.0.0.1:1", true, &[]));
        assert!(!may_see("127.0.0.1:1", false, &[("x-forwarded-for", "192.0.2.1")]));
        for peer in ["192.0.2.1:1", "127.0.0.1:1"] {
            assert!(may_see(peer, true, &[("authorization", "Bearer 0123456789abcdef")]));
            assert!(!may_see(peer, true, &[("authorization", "Bearer 0123456789abcdeg")]));
            assert!(!may_see(peer, true, &[("authorization", TOKEN)]));
        }
    }
}
