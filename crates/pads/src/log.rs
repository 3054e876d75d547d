//! What a pad writes down: log rows and checkpoints, as bytes that the shell seals and stores.
//!
//! A row is one tick: who contributed which elements, and the update. A checkpoint is the whole document with the
//! owners of client ids; rows up to it are no longer needed. Both begin with a version.

use crate::access::Person;
use crate::read::{ReadError, Reader, write_buffer, write_var};
use crate::shadow::Added;
use bytes::Bytes;

const ROW_VERSION: u8 = 1;
const CHECKPOINT_VERSION: u8 = 1;

/// Why stored bytes cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// Not our encoding: the store is damaged.
    #[error("damaged: {0}")]
    Read(#[from] ReadError),
    /// Bytes after the end.
    #[error("damaged: bytes after the end")]
    Trailing,
    /// Written by a newer version.
    #[error("written by a newer version")]
    Version,
}

/// What one person added in a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contribution {
    /// Who, as known from the connection.
    pub person: Person,
    /// Which elements; none when they only deleted.
    pub added: Vec<Added>,
}

/// One row of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Who contributed what.
    pub contributions: Vec<Contribution>,
    /// The update (v1).
    pub update: Bytes,
}

impl Row {
    /// The bytes to be sealed.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.update.len() + 32 * self.contributions.len() + 8);
        out.push(ROW_VERSION);
        write_var(&mut out, self.contributions.len() as u64);
        for contribution in &self.contributions {
            out.extend_from_slice(&contribution.person.0);
            write_var(&mut out, contribution.added.len() as u64);
            for added in &contribution.added {
                write_var(&mut out, added.client);
                write_var(&mut out, u64::from(added.from));
                write_var(&mut out, u64::from(added.to));
            }
        }
        write_buffer(&mut out, &self.update);
        out.into()
    }

    /// Reads a row.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != ROW_VERSION {
            return Err(LogError::Version);
        }
        let mut contributions = Vec::new();
        for _ in 0..reader.count(17)? {
            let person = person(&mut reader)?;
            let mut added = Vec::new();
            for _ in 0..reader.count(3)? {
                added.push(Added { client: reader.var53()?, from: reader.var32()?, to: reader.var32()? });
            }
            contributions.push(Contribution { person, added });
        }
        let update = Bytes::copy_from_slice(reader.buffer()?);
        if reader.left() == 0 { Ok(Self { contributions, update }) } else { Err(LogError::Trailing) }
    }
}

/// The whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Who owns which client id.
    pub owners: Vec<(u64, Person)>,
    /// The state as one update (v1).
    pub state: Bytes,
}

impl Checkpoint {
    /// The bytes to be sealed.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(self.state.len() + 24 * self.owners.len() + 8);
        out.push(CHECKPOINT_VERSION);
        write_var(&mut out, self.owners.len() as u64);
        for (client, person) in &self.owners {
            write_var(&mut out, *client);
            out.extend_from_slice(&person.0);
        }
        write_buffer(&mut out, &self.state);
        out.into()
    }

    /// Reads a checkpoint.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn decode(bytes: &[u8]) -> Result<Self, LogError> {
        let mut reader = Reader::new(bytes);
        if reader.u8()? != CHECKPOINT_VERSION {
            return Err(LogError::Version);
        }
        let mut owners = Vec::new();
        for _ in 0..reader.count(17)? {
            owners.push((reader.var53()?, person(&mut reader)?));
        }
        let state = Bytes::copy_from_slice(reader.buffer()?);
        if reader.left() == 0 { Ok(Self { owners, state }) } else { Err(LogError::Trailing) }
    }
}

fn person(reader: &mut Reader<'_>) -> Result<Person, ReadError> {
    reader.take(16)?.try_into().map(Person).map_err(|_| ReadError::End)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_and_checkpoints_round_trip() {
        let row = Row {
            contributions: vec![
                Contribution { person: Person([1; 16]), added: vec![Added { client: 1 << 40, from: 3, to: 900 }] },
                Contribution { person: Person([2; 16]), added: vec![] },
            ],
            update: Bytes::from_static(&[0, 0]),
        };
        assert_eq!(Row::decode(&row.encode()), Ok(row));
        let checkpoint = Checkpoint { owners: vec![(7, Person([3; 16]))], state: Bytes::from_static(&[0, 0]) };
        assert_eq!(Checkpoint::decode(&checkpoint.encode()), Ok(checkpoint));
    }

    #[test]
    fn damage_is_an_error_and_never_a_panic() {
        let row = Row {
            contributions: vec![Contribution { person: Person([1; 16]), added: vec![] }],
            update: Bytes::from_static(&[0, 0]),
        };
        let bytes = row.encode();
        for end in 0..bytes.len() {
            assert!(Row::decode(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(Row::decode(&[9]), Err(LogError::Version));
        assert_eq!(Checkpoint::decode(&[1, 0, 0, 0]), Err(LogError::Trailing));
    }
}
