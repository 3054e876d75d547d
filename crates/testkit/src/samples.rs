//! Recorded media for headless participants: a tone in Opus (440 Hz, one second) and a moving picture in VP8 (96x72, two
//! seconds, a key frame every ten), to be played in a loop; any decoder takes them. Used by `call`.
//!
//! Each packet carries its sender's id behind a mark, where decoders do not look: in Opus' padding (RFC 6716, clause
//! 3.2.5), and behind the last partition of a VP8 frame, which ends before its bytes do.

use bytes::Bytes;
use model::ids::ParticipantId;
use std::sync::LazyLock;

/// Stands before the sender's id in each payload.
const MARK: &[u8; 8] = b"WERKRAUM";
/// A picture's packet: as large as those of cameras that send little.
const VIDEO_BYTES: usize = 900;

static TONE: LazyLock<Vec<&[u8]>> = LazyLock::new(|| frames(include_bytes!("../samples/tone.ivf")));
static MOVING: LazyLock<Vec<&[u8]>> = LazyLock::new(|| frames(include_bytes!("../samples/moving.ivf")));

/// The frames of an IVF file: a header of 32 bytes, then each frame after its length (32 bit) and time (64 bit).
fn frames(file: &'static [u8]) -> Vec<&'static [u8]> {
    let mut rest = file.get(32..).unwrap_or_default();
    let mut frames = Vec::new();
    while let Some((head, after)) = rest.split_first_chunk::<12>() {
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some((frame, next)) = after.split_at_checked(length) else { break };
        frames.push(frame);
        rest = next;
    }
    frames
}

fn number<'a>(frames: &[&'a [u8]], number: u32) -> &'a [u8] {
    frames.get(number as usize % frames.len().max(1)).copied().unwrap_or_default()
}

/// The `n`-th 20 ms of the tone.
pub(crate) fn opus(sender: ParticipantId, n: u32) -> Bytes {
    let frame = number(&TONE, n);
    let Some((toc, frame)) = frame.split_first() else { return Bytes::new() };
    // One frame with padding: code 3, its number and the padding flag, the padding's length.
    let mut payload = vec![toc | 3, 0x41, (MARK.len() + 16) as u8];
    payload.extend_from_slice(frame);
    payload.extend_from_slice(MARK);
    payload.extend_from_slice(sender.as_bytes());
    payload.into()
}

/// The `n`-th picture in one packet (RFC 7741): extended descriptor with a 15-bit picture id and TL0PICIDX.
pub(crate) fn vp8(sender: ParticipantId, n: u32) -> Bytes {
    let id = (n & 0x7fff) as u16 | 0x8000;
    let mut payload = vec![0x90, 0xe0];
    payload.extend_from_slice(&id.to_be_bytes());
    payload.extend_from_slice(&[n as u8, 0]);
    payload.extend_from_slice(number(&MOVING, n));
    payload.extend_from_slice(MARK);
    payload.extend_from_slice(sender.as_bytes());
    payload.resize(VIDEO_BYTES, 0x55);
    payload.into()
}

/// Whose packet this is, when one of ours made it.
pub(crate) fn sender_of(payload: &[u8]) -> Option<ParticipantId> {
    let at = payload.windows(MARK.len()).position(|window| window == MARK)? + MARK.len();
    payload.get(at..at + 16)?.try_into().ok().map(ParticipantId::from_bytes)
}

/// Whether a key frame starts in this packet (RFC 6386, clause 9.1).
pub(crate) fn is_key_frame(payload: &[u8]) -> bool {
    payload.windows(3).take(16).any(|window| window == [0x9d, 0x01, 0x2a])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recordings_are_what_their_sender_says() {
        let me = ParticipantId::from_random([3; 16]);
        for n in 0..200 {
            let (sound, picture) = (opus(me, n), vp8(me, n));
            assert_eq!((sender_of(&sound), sender_of(&picture)), (Some(me), Some(me)));
            assert_eq!(is_key_frame(&picture), n.is_multiple_of(10));
            assert!((80..200).contains(&sound.len()) && picture.len() == VIDEO_BYTES);
        }
        assert!(TONE.iter().all(|frame| frame[0] & 3 == 0), "one frame each, without padding");
    }
}
