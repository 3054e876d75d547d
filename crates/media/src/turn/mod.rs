//! TURN (RFC 8656) for networks that let only TLS through, without a relay: whatever a client sends is taken only for our
//! own media addresses (S-33) and handed on in memory, so there is no socket that could reach anybody else.
//!
//! [`Greeting`] speaks with a stranger until there is an [`Allocation`], which then carries the datagrams. Both are told
//! the time and handed whole frames ([`frame_bytes`]) of one TCP connection. Only what WebRTC clients need is there.

mod allocation;
mod frame;
mod greeting;
mod message;

pub use allocation::{Allocation, Input};
pub use frame::{Malformed, frame_bytes, is_turn};
pub use greeting::{Bearer, Desk, Full, Greeting, Outcome};

use crate::remote::Remote;
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Told to clients; long-term credentials are bound to it (RFC 8489, clause 9.2). Short: see [`Greeting`].
pub const REALM: &str = "werkraum";

/// What all connections share.
pub struct Config {
    peers: Box<[SocketAddr]>,
    provider: Arc<dyn RTCCryptoProvider>,
}

impl Config {
    /// `peers`: where clients reach media by UDP, best first; nothing else is ever relayed to. More than 256 are cut off.
    #[must_use]
    pub fn new(peers: &[SocketAddr]) -> Arc<Self> {
        let peers = peers.iter().take(usize::from(u8::MAX) + 1).copied().collect();
        Arc::new(Self { peers, provider: Arc::new(AwsLcRsProvider::new()) })
    }

    /// The address that allocations get, with another port each: of the wished family, else IPv4 where we have it (RFC
    /// 8656, clause 7.2). It is a name only; nobody listens there.
    #[must_use]
    pub fn relayed_ip(&self, ipv6: Option<bool>) -> Option<IpAddr> {
        let of = |ipv6: bool| self.peers.iter().map(SocketAddr::ip).find(|ip| ip.is_ipv6() == ipv6);
        // Chromium asks for no family and takes what it gets, also from a server that has IPv6 alone.
        ipv6.map_or_else(|| of(false).or_else(|| of(true)), of)
    }

    /// Whether an address is one of ours for media.
    #[must_use]
    pub fn is_peer(&self, address: SocketAddr) -> bool {
        self.peer(address).is_some()
    }

    /// Which of our addresses this is. An IPv4 address in IPv6's clothes is none of ours (S-33).
    fn peer(&self, address: SocketAddr) -> Option<u8> {
        self.peers.iter().position(|peer| *peer == address).and_then(|at| u8::try_from(at).ok())
    }

    /// Which of our addresses a permission is for. Its port counts for nothing (RFC 8656, clause 9.2), but who names one
    /// means it: another one than that of media is refused.
    fn permitted(&self, address: SocketAddr) -> Option<u8> {
        let port = |peer: &SocketAddr| address.port() == 0 || address.port() == peer.port();
        let at = self.peers.iter().position(|peer| peer.ip() == address.ip() && port(peer));
        at.and_then(|at| u8::try_from(at).ok())
    }

    fn paths(&self, relayed: SocketAddr) -> impl Iterator<Item = Remote> + use<> {
        let peers = u8::try_from(self.peers.len().saturating_sub(1)).unwrap_or(u8::MAX);
        (0..=peers).map(move |peer| Remote::turn(relayed, peer))
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("peers", &self.peers).finish_non_exhaustive()
    }
}
