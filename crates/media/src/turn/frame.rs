//! How TURN lies in a stream (RFC 8656, clauses 2.1 and 12.5; RFC 8489, clause 6.2.2), and the addresses in its
//! attributes. Every length is checked against what is there and against our limits before anything is read.

use model::limits;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub(super) const HEADER_BYTES: usize = 20;
pub(super) const COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
/// A Send indication around the largest datagram: header, address, and the attribute's own head and padding.
const INDICATION_BYTES_MAX: usize = limits::DATAGRAM_BYTES_MAX + 128;

/// The client does not speak TURN, or sends more than we take: its connection is to be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not TURN")]
pub struct Malformed;

/// Whether a connection that begins with this byte speaks TURN: the first two bits of STUN are zero, HTTP begins with
/// letters.
#[must_use]
pub fn is_turn(first: u8) -> bool {
    first < 0x40
}

/// How many bytes the frame at the beginning of `bytes` takes, padding included; `None`: not enough are there to tell.
///
/// # Errors
/// [`Malformed`], also for what is too large.
pub fn frame_bytes(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let &[first, _, high, low, ..] = bytes else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([high, low]));
    match first {
        0..0x40 => {
            let cookie = bytes.get(4..8).is_none_or(|cookie| cookie == COOKIE);
            let whole = HEADER_BYTES + length;
            let fits = whole <= INDICATION_BYTES_MAX && length.is_multiple_of(4);
            (cookie && fits).then_some(Some(whole)).ok_or(Malformed)
        }
        0x40..0x50 => {
            let fits = length <= limits::DATAGRAM_BYTES_MAX;
            fits.then(|| Some(4 + length.next_multiple_of(4))).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

/// Number and data of a whole ChannelData frame (RFC 8656, clause 12.4).
pub(super) fn channel_data(frame: &mut [u8]) -> Option<(u16, &mut [u8])> {
    let [n0, n1, l0, l1, data @ ..] = frame else { return None };
    let (number, length) = (u16::from_be_bytes([*n0, *n1]), usize::from(u16::from_be_bytes([*l0, *l1])));
    Some((number, data.get_mut(..length)?))
}

/// Writes a ChannelData frame, padded as streams want it.
pub(super) fn write_channel_data(number: u16, data: &[u8], out: &mut Vec<u8>) -> bool {
    let Ok(length) = u16::try_from(data.len()) else { return false };
    out.extend(number.to_be_bytes());
    out.extend(length.to_be_bytes());
    out.extend_from_slice(data);
    pad(out, data.len());
    true
}

/// Fills an attribute or frame of so many bytes up to a multiple of four.
pub(super) fn pad(out: &mut Vec<u8>, length: usize) {
    out.resize(out.len() + length.next_multiple_of(4) - length, 0);
}

/// The address in XOR-PEER-ADDRESS and its like (RFC 8489, clause 14.2).
pub(super) fn read_address(value: &[u8], transaction: &[u8; 12]) -> Option<SocketAddr> {
    let [_, family, p0, p1, ip @ ..] = value else { return None };
    let port = u16::from_be_bytes([p0 ^ COOKIE[0], p1 ^ COOKIE[1]]);
    let mask = mask(transaction);
    let ip = match (family, ip.len()) {
        (1, 4) => {
            let mut octets = [0; 4];
            octets.iter_mut().zip(ip).zip(mask).for_each(|((to, from), mask)| *to = from ^ mask);
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        (2, 16) => {
            let mut octets = [0; 16];
            octets.iter_mut().zip(ip).zip(mask).for_each(|((to, from), mask)| *to = from ^ mask);
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Appends an address as [`read_address`] reads it.
pub(super) fn write_address(address: SocketAddr, transaction: &[u8; 12], out: &mut Vec<u8>) {
    let [p0, p1] = address.port().to_be_bytes();
    out.extend([0, if address.is_ipv4() { 1 } else { 2 }, p0 ^ COOKIE[0], p1 ^ COOKIE[1]]);
    let mask = mask(transaction);
    match address.ip() {
        IpAddr::V4(ip) => out.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
        IpAddr::V6(ip) => out.extend(ip.octets().iter().zip(mask).map(|(byte, mask)| byte ^ mask)),
    }
}

fn mask(transaction: &[u8; 12]) -> [u8; 16] {
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&COOKIE);
    mask[4..].copy_from_slice(transaction);
    mask
}

/// Peer address and data of a whole Send indication (RFC 8656, clause 11.2), which nobody authenticates.
pub(super) fn send_indication(message: &mut [u8]) -> Option<(SocketAddr, &mut [u8])> {
    const XOR_PEER_ADDRESS: u16 = 0x0012;
    const DATA: u16 = 0x0013;
    let transaction: [u8; 12] = message.get(8..HEADER_BYTES)?.try_into().ok()?;
    let (mut peer, mut data, mut at) = (None, None, HEADER_BYTES);
    while at < message.len() {
        let head: [u8; 4] = message.get(at..at + 4)?.try_into().ok()?;
        let (kind, length) =
            (u16::from_be_bytes([head[0], head[1]]), usize::from(u16::from_be_bytes([head[2], head[3]])));
        let value = at + 4..at + 4 + length;
        match kind {
            XOR_PEER_ADDRESS if peer.is_none() => peer = Some(read_address(message.get(value)?, &transaction)?),
            DATA if data.is_none() => data = message.get(value.clone()).map(|_| value),
            // DONT-FRAGMENT and whatever may be ignored; what must be understood is not there in WebRTC.
            0x001a | 0x8000.. => {}
            _ => return None,
        }
        at += 4 + length.next_multiple_of(4);
    }
    Some((peer?, message.get_mut(data?)?))
}

/// Writes a Data indication (RFC 8656, clause 11.3).
pub(super) fn write_data_indication(peer: SocketAddr, transaction: [u8; 12], data: &[u8], out: &mut Vec<u8>) -> bool {
    let address: u8 = if peer.is_ipv4() { 8 } else { 20 };
    let length = 4 + usize::from(address) + 4 + data.len().next_multiple_of(4);
    let (Ok(length), Ok(data_length)) = (u16::try_from(length), u16::try_from(data.len())) else { return false };
    out.extend([0x00, 0x17]);
    out.extend(length.to_be_bytes());
    out.extend(COOKIE);
    out.extend(transaction);
    out.extend([0x00, 0x12, 0, address]);
    write_address(peer, &transaction, out);
    out.extend([0x00, 0x13]);
    out.extend(data_length.to_be_bytes());
    out.extend_from_slice(data);
    pad(out, data.len());
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_are_measured_and_bounded() {
        assert_eq!(frame_bytes(&[0x40, 0, 0]), Ok(None));
        assert_eq!(frame_bytes(&[0x40, 0, 0, 5]), Ok(Some(12)), "padded over a stream");
        assert_eq!(frame_bytes(&[0x40, 0, 0xff, 0xff]), Err(Malformed), "larger than any datagram of ours");
        assert_eq!(frame_bytes(&[0, 3, 0, 8]), Ok(Some(28)));
        assert_eq!(frame_bytes(&[0, 3, 0, 8, 0x21, 0x12, 0xa4, 0x42]), Ok(Some(28)));
        assert_eq!(frame_bytes(&[0, 3, 0, 8, 0, 0, 0, 0]), Err(Malformed), "no magic cookie");
        assert_eq!(frame_bytes(&[0, 3, 0, 7]), Err(Malformed));
        assert_eq!(frame_bytes(&[0, 3, 0xff, 0xfc]), Err(Malformed));
        assert_eq!(frame_bytes(b"GET / HTTP"), Err(Malformed));
        assert!(!is_turn(b'G') && !is_turn(b'P') && is_turn(0));
    }

    #[test]
    fn addresses_and_data_come_back() {
        for peer in ["192.0.2.7:3478", "[2001:db8::7]:1"] {
            let peer: SocketAddr = peer.parse().expect("an address");
            for data in [&b""[..], b"a", b"abcd", &[7; 1_500]] {
                let mut out = Vec::new();
                assert!(write_data_indication(peer, [9; 12], data, &mut out));
                assert_eq!(frame_bytes(&out), Ok(Some(out.len())));
                let (from, got) = send_indication(&mut out).expect("well-formed");
                assert_eq!((from, &*got), (peer, data));
                out.clear();
                assert!(write_channel_data(0x4001, data, &mut out));
                assert_eq!(frame_bytes(&out), Ok(Some(out.len())));
                assert_eq!(
                    channel_data(&mut out).map(|(number, got)| (number, got.to_vec())),
                    Some((0x4001, data.into()))
                );
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = frame_bytes(&bytes);
            let _ = channel_data(&mut bytes);
            let _ = send_indication(&mut bytes);
            let _ = read_address(&bytes, &[1; 12]);
        }
    }
}
