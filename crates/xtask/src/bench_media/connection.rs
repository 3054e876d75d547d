//! One WebRTC connection of the generator: ICE in either role, DTLS as the active side, SRTP. The webrtc family does
//! the protocols, so that what measures is other code than what is measured. No sockets: datagrams in and out.

use anyhow::{Context as _, Result, anyhow};
use bytes::BytesMut;
use rtc_dtls::config::{ConfigBuilder, ExtendedMasterSecretType};
use rtc_dtls::crypto::Certificate;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Stands in for the far end inside the DTLS endpoint, which wants an address.
const TUNNEL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 2);
/// The one SRTP suite that is offered, so that all servers do the same work.
pub(crate) const SUITE: &str = "AEAD_AES_128_GCM";
/// Its authentication tag.
pub(crate) const TAG_BYTES: usize = 16;
/// RFC 8445, clause 5.1.2.1: a host candidate.
const PRIORITY: u32 = 126 << 24 | 65_535 << 8 | 255;

/// ICE credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) pwd: String,
}

impl Credentials {
    fn random() -> Result<Self> {
        let mut bytes = [0; 16];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("no randomness"))?;
        let text = hex(&bytes, "");
        Ok(Self { ufrag: text[..8].to_owned(), pwd: text[8..].to_owned() })
    }
}

fn hex(bytes: &[u8], between: &str) -> String {
    let mut text = String::new();
    for (place, byte) in bytes.iter().enumerate() {
        let _ = write!(text, "{}{byte:02X}", if place > 0 { between } else { "" });
    }
    text
}

/// What a datagram was.
pub(crate) enum Input {
    /// STUN or DTLS, or not for us.
    Nothing,
    /// An SRTP packet, still sealed.
    Rtp,
    /// An RTCP compound, opened.
    Rtcp(BytesMut),
}

/// The connection.
pub(crate) struct Connection {
    pub(crate) local: Credentials,
    pub(crate) remote: Credentials,
    /// Where the far end is, once that is known.
    pub(crate) far: Option<SocketAddr>,
    /// RFC 8445, clause 6.1.1: the controlling side nominates. Servers that are lite are always controlled.
    pub(crate) controlling: bool,
    pub(crate) sending: VecDeque<Vec<u8>>,
    pub(crate) inbound: Option<Context>,
    pub(crate) outbound: Option<Context>,
    /// The suite that came out of the handshake.
    pub(crate) suite: Option<&'static str>,
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    dtls: Endpoint,
    begun: bool,
}

impl Connection {
    pub(crate) fn new() -> Result<Self> {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(AwsLcRsProvider::new());
        let certificate = Certificate::generate_self_signed(vec!["bench".to_owned()], provider.crypto())
            .map_err(|error| anyhow!("certificate: {error}"))?;
        Ok(Self {
            local: Credentials::random()?,
            remote: Credentials::default(),
            far: None,
            controlling: true,
            sending: VecDeque::new(),
            inbound: None,
            outbound: None,
            suite: None,
            provider,
            certificate,
            dtls: Endpoint::new(TUNNEL, TransportProtocol::UDP, None),
            begun: false,
        })
    }

    /// `a=fingerprint`, SHA-256 (RFC 8122).
    pub(crate) fn fingerprint(&self) -> String {
        let der: &[u8] = self.certificate.certificate.first().map_or(&[], |der| der.as_ref());
        format!("sha-256 {}", hex(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der).as_ref(), ":"))
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.inbound.is_some()
    }

    /// Queues a connectivity or consent check; as the controlling side it nominates.
    pub(crate) fn check(&mut self) -> Result<()> {
        let mut message = Message::new();
        message.transaction_id = TransactionId::new();
        message.write_header();
        let username = format!("{}:{}", self.remote.ufrag, self.local.ufrag);
        BINDING_REQUEST.add_to(&mut message)?;
        message.add(ATTR_USERNAME, username.as_bytes());
        message.add(if self.controlling { ATTR_ICE_CONTROLLING } else { ATTR_ICE_CONTROLLED }, &[1; 8]);
        message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
        if self.controlling {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        self.seal_stun(&mut message, &self.remote.pwd)?;
        self.sending.push_back(message.raw);
        Ok(())
    }

    fn seal_stun(&self, message: &mut Message, password: &str) -> Result<()> {
        let crypto = self.provider.crypto();
        MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), crypto).add_to(message)?;
        Ok(FINGERPRINT.add_to(message)?)
    }

    fn connect(&mut self, now: Instant) -> Result<()> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&self.provider))
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(Duration::from_millis(100))
            .with_insecure_skip_verify(true)
            .build(true, None)?;
        self.dtls.connect(now, TUNNEL, Arc::new(config), None)?;
        self.drain();
        Ok(())
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.sending.push_back(transmit.message.to_vec());
        }
    }

    /// Takes a datagram that came for this connection.
    pub(crate) fn handle(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<Input> {
        match datagram {
            [0..=3, ..] => self.stun(now, from, datagram).map(|()| Input::Nothing),
            [20..=63, ..] => {
                let events = self.dtls.read(now, TUNNEL, None, BytesMut::from(datagram)).unwrap_or_default();
                self.drain();
                if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
                    self.derive()?;
                }
                Ok(Input::Nothing)
            }
            // RFC 5761, clause 4: what may be an RTCP packet type.
            [128..=191, 192..=223, ..] => {
                let opened = self.inbound.as_mut().and_then(|inbound| inbound.decrypt_rtcp(datagram).ok());
                Ok(opened.map_or(Input::Nothing, Input::Rtcp))
            }
            [128..=191, ..] => Ok(Input::Rtp),
            _ => Ok(Input::Nothing),
        }
    }

    fn stun(&mut self, now: Instant, from: SocketAddr, datagram: &[u8]) -> Result<()> {
        let mut message = Message::new();
        if message.unmarshal_binary(datagram).is_err() {
            return Ok(());
        }
        let authentic = |message: &mut Message, password: &str| {
            MessageIntegrity::check(message, password.as_bytes(), self.provider.crypto()).is_ok()
        };
        if message.typ == BINDING_REQUEST {
            if !authentic(&mut message, &self.local.pwd) {
                return Ok(());
            }
            let nominates = !self.controlling && message.get(ATTR_USE_CANDIDATE).is_ok();
            let mut answer = Message::new();
            answer.transaction_id = message.transaction_id;
            answer.write_header();
            BINDING_SUCCESS.add_to(&mut answer)?;
            XorMappedAddress { ip: from.ip(), port: from.port() }.add_to(&mut answer)?;
            self.seal_stun(&mut answer, &self.local.pwd)?;
            self.sending.push_back(answer.raw);
            self.far.get_or_insert(from);
            if nominates {
                self.far = Some(from);
                self.connect(now)?;
            }
        } else if message.typ == BINDING_SUCCESS && authentic(&mut message, &self.remote.pwd) && self.controlling {
            self.connect(now)?;
        }
        Ok(())
    }

    fn derive(&mut self) -> Result<()> {
        let state = self.dtls.get_connection_state(TUNNEL).context("no DTLS state")?;
        if state.srtp_protection_profile() != SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm {
            self.suite = Some("other");
            return Ok(());
        }
        self.suite = Some(SUITE);
        // RFC 5764, clause 4.2: client key, server key, client salt, server salt.
        let material =
            state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 56).map_err(|error| anyhow!("keys: {error:?}"))?;
        let bytes: &[u8] = material.as_ref();
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, ProtectionProfile::AeadAes128Gcm, None, None, self.provider.crypto())
        };
        let (ours, theirs) = (context(&bytes[..16], &bytes[32..44])?, context(&bytes[16..32], &bytes[44..56])?);
        (self.outbound, self.inbound) = (Some(ours), Some(theirs));
        Ok(())
    }

    /// Repeats what was lost of a handshake.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.dtls.poll_timeout(&TUNNEL).is_some_and(|at| at <= now) {
            // A handshake that failed shows by not being connected in time.
            let _ = self.dtls.handle_timeout(TUNNEL, now);
            self.drain();
        }
    }
}
