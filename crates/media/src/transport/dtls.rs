//! DTLS 1.2 as the passive side, on `rtc-dtls`: chooses the SRTP profile from the hello, checks the certificate against
//! the signalled fingerprint (S-31), exports the SRTP keys. Called by the transport for datagrams of proven addresses.
//!
//! An error of a datagram is counted, not fatal; only a wrong certificate, an authenticated close_notify and spent
//! retransmissions end it.

use super::certificate::{Fingerprint, Identity};
use super::cookie::{Cookie, without_cookie};
use super::hello::{Hello, Joiner, hello_record, renumber};
use super::keys::{Keys, Profile};
use super::srtp::Srtp;
use super::{CloseReason, TransportError};
use bytes::BytesMut;
use rtc_dtls::cipher_suite::CipherSuiteId;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error as LibraryError;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// Stands for the client in the library, which routes by address; our path may move during the handshake.
const TUNNEL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 1);
/// Datagrams that reach the library before the handshake is complete; a lossy one takes about forty.
const HANDSHAKE_DATAGRAMS_MAX: u32 = 256;
/// Handshake datagrams that are looked at afterwards: repeats of the client's last flight.
const REPEAT_DATAGRAMS_MAX: u32 = 32;
/// Answers to a repeated hello.
const RESENDS_MAX: u32 = 16;

/// What a datagram led to.
pub(crate) enum Outcome {
    /// Goes on.
    Nothing,
    /// Was dropped.
    Dropped,
    /// Complete; here are the keys.
    Connected(Box<Srtp>),
    /// Over.
    Closed(CloseReason),
}

/// DTLS of one connection.
pub(crate) struct Dtls {
    endpoint: Endpoint,
    identity: Arc<Identity>,
    remote: Fingerprint,
    mismatch: Arc<AtomicBool>,
    joiner: Joiner,
    /// What a hello has to bring back; made for the first one.
    cookie: Option<Cookie>,
    /// Chosen from the client's hello, when the handshake has begun.
    profile: Option<Profile>,
    /// The next number for a record in plain text.
    record: u32,
    /// Our last flight, to be sent again when the client repeats its hello.
    flight: Vec<Vec<u8>>,
    resends: u32,
    datagrams: u32,
    complete: bool,
    closed: bool,
}

impl Dtls {
    pub(crate) fn new(identity: Arc<Identity>, remote: Fingerprint) -> Self {
        Self {
            endpoint: Endpoint::new(TUNNEL, TransportProtocol::UDP, None),
            identity,
            remote,
            mismatch: Arc::default(),
            joiner: Joiner::default(),
            cookie: None,
            profile: None,
            record: 0,
            flight: Vec::new(),
            resends: 0,
            datagrams: 0,
            complete: false,
            closed: false,
        }
    }

    /// Takes a datagram from a proven address; what is to be sent is put into `out`.
    pub(crate) fn handle(&mut self, now: Instant, datagram: &[u8], out: &mut Vec<Vec<u8>>) -> Outcome {
        if self.closed {
            return Outcome::Dropped;
        }
        let Some(joined) = self.joiner.take(datagram) else { return Outcome::Dropped };
        if let Some(hello) = joined.hello {
            return self.take_hello(now, &hello, out);
        }
        if joined.records.is_empty() {
            return Outcome::Nothing;
        }
        if self.profile.is_none() || !self.within_budget(datagram) {
            return Outcome::Dropped;
        }
        self.read(now, joined.records, out)
    }

    /// A hello without our cookie may be anybody's (S-30): it is answered and forgotten. The first one that brings the
    /// cookie back begins the handshake.
    fn take_hello(&mut self, now: Instant, hello: &Hello, out: &mut Vec<Vec<u8>>) -> Outcome {
        if self.complete {
            return Outcome::Dropped;
        }
        if self.cookie.is_none() {
            self.cookie = Cookie::random(&*self.identity.provider());
        }
        let Some(cookie) = self.cookie else { return Outcome::Dropped };
        if !cookie.is_in(&hello.body) {
            out.push(cookie.request());
            return Outcome::Nothing;
        }
        if self.profile.is_some() {
            return self.repeat(out);
        }
        // The library wants to have asked for the cookie itself: it sees the hello as it was before, and then as it is.
        let (Some(first), 1) = (without_cookie(&hello.body), hello.sequence) else { return Outcome::Dropped };
        if self.resends >= RESENDS_MAX || !self.configure(hello, cookie) {
            return Outcome::Dropped;
        }
        let mut unsent = Vec::new();
        let _ = self.read(now, hello_record(0, &first), &mut unsent);
        let outcome = self.read(now, hello_record(1, &hello.body), out);
        if matches!(outcome, Outcome::Dropped) {
            // Not one that the library can answer; perhaps the next is.
            self.resends += 1;
            (self.endpoint, self.profile) = (Endpoint::new(TUNNEL, TransportProtocol::UDP, None), None);
        }
        outcome
    }

    fn read(&mut self, now: Instant, mut records: Vec<u8>, out: &mut Vec<Vec<u8>>) -> Outcome {
        renumber(&mut records, &mut self.record);
        let events = self.endpoint.read(now, TUNNEL, None, BytesMut::from(&records[..]));
        if self.mismatch.load(Ordering::Relaxed) {
            self.drain(out);
            return self.close_with(CloseReason::WrongFingerprint);
        }
        let Ok(events) = events else {
            // What the library would say to a datagram that it refuses (a fatal alert) must not reach the client, who
            // may not have sent it.
            while self.endpoint.poll_transmit().is_some() {}
            return Outcome::Dropped;
        };
        self.drain(out);
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => return self.completed(),
                EndpointEvent::PeerClosed => return self.close_with(CloseReason::ClosedByPeer),
                // Application data would be SCTP; there are no data channels.
                _ => {}
            }
        }
        Outcome::Nothing
    }

    fn within_budget(&mut self, datagram: &[u8]) -> bool {
        let is_plain = datagram.get(3..5) == Some(&[0, 0]);
        if self.complete && !is_plain {
            return true; // authenticated by the library, record by record
        }
        self.datagrams += 1;
        self.datagrams <= HANDSHAKE_DATAGRAMS_MAX
    }

    /// The library stops its timer when a hello comes again and stays silent (0.21.1), so the answer is kept here.
    fn repeat(&mut self, out: &mut Vec<Vec<u8>>) -> Outcome {
        if self.complete || self.resends >= RESENDS_MAX {
            return Outcome::Dropped;
        }
        self.resends += 1;
        out.extend(self.flight.iter().cloned());
        Outcome::Nothing
    }

    fn configure(&mut self, hello: &Hello, cookie: Cookie) -> bool {
        let Some(profile) = hello.profile else { return false };
        let (expected, mismatch) = (self.remote, Arc::clone(&self.mismatch));
        let config = ConfigBuilder::default()
            .with_crypto_provider(cookie.provider(self.identity.provider()))
            .with_certificates(vec![self.identity.certificate()])
            .with_cipher_suites(vec![
                CipherSuiteId::Tls_Ecdhe_Ecdsa_With_Aes_128_Gcm_Sha256,
                CipherSuiteId::Tls_Ecdhe_Ecdsa_With_ChaCha20_Poly1305_Sha256,
            ])
            .with_srtp_protection_profiles(vec![match profile {
                Profile::Aes128Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                Profile::Aes256Gcm => SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm,
                Profile::Aes128CmSha1 => SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            }])
            .with_client_auth(ClientAuthType::RequireAnyClientCert)
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            // No authority signs these certificates: the fingerprint decides, in the callback and again at the end.
            .with_insecure_skip_verify(true)
            .with_verify_peer_certificate(Some(Arc::new(move |chain, _| {
                if chain.first().is_some_and(|der| Fingerprint::of(der) == expected) {
                    return Ok(());
                }
                mismatch.store(true, Ordering::Relaxed);
                Err(LibraryError::ErrInvalidCertificate)
            })))
            .build(false, None);
        let Ok(config) = config else { return false };
        self.endpoint.set_server_config(Some(Arc::new(config)));
        self.profile = Some(profile);
        true
    }

    fn drain(&mut self, out: &mut Vec<Vec<u8>>) {
        let before = out.len();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            out.push(transmit.message.to_vec());
        }
        if out.len() > before && !self.complete {
            self.flight = out[before..].to_vec();
        }
    }

    fn completed(&mut self) -> Outcome {
        self.complete = true;
        self.flight = Vec::new();
        self.joiner = Joiner::default();
        self.datagrams = HANDSHAKE_DATAGRAMS_MAX - REPEAT_DATAGRAMS_MAX;
        match self.keys() {
            Ok(srtp) => Outcome::Connected(Box::new(srtp)),
            Err(reason) => self.close_with(reason),
        }
    }

    fn keys(&self) -> Result<Srtp, CloseReason> {
        let state = self.endpoint.get_connection_state(TUNNEL).ok_or(CloseReason::HandshakeFailed)?;
        // S-31: before the first key is used, whatever the library has checked.
        let certificate = state.peer_certificates.first().ok_or(CloseReason::WrongFingerprint)?;
        if Fingerprint::of(certificate) != self.remote {
            return Err(CloseReason::WrongFingerprint);
        }
        let profile = self.profile.ok_or(CloseReason::HandshakeFailed)?;
        let (key, salt) = (profile.key_bytes(), profile.salt_bytes());
        let material = state
            .export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt))
            .map_err(|_| CloseReason::HandshakeFailed)?;
        let srtp = || {
            // RFC 5764, clause 4.2: client key, server key, client salt, server salt.
            let bytes: &[u8] = material.as_ref();
            let (keys, salts) = bytes.split_at_checked(2 * key).ok_or(TransportError::Crypto)?;
            let inbound = Keys::derive(profile, &keys[..key], &salts[..salt])?;
            let outbound = Keys::derive(profile, &keys[key..], &salts[salt..])?;
            Ok::<_, TransportError>(Srtp::new(profile, inbound, outbound))
        };
        srtp().map_err(|_| CloseReason::HandshakeFailed)
    }

    fn close_with(&mut self, reason: CloseReason) -> Outcome {
        self.closed = true;
        Outcome::Closed(reason)
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        if self.closed { None } else { self.endpoint.poll_timeout(&TUNNEL) }
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) -> Outcome {
        if self.closed || self.endpoint.poll_timeout(&TUNNEL).is_none_or(|due| now < due) {
            return Outcome::Nothing;
        }
        if self.endpoint.handle_timeout(TUNNEL, now).is_err() {
            return self.close_with(CloseReason::HandshakeFailed);
        }
        self.drain(out);
        Outcome::Nothing
    }

    /// Says close_notify, once.
    pub(crate) fn close(&mut self, now: Instant, out: &mut Vec<Vec<u8>>) {
        if !std::mem::replace(&mut self.closed, true) && self.complete && self.endpoint.close(now).is_ok() {
            while let Some(transmit) = self.endpoint.poll_transmit() {
                out.push(transmit.message.to_vec());
            }
        }
    }
}
