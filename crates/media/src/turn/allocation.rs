//! A TURN allocation (RFC 8656): permissions and channels to our own media addresses and to nothing else (S-33), and the
//! datagrams on their way. Owned by the media worker's connection; the media path allocates nothing.

use super::Config;
use super::frame::{channel_data, is_turn, send_indication, write_channel_data, write_data_indication};
use super::greeting::{lifetime, seconds};
use super::message::{Answer, Refusal, Request};
use crate::remote::Remote;
use rtc_stun::attributes::{ATTR_CHANNEL_NUMBER, ATTR_LIFETIME, ATTR_USERNAME};
use rtc_stun::message::{METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// RFC 8656, clause 9.
const PERMISSION: Duration = Duration::from_secs(300);
/// RFC 8656, clause 12.
const CHANNEL: Duration = Duration::from_secs(600);
const SEND_INDICATION: [u8; 2] = [0x00, 0x16];

/// What a frame of the client was.
#[derive(Debug, PartialEq, Eq)]
pub enum Input<'a> {
    /// Nothing for the caller; an answer may have been appended.
    Nothing,
    /// A datagram for our media address, from this path.
    Datagram(Remote, &'a mut [u8]),
    /// The client gave the allocation back: send what is to be sent and close.
    Ended,
}

/// What the client may do with one of our addresses.
#[derive(Clone, Copy, Debug, Default)]
struct Peer {
    permitted_until: Option<Instant>,
    channel: Option<(u16, Instant)>,
}

impl Peer {
    fn is_permitted(&self, now: Instant) -> bool {
        self.permitted_until.is_some_and(|until| now < until)
    }

    fn channel(&self, now: Instant) -> Option<u16> {
        self.channel.filter(|(_, until)| now < *until).map(|(number, _)| number)
    }
}

/// See above.
#[derive(Debug)]
pub struct Allocation {
    config: Arc<Config>,
    username: String,
    key: Vec<u8>,
    relayed: SocketAddr,
    until: Instant,
    credentials_until: Instant,
    /// As many as the configuration has, in its order.
    peers: Box<[Peer]>,
    indications: u64,
    refused: u64,
}

impl Allocation {
    pub(super) fn new(
        config: Arc<Config>,
        username: String,
        key: Vec<u8>,
        relayed: SocketAddr,
        until: Instant,
        credentials_until: Instant,
    ) -> Self {
        let peers = config.peers.iter().map(|_| Peer::default()).collect();
        Self { config, username, key, relayed, until, credentials_until, peers, indications: 0, refused: 0 }
    }

    /// The address under which media knows the client; no other allocation has it.
    #[must_use]
    pub fn relayed(&self) -> SocketAddr {
        self.relayed
    }

    /// The paths that media may know this client by: one for each of our addresses.
    pub fn paths(&self) -> impl Iterator<Item = Remote> + use<> {
        self.config.paths(self.relayed)
    }

    /// Whether its time is over: it was not refreshed, or nobody uses it and its credentials are no longer good.
    #[must_use]
    pub fn is_over(&self, now: Instant, in_use: bool) -> bool {
        now >= self.until || !in_use && now >= self.credentials_until
    }

    /// How often another address than ours was asked for (S-33).
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// Takes a whole frame; answers are appended to `out`.
    pub fn handle<'a>(&mut self, now: Instant, frame: &'a mut [u8], out: &mut Vec<u8>) -> Input<'a> {
        match frame.first() {
            Some(first) if !is_turn(*first) => self.channel_data(now, frame),
            Some(_) if frame.starts_with(&SEND_INDICATION) => self.send_indication(now, frame),
            _ => self.request(now, frame, out),
        }
    }

    fn channel_data<'a>(&self, now: Instant, frame: &'a mut [u8]) -> Input<'a> {
        let Some((number, data)) = channel_data(frame) else { return Input::Nothing };
        let bound = self.peers.iter().zip(self.paths()).find(|(peer, _)| peer.channel(now) == Some(number));
        bound.map_or(Input::Nothing, |(_, path)| Input::Datagram(path, data))
    }

    fn send_indication<'a>(&mut self, now: Instant, frame: &'a mut [u8]) -> Input<'a> {
        let Some((address, data)) = send_indication(frame) else { return Input::Nothing };
        let Some(at) = self.config.peer(address) else {
            self.refused += 1;
            return Input::Nothing;
        };
        if !self.peers.get(usize::from(at)).is_some_and(|peer| peer.is_permitted(now)) {
            return Input::Nothing;
        }
        Input::Datagram(Remote::turn(self.relayed, at), data)
    }

    fn request(&mut self, now: Instant, frame: &[u8], out: &mut Vec<u8>) -> Input<'static> {
        // Indications that we do not know, and broken ones, are dropped.
        let Some(mut request) = Request::read(frame) else { return Input::Nothing };
        if !request.is_authentic(&self.key, &*self.config.provider) {
            // A stranger in this connection there is not: the credentials were changed or forgotten.
            out.extend(request.refuse(Refusal::WrongCredentials).plain());
            return Input::Nothing;
        }
        let wrong_name = request.attribute(ATTR_USERNAME) != Some(self.username.as_bytes());
        let answer = match request.method() {
            _ if wrong_name => Err(Refusal::WrongCredentials),
            _ if !request.unknown().is_empty() => Err(Refusal::UnknownAttribute),
            METHOD_REFRESH if request.lifetime_s() == Some(0) => {
                let answer = request.done().with(ATTR_LIFETIME, &[0; 4]);
                out.extend(answer.sealed(&self.key, &*self.config.provider));
                return Input::Ended;
            }
            METHOD_REFRESH => {
                let granted = lifetime(request.lifetime_s());
                self.until = now + granted;
                Ok(request.done().with(ATTR_LIFETIME, &seconds(granted)))
            }
            METHOD_CREATE_PERMISSION => self.permit(now, &request),
            METHOD_CHANNEL_BIND => self.bind(now, &request),
            METHOD_ALLOCATE => Err(Refusal::AllocationMismatch),
            _ => Err(Refusal::BadRequest),
        };
        let answer: Answer = answer.unwrap_or_else(|refusal| {
            self.refused += u64::from(refusal == Refusal::Forbidden);
            request.refuse(refusal)
        });
        out.extend(answer.sealed(&self.key, &*self.config.provider));
        Input::Nothing
    }

    /// All or nothing (RFC 8656, clause 10.2).
    fn permit(&mut self, now: Instant, request: &Request) -> Result<Answer, Refusal> {
        let addresses: Vec<SocketAddr> = request.peers().collect::<Option<_>>().ok_or(Refusal::BadRequest)?;
        if addresses.is_empty() {
            return Err(Refusal::BadRequest);
        }
        let permitted = |address: &SocketAddr| self.of_ours(*address, self.config.permitted(*address));
        let which: Vec<u8> = addresses.iter().map(permitted).collect::<Result<_, _>>()?;
        for at in which {
            if let Some(peer) = self.peers.get_mut(usize::from(at)) {
                peer.permitted_until = Some(now + PERMISSION);
            }
        }
        Ok(request.done())
    }

    /// Ours at all, before anything else is looked at (S-33); then of the family of the relayed address.
    fn of_ours(&self, address: SocketAddr, which: Option<u8>) -> Result<u8, Refusal> {
        let which = which.ok_or(Refusal::Forbidden)?;
        let same_family = address.is_ipv4() == self.relayed.is_ipv4();
        same_family.then_some(which).ok_or(Refusal::PeerFamilyMismatch)
    }

    fn bind(&mut self, now: Instant, request: &Request) -> Result<Answer, Refusal> {
        let address = request.peers().next().flatten().ok_or(Refusal::BadRequest)?;
        let which = self.of_ours(address, self.config.peer(address))?;
        let number = match request.attribute(ATTR_CHANNEL_NUMBER) {
            Some([high, low, _, _]) => u16::from_be_bytes([*high, *low]),
            _ => return Err(Refusal::BadRequest),
        };
        let which = usize::from(which);
        let mut channels = self.peers.iter().enumerate().filter_map(|(at, peer)| Some((at, peer.channel(now)?)));
        // One channel to one peer and back (RFC 8656, clause 12.2).
        let taken = channels.any(|(at, bound)| (at == which) != (bound == number));
        if taken || !(0x4000..0x5000).contains(&number) {
            return Err(Refusal::BadRequest);
        }
        let peer = self.peers.get_mut(which).ok_or(Refusal::BadRequest)?;
        *peer = Peer { permitted_until: Some(now + PERMISSION), channel: Some((number, now + CHANNEL)) };
        Ok(request.done())
    }

    /// Appends a datagram for the client as it arrives from our address number `peer`. False: the client did not permit
    /// it, or it is too large.
    pub fn write(&mut self, now: Instant, peer: u8, datagram: &[u8], out: &mut Vec<u8>) -> bool {
        let at = usize::from(peer);
        let (Some(peer), Some(address)) = (self.peers.get(at), self.config.peers.get(at)) else { return false };
        if let Some(number) = peer.channel(now) {
            return write_channel_data(number, datagram, out);
        }
        if !peer.is_permitted(now) {
            return false;
        }
        // Nobody answers an indication, so its transaction needs no secret.
        self.indications += 1;
        let mut transaction = [0; 12];
        transaction[4..].copy_from_slice(&self.indications.to_be_bytes());
        write_data_indication(*address, transaction, datagram, out)
    }
}
