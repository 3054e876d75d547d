//! ICE, DTLS and SRTP against the webrtc family's client: profiles, loss, fragments, wrong certificates, closing.

mod common;

use common::peer::{Options, Pair, Way, plain_rtp};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use std::time::Duration;
use werkraum_media::transport::{CloseReason, Fingerprint, Input, Profile, RemoteDescription, State, TransportError};

const LIMIT: Duration = Duration::from_secs(60);

fn sends_both_ways(pair: &mut Pair) {
    for sequence in 65_530..65_540_u32 {
        let sequence = sequence as u16;
        let mut sealed = pair.peer.rtp(7, sequence);
        let input = pair.transport.handle_datagram(pair.now, pair.peer.address, &mut sealed);
        assert_eq!(input, Input::Rtp(plain_rtp(7, sequence).len()));
        assert_eq!(sealed[..plain_rtp(7, sequence).len()], plain_rtp(7, sequence));

        let mut out = b"train".to_vec();
        out.extend(plain_rtp(8, sequence));
        pair.transport.seal_rtp(&mut out, 5).expect("sealed");
        assert_eq!(out.len(), 5 + plain_rtp(8, sequence).len() + pair.transport.overhead_rtp());
        let opened = pair.peer.inbound.as_mut().expect("connected").decrypt_rtp(&out[5..]).expect("opened");
        assert_eq!(opened[..], plain_rtp(8, sequence));
    }
    let report = [0x80, 201, 0, 1, 0, 0, 0, 9];
    let mut sealed = pair.peer.outbound.as_mut().expect("connected").encrypt_rtcp(&report).expect("sealed").to_vec();
    assert_eq!(pair.transport.handle_datagram(pair.now, pair.peer.address, &mut sealed), Input::Rtcp(8));
    assert_eq!(sealed[..8], report);
    for _ in 0..3 {
        let mut out = report.to_vec();
        pair.transport.seal_rtcp(&mut out, 0).expect("sealed");
        assert_eq!(out.len(), report.len() + pair.transport.overhead_rtcp());
        let opened = pair.peer.inbound.as_mut().expect("connected").decrypt_rtcp(&out).expect("opened");
        assert_eq!(opened[..], report);
    }
}

/// AEAD whenever the client offers it, SHA-1 only where there is nothing else (S-31).
#[test]
fn every_profile_connects_and_carries_media() {
    use SrtpProtectionProfile as Offered;
    let sha1 = Offered::Srtp_Aes128_Cm_Hmac_Sha1_80;
    for (profiles, chosen) in [
        (vec![sha1, Offered::Srtp_Aead_Aes_256_Gcm, Offered::Srtp_Aead_Aes_128_Gcm], Profile::Aes128Gcm),
        (vec![sha1, Offered::Srtp_Aead_Aes_256_Gcm], Profile::Aes256Gcm),
        (vec![sha1], Profile::Aes128CmSha1),
    ] {
        let mut pair = Pair::connected(Options { profiles, ..Options::default() });
        assert_eq!(pair.transport.profile(), Some(chosen));
        assert_eq!(pair.transport.remote(), Some(pair.peer.address.into()));
        sends_both_ways(&mut pair);
    }
}

/// Chromium's hello comes in two datagrams; here everything comes in crumbs.
#[test]
fn a_fragmented_handshake_connects() {
    for mtu in [700, 100, 40] {
        sends_both_ways(&mut Pair::connected(Options { mtu, ..Options::default() }));
    }
}

/// Each single datagram of the handshake is lost once, in either direction, with whole and with fragmented messages.
#[test]
fn any_one_lost_datagram_is_mended() {
    for mtu in [1_200, 300] {
        for way in [Way::ToServer, Way::ToClient] {
            for lost in 0..12 {
                let mut pair = Pair::new(Options { mtu, ..Options::default() });
                pair.peer.check();
                pair.run(Duration::ZERO, |_, _| true);
                pair.peer.connect(pair.now);
                let mut count = 0;
                pair.run(LIMIT, |going, _| {
                    count += usize::from(going == way);
                    going != way || count != lost + 1
                });
                assert_eq!(pair.transport.state(), State::Connected, "{way:?} {lost} mtu {mtu}");
                assert!(pair.peer.inbound.is_some(), "client: {way:?} {lost} mtu {mtu}");
                assert!(pair.now - pair.start < Duration::from_secs(3), "{way:?} {lost} mtu {mtu}");
                sends_both_ways(&mut pair);
            }
        }
    }
}

/// The whole answer of the server is lost several times over.
#[test]
fn a_lost_flight_of_the_server_is_sent_again() {
    for first_lost in 0..6 {
        let mut pair = Pair::new(Options::default());
        pair.peer.check();
        pair.run(Duration::ZERO, |_, _| true);
        pair.peer.connect(pair.now);
        let mut count = 0;
        pair.run(LIMIT, |way, _| {
            count += usize::from(way == Way::ToClient);
            way == Way::ToServer || !(first_lost..first_lost + 3).contains(&(count - 1))
        });
        assert!(pair.peer.inbound.is_some(), "lost from {first_lost}");
        sends_both_ways(&mut pair);
    }
}

/// S-31: another certificate than the signalled one ends the connection before any key is used.
#[test]
fn a_wrong_certificate_ends_it() {
    let wrong = |description| RemoteDescription { fingerprint: Fingerprint([7; 32]), ..description };
    let mut pair = Pair::with(Options::default(), wrong);
    pair.peer.check();
    pair.peer.connect(pair.now);
    pair.run(LIMIT, |_, _| true);
    assert_eq!(pair.transport.state(), State::Closed);
    assert_eq!(pair.transport.close_reason(), Some(CloseReason::WrongFingerprint));
    assert_eq!(pair.transport.seal_rtp(&mut plain_rtp(1, 1), 0), Err(TransportError::NotConnected));
}

#[test]
fn closing_says_goodbye() {
    let mut pair = Pair::connected(Options::default());
    pair.transport.close(pair.now);
    let goodbye = pair.transport.poll_transmit().expect("close_notify");
    assert_eq!(goodbye.to, pair.peer.address.into());
    pair.peer.handle(pair.now, &goodbye.contents);
    assert!(pair.peer.closed);
    assert_eq!(pair.transport.close_reason(), Some(CloseReason::ClosedByUs));
    assert_eq!(pair.transport.poll_timeout(), None);
    let late = pair.peer.rtp(7, 1);
    assert_eq!(pair.deliver(&late), Input::Nothing);
}

/// A handshake that never ends is ended.
#[test]
fn a_handshake_has_an_end() {
    let mut pair = Pair::new(Options::default());
    pair.peer.check();
    pair.run(Duration::ZERO, |_, _| true);
    pair.peer.connect(pair.now);
    let hello = pair.peer.sending.pop_front().expect("a hello");
    pair.deliver(&hello);
    for _ in 0..20 {
        pair.peer.check();
        let check = pair.peer.sending.pop_back().expect("a check");
        pair.deliver(&check);
        pair.wait(Duration::from_secs(2));
    }
    assert_eq!(pair.transport.close_reason(), Some(CloseReason::HandshakeFailed));
}

fn is_send<T: Send>() {}

#[test]
fn a_connection_can_go_to_a_worker() {
    is_send::<werkraum_media::transport::Transport>();
}
