//! What the engine says of connections: loss both ways, round trip, bitrates, a word that stays, layer switches.

mod common;

use common::meeting::Meeting;
use model::ids::ParticipantId;
use model::quality::Quality;
use std::time::Duration;
use werkraum_media::command::{Event, Health};

const FRAME: Duration = Duration::from_millis(20);

/// A receiver report about one stream (RFC 3550, clause 6.4.2), and what of our report it has seen when.
fn report(ssrc: u32, fraction_lost: u8, seen: Option<u32>) -> Vec<u8> {
    let mut compound = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
    compound.extend(ssrc.to_be_bytes());
    compound.extend([fraction_lost, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    compound.extend(seen.unwrap_or(0).to_be_bytes());
    compound.extend([0; 4]);
    compound
}

/// The middle of the NTP time of the newest sender report about a stream.
fn reported(meeting: &Meeting, who: usize, ssrc: u32) -> Option<u32> {
    let reports = meeting.clients[who].rtcp.iter().rev().flat_map(|compound| {
        let at = (0..compound.len().saturating_sub(27)).step_by(4);
        at.filter(|at| compound[at + 1] == 200 && compound[at + 4..at + 8] == ssrc.to_be_bytes())
            .map(|at| u32::from_be_bytes(compound[at + 10..at + 14].try_into().expect("four")))
            .collect::<Vec<_>>()
    });
    reports.into_iter().next()
}

fn newest(meeting: &Meeting, of: ParticipantId) -> Health {
    let events = meeting.events.iter().rev();
    let mut looks = events.filter_map(|event| match event {
        Event::Health { people, .. } => people.iter().find(|(who, _)| *who == of).map(|(_, health)| *health),
        _ => None,
    });
    looks.next().expect("a look")
}

#[test]
fn figures_both_ways_and_a_word_for_them() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, false), meeting.join(1, false));
    let (publisher, viewer) = (meeting.clients[a].id, meeting.clients[b].id);
    meeting.wish(b, 0, Some(a), 360);
    let video = meeting.clients[b].slots[0].video;
    for n in 0..500_u32 {
        // Every tenth packet of sound never reaches the server, from the third second on.
        if n < 150 || n % 10 > 0 {
            meeting.sound(a, n, 30);
        }
        meeting.picture(a, n, n % 50 == 0, 0);
        if n % 50 == 10 {
            // A clock of theirs, so that the viewer gets reports whose time it can repeat.
            let mut sender_report = vec![0x80, 200, 0, 6];
            sender_report.extend(common::meeting::CAMERA.to_be_bytes());
            sender_report.extend(((u64::from(n) * 20) << 32).div_euclid(1_000).to_be_bytes());
            sender_report.extend((n * 3_000).to_be_bytes());
            sender_report.extend([0; 8]);
            meeting.send_rtcp(a, &sender_report);
        }
        meeting.pass(FRAME);
        if n % 50 == 40 {
            let seen = reported(&meeting, b, video);
            let compound = report(video, if n > 300 { 64 } else { 0 }, seen);
            meeting.send_rtcp(b, &compound);
        }
    }
    let (sent, got) = (newest(&meeting, publisher), newest(&meeting, viewer));
    // One of ten sounds, among three times as many packets.
    assert!((25..50).contains(&sent.loss_up_permille.expect("sent")), "{sent:?}");
    assert_eq!(sent.quality, Quality::Fair);
    assert_eq!(got.loss_down_permille, Some(250));
    assert_eq!(got.quality, Quality::Bad);
    assert_eq!((got.loss_up_permille, sent.loss_down_permille), (None, None), "nothing was sent that way");
    assert!(got.out_bps > 400_000 && sent.in_bps > 400_000, "{got:?} {sent:?}");
    assert!(got.round_trip_ms.is_some(), "{got:?}");
}
