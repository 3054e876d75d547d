//! The one cookie, `__Host-werkraum`: a 256-bit token of which only the hash is stored (P-01, S-17). Called by the guard
//! (who is it?) and by handlers that begin, change or end a session.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponseParts, ResponseParts};
use model::ids::{AccountId, SessionId};
use model::limits::SESSION_TOKEN_BYTES;
use store::{Secret, SessionRecord};

use super::guard::Visitor;
use super::refused::Refused;
use super::state::AppState;
use crate::{clock, random};

/// The cookie's name. The prefix makes browsers insist on Secure, Path=/ and no Domain.
pub const COOKIE: &str = "__Host-werkraum";
/// A signed-in session ends after so long without use.
const ACCOUNT_IDLE_MS: u64 = 7 * 24 * 3600 * 1000;
/// A guest's session ends after so long without use (P-03: the guest's identity ends with the event).
const GUEST_IDLE_MS: u64 = 24 * 3600 * 1000;
/// Use is noted at most so often: a write to the disk for each request would be too many.
const NOTE_EVERY_MS: u64 = 5 * 60 * 1000;

/// Sets the cookie, or takes it away.
#[derive(Debug)]
pub enum SetCookie {
    /// To this token.
    To(Secret),
    /// Away.
    Away,
    /// Leaves it as it is.
    Keep,
}

impl IntoResponseParts for SetCookie {
    type Error = Refused;

    fn into_response_parts(self, mut parts: ResponseParts) -> Result<ResponseParts, Refused> {
        let (token, age_s) = match &self {
            Self::To(secret) => (secret.expose(), ACCOUNT_IDLE_MS / 1000),
            Self::Away => ("", 0),
            Self::Keep => return Ok(parts),
        };
        let text = format!("{COOKIE}={token}; Path=/; Max-Age={age_s}; Secure; HttpOnly; SameSite=Lax");
        if let Ok(mut value) = HeaderValue::try_from(text) {
            value.set_sensitive(true);
            parts.headers_mut().append(header::SET_COOKIE, value);
        }
        Ok(parts)
    }
}

/// Who the cookie says is there. Broken, unknown and expired cookies are nobody's.
///
/// # Errors
/// When the store fails.
pub async fn visitor(state: &AppState, headers: &HeaderMap) -> Result<Visitor, Refused> {
    let Some(token) = token(headers) else { return Ok(Visitor::default()) };
    let now_ms = clock::now_ms();
    let Some(mut session) = state.store().session(&token.hash(), now_ms).await? else {
        return Ok(Visitor::default());
    };
    if now_ms.saturating_sub(session.seen_ms) > NOTE_EVERY_MS {
        session.seen_ms = now_ms;
        session.expires_ms = now_ms + idle_ms(session.account);
        state.store().touch_session(session.id, now_ms, session.expires_ms).await?;
    }
    let account = match session.account {
        Some(id) => state.store().account(id).await?.map(Arc::new),
        None => None,
    };
    Ok(Visitor { session: Some(session), account })
}

/// Begins a session, in place of the visitor's present one, whose token is dead from then on.
///
/// # Errors
/// When the store fails.
pub async fn begin(
    state: &AppState,
    visitor: &Visitor,
    account: Option<AccountId>,
) -> Result<(SessionRecord, SetCookie), Refused> {
    let now_ms = clock::now_ms();
    let session = SessionRecord {
        id: random::id(SessionId::from_random),
        account,
        expires_ms: now_ms + idle_ms(account),
        seen_ms: now_ms,
    };
    let token = Secret::draw(SESSION_TOKEN_BYTES)?;
    // Somebody else's session must not be inherited by the next person who signs in at the same browser.
    let replaces = visitor.session.filter(|old| old.account.is_none() || old.account == account);
    if let (Some(old), None) = (visitor.session, replaces) {
        state.store().end_session(old.id).await?;
    }
    state.store().create_session(&session, &token.hash(), replaces.map(|old| old.id)).await?;
    Ok((session, SetCookie::To(token)))
}

/// Gives a session a new token; the old one is dead from then on (S-17: rotation at role change and admission).
///
/// # Errors
/// When the store fails.
pub async fn rotate(state: &AppState, session: SessionId) -> Result<SetCookie, Refused> {
    let token = Secret::draw(SESSION_TOKEN_BYTES)?;
    state.store().rotate_session(session, &token.hash()).await?;
    Ok(SetCookie::To(token))
}

/// A fresh secret for a link.
///
/// # Errors
/// When the operating system gives no randomness.
pub fn draw(bytes: usize) -> Result<Secret, Refused> {
    Ok(Secret::draw(bytes)?)
}

fn idle_ms(account: Option<AccountId>) -> u64 {
    if account.is_some() { ACCOUNT_IDLE_MS } else { GUEST_IDLE_MS }
}

/// Our cookie's token. Two cookies of our name are none: one of them is not ours.
fn token(headers: &HeaderMap) -> Option<Secret> {
    let mut found = None;
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';') {
            if let Some((COOKIE, value)) = pair.trim().split_once('=') {
                if found.is_some() {
                    return None;
                }
                found = Some(value);
            }
        }
    }
    Secret::parse(found?, SESSION_TOKEN_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_one_cookie_of_ours_and_no_other() {
        let secret = Secret::draw(SESSION_TOKEN_BYTES).expect("random");
        let ours = format!("{COOKIE}={}", secret.expose());
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append("cookie", line.parse().expect("a value"));
            }
            token(&headers)
        };
        assert_eq!(read(&[&format!("a=b; {ours}; c=d")]), Some(secret.clone()));
        assert_eq!(read(&["a=b", &ours]), Some(secret.clone()));
        assert_eq!(read(&[&format!("{ours}; {ours}")]), None);
        assert_eq!(read(&[&format!("x{ours}")]), None);
        assert_eq!(read(&[&format!("{COOKIE}=short")]), None);
        assert_eq!(read(&[]), None);
    }
}
