//! Which connection a datagram belongs to: by its address once that is proven, before that by the ufrag of a STUN
//! request and by nothing else (S-30). Called by the engine for each datagram; it decides nothing about its content.
//!
//! Generic over the connection's key, which the engine chooses (an index, cheap to copy).

use crate::remote::Remote;
use std::collections::HashMap;

/// Addresses that one connection may have at a time; what was proven longest ago goes first (a phone has two or three).
const ADDRESSES_PER_CONNECTION_MAX: usize = 8;

/// What a datagram is, by its first byte (RFC 7983).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// 0 to 3, with the magic cookie of RFC 8489.
    Stun,
    /// 20 to 63.
    Dtls,
    /// 128 to 191: RTP or RTCP.
    Media,
    /// Anything else, or too short to be anything.
    Other,
}

/// Tells what a datagram is, by its first byte (RFC 7983) and for STUN its magic cookie.
#[must_use]
pub fn classify(datagram: &[u8]) -> Class {
    match datagram {
        [0..=3, _, _, _, 0x21, 0x12, 0xa4, 0x42, ..] if datagram.len() >= 20 => Class::Stun,
        [20..=63, ..] if datagram.len() >= 13 => Class::Dtls,
        [128..=191, ..] if datagram.len() >= 8 => Class::Media,
        _ => Class::Other,
    }
}

/// Tells RTCP from RTP among [`Class::Media`]: packet types 192 to 223 (RFC 5761, clause 4).
#[must_use]
pub fn is_rtcp(datagram: &[u8]) -> bool {
    matches!(datagram.get(1), Some(192..=223))
}

/// The ufrag of the receiver in a STUN request: the part before the colon in USERNAME (RFC 8445, clause 7.2.2).
/// Nothing is authenticated here; the connection does that.
#[must_use]
pub fn stun_ufrag(datagram: &[u8]) -> Option<&str> {
    const USERNAME: u16 = 0x0006;
    let mut rest = datagram.get(20..)?;
    while let [t0, t1, l0, l1, after @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*l0, *l1]));
        let value = after.get(..length)?;
        if u16::from_be_bytes([*t0, *t1]) == USERNAME {
            let text = std::str::from_utf8(value).ok()?;
            return text.split_once(':').map(|(local, _)| local);
        }
        rest = after.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// What was dropped at the door, since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// STUN with a ufrag of nobody.
    pub stun_unknown: u64,
    /// DTLS or media from an address that nobody has proven (S-30).
    pub address_unknown: u64,
    /// Neither STUN nor DTLS nor media.
    pub other: u64,
}

/// The routing table.
#[derive(Debug)]
pub struct Demux<K> {
    by_address: HashMap<Remote, K>,
    by_ufrag: HashMap<Box<str>, K>,
    addresses: HashMap<K, Vec<Remote>>,
    counters: Counters,
}

impl<K> Default for Demux<K> {
    fn default() -> Self {
        Self {
            by_address: HashMap::new(),
            by_ufrag: HashMap::new(),
            addresses: HashMap::new(),
            counters: Counters::default(),
        }
    }
}

impl<K: Copy + Eq + std::hash::Hash> Demux<K> {
    /// An empty table.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes STUN with this ufrag of ours reach the connection. Call it for [`crate::transport::Credentials::ufrag`] of
    /// a new connection and again after an ICE restart; old ufrags stay until [`Self::forget`].
    pub fn add_ufrag(&mut self, ufrag: &str, connection: K) {
        self.by_ufrag.insert(ufrag.into(), connection);
    }

    /// Makes everything from this address reach the connection. Call it on [`crate::transport::Input::Validated`] only.
    pub fn bind(&mut self, address: impl Into<Remote>, connection: K) {
        let address = address.into();
        if let Some(list) =
            self.by_address.insert(address, connection).and_then(|former| self.addresses.get_mut(&former))
        {
            list.retain(|known| *known != address);
        }
        let list = self.addresses.entry(connection).or_default();
        if list.len() >= ADDRESSES_PER_CONNECTION_MAX {
            self.by_address.remove(&list.remove(0));
        }
        list.push(address);
    }

    /// Whether somebody has proven this address.
    #[must_use]
    pub fn knows(&self, address: Remote) -> bool {
        self.by_address.contains_key(&address)
    }

    /// Takes a connection out with its ufrags and addresses.
    pub fn forget(&mut self, connection: K) {
        self.by_ufrag.retain(|_, known| *known != connection);
        for address in self.addresses.remove(&connection).unwrap_or_default() {
            self.by_address.remove(&address);
        }
    }

    /// Whose datagram this is; `None`: nobody's, drop it (it has been counted).
    ///
    /// STUN goes by its ufrag first, so that an address can pass from one connection to the next (a reloaded page
    /// behind the same mapping).
    pub fn route(&mut self, from: impl Into<Remote>, datagram: &[u8]) -> Option<K> {
        let from = from.into();
        let class = classify(datagram);
        if class == Class::Stun {
            if let Some(found) = stun_ufrag(datagram).and_then(|ufrag| self.by_ufrag.get(ufrag)) {
                return Some(*found);
            }
            self.counters.stun_unknown += 1;
            return None;
        }
        if class == Class::Other {
            self.counters.other += 1;
            return None;
        }
        let found = self.by_address.get(&from).copied();
        if found.is_none() {
            self.counters.address_unknown += 1;
        }
        found
    }

    /// What was dropped so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stun(username: &str) -> Vec<u8> {
        let mut out = vec![0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
        out.extend([7; 12]);
        out.extend([0x80, 0x22, 0, 3, b'a', b'b', b'c', 0]); // SOFTWARE before it, padded
        out.extend([0, 6, 0, username.len() as u8]);
        out.extend(username.as_bytes());
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn address(port: u16) -> std::net::SocketAddr {
        std::net::SocketAddr::from(([192, 0, 2, 1], port))
    }

    #[test]
    fn first_byte_decides() {
        assert_eq!(classify(&stun("a:b")), Class::Stun);
        assert_eq!(classify(&[22; 20]), Class::Dtls);
        assert_eq!(classify(&[0x80; 20]), Class::Media);
        assert_eq!(classify(&[70; 20]), Class::Other);
        assert_eq!(classify(&[0; 20]), Class::Other, "no magic cookie");
        assert_eq!(classify(&[]), Class::Other);
        assert!(
            is_rtcp(&[0x80, 200]) && is_rtcp(&[0x80, 206]) && !is_rtcp(&[0x80, 111]) && !is_rtcp(&[0x80, 0x80 | 96])
        );
    }

    /// S-30: from an unknown address only STUN for a known ufrag reaches anybody.
    #[test]
    fn strangers_reach_nobody() {
        let mut demux = Demux::new();
        demux.add_ufrag("mine", 5_u32);
        assert_eq!(demux.route(address(1), &[0x80; 20]), None);
        assert_eq!(demux.route(address(1), &[22; 20]), None);
        assert_eq!(demux.route(address(1), &stun("other:x")), None);
        assert_eq!(demux.route(address(1), &[70; 20]), None);
        assert_eq!(demux.counters(), Counters { stun_unknown: 1, address_unknown: 2, other: 1 });
        assert_eq!(demux.route(address(1), &stun("mine:x")), Some(5));
        assert_eq!(demux.route(address(1), &[0x80; 20]), None, "STUN alone binds nothing");
        demux.bind(address(1), 5);
        assert_eq!(demux.route(address(1), &[0x80; 20]), Some(5));
        demux.forget(5);
        assert_eq!(demux.route(address(1), &[0x80; 20]), None);
        assert_eq!(demux.route(address(1), &stun("mine:x")), None);
    }

    #[test]
    fn an_address_passes_to_the_next_connection() {
        let mut demux = Demux::new();
        demux.bind(address(1), 1_u32);
        demux.bind(address(1), 2);
        demux.forget(1);
        assert_eq!(demux.route(address(1), &[0x80; 20]), Some(2));
    }

    #[test]
    fn addresses_of_one_connection_are_bounded() {
        let mut demux = Demux::new();
        for port in 1..=100 {
            demux.bind(address(port), 1_u32);
        }
        let known = (1..=100).filter(|port| demux.route(address(*port), &[0x80; 20]).is_some()).count();
        assert_eq!(known, ADDRESSES_PER_CONNECTION_MAX);
    }

    #[test]
    fn an_address_that_is_proven_again_and_again_stays() {
        let mut demux = Demux::new();
        for port in 1..=100 {
            demux.bind(address(port), 1_u32);
            demux.bind(address(1), 1);
        }
        assert_eq!(demux.route(address(1), &[0x80; 20]), Some(1));
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200), head in 0_u8..4) {
            let mut demux = Demux::<u8>::new();
            let _ = demux.route(address(1), &bytes);
            let mut like = vec![0, head, 0, 0, 0x21, 0x12, 0xa4, 0x42];
            like.extend([0; 12]);
            like.extend(&bytes);
            let _ = demux.route(address(1), &like);
            let _ = is_rtcp(&bytes);
        }
    }
}
