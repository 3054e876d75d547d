//! What participants send once they have keys: RTP with header extensions and any payload, RTCP compounds, transport-wide
//! feedback, dependency descriptors.

use super::input::{Plan, chunk, short};
use super::stage::{self, AV1, DESCRIPTOR, PUBLISHER, STEPS_MAX, Stage, VIEWER, VP9};
use crate::common::meeting::{CAMERA, MIC, OPUS, RTX, VP8};
use std::time::Duration;

fn time(plan: &mut Plan<'_>) -> Duration {
    Duration::from_millis(u64::from(plan.byte()) * 4)
}

/// RTP of the publisher (and of the viewer, who has nothing to publish but may try).
pub fn rtp(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let simulcast = plan.byte() & 1 != 0;
    stage::play(bytes, simulcast, |stage| {
        for n in 0..STEPS_MAX as u32 {
            if plan.is_empty() {
                break;
            }
            let how = plan.byte();
            match how & 7 {
                0 => stage.advance(time(&mut plan)),
                1 => stage.media(n, u32::from(how >> 6)),
                2 => {
                    let mut packet = plan.chunk().to_vec();
                    packet.resize(packet.len().max(12), 0);
                    packet[0] = 0x80 | packet[0] & 0x3f;
                    packet[1] = if (192..224).contains(&packet[1]) { VP8 } else { packet[1] };
                    stage.rtp(PUBLISHER, packet);
                }
                _ => {
                    let who = if how & 0x80 != 0 { VIEWER } else { PUBLISHER };
                    let packet = built(stage, &mut plan, n);
                    stage.rtp(who, packet);
                }
            }
        }
    });
}

/// A packet whose parts are the input's.
fn built(stage: &mut Stage, plan: &mut Plan<'_>, n: u32) -> Vec<u8> {
    let (stream, flags) = (plan.byte(), plan.byte());
    let ssrc = match stream & 7 {
        0 => MIC,
        1..=3 => CAMERA + u32::from(stream & 7) - 1,
        4..=5 => CAMERA + 500 + u32::from(stream & 7) - 4,
        6 => 7_000 + u32::from(stream >> 3),
        _ => plan.long(),
    };
    let step = if flags & 1 != 0 { plan.word() } else { 1 };
    let sequence = stage.sequence(ssrc, step);
    let payload_type = match stream & 7 {
        0 if flags & 2 == 0 => OPUS,
        1..=3 if flags & 2 == 0 => VP8,
        4..=5 if flags & 2 == 0 => RTX,
        _ => plan.pick(&[VP8, RTX, OPUS, VP9, AV1, 0, 63, 127]),
    };
    let sources = if flags & 4 != 0 { plan.byte() & 15 } else { 0 };
    let padding = flags & 8 != 0;
    let mut packet = vec![0x80 | u8::from(padding) << 5 | sources, flags & 0x80 | payload_type];
    packet.extend(sequence.to_be_bytes());
    packet.extend(if flags & 16 != 0 { plan.long() } else { n * 3_000 }.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.resize(packet.len() + 4 * usize::from(sources), 1);
    if flags & 32 != 0 {
        packet[0] |= 16;
        let profile = plan.pick(&[0xbede_u16, 0x1000, 0x100f, 0]);
        let mut block = match profile {
            0xbede if flags & 64 == 0 => vec![4 << 4, if ssrc == MIC { b'0' } else { b'1' }],
            _ => Vec::new(),
        };
        block.extend(plan.short());
        block.resize(block.len().next_multiple_of(4), 0);
        packet.extend(profile.to_be_bytes());
        packet.extend(((block.len() / 4) as u16).to_be_bytes());
        packet.extend(block);
    }
    packet.extend(plan.short());
    if padding {
        packet.push(plan.byte());
    }
    packet
}

pub fn rtp_seeds() -> Vec<Vec<u8>> {
    let sound = [&[3, 0, 32, 0][..], &short(&[1 << 4, 0x9e, 3 << 4 | 1, 0, 1]), &short(&[0x78; 40])].concat();
    let key = [0x90, 0xe0, 0x80, 7, 7, 0x20, 0x10, 2, 0, 0x9d, 1, 0x2a, 0x40, 1, 0xb4, 0, 9, 9];
    let picture = |layer: u8, id: u8| {
        let ext = [10 << 4, b"qhf"[usize::from(layer)], 2 << 4 | 2, 1, 2, 3, 3 << 4 | 1, 0, id];
        [&[3, 1 + layer, 0xa0, 0][..], &short(&ext), &short(&key)].concat()
    };
    let vp9 = [&[3, 1, 0xa2, 3, 0][..], &short(&[10 << 4, b'q']), &short(&[0x8b, 0x81, 5, 2, 7, 0xff, 0, 1])].concat();
    let rtx = [&[3, 4, 0xa0, 0][..], &short(&[11 << 4, b'q']), &short(&[&[3, 233][..], &key].concat())].concat();
    let two_byte = [&[3, 1, 32, 1][..], &short(&[4, 1, b'1', 1, 0, 3, 2, 0, 9]), &short(&key)].concat();
    let raw =
        [&[2][..], &chunk(&[0xb0, VP8, 4, 0, 0, 0, 0, 0, 0, 0, 7, 208, 0xbe, 0xde, 0, 1, 0xf0, 0, 0, 0, 5])].concat();
    vec![
        [&[0][..], &sound, &picture(0, 1), &[0, 20], &picture(0, 2), &sound].concat(),
        [&[1][..], &picture(0, 1), &picture(1, 2), &picture(2, 3), &[0, 250], &picture(2, 4), &rtx].concat(),
        [&[1][..], &[1, 0x41, 0x81], &vp9, &two_byte, &raw].concat(),
        [&[0][..], &two_byte, &[3, 6, 0x3d, 0, 1, 3, 1, 2, 3, 4, 0, 2, 9, 9, 4, 1, 2, 3, 4, 2], &raw].concat(),
        [&[0, 1, 1, 1, 0, 255, 0, 255][..], &picture(0, 1), &sound].concat(),
    ]
}

/// RTCP compounds of both.
pub fn rtcp(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let simulcast = plan.byte() & 1 != 0;
    stage::play(bytes, simulcast, |stage| {
        for n in 0..STEPS_MAX as u32 {
            if plan.is_empty() {
                break;
            }
            let how = plan.byte();
            match how & 7 {
                0 => stage.advance(time(&mut plan)),
                1 | 2 => stage.media(n, u32::from(how >> 6)),
                3 => {
                    let mut compound = plan.chunk().to_vec();
                    compound.resize(compound.len().max(8), 0);
                    (compound[0], compound[1]) = (0x80 | compound[0] & 0x3f, 192 + compound[1] % 32);
                    stage.rtcp(usize::from(how >> 7), compound);
                }
                _ => {
                    let who = usize::from(how >> 7);
                    let mut compound = Vec::new();
                    for _ in 0..1 + how / 8 % 4 {
                        message(stage, &mut plan, who, &mut compound);
                    }
                    stage.rtcp(who, compound);
                }
            }
        }
    });
}

fn message(stage: &Stage, plan: &mut Plan<'_>, who: usize, out: &mut Vec<u8>) {
    let (first, kind, how) = (plan.byte(), plan.byte(), plan.byte());
    let kind = if kind < 128 { 200 + kind % 8 } else { 192 + kind % 32 };
    let mut body = Vec::new();
    for choice in [how, how >> 3] {
        let other = if choice & 7 == 7 { plan.long() } else { 0 };
        body.extend(stage.ssrc(who, choice, other).to_be_bytes());
    }
    body.extend(plan.short());
    body.resize(body.len().next_multiple_of(4), 0);
    let words = if how & 0x80 == 0 { (body.len() / 4) as u16 } else { plan.word() };
    out.extend([0x80 | first & 0x3f, kind]);
    out.extend(words.to_be_bytes());
    out.extend(body);
}

pub fn rtcp_seeds() -> Vec<Vec<u8>> {
    // `how` 0x84: one message of the viewer; 0x04: of the publisher; +8: one more.
    let nack = [&[0x84, 1, 5, 0][..], &short(&[3, 232, 0, 3, 3, 240, 0xff, 0xff])].concat();
    let pli = [&[0x84, 1, 6, 0][..], &short(&[])].concat();
    let fir = [&[0x84, 4, 6, 0][..], &short(&[0, 0, 7, 208, 1, 0, 0, 0])].concat();
    let remb =
        [&[0x84, 15, 6, 7 | 7 << 3, 0, 0, 0, 1, 0, 0, 0, 0][..], &short(b"REMB\x01\x0a\x12\x34\0\0\x07\xd0")].concat();
    let sender =
        [&[0x0c, 0, 0, 3 | 3 << 3][..], &short(&[0xe9; 20]), &[1, 2, 3 | 3 << 3], &short(b"\x01\x04slot\0\0")].concat();
    let report =
        [&[0x84, 1, 1, 0 << 3][..], &short(&[40, 0, 0, 9, 0, 0, 4, 0, 0, 0, 0, 30, 0x12, 0x34, 0, 0, 0, 1, 0, 0])]
            .concat();
    let bye = [&[0x8c, 1, 3, 0][..], &short(b""), &[5, 4, 0], &short(b"app data")].concat();
    vec![
        [&[0, 1, 1, 1][..], &nack, &pli, &[0, 60], &nack].concat(),
        [&[1, 1, 0x41, 0x81][..], &sender, &report, &fir, &[0, 255], &remb].concat(),
        [&[0, 1][..], &bye, &report, &remb, &sender].concat(),
        [&[0, 1][..], &[0x83], &chunk(&[0x81, 201, 0, 1, 0, 0, 0, 9, 0x80, 200, 0, 0, 0x81, 205, 0xff, 0xff])].concat(),
    ]
}

/// Transport-wide feedback (RTPFB, format 15) of the viewer about what it gets, with right and wrong chunks.
pub fn twcc(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let simulcast = plan.byte() & 1 != 0;
    stage::play(bytes, simulcast, |stage| {
        let mut count = 0_u8;
        for n in 0..STEPS_MAX as u32 {
            if plan.is_empty() {
                break;
            }
            let how = plan.byte();
            match how & 3 {
                0 => stage.advance(time(&mut plan)),
                1 => stage.media(n, u32::from(how >> 6)),
                _ => {
                    let slot = stage.meeting.clients[VIEWER].slots[0];
                    let mut body = Vec::new();
                    for ssrc in [1, slot.video] {
                        body.extend(ssrc.to_be_bytes());
                    }
                    let base = if how & 4 == 0 { u16::from(plan.byte()) } else { plan.word() };
                    let statuses = if how & 8 == 0 { u16::from(plan.byte()) } else { plan.word() };
                    let reference = if how & 16 == 0 { n / 4 } else { plan.long() };
                    body.extend(base.to_be_bytes());
                    body.extend(statuses.to_be_bytes());
                    body.extend((reference << 8 | u32::from(count)).to_be_bytes());
                    body.extend(plan.short());
                    body.resize(body.len().next_multiple_of(4), 0);
                    count = if how & 32 == 0 { count.wrapping_add(1) } else { plan.byte() };
                    let mut compound = vec![0x8f, 205];
                    compound.extend(((body.len() / 4) as u16).to_be_bytes());
                    compound.extend(body);
                    stage.rtcp(if how & 64 == 0 { VIEWER } else { PUBLISHER }, compound);
                }
            }
        }
    });
}

pub fn twcc_seeds() -> Vec<Vec<u8>> {
    // Draft-holmer clause 3.1: run length (all small deltas), then two-bit and one-bit vectors, then deltas.
    let run = |base: u8, count: u8| {
        let deltas: Vec<u8> = (0..count).map(|n| n * 3).collect();
        [&[2, base, count][..], &short(&[&[0x20, count][..], &deltas].concat())].concat()
    };
    let two_bit = [&[2, 3, 7][..], &short(&[0xd5, 0x59, 4, 4, 0xff, 0xf0, 4, 4, 4, 4])].concat();
    let one_bit = [&[2, 10, 14][..], &short(&[0xbf, 0x03, 1, 2, 3, 4, 5, 6, 7, 8])].concat();
    let lost = [&[10, 0, 2, 0][..], &short(&[0, 255, 1, 1])].concat();
    vec![
        [&[0, 1, 0, 25, 1, 0, 25][..], &run(0, 6), &[1, 0, 25], &run(6, 3), &[0, 100]].concat(),
        [&[0, 1, 1, 0, 25][..], &two_bit, &[1, 1, 0, 25], &one_bit, &lost].concat(),
        [&[1, 1, 0x41, 0, 12][..], &run(0, 9), &[38, 255, 255, 255, 255, 4, 0x20, 9, 1, 1], &two_bit].concat(),
    ]
}

/// Dependency descriptors in the publisher's AV1 and VP9 packets. A parser can be tried alone here too: one line where
/// the descriptor is cut out.
pub fn descriptor(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    stage::play(bytes, false, |stage| {
        for n in 0..STEPS_MAX as u32 {
            if plan.is_empty() {
                break;
            }
            let how = plan.byte();
            if how & 7 == 0 {
                stage.advance(time(&mut plan));
                continue;
            }
            if how & 7 == 1 {
                stage.meeting.wish(VIEWER, 0, Some(PUBLISHER), u16::from(plan.byte()) * 5);
                continue;
            }
            let descriptor = plan.short();
            let mut block = vec![4, 1, b'1', DESCRIPTOR, descriptor.len() as u8];
            block.extend(descriptor);
            block.resize(block.len().next_multiple_of(4), 0);
            let step = 1 + u16::from(how & 8 != 0);
            let sequence = stage.sequence(CAMERA, step);
            let codec = if how & 16 == 0 { AV1 } else { VP9 };
            let mut packet = vec![0x90, how & 0x80 | codec];
            packet.extend(sequence.to_be_bytes());
            packet.extend((n / 2 * 3_000).to_be_bytes());
            packet.extend(CAMERA.to_be_bytes());
            packet.extend([0x10, 0]);
            packet.extend(((block.len() / 4) as u16).to_be_bytes());
            packet.extend(block);
            packet.extend(if how & 32 == 0 { &[0x18, 0x0a, 0x0b, 0, 0, 0][..] } else { plan.short() });
            stage.rtp(PUBLISHER, packet);
        }
    });
}

/// Bits, highest first.
fn bits(fields: &[(u32, u32)]) -> Vec<u8> {
    let all: Vec<bool> =
        fields.iter().flat_map(|(value, width)| (0..*width).rev().map(move |bit| value >> bit & 1 == 1)).collect();
    all.chunks(8)
        .map(|byte| byte.iter().enumerate().fold(0, |sum, (at, bit)| sum | u8::from(*bit) << (7 - at)))
        .collect()
}

pub fn descriptor_seeds() -> Vec<Vec<u8>> {
    let fixed = |template: u32, frame: u32| [(1, 1), (1, 1), (template, 6), (frame, 16)];
    // AV1 RTP specification, appendix A.8: one spatial and two temporal layers, a template and a decode target for each.
    let structure = [
        (0b10000, 5), // template_dependency_structure_present_flag and the four others
        (0, 6),       // template_id_offset
        (1, 5),       // two decode targets
        (1, 2),       // next: one more temporal layer
        (3, 2),       // no more layers
        (0b10_10, 4), // template 0: switch, switch
        (0b00_01, 4), // template 1: not present, discardable
        (0, 1),       // template 0: no dependencies
        (1, 1),       // template 1: one,
        (0, 4),       // the frame before
        (0, 1),       // and no more
        (0, 1),       // chains: none
        (1, 1),       // resolutions follow
        (639, 16),
        (359, 16),
    ];
    let key = bits(&[&fixed(0, 1)[..], &structure].concat());
    let masked = bits(&[&fixed(1, 2)[..], &[(0b01000, 5), (0b01, 2)]].concat());
    let next = |frame: u32| bits(&fixed(1, frame));
    let packet = |how: u8, descriptor: &[u8]| [&[how][..], &short(descriptor)].concat();
    let several: Vec<u8> = (2..9).flat_map(|frame| packet(0x82, &next(frame))).collect();
    vec![
        [packet(0x82, &key), several.clone()].concat(),
        [packet(0x92, &key), vec![1, 36], several.clone(), vec![0, 90], packet(0x82, &masked)].concat(),
        [packet(2, &key), packet(0x8a, &next(5)), vec![1, 0, 1, 200], packet(0x82, &key), several].concat(),
    ]
}
