//! What reaches a connection before there are keys: STUN (S-30) and DTLS up to the client's hello.

use super::input::{Plan, chunk, short};
use crate::common::peer::{Options, Peer};
use rtc_dtls::crypto_provider::RTCCryptoProvider;
use rtc_dtls::crypto_provider::providers::AwsLcRsProvider;
use rtc_stun::attributes::{ATTR_USERNAME, AttrType};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, MessageType, Setter, TransactionId};
use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use werkraum_media::demux::{Demux, stun_ufrag};
use werkraum_media::transport::{CloseReason, Credentials, Fingerprint, Identity, Input, RemoteDescription, Transport};

static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Identity::generate().expect("identity"));
static PROVIDER: LazyLock<AwsLcRsProvider> = LazyLock::new(AwsLcRsProvider::new);

fn address(number: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, number % 12], 5_000))
}

fn local() -> Credentials {
    Credentials::from_random([1; 30])
}

fn transport(now: Instant) -> Transport {
    let remote =
        RemoteDescription { credentials: Credentials::from_random([9; 30]), fingerprint: Fingerprint([7; 32]) };
    Transport::new(now, Arc::clone(&IDENTITY), local(), remote)
}

fn username() -> String {
    format!("{}:{}", local().ufrag, Credentials::from_random([9; 30]).ufrag)
}

/// Whether the library agrees that this is a request of the client.
fn is_authentic(datagram: &[u8]) -> bool {
    let mut message = Message::new();
    message.unmarshal_binary(datagram).is_ok()
        && message.typ == BINDING_REQUEST
        && message.get(ATTR_USERNAME).is_ok_and(|name| name == username().as_bytes())
        && FINGERPRINT.check(&message).is_ok()
        && MessageIntegrity::check(&mut message, local().pwd.as_bytes(), PROVIDER.crypto()).is_ok()
}

/// Raw datagrams, and requests whose attributes are the input's but whose integrity may be right.
pub fn stun(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let mut now = Instant::now();
    let mut transport = transport(now);
    let mut demux = Demux::new();
    demux.add_ufrag(&local().ufrag, ());
    let mut proven = HashSet::new();
    for _ in 0..32 {
        if plan.is_empty() {
            break;
        }
        let (how, from) = (plan.byte(), address(plan.byte()));
        now += Duration::from_millis(u64::from(plan.byte()) * 16);
        let mut datagram = if how & 1 == 0 { plan.chunk().to_vec() } else { request(&mut plan, how) };
        let authentic = is_authentic(&datagram);
        let _ = stun_ufrag(&datagram);
        let routed = demux.route(from, &datagram).is_some();
        assert!(!authentic || routed, "the client's own request goes astray");
        match transport.handle_datagram(now, from, &mut datagram) {
            Input::Validated => {
                assert!(authentic, "a forged request opened an address");
                demux.bind(from, ());
                proven.insert(from);
                assert!(demux.knows(from.into()), "a proven address goes astray");
            }
            Input::Nothing => {}
            media => panic!("{media:?} without keys"),
        }
        // The other way round does not hold: of many addresses the oldest is forgotten.
        assert!(proven.contains(&from) || !demux.knows(from.into()), "an address that nobody has proven");
        let answers = std::iter::from_fn(|| transport.poll_transmit()).count();
        assert!(answers <= 1 && (answers == 0 || authentic), "a stranger is answered");
        assert!(transport.remote().is_none_or(|path| proven.contains(&path.address)), "sending to an unproven address");
        transport.handle_timeout(now);
    }
}

fn request(plan: &mut Plan<'_>, how: u8) -> Vec<u8> {
    let mut message = Message::new();
    let id: [u8; 12] = std::array::from_fn(|_| plan.byte());
    message.transaction_id = TransactionId(id);
    message.write_header();
    let mut kind = BINDING_REQUEST;
    if how & 2 != 0 {
        kind = MessageType::default();
        kind.read_value(plan.word());
    }
    let _ = kind.add_to(&mut message);
    if how & 4 == 0 {
        message.add(ATTR_USERNAME, username().as_bytes());
    }
    for _ in 0..how >> 5 {
        let attribute = AttrType(plan.pick(&[0x0006, 0x0008, 0x0024, 0x0025, 0x8028, 0x8029, 0x802a, 0x8022, 0x0020]));
        message.add(attribute, plan.short());
    }
    let local = local();
    let password = if how & 8 == 0 { local.pwd.as_bytes() } else { b"not the one" };
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(password, PROVIDER.crypto());
    // Refused where the plan has added the same by hand: then it goes without.
    let _ = integrity.add_to(&mut message);
    let _ = FINGERPRINT.add_to(&mut message);
    let mut datagram = message.raw;
    if how & 16 != 0 {
        for _ in 0..1 + plan.byte() % 4 {
            let at = usize::from(plan.word()) % datagram.len();
            datagram[at] ^= plan.byte();
        }
    }
    datagram
}

pub fn stun_seeds() -> Vec<Vec<u8>> {
    let mut peer = Peer::new(local(), Options::default());
    peer.credentials = Credentials::from_random([9; 30]);
    let raw = |use_candidate, controlled, password: &str| {
        [&[0, 1, 4], &chunk(&peer.binding(use_candidate, controlled, password))[..]].concat()
    };
    let password = local().pwd;
    let real = raw(true, false, &password);
    let built = [&[0x61, 1, 4][..], &[5; 12], &[3], &short(&[1; 8]), &[2], &short(&[1; 4]), &[8], &short(&[])].concat();
    vec![
        [&real[..], &real[..]].concat(),
        raw(false, true, &password),
        raw(true, false, "another"),
        [&built[..], &real].concat(),
        [&[0x71, 2, 9][..], &built[3..], &[1, 0, 30, 9]].concat(),
    ]
}

/// Records and fragments from a proven address, made of a hello that the input holds or of anything. `true` in the
/// first byte of a piece: as it is; else a record with a right header.
pub fn hello(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let mut now = Instant::now();
    let mut transport = transport(now);
    let client = address(1);
    // As the client would ask, with a path of its own (`how` 0: everything right).
    let mut check = request(&mut Plan::new(&[]), 0);
    assert_eq!(transport.handle_datagram(now, client, &mut check), Input::Validated);
    while transport.poll_transmit().is_some() {}
    let mut body = plan.chunk().to_vec();
    for _ in 0..64 {
        if plan.is_empty() {
            break;
        }
        let how = plan.byte();
        now += Duration::from_millis(u64::from(how >> 4) * 30);
        let mut datagram = match how & 3 {
            0 => plan.chunk().to_vec(),
            1 => [&record_header(&mut plan)[..], &chunk(plan.chunk())].concat(),
            _ => {
                let mut out = Vec::new();
                for _ in 0..1 + how / 4 % 3 {
                    let piece = fragment(&mut plan, &body);
                    out.extend([&record_header(&mut plan)[..], &chunk(&piece)].concat());
                }
                out
            }
        };
        let input = transport.handle_datagram(now, client, &mut datagram);
        assert_eq!(input, Input::Nothing);
        while let Some(answer) = transport.poll_transmit() {
            // A request for a cookie: the next pieces bring it back.
            if answer.contents.get(13) == Some(&3) {
                body = with_cookie(&body, &answer.contents[28..]);
            }
        }
        transport.handle_timeout(now);
        // Whatever came, nobody has shown a certificate and signed with its key.
        assert!(matches!(
            transport.close_reason(),
            None | Some(CloseReason::ConsentLost | CloseReason::HandshakeFailed)
        ));
    }
}

fn record_header(plan: &mut Plan<'_>) -> [u8; 11] {
    let how = plan.byte();
    let content = if how & 1 == 0 { 22 } else { plan.pick(&[20, 21, 23, 24, 25]) };
    let epoch = if how & 2 == 0 { 0 } else { 1 };
    let number = if how & 4 == 0 { 0 } else { 0xff };
    [content, 0xfe, 0xfd, 0, epoch, number, number, 0, 0, 0, how >> 3]
}

/// A handshake message's fragment: usually a true one of the hello.
fn fragment(plan: &mut Plan<'_>, body: &[u8]) -> Vec<u8> {
    let (how, from, size) = (plan.byte(), usize::from(plan.word()), usize::from(plan.word()));
    let from = from % (body.len() + 1);
    let to = (from + size).min(body.len());
    let kind = if how & 1 == 0 { 1 } else { plan.pick(&[0, 2, 3, 11, 12, 14, 15, 16, 20]) };
    let (mut total, mut offset, mut length) = (body.len(), from, to - from);
    match how & 14 {
        2 => total = plan.word().into(),
        4 => offset = plan.long() as usize & 0xff_ffff,
        6 => length = plan.word().into(),
        _ => {}
    }
    let three = |value: usize| [(value >> 16) as u8, (value >> 8) as u8, value as u8];
    let head = [&[kind][..], &three(total), &[0, how >> 4 & 3], &three(offset), &three(length)].concat();
    [&head[..], &body[from..to]].concat()
}

fn with_cookie(body: &[u8], cookie: &[u8]) -> Vec<u8> {
    let Some(session) = body.get(34).map(|length| usize::from(*length)) else { return body.to_vec() };
    let Some((head, rest)) = body.split_at_checked(35 + session) else { return body.to_vec() };
    let Some((old, rest)) = rest.split_first().and_then(|(old, rest)| Some((old, rest.get(usize::from(*old)..)?)))
    else {
        return body.to_vec();
    };
    let _ = old;
    [head, &[cookie.len() as u8], cookie, rest].concat()
}

pub fn hello_seeds() -> Vec<Vec<u8>> {
    let mut peer = Peer::new(local(), Options::default());
    peer.connect(Instant::now());
    let datagram = peer.sending.pop_front().expect("a hello");
    let body = chunk(&datagram[25..]);
    let whole = |sequence: u8| [2, sequence << 4, 0, 0, 0xff, 0xff, 0];
    let part = |sequence: u8, from: u8, size: u8| [2, sequence << 4, 0, from, 0, size, 0];
    vec![
        [&body[..], &whole(0), &whole(1), &whole(1)].concat(),
        [&body[..], &part(0, 100, 200), &part(0, 0, 100), &whole(1)].concat(),
        [&body[..], &whole(0), &part(1, 0, 90), &part(1, 90, 200), &[2, 0x11, 3, 0, 0, 0, 40, 0]].concat(),
        [&body[..], &[0], &chunk(&datagram), &[0], &chunk(&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40])]
            .concat(),
        [&body[..], &whole(0), &whole(1), &[1, 3], &chunk(&[9; 40])].concat(),
    ]
}
