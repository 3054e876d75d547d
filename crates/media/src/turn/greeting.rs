//! A TURN connection before it has an allocation: asks for credentials, checks them, allocates. Owned by the shell's
//! connection task; a stranger gets nothing from it but short refusals, and few of them.
//!
//! Nothing that is not authenticated is answered with more than twice its bytes (S-33); realm and nonce are so short that
//! browsers' first request, of 28 bytes, can be answered at all.

use super::allocation::Allocation;
use super::frame::Malformed;
use super::message::{Answer, Refusal, Request};
use super::{Config, REALM};
use model::limits;
use rtc_stun::attributes::{
    ATTR_LIFETIME, ATTR_MESSAGE_INTEGRITY, ATTR_NONCE, ATTR_REALM, ATTR_REQUESTED_ADDRESS_FAMILY,
    ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::METHOD_ALLOCATE;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// UDP in REQUESTED-TRANSPORT (RFC 8656, clause 18.8).
const UDP: u8 = 17;
/// Random bytes in, so that the nonce is 12 characters of base64's alphabet.
const NONCE_BYTES: usize = 9;

/// Why there is no allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// This participant has as many as one may have.
    Participant,
    /// The server has.
    Server,
    /// We have no address of the wished family.
    Family,
}

/// What belongs to a username.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The password.
    pub password: String,
    /// Until when both are good.
    pub until: Instant,
}

/// Where the greeting asks: who may have an allocation.
pub trait Desk {
    /// What belongs to a username; `None` when nobody has it, or no longer.
    fn bearer(&mut self, username: &str) -> Option<Bearer>;
    /// A relayed address for whoever has this username, taken until the connection ends; of IPv6 when that is wished.
    ///
    /// # Errors
    /// [`Full`]
    fn allocate(&mut self, username: &str, ipv6: Option<bool>) -> Result<SocketAddr, Full>;
}

/// What a frame led to. What is to be sent to the client was appended to the buffer.
#[derive(Debug)]
pub enum Outcome {
    /// Go on.
    Greeting,
    /// From now on this speaks with the client.
    Allocated(Box<Allocation>),
}

/// See above.
#[derive(Debug)]
pub struct Greeting {
    config: Arc<Config>,
    client: SocketAddr,
    nonce: String,
    attempts: u32,
}

impl Greeting {
    /// For a connection from `client`. `random` makes the nonce; one for the connection's life is enough, since nobody
    /// else can speak in it (TLS).
    #[must_use]
    pub fn new(config: Arc<Config>, client: SocketAddr, random: [u8; NONCE_BYTES]) -> Self {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let bits = random.iter().fold(0_u128, |bits, byte| bits << 8 | u128::from(*byte));
        let nonce = (0..12).map(|at| char::from(ALPHABET[(bits >> (6 * at) & 63) as usize])).collect();
        Self { config, client, nonce, attempts: 0 }
    }

    /// Takes a whole frame.
    ///
    /// # Errors
    /// [`Malformed`]: close the connection. Also when somebody has tried too often.
    pub fn handle(
        &mut self,
        now: Instant,
        frame: &[u8],
        desk: &mut impl Desk,
        out: &mut Vec<u8>,
    ) -> Result<Outcome, Malformed> {
        self.attempts += 1;
        let mut request =
            Request::read(frame).filter(|request| request.method() == METHOD_ALLOCATE).ok_or(Malformed)?;
        let (refusal, key) = match self.authenticate(&mut request, desk) {
            Err(refusal) => (refusal, None),
            Ok((username, bearer, key)) => match self.allocate(&request, &username, desk) {
                Err(refusal) => (refusal, Some(key)),
                Ok(relayed) => {
                    let lifetime = lifetime(request.lifetime_s());
                    let provider = &*self.config.provider;
                    let answer = request
                        .done()
                        .with_address(ATTR_XOR_RELAYED_ADDRESS, relayed)
                        .with(ATTR_LIFETIME, &seconds(lifetime))
                        .with_address(ATTR_XORMAPPED_ADDRESS, self.client);
                    out.extend(answer.sealed(&key, provider));
                    let until = now + lifetime;
                    let allocation =
                        Allocation::new(Arc::clone(&self.config), username, key, relayed, until, bearer.until);
                    return Ok(Outcome::Allocated(Box::new(allocation)));
                }
            },
        };
        let answer = request.refuse(refusal);
        match key {
            Some(key) => out.extend(answer.sealed(&key, &*self.config.provider)),
            None => self.answer_stranger(&request, refusal, answer, out)?,
        }
        if self.attempts >= limits::TURN_ATTEMPTS_MAX { Err(Malformed) } else { Ok(Outcome::Greeting) }
    }

    fn answer_stranger(
        &self,
        request: &Request,
        refusal: Refusal,
        answer: Answer,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let answer = match refusal {
            Refusal::Unauthenticated | Refusal::StaleNonce => {
                answer.with(ATTR_REALM, REALM.as_bytes()).with(ATTR_NONCE, self.nonce.as_bytes())
            }
            _ => answer,
        };
        let answer = answer.plain();
        if answer.len() > 2 * request.bytes() {
            return Err(Malformed);
        }
        out.extend(answer);
        Ok(())
    }

    /// Long-term credentials (RFC 8489, clause 9.2.4): the username, what belongs to it, and the key.
    fn authenticate(&self, request: &mut Request, desk: &mut impl Desk) -> Result<(String, Bearer, Vec<u8>), Refusal> {
        request.attribute(ATTR_MESSAGE_INTEGRITY).ok_or(Refusal::Unauthenticated)?;
        let text = |kind| request.attribute(kind).and_then(|value| std::str::from_utf8(value).ok());
        let (Some(username), Some(realm), Some(nonce)) = (text(ATTR_USERNAME), text(ATTR_REALM), text(ATTR_NONCE))
        else {
            return Err(Refusal::BadRequest);
        };
        if nonce != self.nonce {
            return Err(Refusal::StaleNonce);
        }
        let username = username.to_owned();
        let bearer = desk.bearer(&username).filter(|_| realm == REALM).ok_or(Refusal::Unauthenticated)?;
        let (realm, password, crypto) = (REALM.to_owned(), bearer.password.clone(), self.config.provider.crypto());
        let key = MessageIntegrity::long_term_integrity_key(username.clone(), realm, password, crypto)
            .map_err(|_| Refusal::Unauthenticated)?;
        let authentic = request.is_authentic(&key, &*self.config.provider);
        authentic.then_some((username, bearer, key)).ok_or(Refusal::Unauthenticated)
    }

    fn allocate(&self, request: &Request, username: &str, desk: &mut impl Desk) -> Result<SocketAddr, Refusal> {
        if !request.unknown().is_empty() {
            return Err(Refusal::UnknownAttribute);
        }
        match request.attribute(ATTR_REQUESTED_TRANSPORT) {
            Some([UDP, _, _, _]) => {}
            Some([_, _, _, _]) => return Err(Refusal::UnsupportedTransport),
            _ => return Err(Refusal::BadRequest),
        }
        let ipv6 = match request.attribute(ATTR_REQUESTED_ADDRESS_FAMILY) {
            None => None,
            Some([1, ..]) => Some(false),
            Some([2, ..]) => Some(true),
            Some(_) => return Err(Refusal::FamilyNotSupported),
        };
        desk.allocate(username, ipv6).map_err(|full| match full {
            Full::Participant => Refusal::QuotaReached,
            Full::Server => Refusal::InsufficientCapacity,
            Full::Family => Refusal::FamilyNotSupported,
        })
    }
}

/// What is granted of a wished lifetime (RFC 8656, clause 7.2).
pub(super) fn lifetime(wished_s: Option<u32>) -> Duration {
    const DEFAULT_S: u32 = 600;
    const LONGEST_S: u32 = 3_600;
    Duration::from_secs(u64::from(wished_s.unwrap_or(DEFAULT_S).clamp(DEFAULT_S, LONGEST_S)))
}

pub(super) fn seconds(lifetime: Duration) -> [u8; 4] {
    u32::try_from(lifetime.as_secs()).unwrap_or(u32::MAX).to_be_bytes()
}
