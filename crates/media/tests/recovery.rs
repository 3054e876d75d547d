//! Lost packets come back: asked for from the publisher (also in simulcast layers), sent again to the viewer.

mod common;

use common::meeting::{CAMERA, Meeting, offer};
use common::peer::{Options, Peer};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use werkraum_media::command::{Command, Reply};

const FRAME: Duration = Duration::from_millis(33);

/// A client that answers NACKs by RTX and key frame requests; publishes `count` pictures in these layers.
fn publish(meeting: &mut Meeting, who: usize, count: u32, layers: &[u32]) {
    let mut keys: HashMap<(u32, u32), bool> = HashMap::new();
    let mut rtx = 100;
    for n in 0..count + 30 {
        let asked = std::mem::take(&mut meeting.clients[who].key_frames_asked);
        for layer in layers {
            if n < count {
                let key = n == 0 || asked.contains(&(CAMERA + layer));
                keys.insert((*layer, n), key);
                meeting.picture(who, n, key, *layer);
            }
        }
        for (ssrc, sequence) in std::mem::take(&mut meeting.clients[who].nacked) {
            let (layer, picture) = (ssrc - CAMERA, u32::from(sequence / 2));
            if let Some(key) = keys.get(&(layer, picture)) {
                rtx += 1;
                meeting.picture_again(who, picture, *key, layer, u32::from(sequence % 2), rtx);
            }
        }
        meeting.pass(FRAME);
    }
}

/// What a viewer got of a slot's picture stream, RTX unwrapped: out sequence numbers.
fn got(meeting: &Meeting, who: usize) -> BTreeSet<u16> {
    let slot = meeting.clients[who].slots[0];
    let plain = meeting.stream(who, slot.video).into_iter().map(|packet| packet.sequence);
    let again = meeting.stream(who, slot.rtx);
    let again = again.iter().map(|packet| u16::from_be_bytes([packet.payload[0], packet.payload[1]]));
    plain.chain(again).collect()
}

#[test]
fn the_publishers_losses_are_mended() {
    for simulcast in [false, true] {
        let mut meeting = Meeting::new();
        let (a, b) = (meeting.join(1, simulcast), meeting.join(1, false));
        meeting.wish(b, 0, Some(a), 180);
        meeting.loss = (30, 0);
        publish(&mut meeting, a, 300, if simulcast { &[0, 1, 2] } else { &[0] });
        let got = got(&meeting, b);
        let (first, last) = (*got.first().expect("some"), *got.last().expect("some"));
        assert!(usize::from(last - first) > 500, "{first} {last}");
        let missing = usize::from(last - first) + 1 - got.len();
        assert!(missing <= 1, "simulcast {simulcast}: {missing} packets never came");
    }
}

#[test]
fn the_viewers_losses_are_mended() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, false), meeting.join(1, false));
    meeting.wish(b, 0, Some(a), 180);
    meeting.pass(FRAME);
    meeting.loss = (0, 30);
    let slot = meeting.clients[b].slots[0];
    let mut asked: HashMap<u16, u32> = HashMap::new();
    for n in 0..330 {
        if n < 300 {
            meeting.picture(a, n, n == 0, 0);
        }
        let got = got(&meeting, b);
        if let (Some(first), Some(last)) = (got.first().copied(), got.last().copied()) {
            for missing in (first..last).filter(|number| !got.contains(number)) {
                let tries = asked.entry(missing).or_default();
                *tries += 1;
                if *tries % 3 == 1 {
                    let mut nack = vec![0x81, 205, 0, 3, 0, 0, 0, 9];
                    nack.extend(slot.video.to_be_bytes());
                    nack.extend(missing.to_be_bytes());
                    nack.extend([0, 0]);
                    meeting.send_rtcp(b, &nack);
                }
            }
        }
        meeting.pass(FRAME);
    }
    let got = got(&meeting, b);
    let (first, last) = (*got.first().expect("some"), *got.last().expect("some"));
    assert!(!meeting.stream(b, slot.rtx).is_empty(), "something was lost and sent again");
    assert_eq!(usize::from(last - first) + 1, got.len(), "everything came");
}

/// A browser sends more only when it hears what arrives.
#[test]
fn publishers_get_congestion_feedback_and_reports() {
    let mut meeting = Meeting::new();
    let a = meeting.join(1, false);
    publish(&mut meeting, a, 60, &[0]);
    let kinds: BTreeSet<(u8, u8)> = meeting.clients[a].rtcp.iter().map(|part| (part[1], part[0] & 31)).collect();
    assert!(kinds.contains(&(205, 15)), "transport-wide feedback: {kinds:?}");
    assert!(kinds.iter().any(|(kind, _)| *kind == 201), "receiver reports: {kinds:?}");
}

#[test]
fn a_small_tile_gets_a_small_layer_and_a_large_one_a_large_layer() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, true), meeting.join(1, false));
    meeting.wish(b, 0, Some(a), 180);
    publish(&mut meeting, a, 60, &[0, 1, 2]);
    let layer_of = |meeting: &Meeting| {
        let last = meeting.stream(b, meeting.clients[b].slots[0].video);
        let mut keys = last.iter().filter(|packet| packet.payload[0] == 0x90 && packet.payload[5] & 1 == 0);
        keys.next_back().map(|packet| u16::from_le_bytes([packet.payload[13], packet.payload[14]]))
    };
    assert_eq!(layer_of(&meeting), Some(180));
    meeting.wish(b, 0, Some(a), 720);
    let before = meeting.clients[b].received.len();
    let mut n = 60;
    while n < 120 {
        let asked = std::mem::take(&mut meeting.clients[a].key_frames_asked);
        for layer in 0..3 {
            meeting.picture(a, n, asked.contains(&(CAMERA + layer)), layer);
        }
        n += 1;
        meeting.pass(FRAME);
    }
    assert_eq!(layer_of(&meeting), Some(720));
    let after = &meeting.clients[b].received[before..];
    for pair in after.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1), "continuous over the switch");
    }
}

/// by the session's id a client knows whether the server answers with the connection that it knows.
#[test]
fn an_answer_tells_whether_it_is_still_the_same_connection() {
    let mut meeting = Meeting::new();
    let who = meeting.join(1, true);
    let (room, participant) = (meeting.room, meeting.clients[who].id);
    let answered = |sdp: &str, meeting: &mut Meeting| {
        let mut offer = offer(&meeting.clients[who].peer, 1, true);
        offer.sdp = sdp.to_owned();
        let Reply::Answer(answer) = meeting.command(Command::Offer { room, participant, offer }) else {
            panic!("no answer")
        };
        let value =
            |key: &str| answer.lines().find_map(|line| line.strip_prefix(key)).expect("in the answer").to_owned();
        let origin = value("o=");
        let number = |place| origin.split(' ').nth(place).and_then(|id| id.parse::<u64>().ok()).expect("a number");
        (number(1), number(2), value("a=ice-ufrag:"))
    };
    let first = offer(&meeting.clients[who].peer, 1, true).sdp;
    let again = answered(&first, &mut meeting);
    let third = answered(&first, &mut meeting);
    assert_eq!((third.0, &third.2), (again.0, &again.2));
    assert!(third.1 > again.1, "the version goes up");
    let ufrag = &meeting.clients[who].peer.credentials.ufrag;
    let restarted = answered(&first.replace(&format!("a=ice-ufrag:{ufrag}"), "a=ice-ufrag:another1"), &mut meeting);
    assert_eq!(restarted.0, again.0, "an ICE restart");
    assert_ne!(restarted.2, again.2);
    let stranger = Peer::new(meeting.clients[who].peer.server.clone(), Options::default());
    let other = answered(&offer(&stranger, 1, true).sdp, &mut meeting);
    assert_ne!(other.0, again.0, "another connection");
}
