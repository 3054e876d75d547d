//! Stands before every route of the API: asks the table of doors what this one wants, checks origin and proof, and hands
//! the handler its `Visitor`. A route without a line in the table is refused (S-17).

use std::sync::Arc;

use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use model::permission::Actor;
use store::{AccountRecord, Secret, SessionRecord};
use wire::code::Code;

use super::doors::{self, Kind};
use super::hosts::{Hosts, asked};
use super::refused::Refused;
use super::session;
use super::state::AppState;
use crate::clock;

/// Bytes of an API token's secret.
pub const API_TOKEN_BYTES: usize = 32;

/// Who is at the door.
#[derive(Clone, Debug, Default)]
pub struct Visitor {
    /// The browser's session, signed in or guest.
    pub session: Option<SessionRecord>,
    /// The account, of the session or of the bearer token.
    pub account: Option<Arc<AccountRecord>>,
}

impl Visitor {
    /// The signed-in person.
    ///
    /// # Errors
    /// `sign_in_required`.
    pub fn account(&self) -> Result<&AccountRecord, Refused> {
        self.account.as_deref().ok_or_else(|| Code::SignInRequired.into())
    }

    /// As the permission table knows them (S-02: from the session, never from the message).
    #[must_use]
    pub fn actor(&self) -> Actor {
        match &self.account {
            Some(account) => {
                Actor::Account { account: account.id, organisation: account.organisation, role: account.role }
            }
            None => Actor::Anonymous,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Refused> {
        // Missing only where the door is public: then nobody was looked at, and nobody it is.
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// The middleware.
///
/// # Errors
/// What the door refuses.
pub async fn stand(State(state): State<AppState>, mut request: Request, next: Next) -> Result<Response, Refused> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str).unwrap_or_default();
    let door = doors::find(request.method().as_str(), path).ok_or(Code::NotFound)?;
    let visitor = match door.kind {
        Kind::Public | Kind::Token | Kind::Ticket => Visitor::default(),
        Kind::CookieOrBearer(scope) if request.headers().contains_key(header::AUTHORIZATION) => {
            bearer(&state, request.headers(), scope).await?
        }
        Kind::Cookie | Kind::CookieOrBearer(_) => {
            let reads = matches!(*request.method(), Method::GET | Method::HEAD);
            if !reads && !comes_from_us(state.hosts(), request.uri(), request.headers()) {
                return Err(Code::ForeignOrigin.into());
            }
            session::visitor(&state, request.headers()).await?
        }
    };
    request.extensions_mut().insert(visitor);
    Ok(next.run(request).await)
}

/// Our own origin: an `Origin` must be exactly ours; without one the browser must say `same-origin`.
#[must_use]
pub fn comes_from_us(hosts: &Hosts, uri: &Uri, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    match (origins.next(), origins.next()) {
        (Some(origin), None) => {
            let host = asked(uri, headers);
            host.zip(origin.to_str().ok()).is_some_and(|(host, origin)| hosts.is_own_origin(origin, host))
        }
        (None, _) => headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin"),
        _ => false,
    }
}

async fn bearer(state: &AppState, headers: &HeaderMap, scope: &str) -> Result<Visitor, Refused> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secret = value.strip_prefix("Bearer ").and_then(|text| Secret::parse(text, API_TOKEN_BYTES));
    let secret = secret.ok_or(Code::SignInRequired)?;
    let token = state.store().api_token(&secret.hash(), clock::now_ms()).await?.ok_or(Code::SignInRequired)?;
    if !token.scopes.iter().any(|has| has == scope) {
        return Err(Refused::about(Code::Forbidden, "scope"));
    }
    let account = state.store().account(token.account).await?.ok_or(Code::SignInRequired)?;
    Ok(Visitor { session: None, account: Some(Arc::new(account)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_origin_may_change_anything() {
        let hosts = Hosts::new(Some("https://a.example"), &[], &[], 443);
        let from = |lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            headers.append("host", "a.example".parse().expect("a value"));
            for &(name, value) in lines {
                headers.append(name, value.parse().expect("a value"));
            }
            comes_from_us(&hosts, &Uri::from_static("/x"), &headers)
        };
        assert!(from(&[("origin", "https://a.example")]));
        assert!(from(&[("origin", "https://a.example"), ("sec-fetch-site", "same-origin")]));
        assert!(from(&[("sec-fetch-site", "same-origin")]));
        for lines in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example"), ("sec-fetch-site", "same-origin")],
            &[("origin", "http://a.example")],
            &[("origin", "https://a.example:444")],
            &[("origin", "https://a.example"), ("origin", "https://evil.example")],
            &[("sec-fetch-site", "same-site")],
            &[("sec-fetch-site", "none")],
        ] {
            assert!(!from(lines), "{lines:?}");
        }
    }
}
