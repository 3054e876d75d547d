//! What stands before the DTLS library: joins fragmented handshake messages within bounds, drops plaintext records that
//! could only be forged, and reads the SRTP profiles out of the first hello. Called by `dtls`; keeps no keys.
//!
//! The library keeps fragments without a bound that suits us and does not answer a repeated hello (0.21.1).

use super::keys::Profile;

const RECORD_HEADER_BYTES: usize = 13;
const MESSAGE_HEADER_BYTES: usize = 12;
const CONTENT_CHANGE_CIPHER_SPEC: u8 = 20;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// A handshake message; certificates of browsers have less than 1 KiB.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;
/// Messages that are being joined at a time.
const PARTIAL_MAX: usize = 4;

/// A message of which some bytes are there.
struct Partial {
    sequence: u16,
    kind: u8,
    body: Vec<u8>,
    /// Which ranges are there: sorted, disjoint.
    have: Vec<(usize, usize)>,
}

impl Partial {
    fn add(&mut self, offset: usize, fragment: &[u8]) {
        let Some(place) = self.body.get_mut(offset..offset + fragment.len()) else { return };
        place.copy_from_slice(fragment);
        let (mut start, mut end) = (offset, offset + fragment.len());
        self.have.retain(|&(from, to)| {
            let apart = to < start || end < from;
            if !apart {
                (start, end) = (start.min(from), end.max(to));
            }
            apart
        });
        let at = self.have.partition_point(|&(from, _)| from < start);
        self.have.insert(at, (start, end));
    }

    fn is_whole(&self) -> bool {
        self.have == [(0, self.body.len())]
    }
}

/// A client hello that has just become whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hello {
    /// Its place in the handshake: 0 without cookie, then 1.
    pub(crate) sequence: u16,
    /// The message without its header.
    pub(crate) body: Vec<u8>,
    /// The SRTP profile that we choose from it.
    pub(crate) profile: Option<Profile>,
}

/// A datagram as the library shall see it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Joined {
    /// Whole records; empty when nothing is whole yet.
    pub(crate) records: Vec<u8>,
    /// A hello in it, which is not among the records.
    pub(crate) hello: Option<Hello>,
}

/// Joins fragments of handshake messages.
#[derive(Default)]
pub(crate) struct Joiner {
    partial: Vec<Partial>,
}

impl Joiner {
    /// Takes a datagram; `None`: malformed, drop it.
    pub(crate) fn take(&mut self, datagram: &[u8]) -> Option<Joined> {
        let mut joined = Joined::default();
        let mut rest = datagram;
        while !rest.is_empty() {
            let (header, after) = rest.split_at_checked(RECORD_HEADER_BYTES)?;
            let length = usize::from(u16::from_be_bytes([header[11], header[12]]));
            let (body, next) = after.split_at_checked(length)?;
            rest = next;
            let is_plain = header[3] == 0 && header[4] == 0;
            match header[0] {
                CONTENT_HANDSHAKE if is_plain => self.take_handshake(header, body, &mut joined)?,
                // Alerts in plain text could be anybody's: only an authenticated one ends a session (S-30).
                content if is_plain && content != CONTENT_CHANGE_CIPHER_SPEC => {}
                _ => {
                    joined.records.extend_from_slice(header);
                    joined.records.extend_from_slice(body);
                }
            }
        }
        Some(joined)
    }

    fn take_handshake(&mut self, header: &[u8], mut body: &[u8], joined: &mut Joined) -> Option<()> {
        let start = joined.records.len();
        joined.records.extend_from_slice(header);
        while !body.is_empty() {
            let (head, after) = body.split_at_checked(MESSAGE_HEADER_BYTES)?;
            let [length, offset, size] = [1, 6, 9]
                .map(|at| usize::from(head[at]) << 16 | usize::from(head[at + 1]) << 8 | usize::from(head[at + 2]));
            let (fragment, next) = after.split_at_checked(size)?;
            body = next;
            if length > MESSAGE_BYTES_MAX || offset + size > length {
                return None;
            }
            let (kind, sequence) = (head[0], u16::from_be_bytes([head[4], head[5]]));
            if size == length {
                joined.emit(kind, sequence, fragment);
            } else if let Some(whole) = self.join(kind, sequence, length, offset, fragment) {
                joined.emit(kind, sequence, &whole);
            }
        }
        let length = joined.records.len() - start - RECORD_HEADER_BYTES;
        if length == 0 {
            joined.records.truncate(start);
            return Some(());
        }
        let length = u16::try_from(length).ok()?.to_be_bytes();
        joined.records[start + 11..start + 13].copy_from_slice(&length);
        Some(())
    }

    fn join(&mut self, kind: u8, sequence: u16, length: usize, offset: usize, fragment: &[u8]) -> Option<Vec<u8>> {
        // What does not fit to the others is another's: it must not take their place (S-30).
        let same = |known: &Partial| (known.sequence, known.kind, known.body.len()) == (sequence, kind, length);
        let at = self.partial.iter().position(same).unwrap_or_else(|| {
            if self.partial.len() >= PARTIAL_MAX {
                self.partial.remove(0);
            }
            self.partial.push(Partial { sequence, kind, body: vec![0; length], have: Vec::new() });
            self.partial.len() - 1
        });
        self.partial[at].add(offset, fragment);
        self.partial[at].is_whole().then(|| self.partial.remove(at).body)
    }
}

impl Joined {
    fn emit(&mut self, kind: u8, sequence: u16, body: &[u8]) {
        if kind == CLIENT_HELLO {
            self.hello = Some(Hello { sequence, body: body.to_vec(), profile: profile_of(body) });
            return;
        }
        write_message(&mut self.records, kind, sequence, body);
    }
}

/// A client hello as a datagram of its own; the caller numbers the record.
pub(crate) fn hello_record(sequence: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![CONTENT_HANDSHAKE, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0];
    // Shorter than 2^16 by MESSAGE_BYTES_MAX.
    out.extend_from_slice(&((body.len() + MESSAGE_HEADER_BYTES) as u16).to_be_bytes());
    write_message(&mut out, CLIENT_HELLO, sequence, body);
    out
}

/// Numbers the records that are in plain text: their own numbers are anybody's, and one far ahead would make the
/// library take the client's for old (S-30).
pub(crate) fn renumber(records: &mut [u8], next: &mut u32) {
    let mut rest = records;
    while rest.len() >= RECORD_HEADER_BYTES {
        if rest[3] == 0 && rest[4] == 0 {
            rest[5..7].fill(0);
            rest[7..11].copy_from_slice(&next.to_be_bytes());
            *next += 1;
        }
        let length = RECORD_HEADER_BYTES + usize::from(u16::from_be_bytes([rest[11], rest[12]]));
        rest = rest.get_mut(length..).unwrap_or_default();
    }
}

fn write_message(out: &mut Vec<u8>, kind: u8, sequence: u16, body: &[u8]) {
    // Shorter than 2^24 by MESSAGE_BYTES_MAX.
    let length = (body.len() as u32).to_be_bytes();
    out.push(kind);
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(&sequence.to_be_bytes());
    out.extend_from_slice(&[0; 3]);
    out.extend_from_slice(&length[1..]);
    out.extend_from_slice(body);
}

/// The profile that we choose from `use_srtp` (RFC 5764, clause 4.1.1): the cheapest AEAD, SHA-1 only for clients that
/// have nothing else (S-31).
fn profile_of(hello: &[u8]) -> Option<Profile> {
    const USE_SRTP: u16 = 14;
    let rest = hello.get(2 + 32..)?;
    let rest = skip(rest, 1)?; // session id
    let rest = skip(rest, 1)?; // cookie
    let rest = skip(rest, 2)?; // cipher suites
    let rest = skip(rest, 1)?; // compression methods
    let mut extensions = vector(rest, 2)?.0;
    while let Some((kind, after)) = extensions.split_at_checked(2) {
        let (value, next) = vector(after, 2)?;
        if u16::from_be_bytes([kind[0], kind[1]]) == USE_SRTP {
            let offered = vector(value, 2)?.0;
            let has = |profile: u16| offered.chunks_exact(2).any(|pair| pair == profile.to_be_bytes());
            let ours = [(7, Profile::Aes128Gcm), (8, Profile::Aes256Gcm), (1, Profile::Aes128CmSha1)];
            return ours.into_iter().find(|(number, _)| has(*number)).map(|(_, profile)| profile);
        }
        extensions = next;
    }
    None
}

/// Splits a vector with a length prefix of `prefix` bytes off the front.
fn vector(bytes: &[u8], prefix: usize) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_at_checked(prefix)?;
    rest.split_at_checked(length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
}

fn skip(bytes: &[u8], prefix: usize) -> Option<&[u8]> {
    vector(bytes, prefix).map(|(_, rest)| rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello_body(profiles: &[u16], filler: usize) -> Vec<u8> {
        let mut extensions = vec![0xab, 0xcd];
        extensions.extend((filler as u16).to_be_bytes());
        extensions.extend(vec![0; filler]);
        extensions.extend([0, 14]);
        extensions.extend((2 * profiles.len() as u16 + 3).to_be_bytes());
        extensions.extend((2 * profiles.len() as u16).to_be_bytes());
        extensions.extend(profiles.iter().flat_map(|profile| profile.to_be_bytes()));
        extensions.push(0);
        let mut body = vec![0xfe, 0xfd];
        body.extend([9; 32]);
        body.extend([0, 0, 0, 2, 0xc0, 0x2b, 1, 0]);
        body.extend((extensions.len() as u16).to_be_bytes());
        body.extend(extensions);
        body
    }

    fn record(content: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut out = vec![content, 0xfe, 0xfd, 0, epoch, 0, 0, 0, 0, 0, 1];
        out.extend((body.len() as u16).to_be_bytes());
        out.extend(body);
        out
    }

    fn fragment(sequence: u8, whole: &[u8], from: usize, to: usize) -> Vec<u8> {
        let three = |value: usize| [(value >> 16) as u8, (value >> 8) as u8, value as u8];
        let mut out = vec![CLIENT_HELLO];
        out.extend(three(whole.len()));
        out.extend([0, sequence]);
        out.extend(three(from));
        out.extend(three(to - from));
        out.extend(&whole[from..to]);
        out
    }

    #[test]
    fn aead_is_chosen_whenever_offered() {
        for (offered, chosen) in [
            (&[1, 7, 8][..], Some(Profile::Aes128Gcm)),
            (&[1, 8], Some(Profile::Aes256Gcm)),
            (&[2, 1], Some(Profile::Aes128CmSha1)),
            (&[2], None),
            (&[], None),
        ] {
            assert_eq!(profile_of(&hello_body(offered, 0)), chosen, "{offered:?}");
        }
    }

    #[test]
    fn a_fragmented_hello_becomes_one_message() {
        let body = hello_body(&[1, 7], 1_300);
        let whole = record(CONTENT_HANDSHAKE, 0, &fragment(0, &body, 0, body.len()));
        let mut pieces: Vec<_> = [(0, 700), (600, 1_200), (1_200, body.len())]
            .map(|(from, to)| record(CONTENT_HANDSHAKE, 0, &fragment(0, &body, from, to)))
            .into();
        pieces.rotate_left(1);
        let mut joiner = Joiner::default();
        assert_eq!(joiner.take(&pieces[0]), Some(Joined::default()));
        assert_eq!(joiner.take(&pieces[0]), Some(Joined::default()), "a repeat adds nothing");
        assert_eq!(joiner.take(&pieces[1]), Some(Joined::default()));
        let joined = joiner.take(&pieces[2]).expect("well-formed");
        assert!(joined.records.is_empty());
        let hello = joined.hello.expect("a hello");
        assert_eq!(hello, Hello { sequence: 0, body, profile: Some(Profile::Aes128Gcm) });
        let mut again = hello_record(0, &hello.body);
        renumber(&mut again, &mut 1);
        assert_eq!(again, whole);
        assert!(joiner.partial.is_empty());
    }

    #[test]
    fn a_hello_is_taken_out_of_its_datagram() {
        let body = hello_body(&[8], 10);
        let whole = record(CONTENT_HANDSHAKE, 0, &fragment(1, &body, 0, body.len()));
        let joined = Joiner::default().take(&whole).expect("well-formed");
        assert!(joined.records.is_empty());
        assert_eq!(joined.hello, Some(Hello { sequence: 1, body, profile: Some(Profile::Aes256Gcm) }));
    }

    /// S-30: an alert in plain text does not reach the library, an encrypted one does.
    #[test]
    fn plaintext_alerts_are_dropped() {
        let mut joiner = Joiner::default();
        assert_eq!(joiner.take(&record(21, 0, &[2, 40])), Some(Joined::default()));
        assert_eq!(joiner.take(&record(23, 0, b"data")), Some(Joined::default()));
        let encrypted = record(21, 1, &[7; 40]);
        assert_eq!(joiner.take(&encrypted).map(|joined| joined.records), Some(encrypted));
    }

    /// S-30: fragments of another message with the same number do not disturb.
    #[test]
    fn foreign_fragments_take_no_place() {
        let (body, other) = (hello_body(&[7], 300), hello_body(&[1], 200));
        let mut joiner = Joiner::default();
        let piece = |body: &[u8], from, to| record(CONTENT_HANDSHAKE, 0, &fragment(0, body, from, to));
        assert_eq!(joiner.take(&piece(&body, 0, 100)), Some(Joined::default()));
        assert_eq!(joiner.take(&piece(&other, 50, 150)), Some(Joined::default()));
        let joined = joiner.take(&piece(&body, 100, body.len())).expect("well-formed");
        assert_eq!(joined.hello.map(|hello| hello.body), Some(body));
    }

    #[test]
    fn plaintext_records_are_numbered_in_order_of_coming() {
        let mut records = [record(CONTENT_HANDSHAKE, 0, b"x"), record(22, 1, b"y"), record(20, 0, b"z")].concat();
        records[5..11].fill(0xff);
        let mut next = 300;
        renumber(&mut records, &mut next);
        assert_eq!(
            (next, &records[5..11], &records[33..39]),
            (302, &[0, 0, 0, 0, 1, 44][..], &[0, 0, 0, 0, 1, 45][..])
        );
        assert_eq!(records[19..25], [0, 0, 0, 0, 0, 1], "an encrypted record keeps its own");
        renumber(&mut records[..20], &mut next);
    }

    #[test]
    fn joining_is_bounded() {
        let mut joiner = Joiner::default();
        let body = vec![0; MESSAGE_BYTES_MAX];
        for sequence in 0..200 {
            let piece = record(CONTENT_HANDSHAKE, 0, &fragment(sequence, &body, 0, 1));
            assert_eq!(joiner.take(&piece), Some(Joined::default()));
            assert!(joiner.partial.len() <= PARTIAL_MAX);
        }
        let huge = vec![0; MESSAGE_BYTES_MAX + 1];
        assert_eq!(joiner.take(&record(CONTENT_HANDSHAKE, 0, &fragment(0, &huge, 0, 1))), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..400) {
            let mut joiner = Joiner::default();
            let _ = joiner.take(&bytes);
            let _ = joiner.take(&record(CONTENT_HANDSHAKE, 0, &bytes));
            let _ = profile_of(&bytes);
            let body = hello_body(&[7], 300);
            let mut mutated = fragment(0, &body, 0, body.len());
            for (at, byte) in bytes.iter().enumerate() {
                let place = (at * 37 + cut) % mutated.len();
                mutated[place] ^= byte;
            }
            let _ = joiner.take(&record(CONTENT_HANDSHAKE, 0, &mutated));
        }

        #[test]
        fn fragments_in_any_order_join(order in Just((0..9_usize).collect::<Vec<_>>()).prop_shuffle()) {
            let body = hello_body(&[7], 850);
            let step = body.len().div_ceil(9);
            let mut joiner = Joiner::default();
            let mut whole = 0;
            for piece in order {
                let (from, to) = (piece * step, ((piece + 1) * step).min(body.len()));
                let joined = joiner.take(&record(CONTENT_HANDSHAKE, 0, &fragment(0, &body, from, to)));
                whole += usize::from(joined.is_some_and(|joined| joined.hello.is_some()));
            }
            prop_assert_eq!(whole, 1);
        }
    }
}
