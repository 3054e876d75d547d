//! TURN (S-33, RFC 8656): what an allocation lets through, both ways and for how long. Who may have one and the long list
//! of forbidden addresses stand in the stories of the whole server.

// Tests take a first instant; the engine is told the time.
#![allow(clippy::disallowed_methods, reason = "tests take a first instant")]

use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use rtc_stun::attributes::{
    ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_ADDRESS_FAMILY, ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, AttrType,
};
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    CLASS_INDICATION, CLASS_REQUEST, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION,
    METHOD_REFRESH, METHOD_SEND, Message, MessageType, Method, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use werkraum_media::remote::Remote;
use werkraum_media::turn::{Allocation, Bearer, Config, Desk, Full, Greeting, Input, Malformed, Outcome, REALM};

const V4: &str = "192.0.2.1:8443";
const V6: &str = "[2001:db8::1]:8443";
const RELAYED: &str = "192.0.2.1:1024";
const NAME: &str = "somebody";
const PASSWORD: &str = "secret";

fn at(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

struct OneDesk(Instant);

impl Desk for OneDesk {
    fn bearer(&mut self, username: &str) -> Option<Bearer> {
        let until = self.0 + Duration::from_secs(300);
        (username == NAME).then(|| Bearer { password: PASSWORD.into(), until })
    }

    fn allocate(&mut self, _: &str, ipv6: Option<bool>) -> Result<SocketAddr, Full> {
        if ipv6 == Some(true) { Err(Full::Participant) } else { Ok(at(RELAYED)) }
    }
}

/// The client's side.
struct Client {
    nonce: Vec<u8>,
    transaction: u8,
}

impl Client {
    fn request(&mut self, method: Method, attributes: &[(AttrType, &[u8])], peer: Option<&str>) -> Vec<u8> {
        self.transaction += 1;
        let mut message = Message::new();
        message.typ = MessageType::new(method, CLASS_REQUEST);
        message.transaction_id = TransactionId([self.transaction; 12]);
        message.write_header();
        for (kind, value) in attributes {
            message.add(*kind, value);
        }
        if let Some(peer) = peer.map(at) {
            let peer = XorMappedAddress { ip: peer.ip(), port: peer.port() };
            peer.add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS).expect("written");
        }
        if !self.nonce.is_empty() {
            message.add(ATTR_USERNAME, NAME.as_bytes());
            message.add(ATTR_REALM, REALM.as_bytes());
            message.add(ATTR_NONCE, &self.nonce);
            let provider = AwsLcRsProvider::new();
            let (name, realm, password) = (NAME.to_owned(), REALM.to_owned(), PASSWORD.to_owned());
            let integrity =
                MessageIntegrity::new_long_term_integrity_with_provider(name, realm, password, provider.crypto());
            integrity.expect("a key").add_to(&mut message).expect("sealed");
        }
        message.raw
    }

    fn indication(&mut self, peer: &str, data: &[u8]) -> Vec<u8> {
        let mut message = Message::new();
        message.typ = MessageType::new(METHOD_SEND, CLASS_INDICATION);
        message.write_header();
        let peer = at(peer);
        let peer = XorMappedAddress { ip: peer.ip(), port: peer.port() };
        peer.add_to_as(&mut message, ATTR_XOR_PEER_ADDRESS).expect("written");
        message.add(ATTR_DATA, data);
        message.raw
    }
}

fn read(bytes: &[u8]) -> Message {
    let mut message = Message::new();
    message.unmarshal_binary(bytes).expect("an answer");
    message
}

/// The error code in an answer; 0: success.
fn code(bytes: &[u8]) -> u16 {
    read(bytes).get(ATTR_ERROR_CODE).map_or(0, |value| u16::from(value[2]) * 100 + u16::from(value[3]))
}

const UDP: (AttrType, &[u8]) = (ATTR_REQUESTED_TRANSPORT, &[17, 0, 0, 0]);

fn greeting(now: Instant) -> (Greeting, Client, OneDesk) {
    let config: Arc<Config> = Config::new(&[at(V4), at(V6)]);
    (Greeting::new(config, at("203.0.113.7:5000"), [7; 9]), Client { nonce: Vec::new(), transaction: 0 }, OneDesk(now))
}

fn challenged(now: Instant) -> (Greeting, Client, OneDesk) {
    let (mut greeting, mut client, mut desk) = greeting(now);
    let mut out = Vec::new();
    let first = client.request(METHOD_ALLOCATE, &[UDP], None);
    greeting.handle(now, &first, &mut desk, &mut out).expect("asked for credentials");
    assert_eq!(code(&out), 401);
    assert!(out.len() <= 2 * first.len(), "S-33");
    client.nonce = read(&out).get(ATTR_NONCE).expect("a nonce");
    (greeting, client, desk)
}

fn allocated(now: Instant) -> (Box<Allocation>, Client) {
    let (mut greeting, mut client, mut desk) = challenged(now);
    let mut out = Vec::new();
    match greeting.handle(now, &client.request(METHOD_ALLOCATE, &[UDP], None), &mut desk, &mut out) {
        Ok(Outcome::Allocated(allocation)) => (allocation, client),
        other => panic!("{other:?} {}", code(&out)),
    }
}

fn ask(allocation: &mut Allocation, now: Instant, mut frame: Vec<u8>) -> u16 {
    let mut out = Vec::new();
    assert_eq!(allocation.handle(now, &mut frame, &mut out), Input::Nothing);
    code(&out)
}

#[test]
fn datagrams_go_to_our_address_and_come_back_as_the_client_asked() {
    let now = Instant::now();
    let (mut allocation, mut client) = allocated(now);
    let path = Remote::turn(at(RELAYED), 0);
    let mut out = Vec::new();
    let mut indication = client.indication(V4, b"abc");
    assert_eq!(allocation.handle(now, &mut indication.clone(), &mut out), Input::Nothing, "no permission yet");
    assert!(!allocation.write(now, 0, b"abc", &mut out), "nor back");
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CREATE_PERMISSION, &[], Some(V4))), 0);
    assert_eq!(allocation.handle(now, &mut indication, &mut out), Input::Datagram(path, &mut b"abc".to_owned()));
    assert!(allocation.write(now, 0, b"back", &mut out));
    assert_eq!(read(&out).get(ATTR_DATA).expect("a Data indication"), b"back");

    let channel = (ATTR_CHANNEL_NUMBER, &[0x40, 0x07, 0, 0][..]);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CHANNEL_BIND, &[channel], Some(V4))), 0);
    out.clear();
    assert!(allocation.write(now, 0, b"back!", &mut out));
    assert_eq!(out, b"\x40\x07\x00\x05back!\0\0\0", "padded");
    let back = allocation.handle(now, &mut out, &mut Vec::new());
    assert_eq!(back, Input::Datagram(path, &mut b"back!".to_owned()));
    assert!(out.len() == 12 && !allocation.write(now, 0, &[0; 70_000], &mut out), "too large for a frame");
    // Another channel to the same address, or the same channel again: one to one (RFC 8656, clause 12.2).
    let other = (ATTR_CHANNEL_NUMBER, &[0x40, 0x08, 0, 0][..]);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CHANNEL_BIND, &[other], Some(V4))), 400);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CHANNEL_BIND, &[channel], Some(V4))), 0);
    let low = (ATTR_CHANNEL_NUMBER, &[0x3f, 0xff, 0, 0][..]);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CHANNEL_BIND, &[low], Some(V4))), 400);
}

#[test]
fn other_addresses_are_refused_before_anything_else_is_looked_at() {
    let now = Instant::now();
    let (mut allocation, mut client) = allocated(now);
    for peer in ["127.0.0.1:8443", "192.0.2.1:8444", "192.0.2.2:8443", "[::ffff:192.0.2.1]:8443", "[2001:db8::1]:1"] {
        assert_eq!(ask(&mut allocation, now, client.request(METHOD_CREATE_PERMISSION, &[], Some(peer))), 403, "{peer}");
        assert_eq!(ask(&mut allocation, now, client.request(METHOD_CHANNEL_BIND, &[], Some(peer))), 403, "{peer}");
        let mut indication = client.indication(peer, b"abc");
        assert_eq!(allocation.handle(now, &mut indication, &mut Vec::new()), Input::Nothing, "{peer}");
    }
    assert_eq!(allocation.refused(), 15);
    // Ours, but of another family than the relayed address (RFC 8656, clause 9.2); and without a port.
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CREATE_PERMISSION, &[], Some(V6))), 443);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CREATE_PERMISSION, &[], Some("192.0.2.1:0"))), 0);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CREATE_PERMISSION, &[], None)), 400);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_ALLOCATE, &[UDP], None)), 437);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_BINDING, &[], None)), 400);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_REFRESH, &[(AttrType(0x7001), b"new!")], None)), 420);
}

#[test]
fn permissions_channels_and_allocations_end() {
    let now = Instant::now();
    let (mut allocation, mut client) = allocated(now);
    let channel = (ATTR_CHANNEL_NUMBER, &[0x40, 0, 0, 0][..]);
    assert_eq!(ask(&mut allocation, now, client.request(METHOD_CHANNEL_BIND, &[channel], Some(V4))), 0);
    let mut out = Vec::new();
    assert!(allocation.write(now + Duration::from_secs(599), 0, b"a", &mut out));
    assert!(!allocation.write(now + Duration::from_secs(600), 0, b"a", &mut out));

    let after = |seconds| now + Duration::from_secs(seconds);
    assert!(!allocation.is_over(after(299), false), "its credentials are good");
    assert!(allocation.is_over(after(300), false), "nobody uses it and they are not");
    assert!(!allocation.is_over(after(599), true));
    assert!(allocation.is_over(after(600), true), "not refreshed");
    let long = (ATTR_LIFETIME, &9_999_u32.to_be_bytes()[..]);
    assert_eq!(ask(&mut allocation, after(500), client.request(METHOD_REFRESH, &[long], None)), 0);
    assert!(!allocation.is_over(after(500 + 3_599), true) && allocation.is_over(after(500 + 3_600), true));

    let mut last = client.request(METHOD_REFRESH, &[(ATTR_LIFETIME, &[0; 4])], None);
    assert_eq!(allocation.handle(now, &mut last, &mut out), Input::Ended);
}

#[test]
fn requests_that_are_not_authentic_change_nothing() {
    let now = Instant::now();
    let (mut allocation, mut client) = allocated(now);
    let mut forged = client.request(METHOD_CREATE_PERMISSION, &[], Some(V4));
    let end = forged.len() - 1;
    forged[end] ^= 1;
    assert_eq!(ask(&mut allocation, now, forged), 441);
    let mut indication = client.indication(V4, b"abc");
    assert_eq!(allocation.handle(now, &mut indication, &mut Vec::new()), Input::Nothing);
    // Whatever the last bytes claim to be.
    let whole = client.request(METHOD_CREATE_PERMISSION, &[], Some(V4));
    for cut in 0..whole.len() {
        let mut short = whole[..cut].to_vec();
        let mut out = Vec::new();
        assert_eq!(allocation.handle(now, &mut short, &mut out), Input::Nothing);
        assert!(out.is_empty() || code(&out) != 0, "{cut}");
    }
}

#[test]
fn a_greeting_is_strict_and_short() {
    let now = Instant::now();
    let (mut first, mut client, mut desk) = greeting(now);
    let mut out = Vec::new();
    // Without REQUESTED-TRANSPORT the request is so short that the answer would be more than twice as long (S-33).
    let short = client.request(METHOD_ALLOCATE, &[], None);
    assert_eq!(first.handle(now, &short, &mut desk, &mut out).err(), Some(Malformed));
    let other = client.request(METHOD_BINDING, &[UDP], None);
    assert_eq!(first.handle(now, &other, &mut desk, &mut out).err(), Some(Malformed));
    assert!(out.is_empty());

    let (mut greeting, mut client, mut desk) = challenged(now);
    let mut asked = |client: &mut Client, attributes: &[(AttrType, &[u8])]| {
        let mut out = Vec::new();
        let goes_on = greeting.handle(now, &client.request(METHOD_ALLOCATE, attributes, None), &mut desk, &mut out);
        (code(&out), goes_on.is_ok())
    };
    let tcp = (ATTR_REQUESTED_TRANSPORT, &[6, 0, 0, 0][..]);
    assert_eq!(asked(&mut client, &[tcp]), (442, true));
    assert_eq!(asked(&mut client, &[]), (400, true));
    assert_eq!(asked(&mut client, &[UDP, (AttrType(0x0018), &[0x80])]), (420, true), "EVEN-PORT");
    let ipv6 = (ATTR_REQUESTED_ADDRESS_FAMILY, &[2, 0, 0, 0][..]);
    assert_eq!(asked(&mut client, &[UDP, ipv6]), (486, true), "as the desk says");
    let nonce = std::mem::replace(&mut client.nonce, b"AAAAAAAAAAAA".to_vec());
    assert_eq!(asked(&mut client, &[UDP]), (438, true));
    client.nonce = nonce;
    assert!(asked(&mut client, &[tcp]).1);
    assert_eq!(asked(&mut client, &[tcp]), (442, false), "often enough");
}
