//! The few RTCP messages of the forwarding plane: read from a compound one by one, a message that we do not know or
//! that is malformed is skipped by its length; written by appending. No allocation; `rtc-rtcp` is the oracle in tests.
//!
//! RFC 3550, clause 6 (reports); RFC 4585, clause 6 (NACK, PLI); RFC 5104, clause 4.3.1 (FIR); REMB draft-alvestrand-03;
//! transport-wide feedback is read by [`Feedback`].

use crate::bwe::Feedback;

/// One thing that a compound says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Message<'a> {
    /// When a stream's timestamp was, by the sender's clock (NTP, 32.32 bit).
    SenderReport { ssrc: u32, ntp: u64, timestamp: u32 },
    /// How a stream of ours arrives; loss in 1/256; the middle of our last report's NTP time (0: none came) and the delay
    /// since then in 1/65536 s.
    Report { ssrc: u32, fraction_lost: u8, last_report: u32, delay: u32 },
    /// A packet is missing, and those of the 16 after it whose bit is set.
    Nack { ssrc: u32, sequence: u16, mask: u16 },
    /// A key frame is needed (PLI or FIR).
    KeyFrame { ssrc: u32 },
    /// The receiver's estimate of what its path carries, in bit/s.
    Remb { bps: u64 },
    /// What arrived when, by transport-wide numbers.
    Transport(Feedback<'a>),
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Reads a compound and tells each message.
pub(crate) fn read<'a>(mut compound: &'a [u8], mut tell: impl FnMut(Message<'a>)) {
    while let [first, kind, high, low, ..] = *compound {
        let size = 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        if first >> 6 != 2 || size > compound.len() {
            return;
        }
        let (message, rest) = compound.split_at(size);
        compound = rest;
        let _ = one(first & 0x1f, kind, message, &mut tell);
    }
}

fn one<'a>(count: u8, kind: u8, message: &'a [u8], tell: &mut impl FnMut(Message<'a>)) -> Option<()> {
    let reports = |from: usize, tell: &mut dyn FnMut(Message<'a>)| -> Option<()> {
        for block in message.get(from..)?.chunks_exact(24).take(count.into()) {
            let (last_report, delay) = (u32_at(block, 16)?, u32_at(block, 20)?);
            tell(Message::Report { ssrc: u32_at(block, 0)?, fraction_lost: block[4], last_report, delay });
        }
        Some(())
    };
    match (kind, count) {
        (200, _) => {
            let ntp = u64::from(u32_at(message, 8)?) << 32 | u64::from(u32_at(message, 12)?);
            let timestamp = u32_at(message, 16)?;
            if message.len() < 28 {
                return None;
            }
            tell(Message::SenderReport { ssrc: u32_at(message, 4)?, ntp, timestamp });
            reports(28, tell)
        }
        (201, _) => reports(8, tell),
        (205, 1) => {
            let ssrc = u32_at(message, 8)?;
            for pair in message.get(12..)?.chunks_exact(4) {
                tell(Message::Nack { ssrc, sequence: u16_at(pair, 0)?, mask: u16_at(pair, 2)? });
            }
            Some(())
        }
        (205, 15) => {
            tell(Message::Transport(Feedback::parse(message)?));
            Some(())
        }
        (206, 1) => {
            tell(Message::KeyFrame { ssrc: u32_at(message, 8)? });
            Some(())
        }
        (206, 4) => {
            for entry in message.get(12..)?.chunks_exact(8) {
                tell(Message::KeyFrame { ssrc: u32_at(entry, 0)? });
            }
            Some(())
        }
        (206, 15) if message.get(12..16)? == b"REMB" => {
            let value = u32_at(message, 16)? & 0x00ff_ffff;
            let (exponent, mantissa) = (value >> 18, u64::from(value & 0x3_ffff));
            // Above 2^46 bit/s the shift has no meaning; it only has to stay defined.
            tell(Message::Remb { bps: mantissa << exponent.min(45) });
            Some(())
        }
        _ => None,
    }
}

fn start(out: &mut Vec<u8>, count: u8, kind: u8) -> usize {
    let at = out.len();
    out.extend_from_slice(&[0x80 | count, kind, 0, 0]);
    at
}

fn end(out: &mut [u8], at: usize) {
    let words = u16::try_from((out.len() - at) / 4 - 1).unwrap_or(u16::MAX);
    out[at + 2..at + 4].copy_from_slice(&words.to_be_bytes());
}

fn words(out: &mut Vec<u8>, words: &[u32]) {
    for word in words {
        out.extend_from_slice(&word.to_be_bytes());
    }
}

/// Bytes of a sender report without report blocks.
pub(crate) const SENDER_REPORT_BYTES: usize = 28;

/// Appends a sender report without report blocks.
pub(crate) fn sender_report(out: &mut Vec<u8>, ssrc: u32, ntp: u64, timestamp: u32, packets: u32, octets: u32) {
    let at = start(out, 0, 200);
    words(out, &[ssrc, (ntp >> 32) as u32, ntp as u32, timestamp, packets, octets]);
    end(out, at);
}

/// A block of a receiver report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    pub(crate) ssrc: u32,
    pub(crate) figures: crate::nack::Figures,
    /// The middle of the last sender report's NTP time, and the delay since then in 1/65536 s.
    pub(crate) last_report: u32,
    pub(crate) delay: u32,
}

/// Appends receiver reports (31 blocks each at most; at least one report, which may be empty).
pub(crate) fn receiver_reports(out: &mut Vec<u8>, sender: u32, blocks: &[Block]) {
    let mut rest = blocks;
    loop {
        let (now, later) = rest.split_at(rest.len().min(31));
        let at = start(out, now.len() as u8, 201);
        words(out, &[sender]);
        for block in now {
            let figures = block.figures;
            let lost = u32::from(figures.fraction_lost) << 24 | figures.total_lost & 0x00ff_ffff;
            words(out, &[block.ssrc, lost, figures.highest, figures.jitter, block.last_report, block.delay]);
        }
        end(out, at);
        rest = later;
        if rest.is_empty() {
            return;
        }
    }
}

/// Appends a NACK for these sequence numbers (in any order; neighbours share an entry when they follow each other).
pub(crate) fn nack(out: &mut Vec<u8>, sender: u32, ssrc: u32, sequences: &[u16]) {
    let at = start(out, 1, 205);
    words(out, &[sender, ssrc]);
    let mut rest = sequences;
    while let [first, after @ ..] = rest {
        let near = after.iter().take_while(|next| matches!(next.wrapping_sub(*first), 1..=16)).count();
        let mask = after[..near].iter().fold(0_u16, |mask, next| mask | 1 << (next.wrapping_sub(*first) - 1));
        words(out, &[u32::from(*first) << 16 | u32::from(mask)]);
        rest = &after[near..];
    }
    end(out, at);
}

/// Appends a picture loss indication.
pub(crate) fn picture_loss(out: &mut Vec<u8>, sender: u32, ssrc: u32) {
    let at = start(out, 1, 206);
    words(out, &[sender, ssrc]);
    end(out, at);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nack::Figures;
    use proptest::prelude::*;
    use rtc_rtcp::payload_feedbacks::full_intra_request::{FirEntry, FullIntraRequest};
    use rtc_rtcp::payload_feedbacks::receiver_estimated_maximum_bitrate::ReceiverEstimatedMaximumBitrate;
    use rtc_rtcp::receiver_report::ReceiverReport;
    use rtc_rtcp::sender_report::SenderReport;
    use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
    use rtc_shared::marshal::Marshal;

    fn told(bytes: &[u8]) -> Vec<Message<'_>> {
        let mut all = Vec::new();
        read(bytes, |message| all.push(message));
        all
    }

    #[test]
    fn the_oracle_reads_what_we_write() {
        let mut out = Vec::new();
        sender_report(&mut out, 1, 0x0102_0304_0506_0708, 9, 10, 11);
        let figures = Figures { highest: 5, fraction_lost: 6, total_lost: 7, jitter: 8 };
        receiver_reports(&mut out, 2, &[Block { ssrc: 3, figures, last_report: 4, delay: 5 }; 40]);
        nack(&mut out, 1, 2, &[65_535, 0, 15, 30, 7]);
        picture_loss(&mut out, 1, 2);
        let packets = rtc_rtcp::packet::unmarshal(&mut &out[..]).expect("valid");
        assert_eq!(packets.len(), 5);
        let report = packets[0].as_any().downcast_ref::<SenderReport>().expect("report");
        assert_eq!((report.ntp_time, report.rtp_time, report.octet_count), (0x0102_0304_0506_0708, 9, 11));
        let blocks = packets[1].as_any().downcast_ref::<ReceiverReport>().expect("report");
        assert_eq!((blocks.reports.len(), blocks.reports[0].total_lost), (31, 7));
        let asked = packets[3].as_any().downcast_ref::<TransportLayerNack>().expect("nack");
        let list: Vec<u16> = asked.nacks.iter().flat_map(|pair| pair.packet_list()).collect();
        assert_eq!(list, [65_535, 0, 15, 30, 7]);
    }

    #[test]
    fn we_read_what_the_oracle_writes() {
        let remb = ReceiverEstimatedMaximumBitrate { sender_ssrc: 1, bitrate: 1_000_000.0, ssrcs: vec![2] };
        let Some(Message::Remb { bps }) = told(&remb.marshal().expect("valid")).pop() else { panic!("no estimate") };
        assert!((990_000..=1_000_000).contains(&bps), "{bps}");
        let entry = FirEntry { ssrc: 7, sequence_number: 1 };
        let fir = FullIntraRequest { sender_ssrc: 1, media_ssrc: 0, fir: vec![entry] };
        assert_eq!(told(&fir.marshal().expect("valid")), [Message::KeyFrame { ssrc: 7 }]);
    }

    #[test]
    fn what_we_do_not_know_is_skipped() {
        let mut out = vec![0x80, 207, 0, 1, 1, 2, 3, 4];
        picture_loss(&mut out, 1, 2);
        assert_eq!(told(&out), [Message::KeyFrame { ssrc: 2 }]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(mut bytes in proptest::collection::vec(any::<u8>(), 0..200), kind in 200_u8..208) {
            let _ = told(&bytes);
            if let [first, second, _, length, ..] = &mut bytes[..] {
                (*first, *second, *length) = (0x80 | *first & 0x1f, kind, *length & 0x1f);
            }
            let _ = told(&bytes);
        }
    }
}
