//! The race for a connection (S-30, S-31, S-32): a stranger's hello, from elsewhere or in the client's name, neither
//! takes nor breaks it; hellos may come twice, in any order and in crumbs; packets count once; forgery leaves nothing.
#![allow(clippy::disallowed_methods, reason = "tests take a first instant")]

mod common;

use common::meeting::{self, Meeting};
use common::peer::{Options, Pair, Peer, plain_rtp};
use model::ids::ParticipantId;
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile as Offered;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use werkraum_media::command::{Command, Event, Reply, Sources};
use werkraum_media::transport::{CloseReason, Credentials, Input, Profile, State};

const LIMIT: Duration = Duration::from_secs(60);

fn elsewhere() -> SocketAddr {
    "203.0.113.66:6666".parse().expect("address")
}

/// Datagrams of strangers who would like to shake hands: whole hellos with worse profiles, the second one with a wrong
/// cookie, fragments, an empty record, one with the highest record number, the beginnings of other messages.
fn hellos() -> Vec<Vec<u8>> {
    let of = |options: Options| {
        let mut peer = Peer::new(Credentials::from_random([3; 30]), options);
        peer.connect(Instant::now());
        Vec::from(peer.sending)
    };
    let sha1 = of(Options { profiles: vec![Offered::Srtp_Aes128_Cm_Hmac_Sha1_80], mtu: 1_200 }).remove(0);
    let mut all = of(Options { mtu: 100, ..Options::default() });
    let mut second = sha1.clone();
    second[18] = 1;
    second[59] = 20; // the length of its cookie: some of what follows
    let mut newest = sha1.clone();
    newest[5..11].fill(0xff);
    let mut certificate = sha1.clone();
    (certificate[13], certificate[18]) = (11, 2);
    let null = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].to_vec();
    all.extend([sha1, second, newest, certificate, null]);
    all
}

/// Any stranger may spray: what he sends from elsewhere is not even looked at.
#[test]
fn hellos_from_elsewhere_race_in_vain() {
    let hellos = hellos();
    for round in 0..100 {
        let mut pair = Pair::new(Options::default());
        let spray = |pair: &mut Pair, count: usize| {
            for hello in hellos.iter().cycle().skip(round).take(count) {
                assert_eq!(pair.transport.handle_datagram(pair.now, elsewhere(), &mut hello.clone()), Input::Nothing);
            }
        };
        spray(&mut pair, 25);
        pair.peer.check();
        pair.run(Duration::ZERO, |_, _| true);
        spray(&mut pair, 25);
        assert!(pair.transport.poll_transmit().is_none(), "the stranger is answered");
        pair.peer.connect(pair.now);
        pair.run(LIMIT, |_, _| true);
        assert_eq!(pair.transport.state(), State::Connected, "round {round}");
        assert_eq!(pair.transport.counters().path_unvalidated, 50);
        spray(&mut pair, 50);
        assert_eq!(pair.transport.state(), State::Connected);
    }
}

/// The same in the client's name, from its own address: before its hello, between its datagrams, and afterwards. It
/// connects, and with the best profile that it offered.
#[test]
fn hellos_in_the_clients_name_race_in_vain() {
    let hellos = hellos();
    for round in 0..200 {
        let mtu = [1_200, 120][round % 2];
        let mut pair = Pair::new(Options { mtu, ..Options::default() });
        pair.peer.check();
        pair.run(Duration::ZERO, |_, _| true);
        let spray = |pair: &mut Pair, count: usize| {
            for hello in hellos.iter().cycle().skip(round).take(count) {
                assert_eq!(pair.deliver(hello), Input::Nothing);
                let answer = pair.transport.poll_transmit();
                assert!(answer.is_none_or(|answer| answer.contents.len() <= hello.len()), "nothing is amplified");
            }
        };
        spray(&mut pair, 30);
        pair.peer.connect(pair.now);
        // Each datagram of the client's hello with a forged one before it. What comes later is beyond a stranger who
        // does not hear: it has to fit to the server's answer.
        while let Some(datagram) = pair.peer.sending.pop_front() {
            spray(&mut pair, 1);
            pair.deliver(&datagram);
        }
        pair.run(LIMIT, |_, _| true);
        assert_eq!(pair.transport.state(), State::Connected, "round {round}");
        assert!(pair.peer.inbound.is_some());
        assert_eq!(pair.transport.profile(), Some(Profile::Aes128Gcm), "a stranger chose the profile");
        // Crumbs of a hello that is exactly as long may spoil one; the client repeats it then.
        let patience = Duration::from_secs(if mtu == 120 { 3 } else { 0 });
        assert!(pair.now - pair.start <= patience, "round {round}: {:?}", pair.now - pair.start);
        spray(&mut pair, 40);
        assert_eq!(pair.transport.state(), State::Connected);
        let sealed = pair.peer.rtp(7, 1);
        assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)));
    }
}

#[test]
fn a_hello_may_come_twice_in_any_order_and_in_crumbs() {
    for (mtu, turn) in [(1_200, 0), (90, 1), (90, 2), (60, 3)] {
        let mut pair = Pair::new(Options { mtu, ..Options::default() });
        pair.peer.check();
        pair.run(Duration::ZERO, |_, _| true);
        pair.peer.connect(pair.now);
        for _ in 0..2 {
            // The first hello, then the one with the cookie.
            let mut crumbs = Vec::from(std::mem::take(&mut pair.peer.sending));
            crumbs.reverse();
            let len = crumbs.len();
            crumbs.rotate_left(turn % len);
            for crumb in crumbs.iter().chain(&crumbs) {
                pair.deliver(crumb);
            }
            while let Some(transmit) = pair.transport.poll_transmit() {
                pair.peer.handle(pair.now, &transmit.contents);
            }
        }
        pair.run(LIMIT, |_, _| true);
        assert_eq!(pair.transport.state(), State::Connected, "mtu {mtu}");
        assert!(pair.peer.inbound.is_some());
    }
}

/// The memory of checks that were seen is not touched by forged ones: neither is the client's own taken for a repeat,
/// nor is an overheard one forgotten.
#[test]
fn forged_checks_are_not_remembered() {
    let mut pair = Pair::connected(Options::default());
    let password = pair.peer.server.pwd.clone();
    let real = pair.peer.binding(true, false, &password);
    let mut forged = pair.peer.binding(true, false, "not the password");
    forged[8..20].copy_from_slice(&real[8..20]); // the client's transaction, before the client
    assert_eq!(pair.transport.handle_datagram(pair.now, elsewhere(), &mut forged), Input::Nothing);
    assert_eq!(pair.deliver(&real), Input::Validated);
    for _ in 0..5_000 {
        let mut forged = pair.peer.binding(true, false, "not the password");
        assert_eq!(pair.transport.handle_datagram(pair.now, elsewhere(), &mut forged), Input::Nothing);
    }
    assert_eq!(pair.transport.handle_datagram(pair.now, elsewhere(), &mut real.clone()), Input::Nothing, "a replay");
    assert_eq!(pair.transport.remote(), Some(pair.peer.address.into()));
}

/// S-32: 100,000 captured packets, over rollovers, at once, a little later and much later: none is taken twice.
#[test]
fn no_captured_packet_is_taken_twice() {
    let mut pair = Pair::connected(Options::default());
    let mut captured = Vec::new();
    let mut replayed = 0;
    for n in 0..100_000_u32 {
        let sealed = pair.peer.rtp(7, (65_400 + n) as u16);
        assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)), "packet {n}");
        let before = [1, 2, 127, 128, 129, 20_000, 65_535, 65_536, 65_537][n as usize % 9];
        captured.push(sealed);
        for back in [0, before] {
            if let Some(old) = (n as usize).checked_sub(back).map(|at| captured[at].clone()) {
                assert_eq!(pair.deliver(&old), Input::Nothing, "packet {n} again, {back} back");
                replayed += 1;
            }
        }
    }
    // Those of a rollover before are tried with the index of now and look forged.
    let counters = pair.transport.counters();
    assert_eq!(counters.srtp_replayed + counters.srtp_forged, replayed);
    assert!(counters.srtp_replayed > 100_000);
    assert_eq!(pair.transport.state(), State::Connected);
}

#[test]
fn the_window_is_exact_and_survives_forged_jumps() {
    let mut pair = Pair::connected(Options::default());
    let packets: Vec<_> = (0..400_u16).map(|step| pair.peer.rtp(7, 65_300_u16.wrapping_add(step))).collect();
    assert!(matches!(pair.deliver(&packets[0]), Input::Rtp(_)));
    // A jump that nobody has sealed, far ahead and far back: forged, and the window stays.
    for sequence in [65_300_u16.wrapping_add(20_000), 65_300 - 20_000, 10] {
        let mut forged = packets[0].clone();
        forged[2..4].copy_from_slice(&sequence.to_be_bytes());
        assert_eq!(pair.deliver(&forged), Input::Nothing);
    }
    assert!(matches!(pair.deliver(&packets[300]), Input::Rtp(_)), "ahead, over the rollover");
    assert!(matches!(pair.deliver(&packets[173]), Input::Rtp(_)), "127 behind");
    assert_eq!(pair.deliver(&packets[172]), Input::Nothing, "128 behind");
    assert!(matches!(pair.deliver(&packets[299]), Input::Rtp(_)));
    let report =
        pair.peer.outbound.as_mut().expect("keys").encrypt_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9]).expect("sealed");
    assert_eq!(pair.deliver(&report), Input::Rtcp(8));
    assert_eq!(pair.deliver(&report), Input::Nothing, "an index of RTCP counts once");
    let mut other_index = report.to_vec();
    let last = other_index.len() - 1;
    other_index[last] ^= 1;
    assert_eq!(pair.deliver(&other_index), Input::Nothing);
}

/// S-32: packets with SSRCs that were made up leave nothing behind.
#[test]
fn forged_ssrcs_leave_nothing() {
    let mut pair = Pair::connected(Options::default());
    let sealed = pair.peer.rtp(7, 1);
    let report =
        pair.peer.outbound.as_mut().expect("keys").encrypt_rtcp(&[0x80, 201, 0, 1, 0, 0, 0, 9]).expect("sealed");
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)));
    let from = pair.peer.address;
    let mut buffer = vec![0; 2_048];
    let allocated = allocation_counter::measure(|| {
        for ssrc in 0..50_000_u32 {
            for (captured, at) in [(&sealed[..], 8), (&report[..], 4)] {
                let datagram = &mut buffer[..captured.len()];
                datagram.copy_from_slice(captured);
                datagram[at..at + 4].copy_from_slice(&(ssrc + 100).to_be_bytes());
                assert_eq!(pair.transport.handle_datagram(pair.now, from, datagram), Input::Nothing);
            }
        }
    });
    assert_eq!(allocated.count_total, 0, "no state for what is not authenticated");
    assert_eq!(pair.transport.counters().srtp_forged, 100_000);
    let sealed = pair.peer.rtp(8, 1);
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)), "a new SSRC has its place");
}

/// S-31: with another certificate than signalled no media passes, the connection ends, and it is counted.
#[test]
fn a_wrong_certificate_is_counted() {
    let mut meeting = Meeting::new();
    let good = meeting.join(1, false);
    let (room, participant) = (meeting.room, ParticipantId::from_random([77; 16]));
    let mut peer = Peer::new(Credentials::from_random([0; 30]), Options::default());
    let other = Peer::new(Credentials::from_random([0; 30]), Options::default());
    peer.address = elsewhere();
    let right = peer.description().fingerprint.to_string();
    let mut offer = meeting::offer(&peer, 1, false);
    offer.sdp = offer.sdp.replace(&right, &other.description().fingerprint.to_string());
    meeting.command(Command::Join { room, participant, allowed: Sources::ALL });
    let Reply::Answer(answer) = meeting.command(Command::Offer { room, participant, offer }) else { panic!("answer") };
    let value = |key: &str| answer.lines().find_map(|line| line.strip_prefix(key)).expect("in the answer").to_owned();
    peer.server = Credentials { ufrag: value("a=ice-ufrag:"), pwd: value("a=ice-pwd:") };
    peer.check();
    peer.connect(meeting.now);
    for _ in 0..20 {
        while let Some(mut datagram) = peer.sending.pop_front() {
            meeting.engine.handle_datagram(meeting.now, peer.address, &mut datagram);
        }
        let mut answers = Vec::new();
        while let Some(transmit) = meeting.engine.poll_transmit() {
            if transmit.to == peer.address.into() {
                answers.push(transmit.contents.to_vec());
            }
        }
        for answer in answers {
            peer.handle(meeting.now, &answer);
        }
    }
    meeting.pass(Duration::from_millis(10));
    assert!(meeting.events.contains(&Event::Disconnected { room, participant }));
    assert!(!meeting.events.contains(&Event::Connected { room, participant }));
    assert_eq!(meeting.engine.counters().certificates_refused, 1);
    meeting.sound(good, 1, 30);
    meeting.pass(Duration::from_millis(50));
    assert_eq!(meeting.engine.counters().panics, 0);
}

/// The transport itself: the reason is told, and keys never existed.
#[test]
fn a_wrong_certificate_opens_no_media() {
    let wrong = |mut description: werkraum_media::transport::RemoteDescription| {
        description.fingerprint.0[31] ^= 1;
        description
    };
    let mut pair = Pair::with(Options::default(), wrong);
    pair.peer.check();
    pair.peer.connect(pair.now);
    pair.run(LIMIT, |_, _| true);
    assert_eq!(pair.transport.close_reason(), Some(CloseReason::WrongFingerprint));
    assert_eq!(pair.transport.profile(), None);
    if pair.peer.outbound.is_some() {
        let sealed = pair.peer.rtp(7, 1);
        assert_eq!(pair.deliver(&sealed), Input::Nothing);
    }
    assert_eq!(pair.transport.handle_datagram(pair.now, pair.peer.address, &mut plain_rtp(7, 1)), Input::Nothing);
}
