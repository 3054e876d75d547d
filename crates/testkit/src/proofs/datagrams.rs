//! What a stranger sends to the media port: random bytes, recorded datagrams of a real participant as they were, and
//! mutated or cut ones; client hellos and checks made up from scratch. Used by `stranger`.

use crate::seeded::Seeded;
use crate::tap::Recorded;

const DATAGRAM_BYTES_MAX: usize = 1_472;

/// The next datagram.
pub(super) fn next(random: &mut Seeded, recorded: &Recorded) -> Vec<u8> {
    let genuine = [&recorded.stun, &recorded.dtls, &recorded.rtp, &recorded.rtcp];
    let kind = random.below(genuine.len());
    let one = random.pick(genuine[kind]).cloned().unwrap_or_default();
    match random.below(10) {
        0 => {
            let length = random.below(DATAGRAM_BYTES_MAX);
            random.bytes(length)
        }
        1 => made_up(random),
        2 | 3 => one,
        4 | 5 => cut(random, one),
        6 => longer(random, one),
        _ => mutated(random, one),
    }
}

/// The head of each protocol with nonsense behind it.
fn made_up(random: &mut Seeded) -> Vec<u8> {
    let length = random.below(200);
    let body = random.bytes(length);
    let head: &[u8] = match random.below(5) {
        // A binding request that declares what it does not hold.
        0 => &[0, 1, 0xff, 0xfc, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12],
        // A client hello in fragments that overlap or have no end; DTLS 1.2.
        1 => &[22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 1, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0xc8],
        // A fatal alert.
        2 => &[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 2, 40],
        // RTP with 15 CSRCs and an extension longer than any datagram.
        3 => &[0x9f, 96, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0xff, 0xff],
        // A goodbye of 31 sources.
        _ => &[0x9f, 203, 0xff, 0xff],
    };
    [head, &body].concat()
}

fn cut(random: &mut Seeded, mut one: Vec<u8>) -> Vec<u8> {
    one.truncate(random.below(one.len()));
    one
}

fn longer(random: &mut Seeded, mut one: Vec<u8>) -> Vec<u8> {
    let length = random.below(DATAGRAM_BYTES_MAX.saturating_sub(one.len()));
    one.extend(random.bytes(length));
    one
}

fn mutated(random: &mut Seeded, mut one: Vec<u8>) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let at = random.below(one.len());
        if let Some(byte) = one.get_mut(at) {
            // Never the same value again, so that what is mutated is not a replay.
            *byte ^= 1 << random.below(8);
        }
    }
    one
}
