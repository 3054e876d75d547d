//! As much of the protobuf wire format as LiveKit's signalling needs: varints and length-delimited fields.

use anyhow::{Context as _, Result, bail};

/// A message that is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    /// A number, boolean or enumeration.
    pub(super) fn number(mut self, field: u32, value: u64) -> Self {
        self.varint(u64::from(field) << 3);
        self.varint(value);
        self
    }

    /// Text, bytes or a message.
    pub(super) fn bytes(mut self, field: u32, value: impl AsRef<[u8]>) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(value.as_ref().len() as u64);
        self.0.extend_from_slice(value.as_ref());
        self
    }

    pub(super) fn message(self, field: u32, value: &Self) -> Self {
        self.bytes(field, &value.0)
    }

    pub(super) fn done(self) -> Vec<u8> {
        self.0
    }
}

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// A message that is read: its fields with their numbers.
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let (first, rest) = self.0.split_first().context("a message is cut off")?;
            self.0 = rest;
            value |= u64::from(first & 0x7f) << shift;
            if first & 0x80 == 0 {
                return Ok(value);
            }
        }
        bail!("a number without end")
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).context("a message is cut off")?;
        self.0 = rest;
        Ok(taken)
    }

    fn field(&mut self) -> Result<(u32, Value<'a>)> {
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Number(self.varint()?),
            1 => Value::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?)?;
                Value::Bytes(self.take(length)?)
            }
            5 => Value::Bytes(self.take(4)?),
            kind => bail!("a field of kind {kind}"),
        };
        Ok((u32::try_from(key >> 3)?, value))
    }

    /// All fields.
    pub(super) fn fields(mut self) -> Result<Vec<(u32, Value<'a>)>> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            all.push(self.field()?);
        }
        Ok(all)
    }
}

/// The last value of a field, as text; empty where it is not there.
pub(super) fn text(bytes: &[u8], field: u32) -> Result<String> {
    Ok(String::from_utf8_lossy(inner(bytes, field)?).into_owned())
}

/// The last value of a field, as message; empty where it is not there.
pub(super) fn inner(bytes: &[u8], field: u32) -> Result<&[u8]> {
    let fields = Reader::new(bytes).fields()?;
    let found = fields.into_iter().rev().find_map(|(number, value)| match value {
        Value::Bytes(bytes) if number == field => Some(bytes),
        _ => None,
    });
    Ok(found.unwrap_or_default())
}

/// The last value of a field, as number; 0 where it is not there.
pub(super) fn number(bytes: &[u8], field: u32) -> Result<u64> {
    let fields = Reader::new(bytes).fields()?;
    let found = fields.into_iter().rev().find_map(|(number, value)| match value {
        Value::Number(value) if number == field => Some(value),
        _ => None,
    });
    Ok(found.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The examples of the format's own documentation: 150 in field 1, "testing" in field 2, both nested in field 3.
    #[test]
    fn the_examples_of_the_documentation() {
        let number_150 = Writer::default().number(1, 150);
        assert_eq!(number_150.clone().done(), [0x08, 0x96, 0x01]);
        let testing = Writer::default().bytes(2, "testing");
        assert_eq!(testing.done(), [0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        let nested = Writer::default().message(3, &number_150).done();
        assert_eq!(nested, [0x1a, 0x03, 0x08, 0x96, 0x01]);
        assert_eq!(number(inner(&nested, 3).expect("there"), 1).expect("there"), 150);
    }

    #[test]
    fn what_is_cut_off_is_an_error() {
        for bytes in [&[0x08][..], &[0x12, 9, 1], &[0x0b], &[0xff; 11]] {
            assert!(Reader::new(bytes).fields().is_err());
        }
        assert_eq!(text(&[0x0d, 1, 2, 3, 4, 0x12, 1, b'x'], 2).expect("readable"), "x");
    }
}
