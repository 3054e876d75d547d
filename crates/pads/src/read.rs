//! A cursor over untrusted bytes in lib0 encoding, used by the scanner, the frame reader and the log formats.
//!
//! It checks every length against what is left and never allocates; it must not know anything about documents.

/// Why bytes could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A value or a declared length goes beyond the end.
    #[error("the bytes end too early")]
    End,
    /// A number does not fit its range.
    #[error("a number is out of range")]
    Range,
    /// Text that is not UTF-8.
    #[error("text is not UTF-8")]
    Text,
}

/// JavaScript's safe integers, and so client ids, end here.
const SAFE_INTEGER_BITS: u32 = 53;

/// The cursor.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub(crate) fn u8(&mut self) -> Result<u8, ReadError> {
        let byte = *self.bytes.get(self.at).ok_or(ReadError::End)?;
        self.at += 1;
        Ok(byte)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<&'a [u8], ReadError> {
        if length > self.left() {
            return Err(ReadError::End);
        }
        let taken = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(taken)
    }

    /// An unsigned number below 2^53.
    pub(crate) fn var53(&mut self) -> Result<u64, ReadError> {
        let mut number = 0u64;
        for shift in (0..).step_by(7) {
            let byte = self.u8()?;
            if shift >= SAFE_INTEGER_BITS + 3 {
                return Err(ReadError::Range);
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        if number >> SAFE_INTEGER_BITS == 0 { Ok(number) } else { Err(ReadError::Range) }
    }

    /// An unsigned number below 2^32.
    pub(crate) fn var32(&mut self) -> Result<u32, ReadError> {
        u32::try_from(self.var53()?).map_err(|_| ReadError::Range)
    }

    /// Skips a signed number of lib0 (`writeVarInt`): sign and six bits, then seven bits a byte, at most 64 bits.
    pub(crate) fn skip_signed(&mut self) -> Result<(), ReadError> {
        for _ in 0..9 {
            if self.u8()? < 0x80 {
                return Ok(());
            }
        }
        Err(ReadError::Range)
    }

    /// A buffer with its length before it.
    pub(crate) fn buffer(&mut self) -> Result<&'a [u8], ReadError> {
        let length = self.var32()? as usize;
        self.take(length)
    }

    /// Text with its length in bytes before it.
    pub(crate) fn text(&mut self) -> Result<&'a str, ReadError> {
        std::str::from_utf8(self.buffer()?).map_err(|_| ReadError::Text)
    }

    /// A number of things to come, of which each needs at least `each` bytes (S-20).
    pub(crate) fn count(&mut self, each: usize) -> Result<usize, ReadError> {
        let count = self.var32()? as usize;
        if count > self.left() / each.max(1) { Err(ReadError::End) } else { Ok(count) }
    }
}

/// Appends an unsigned number in lib0's variable length.
pub(crate) fn write_var(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a buffer with its length before it.
pub(crate) fn write_buffer(out: &mut Vec<u8>, bytes: &[u8]) {
    write_var(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_stop_at_their_range() {
        for number in [0, 1, 127, 128, 300, u64::from(u32::MAX), (1 << 53) - 1] {
            let mut bytes = Vec::new();
            write_var(&mut bytes, number);
            assert_eq!(Reader::new(&bytes).var53(), Ok(number));
        }
        let mut bytes = Vec::new();
        write_var(&mut bytes, 1 << 53);
        assert_eq!(Reader::new(&bytes).var53(), Err(ReadError::Range));
        assert_eq!(Reader::new(&[0xff; 20]).var53(), Err(ReadError::Range));
        assert_eq!(Reader::new(&[0x80, 0x80]).var53(), Err(ReadError::End));
    }

    #[test]
    fn declared_lengths_beyond_the_end_are_refused() {
        assert_eq!(Reader::new(&[5, 1, 2]).buffer(), Err(ReadError::End));
        assert_eq!(Reader::new(&[200, 1, 0, 0]).count(1), Err(ReadError::End));
        assert_eq!(Reader::new(&[2, 0xff, 0xfe]).text(), Err(ReadError::Text));
    }
}
