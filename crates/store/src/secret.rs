//! Secrets that people carry (session tokens, links, tickets): random bytes shown once as base64url, kept only as their
//! SHA-256. A hash is enough against somebody who reads the database, since the secrets are random and long.

use crate::StoreError;
use aws_lc_rs::{digest, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use std::fmt;
use zeroize::Zeroizing;

/// The text of a secret. Has no telling `Debug` (S-41).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

/// What is kept of a secret.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SecretHash([u8; 32]);

impl Secret {
    /// Draws `bytes` random bytes from the operating system.
    ///
    /// # Errors
    /// [`StoreError::Randomness`] when it gives none.
    pub fn draw(bytes: usize) -> Result<Self, StoreError> {
        let mut raw = Zeroizing::new(vec![0; bytes]);
        rand::fill(&mut raw).map_err(|_| StoreError::Randomness)?;
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(&*raw))))
    }

    /// A secret that somebody shows: accepted only in the one spelling in which we write secrets of `bytes` bytes.
    #[must_use]
    pub fn parse(text: &str, bytes: usize) -> Option<Self> {
        let right_length = text.len() == (bytes * 4).div_ceil(3);
        let raw = if right_length { URL_SAFE_NO_PAD.decode(text).ok()? } else { return None };
        (raw.len() == bytes).then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// The text, to be shown to its owner.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored and compared.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        let mut hash = [0; 32];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        SecretHash(hash)
    }
}

impl SecretHash {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_drew_and_nothing_else() {
        let secret = Secret::draw(16).expect("random");
        assert_eq!(secret.expose().len(), 22);
        assert_eq!(Secret::parse(secret.expose(), 16), Some(secret.clone()));
        assert_eq!(Secret::parse(secret.expose(), 32), None);
        assert_eq!(Secret::parse("", 16), None);
        assert_eq!(Secret::parse("ä", 16), None);
        assert_eq!(Secret::parse(&"!".repeat(22), 16), None);
        assert_ne!(Secret::draw(16).expect("random").hash(), secret.hash());
        assert_eq!(format!("{secret:?}{:?}", secret.hash()), "Secret(…)SecretHash(…)");
    }
}
