//! The server's DTLS certificate: one ECDSA P-256 key per process, never written to disk (S-31).
//!
//! Made by the shell at start (the only draw of randomness here, inside the library) and shared by all connections.

use super::TransportError;
use aws_lc_rs::digest;
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use std::fmt;
use std::sync::Arc;

/// The sha-256 of a certificate (RFC 8122).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The fingerprint of a certificate in DER.
    #[must_use]
    pub fn of(der: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());
        Self(out)
    }

    /// Reads the colon-separated hexadecimal form of SDP; either case (RFC 8122, clause 5).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut out = [0; 32];
        let mut bytes = out.iter_mut();
        for pair in text.split(':') {
            let well_formed = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
            *bytes.next()? = u8::from_str_radix(pair, 16).ok().filter(|_| well_formed)?;
        }
        bytes.next().is_none().then_some(Self(out))
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, byte) in self.0.iter().enumerate() {
            write!(f, "{}{byte:02X}", if at == 0 { "" } else { ":" })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

/// The server's certificate with its key.
pub struct Identity {
    certificate: Certificate,
    fingerprint: Fingerprint,
    provider: Arc<dyn RTCCryptoProvider>,
}

impl Identity {
    /// Makes a new key and a self-signed certificate for it.
    ///
    /// # Errors
    ///
    /// [`TransportError::Crypto`] when the library cannot (no randomness).
    pub fn generate() -> Result<Arc<Self>, TransportError> {
        let provider = Arc::new(AwsLcRsProvider::new());
        // The name says nothing about the server: clients compare the fingerprint only.
        let certificate = Certificate::generate_self_signed(vec!["webrtc".to_owned()], provider.crypto())
            .map_err(|_| TransportError::Crypto)?;
        let der = certificate.certificate.first().ok_or(TransportError::Crypto)?;
        Ok(Arc::new(Self { fingerprint: Fingerprint::of(der), certificate, provider }))
    }

    /// What goes into `a=fingerprint:sha-256`.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    pub(crate) fn certificate(&self) -> Certificate {
        self.certificate.clone()
    }

    pub(crate) fn provider(&self) -> Arc<dyn RTCCryptoProvider> {
        Arc::clone(&self.provider)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("fingerprint", &self.fingerprint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_form_round_trips() {
        let fingerprint = Fingerprint::of(b"certificate");
        let text = fingerprint.to_string();
        assert_eq!(text.len(), 95);
        assert_eq!(Fingerprint::parse(&text), Some(fingerprint));
        assert_eq!(Fingerprint::parse(&text.to_lowercase()), Some(fingerprint));
    }

    #[test]
    fn wrong_text_is_refused() {
        let text = Fingerprint::of(b"certificate").to_string();
        for wrong in ["", "AB", &text[3..], &format!("{text}:00"), &text.replace(':', ""), &text.replacen(':', ":+", 1)]
        {
            assert_eq!(Fingerprint::parse(wrong), None, "{wrong}");
        }
    }
}
