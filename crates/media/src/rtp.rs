//! RTP headers (RFC 3550, clause 5.1; extensions by RFC 8285): read where they lie, written into a train.
//! Called for each packet: no allocation, no panic on any bytes.

use std::ops::Range;

/// Where things are in a received packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// The extension block's content; empty when there is none.
    extensions: Range<usize>,
    /// Two-byte form (RFC 8285, clause 4.3) instead of one-byte.
    two_byte: bool,
    /// The payload without padding; empty in packets that are only padding.
    pub(crate) payload: Range<usize>,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

impl Header {
    /// Reads a packet's header; `None` when it is malformed.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let (first, second) = (*bytes.first()?, *bytes.get(1)?);
        if first >> 6 != 2 {
            return None;
        }
        let mut at = 12 + 4 * usize::from(first & 0x0f);
        let (mut extensions, mut two_byte) = (at..at, false);
        if first & 0x10 != 0 {
            let profile = u16_at(bytes, at)?;
            let end = at + 4 + 4 * usize::from(u16_at(bytes, at + 2)?);
            two_byte = profile & 0xfff0 == 0x1000;
            if two_byte || profile == 0xbede {
                extensions = at + 4..end;
            }
            at = end;
        }
        let mut end = bytes.len();
        if at > end {
            return None;
        }
        if first & 0x20 != 0 {
            let padding = usize::from(*bytes.last()?);
            if padding == 0 || padding > end - at {
                return None;
            }
            end -= padding;
        }
        Some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16_at(bytes, 2)?,
            timestamp: u32_at(bytes, 4)?,
            ssrc: u32_at(bytes, 8)?,
            extensions,
            two_byte,
            payload: at..end,
        })
    }

    /// The content of the header extension with this id.
    pub(crate) fn extension<'a>(&self, bytes: &'a [u8], wanted: u8) -> Option<&'a [u8]> {
        let mut rest = bytes.get(self.extensions.clone())?;
        while let [first, after @ ..] = rest {
            if *first == 0 {
                rest = after; // padding between elements
                continue;
            }
            let (id, length, after) = if self.two_byte {
                let (length, after) = after.split_first()?;
                (*first, usize::from(*length), after)
            } else {
                (first >> 4, usize::from(first & 0x0f) + 1, after)
            };
            if !self.two_byte && id == 15 {
                return None; // RFC 8285, clause 4.2: stop here
            }
            let content = after.get(..length)?;
            if id == wanted {
                return Some(content);
            }
            rest = &after[length..];
        }
        None
    }
}

/// Bytes of the fixed header.
pub(crate) const FIXED_BYTES: usize = 12;
/// Bytes of our own extension block on all that we send: one word with the one extension of [`Stamp`].
pub(crate) const EXTENSIONS_BYTES: usize = 8;
/// Longer elements need the two-byte form (RFC 8285, clause 4.3).
const ONE_BYTE_FORM_MAX: usize = 16;

/// The header extension that a stream of ours carries, with its id on the connection: what the viewer estimates by, or
/// we by the viewer's feedback. Both fill one word, so that sizes do not depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// abs-send-time (24 bit, 6.18 seconds).
    SendTime(u8),
    /// The transport-wide number.
    TransportCc(u8),
}

/// The header of a packet that we send.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outgoing<'a> {
    pub(crate) marker: bool,
    pub(crate) padded: bool,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) ssrc: u32,
    /// The extension and its value; without it, no block.
    pub(crate) stamp: Option<(Stamp, u32)>,
    /// The id of the dependency descriptor, its content, and the frame number that it shall have.
    pub(crate) descriptor: Option<(u8, &'a [u8], u16)>,
}

impl Outgoing<'_> {
    /// How long [`Self::write`] will be; `descriptor`: the length of its content.
    pub(crate) fn size(stamped: bool, descriptor: Option<usize>) -> usize {
        match descriptor {
            None => FIXED_BYTES + if stamped { EXTENSIONS_BYTES } else { 0 },
            Some(length) => {
                let head = if length > ONE_BYTE_FORM_MAX { 2 } else { 1 };
                // Room for the longer stamp, whichever it is.
                let stamp = if stamped { head + 3 } else { 0 };
                FIXED_BYTES + 4 + (stamp + head + length).next_multiple_of(4)
            }
        }
    }

    /// Appends the block of a packet that has a dependency descriptor.
    fn write_block(&self, out: &mut Vec<u8>, (id, content, frame): (u8, &[u8], u16)) {
        let two_byte = content.len() > ONE_BYTE_FORM_MAX;
        let size = Self::size(self.stamp.is_some(), Some(content.len())) - FIXED_BYTES;
        let words = ((size / 4 - 1) as u16).to_be_bytes();
        let end = out.len() + size;
        out.extend_from_slice(if two_byte { &[0x10, 0x00] } else { &[0xbe, 0xde] });
        out.extend_from_slice(&words);
        let mut element = |id: u8, content: &[u8]| {
            let length = content.len() as u8;
            if two_byte {
                out.extend_from_slice(&[id, length]);
            } else {
                out.push(id << 4 | length.wrapping_sub(1) & 0x0f);
            }
            out.extend_from_slice(content);
        };
        if let Some((stamp, value)) = self.stamp {
            let value = value.to_be_bytes();
            match stamp {
                Stamp::SendTime(id) => element(id, &value[1..]),
                Stamp::TransportCc(id) => element(id, &value[2..]),
            }
        }
        element(id, content);
        let number = out.len() - content.len() + usize::from(crate::descriptor::FRAME_NUMBER_AT);
        if let Some(number) = out.get_mut(number..number + 2) {
            number.copy_from_slice(&frame.to_be_bytes());
        }
        out.resize(end, 0);
    }

    /// Appends the header.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let extended = self.stamp.is_some() || self.descriptor.is_some();
        let first = 0x80 | u8::from(self.padded) << 5 | u8::from(extended) << 4;
        out.extend_from_slice(&[first, u8::from(self.marker) << 7 | self.payload_type & 0x7f]);
        out.extend_from_slice(&self.sequence.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.ssrc.to_be_bytes());
        if let Some(descriptor) = self.descriptor {
            self.write_block(out, descriptor);
        } else if let Some((stamp, value)) = self.stamp {
            let [_, high, middle, low] = value.to_be_bytes();
            let element = match stamp {
                Stamp::SendTime(id) => [id << 4 | 2, high, middle, low],
                Stamp::TransportCc(id) => [id << 4 | 1, middle, low, 0],
            };
            out.extend_from_slice(&[0xbe, 0xde, 0, 1]);
            out.extend_from_slice(&element);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Vec::new();
        let header = Outgoing {
            marker: true,
            padded: true,
            payload_type: 96,
            sequence: 65_535,
            timestamp: 7,
            ssrc: 9,
            stamp: Some((Stamp::SendTime(3), 0x01_02_03)),
            descriptor: None,
        };
        header.write(&mut out);
        assert_eq!(out.len(), Outgoing::size(true, None));
        out.extend([1, 2, 3, 0, 0, 3]);
        let read = Header::parse(&out).expect("valid");
        assert_eq!(
            (read.marker, read.payload_type, read.sequence, read.timestamp, read.ssrc),
            (true, 96, 65_535, 7, 9)
        );
        assert_eq!(read.extension(&out, 3), Some(&[1, 2, 3][..]));
        assert_eq!(read.extension(&out, 4), None);
        assert_eq!(&out[read.payload], &[1, 2, 3]);
        let mut out = Vec::new();
        Outgoing { padded: false, stamp: Some((Stamp::TransportCc(5), 0xfffe)), ..header }.write(&mut out);
        assert_eq!(out.len(), Outgoing::size(true, None));
        assert_eq!(Header::parse(&out).expect("valid").extension(&out, 5), Some(&[0xff, 0xfe][..]));
    }

    #[test]
    fn a_descriptor_of_any_length_goes_along() {
        let content: Vec<u8> = (0..=254).collect();
        let (time, number) = (Stamp::SendTime(3), Stamp::TransportCc(3));
        let stamps = |length| [None, Some((time, 0x01_02_03)), Some((number, 0x02_03))].map(|stamp| (stamp, length));
        for (stamp, length) in (3..255).flat_map(stamps) {
            let mut out = Vec::new();
            let descriptor = Some((12, &content[..length], 0x0102));
            Outgoing {
                marker: false,
                padded: false,
                payload_type: 45,
                sequence: 1,
                timestamp: 2,
                ssrc: 3,
                stamp,
                descriptor,
            }
            .write(&mut out);
            assert_eq!(out.len(), Outgoing::size(stamp.is_some(), Some(length)));
            out.push(42);
            let read = Header::parse(&out).expect("valid");
            assert_eq!(read.extension(&out, 12), Some(&content[..length]));
            let expected: Option<&[u8]> = stamp.map(|(stamp, _)| if stamp == time { &[1, 2, 3][..] } else { &[2, 3] });
            assert_eq!(read.extension(&out, 3), expected);
            assert_eq!(&out[read.payload], &[42]);
        }
    }

    #[test]
    fn two_byte_extensions_and_contributors_are_read() {
        let mut bytes = vec![0x91, 111, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 9, 9, 9, 9, 0x10, 0, 0, 2];
        bytes.extend([5, 0, 6, 3, b'a', b'b', b'c', 0, 42]);
        let read = Header::parse(&bytes).expect("valid");
        assert_eq!(read.extension(&bytes, 6), Some(&b"abc"[..]));
        assert_eq!(read.extension(&bytes, 5), Some(&[][..]));
        assert_eq!(&bytes[read.payload], &[42]);
    }

    #[test]
    fn padding_longer_than_the_packet_is_refused() {
        let mut bytes = vec![0xa0, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 4];
        assert_eq!(Header::parse(&bytes), None);
        bytes[14] = 0;
        assert_eq!(Header::parse(&bytes), None);
        bytes[14] = 3;
        assert!(Header::parse(&bytes).expect("only padding").payload.is_empty());
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..120), id in any::<u8>()) {
            if let Some(read) = Header::parse(&bytes) {
                prop_assert!(read.payload.end <= bytes.len());
                let _ = read.extension(&bytes, id);
            }
        }
    }
}
