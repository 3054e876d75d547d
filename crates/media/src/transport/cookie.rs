//! The return-routability check of DTLS (RFC 6347, clause 4.2.1) in front of the library, so that a hello that somebody
//! sent in the client's name leaves nothing behind (S-30): each hello without our cookie is answered with the same short
//! request and forgotten. Called by `dtls`; one cookie for each connection.
//!
//! The library (0.21.1) takes suites, curve and random from the first hello that it sees and forgets none of them.

use rtc_dtls::crypto_provider::{CryptoError, RTCCrypto, RTCCryptoProvider, RTCRandom};
use std::sync::Arc;

/// As many as the library makes; so it takes ours for its own.
const COOKIE_BYTES: usize = 20;
const HELLO_VERIFY_REQUEST: u8 = 3;
/// Version and random of a hello, before its session id.
const FIXED_BYTES: usize = 2 + 32;

/// A connection's cookie.
#[derive(Clone, Copy)]
pub(crate) struct Cookie([u8; COOKIE_BYTES]);

impl Cookie {
    /// A cookie that nobody can guess; `None` when there is no randomness.
    pub(crate) fn random(provider: &dyn RTCCryptoProvider) -> Option<Self> {
        let mut cookie = [0; COOKIE_BYTES];
        provider.random().fill(&mut cookie).ok()?;
        Some(Self(cookie))
    }

    /// Whether this hello (its body) brings the cookie back: its sender hears what we send to the client's address.
    pub(crate) fn is_in(&self, hello: &[u8]) -> bool {
        place(hello).and_then(|(start, end)| hello.get(start..end)) == Some(&self.0[..])
    }

    /// The datagram that asks for it: shorter than any hello, so that nothing is amplified.
    pub(crate) fn request(&self) -> Vec<u8> {
        const BODY_BYTES: u8 = 2 + 1 + COOKIE_BYTES as u8;
        let mut out = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 + BODY_BYTES];
        out.extend_from_slice(&[HELLO_VERIFY_REQUEST, 0, 0, BODY_BYTES, 0, 0, 0, 0, 0, 0, 0, BODY_BYTES]);
        out.extend_from_slice(&[0xfe, 0xfd, COOKIE_BYTES as u8]);
        out.extend_from_slice(&self.0);
        out
    }

    /// What the library draws its cookie from: ours the first time, then the provider's randomness.
    pub(crate) fn provider(self, inner: Arc<dyn RTCCryptoProvider>) -> Arc<dyn RTCCryptoProvider> {
        Arc::new(Provider { inner, cookie: self })
    }
}

/// The same hello (its body) as it was before the cookie.
pub(crate) fn without_cookie(hello: &[u8]) -> Option<Vec<u8>> {
    let (start, end) = place(hello)?;
    Some([hello.get(..start - 1)?, &[0], hello.get(end..)?].concat())
}

/// Where the cookie lies in a hello.
fn place(hello: &[u8]) -> Option<(usize, usize)> {
    let start = FIXED_BYTES + 1 + usize::from(*hello.get(FIXED_BYTES)?) + 1;
    Some((start, start + usize::from(*hello.get(start - 1)?)))
}

struct Provider {
    inner: Arc<dyn RTCCryptoProvider>,
    cookie: Cookie,
}

impl RTCCryptoProvider for Provider {
    fn name(&self) -> &'static str {
        self.inner.name()
    }

    fn crypto(&self) -> &dyn RTCCrypto {
        self.inner.crypto()
    }

    fn random(&self) -> &dyn RTCRandom {
        self
    }
}

impl RTCRandom for Provider {
    /// The cookie is the only thing of this length that the library draws; a hello's random has 28 bytes.
    fn fill(&self, output: &mut [u8]) -> Result<(), CryptoError> {
        if output.len() == COOKIE_BYTES {
            output.copy_from_slice(&self.cookie.0);
            return Ok(());
        }
        self.inner.random().fill(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello(cookie: &[u8]) -> Vec<u8> {
        let mut hello = vec![7; FIXED_BYTES];
        hello.extend([2, 1, 1, cookie.len() as u8]);
        hello.extend(cookie);
        hello.extend(b"and so on");
        hello
    }

    #[test]
    fn a_cookie_is_found_and_taken_out() {
        let cookie = Cookie([9; COOKIE_BYTES]);
        assert!(cookie.is_in(&hello(&[9; COOKIE_BYTES])));
        assert!(!cookie.is_in(&hello(&[8; COOKIE_BYTES])) && !cookie.is_in(&hello(&[])));
        assert_eq!(without_cookie(&hello(&[9; COOKIE_BYTES])), Some(hello(&[])));
        assert!(cookie.request().len() < 60);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..90)) {
            prop_assert!(!Cookie([9; COOKIE_BYTES]).is_in(&bytes));
            let _ = without_cookie(&bytes);
        }
    }
}
