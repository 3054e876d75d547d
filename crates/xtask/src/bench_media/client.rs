//! A connection of the generator with what is received on it: counts media packets without opening them, opens a sample
//! of them, and keeps what has to be told to the server. Owned by the generator.

use super::connection::{Connection, Input, TAG_BYTES};
use super::feedback::{Feedback, Told, read};
use super::outgoing::{MARK, Outgoing, STAMP_AT, STAMP_BYTES};
use super::sdp::Description;
use anyhow::{Context as _, Result};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Of each viewer's packets one in so many is really opened: delay, size and content.
const SAMPLE_EVERY: u64 = 16;
/// Consent (RFC 7675); receiver and sender reports; transport-wide feedback; NACK and PLI.
const EVERY: [Duration; 4] =
    [Duration::from_millis(2_500), Duration::from_secs(1), Duration::from_millis(100), Duration::from_millis(10)];

/// A connection with what is received on it.
pub(crate) struct Client {
    number: usize,
    pub(crate) connection: Connection,
    pub(crate) address: SocketAddr,
    feedback: Feedback,
    /// By payload type: 1 sound, 2 picture; others are not media (RTX, FEC).
    media: [u8; 128],
    /// Extension id of the transport-wide number in what is received.
    transport_id: Option<u8>,
    transport_number: u16,
    seen: u64,
    next: [Instant; 4],
    counted: Counted,
}

/// What came in one window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) packets: u64,
    /// Payload bytes as far as that can be told from outside (padding included).
    pub(crate) bytes: u64,
    /// From sending to arrival, nanoseconds.
    pub(crate) delays: Vec<u64>,
    /// Opened packets that were not what was sent.
    pub(crate) wrong: u64,
}

impl Client {
    pub(crate) fn new(number: usize, address: SocketAddr) -> Result<Self> {
        let now = Instant::now();
        // Spread over the second, as people are.
        let spread = |every: Duration| now + every * (number as u32 % 64) / 64;
        Ok(Self {
            number,
            connection: Connection::new()?,
            address,
            feedback: Feedback::new(0x4000_0000 + number as u32),
            media: [0; 128],
            transport_id: None,
            transport_number: 0,
            seen: 0,
            next: EVERY.map(spread),
            counted: Counted::default(),
        })
    }

    /// Learns from a description what will come.
    pub(crate) fn accept(&mut self, remote: &Description) {
        for media in &remote.media {
            if media.direction.sends() {
                self.transport_id = media.ids.transport.or(self.transport_id);
            }
            for codec in &media.codecs {
                let Some(kind) = self.media.get_mut(usize::from(codec.payload_type)) else { continue };
                *kind = match codec.name.as_str() {
                    "opus" => 1,
                    "VP8" => 2,
                    _ => 0,
                };
            }
        }
    }

    pub(crate) fn take_counted(&mut self) -> Counted {
        std::mem::take(&mut self.counted)
    }

    /// The transport-wide number of the next packet.
    pub(crate) fn next_transport_number(&mut self) -> u16 {
        self.transport_number = self.transport_number.wrapping_add(1);
        self.transport_number
    }

    /// Queues what is to be said at this time. True: there is something to send.
    pub(crate) fn tick(&mut self, now: Instant, outgoing: &[Outgoing]) -> Result<bool> {
        if !self.connection.is_connected() {
            return Ok(false);
        }
        let mut due = [false; 4];
        for ((next, every), due) in self.next.iter_mut().zip(EVERY).zip(&mut due) {
            if *next <= now {
                (*next, *due) = ((*next + every).max(now), true);
            }
        }
        let [check, report, transport, requests] = due;
        if check {
            self.connection.check()?;
        }
        let mut compounds = Vec::new();
        if report {
            compounds.extend(outgoing.iter().filter_map(|out| out.report(self.number)));
            compounds.push(self.feedback.report(now));
        }
        if transport {
            compounds.extend(self.feedback.transport());
        }
        if requests {
            compounds.push(self.feedback.requests(now));
        }
        for compound in compounds.iter().filter(|compound| !compound.is_empty()) {
            let outbound = self.connection.outbound.as_mut().context("no keys")?;
            self.connection.sending.push_back(outbound.encrypt_rtcp(compound)?.to_vec());
        }
        Ok(!self.connection.sending.is_empty())
    }

    /// Takes a datagram. True: there is something to send.
    pub(crate) fn take(
        &mut self,
        now: Instant,
        from: SocketAddr,
        at_ns: u64,
        datagram: &[u8],
        outgoing: &mut [Outgoing],
        foreign: &mut u64,
    ) -> Result<bool> {
        if self.connection.far.is_some_and(|far| far != from) && !matches!(datagram, [0..=3, ..]) {
            *foreign += 1;
            return Ok(false);
        }
        match self.connection.handle(now, from, datagram)? {
            Input::Nothing => return Ok(!self.connection.sending.is_empty()),
            Input::Rtcp(compound) => read(&compound, |told| match told {
                Told::SenderReport { ssrc, ntp } => self.feedback.sender_report(now, ssrc, ntp),
                Told::KeyFrame { ssrc } => {
                    outgoing.iter_mut().for_each(|out| out.key_frame_asked(ssrc));
                }
            }),
            Input::Rtp => self.media(now, at_ns, datagram),
        }
        Ok(false)
    }

    fn media(&mut self, now: Instant, at_ns: u64, datagram: &[u8]) {
        let Some(header) = Header::read(datagram) else { return };
        if let Some(id) = self.transport_id
            && let Some([high, low]) = header.extension(datagram, id)
        {
            self.feedback.arrive_transport(u16::from_be_bytes([*high, *low]), at_ns);
        }
        let kind = self.media[usize::from(datagram[1] & 0x7f)];
        if kind == 0 || !self.feedback.arrive(now, header.ssrc, header.sequence, kind == 2) {
            return;
        }
        self.counted.packets += 1;
        self.counted.bytes += datagram.len().saturating_sub(header.length + TAG_BYTES) as u64;
        self.seen += 1;
        if self.seen % SAMPLE_EVERY == 1 {
            match self.open(&header, datagram) {
                Some(sent_ns) => self.counted.delays.push(at_ns.saturating_sub(sent_ns)),
                None => self.counted.wrong += 1,
            }
        }
    }

    /// Opens a packet; when it was sent. `None`: it is not what was sent.
    fn open(&mut self, header: &Header, datagram: &[u8]) -> Option<u64> {
        let plain = self.connection.inbound.as_mut()?.decrypt_rtp(datagram).ok()?;
        let mut payload = plain.get(header.length..)?;
        if datagram[0] & 0x20 != 0 {
            payload = payload.get(..payload.len().checked_sub(usize::from(*payload.last()?))?)?;
        }
        let stamp = payload.get(STAMP_AT..STAMP_AT + STAMP_BYTES)?;
        let length = u16::from_be_bytes([stamp[6], stamp[7]]);
        (stamp[..4] == MARK && payload.len() == usize::from(length))
            .then(|| u64::from_be_bytes(stamp[8..].try_into().unwrap_or_default()))
    }
}

/// The fixed part of an RTP header (RFC 3550, clause 5.1), which SRTP does not seal.
struct Header {
    sequence: u16,
    ssrc: u32,
    /// With contributing sources and extensions.
    length: usize,
    extensions: std::ops::Range<usize>,
}

impl Header {
    fn read(datagram: &[u8]) -> Option<Self> {
        let [first, _, high, low, _, _, _, _, a, b, c, d, ..] = *datagram else { return None };
        let mut length = 12 + 4 * usize::from(first & 0x0f);
        let mut extensions = 0..0;
        if first & 0x10 != 0 {
            let words = datagram.get(length + 2..length + 4)?;
            let size = 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
            extensions = length + 4..length + 4 + size;
            length = extensions.end;
        }
        let (sequence, ssrc) = (u16::from_be_bytes([high, low]), u32::from_be_bytes([a, b, c, d]));
        (length <= datagram.len()).then_some(Self { sequence, ssrc, length, extensions })
    }

    /// An extension of the one-byte form (RFC 8285, clause 4.2).
    fn extension<'a>(&self, datagram: &'a [u8], id: u8) -> Option<&'a [u8]> {
        let mut rest = datagram.get(self.extensions.clone())?;
        loop {
            match rest {
                [0, more @ ..] => rest = more,
                [head, more @ ..] => {
                    let (value, more) = more.split_at_checked(usize::from(head & 0x0f) + 1)?;
                    if head >> 4 == id {
                        return Some(value);
                    }
                    rest = more;
                }
                [] => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_without_opening_the_packet() {
        let mut packet = vec![0x91, 96, 0, 7, 0, 0, 0, 0, 0, 0, 0, 9];
        packet.extend([0; 4]); // a contributing source
        packet.extend([0xbe, 0xde, 0, 2, 3 << 4 | 1, 1, 2, 0, 4 << 4, b'x', 0, 0]);
        let header = Header::read(&packet).expect("a header");
        assert_eq!((header.sequence, header.ssrc, header.length), (7, 9, 28));
        assert_eq!(header.extension(&packet, 3), Some(&[1, 2][..]));
        assert_eq!(header.extension(&packet, 4), Some(&b"x"[..]));
        assert_eq!(header.extension(&packet, 5), None);
        assert!(Header::read(&packet[..20]).is_none());
    }
}
