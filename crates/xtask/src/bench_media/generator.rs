//! The one generator for all servers: publishes a profile's packets, receives what comes back, does ICE, DTLS, SRTP
//! and RTCP like a browser, and counts. Adapters in `peers` only do signalling and tell it what was negotiated.

use super::connection::{Connection, Input, SUITE, TAG_BYTES};
use super::feedback::{Feedback, Told, read, sender_report};
use super::profiles::{Kind, Packet, Packets, Profile, Shape};
use super::sdp::{self, Description};
use super::wire::{Wire, clock_ns};
use anyhow::{Context as _, Result, bail, ensure};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Of each viewer's packets one in so many is really opened: delay, size and content.
const SAMPLE_EVERY: u64 = 16;
/// Consent (RFC 7675), receiver and sender reports, transport-wide feedback, NACK and PLI.
const CHECK_EVERY: Duration = Duration::from_millis(2_500);
const REPORT_EVERY: Duration = Duration::from_secs(1);
const TRANSPORT_EVERY: Duration = Duration::from_millis(100);
const REQUEST_EVERY: Duration = Duration::from_millis(10);
/// What is under way arrives within this time.
const DRAIN: Duration = Duration::from_millis(100);
/// Patience with ICE and DTLS.
const CONNECT: Duration = Duration::from_secs(15);
/// Where the stamp stands in a payload, behind descriptor and frame header; its mark and its size.
const STAMP_AT: usize = 16;
const MARK: [u8; 4] = *b"WKRB";
const STAMP_BYTES: usize = 16;

/// A connection with what is received on it.
pub(crate) struct Client {
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

/// How a publication leaves.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) client: usize,
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) ids: sdp::ExtensionIds,
    pub(crate) mid: String,
}

struct Outgoing {
    publication: usize,
    kind: Kind,
    shape: Shape,
    route: Route,
    viewers: u64,
    packets: Packets,
    next: Packet,
    sequence: u16,
    picture: u16,
    key: bool,
    timestamp: u32,
    sent: u32,
    octets: u32,
    window: (u64, u64),
}

/// One window.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    pub(crate) expected: u64,
    pub(crate) expected_bytes: u64,
    pub(crate) counted: Counted,
    pub(crate) time: Duration,
    pub(crate) cost: u64,
}

impl Window {
    /// Which share of what should have come did.
    pub(crate) fn delivered(&self) -> f64 {
        self.counted.packets as f64 / self.expected.max(1) as f64
    }
}

/// The generator.
pub(crate) struct Generator {
    wire: Wire,
    pub(crate) clients: Vec<Client>,
    outgoing: Vec<Outgoing>,
    start: Instant,
    timers: Instant,
    /// Datagrams that did not come from the server: the floor's.
    foreign: u64,
}

impl Generator {
    pub(crate) fn new(offload: bool) -> Result<Self> {
        let now = Instant::now();
        let (clients, outgoing) = (Vec::new(), Vec::new());
        Ok(Self { wire: Wire::new(offload)?, clients, outgoing, start: now, timers: now, foreign: 0 })
    }

    /// A further connection, not connected yet; its number.
    pub(crate) fn add(&mut self) -> Result<usize> {
        let (address, now, number) = (self.wire.add()?, Instant::now(), self.clients.len());
        // Spread over the second, as people are.
        let spread = |every: Duration| now + every * (number as u32 % 64) / 64;
        self.clients.push(Client {
            connection: Connection::new()?,
            address,
            feedback: Feedback::new(0x4000_0000 + number as u32),
            media: [0; 128],
            transport_id: None,
            transport_number: 0,
            seen: 0,
            next: [CHECK_EVERY, REPORT_EVERY, TRANSPORT_EVERY, REQUEST_EVERY].map(spread),
            counted: Counted::default(),
        });
        Ok(number)
    }

    /// Connects with the far end's description. As the controlling side it nominates.
    pub(crate) fn connect(&mut self, client: usize, remote: &Description, controlling: bool) -> Result<()> {
        let one = self.clients.get_mut(client).context("no such connection")?;
        one.connection.remote = remote.credentials.clone();
        one.connection.controlling = controlling;
        one.connection.far = Some(*remote.candidates.first().context("the server names no UDP candidate")?);
        self.accept(client, remote);
        let until = Instant::now() + CONNECT;
        let mut again = Instant::now();
        while !self.clients[client].connection.is_connected() {
            let now = Instant::now();
            ensure!(now < until, "connection {client} does not come up");
            let connection = &mut self.clients[client].connection;
            if let Some(other) = connection.suite.filter(|suite| *suite != SUITE) {
                bail!("{other} SRTP suite instead of {SUITE}");
            }
            if again <= now {
                connection.check()?;
                again = now + Duration::from_millis(200);
            }
            connection.handle_timeout(now);
            self.flush(client)?;
            self.turn()?;
            std::thread::yield_now();
        }
        self.flush(client)
    }

    /// Learns from a description what will come on a connection.
    pub(crate) fn accept(&mut self, client: usize, remote: &Description) {
        let Some(one) = self.clients.get_mut(client) else { return };
        for media in &remote.media {
            if media.direction.sends() {
                one.transport_id = media.ids.transport.or(one.transport_id);
            }
            for codec in media.codecs.iter().filter(|codec| codec.payload_type < 128) {
                one.media[usize::from(codec.payload_type)] = match codec.name.as_str() {
                    "opus" => 1,
                    "VP8" => 2,
                    _ => 0,
                };
            }
        }
    }

    /// Says how the publications leave, in the profile's order.
    pub(crate) fn publish(&mut self, profile: &Profile, routes: Vec<Route>) -> Result<()> {
        ensure!(routes.len() == profile.publications.len(), "a publication without route");
        let viewers = profile.viewers();
        self.outgoing.clear();
        for (publication, route) in routes.into_iter().enumerate() {
            let mut packets = profile.packets(publication);
            let next = packets.next().context("a publication without packets")?;
            let Some(one) = profile.publications.get(publication) else { break };
            self.outgoing.push(Outgoing {
                publication,
                kind: one.kind,
                shape: one.shape,
                route,
                viewers: viewers[publication].len() as u64,
                packets,
                next,
                sequence: 1_000,
                picture: 0,
                key: true,
                timestamp: 0,
                sent: 0,
                octets: 0,
                window: (0, 0),
            });
        }
        Ok(())
    }

    /// Everything but publishing, once.
    pub(crate) fn turn(&mut self) -> Result<()> {
        let Self { wire, clients, outgoing, foreign, .. } = self;
        let now = Instant::now();
        let mut answers = Vec::new();
        let mut failed = Ok(());
        wire.receive(|number, from, at, datagram| {
            let Some(client) = clients.get_mut(number) else { return };
            match client.take(now, from, at, datagram, outgoing, foreign) {
                Ok(true) => answers.push(number),
                Ok(false) => {}
                Err(error) => failed = Err(error),
            }
        })?;
        failed?;
        for number in answers {
            self.flush(number)?;
        }
        if self.timers <= now {
            self.timers = now + Duration::from_millis(1);
            for number in 0..self.clients.len() {
                self.timers_of(now, number)?;
            }
        }
        Ok(())
    }

    fn flush(&mut self, number: usize) -> Result<()> {
        let Some(client) = self.clients.get_mut(number) else { return Ok(()) };
        let Some(far) = client.connection.far else { return Ok(()) };
        while let Some(datagram) = client.connection.sending.pop_front() {
            self.wire.send(number, far, &datagram)?;
        }
        Ok(())
    }

    fn timers_of(&mut self, now: Instant, number: usize) -> Result<()> {
        let client = &mut self.clients[number];
        if !client.connection.is_connected() {
            return Ok(());
        }
        let mut due = [false; 4];
        for (place, every) in [CHECK_EVERY, REPORT_EVERY, TRANSPORT_EVERY, REQUEST_EVERY].into_iter().enumerate() {
            if client.next[place] <= now {
                client.next[place] = (client.next[place] + every).max(now);
                due[place] = true;
            }
        }
        if due[0] {
            client.connection.check()?;
        }
        let mut compounds = Vec::new();
        if due[1] {
            for out in self.outgoing.iter().filter(|out| out.route.client == number && out.sent > 0) {
                compounds.push(sender_report(out.route.ssrc, clock_ns(), out.timestamp, out.sent, out.octets));
            }
            compounds.push(client.feedback.report(now));
        }
        if due[2] {
            compounds.extend(client.feedback.transport());
        }
        if due[3] {
            compounds.push(client.feedback.requests(now));
        }
        for compound in compounds.iter().filter(|compound| !compound.is_empty()) {
            let outbound = client.connection.outbound.as_mut().context("no keys")?;
            client.connection.sending.push_back(outbound.encrypt_rtcp(compound)?.to_vec());
        }
        self.flush(number)
    }

    /// Receives for a while without publishing; what came from elsewhere than the server.
    pub(crate) fn listen(&mut self, until: impl Fn() -> bool) -> Result<u64> {
        let before = self.foreign;
        while !until() {
            self.turn()?;
        }
        Ok(self.foreign - before)
    }

    /// Publishes for `warm_up` and then, counted, for `time`. `cost` reads what the server has used so far.
    pub(crate) fn window(
        &mut self,
        warm_up: Duration,
        time: Duration,
        mut cost: impl FnMut() -> Result<u64>,
    ) -> Result<Window> {
        self.stream(warm_up)?;
        self.take_counted();
        for out in &mut self.outgoing {
            out.window = (0, 0);
        }
        let (before, begun) = (cost()?, Instant::now());
        self.stream(time)?;
        let (cost, time) = (cost()? - before, begun.elapsed());
        let counted = self.take_counted();
        let (mut expected, mut expected_bytes) = (0, 0);
        for out in &self.outgoing {
            expected += out.window.0 * out.viewers;
            expected_bytes += out.window.1 * out.viewers;
        }
        Ok(Window { expected, expected_bytes, counted, time, cost })
    }

    fn take_counted(&mut self) -> Counted {
        let mut all = Counted::default();
        for client in &mut self.clients {
            let one = std::mem::take(&mut client.counted);
            all.packets += one.packets;
            all.bytes += one.bytes;
            all.wrong += one.wrong;
            all.delays.extend(one.delays);
        }
        all
    }

    /// Publishes for a while and waits for what is under way.
    fn stream(&mut self, time: Duration) -> Result<()> {
        if !time.is_zero() {
            // The streams go on where they were, from now.
            let resumes = self.outgoing.iter().map(|out| out.next.at).min().unwrap_or_default();
            self.start = Instant::now().checked_sub(resumes).unwrap_or_else(Instant::now);
            let end = resumes + time;
            let mut due: BinaryHeap<Reverse<(Duration, usize)>> =
                self.outgoing.iter().enumerate().map(|(place, out)| Reverse((out.next.at, place))).collect();
            loop {
                let elapsed = self.start.elapsed();
                while let Some(Reverse((at, place))) = due.pop_if_due(elapsed.min(end)) {
                    debug_assert!(at <= elapsed);
                    self.send(place)?;
                    due.push(Reverse((self.outgoing[place].next.at, place)));
                }
                if elapsed >= end {
                    break;
                }
                self.turn()?;
            }
        }
        let until = Instant::now() + DRAIN;
        self.listen(|| Instant::now() >= until).map(drop)
    }

    fn send(&mut self, place: usize) -> Result<()> {
        let out = &mut self.outgoing[place];
        let packet = out.next;
        out.next = out.packets.next().context("a stream ended")?;
        let client = &mut self.clients[out.route.client];
        let plain = out.plain(&packet, client);
        let sealed = client.connection.outbound.as_mut().context("no keys")?.encrypt_rtp(&plain)?;
        let far = client.connection.far.context("no far end")?;
        self.wire.send(out.route.client, far, &sealed)?;
        out.window.0 += 1;
        out.window.1 += packet.payload_bytes as u64;
        Ok(())
    }
}

/// A heap from which only what is due is taken.
trait PopIfDue {
    fn pop_if_due(&mut self, now: Duration) -> Option<Reverse<(Duration, usize)>>;
}

impl PopIfDue for BinaryHeap<Reverse<(Duration, usize)>> {
    fn pop_if_due(&mut self, now: Duration) -> Option<Reverse<(Duration, usize)>> {
        self.peek().is_some_and(|Reverse((at, _))| *at < now).then(|| self.pop()).flatten()
    }
}

impl Outgoing {
    /// The next packet in the clear.
    fn plain(&mut self, packet: &Packet, client: &mut Client) -> Vec<u8> {
        let (voice, hz) = (self.kind == Kind::Voice, if self.kind == Kind::Voice { 48_000 } else { 90_000 });
        let marker = packet.last && !voice;
        if packet.first {
            // All packets of a frame share the time of its first one.
            self.timestamp = (packet.at.as_micros() * hz / 1_000_000) as u32;
            self.picture = (self.picture + 1) & 0x7fff;
        }
        let mut plain = Vec::with_capacity(packet.payload_bytes + 48);
        plain.extend([0x90, u8::from(marker) << 7 | self.route.payload_type]);
        plain.extend(self.sequence.to_be_bytes());
        plain.extend(self.timestamp.to_be_bytes());
        plain.extend(self.route.ssrc.to_be_bytes());
        self.sequence = self.sequence.wrapping_add(1);
        let now_ns = clock_ns();
        let ids = &self.route.ids;
        plain.extend([0xbe, 0xde, 0, 0]);
        if let Some(id) = ids.transport {
            client.transport_number = client.transport_number.wrapping_add(1);
            plain.push(id << 4 | 1);
            plain.extend(client.transport_number.to_be_bytes());
        }
        if let Some(id) = ids.mid.filter(|_| !self.route.mid.is_empty() && self.route.mid.len() <= 16) {
            plain.push(id << 4 | (self.route.mid.len() - 1) as u8);
            plain.extend(self.route.mid.as_bytes());
        }
        if let Some(id) = ids.level.filter(|_| voice) {
            plain.extend([id << 4, 0x80 | 25]); // somebody speaks
        }
        while !plain.len().is_multiple_of(4) {
            plain.push(0);
        }
        plain[15] = ((plain.len() - 16) / 4) as u8;
        let begin = plain.len();
        if voice {
            plain.extend([0xfc; STAMP_AT]);
        } else {
            self.picture_head(packet, &mut plain);
        }
        plain.extend(MARK);
        plain.extend((self.publication as u16).to_be_bytes());
        plain.extend((packet.payload_bytes as u16).to_be_bytes());
        plain.extend(now_ns.to_be_bytes());
        plain.resize(begin + packet.payload_bytes, 0x77);
        self.sent = self.sent.wrapping_add(1);
        self.octets = self.octets.wrapping_add(packet.payload_bytes as u32);
        plain
    }

    /// The VP8 payload descriptor (RFC 7741, clause 4.2) and, in a frame's first packet, the frame header (RFC 6386,
    /// clause 9.1); sixteen bytes.
    fn picture_head(&mut self, packet: &Packet, plain: &mut Vec<u8>) {
        let [high, low] = self.picture.to_be_bytes();
        let key = self.key;
        let height: u16 = match self.shape {
            Shape::Burst => 720,
            Shape::Camera360 => 360,
            Shape::Camera180 => 180,
            Shape::Screen1080 => 1_080,
            Shape::Voice => 0,
        };
        plain.extend([if packet.first { 0x90 } else { 0x80 }, 0xe0, 0x80 | high, low, self.picture as u8, 0x20]);
        if packet.first && key {
            plain.extend([0x10, 0, 0, 0x9d, 0x01, 0x2a]);
            plain.extend((height / 9 * 16).to_le_bytes());
            plain.extend(height.to_le_bytes());
        } else {
            plain.extend([0x11; 10]);
        }
        if packet.last {
            self.key = false;
        }
    }
}

impl Client {
    /// Takes a datagram. True: there is something to send.
    fn take(
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
                    outgoing.iter_mut().filter(|out| out.route.ssrc == ssrc).for_each(|out| out.key = true);
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

    #[test]
    fn only_what_is_due_leaves_the_heap() {
        let mut due =
            BinaryHeap::from([Reverse((Duration::from_millis(2), 0)), Reverse((Duration::from_millis(1), 1))]);
        let ms = Duration::from_millis;
        assert_eq!(due.pop_if_due(ms(2)), Some(Reverse((ms(1), 1))));
        assert_eq!(due.pop_if_due(ms(2)), None);
    }
}
