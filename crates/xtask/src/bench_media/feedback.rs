//! What a viewer tells a server about what arrives (RFC 3550 receiver reports, RFC 4585 NACK and PLI, transport-wide
//! feedback of draft-holmer-rmcat-transport-wide-cc-extensions-01), and what a publisher is told. Bytes in, bytes out.

use std::time::{Duration, Instant};

/// A packet that is missing for so long is asked for, so often at most.
const MISSING_AFTER: Duration = Duration::from_millis(10);
const ASKED_MAX: u8 = 3;
/// Missing packets that are remembered for one stream.
const MISSING_MAX: usize = 256;
/// Packets in one transport-wide message.
const ARRIVALS_MAX: usize = 400;
/// Report blocks in one message (5 bits).
const BLOCKS_MAX: usize = 31;

/// A stream that arrives.
#[derive(Clone, Debug)]
struct Stream {
    pub(crate) ssrc: u32,
    first: u64,
    highest: u64,
    received: u64,
    told: (u64, u64),
    /// Middle of the last sender report's NTP time and when it came.
    report: Option<(u32, Instant)>,
    missing: Vec<(u64, Instant, u8)>,
}

impl Stream {
    pub(crate) fn new(ssrc: u32, sequence: u16) -> Self {
        let first = u64::from(sequence) + 65_536;
        let (received, told, report, missing) = (0, (first, 0), None, Vec::new());
        Self { ssrc, first, highest: first.wrapping_sub(1), received, told, report, missing }
    }

    /// A packet came. False: it had come before.
    pub(crate) fn arrive(&mut self, now: Instant, sequence: u16) -> bool {
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        let extended = self.highest.wrapping_add_signed(ahead.into());
        if ahead > 0 {
            let gap = (self.highest + 1..extended).rev().take(MISSING_MAX);
            self.missing.extend(gap.map(|missing| (missing, now, 0)));
            let excess = self.missing.len().saturating_sub(MISSING_MAX);
            self.missing.drain(..excess);
            self.highest = extended;
        } else {
            let Some(place) = self.missing.iter().position(|(missing, ..)| *missing == extended) else { return false };
            self.missing.swap_remove(place);
        }
        self.received += 1;
        true
    }

    fn block(&mut self, now: Instant, out: &mut Vec<u8>) {
        let expected = self.highest + 1 - self.first;
        let (before, had) = self.told;
        let (new, came) = ((self.highest + 1).saturating_sub(before), self.received - had);
        self.told = (self.highest + 1, self.received);
        let fraction = if new > came { ((new - came) * 256 / new).min(255) as u8 } else { 0 };
        let lost = expected.saturating_sub(self.received).min(0x7f_ffff) as u32;
        out.extend(self.ssrc.to_be_bytes());
        out.extend((u32::from(fraction) << 24 | lost).to_be_bytes());
        out.extend((self.highest as u32).to_be_bytes());
        out.extend(0_u32.to_be_bytes()); // jitter: the network has none
        let (ntp, delay) = self.report.map_or((0, 0), |(ntp, at)| {
            (ntp, (now.saturating_duration_since(at).as_micros() * 65_536 / 1_000_000) as u32)
        });
        out.extend(ntp.to_be_bytes());
        out.extend(delay.to_be_bytes());
    }
}

fn start(out: &mut Vec<u8>, count: u8, kind: u8, sender: u32) -> usize {
    let at = out.len();
    out.extend([0x80 | count, kind, 0, 0]);
    out.extend(sender.to_be_bytes());
    at
}

fn end(out: &mut Vec<u8>, at: usize) {
    let padding = (4 - (out.len() - at) % 4) % 4;
    out.resize(out.len() + padding, 0);
    let words = ((out.len() - at) / 4 - 1) as u16;
    out[at + 2..at + 4].copy_from_slice(&words.to_be_bytes());
}

/// All that one viewer has to tell.
#[derive(Debug, Default)]
pub(crate) struct Feedback {
    streams: Vec<Stream>,
    ssrc: u32,
    /// Transport-wide number and arrival (ns), since the last message.
    arrivals: Vec<(u16, u64)>,
    messages: u8,
    /// Streams of which a key frame is to be asked for.
    key_frames: Vec<u32>,
}

impl Feedback {
    /// `ssrc`: the sender of its messages.
    pub(crate) fn new(ssrc: u32) -> Self {
        Self { ssrc, ..Self::default() }
    }

    /// A media packet came. False: it had come before.
    pub(crate) fn arrive(&mut self, now: Instant, ssrc: u32, sequence: u16, video: bool) -> bool {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            return stream.arrive(now, sequence);
        }
        let mut stream = Stream::new(ssrc, sequence);
        stream.arrive(now, sequence);
        self.streams.push(stream);
        if video {
            self.key_frames.push(ssrc);
        }
        true
    }

    pub(crate) fn arrive_transport(&mut self, number: u16, at_ns: u64) {
        if self.arrivals.len() < ARRIVALS_MAX {
            self.arrivals.push((number, at_ns));
        }
    }

    /// A sender report came.
    pub(crate) fn sender_report(&mut self, now: Instant, ssrc: u32, ntp: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.report = Some(((ntp >> 16) as u32, now));
        }
    }

    /// The receiver report of all streams.
    pub(crate) fn report(&mut self, now: Instant) -> Vec<u8> {
        let mut out = Vec::new();
        let ssrc = self.ssrc;
        for streams in self.streams.chunks_mut(BLOCKS_MAX) {
            let at = start(&mut out, streams.len() as u8, 201, ssrc);
            streams.iter_mut().for_each(|stream| stream.block(now, &mut out));
            end(&mut out, at);
        }
        out
    }

    /// NACK and PLI that are due; empty when none is.
    pub(crate) fn requests(&mut self, now: Instant) -> Vec<u8> {
        let mut out = Vec::new();
        for stream in &mut self.streams {
            stream.missing.retain(|(_, _, asked)| *asked < ASKED_MAX);
            let mut due: Vec<u16> = Vec::new();
            for (missing, since, asked) in &mut stream.missing {
                if now.saturating_duration_since(*since) >= MISSING_AFTER * (u32::from(*asked) * 5 + 1) {
                    *asked += 1;
                    due.push(*missing as u16);
                }
            }
            if !due.is_empty() {
                let at = start(&mut out, 1, 205, self.ssrc);
                out.extend(stream.ssrc.to_be_bytes());
                for sequence in due {
                    out.extend(sequence.to_be_bytes());
                    out.extend([0, 0]);
                }
                end(&mut out, at);
            }
        }
        for ssrc in self.key_frames.drain(..) {
            let at = start(&mut out, 1, 206, self.ssrc);
            out.extend(ssrc.to_be_bytes());
            end(&mut out, at);
        }
        out
    }

    /// The transport-wide message about what came since the last one; `None` when nothing did.
    pub(crate) fn transport(&mut self) -> Option<Vec<u8>> {
        let first = self.arrivals.first()?.0;
        let mut arrivals: Vec<(i16, u64)> = Vec::with_capacity(self.arrivals.len());
        arrivals.extend(self.arrivals.drain(..).map(|(number, at)| (number.wrapping_sub(first) as i16, at)));
        arrivals.sort_unstable();
        arrivals.dedup_by_key(|(place, _)| *place);
        let (low, high) = (arrivals.first()?.0, arrivals.last()?.0);
        let base = first.wrapping_add_signed(low);
        let count = (i32::from(high) - i32::from(low) + 1) as u16;
        // 24 bits of 64 ms; deltas of 250 us.
        let reference = arrivals.iter().map(|(_, at)| *at).min()? / 64_000_000;
        let mut symbols = vec![0_u16; usize::from(count)];
        let mut deltas = Vec::new();
        let mut last = (reference * 256) as i64;
        for (place, at) in arrivals {
            let ticks = (at / 250_000) as i64;
            let delta = ticks - last;
            last = ticks;
            let symbol = &mut symbols[(i32::from(place) - i32::from(low)) as usize];
            if let Ok(small) = u8::try_from(delta) {
                *symbol = 1;
                deltas.push(small);
            } else {
                *symbol = 2;
                deltas.extend((delta.clamp(i16::MIN.into(), i16::MAX.into()) as i16).to_be_bytes());
            }
        }
        let mut out = Vec::new();
        let at = start(&mut out, 15, 205, self.ssrc);
        out.extend(self.streams.first().map_or(0, |stream| stream.ssrc).to_be_bytes());
        out.extend(base.to_be_bytes());
        out.extend(count.to_be_bytes());
        out.extend(&((reference as u32) & 0x00ff_ffff).to_be_bytes()[1..]);
        out.push(self.messages);
        self.messages = self.messages.wrapping_add(1);
        // Vectors of seven symbols of two bits.
        for seven in symbols.chunks(7) {
            let bits = seven.iter().enumerate().fold(0, |bits, (place, symbol)| bits | symbol << (12 - 2 * place));
            out.extend((0xc000_u16 | bits).to_be_bytes());
        }
        out.extend(deltas);
        end(&mut out, at);
        Some(out)
    }
}

/// What a publisher is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// A key frame is needed (PLI or FIR).
    KeyFrame { ssrc: u32 },
    /// When a stream that arrives was, by its sender's clock.
    SenderReport { ssrc: u32, ntp: u64 },
}

/// Reads a compound.
pub(crate) fn read(mut compound: &[u8], mut tell: impl FnMut(Told)) {
    let word = |bytes: &[u8], at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    while let [first, kind, high, low, ..] = *compound {
        let size = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        let Some((message, rest)) = compound.split_at_checked(size) else { return };
        compound = rest;
        match (kind, first & 0x1f) {
            (200, _) => {
                if let (Some(ssrc), Some(seconds), Some(part)) = (word(message, 4), word(message, 8), word(message, 12))
                {
                    tell(Told::SenderReport { ssrc, ntp: u64::from(seconds) << 32 | u64::from(part) });
                }
            }
            (206, 1) => tell(Told::KeyFrame { ssrc: word(message, 8).unwrap_or(0) }),
            (206, 4) => {
                for entry in message.get(12..).unwrap_or_default().chunks_exact(8) {
                    tell(Told::KeyFrame { ssrc: word(entry, 0).unwrap_or(0) });
                }
            }
            _ => {}
        }
    }
}

/// A sender report without blocks.
pub(crate) fn sender_report(ssrc: u32, at_ns: u64, timestamp: u32, packets: u32, octets: u32) -> Vec<u8> {
    // NTP counts from 1900.
    let (seconds, nanos) = (at_ns / 1_000_000_000 + 2_208_988_800, at_ns % 1_000_000_000);
    let mut out = Vec::new();
    let at = start(&mut out, 0, 200, ssrc);
    for word in [seconds as u32, ((nanos << 32) / 1_000_000_000) as u32, timestamp, packets, octets] {
        out.extend(word.to_be_bytes());
    }
    end(&mut out, at);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_asked_for_once_it_is_late() {
        let now = Instant::now();
        let mut feedback = Feedback::new(1);
        for sequence in [65_534, 65_535, 2] {
            assert!(feedback.arrive(now, 9, sequence, false));
        }
        assert!(!feedback.arrive(now, 9, 65_535, false), "twice");
        assert!(feedback.requests(now).is_empty());
        let later = now + MISSING_AFTER;
        assert!(feedback.arrive(later, 9, 0, false));
        let nack = feedback.requests(later);
        assert_eq!(nack, [0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 0, 0]);
        assert!(feedback.requests(later).is_empty());
        let report = feedback.report(later);
        assert_eq!((report.len(), report[12], report[15]), (32, 51, 1), "one of five is lost");
        assert_eq!(report[16..20], (131_074_u32).to_be_bytes());
    }

    #[test]
    fn a_new_picture_needs_a_key_frame() {
        let mut feedback = Feedback::new(1);
        feedback.arrive(Instant::now(), 9, 7, true);
        let asked = feedback.requests(Instant::now());
        let mut told = Vec::new();
        read(&asked, |one| told.push(one));
        assert_eq!(told, [Told::KeyFrame { ssrc: 9 }]);
    }

    #[test]
    fn transport_feedback_has_gaps_and_times() {
        let mut feedback = Feedback::new(1);
        for (number, ms) in [(65_535, 64_000), (1, 64_001), (2, 64_100)] {
            feedback.arrive_transport(number, ms * 1_000_000);
        }
        let message = feedback.transport().expect("something came");
        assert_eq!(message[..4], [0x8f, 205, 0, 6]);
        assert_eq!(message[12..16], [0xff, 0xff, 0, 4], "base and count");
        assert_eq!(message[16..20], [0, 3, 232, 0], "1,000 times 64 ms, first message");
        assert_eq!(message[20..22], (0xc000_u16 | 1 << 12 | 1 << 8 | 2 << 6).to_be_bytes());
        assert_eq!(message[22..26], [0, 4, 1, 140], "0, 1 and 99 ms in quarters");
        assert!(feedback.transport().is_none());
    }

    #[test]
    fn a_sender_report_is_understood() {
        let mut told = Vec::new();
        read(&sender_report(7, 1_500_000_000, 90, 1, 2), |one| told.push(one));
        assert_eq!(told, [Told::SenderReport { ssrc: 7, ntp: (2_208_988_801 << 32) | 1 << 31 }]);
    }
}
