//! Who may speak on a connection and where its path goes: S-30 (strangers, unproven addresses, consent), S-32 (replay,
//! forgery), NAT rebinding, ICE restart, role conflict; random and mutated datagrams change nothing.

mod common;

use common::peer::{Options, Pair, Way, plain_rtp};
use proptest::prelude::*;
use std::net::SocketAddr;
use std::time::Duration;
use werkraum_media::transport::{CloseReason, Credentials, Input, State};

fn elsewhere(port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, 5], port))
}

/// S-30: media and DTLS of an address that STUN has not proven are dropped, even with the right keys.
#[test]
fn only_proven_addresses_are_heard() {
    let mut pair = Pair::connected(Options::default());
    let mut sealed = pair.peer.rtp(7, 1);
    assert_eq!(pair.transport.handle_datagram(pair.now, elsewhere(1), &mut sealed), Input::Nothing);
    assert_eq!(pair.transport.counters().path_unvalidated, 1);
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)), "it was not even looked at");

    let mut fresh = Pair::new(Options::default());
    fresh.peer.connect(fresh.now);
    let hello = fresh.peer.sending.pop_front().expect("a hello");
    assert_eq!(fresh.deliver(&hello), Input::Nothing);
    assert!(fresh.transport.poll_transmit().is_none(), "no answer to a stranger");
    assert_eq!(fresh.transport.counters().path_unvalidated, 1);
}

#[test]
fn media_before_the_keys_is_dropped() {
    let mut donor = Pair::connected(Options::default());
    let sealed = donor.peer.rtp(7, 1);
    let mut pair = Pair::new(Options::default());
    pair.peer.check();
    pair.run(Duration::ZERO, |_, _| true);
    assert_eq!(pair.deliver(&sealed), Input::Nothing);
    assert_eq!(pair.transport.counters().srtp_early, 1);
}

/// An address stays proven for 30 s, as does the client's consent (RFC 7675).
#[test]
fn consent_ends_after_thirty_seconds() {
    let mut pair = Pair::connected(Options::default());
    pair.wait(Duration::from_millis(29_900));
    let sealed = pair.peer.rtp(7, 1);
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)));
    pair.peer.check();
    pair.run(Duration::ZERO, |_, _| true);
    pair.wait(Duration::from_secs(29));
    assert_eq!(pair.transport.state(), State::Connected);
    let due = pair.transport.poll_timeout().expect("consent has an end");
    assert!(due <= pair.now + Duration::from_secs(1));
    pair.now = due;
    let sealed = pair.peer.rtp(7, 2);
    assert_eq!(pair.deliver(&sealed), Input::Nothing, "media alone does not prolong it");
    pair.transport.handle_timeout(due);
    assert_eq!(pair.transport.close_reason(), Some(CloseReason::ConsentLost));
}

#[test]
fn forged_stun_is_not_answered() {
    let mut pair = Pair::new(Options::default());
    let good = pair.peer.binding(true, false, &pair.peer.server.pwd.clone());
    let other_password = pair.peer.binding(true, false, "not the password of this one");
    let mut other_user = pair.peer.server.clone();
    std::mem::swap(&mut other_user, &mut pair.peer.server);
    pair.peer.server.ufrag = "somebody".to_owned();
    let other_user_request = pair.peer.binding(true, false, &other_user.pwd);
    pair.peer.server = other_user;
    let mut flipped = good.clone();
    flipped[30] ^= 1;
    let mut extended = good.clone();
    extended.extend([0; 4]);
    for bad in
        [other_password, other_user_request, flipped, extended, good[..good.len() - 8].to_vec(), good[..20].to_vec()]
    {
        assert_eq!(pair.deliver(&bad), Input::Nothing);
        assert!(pair.transport.poll_transmit().is_none());
    }
    assert_eq!(pair.transport.counters().stun_invalid, 6);
    assert_eq!(pair.transport.remote(), None);
    assert_eq!(pair.deliver(&good), Input::Validated);
}

/// RFC 8445, clause 7.3.1.1: we are lite, so the client has to control; it is told so.
#[test]
fn a_controlled_client_is_told_of_the_conflict() {
    let mut pair = Pair::new(Options::default());
    let request = pair.peer.binding(false, true, &pair.peer.server.pwd.clone());
    pair.peer.sending.push_back(request);
    pair.run(Duration::ZERO, |_, _| true);
    assert_eq!(pair.peer.stun_errors, [487]);
    assert_eq!(pair.transport.remote(), None);
}

#[test]
fn the_nominated_path_is_used() {
    let mut pair = Pair::connected(Options::default());
    let first = pair.peer.address;
    pair.peer.address = elsewhere(7);
    let probe = pair.peer.binding(false, false, &pair.peer.server.pwd.clone());
    assert_eq!(pair.deliver(&probe), Input::Validated);
    assert_eq!(pair.transport.remote(), Some(first.into()), "a check without nomination moves nothing");
    pair.peer.check();
    pair.run(Duration::ZERO, |_, _| true);
    assert_eq!(pair.transport.remote(), Some(elsewhere(7).into()));
}

/// A NAT that gives the client a new address: its next check moves the path, and media goes on with the same keys.
#[test]
fn a_rebound_client_is_followed() {
    let mut pair = Pair::connected(Options::default());
    pair.peer.address = elsewhere(40_000);
    pair.wait(Duration::from_secs(4));
    let probe = pair.peer.binding(false, false, &pair.peer.server.pwd.clone());
    assert_eq!(pair.deliver(&probe), Input::Validated);
    assert_eq!(pair.transport.remote(), Some(elsewhere(40_000).into()), "the old path was silent");
    let sealed = pair.peer.rtp(7, 1);
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)));
}

/// Whoever overheard the client's checks and sends them from elsewhere is not answered, and the path stays.
#[test]
fn a_replayed_check_moves_nothing() {
    let mut pair = Pair::connected(Options::default());
    let (client, password) = (pair.peer.address, pair.peer.server.pwd.clone());
    let overheard: Vec<_> = (0..20).map(|_| pair.peer.binding(true, false, &password)).collect();
    for check in &overheard {
        assert_eq!(pair.deliver(check), Input::Validated);
    }
    while pair.transport.poll_transmit().is_some() {}
    pair.wait(Duration::from_secs(4)); // the path is silent, so any other would do
    for (port, check) in (1..).zip(&overheard) {
        let mut check = check.clone();
        assert_eq!(pair.transport.handle_datagram(pair.now, elsewhere(port), &mut check), Input::Nothing);
    }
    assert!(pair.transport.poll_transmit().is_none());
    assert_eq!(pair.transport.remote(), Some(client.into()));
    assert_eq!(pair.deliver(&overheard[0]), Input::Validated, "the client itself may repeat one");
}

#[test]
fn an_ice_restart_keeps_the_keys_and_retires_the_old_credentials() {
    let mut pair = Pair::connected(Options::default());
    let old = pair.peer.binding(true, false, &pair.peer.server.pwd.clone());
    let (local, remote) = (Credentials::from_random([21; 30]), Credentials::from_random([22; 30]));
    pair.transport.restart(pair.now, local.clone(), remote.clone());
    assert_eq!(pair.deliver(&old), Input::Validated, "the old ones go on until the new ones are used");
    (pair.peer.server, pair.peer.credentials) = (local.clone(), remote);
    pair.peer.address = elsewhere(9);
    while pair.transport.poll_transmit().is_some() {}
    pair.peer.check();
    pair.run(Duration::ZERO, |_, _| true);
    assert_eq!(pair.transport.remote(), Some(elsewhere(9).into()));
    assert_eq!(*pair.transport.local_credentials(), local);
    assert_eq!(pair.deliver(&old), Input::Nothing, "the old ones are over");
    let sealed = pair.peer.rtp(7, 1);
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)), "no new handshake");
}

/// S-32.
#[test]
fn replays_and_forgeries_are_dropped_and_counted() {
    let mut pair = Pair::connected(Options::default());
    let sealed = pair.peer.rtp(7, 1);
    let mut forged = sealed.clone();
    forged[20] ^= 1;
    assert_eq!(pair.deliver(&forged), Input::Nothing);
    assert_eq!(pair.deliver(&sealed), Input::Rtp(plain_rtp(7, 1).len()));
    assert_eq!(pair.deliver(&sealed), Input::Nothing);
    let counters = pair.transport.counters();
    assert_eq!((counters.srtp_forged, counters.srtp_replayed), (1, 1));
}

/// S-32: unknown SSRCs are bounded, announced ones always have a place, also when announced before there were keys.
#[test]
fn announced_ssrcs_have_a_place() {
    let mut pair = Pair::new(Options::default());
    pair.transport.accept_ssrc(90_000);
    pair.peer.check();
    pair.peer.connect(pair.now);
    pair.run(Duration::from_secs(5), |_, _| true);
    pair.transport.accept_ssrc(90_001);
    for ssrc in 0..100 {
        let sealed = pair.peer.rtp(ssrc, 1);
        pair.deliver(&sealed);
    }
    assert_eq!(pair.transport.counters().srtp_unknown, 36);
    for ssrc in [90_000, 90_001] {
        let sealed = pair.peer.rtp(ssrc, 1);
        assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)));
    }
}

/// Fatal alerts in plain text, junk records and cut flights from the client's own address do not end a connection.
#[test]
fn dtls_junk_ends_nothing() {
    let mut pair = Pair::connected(Options::default());
    let alert = [21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 1, 0, 0, 2, 2, 40];
    for round in 0..1_000_u16 {
        let mut junk = alert.to_vec();
        junk[10] = round as u8;
        junk[0] = [21, 22, 23, 20, 25][usize::from(round) % 5];
        assert_eq!(pair.deliver(&junk), Input::Nothing);
    }
    let answers = std::iter::from_fn(|| pair.transport.poll_transmit()).count();
    assert!(answers <= 32, "{answers} answers: no amplifier");
    assert_eq!(pair.transport.state(), State::Connected);
    let sealed = pair.peer.rtp(7, 1);
    assert!(matches!(pair.deliver(&sealed), Input::Rtp(_)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Random and mutated datagrams, from a stranger and from the client's own address, at any time: no panic, and the
    /// handshake's outcome is the same.
    #[test]
    fn noise_changes_nothing(
        noise in proptest::collection::vec((any::<bool>(), 0_u8..6, proptest::collection::vec(any::<u8>(), 0..120)), 1..120),
    ) {
        let mut pair = Pair::connected(Options::default());
        let rtp = pair.peer.rtp(7, 1);
        let stun = pair.peer.binding(true, false, &pair.peer.server.pwd.clone());
        for (stranger, kind, bytes) in &noise {
            let mut datagram = match kind {
                0 => bytes.clone(),
                1 => [&[0, 1, 0, bytes.len() as u8, 0x21, 0x12, 0xa4, 0x42], &[5; 12][..], &bytes[..]].concat(),
                2 => [&[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 9, 0, bytes.len() as u8], &bytes[..]].concat(),
                3 => [&[0x90, 200], &bytes[..]].concat(),
                _ => {
                    let mut mutated = if *kind == 4 { rtp.clone() } else { stun.clone() };
                    for (at, byte) in bytes.iter().enumerate() {
                        let place = (usize::from(*byte) * 31 + at) % mutated.len();
                        mutated[place] = mutated[place].wrapping_add(*byte | 1);
                    }
                    mutated.push(1);
                    mutated
                }
            };
            let from = if *stranger { elsewhere(1) } else { pair.peer.address };
            let input = pair.transport.handle_datagram(pair.now, from, &mut datagram);
            prop_assert_eq!(input, Input::Nothing);
        }
        prop_assert_eq!(pair.transport.state(), State::Connected);
        prop_assert_eq!(pair.transport.remote(), Some(pair.peer.address.into()));
        let input = pair.deliver(&rtp);
        prop_assert!(matches!(input, Input::Rtp(_)));
    }

    /// Loss and noise during the handshake: it ends connected, or not at all, but never in a panic.
    #[test]
    fn a_noisy_handshake_is_survived(
        fates in proptest::collection::vec(any::<u8>(), 60),
        noise in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 60),
    ) {
        let mut pair = Pair::new(Options { mtu: 400, ..Options::default() });
        pair.peer.check();
        pair.run(Duration::ZERO, |_, _| true);
        pair.peer.connect(pair.now);
        let mut turn = 0;
        pair.run(Duration::from_secs(20), |_: Way, _| {
            turn += 1;
            fates[turn % fates.len()] > 50
        });
        for bytes in &noise {
            let mut record = vec![22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 99, 0, bytes.len() as u8];
            record.extend(bytes);
            pair.deliver(&record);
        }
        prop_assert_ne!(pair.transport.close_reason(), Some(CloseReason::WrongFingerprint));
    }
}
