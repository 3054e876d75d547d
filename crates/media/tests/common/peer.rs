//! A client of our transport for tests, in virtual time and without sockets: ICE (controlling), DTLS (active) and SRTP
//! from the webrtc family, so that both ends of a test are different code. Used by the transport's tests.

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
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use werkraum_media::transport::{Credentials, Fingerprint, Identity, Input, RemoteDescription, State, Transport};

const TUNNEL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 2);

/// How a peer differs from the usual one.
#[derive(Clone)]
pub struct Options {
    /// SRTP profiles it offers.
    pub profiles: Vec<SrtpProtectionProfile>,
    /// Its DTLS messages are cut to this size.
    pub mtu: usize,
}

impl Default for Options {
    fn default() -> Self {
        let profiles = vec![
            // SHA-1 first, as browsers do: ours must choose.
            SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        ];
        Self { profiles, mtu: 1_200 }
    }
}

/// The client.
pub struct Peer {
    pub address: SocketAddr,
    pub credentials: Credentials,
    pub server: Credentials,
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    dtls: Endpoint,
    options: Options,
    pub inbound: Option<Context>,
    pub outbound: Option<Context>,
    /// Master key and salt of what it sends.
    pub master: Option<(Vec<u8>, Vec<u8>)>,
    /// Successful STUN answers that came.
    pub stun_answers: usize,
    /// Other STUN answers that came: their error codes.
    pub stun_errors: Vec<u16>,
    /// The server said close_notify.
    pub closed: bool,
    pub sending: VecDeque<Vec<u8>>,
}

impl Peer {
    pub fn new(server: Credentials, options: Options) -> Self {
        let provider = Arc::new(AwsLcRsProvider::new());
        let certificate = Certificate::generate_self_signed(vec!["peer".to_owned()], provider.crypto()).expect("key");
        Self {
            address: "192.0.2.9:5000".parse().expect("address"),
            credentials: Credentials::from_random([9; 30]),
            server,
            provider,
            certificate,
            dtls: Endpoint::new(TUNNEL, TransportProtocol::UDP, None),
            options,
            inbound: None,
            outbound: None,
            master: None,
            stun_answers: 0,
            stun_errors: Vec::new(),
            closed: false,
            sending: VecDeque::new(),
        }
    }

    pub fn description(&self) -> RemoteDescription {
        RemoteDescription {
            credentials: self.credentials.clone(),
            fingerprint: Fingerprint::of(&self.certificate.certificate[0]),
        }
    }

    /// A binding request.
    pub fn binding(&self, use_candidate: bool, controlled: bool, password: &str) -> Vec<u8> {
        let mut message = Message::new();
        message.transaction_id = TransactionId::new();
        message.write_header();
        BINDING_REQUEST.add_to(&mut message).expect("type");
        let username = format!("{}:{}", self.server.ufrag, self.credentials.ufrag);
        message.add(ATTR_USERNAME, username.as_bytes());
        message.add(if controlled { ATTR_ICE_CONTROLLED } else { ATTR_ICE_CONTROLLING }, &[1; 8]);
        message.add(ATTR_PRIORITY, &[1; 4]);
        if use_candidate {
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        let crypto = self.provider.crypto();
        MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), crypto)
            .add_to(&mut message)
            .expect("integrity");
        FINGERPRINT.add_to(&mut message).expect("fingerprint");
        message.raw
    }

    /// Queues a check that nominates the path.
    pub fn check(&mut self) {
        let request = self.binding(true, false, &self.server.pwd);
        self.sending.push_back(request);
    }

    /// Begins the DTLS handshake.
    pub fn connect(&mut self, now: Instant) {
        let config = ConfigBuilder::default()
            .with_crypto_provider(Arc::clone(&self.provider))
            .with_certificates(vec![self.certificate.clone()])
            .with_srtp_protection_profiles(self.options.profiles.clone())
            .with_extended_master_secret(ExtendedMasterSecretType::Require)
            .with_flight_interval(Duration::from_millis(100))
            .with_mtu(self.options.mtu)
            .with_insecure_skip_verify(true)
            .build(true, None)
            .expect("configuration");
        self.dtls.connect(now, TUNNEL, Arc::new(config), None).expect("connect");
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.dtls.poll_transmit() {
            self.sending.push_back(transmit.message.to_vec());
        }
    }

    pub fn handle(&mut self, now: Instant, datagram: &[u8]) {
        if datagram[0] < 4 {
            let mut message = Message::new();
            message.unmarshal_binary(datagram).expect("STUN");
            MessageIntegrity::check(&mut message, self.server.pwd.as_bytes(), self.provider.crypto())
                .expect("integrity");
            FINGERPRINT.check(&message).expect("fingerprint");
            if message.typ == BINDING_SUCCESS {
                self.stun_answers += 1;
            } else {
                let code = message.get(rtc_stun::attributes::ATTR_ERROR_CODE).expect("an error");
                self.stun_errors.push(u16::from(code[2]) * 100 + u16::from(code[3]));
            }
            return;
        }
        let events = self.dtls.read(now, TUNNEL, None, BytesMut::from(datagram)).unwrap_or_default();
        self.drain();
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => self.derive(),
                EndpointEvent::PeerClosed => self.closed = true,
                _ => {}
            }
        }
    }

    fn derive(&mut self) {
        let state = self.dtls.get_connection_state(TUNNEL).expect("connection");
        let (profile, key, salt) = match state.srtp_protection_profile() {
            SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm => (ProtectionProfile::AeadAes128Gcm, 16, 12),
            SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm => (ProtectionProfile::AeadAes256Gcm, 32, 12),
            _ => (ProtectionProfile::Aes128CmHmacSha1_80, 16, 14),
        };
        let material = state.export_keying_material("EXTRACTOR-dtls_srtp", &[], 2 * (key + salt)).expect("keys");
        let bytes: &[u8] = material.as_ref();
        let (keys, salts) = bytes.split_at(2 * key);
        let context = |key: &[u8], salt: &[u8]| {
            Context::new(key, salt, profile, None, None, self.provider.crypto()).expect("context")
        };
        self.outbound = Some(context(&keys[..key], &salts[..salt]));
        self.master = Some((keys[..key].to_vec(), salts[..salt].to_vec()));
        self.inbound = Some(context(&keys[key..], &salts[salt..]));
    }

    pub fn next_timeout(&self) -> Option<Instant> {
        self.dtls.poll_timeout(&TUNNEL)
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = self.dtls.handle_timeout(TUNNEL, now);
        self.drain();
    }

    /// Seals an RTP packet as this client.
    pub fn rtp(&mut self, ssrc: u32, sequence: u16) -> Vec<u8> {
        self.outbound.as_mut().expect("connected").encrypt_rtp(&plain_rtp(ssrc, sequence)).expect("sealed").to_vec()
    }
}

/// A small RTP packet.
pub fn plain_rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(sequence.to_be_bytes());
    packet.extend([0, 0, 3, 192]);
    packet.extend(ssrc.to_be_bytes());
    packet.extend(b"an opus frame, say");
    packet
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

/// A client and our transport, with time.
pub struct Pair {
    pub now: Instant,
    pub start: Instant,
    pub peer: Peer,
    pub transport: Transport,
    pub identity: Arc<Identity>,
    /// What the server made of the client's datagrams, STUN and DTLS left out.
    pub media: Vec<Input>,
}

impl Pair {
    pub fn new(options: Options) -> Self {
        Self::with(options, |description| description)
    }

    /// `signalled` changes what the server is told of the client.
    pub fn with(options: Options, signalled: impl FnOnce(RemoteDescription) -> RemoteDescription) -> Self {
        let now = Instant::now();
        let identity = Identity::generate().expect("identity");
        let local = Credentials::from_random([1; 30]);
        let peer = Peer::new(local.clone(), options);
        let transport = Transport::new(now, Arc::clone(&identity), local, signalled(peer.description()));
        Self { now, start: now, peer, transport, identity, media: Vec::new() }
    }

    /// Connected, without loss.
    pub fn connected(options: Options) -> Self {
        let mut pair = Self::new(options);
        pair.peer.check();
        pair.peer.connect(pair.now);
        pair.run(Duration::from_secs(10), |_, _| true);
        assert_eq!(pair.transport.state(), State::Connected);
        assert!(pair.peer.inbound.is_some());
        pair
    }

    pub fn deliver(&mut self, datagram: &[u8]) -> Input {
        let mut datagram = datagram.to_vec();
        self.transport.handle_datagram(self.now, self.peer.address, &mut datagram)
    }

    /// Exchanges datagrams and lets time pass until both are connected, the server has closed or `limit` is over.
    /// `passes` tells of each datagram whether it arrives.
    pub fn run(&mut self, limit: Duration, mut passes: impl FnMut(Way, &[u8]) -> bool) {
        let until = self.now + limit;
        loop {
            let mut moved = false;
            while let Some(datagram) = self.peer.sending.pop_front() {
                moved = true;
                if passes(Way::ToServer, &datagram) {
                    let input = self.deliver(&datagram);
                    self.media.extend(matches!(input, Input::Rtp(_) | Input::Rtcp(_)).then_some(input));
                }
            }
            while let Some(transmit) = self.transport.poll_transmit() {
                moved = true;
                if passes(Way::ToClient, &transmit.contents) && transmit.to == self.peer.address.into() {
                    self.peer.handle(self.now, &transmit.contents);
                }
            }
            if moved {
                continue;
            }
            let is_done = self.transport.state() == State::Connected && self.peer.inbound.is_some();
            let next = [self.peer.next_timeout(), self.transport.poll_timeout()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| !is_done && *next <= until) else { return };
            self.now = self.now.max(next);
            self.peer.handle_timeout(self.now);
            self.transport.handle_timeout(self.now);
        }
    }

    /// Lets time pass on the server alone.
    pub fn wait(&mut self, time: Duration) {
        self.now += time;
        self.transport.handle_timeout(self.now);
    }
}
