//! Pad tokens: short-lived, signed, typed (S-05). One algorithm, Ed25519, fixed here; no header that could name another.
//! Made by `api/pads.rs` and the command line, checked by `src/pads`; they open nothing but the pad's websocket.

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use model::ids::{AccountId, PadId, ParticipantId};
use model::limits::TOKEN_LIFETIME_S_MAX;
use serde::{Deserialize, Serialize};
use store::{Store, StoreError};
use wire::api::PadRight;

/// Signed in front of the claims, so that a signature made for something else never fits.
const PURPOSE: &[u8] = b"werkraum pad token 1\0";
/// Longest token that is looked at.
const TOKEN_BYTES_MAX: usize = 1_024;
/// How far clocks may be apart: the server that made the token may have been set right since.
const CLOCK_SLACK_MS: u64 = 60_000;

/// What a pad token says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PadClaims {
    /// The only thing it opens.
    pub pad: PadId,
    /// At most this; for a participant the room's rules may give less at any moment (S-04).
    pub right: PadRight,
    /// Somebody in the pad's room: ask the room for name and present right.
    pub participant: Option<ParticipantId>,
    /// Somebody who administers the room and is not in it. Neither: a token of the command line.
    pub account: Option<AccountId>,
    /// Milliseconds since 1970.
    pub expires_ms: u64,
}

/// The signing key.
pub struct Tokens(Ed25519KeyPair);

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Tokens {
    /// Derives the key from the data folder's own, so that server and command line sign alike.
    ///
    /// # Errors
    /// When the key file is damaged.
    pub fn new(store: &Store) -> Result<Self, StoreError> {
        let seed = zeroize::Zeroizing::new(store.derive("pad token signing key")?);
        Ed25519KeyPair::from_seed_unchecked(&seed[..]).map(Self).map_err(|_| StoreError::KeyFileDamaged)
    }

    /// Signs, with a life of at most [`TOKEN_LIFETIME_S_MAX`].
    #[must_use]
    pub fn issue_pad_token(&self, claims: PadClaims, now_ms: u64) -> (String, PadClaims) {
        let claims = PadClaims { expires_ms: claims.expires_ms.min(now_ms + TOKEN_LIFETIME_S_MAX * 1000), ..claims };
        // Ids, an enum and a number: cannot fail to be written.
        let body = serde_json::to_vec(&claims).unwrap_or_default();
        let signature = self.0.sign(&[PURPOSE, &body].concat());
        (format!("{}.{}", URL_SAFE_NO_PAD.encode(&body), URL_SAFE_NO_PAD.encode(signature.as_ref())), claims)
    }

    /// What a token says, if we signed it and it has not ended.
    #[must_use]
    pub fn verify_pad_token(&self, token: &str, now_ms: u64) -> Option<PadClaims> {
        if token.len() > TOKEN_BYTES_MAX {
            return None;
        }
        let (body, signature) = token.split_once('.')?;
        let (body, signature) = (URL_SAFE_NO_PAD.decode(body).ok()?, URL_SAFE_NO_PAD.decode(signature).ok()?);
        let key = UnparsedPublicKey::new(&ED25519, self.0.public_key().as_ref());
        key.verify(&[PURPOSE, &body].concat(), &signature).ok()?;
        let claims: PadClaims = serde_json::from_slice(&body).ok()?;
        let longest = now_ms + TOKEN_LIFETIME_S_MAX * 1000 + CLOCK_SLACK_MS;
        (claims.expires_ms + CLOCK_SLACK_MS > now_ms && claims.expires_ms <= longest).then_some(claims)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: u64 = 1_800_000_000_000;

    fn tokens(seed: u8) -> Tokens {
        Tokens(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).expect("a seed"))
    }

    fn claims() -> PadClaims {
        let pad = PadId::from_random([1; 16]);
        PadClaims { pad, right: PadRight::Read, participant: None, account: None, expires_ms: NOW_MS + 1000 }
    }

    #[test]
    fn a_token_says_what_was_signed_until_it_ends() {
        let tokens = tokens(1);
        let (token, issued) = tokens.issue_pad_token(claims(), NOW_MS);
        assert_eq!(issued, claims());
        assert_eq!(tokens.verify_pad_token(&token, NOW_MS), Some(claims()));
        assert_eq!(tokens.verify_pad_token(&token, NOW_MS + 1000 + 59_999), Some(claims()), "clocks differ");
        assert_eq!(tokens.verify_pad_token(&token, NOW_MS + 1000 + 60_000), None, "R-06");
        let forever = PadClaims { expires_ms: u64::MAX / 2, ..claims() };
        assert_eq!(tokens.issue_pad_token(forever, NOW_MS).1.expires_ms, NOW_MS + TOKEN_LIFETIME_S_MAX * 1000);
    }

    #[test]
    fn nothing_else_is_a_token() {
        let ours = tokens(1);
        let (token, _) = ours.issue_pad_token(claims(), NOW_MS);
        let (body, signature) = token.split_once('.').expect("two parts");
        let mine = serde_json::to_vec(&PadClaims { right: PadRight::Write, ..claims() }).expect("written");
        let forged = format!("{}.{signature}", URL_SAFE_NO_PAD.encode(mine));
        let other = tokens(2).issue_pad_token(claims(), NOW_MS).0;
        let unsigned = format!("{body}.");
        let long = "a".repeat(5000);
        for wrong in [forged.as_str(), &other, &unsigned, body, "", ".", "..", "ä.ö", &long] {
            assert_eq!(ours.verify_pad_token(wrong, NOW_MS), None, "{wrong}");
        }
        let bare = URL_SAFE_NO_PAD.encode(ours.0.sign(&URL_SAFE_NO_PAD.decode(body).expect("base64")).as_ref());
        assert_eq!(ours.verify_pad_token(&format!("{body}.{bare}"), NOW_MS), None, "signed for another purpose");
    }
}
