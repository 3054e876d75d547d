//! Transport-wide congestion feedback to a publisher (draft-holmer-rmcat-transport-wide-cc-extensions-01): its browser
//! needs it to send more than a trickle. Owned by a peer, fed with each packet that carries the number.

use std::time::Instant;

/// Packets that one feedback reports at most.
const STATUSES_MAX: u64 = 512;
/// Packets that wait for the next feedback.
const ARRIVALS_MAX: usize = 1_024;
/// The unit of arrival times.
const TICK_US: u64 = 250;
/// The unit of the reference time, in ticks.
const REFERENCE_TICKS: u64 = 64_000 / TICK_US;

/// What came since the last feedback.
#[derive(Debug)]
pub(crate) struct Recorder {
    start: Instant,
    arrivals: Vec<(u64, u64)>,
    highest: Option<u64>,
    next: Option<u64>,
    count: u8,
}

impl Recorder {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start, arrivals: Vec::with_capacity(ARRIVALS_MAX), highest: None, next: None, count: 0 }
    }

    /// Takes note of a packet's transport-wide number.
    pub(crate) fn arrive(&mut self, now: Instant, number: u16) {
        let extended = match self.highest {
            None => u64::from(number) + 65_536,
            Some(highest) => {
                let step = i64::from(number.wrapping_sub(highest as u16) as i16);
                highest.saturating_add_signed(step)
            }
        };
        self.highest = Some(self.highest.map_or(extended, |highest| highest.max(extended)));
        if self.arrivals.len() < ARRIVALS_MAX && self.next.is_none_or(|next| extended >= next) {
            let elapsed = now.saturating_duration_since(self.start).as_micros() as u64;
            self.arrivals.push((extended, elapsed / TICK_US));
        }
    }

    /// Appends a feedback message about what came; false when there is nothing to report.
    pub(crate) fn write(&mut self, out: &mut Vec<u8>, sender: u32, ssrc: u32) -> bool {
        self.arrivals.sort_unstable_by_key(|(number, _)| *number);
        self.arrivals.dedup_by_key(|(number, _)| *number);
        let (Some(&(first, _)), Some(&(last, _))) = (self.arrivals.first(), self.arrivals.last()) else { return false };
        // From the end of the last report on, so that losses between reports are told too, unless that is too far.
        let base = self.next.filter(|next| last - next < STATUSES_MAX && *next <= first).unwrap_or(first);
        let end = (last + 1).min(base + STATUSES_MAX);
        let reported = self.arrivals.iter().take_while(|(number, _)| *number < end).count();
        let reference = self.arrivals[..reported].iter().map(|(_, tick)| *tick).min().unwrap_or(0) / REFERENCE_TICKS;

        let at = out.len();
        out.extend_from_slice(&[0x8f, 205, 0, 0]);
        out.extend_from_slice(&sender.to_be_bytes());
        out.extend_from_slice(&ssrc.to_be_bytes());
        out.extend_from_slice(&(base as u16).to_be_bytes());
        out.extend_from_slice(&((end - base) as u16).to_be_bytes());
        out.extend_from_slice(&((reference as u32) << 8 | u32::from(self.count)).to_be_bytes());
        self.count = self.count.wrapping_add(1);

        // Statuses: two-bit vectors, seven packets each (clause 3.1.4): 0 missing, 1 small delta, 2 large delta.
        let (mut place, mut tick, mut chunk, mut symbols) = (0, reference * REFERENCE_TICKS, 0_u16, 0);
        for number in base..end {
            let mut symbol = 0;
            if self.arrivals.get(place).is_some_and(|arrival| arrival.0 == number) {
                let arrival = self.arrivals[place].1;
                symbol = if (tick..tick + 256).contains(&arrival) { 1 } else { 2 };
                tick = arrival;
                place += 1;
            }
            chunk = chunk << 2 | symbol;
            symbols += 1;
            if symbols == 7 || number + 1 == end {
                chunk <<= 2 * (7 - symbols);
                out.extend_from_slice(&(0xc000 | chunk).to_be_bytes());
                (chunk, symbols) = (0, 0);
            }
        }
        tick = reference * REFERENCE_TICKS;
        for &(_, arrival) in &self.arrivals[..reported] {
            if (tick..tick + 256).contains(&arrival) {
                out.push((arrival - tick) as u8);
            } else {
                let delta = (arrival as i64 - tick as i64).clamp(i16::MIN.into(), i16::MAX.into());
                out.extend_from_slice(&(delta as i16).to_be_bytes());
            }
            tick = arrival;
        }
        let padding = (4 - (out.len() - at) % 4) % 4;
        if padding > 0 {
            out[at] |= 0x20;
            out.resize(out.len() + padding - 1, 0);
            out.push(padding as u8);
        }
        let words = ((out.len() - at) / 4 - 1) as u16;
        out[at + 2..at + 4].copy_from_slice(&words.to_be_bytes());
        self.next = Some(end);
        self.arrivals.drain(..reported);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc_rtcp::transport_feedbacks::transport_layer_cc::{PacketStatusChunk, SymbolTypeTcc, TransportLayerCc};
    use std::time::Duration;

    fn read(bytes: &[u8]) -> (u16, Vec<SymbolTypeTcc>, Vec<i64>) {
        let packets = rtc_rtcp::packet::unmarshal(&mut &bytes[..]).expect("valid");
        let feedback = packets[0].as_any().downcast_ref::<TransportLayerCc>().expect("feedback").clone();
        let mut symbols: Vec<_> = feedback
            .packet_chunks
            .iter()
            .flat_map(|chunk| match chunk {
                PacketStatusChunk::StatusVectorChunk(vector) => vector.symbol_list.clone(),
                PacketStatusChunk::RunLengthChunk(_) => panic!("not written"),
            })
            .collect();
        symbols.truncate(feedback.packet_status_count.into());
        (feedback.base_sequence_number, symbols, feedback.recv_deltas.iter().map(|delta| delta.delta).collect())
    }

    #[test]
    fn the_oracle_reads_arrivals_and_losses() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut recorder = Recorder::new(start);
        let mut out = Vec::new();
        assert!(!recorder.write(&mut out, 1, 2));
        for (ms, number) in [(130, 65_534), (131, 65_535), (300, 1), (299, 2)] {
            recorder.arrive(at(ms), number);
        }
        assert!(recorder.write(&mut out, 1, 2));
        use SymbolTypeTcc::PacketReceivedSmallDelta as Small;
        use SymbolTypeTcc::{PacketNotReceived as Lost, PacketReceivedLargeDelta as Large};
        let (base, symbols, deltas) = read(&out);
        assert_eq!(base, 65_534);
        assert_eq!(symbols, [Small, Small, Lost, Large, Large]);
        assert_eq!(deltas, [2_000, 1_000, 169_000, -1_000]);
        out.clear();
        recorder.arrive(at(400), 5);
        assert!(recorder.write(&mut out, 1, 2));
        let (base, symbols, _) = read(&out);
        assert_eq!((base, symbols), (3, vec![Lost, Lost, Small]), "losses between reports are told");
    }
}
