//! Reads transport-wide feedback where it lies (draft-holmer-rmcat-transport-wide-cc-extensions-01, clause 3.1): which
//! numbers arrived at a viewer and when. Limits first, no allocation, no panic on any bytes.

/// Packets that one message may speak of; ours are never further apart (the history is not longer).
const STATUSES_MAX: usize = 2_048;
/// Header, SSRCs, base number, count, reference time.
const FIXED_BYTES: usize = 20;
/// The unit of arrival times, and of the reference time, in microseconds.
const TICK_US: i64 = 250;
const REFERENCE_US: i64 = 64_000;

/// A message whose statuses are complete; only its arrival times may still turn out to be cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Feedback<'a> {
    base: u16,
    count: usize,
    /// In units of 64 ms, 24 bit, wrapping.
    reference: u32,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// The statuses in chunks: 0 missing, 1 with a small delta, 2 with a large one, 3 reserved.
fn symbols(chunk: u16) -> (usize, impl Fn(usize) -> u8) {
    let run = chunk & 0x8000 == 0;
    let wide = chunk & 0x4000 != 0;
    let count = match (run, wide) {
        (true, _) => usize::from(chunk & 0x1fff),
        (false, false) => 14,
        (false, true) => 7,
    };
    let symbol = move |at: usize| match (run, wide) {
        (true, _) => (chunk >> 13 & 3) as u8,
        (false, false) => (chunk >> (13 - at) & 1) as u8,
        (false, true) => (chunk >> (12 - 2 * at) & 3) as u8,
    };
    (count, symbol)
}

impl<'a> Feedback<'a> {
    /// Reads one RTCP message with its header. `None`: malformed, or it speaks of more than we keep.
    pub(crate) fn parse(message: &'a [u8]) -> Option<Self> {
        let word = |at: usize| Some(u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?));
        let (base, count) = (word(12)?, usize::from(word(14)?));
        if count == 0 || count > STATUSES_MAX {
            return None;
        }
        let time: [u8; 4] = message.get(16..FIXED_BYTES)?.try_into().ok()?;
        let rest = message.get(FIXED_BYTES..)?;
        let (mut told, mut at) = (0, 0);
        while told < count {
            let chunk = u16::from_be_bytes(rest.get(at..at + 2)?.try_into().ok()?);
            let (length, _) = symbols(chunk);
            if length == 0 {
                return None; // a run of nothing says nothing, and could go on for ever
            }
            told += length;
            at += 2;
        }
        let (chunks, deltas) = rest.split_at(at);
        Some(Self { base, count, reference: u32::from_be_bytes(time) >> 8, chunks, deltas })
    }

    /// The reference time: 24 bit, in units of 64 ms.
    pub(crate) fn reference(&self) -> u32 {
        self.reference
    }

    /// Tells each number with its arrival in microseconds after the reference time; `None`: it has not arrived.
    pub(crate) fn each(&self, mut tell: impl FnMut(u16, Option<i64>)) {
        let (mut number, mut left, mut deltas, mut at_us) = (self.base, self.count, self.deltas, 0_i64);
        for chunk in self.chunks.chunks_exact(2) {
            let (length, symbol) = symbols(u16::from_be_bytes([chunk[0], chunk[1]]));
            for place in 0..length.min(left) {
                let delta = match (symbol(place), deltas) {
                    (1, [small, rest @ ..]) => {
                        deltas = rest;
                        Some(i64::from(*small))
                    }
                    (2, [high, low, rest @ ..]) => {
                        deltas = rest;
                        Some(i64::from(i16::from_be_bytes([*high, *low])))
                    }
                    (0, _) => None,
                    _ => return, // reserved, or the message is cut short: what came before stands
                };
                at_us += delta.unwrap_or(0) * TICK_US;
                tell(number, delta.map(|_| at_us));
                number = number.wrapping_add(1);
            }
            left -= length.min(left);
        }
    }
}

/// Makes one continuous time of the wrapping reference times of a viewer's messages.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    last: Option<i64>,
}

impl Reference {
    /// The reference time of a message in microseconds on the viewer's clock, from an origin of its own.
    pub(crate) fn us(&mut self, wrapped: u32) -> i64 {
        let unwrapped = match self.last {
            None => i64::from(wrapped),
            // 24 bits, moved to the top so that the sign is right.
            Some(last) => last + i64::from((wrapped.wrapping_sub(last as u32) << 8) as i32 >> 8),
        };
        self.last = Some(unwrapped);
        unwrapped * REFERENCE_US
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{
        PacketStatusChunk, RecvDelta, RunLengthChunk, StatusChunkTypeTcc, StatusVectorChunk, SymbolSizeTypeTcc,
        SymbolTypeTcc, TransportLayerCc,
    };
    use rtc_shared::marshal::Marshal;

    fn told(feedback: &Feedback<'_>) -> Vec<(u16, Option<i64>)> {
        let mut all = Vec::new();
        feedback.each(|number, at| all.push((number, at)));
        all
    }

    fn vector(size: SymbolSizeTypeTcc, list: Vec<SymbolTypeTcc>) -> PacketStatusChunk {
        let type_tcc = StatusChunkTypeTcc::StatusVectorChunk;
        PacketStatusChunk::StatusVectorChunk(StatusVectorChunk { type_tcc, symbol_size: size, symbol_list: list })
    }

    #[test]
    fn we_read_what_the_oracle_writes() {
        use SymbolTypeTcc::{
            PacketNotReceived as No, PacketReceivedLargeDelta as Large, PacketReceivedSmallDelta as Small,
        };
        let delta = |type_tcc_packet, delta| RecvDelta { type_tcc_packet, delta };
        let message = TransportLayerCc {
            sender_ssrc: 1,
            media_ssrc: 2,
            base_sequence_number: 65_534,
            packet_status_count: 4 + 14 + 2,
            reference_time: 5,
            fb_pkt_count: 0,
            packet_chunks: vec![
                PacketStatusChunk::RunLengthChunk(RunLengthChunk {
                    type_tcc: StatusChunkTypeTcc::RunLengthChunk,
                    packet_status_symbol: Small,
                    run_length: 4,
                }),
                vector(SymbolSizeTypeTcc::OneBit, [vec![No, Small], vec![No; 12]].concat()),
                vector(SymbolSizeTypeTcc::TwoBit, vec![Large, No, No, No, No, No, No]),
            ],
            recv_deltas: vec![
                delta(Small, 1_000),
                delta(Small, 0),
                delta(Small, 250),
                delta(Small, 500),
                delta(Small, 1_000),
                delta(Large, -2_000),
            ],
        };
        let bytes = message.marshal().expect("valid");
        let feedback = Feedback::parse(&bytes).expect("read");
        assert_eq!(feedback.reference(), 5);
        let all = told(&feedback);
        assert_eq!(all.len(), 20);
        let arrived: Vec<(u16, i64)> = all.iter().filter_map(|(number, at)| Some((*number, (*at)?))).collect();
        let expected = [(65_534, 1_000), (65_535, 1_000), (0, 1_250), (1, 1_750), (3, 2_750), (16, 750)];
        assert_eq!(arrived, expected);
    }

    /// What our own recorder writes for publishers is read back as it was.
    #[test]
    fn we_read_what_we_write() {
        let start = std::time::Instant::now();
        let mut recorder = crate::feedback::Recorder::new(start);
        for (number, ms) in [(10_u16, 100_u64), (11, 101), (13, 180), (14, 179)] {
            recorder.arrive(start + std::time::Duration::from_millis(ms), number);
        }
        let mut bytes = Vec::new();
        assert!(recorder.write(&mut bytes, 1, 2));
        let feedback = Feedback::parse(&bytes).expect("read");
        let base = i64::from(feedback.reference()) * REFERENCE_US;
        let arrived: Vec<_> = told(&feedback).into_iter().map(|(n, at)| (n, at.map(|at| at + base))).collect();
        let ms = |ms: i64| Some(ms * 1_000);
        assert_eq!(arrived, [(10, ms(100)), (11, ms(101)), (12, None), (13, ms(180)), (14, ms(179))]);
    }

    #[test]
    fn limits_come_first() {
        let head = |count: u16| {
            let mut bytes = vec![0x8f, 205, 0, 5, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0];
            bytes.extend(count.to_be_bytes());
            bytes.extend([0, 0, 1, 0]);
            bytes
        };
        assert!(Feedback::parse(&head(0)).is_none(), "nothing");
        assert!(Feedback::parse(&head(1)).is_none(), "no chunk");
        let with = |count, chunk: [u8; 2]| [head(count), chunk.to_vec()].concat();
        assert!(Feedback::parse(&with(2_049, [0x08, 0x01])).is_none(), "too many");
        assert!(Feedback::parse(&with(1, [0x00, 0x00])).is_none(), "an empty run");
        let short = with(3, [0x20, 0x03]);
        assert_eq!(told(&Feedback::parse(&short).expect("read")), [], "no arrival times");
    }

    #[test]
    fn the_reference_time_goes_on_over_its_wrap() {
        let mut reference = Reference::default();
        let first = reference.us(0xff_fffe);
        assert_eq!(reference.us(1) - first, 3 * REFERENCE_US);
        assert_eq!(reference.us(0xff_ffff) - first, REFERENCE_US, "a message that came late");
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(mut bytes in proptest::collection::vec(any::<u8>(), 0..160), count in 0_u16..64) {
            if let Some(feedback) = Feedback::parse(&bytes) {
                prop_assert!(told(&feedback).len() <= STATUSES_MAX);
            }
            if let Some(field) = bytes.get_mut(14..16) {
                field.copy_from_slice(&count.to_be_bytes());
            }
            if let Some(feedback) = Feedback::parse(&bytes) {
                prop_assert!(told(&feedback).len() <= usize::from(count));
            }
        }
    }
}
