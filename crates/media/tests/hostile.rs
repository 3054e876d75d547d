//! S-30: strangers' datagrams change nothing. Malformed RTP and RTCP of a participant harm nobody, themselves included.

mod common;

use common::meeting::{CAMERA, Meeting, VP8};
use std::net::SocketAddr;
use std::time::Duration;

const FRAME: Duration = Duration::from_millis(33);

fn server() -> SocketAddr {
    "198.51.100.1:8443".parse().expect("address")
}

#[test]
fn random_and_mutated_datagrams_from_strangers_change_nothing() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, false), meeting.join(1, false));
    meeting.wish(b, 0, Some(a), 360);
    let stranger: SocketAddr = "203.0.113.66:6666".parse().expect("address");
    let real = {
        let packet = common::peer::plain_rtp(CAMERA, 30_000);
        meeting.clients[a].peer.outbound.as_mut().expect("keys").encrypt_rtp(&packet).expect("sealed").to_vec()
    };
    let check = {
        let client = &meeting.clients[a].peer;
        client.binding(true, false, "not the password of anybody")
    };
    for n in 0..100 {
        meeting.picture(a, n, n == 0, 0);
        for turn in 0..200 {
            let length = meeting.random() as usize % 300;
            let mut datagram: Vec<u8> = match turn % 4 {
                0 => real.clone(),
                1 => check.clone(),
                _ => (0..length).map(|_| meeting.random() as u8).collect(),
            };
            if !datagram.is_empty() && turn % 8 > 3 {
                let at = meeting.random() as usize % datagram.len();
                datagram[at] = meeting.random() as u8;
            }
            let from = if turn % 5 == 0 && turn % 4 > 1 { meeting.clients[a].peer.address } else { stranger };
            let now = meeting.now;
            meeting.engine.handle_datagram(now, from, &mut datagram);
            if let Some(transmit) = meeting.engine.poll_transmit() {
                assert_ne!(transmit.to.address, stranger, "nothing is answered");
            }
        }
        let _ = server();
        meeting.pass(FRAME);
    }
    let pictures = meeting.stream(b, meeting.clients[b].slots[0].video);
    assert_eq!(pictures.len(), 200);
    assert_eq!(meeting.engine.counters().panics, 0);
    assert!(meeting.engine.counters().demux.address_unknown > 1_000);
}

#[test]
fn malformed_rtp_and_rtcp_of_a_participant_harm_nobody() {
    let mut meeting = Meeting::new();
    let (a, b, villain) = (meeting.join(1, false), meeting.join(1, false), meeting.join(1, true));
    meeting.wish(b, 0, Some(a), 360);
    meeting.wish(villain, 0, Some(a), 360);
    let own = meeting.clients[villain].slots[0];
    for n in 0..100_u32 {
        meeting.picture(a, n, n == 0, 0);
        for turn in 0..30_u32 {
            let length = meeting.random() as usize % 200;
            let mut body: Vec<u8> = (0..length).map(|_| meeting.random() as u8).collect();
            let sequence = meeting.random() as u16;
            match turn % 3 {
                0 => {
                    let (ssrc, pt) = (CAMERA + turn % 4 * 500, [VP8, 97, 111, 50][(turn / 4 % 4) as usize]);
                    meeting.send(villain, ssrc, pt, sequence, n, true, &[4 << 4, b'1', 10 << 4, b'h'], &body);
                }
                1 => {
                    let mut packet = vec![0x80 | meeting.random() as u8 & 0x3f, 200 + (turn / 3 % 8) as u8, 0, 0];
                    body.resize(body.len().next_multiple_of(4).max(16), 0);
                    body[4..8].copy_from_slice(&[own.video, own.audio, CAMERA][(n % 3) as usize].to_be_bytes());
                    packet[3] = (body.len() / 4) as u8;
                    packet.extend(body);
                    meeting.send_rtcp(villain, &packet);
                }
                _ => {
                    let mut packet = vec![0x80 | meeting.random() as u8 & 0x3f, meeting.random() as u8 & 0x7f];
                    packet.extend(sequence.to_be_bytes());
                    packet.extend([0; 4]);
                    packet.extend((CAMERA + turn).to_be_bytes());
                    packet.extend(body);
                    if packet[0] & 0x1f == 0 {
                        meeting.send_raw(villain, &packet);
                    }
                }
            }
        }
        meeting.pass(FRAME);
    }
    assert_eq!(meeting.engine.counters().panics, 0);
    assert_eq!(meeting.stream(b, meeting.clients[b].slots[0].video).len(), 200);
    // Feedback that is nonsense spoils the villain's own picture, nobody else's.
    assert!(!meeting.stream(villain, own.video).is_empty(), "the villain is still served");
}
