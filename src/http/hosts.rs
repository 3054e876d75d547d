//! Under which names the server answers, and which origins are its own (S-17, S-18).
//!
//! Made once by `serve`. The outermost layer refuses other hosts; sessions and the websocket ask for the exact origin.

use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use wire::code::Code;

/// The closed set of hosts, as they stand in a `Host` header.
#[derive(Clone, Debug)]
pub struct Hosts(Arc<[String]>);

impl Hosts {
    /// With a public URL, only its host; without (a trial), every name and address of this machine with `port`.
    pub fn new(public_url: Option<&str>, names: &[String], addresses: &[IpAddr], port: u16) -> Self {
        if let Some(url) = public_url {
            let host = url.strip_prefix("https://").unwrap_or(url);
            return Self([host.to_owned()].into());
        }
        let addresses = addresses.iter().map(|ip| match ip {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
        let hosts = names.iter().map(|name| name.to_ascii_lowercase()).chain(addresses);
        Self(hosts.map(|host| if port == 443 { host } else { format!("{host}:{port}") }).collect())
    }

    /// Whether the server answers under this host (with its port, where that is not 443).
    pub fn is_own(&self, host: &str) -> bool {
        self.0.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    /// Whether a page of this server's can have this origin, and it is the one of the host that was asked.
    pub fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        origin.strip_prefix("https://").is_some_and(|from| from.eq_ignore_ascii_case(host) && self.is_own(from))
    }
}

/// The host that a request asks for: `:authority` in HTTP/2, the only `Host` header in HTTP/1.1.
pub fn asked<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Option<&'a str> {
    let mut all = headers.get_all(header::HOST).iter();
    let first = all.next();
    if all.next().is_some() {
        return None;
    }
    let written = first.map(|value| value.to_str());
    match (uri.authority(), written) {
        (Some(authority), None) => Some(authority.as_str()),
        (Some(authority), Some(Ok(host))) if authority.as_str().eq_ignore_ascii_case(host) => Some(host),
        (None, Some(Ok(host))) => Some(host),
        _ => None,
    }
}

/// Middleware: 421 for a host that is not ours, so that no cache, link or cookie is made for a foreign name (S-18).
/// Monitoring asks by address, and its answers hold nothing that depends on the host.
pub async fn refuse_foreign(State(hosts): State<Hosts>, request: Request, next: Next) -> Response {
    let watching = matches!(request.uri().path(), "/healthz" | "/metrics");
    if watching || asked(request.uri(), request.headers()).is_some_and(|host| hosts.is_own(host)) {
        return next.run(request).await;
    }
    super::outer::refusal(Code::UnknownHost).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial() -> Hosts {
        Hosts::new(None, &["localhost".into()], &["::1".parse().expect("an address")], 8443)
    }

    #[test]
    fn a_public_url_is_the_only_name() {
        let hosts = Hosts::new(Some("https://a.example"), &["localhost".into()], &[], 8443);
        assert!(hosts.is_own("A.example"));
        assert!(!hosts.is_own("localhost:8443") && !hosts.is_own("a.example:8443") && !hosts.is_own("b.example"));
    }

    #[test]
    fn a_trial_answers_under_the_machines_names() {
        assert!(trial().is_own("localhost:8443") && trial().is_own("[::1]:8443"));
        assert!(!trial().is_own("localhost") && !trial().is_own("evil:8443"));
    }

    #[test]
    fn an_origin_must_be_the_asked_host() {
        assert!(trial().is_own_origin("https://localhost:8443", "localhost:8443"));
        for origin in ["http://localhost:8443", "https://[::1]:8443", "https://localhost:8443/", "null", ""] {
            assert!(!trial().is_own_origin(origin, "localhost:8443"), "{origin}");
        }
    }

    #[test]
    fn two_hosts_are_none() {
        let mut headers = HeaderMap::new();
        headers.append("host", "a".parse().expect("a value"));
        let uri = Uri::from_static("/");
        assert_eq!(asked(&uri, &headers), Some("a"));
        headers.append("host", "b".parse().expect("a value"));
        assert_eq!(asked(&uri, &headers), None);
        headers.remove("host");
        assert_eq!(asked(&uri, &headers), None);
        assert_eq!(asked(&Uri::from_static("https://c/"), &headers), Some("c"));
    }
}
