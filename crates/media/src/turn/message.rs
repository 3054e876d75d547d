//! TURN requests and their answers on the codec of `rtc-stun`. The library trusts the place and size of the last two
//! attributes, so they are looked at before it reads anything.

use super::frame::{HEADER_BYTES, read_address, write_address};
use model::limits;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY,
    ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_UNKNOWN_ATTRIBUTES,
    ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Message, MessageClass, MessageType, Method, Setter,
};
use std::net::SocketAddr;

/// What may stand in a request and has to be understood; DONT-FRAGMENT (0x001a) means nothing where nothing is sent.
const UNDERSTOOD: [AttrType; 10] = [
    ATTR_USERNAME,
    ATTR_REALM,
    ATTR_NONCE,
    ATTR_MESSAGE_INTEGRITY,
    ATTR_LIFETIME,
    ATTR_CHANNEL_NUMBER,
    ATTR_XOR_PEER_ADDRESS,
    ATTR_DATA,
    ATTR_REQUESTED_TRANSPORT,
    ATTR_REQUESTED_ADDRESS_FAMILY,
];
const DONT_FRAGMENT: AttrType = AttrType(0x001a);

/// The errors that we answer with (RFC 8489, clause 14.8; RFC 8656, clause 19).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    BadRequest = 400,
    Unauthenticated = 401,
    /// The peer is none of our media addresses (S-33).
    Forbidden = 403,
    UnknownAttribute = 420,
    AllocationMismatch = 437,
    StaleNonce = 438,
    FamilyNotSupported = 440,
    WrongCredentials = 441,
    UnsupportedTransport = 442,
    PeerFamilyMismatch = 443,
    QuotaReached = 486,
    InsufficientCapacity = 508,
}

/// A request that is well-formed; not yet authenticated.
pub(super) struct Request {
    message: Message,
}

impl Request {
    /// Reads a whole message; `None`: not a request, too large, or broken.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let declared = usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]));
        if bytes.len() != HEADER_BYTES + declared || bytes.len() > limits::TURN_REQUEST_BYTES_MAX {
            return None;
        }
        let mut message = Message::new();
        message.unmarshal_binary(bytes).ok()?;
        let request = Self { message };
        (request.message.typ.class == CLASS_REQUEST && request.tail_is_right(bytes)).then_some(request)
    }

    /// Integrity at most once, of 20 bytes, at the end or before a right fingerprint of 4 (RFC 8489, clauses 14.5, 14.7).
    fn tail_is_right(&self, bytes: &[u8]) -> bool {
        let count = |kind| self.message.attributes.0.iter().filter(|known| known.typ == kind).count();
        let head_at = |back: usize, head: [u8; 4]| {
            let at = bytes.len().checked_sub(back).filter(|at| *at >= HEADER_BYTES);
            at.and_then(|at| bytes.get(at..at + 4)).is_some_and(|found| found == head)
        };
        let fingerprint = match count(ATTR_FINGERPRINT) {
            0 => 0,
            1 if head_at(8, [0x80, 0x28, 0, 4]) && FINGERPRINT.check(&self.message).is_ok() => 8,
            _ => return false,
        };
        match count(ATTR_MESSAGE_INTEGRITY) {
            0 => true,
            1 => head_at(24 + fingerprint, [0, 8, 0, 20]),
            _ => false,
        }
    }

    pub(super) fn method(&self) -> Method {
        self.message.typ.method
    }

    pub(super) fn bytes(&self) -> usize {
        self.message.raw.len()
    }

    pub(super) fn attribute(&self, kind: AttrType) -> Option<&[u8]> {
        self.message.attributes.0.iter().find(|known| known.typ == kind).map(|found| found.value.as_slice())
    }

    pub(super) fn peers(&self) -> impl Iterator<Item = Option<SocketAddr>> {
        let transaction = &self.message.transaction_id.0;
        let all = self.message.attributes.0.iter().filter(|known| known.typ == ATTR_XOR_PEER_ADDRESS);
        all.map(move |found| read_address(&found.value, transaction))
    }

    /// The wished lifetime in seconds; `None` when none was named.
    pub(super) fn lifetime_s(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.attribute(ATTR_LIFETIME)?.try_into().ok()?))
    }

    /// Whether the integrity is there and right.
    pub(super) fn is_authentic(&mut self, key: &[u8], provider: &dyn RTCCryptoProvider) -> bool {
        MessageIntegrity::check(&mut self.message, key, provider.crypto()).is_ok()
    }

    /// The attributes that would have to be understood and are not, as UNKNOWN-ATTRIBUTES wants them.
    pub(super) fn unknown(&self) -> Vec<u8> {
        let unknown = |kind: &AttrType| kind.required() && *kind != DONT_FRAGMENT && !UNDERSTOOD.contains(kind);
        let kinds = self.message.attributes.0.iter().map(|known| known.typ).filter(unknown);
        kinds.flat_map(|kind| kind.value().to_be_bytes()).collect()
    }

    /// An answer that says what is wrong. Without reason phrases: clients read the number.
    pub(super) fn refuse(&self, refusal: Refusal) -> Answer {
        let code = refusal as u16;
        let [class, number] = [code / 100, code % 100].map(|part| u8::try_from(part).unwrap_or(0));
        let answer = Answer::new(self, CLASS_ERROR_RESPONSE).with(ATTR_ERROR_CODE, &[0, 0, class, number]);
        match refusal {
            Refusal::UnknownAttribute => answer.with(ATTR_UNKNOWN_ATTRIBUTES, &self.unknown()),
            _ => answer,
        }
    }

    pub(super) fn done(&self) -> Answer {
        Answer::new(self, CLASS_SUCCESS_RESPONSE)
    }
}

/// An answer in the making.
pub(super) struct Answer(Message);

impl Answer {
    fn new(request: &Request, class: MessageClass) -> Self {
        let mut message = Message::new();
        message.typ = MessageType::new(request.method(), class);
        message.transaction_id = request.message.transaction_id;
        message.write_header();
        Self(message)
    }

    pub(super) fn with(mut self, kind: AttrType, value: &[u8]) -> Self {
        self.0.add(kind, value);
        self
    }

    pub(super) fn with_address(self, kind: AttrType, address: SocketAddr) -> Self {
        let mut value = Vec::with_capacity(20);
        write_address(address, &self.0.transaction_id.0, &mut value);
        self.with(kind, &value)
    }

    /// Without integrity, to somebody unknown.
    pub(super) fn plain(self) -> Vec<u8> {
        self.0.raw
    }

    /// With integrity; empty when the library cannot.
    pub(super) fn sealed(mut self, key: &[u8], provider: &dyn RTCCryptoProvider) -> Vec<u8> {
        let integrity = MessageIntegrity::new_raw_integrity_with_provider(key, provider.crypto());
        match integrity.add_to(&mut self.0) {
            Ok(()) => self.0.raw,
            Err(_) => Vec::new(),
        }
    }
}
