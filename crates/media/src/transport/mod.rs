//! One participant's connection: ICE-lite, DTLS and SRTP on one UDP path, without sockets or clock.
//!
//! The engine routes datagrams here ([`crate::demux`]), gets RTP and RTCP back opened in place, and seals what it sends
//! into its own trains. A bad packet is counted and dropped, it never ends the connection (S-30): that only a timeout,
//! an authenticated close, a wrong certificate (S-31) or the engine can do. Data channels are not spoken; DTLS
//! application data is dropped, which is where they would start.

use crate::demux::{Class, classify, is_rtcp};
use crate::remote::Remote;
use dtls::{Dtls, Outcome};
use ice::{Ice, Stun};
use srtp::{Dropped, Srtp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub mod certificate;
mod cookie;
mod dtls;
mod hello;
mod ice;
mod keys;
mod srtp;

pub use certificate::{Fingerprint, Identity};
pub use keys::Profile;

/// ICE user name fragment and password of one side (RFC 8839, clause 5.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// 4 to 256 ice-chars.
    pub ufrag: String,
    /// 22 to 256 ice-chars.
    pub pwd: String,
}

impl Credentials {
    /// Our own credentials from random bytes: 12 for the ufrag (96 bit, so that two never meet on one port), 18 for the
    /// password (144 bit).
    #[must_use]
    pub fn from_random(random: [u8; 30]) -> Self {
        // RFC 8839: ice-char is base64's alphabet; both parts are multiples of three bytes, so nothing is padded.
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let text = |bytes: &[u8]| {
            let mut out = String::with_capacity(bytes.len() / 3 * 4);
            for three in bytes.chunks(3) {
                let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
                for shift in [18, 12, 6, 0] {
                    out.push(char::from(ALPHABET[(bits >> shift & 63) as usize]));
                }
            }
            out
        };
        Self { ufrag: text(&random[..12]), pwd: text(&random[12..]) }
    }
}

/// What the client's offer says about its side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDescription {
    /// The client's ICE credentials.
    pub credentials: Credentials,
    /// The sha-256 of the certificate that the client must show in DTLS (S-31).
    pub fingerprint: Fingerprint,
}

/// Where the connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not yet: ICE or DTLS goes on.
    New,
    /// Media flows.
    Connected,
    /// Over, for good; [`Transport::close_reason`] tells why.
    Closed,
}

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// No authenticated STUN for 30 s (RFC 7675), or never any.
    #[error("the client went silent")]
    ConsentLost,
    /// The certificate is not the one that was signalled (S-31): a security event.
    #[error("the client's certificate is not the signalled one")]
    WrongFingerprint,
    /// DTLS ended with an error, or took longer than 30 s.
    #[error("the DTLS handshake failed")]
    HandshakeFailed,
    /// The client said close_notify.
    #[error("the client closed")]
    ClosedByPeer,
    /// [`Transport::close`] was called.
    #[error("closed by us")]
    ClosedByUs,
}

/// What a datagram was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing for the caller (dropped, or DTLS).
    Nothing,
    /// Authenticated STUN: the sender's address now belongs to this connection, bind it in [`crate::demux::Demux`].
    Validated,
    /// An RTP packet: `datagram[..len]`, header unchanged, payload opened.
    Rtp(usize),
    /// A compound of RTCP packets: `datagram[..len]`, opened.
    Rtcp(usize),
}

/// What was dropped in this connection, since its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// STUN without valid integrity or fingerprint.
    pub stun_invalid: u64,
    /// DTLS or media from an address that is not validated within 30 s (S-30).
    pub path_unvalidated: u64,
    /// DTLS that was malformed, too much or too late.
    pub dtls_dropped: u64,
    /// SRTP or SRTCP before there were keys.
    pub srtp_early: u64,
    /// SRTP or SRTCP with a wrong tag or malformed.
    pub srtp_forged: u64,
    /// SRTP or SRTCP that came before, or is older than the window (S-32).
    pub srtp_replayed: u64,
    /// SRTP or SRTCP of an unknown SSRC when the table for such was full (S-32).
    pub srtp_unknown: u64,
}

/// A datagram to send (STUN or DTLS; media goes by the caller's trains).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// Where to.
    pub to: Remote,
    /// The bytes.
    pub contents: Vec<u8>,
}

/// Why a connection could not be made or restarted, or a packet not be sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// No keys yet, or closed.
    #[error("not connected")]
    NotConnected,
    /// The packet to seal has no complete header.
    #[error("not an RTP or RTCP packet")]
    Malformed,
    /// A packet with this SSRC and sequence number was sealed before, or it is too old to know: sealing another one
    /// would break the cipher (RFC 7714, clause 8.1).
    #[error("sequence number was used before")]
    SequenceReused,
    /// The cryptographic library refused.
    #[error("cryptography failed")]
    Crypto,
}

/// From the first datagram of DTLS, so long it may take.
const HANDSHAKE_MAX: Duration = Duration::from_secs(30);
/// Datagrams that wait to be sent; STUN and DTLS need a few.
const TRANSMITS_MAX: usize = 64;

/// One participant's connection.
pub struct Transport {
    identity: Arc<Identity>,
    remote: Fingerprint,
    ice: Ice,
    dtls: Dtls,
    srtp: Option<Box<Srtp>>,
    /// SSRCs announced before there were keys.
    announced: Vec<u32>,
    handshake_until: Option<Instant>,
    closed: Option<CloseReason>,
    transmits: VecDeque<Transmit>,
    /// DTLS datagrams on their way from the handshake into `transmits`; kept for its capacity.
    flight: Vec<Vec<u8>>,
    counters: Counters,
}

impl Transport {
    /// A connection that waits for the client: `local` goes into the answer, `remote` comes from the offer.
    #[must_use]
    pub fn new(now: Instant, identity: Arc<Identity>, local: Credentials, remote: RemoteDescription) -> Self {
        Self {
            ice: Ice::new(now, local, remote.credentials),
            dtls: Dtls::new(Arc::clone(&identity), remote.fingerprint),
            remote: remote.fingerprint,
            identity,
            srtp: None,
            announced: Vec::new(),
            handshake_until: None,
            closed: None,
            transmits: VecDeque::new(),
            flight: Vec::new(),
            counters: Counters::default(),
        }
    }

    /// Takes a datagram. RTP and RTCP are opened in place; what has to be answered waits in [`Self::poll_transmit`].
    pub fn handle_datagram(&mut self, now: Instant, from: impl Into<Remote>, datagram: &mut [u8]) -> Input {
        let from = from.into();
        if self.closed.is_some() {
            return Input::Nothing;
        }
        match classify(datagram) {
            Class::Stun => self.handle_stun(now, from, datagram),
            Class::Dtls if self.ice.is_proven(now, from) => self.handle_dtls(now, from, datagram),
            Class::Media if self.ice.is_proven(now, from) => self.handle_media(now, from, datagram),
            Class::Dtls | Class::Media => {
                self.counters.path_unvalidated += 1;
                Input::Nothing
            }
            Class::Other => Input::Nothing,
        }
    }

    fn handle_stun(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Input {
        match self.ice.handle(now, from, datagram, &*self.identity.provider()) {
            Stun::Invalid => {
                self.counters.stun_invalid += 1;
                Input::Nothing
            }
            Stun::Conflict(reply) => {
                self.transmit(from, reply);
                Input::Nothing
            }
            Stun::Validated(reply) => {
                self.transmit(from, reply);
                Input::Validated
            }
        }
    }

    fn handle_dtls(&mut self, now: Instant, from: Remote, datagram: &[u8]) -> Input {
        self.handshake_until.get_or_insert(now + HANDSHAKE_MAX);
        let mut flight = std::mem::take(&mut self.flight);
        let outcome = self.dtls.handle(now, datagram, &mut flight);
        // To where it came from: during the handshake there may be no nominated path yet.
        for contents in flight.drain(..) {
            self.transmit(from, contents);
        }
        self.flight = flight;
        match outcome {
            Outcome::Nothing => {}
            Outcome::Dropped => self.counters.dtls_dropped += 1,
            Outcome::Closed(reason) => self.closed = Some(reason),
            Outcome::Connected(mut srtp) => {
                for ssrc in self.announced.drain(..) {
                    srtp.accept(ssrc);
                }
                self.srtp = Some(srtp);
                self.ice.heard(now, from);
            }
        }
        Input::Nothing
    }

    fn handle_media(&mut self, now: Instant, from: Remote, datagram: &mut [u8]) -> Input {
        let Some(srtp) = &mut self.srtp else {
            self.counters.srtp_early += 1;
            return Input::Nothing;
        };
        let (opened, input): (_, fn(usize) -> Input) = if is_rtcp(datagram) {
            (srtp.open_rtcp(datagram), Input::Rtcp)
        } else {
            (srtp.open_rtp(datagram), Input::Rtp)
        };
        match opened {
            Ok(length) => {
                self.ice.heard(now, from);
                return input(length);
            }
            Err(Dropped::Forged) => self.counters.srtp_forged += 1,
            Err(Dropped::Replayed) => self.counters.srtp_replayed += 1,
            Err(Dropped::Unknown) => self.counters.srtp_unknown += 1,
        }
        Input::Nothing
    }

    fn transmit(&mut self, to: Remote, contents: Vec<u8>) {
        if self.transmits.len() < TRANSMITS_MAX {
            self.transmits.push_back(Transmit { to, contents });
        }
    }

    /// Seals the RTP packet in `out[start..]` and appends its tag; nothing else is allocated once the SSRC is known.
    ///
    /// # Errors
    ///
    /// [`TransportError`]; the packet must then not be sent.
    pub fn seal_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), TransportError> {
        self.sealing()?.seal_rtp(out, start)
    }

    /// Seals the RTCP compound in `out[start..]` and appends tag and index.
    ///
    /// # Errors
    ///
    /// [`TransportError`]; the compound must then not be sent.
    pub fn seal_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), TransportError> {
        self.sealing()?.seal_rtcp(out, start)
    }

    fn sealing(&mut self) -> Result<&mut Srtp, TransportError> {
        match (&mut self.srtp, self.closed) {
            (Some(srtp), None) => Ok(srtp),
            _ => Err(TransportError::NotConnected),
        }
    }

    /// Bytes that [`Self::seal_rtp`] adds.
    #[must_use]
    pub fn overhead_rtp(&self) -> usize {
        self.profile().unwrap_or(Profile::Aes128Gcm).tag_bytes()
    }

    /// Bytes that [`Self::seal_rtcp`] adds.
    #[must_use]
    pub fn overhead_rtcp(&self) -> usize {
        self.overhead_rtp() + 4
    }

    /// The SRTP profile, once connected.
    #[must_use]
    pub fn profile(&self) -> Option<Profile> {
        self.srtp.as_ref().map(|srtp| srtp.profile())
    }

    /// The caller expects this SSRC from the client; it gets a place however many unknown ones there are (S-32).
    pub fn accept_ssrc(&mut self, ssrc: u32) {
        match &mut self.srtp {
            Some(srtp) => srtp.accept(ssrc),
            None if self.announced.len() < srtp::UNANNOUNCED_MAX => self.announced.push(ssrc),
            None => {}
        }
    }

    /// The caller does not expect this SSRC any more.
    pub fn forget_ssrc(&mut self, ssrc: u32) {
        self.announced.retain(|known| *known != ssrc);
        if let Some(srtp) = &mut self.srtp {
            srtp.forget(ssrc);
        }
    }

    /// Where media is sent to: the path that the client uses. Moves when the client's address does.
    #[must_use]
    pub fn remote(&self) -> Option<Remote> {
        self.ice.selected()
    }

    /// Our current ICE credentials.
    #[must_use]
    pub fn local_credentials(&self) -> &Credentials {
        self.ice.local()
    }

    /// Whether an offer comes from the same connection but with an ICE restart (RFC 8839, clause 4.4.1.1.1).
    #[must_use]
    pub fn is_restart(&self, offered: &RemoteDescription) -> bool {
        offered.credentials != *self.ice.remote()
    }

    /// Whether the certificate of an offer is the one of this connection; with another one it needs a new connection.
    #[must_use]
    pub fn is_same_peer(&self, offered: &RemoteDescription) -> bool {
        offered.fingerprint == self.remote
    }

    /// ICE restart: the new credentials are valid at once, the old ones until the client has used the new ones.
    pub fn restart(&mut self, now: Instant, local: Credentials, remote: Credentials) {
        self.ice.restart(now, local, remote);
    }

    /// Where the connection is.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.closed, &self.srtp) {
            (Some(_), _) => State::Closed,
            (None, Some(_)) => State::Connected,
            (None, None) => State::New,
        }
    }

    /// Why it is closed.
    #[must_use]
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.closed
    }

    /// What was dropped so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The next STUN or DTLS datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When [`Self::handle_timeout`] has to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.closed.is_some() {
            return None;
        }
        let handshake = self.handshake_until.filter(|_| !self.dtls.is_complete());
        [Some(self.ice.consent_until()), handshake, self.dtls.poll_timeout()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        if now >= self.ice.consent_until() {
            self.closed = Some(CloseReason::ConsentLost);
            return;
        }
        if !self.dtls.is_complete() && self.handshake_until.is_some_and(|until| now >= until) {
            self.closed = Some(CloseReason::HandshakeFailed);
            return;
        }
        let mut flight = std::mem::take(&mut self.flight);
        if let Outcome::Closed(reason) = self.dtls.handle_timeout(now, &mut flight) {
            self.closed = Some(reason);
        }
        if let Some(to) = self.ice.selected() {
            for contents in flight.drain(..) {
                self.transmit(to, contents);
            }
        }
        flight.clear();
        self.flight = flight;
    }

    /// Ends the connection and says so to the client (close_notify), who may not hear it: signalling says it too.
    pub fn close(&mut self, now: Instant) {
        if self.closed.is_some() {
            return;
        }
        self.closed = Some(CloseReason::ClosedByUs);
        let mut flight = Vec::new();
        self.dtls.close(now, &mut flight);
        if let Some(to) = self.ice.selected() {
            for contents in flight {
                self.transmit(to, contents);
            }
        }
    }
}
