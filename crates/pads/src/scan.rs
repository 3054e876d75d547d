//! The scanner: walks an update (v1), a state vector or an awareness message without recursion before anything else
//! touches it, and refuses what goes beyond the limits or is of a kind that no editor of ours makes (S-20, S-21).
//!
//! The pad calls it on every frame; the shadow ([`crate::shadow`]) then judges what was found against the document.

use crate::read::{ReadError, Reader};
use model::limits;
use std::collections::HashSet;

/// One element of the document: who made it, and the how-many-th of theirs it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id {
    /// The client.
    pub client: u64,
    /// Its clock.
    pub clock: u32,
}

/// Where an element without neighbours hangs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parent<'a> {
    /// It has neighbours and hangs where they hang.
    Inherited,
    /// A named root.
    Root(&'a str, Option<&'a str>),
    /// An element, and the key in it if it is a map.
    Item(Id, Option<&'a str>),
}

/// What a struct is, as far as the document's health depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A gap in the sender's knowledge.
    Skip,
    /// Something that was collected.
    Gone,
    /// An element whose content was deleted.
    Deleted,
    /// An element that can have children.
    Type,
    /// Any other content.
    Content,
}

/// One struct of an update.
#[derive(Clone, Debug)]
pub struct Struct<'a> {
    /// Its first element.
    pub id: Id,
    /// How many elements (UTF-16 units for text).
    pub length: u32,
    /// What it is.
    pub kind: Kind,
    /// Its left neighbour when it was made.
    pub origin: Option<Id>,
    /// Its right neighbour when it was made.
    pub right_origin: Option<Id>,
    /// Where it hangs, when no neighbour tells.
    pub parent: Parent<'a>,
    /// Where its bytes begin in the update.
    pub start: usize,
    /// Where they end.
    pub end: usize,
}

/// Elements of one client that an update deletes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The first one.
    pub id: Id,
    /// How many.
    pub length: u32,
}

/// What an update holds.
#[derive(Clone, Debug, Default)]
pub struct Update<'a> {
    /// All structs, those of a client together and with rising clocks.
    pub structs: Vec<Struct<'a>>,
    /// All deletions.
    pub deletions: Vec<Deletion>,
    /// Where the delete set begins.
    pub deletions_start: usize,
    /// UTF-16 units of visible text.
    pub text_units: u64,
}

/// What is allowed in an update.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Structs and deleted ranges together.
    pub structs_max: u64,
    /// Nesting of values.
    pub value_depth_max: usize,
}

impl Limits {
    /// For a live update.
    pub const LIVE: Self =
        Self { structs_max: limits::PAD_UPDATE_STRUCTS_MAX, value_depth_max: limits::PAD_VALUE_DEPTH_MAX };
    /// For an answer to our state vector.
    pub const SYNC: Self =
        Self { structs_max: limits::PAD_SYNC_STRUCTS_MAX, value_depth_max: limits::PAD_VALUE_DEPTH_MAX };
    /// For what we stored ourselves, bounded by the document's size.
    pub const STORED: Self = Self { structs_max: u64::MAX, value_depth_max: limits::PAD_VALUE_DEPTH_MAX };
}

/// Why bytes were refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Not the encoding.
    #[error("malformed: {0}")]
    Read(#[from] ReadError),
    /// Bytes after the end.
    #[error("bytes after the end")]
    Trailing,
    /// More structs than allowed.
    #[error("more structs than allowed")]
    TooMany,
    /// Nested deeper than allowed.
    #[error("nested deeper than allowed")]
    TooDeep,
    /// Content that our editor and stock clients do not make.
    #[error("a kind of content that is not supported")]
    Kind,
    /// Right encoding, impossible meaning: empty struct, client named twice, ranges out of order, clock overflow.
    #[error("an impossible update")]
    Impossible,
    /// Larger than allowed.
    #[error("larger than allowed")]
    TooLarge,
}

/// Clocks stay below this, so that differences fit a signed 32-bit number in every implementation.
const CLOCK_END: u32 = 1 << 30;

const HAS_ORIGIN: u8 = 0x80;
const HAS_RIGHT_ORIGIN: u8 = 0x40;
const HAS_KEY: u8 = 0x20;
const UNUSED: u8 = 0x10;

/// Walks an update v1 from its first to its last byte.
///
/// # Errors
/// [`ScanError`]; nothing of it may reach the document.
pub fn update(bytes: &[u8], allowed: Limits) -> Result<Update<'_>, ScanError> {
    let mut reader = Reader::new(bytes);
    let mut found = Update::default();
    let mut clients = HashSet::new();
    // A client with its structs needs at least: number, client, clock, one struct of two bytes.
    for _ in 0..reader.count(5)? {
        let structs = reader.count(2)?;
        if structs == 0 {
            return Err(ScanError::Impossible);
        }
        if found.structs.len() as u64 + structs as u64 > allowed.structs_max {
            return Err(ScanError::TooMany);
        }
        let client = reader.var53()?;
        if !clients.insert(client) {
            return Err(ScanError::Impossible);
        }
        let mut clock = reader.var32()?;
        for _ in 0..structs {
            let scanned = one_struct(&mut reader, Id { client, clock }, allowed, &mut found.text_units)?;
            clock = advance(clock, scanned.length)?;
            found.structs.push(scanned);
        }
    }
    found.deletions_start = reader.position();
    clients.clear();
    for _ in 0..reader.count(4)? {
        let client = reader.var53()?;
        if !clients.insert(client) {
            return Err(ScanError::Impossible);
        }
        let mut end = 0;
        for _ in 0..reader.count(2)? {
            let clock = reader.var32()?;
            let length = reader.var32()?;
            if clock < end {
                return Err(ScanError::Impossible);
            }
            end = advance(clock, length)?;
            found.deletions.push(Deletion { id: Id { client, clock }, length });
            if (found.structs.len() + found.deletions.len()) as u64 > allowed.structs_max {
                return Err(ScanError::TooMany);
            }
        }
    }
    if reader.left() == 0 { Ok(found) } else { Err(ScanError::Trailing) }
}

/// The clock after `length` elements; an empty struct is as impossible as one beyond the end of clocks.
fn advance(clock: u32, length: u32) -> Result<u32, ScanError> {
    match clock.checked_add(length) {
        Some(end) if length > 0 && end < CLOCK_END => Ok(end),
        _ => Err(ScanError::Impossible),
    }
}

fn one_struct<'a>(
    reader: &mut Reader<'a>,
    id: Id,
    allowed: Limits,
    text_units: &mut u64,
) -> Result<Struct<'a>, ScanError> {
    let start = reader.position();
    let info = reader.u8()?;
    let (mut origin, mut right_origin, mut parent) = (None, None, Parent::Inherited);
    let (kind, length) = match info {
        0 => (Kind::Gone, reader.var32()?),
        10 => (Kind::Skip, reader.var32()?),
        _ => {
            if info & UNUSED != 0 {
                return Err(ScanError::Kind);
            }
            if info & HAS_ORIGIN != 0 {
                origin = Some(one_id(reader)?);
            }
            if info & HAS_RIGHT_ORIGIN != 0 {
                right_origin = Some(one_id(reader)?);
            }
            if origin.is_none() && right_origin.is_none() {
                let named = reader.u8()?;
                let at = match named {
                    0 => Err(one_id(reader)?),
                    1 => Ok(reader.text()?),
                    _ => return Err(ScanError::Kind),
                };
                let key = if info & HAS_KEY == 0 { None } else { Some(reader.text()?) };
                parent = match at {
                    Ok(name) => Parent::Root(name, key),
                    Err(item) => Parent::Item(item, key),
                };
            }
            content(reader, info & 0x0f, allowed, text_units)?
        }
    };
    Ok(Struct { id, length, kind, origin, right_origin, parent, start, end: reader.position() })
}

fn one_id(reader: &mut Reader<'_>) -> Result<Id, ScanError> {
    let id = Id { client: reader.var53()?, clock: reader.var32()? };
    if id.clock < CLOCK_END { Ok(id) } else { Err(ScanError::Impossible) }
}

/// Content by its reference number. Refused: 2 (JSON of Yjs before 13.0), 9 (sub-document), and whatever is new.
fn content(
    reader: &mut Reader<'_>,
    reference: u8,
    allowed: Limits,
    text_units: &mut u64,
) -> Result<(Kind, u32), ScanError> {
    match reference {
        1 => Ok((Kind::Deleted, reader.var32()?)),
        3 => {
            reader.buffer()?;
            Ok((Kind::Content, 1))
        }
        4 => {
            let units = utf16_units(reader.text()?);
            *text_units += u64::from(units);
            Ok((Kind::Content, units))
        }
        5 => {
            json(reader.text()?, allowed)?;
            Ok((Kind::Content, 1))
        }
        6 => {
            reader.text()?;
            json(reader.text()?, allowed)?;
            Ok((Kind::Content, 1))
        }
        7 => {
            match reader.u8()? {
                // array, map, text, fragment, xml text
                0 | 1 | 2 | 4 | 6 => {}
                // element, with its name
                3 => {
                    reader.text()?;
                }
                _ => return Err(ScanError::Kind),
            }
            Ok((Kind::Type, 1))
        }
        8 => {
            let length = reader.count(1)?;
            for _ in 0..length {
                any(reader, allowed)?;
            }
            Ok((Kind::Content, u32::try_from(length).map_err(|_| ScanError::Impossible)?))
        }
        _ => Err(ScanError::Kind),
    }
}

/// The length of text as Yjs counts it. ASCII, the usual keystroke, is counted without decoding.
fn utf16_units(text: &str) -> u32 {
    let units = if text.is_ascii() { text.len() } else { text.chars().map(char::len_utf16).sum() };
    u32::try_from(units).unwrap_or(u32::MAX)
}

/// Skips one value of lib0's `writeAny` without recursion: `open` holds how many values each open level still needs.
fn any(reader: &mut Reader<'_>, allowed: Limits) -> Result<(), ScanError> {
    // A level is (values left, whether each has a key before it).
    let mut open: Vec<(usize, bool)> = vec![(1, false)];
    while let Some((left, keyed)) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        if *keyed {
            reader.text()?;
        }
        match reader.u8()? {
            // undefined, null, false, true
            127 | 126 | 121 | 120 => {}
            125 => reader.skip_signed()?,
            124 => {
                reader.take(4)?;
            }
            123 | 122 => {
                reader.take(8)?;
            }
            119 => {
                reader.text()?;
            }
            118 => {
                let count = reader.count(2)?;
                open.push((count, true));
            }
            117 => {
                let count = reader.count(1)?;
                open.push((count, false));
            }
            116 => {
                reader.buffer()?;
            }
            _ => return Err(ScanError::Kind),
        }
        if open.len() > allowed.value_depth_max + 1 {
            return Err(ScanError::TooDeep);
        }
    }
    Ok(())
}

/// JSON inside an update: bounded in depth, and then such that yrs will not stumble over it.
fn json(text: &str, allowed: Limits) -> Result<(), ScanError> {
    nesting(text, allowed)?;
    serde_json::from_str::<serde_json::Value>(text).map(drop).map_err(|_| ScanError::Impossible)
}

/// Bounds the nesting of JSON text before anything parses it: brackets outside strings are counted.
fn nesting(text: &str, allowed: Limits) -> Result<(), ScanError> {
    let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                if depth > allowed.value_depth_max {
                    return Err(ScanError::TooDeep);
                }
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

/// Checks a state vector: at most [`limits::PAD_STATE_VECTOR_BYTES_MAX`] bytes, each client once.
///
/// # Errors
/// [`ScanError`].
pub fn state_vector(bytes: &[u8]) -> Result<Vec<Id>, ScanError> {
    if bytes.len() > limits::PAD_STATE_VECTOR_BYTES_MAX {
        return Err(ScanError::TooLarge);
    }
    let mut reader = Reader::new(bytes);
    let mut clients = HashSet::new();
    let mut vector = Vec::new();
    for _ in 0..reader.count(2)? {
        let id = one_id(&mut reader)?;
        if !clients.insert(id.client) {
            return Err(ScanError::Impossible);
        }
        vector.push(id);
    }
    if reader.left() == 0 { Ok(vector) } else { Err(ScanError::Trailing) }
}

/// One entry of an awareness message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwarenessEntry<'a> {
    /// Whose state.
    pub client: u64,
    /// The how-many-th.
    pub clock: u32,
    /// JSON; `null` = gone.
    pub state: &'a str,
}

/// Checks an awareness message: lengths, each client once; nested JSON is bounded. States are not parsed here.
///
/// # Errors
/// [`ScanError`].
pub fn awareness(bytes: &[u8]) -> Result<Vec<AwarenessEntry<'_>>, ScanError> {
    let mut reader = Reader::new(bytes);
    let mut clients = HashSet::new();
    let mut entries = Vec::new();
    for _ in 0..reader.count(3)? {
        let entry = AwarenessEntry { client: reader.var53()?, clock: reader.var32()?, state: reader.text()? };
        if !clients.insert(entry.client) {
            return Err(ScanError::Impossible);
        }
        nesting(entry.state, Limits::LIVE)?;
        entries.push(entry);
    }
    if reader.left() == 0 { Ok(entries) } else { Err(ScanError::Trailing) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An update with one struct of client 1 at clock 0 in the root "t", and no deletions.
    fn with_content(reference: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![1, 1, 1, 0, reference, 1, 1, b't'];
        bytes.extend_from_slice(content);
        bytes.push(0);
        bytes
    }

    fn refused(bytes: &[u8]) -> ScanError {
        update(bytes, Limits::LIVE).map(|_| ()).expect_err("must be refused")
    }

    #[test]
    fn text_is_counted_as_yjs_counts() {
        let bytes = with_content(4, "\u{5}a😀".as_bytes());
        let found = update(&bytes, Limits::LIVE).expect("scanned");
        assert_eq!((found.structs[0].length, found.text_units), (3, 3));
        assert_eq!(found.structs[0].parent, Parent::Root("t", None));
    }

    #[test]
    fn empty_and_foreign_kinds_are_refused() {
        assert_eq!(refused(&with_content(4, &[0])), ScanError::Impossible);
        assert_eq!(refused(&with_content(9, &[1, b'g', 118, 0])), ScanError::Kind, "sub-document");
        assert_eq!(refused(&with_content(2, &[1, 1, b'1'])), ScanError::Kind, "old JSON");
        assert_eq!(refused(&with_content(7, &[5, 1, b'h'])), ScanError::Kind, "hook");
        assert_eq!(refused(&with_content(7, &[9])), ScanError::Kind, "sub-document type");
        assert_eq!(refused(&[0, 0, 0]), ScanError::Trailing);
        assert_eq!(refused(&[0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]), ScanError::Trailing, "an empty update v2");
    }

    #[test]
    fn nesting_stops_at_the_limit() {
        let nested = |depth: usize| {
            let mut value = vec![1];
            for _ in 0..depth {
                value.extend([117, 1]);
            }
            value.push(126);
            with_content(8, &value)
        };
        assert!(update(&nested(limits::PAD_VALUE_DEPTH_MAX), Limits::LIVE).is_ok());
        assert_eq!(refused(&nested(limits::PAD_VALUE_DEPTH_MAX + 1)), ScanError::TooDeep);
        let embed = |depth: usize| {
            let json = "[".repeat(depth) + &"]".repeat(depth);
            let mut value = vec![u8::try_from(json.len()).expect("short")];
            value.extend(json.bytes());
            with_content(5, &value)
        };
        assert!(update(&embed(limits::PAD_VALUE_DEPTH_MAX), Limits::LIVE).is_ok());
        assert_eq!(refused(&embed(limits::PAD_VALUE_DEPTH_MAX + 1)), ScanError::TooDeep);
    }

    #[test]
    fn clocks_and_lengths_are_bounded() {
        // A deletion of 2^30 elements, one more than clocks reach.
        assert_eq!(refused(&[0, 1, 1, 1, 0, 0x80, 0x80, 0x80, 0x80, 0x04]), ScanError::Impossible);
        assert_eq!(refused(&[0x7f, 0]), ScanError::Read(ReadError::End));
        // The same client twice.
        assert_eq!(refused(&[2, 1, 1, 0, 0, 1, 1, 1, 1, 0, 1, 0]), ScanError::Impossible);
    }

    #[test]
    fn struct_limits_are_exact() {
        let allowed = Limits { structs_max: 2, ..Limits::LIVE };
        let gc = |structs: u8| {
            let mut bytes = vec![1, structs, 1, 0];
            for _ in 0..structs {
                bytes.extend([0, 1]);
            }
            bytes.push(0);
            bytes
        };
        assert!(update(&gc(2), allowed).is_ok());
        assert_eq!(update(&gc(3), allowed).map(|_| ()), Err(ScanError::TooMany));
    }

    #[test]
    fn state_vectors_and_awareness_name_each_client_once() {
        assert_eq!(state_vector(&[1, 5, 7]), Ok(vec![Id { client: 5, clock: 7 }]));
        assert_eq!(state_vector(&[2, 5, 7, 5, 8]), Err(ScanError::Impossible));
        assert_eq!(state_vector(&[0, 0]), Err(ScanError::Trailing));
        let entries = awareness(&[1, 5, 1, 2, b'{', b'}']).expect("scanned");
        assert_eq!(entries, [AwarenessEntry { client: 5, clock: 1, state: "{}" }]);
        assert_eq!(awareness(&[2, 5, 1, 2, b'{', b'}', 5, 1, 2, b'{', b'}']), Err(ScanError::Impossible));
    }
}
