//! Framing of the y-websocket protocol: one message in each binary frame, a variable-length type first.
//!
//! The pad calls it for each frame that comes in and goes out. It knows types and lengths, not what is inside; unknown
//! types, trailing bytes and oversize parts are refused (S-19, S-21).

use crate::read::{ReadError, Reader, write_buffer, write_var};
use bytes::Bytes;
use model::limits;

const SYNC: u64 = 0;
const AWARENESS: u64 = 1;
const AUTH: u64 = 2;
const QUERY_AWARENESS: u64 = 3;
/// Our extension `ack=1`: a counter that is echoed when everything before it is durable.
const ACK: u64 = 102;
/// Our extension `ack=1`: a notice from the server, see [`Notice`].
const NOTICE: u64 = 103;

const STEP_1: u64 = 0;
const STEP_2: u64 = 1;
const UPDATE: u64 = 2;

/// A message from a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// "This is my state vector: send what I miss."
    Step1(&'a [u8]),
    /// The answer to our step 1.
    Step2(&'a [u8]),
    /// A live update.
    Update(&'a [u8]),
    /// States of editors.
    Awareness(&'a [u8]),
    /// "Tell me all states of editors."
    QueryAwareness,
    /// "Echo this when everything before it is durable."
    Ack(u64),
}

/// Why a frame is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Not what the protocol says.
    #[error("malformed frame: {0}")]
    Malformed(#[from] ReadError),
    /// Bytes after the message.
    #[error("bytes after the message")]
    Trailing,
    /// A message type that we do not speak.
    #[error("unknown message type")]
    UnknownType,
    /// Larger than the limit of its kind.
    #[error("larger than the limit of its kind")]
    TooLarge,
}

/// What the server tells a client that asked for acknowledgements; texts are stable (docs/protocol-pads.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// You may read.
    RightRead,
    /// You may read and comment.
    RightComment,
    /// You may write.
    RightWrite,
    /// 80 % of the size limit are used.
    NearlyFull,
    /// The size limit is reached: nobody writes until something is deleted.
    Full,
    /// The pad can be written again.
    Writable,
    /// Your update was dropped, because you may not write; it will not be acknowledged.
    ReadOnly,
}

impl Notice {
    /// The text on the wire.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::RightRead => "right_read",
            Self::RightComment => "right_comment",
            Self::RightWrite => "right_write",
            Self::NearlyFull => "pad_nearly_full",
            Self::Full => "pad_full",
            Self::Writable => "pad_writable",
            Self::ReadOnly => "pad_read_only",
        }
    }
}

/// Reads one frame and checks the size limit of its kind.
///
/// # Errors
/// [`FrameError`]; the connection is to be closed.
pub fn parse(frame: &[u8]) -> Result<Message<'_>, FrameError> {
    let mut reader = Reader::new(frame);
    let bounded = |bytes: &'_ [u8], max: usize| if bytes.len() > max { Err(FrameError::TooLarge) } else { Ok(()) };
    let message = match reader.var53()? {
        SYNC => match reader.var53()? {
            STEP_1 => {
                let vector = reader.buffer()?;
                bounded(vector, limits::PAD_STATE_VECTOR_BYTES_MAX)?;
                Message::Step1(vector)
            }
            STEP_2 => {
                let update = reader.buffer()?;
                bounded(update, limits::PAD_SYNC_BYTES_MAX)?;
                Message::Step2(update)
            }
            UPDATE => {
                let update = reader.buffer()?;
                bounded(update, limits::PAD_UPDATE_BYTES_MAX)?;
                Message::Update(update)
            }
            _ => return Err(FrameError::UnknownType),
        },
        AWARENESS => {
            let states = reader.buffer()?;
            bounded(states, AWARENESS_FRAME_BYTES_MAX)?;
            Message::Awareness(states)
        }
        QUERY_AWARENESS => Message::QueryAwareness,
        ACK => Message::Ack(reader.var53()?),
        _ => return Err(FrameError::UnknownType),
    };
    if reader.left() == 0 { Ok(message) } else { Err(FrameError::Trailing) }
}

/// Stock clients echo everybody's states back, so a frame may hold more than the one state that counts; that one is
/// bounded by [`limits::PAD_AWARENESS_BYTES_MAX`] itself.
const AWARENESS_FRAME_BYTES_MAX: usize = limits::PAD_UPDATE_BYTES_MAX;

fn sync(kind: u64, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(payload.len() + 8);
    write_var(&mut frame, SYNC);
    write_var(&mut frame, kind);
    write_buffer(&mut frame, payload);
    frame.into()
}

/// Our state vector: "send what I miss".
#[must_use]
pub fn step1(state_vector: &[u8]) -> Bytes {
    sync(STEP_1, state_vector)
}

/// The last part of an answer to a step 1.
#[must_use]
pub fn step2(update: &[u8]) -> Bytes {
    sync(STEP_2, update)
}

/// An update.
#[must_use]
pub fn update(update: &[u8]) -> Bytes {
    sync(UPDATE, update)
}

/// States of editors.
#[must_use]
pub fn awareness(states: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(states.len() + 8);
    write_var(&mut frame, AWARENESS);
    write_buffer(&mut frame, states);
    frame.into()
}

/// Everything before this counter is durable.
#[must_use]
pub fn ack(counter: u64) -> Bytes {
    let mut frame = Vec::with_capacity(10);
    write_var(&mut frame, ACK);
    write_var(&mut frame, counter);
    frame.into()
}

/// A notice to a client that asked for acknowledgements.
#[must_use]
pub fn notice(notice: Notice) -> Bytes {
    let mut frame = Vec::with_capacity(24);
    write_var(&mut frame, NOTICE);
    write_buffer(&mut frame, notice.code().as_bytes());
    frame.into()
}

/// "Permission denied" as stock clients know it (y-protocols auth).
#[must_use]
pub fn denied(reason: &str) -> Bytes {
    let mut frame = Vec::with_capacity(reason.len() + 4);
    write_var(&mut frame, AUTH);
    write_var(&mut frame, 0);
    write_buffer(&mut frame, reason.as_bytes());
    frame.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(parse(&step1(&[0])), Ok(Message::Step1(&[0])));
        assert_eq!(parse(&step2(&[0, 0])), Ok(Message::Step2(&[0, 0])));
        assert_eq!(parse(&update(&[0, 0])), Ok(Message::Update(&[0, 0])));
        assert_eq!(parse(&ack(70_000)), Ok(Message::Ack(70_000)));
        assert_eq!(parse(&awareness(&[0])), Ok(Message::Awareness(&[0])));
    }

    #[test]
    fn unknown_trailing_and_oversize_are_refused() {
        assert_eq!(parse(&[9]), Err(FrameError::UnknownType));
        assert_eq!(parse(&[0, 3, 0]), Err(FrameError::UnknownType));
        assert_eq!(parse(&[3, 0]), Err(FrameError::Trailing));
        assert_eq!(parse(&[0, 0, 9, 1]), Err(FrameError::Malformed(ReadError::End)));
        assert_eq!(parse(&step1(&vec![0; limits::PAD_STATE_VECTOR_BYTES_MAX + 1])), Err(FrameError::TooLarge));
        assert_eq!(parse(&update(&vec![0; limits::PAD_UPDATE_BYTES_MAX + 1])), Err(FrameError::TooLarge));
        assert_eq!(parse(&step2(&vec![0; limits::PAD_SYNC_BYTES_MAX + 1])), Err(FrameError::TooLarge));
    }
}
