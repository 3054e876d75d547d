//! ICE-lite (RFC 8445): answers authenticated binding requests, knows which addresses are proven and which one is used.
//! Called by the transport for STUN datagrams; never sends on its own, needs no timers of its own but consent's.
//!
//! Nothing is answered that is not authenticated, so the server reflects nothing at strangers.

use super::Credentials;
use crate::remote::Remote;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::error_code::ErrorCode;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, Setter, TransactionId};
use rtc_stun::xoraddr::XorMappedAddress;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// How long an address stays proven (S-30) and how long consent lasts (RFC 7675, clause 5.1).
pub(crate) const CONSENT: Duration = Duration::from_secs(30);
/// Proven addresses of one connection; the one heard least recently goes.
const PATHS_MAX: usize = 8;
/// When nothing was heard on the selected path for so long, any proven path takes over. Browsers name their choice by
/// USE-CANDIDATE, but after a NAT has rebound Firefox's consent checks come from the new address without it.
const SILENT: Duration = Duration::from_secs(3);
/// Checks that are remembered: at the browsers' one in 2.5 s well over an hour, in 32 kB. STUN knows no replay window
/// of its own, so whoever overheard a check could send it from elsewhere and draw the path to themselves.
const CHECKS_REMEMBERED: usize = 2_048;
/// RFC 8445, clause 7.3.1.1: we are lite, so the client has to be controlling.
const ROLE_CONFLICT: ErrorCode = ErrorCode(487);

#[derive(Clone, Copy, Debug)]
struct Path {
    address: Remote,
    /// Last authenticated STUN.
    validated: Instant,
    /// Last authenticated anything.
    heard: Instant,
}

/// Local credentials with the remote ones that belong to them.
#[derive(Debug)]
struct Generation {
    local: Credentials,
    remote: Credentials,
    /// `local:remote`, as the client writes it.
    username: String,
}

impl Generation {
    fn new(local: Credentials, remote: Credentials) -> Self {
        let username = format!("{}:{}", local.ufrag, remote.ufrag);
        Self { local, remote, username }
    }
}

/// What a STUN datagram led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stun {
    /// Not authentic; nothing happened.
    Invalid,
    /// The address is proven; here is the answer.
    Validated(Vec<u8>),
    /// Authentic, but the client wants the wrong role; here is the answer.
    Conflict(Vec<u8>),
}

/// ICE of one connection.
#[derive(Debug)]
pub(crate) struct Ice {
    current: Generation,
    /// Credentials before a restart, valid until the new ones were used.
    previous: Option<Generation>,
    paths: Vec<Path>,
    selected: Option<Remote>,
    consent_until: Instant,
    checks: Checks,
}

impl Ice {
    pub(crate) fn new(now: Instant, local: Credentials, remote: Credentials) -> Self {
        Self {
            current: Generation::new(local, remote),
            previous: None,
            paths: Vec::new(),
            selected: None,
            consent_until: now + CONSENT,
            checks: Checks::default(),
        }
    }

    /// RFC 8445, clause 9: the old credentials and path go on until the client uses the new ones.
    pub(crate) fn restart(&mut self, now: Instant, local: Credentials, remote: Credentials) {
        let former = std::mem::replace(&mut self.current, Generation::new(local, remote));
        self.previous = Some(former);
        self.consent_until = self.consent_until.max(now + CONSENT);
    }

    pub(crate) fn local(&self) -> &Credentials {
        &self.current.local
    }

    pub(crate) fn remote(&self) -> &Credentials {
        &self.current.remote
    }

    /// Where to send.
    pub(crate) fn selected(&self) -> Option<Remote> {
        self.selected
    }

    /// Until when the client has agreed to be sent to.
    pub(crate) fn consent_until(&self) -> Instant {
        self.consent_until
    }

    /// Whether STUN has proven this address within [`CONSENT`] (S-30 b).
    pub(crate) fn is_proven(&self, now: Instant, address: Remote) -> bool {
        self.paths.iter().any(|path| path.address == address && now < path.validated + CONSENT)
    }

    /// Something authenticated came from this address (SRTP, DTLS).
    pub(crate) fn heard(&mut self, now: Instant, address: Remote) {
        if let Some(path) = self.paths.iter_mut().find(|path| path.address == address) {
            path.heard = now;
        }
    }

    /// Takes a STUN datagram.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        from: Remote,
        datagram: &[u8],
        provider: &dyn RTCCryptoProvider,
    ) -> Stun {
        let Some(request) = Request::read(datagram) else { return Stun::Invalid };
        let crypto = provider.crypto();
        let is_previous = request.username != self.current.username.as_bytes();
        let generation = match &self.previous {
            _ if !is_previous => &self.current,
            Some(previous) if request.username == previous.username.as_bytes() => previous,
            _ => return Stun::Invalid,
        };
        let Request { mut message, controlled, use_candidate, .. } = request;
        let password = &generation.local.pwd;
        if MessageIntegrity::check(&mut message, password.as_bytes(), crypto).is_err() {
            return Stun::Invalid;
        }
        if !self.checks.is_fresh(message.transaction_id, from) {
            return Stun::Invalid;
        }
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(password.as_bytes(), crypto);
        if controlled {
            let reply = answer(&message, &[&BINDING_ERROR, &ROLE_CONFLICT, &integrity, &FINGERPRINT]);
            return reply.map_or(Stun::Invalid, Stun::Conflict);
        }
        let mapped = XorMappedAddress { ip: from.address.ip(), port: from.address.port() };
        let Some(reply) = answer(&message, &[&BINDING_SUCCESS, &mapped, &integrity, &FINGERPRINT]) else {
            return Stun::Invalid;
        };
        self.validate(now, from, use_candidate, is_previous);
        Stun::Validated(reply)
    }

    fn validate(&mut self, now: Instant, from: Remote, use_candidate: bool, is_previous: bool) {
        self.consent_until = now + CONSENT;
        match self.paths.iter_mut().find(|path| path.address == from) {
            Some(path) => (path.validated, path.heard) = (now, now),
            None => {
                if self.paths.len() >= PATHS_MAX {
                    let selected = self.selected;
                    let idle = self.paths.iter().enumerate().filter(|(_, path)| Some(path.address) != selected);
                    if let Some(at) = idle.min_by_key(|(_, path)| path.heard).map(|(at, _)| at) {
                        self.paths.swap_remove(at);
                    }
                }
                self.paths.push(Path { address: from, validated: now, heard: now });
            }
        }
        let selected = self.selected.and_then(|address| self.paths.iter().find(|path| path.address == address));
        let silent = selected.is_none_or(|path| now >= path.heard + SILENT);
        // Checks of the old generation that are still under way do not take the path back after a restart.
        if silent || use_candidate && !is_previous {
            self.selected = Some(from);
        }
        if !is_previous && (silent || use_candidate) {
            self.previous = None;
        }
    }
}

/// The transactions of the newest checks and where each came from, as hashes.
#[derive(Debug, Default)]
struct Checks(VecDeque<(u64, u64)>);

impl Checks {
    /// Whether a check was not sent from elsewhere before. A client repeats one from the same address only.
    fn is_fresh(&mut self, transaction: TransactionId, from: Remote) -> bool {
        let (transaction, from) = (hash(&transaction), hash(&from));
        if let Some((_, first)) = self.0.iter().rev().find(|(known, _)| *known == transaction) {
            return *first == from;
        }
        if self.0.len() >= CHECKS_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back((transaction, from));
        true
    }
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// A binding request that is well-formed and whose fingerprint is right; not yet authenticated.
struct Request {
    message: Message,
    username: Vec<u8>,
    controlled: bool,
    use_candidate: bool,
}

impl Request {
    fn read(datagram: &[u8]) -> Option<Self> {
        // The library trusts the place and size of the last two attributes, so they are looked at first: integrity of
        // 20 bytes, then fingerprint of 4, then nothing (RFC 8489, clauses 14.5 and 14.7).
        let declared = usize::from(u16::from_be_bytes([*datagram.get(2)?, *datagram.get(3)?]));
        let tail = datagram.len().checked_sub(32).filter(|tail| *tail >= 20 && datagram.len() == 20 + declared)?;
        let (integrity, fingerprint) = (datagram.get(tail..tail + 4)?, datagram.get(tail + 24..tail + 28)?);
        if integrity != [0, 8, 0, 20] || fingerprint != [0x80, 0x28, 0, 4] {
            return None;
        }
        let mut message = Message::new();
        message.unmarshal_binary(datagram).ok()?;
        let count = |attribute| message.attributes.0.iter().filter(|known| known.typ == attribute).count();
        let well_formed = message.typ == BINDING_REQUEST
            && count(ATTR_USERNAME) == 1
            && count(ATTR_MESSAGE_INTEGRITY) == 1
            && count(ATTR_FINGERPRINT) == 1
            && FINGERPRINT.check(&message).is_ok();
        well_formed.then_some(())?;
        Some(Self {
            username: message.get(ATTR_USERNAME).ok()?,
            controlled: message.contains(ATTR_ICE_CONTROLLED),
            use_candidate: message.contains(ATTR_USE_CANDIDATE),
            message,
        })
    }
}

fn answer(request: &Message, parts: &[&dyn Setter]) -> Option<Vec<u8>> {
    let mut reply = Message::new();
    reply.transaction_id = request.transaction_id;
    reply.write_header();
    for part in parts {
        part.add_to(&mut reply).ok()?;
    }
    Some(reply.raw)
}
