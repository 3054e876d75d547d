//! Loss and its mending as a sequence of operations: gaps, reordering, repeats and RTX of a publisher, NACKs and switches
//! of a viewer who opens all that comes. Whatever the order, no number is used twice and what comes again is the same.

use super::input::Plan;
use super::stage::{self, PUBLISHER, STEPS_MAX, Stage, VIEWER};
use crate::common::meeting::{CAMERA, Received};
use model::source::Source;
use std::collections::HashMap;
use std::time::Duration;
use werkraum_media::command::Command;

pub fn rtx(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let simulcast = plan.byte() & 1 != 0;
    stage::play(bytes, simulcast, |stage| {
        act(stage, &mut plan, simulcast);
        stage.exchange(Duration::from_millis(100));
        check(stage);
    });
}

fn act(stage: &mut Stage, plan: &mut Plan<'_>, simulcast: bool) {
    let mut numbers = stage.pictures;
    let (start, mut again) = (numbers, numbers[0] as u16);
    for _ in 0..STEPS_MAX {
        if plan.is_empty() {
            break;
        }
        let (how, value) = (plan.byte(), plan.byte());
        let layer = if simulcast { u32::from(how >> 6) % 3 } else { 0 };
        let n = &mut numbers[layer as usize];
        let back = n.saturating_sub(u32::from(value >> 2)).max(start[layer as usize]);
        let key = |n: u32| n.is_multiple_of(8);
        let part = u32::from(value & 1);
        let meeting = &mut stage.meeting;
        match how % 16 {
            0..=3 => {
                meeting.picture(PUBLISHER, *n, key(*n), layer);
                *n += 1;
            }
            4 => {
                meeting.picture_part(PUBLISHER, *n, key(*n), layer, part);
                *n += 1;
            }
            // A gap, at times a very large one.
            5 => *n += if value < 200 { u32::from(value) % 4 } else { 600 + 16 * u32::from(value) },
            6 => meeting.picture_part(PUBLISHER, back, key(back), layer, part),
            7 => {
                meeting.picture_again(PUBLISHER, back, key(back), layer, part, again);
                again = again.wrapping_add(u16::from(value >> 1 & 1));
            }
            8 | 9 => {
                let slot = meeting.clients[VIEWER].slots[0];
                let newest = meeting.stream(VIEWER, slot.video).last().map_or(0, |packet| packet.sequence);
                let mut nack = vec![0x81, 205, 0, 3, 0, 0, 0, 9];
                nack.extend(slot.video.to_be_bytes());
                nack.extend(newest.wrapping_sub(u16::from(value)).to_be_bytes());
                nack.extend([how, value]);
                stage.rtcp(VIEWER, nack);
            }
            10 => meeting.wish(VIEWER, 0, (value < 240).then_some(PUBLISHER), u16::from(value) * 4),
            11 => {
                let (room, participant) = (meeting.room, meeting.clients[PUBLISHER].id);
                meeting.command(Command::SetOn { room, participant, source: Source::Camera, on: value & 3 != 0 });
            }
            12 => {
                let slot = meeting.clients[VIEWER].slots[0];
                let mut pli = vec![0x81, 206, 0, 2, 0, 0, 0, 9];
                pli.extend(slot.video.to_be_bytes());
                stage.rtcp(VIEWER, pli);
            }
            _ => stage.exchange(Duration::from_millis(u64::from(value) / 2)),
        }
    }
    stage.pictures = numbers;
}

/// What the viewer got, picture by picture.
fn check(stage: &Stage) {
    let slot = stage.meeting.clients[VIEWER].slots[0];
    let mut sent: HashMap<u16, Received> = HashMap::new();
    for packet in stage.meeting.stream(VIEWER, slot.video).into_iter().filter(|packet| !packet.payload.is_empty()) {
        assert_eq!(packet.payload.len(), 605, "not what was published");
        let former = sent.insert(packet.sequence, packet);
        assert!(former.is_none(), "a sequence number was used twice (RFC 7714, clause 8.1)");
    }
    let mut numbers = std::collections::HashSet::new();
    for packet in stage.meeting.stream(VIEWER, slot.rtx) {
        assert!(numbers.insert(packet.sequence), "an RTX sequence number was used twice");
        let Some((original, payload)) = packet.payload.split_first_chunk::<2>() else { continue };
        if let Some(first) = sent.get(&u16::from_be_bytes(*original)) {
            assert_eq!((&first.payload[..], first.timestamp), (payload, packet.timestamp), "another packet came again");
        }
    }
    assert!(stage.meeting.clients[PUBLISHER].nacked.iter().all(|(ssrc, _)| (CAMERA..CAMERA + 3).contains(ssrc)));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let plain = [[0, 0, 13, 40]; 6].concat();
    vec![
        [&[0][..], &plain, &[5, 2, 0, 0, 13, 60, 7, 9, 13, 60, 8, 3, 9, 7, 13, 80], &plain].concat(),
        [&[1][..], &plain, &[0x40, 0, 0x80, 0, 10, 200, 0x40, 0, 0x80, 0, 13, 90, 8, 2, 10, 20], &plain].concat(),
        [&[0][..], &plain, &[4, 1, 4, 0, 13, 50, 6, 4, 6, 9, 7, 4, 7, 5, 13, 60, 12, 0, 13, 90], &plain].concat(),
        [&[1][..], &plain, &[11, 0, 13, 9, 11, 1, 0, 0, 5, 255, 0, 0, 13, 99, 8, 90, 9, 255], &plain].concat(),
        [&[0][..], &[0, 0].repeat(20), &[13, 90, 8, 1, 8, 30, 13, 90, 8, 1], &plain].concat(),
    ]
}
