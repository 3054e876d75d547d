//! Two people see and hear each other; who comes late sees a picture at once; a switch of source is continuous; what is
//! off or not allowed goes nowhere (P-06).

mod common;

use common::meeting::{CAMERA, Meeting, OPUS, VP8};
use model::source::Source;
use std::time::Duration;
use werkraum_media::command::{Command, Event, SlotContent, Sources};

const FRAME: Duration = Duration::from_millis(33);

#[test]
fn two_people_see_and_hear_each_other() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, false), meeting.join(1, false));
    meeting.wish(b, 0, Some(a), 360);
    for n in 0..30 {
        meeting.sound(a, n, 30);
        meeting.picture(a, n, n == 0, 0);
        meeting.pass(FRAME);
    }
    let slot = meeting.clients[b].slots[0];
    let (sound, pictures) = (meeting.stream(b, slot.audio), meeting.stream(b, slot.video));
    assert_eq!(sound.len(), 30);
    assert_eq!(pictures.len(), 60);
    assert!(sound.iter().all(|packet| packet.payload_type == OPUS && packet.payload == [0x5a; 80]));
    assert!(pictures.iter().all(|packet| packet.payload_type == VP8 && packet.payload.len() >= 600));
    for pair in pictures.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
    }
    assert_eq!(pictures[2].timestamp.wrapping_sub(pictures[0].timestamp), 3_000);
    let content =
        SlotContent { slot: 0, participant: Some(meeting.clients[a].id), source: Source::Camera, picture: true };
    let told = |event: &Event| matches!(event, Event::Slots { slots, .. } if slots.contains(&content));
    assert!(meeting.events.iter().any(told));
    assert!(
        meeting
            .events
            .iter()
            .any(|event| matches!(event, Event::Speaking { participants, .. } if !participants.is_empty()))
    );
    assert!(meeting.clients[a].received.is_empty(), "nobody gets their own");
}

#[test]
fn who_comes_late_gets_a_key_frame_at_once() {
    let mut meeting = Meeting::new();
    let a = meeting.join(1, false);
    for n in 0..30 {
        meeting.picture(a, n, n == 0, 0);
        meeting.pass(FRAME);
    }
    let b = meeting.join(1, false);
    meeting.wish(b, 0, Some(a), 360);
    let before = meeting.now;
    for n in 30..60 {
        let asked = meeting.clients[a].key_frames_asked.contains(&CAMERA);
        meeting.clients[a].key_frames_asked.clear();
        meeting.picture(a, n, asked, 0);
        meeting.pass(FRAME);
    }
    let pictures = meeting.stream(b, meeting.clients[b].slots[0].video);
    let first = pictures.first().expect("a picture");
    assert_eq!(first.payload[5] & 1, 0, "the first is a key frame");
    assert!(first.at - before < Duration::from_millis(120), "{:?}", first.at - before);
}

#[test]
fn switching_whom_a_slot_shows_is_continuous() {
    let mut meeting = Meeting::new();
    let (a, b, c) = (meeting.join(1, false), meeting.join(1, false), meeting.join(1, false));
    meeting.wish(c, 0, Some(a), 360);
    for n in 0..90 {
        if n == 45 {
            meeting.wish(c, 0, Some(b), 360);
        }
        for (who, from) in [(a, 0), (b, 20_000)] {
            let asked = meeting.clients[who].key_frames_asked.contains(&CAMERA);
            meeting.clients[who].key_frames_asked.clear();
            meeting.picture(who, from + n, n == 0 || asked, 0);
            meeting.sound(who, from + n, 30);
        }
        meeting.pass(FRAME);
    }
    let slot = meeting.clients[c].slots[0];
    for (stream, rate) in [(slot.video, 90), (slot.audio, 48)] {
        let packets = meeting.stream(c, stream);
        assert!(packets.len() > 80, "{}", packets.len());
        for pair in packets.windows(2) {
            assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
            let step = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
            assert!(step < rate * 400, "a jump of {step}");
        }
    }
    let pictures = meeting.stream(c, slot.video);
    let id = |payload: &[u8]| u16::from_be_bytes([payload[2], payload[3]]) & 0x7fff;
    for pair in pictures.windows(2) {
        let step = id(&pair[1].payload).wrapping_sub(id(&pair[0].payload)) & 0x7fff;
        assert!(step <= 1, "picture ids go on");
    }
    let shown: Vec<u32> =
        pictures.iter().map(|packet| u32::from_be_bytes(packet.payload[600..604].try_into().expect("four"))).collect();
    assert!(shown.iter().any(|n| *n < 45) && shown.iter().any(|n| *n > 20_045));
}

#[test]
fn what_is_off_or_not_allowed_goes_nowhere() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, false), meeting.join(1, false));
    meeting.wish(b, 0, Some(a), 360);
    let (room, participant) = (meeting.room, meeting.clients[a].id);
    let mut n = 0;
    let mut second = |meeting: &mut Meeting| {
        let before = meeting.clients[b].received.len();
        for _ in 0..30 {
            meeting.sound(a, n, 30);
            meeting.picture(a, n, n % 10 == 0, 0);
            n += 1;
            meeting.pass(FRAME);
        }
        meeting.clients[b].received.len() - before
    };
    assert!(second(&mut meeting) > 80);
    for source in [Source::Microphone, Source::Camera] {
        meeting.command(Command::SetOn { room, participant, source, on: false });
    }
    meeting.pass(Duration::from_millis(30)); // what was on its way
    assert_eq!(second(&mut meeting), 0);
    meeting.command(Command::SetAllowed { room, participant, sources: Sources::NONE });
    for source in [Source::Microphone, Source::Camera] {
        meeting.command(Command::SetOn { room, participant, source, on: true });
    }
    assert_eq!(second(&mut meeting), 0, "on, but not allowed");
    meeting.command(Command::SetAllowed { room, participant, sources: Sources::ALL });
    assert!(second(&mut meeting) > 50, "and it goes on afterwards");
    meeting.command(Command::Leave { room, participant });
    assert_eq!(second(&mut meeting), 0);
}

/// both streams of a slot tell the same clock.
#[test]
fn sender_reports_keep_lips_and_sound_together() {
    let mut meeting = Meeting::new();
    let (a, b) = (meeting.join(1, false), meeting.join(1, false));
    meeting.wish(b, 0, Some(a), 360);
    let report = |ssrc: u32, ntp: u64, timestamp: u32| {
        let mut out = vec![0x80, 200, 0, 6];
        out.extend(ssrc.to_be_bytes());
        out.extend(ntp.to_be_bytes());
        out.extend(timestamp.to_be_bytes());
        out.extend([0; 8]);
        out
    };
    // Sound 0 was captured at their second 5,000; picture 0 was captured 40 ms later.
    for n in 0..60 {
        meeting.sound(a, n, 30);
        meeting.picture(a, n, n == 0, 0);
        if n == 3 {
            meeting.send_rtcp(a, &report(common::meeting::MIC, 5_000 << 32, 0));
            meeting.pass(Duration::from_millis(7));
            meeting.send_rtcp(a, &report(CAMERA, (5_000 << 32) + (40 << 32) / 1_000, 0));
        }
        meeting.pass(FRAME);
    }
    let slot = meeting.clients[b].slots[0];
    // When was the first packet of a stream captured, by the last report about it?
    let captured_ms = |ssrc: u32, khz: i64| {
        let mut reports = meeting.clients[b].rtcp.iter().flat_map(|compound| compound.chunks(28));
        let last = reports.rfind(|part| part.len() == 28 && part[1] == 200 && part[4..8] == ssrc.to_be_bytes());
        let last = last.expect("a report");
        let word = |at: usize| i64::from(u32::from_be_bytes(last[at..at + 4].try_into().expect("four")));
        let first = i64::from(meeting.stream(b, ssrc)[0].timestamp);
        let ticks = i64::from((first as u32).wrapping_sub(word(16) as u32) as i32);
        word(8) * 1_000 + ((word(12) * 1_000) >> 32) + ticks / khz
    };
    let distance = captured_ms(slot.video, 90) - captured_ms(slot.audio, 48);
    assert!((distance - 40).abs() <= 2, "{distance} ms");
}
