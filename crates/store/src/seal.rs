//! Sealing: AES-256-GCM (aws-lc-rs) with a random 96-bit nonce, bound to the table and row where the bytes stand, so
//! that a sealed value moved elsewhere does not open. Called by every file here that stores content, and by the pad log.
//!
//! With random nonces one key may seal 2^32 values (NIST SP 800-38D, 8.3): a room that commits 50 times a second day
//! and night gets there after 2.7 years.

use crate::StoreError;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use zeroize::Zeroizing;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 32;
/// Leads every sealed value, so that another form can follow one day.
const FORM: u8 = 1;
const TAG_BYTES: usize = 16;

/// Where sealed bytes stand. They open only in the same place.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    table: &'static str,
    row: &'a [u8],
}

impl<'a> Context<'a> {
    /// The column's table (and column, where a table has several) and the row's id.
    #[must_use]
    pub fn new(table: &'static str, row: &'a [u8]) -> Self {
        Self { table, row }
    }

    fn bytes(&self) -> Vec<u8> {
        // No table name holds a NUL, so the two parts cannot be mistaken for other parts.
        [self.table.as_bytes(), b"\0", self.row].concat()
    }
}

/// Sealed bytes: form, nonce, ciphertext, tag.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed(Vec<u8>);

impl Sealed {
    /// What [`Key::seal`] adds to the length of the content.
    pub const OVERHEAD_BYTES: usize = 1 + NONCE_LEN + TAG_BYTES;

    /// As they are stored.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// As they were stored.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

/// A room's or organisation's key. Wiped from memory when the last holder drops it.
pub struct Key(RandomizedNonceKey);

impl Key {
    pub(crate) fn new(bytes: &[u8; KEY_BYTES]) -> Result<Self, StoreError> {
        RandomizedNonceKey::new(&AES_256_GCM, bytes).map(Self).map_err(|_| StoreError::KeyFileDamaged)
    }

    /// Seals `content` for its place.
    ///
    /// # Errors
    /// [`StoreError::Randomness`] when the operating system gives no nonce.
    pub fn seal(&self, context: Context<'_>, content: &[u8]) -> Result<Sealed, StoreError> {
        let mut body = Vec::with_capacity(Sealed::OVERHEAD_BYTES + content.len());
        body.extend_from_slice(content);
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(context.bytes()), &mut body)
            .map_err(|_| StoreError::Randomness)?;
        // Form and nonce go in front; the body moves once inside its own allocation.
        body.splice(0..0, std::iter::once(FORM).chain(nonce.as_ref().iter().copied()));
        Ok(Sealed(body))
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`StoreError::Unsealing`] for another key, another place or changed bytes.
    pub fn open(&self, context: Context<'_>, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, StoreError> {
        let (&form, rest) = sealed.split_first().ok_or(StoreError::Unsealing)?;
        let (nonce, body) = rest.split_at_checked(NONCE_LEN).ok_or(StoreError::Unsealing)?;
        if form != FORM {
            return Err(StoreError::Unsealing);
        }
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| StoreError::Unsealing)?;
        let mut content = Zeroizing::new(body.to_vec());
        let length = self
            .0
            .open_in_place(nonce, Aad::from(context.bytes()), &mut content)
            .map_err(|_| StoreError::Unsealing)?
            .len();
        content.truncate(length);
        Ok(content)
    }

    /// Opens a text.
    ///
    /// # Errors
    /// [`StoreError::Unsealing`], also when it is no UTF-8.
    pub(crate) fn open_text(&self, context: Context<'_>, sealed: &[u8]) -> Result<String, StoreError> {
        let content = self.open(context, sealed)?;
        std::str::from_utf8(&content).map(str::to_owned).map_err(|_| StoreError::Unsealing)
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u8) -> Key {
        Key::new(&[n; KEY_BYTES]).expect("a key")
    }

    #[test]
    fn opens_only_in_its_place_with_its_key() {
        let place = Context::new("chat", b"row 1");
        let sealed = key(1).seal(place, b"Kirschkuchen").expect("sealed");
        assert_eq!(sealed.as_bytes().len(), b"Kirschkuchen".len() + Sealed::OVERHEAD_BYTES);
        assert_eq!(&**key(1).open(place, sealed.as_bytes()).expect("opens"), b"Kirschkuchen");
        for (key, place) in
            [(key(2), place), (key(1), Context::new("chat", b"row 2")), (key(1), Context::new("cha", b"t\0row 1"))]
        {
            assert!(matches!(key.open(place, sealed.as_bytes()), Err(StoreError::Unsealing)));
        }
    }

    #[test]
    fn one_changed_bit_or_a_missing_byte_does_not_open() {
        let place = Context::new("chat", b"row");
        let sealed = key(1).seal(place, b"abc").expect("sealed");
        for at in 0..sealed.as_bytes().len() {
            let mut changed = sealed.as_bytes().to_vec();
            changed[at] ^= 1;
            assert!(key(1).open(place, &changed).is_err(), "bit in byte {at}");
            assert!(key(1).open(place, &sealed.as_bytes()[..at]).is_err(), "cut at {at}");
        }
    }

    #[test]
    fn the_same_text_never_looks_the_same() {
        let place = Context::new("chat", b"row");
        assert!(key(1).seal(place, b"ja").expect("sealed") != key(1).seal(place, b"ja").expect("sealed"));
    }
}
