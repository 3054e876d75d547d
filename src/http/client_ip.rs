//! Who is at the other end, as an address: from the connection, or from a proxy that the settings name (S-18).
//!
//! Used for limits only. The type has no `Debug`, `Display` or `Serialize` (S-41), so that it cannot get into a log,
//! an answer or the database (P-04).

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, request::Parts};

/// A client's full address. Never logged, stored or sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(IpAddr);

/// What limits are counted by: an IPv4 address, or an IPv6 /64, since one person has a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Prefix(IpAddr);

impl ClientIp {
    /// The client behind `peer`: where that is a named proxy, the last address in `X-Forwarded-For` that is none.
    pub fn new(peer: IpAddr, headers: &HeaderMap, proxies: &[IpAddr]) -> Self {
        let peer = peer.to_canonical();
        if !proxies.contains(&peer) {
            return Self(peer);
        }
        let forwarded = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|one| one.trim().parse::<IpAddr>().map(|ip| ip.to_canonical()));
        // Read from the end: what stands before the first unknown address was written by the client itself.
        let mut client = peer;
        for address in forwarded.collect::<Vec<_>>().into_iter().rev() {
            let Ok(address) = address else { break };
            client = address;
            if !proxies.contains(&address) {
                break;
            }
        }
        Self(client)
    }

    /// The key for limits.
    pub fn prefix(self) -> Prefix {
        Prefix::of(self.0)
    }
}

impl Prefix {
    /// The prefix that `ip` belongs to.
    pub fn of(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V4(ip) => ip.into(),
            IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & (!0u128 << 64)).into(),
        })
    }
}

/// Put into each request by `http::outer`; a request without it (a test of one router) counts as from nowhere.
impl<S: Sync> FromRequestParts<S> for ClientIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        Ok(parts.extensions.get::<Self>().copied().unwrap_or(Self(Ipv6Addr::UNSPECIFIED.into())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn client(peer: &str, forwarded: &[&str]) -> IpAddr {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append("x-forwarded-for", value.parse().expect("a value"));
        }
        ClientIp::new(ip(peer), &headers, &[ip("127.0.0.1"), ip("10.0.0.1")]).0
    }

    #[test]
    fn only_named_proxies_are_believed() {
        assert_eq!(client("198.51.100.1", &["203.0.113.9"]), ip("198.51.100.1"));
        assert_eq!(client("127.0.0.1", &["203.0.113.9"]), ip("203.0.113.9"));
        assert_eq!(client("127.0.0.1", &["1.1.1.1, 203.0.113.9", "10.0.0.1"]), ip("203.0.113.9"));
        assert_eq!(client("127.0.0.1", &["203.0.113.9, nonsense"]), ip("127.0.0.1"));
        assert_eq!(client("127.0.0.1", &[]), ip("127.0.0.1"));
        assert_eq!(client("::ffff:127.0.0.1", &["::ffff:203.0.113.9"]), ip("203.0.113.9"));
    }

    #[test]
    fn a_slash_64_is_one_client() {
        assert_eq!(Prefix::of(ip("2001:db8::1")), Prefix::of(ip("2001:db8::ffff:1")));
        assert_ne!(Prefix::of(ip("2001:db8::1")), Prefix::of(ip("2001:db8:0:1::1")));
        assert_ne!(Prefix::of(ip("192.0.2.1")), Prefix::of(ip("192.0.2.2")));
    }
}
