//! SRTP and SRTCP of one connection: streams, packet indices, replay windows (S-32). Called by the transport for each
//! packet; seals and opens in place on the caller's buffers and allocates only when a new SSRC appears.
//!
//! A stream's state changes only after a packet was authenticated, so forged packets cost nothing but their check.

use super::TransportError;
use super::keys::{Keys, Profile};

/// SSRCs that come without having been announced ([`Srtp::accept`]), at most, for RTP and for RTCP.
pub(crate) const UNANNOUNCED_MAX: usize = 64;
/// Announced SSRCs, at most; a bound on the caller's memory, not on what it should announce.
const ANNOUNCED_MAX: usize = 1_024;
/// Packets behind the newest one that are still taken (S-32).
const WINDOW: u64 = 128;

/// Why a packet was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dropped {
    /// Wrong tag, or no packet at all.
    Forged,
    /// Came before, or is older than the window.
    Replayed,
    /// Unannounced, and there are too many of those.
    Unknown,
}

/// The newest packet index and which of the last [`WINDOW`] were seen.
#[derive(Clone, Copy, Debug, Default)]
struct Window {
    newest: u64,
    /// Bit n: `newest - n` was seen. Empty only before the first packet.
    seen: u128,
}

impl Window {
    fn is_fresh(self, index: u64) -> bool {
        if self.seen == 0 || index > self.newest {
            return true;
        }
        let behind = self.newest - index;
        behind < WINDOW && self.seen >> behind & 1 == 0
    }

    fn record(&mut self, index: u64) {
        if self.seen == 0 {
            *self = Self { newest: index, seen: 1 };
        } else if index > self.newest {
            let ahead = index - self.newest;
            self.seen = if ahead < WINDOW { self.seen << ahead | 1 } else { 1 };
            self.newest = index;
        } else {
            self.seen |= 1 << (self.newest - index);
        }
    }

    /// The index that a 16-bit sequence number stands for: the one nearest to the newest (RFC 3711, clause 3.3.1).
    fn guess(self, sequence: u16) -> u64 {
        let sequence = u64::from(sequence);
        if self.seen == 0 {
            return sequence;
        }
        let rollover = self.newest >> 16;
        let newest = self.newest & 0xffff;
        let rollover = if newest < 0x8000 && sequence > newest + 0x8000 {
            match rollover.checked_sub(1) {
                Some(before) => before,
                // Nothing comes before the first rollover: it can only be far ahead.
                None => return sequence,
            }
        } else if newest >= 0x8000 && newest - 0x8000 > sequence {
            rollover + 1
        } else {
            rollover
        };
        // 48 bits: past them keys would have to change (RFC 3711, clause 9.2); 2^48 packets do not come.
        (rollover << 16 | sequence) & 0xffff_ffff_ffff
    }
}

/// Streams by SSRC, sorted.
#[derive(Debug, Default)]
struct Streams(Vec<(u32, Window)>);

impl Streams {
    fn find(&self, ssrc: u32) -> Result<usize, usize> {
        self.0.binary_search_by_key(&ssrc, |(known, _)| *known)
    }

    fn window(&self, at: Result<usize, usize>) -> Window {
        at.ok().and_then(|at| self.0.get(at)).map(|(_, window)| *window).unwrap_or_default()
    }

    fn record(&mut self, at: Result<usize, usize>, ssrc: u32, index: u64) {
        let at = at.unwrap_or_else(|gap| {
            self.0.insert(gap, (ssrc, Window::default()));
            gap
        });
        self.0[at].1.record(index);
    }

    fn forget(&mut self, ssrc: u32) {
        self.0.retain(|(known, _)| *known != ssrc);
    }
}

/// Both directions of one connection.
pub(crate) struct Srtp {
    profile: Profile,
    inbound: Keys,
    outbound: Keys,
    rtp_in: Streams,
    rtcp_in: Streams,
    rtp_out: Streams,
    rtcp_out_next: u32,
    /// Sorted.
    announced: Vec<u32>,
}

impl Srtp {
    pub(crate) fn new(profile: Profile, inbound: Keys, outbound: Keys) -> Self {
        Self {
            profile,
            inbound,
            outbound,
            rtp_in: Streams::default(),
            rtcp_in: Streams::default(),
            rtp_out: Streams::default(),
            rtcp_out_next: 0,
            announced: Vec::new(),
        }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }

    /// The caller knows this SSRC (from SDP or from an authenticated packet of a known section).
    pub(crate) fn accept(&mut self, ssrc: u32) {
        if let Err(gap) = self.announced.binary_search(&ssrc)
            && self.announced.len() < ANNOUNCED_MAX
        {
            self.announced.insert(gap, ssrc);
        }
    }

    pub(crate) fn forget(&mut self, ssrc: u32) {
        if let Ok(at) = self.announced.binary_search(&ssrc) {
            self.announced.remove(at);
        }
        self.rtp_in.forget(ssrc);
        self.rtcp_in.forget(ssrc);
    }

    fn may_add(&self, streams: &Streams, ssrc: u32) -> bool {
        let announced = |ssrc: &u32| self.announced.binary_search(ssrc).is_ok();
        announced(&ssrc) || streams.0.iter().filter(|(known, _)| !announced(known)).count() < UNANNOUNCED_MAX
    }

    /// Opens an RTP packet in place; returns its length without tag.
    pub(crate) fn open_rtp(&mut self, packet: &mut [u8]) -> Result<usize, Dropped> {
        let Header { bytes, ssrc, sequence } = Header::read(packet).ok_or(Dropped::Forged)?;
        let at = self.rtp_in.find(ssrc);
        if at.is_err() && !self.may_add(&self.rtp_in, ssrc) {
            return Err(Dropped::Unknown);
        }
        let window = self.rtp_in.window(at);
        let index = window.guess(sequence);
        if !window.is_fresh(index) {
            return Err(Dropped::Replayed);
        }
        let length = self.inbound.rtp.open_rtp(packet, bytes, ssrc, index).map_err(|_| Dropped::Forged)?;
        self.rtp_in.record(at, ssrc, index);
        Ok(length)
    }

    /// Opens an RTCP compound in place; returns its length without trailer.
    pub(crate) fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Dropped> {
        let ssrc = rtcp_ssrc(packet).ok_or(Dropped::Forged)?;
        let trailer = self.inbound.rtcp.rtcp_trailer(packet).ok_or(Dropped::Forged)?;
        let index = u64::from(u32::from_be_bytes(trailer) & 0x7fff_ffff);
        let at = self.rtcp_in.find(ssrc);
        if at.is_err() && !self.may_add(&self.rtcp_in, ssrc) {
            return Err(Dropped::Unknown);
        }
        if !self.rtcp_in.window(at).is_fresh(index) {
            return Err(Dropped::Replayed);
        }
        let length = self.inbound.rtcp.open_rtcp(packet, ssrc, trailer).map_err(|_| Dropped::Forged)?;
        self.rtcp_in.record(at, ssrc, index);
        Ok(length)
    }

    /// Seals the RTP packet in `out[start..]` and appends its tag.
    pub(crate) fn seal_rtp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), TransportError> {
        let packet = out.get(start..).ok_or(TransportError::Malformed)?;
        let Header { bytes, ssrc, sequence } = Header::read(packet).ok_or(TransportError::Malformed)?;
        let at = self.rtp_out.find(ssrc);
        let window = self.rtp_out.window(at);
        let index = window.guess(sequence);
        if !window.is_fresh(index) {
            return Err(TransportError::SequenceReused);
        }
        // Recorded first: an index must never be used again, whatever the cipher says.
        self.rtp_out.record(at, ssrc, index);
        self.outbound.rtp.seal_rtp(out, start, bytes, ssrc, index)
    }

    /// Seals the RTCP compound in `out[start..]` and appends tag and index.
    pub(crate) fn seal_rtcp(&mut self, out: &mut Vec<u8>, start: usize) -> Result<(), TransportError> {
        let packet = out.get(start..).ok_or(TransportError::Malformed)?;
        let ssrc = rtcp_ssrc(packet).ok_or(TransportError::Malformed)?;
        // One counter for all SSRCs: unique in each of them, and 2^31 compounds do not come in a session.
        let index = self.rtcp_out_next;
        self.rtcp_out_next =
            index.checked_add(1).filter(|next| *next < 1 << 31).ok_or(TransportError::SequenceReused)?;
        self.outbound.rtcp.seal_rtcp(out, start, ssrc, index)
    }

    /// How many SSRCs have a state (for tests of S-32).
    #[cfg(test)]
    fn streams(&self) -> usize {
        self.rtp_in.0.len() + self.rtcp_in.0.len()
    }
}

/// What sealing needs of an RTP header.
struct Header {
    bytes: usize,
    ssrc: u32,
    sequence: u16,
}

impl Header {
    /// RFC 3550, clause 5.1: twelve bytes, CSRCs, and the extension, which stay readable.
    fn read(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        if fixed[0] >> 6 != 2 {
            return None;
        }
        let mut bytes = 12 + 4 * usize::from(fixed[0] & 15);
        if fixed[0] & 16 != 0 {
            let words = packet.get(bytes + 2..bytes + 4)?;
            bytes += 4 + 4 * usize::from(u16::from_be_bytes([words[0], words[1]]));
        }
        (bytes <= packet.len()).then_some(Self {
            bytes,
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
        })
    }
}

fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let fixed: &[u8; 8] = packet.first_chunk()?;
    (fixed[0] >> 6 == 2).then(|| u32::from_be_bytes([fixed[4], fixed[5], fixed[6], fixed[7]]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PROFILES: [Profile; 3] = [Profile::Aes128Gcm, Profile::Aes256Gcm, Profile::Aes128CmSha1];

    /// Two ends that share keys.
    fn pair(profile: Profile) -> (Srtp, Srtp) {
        let keys = |seed: u8| {
            let key: Vec<u8> = (seed..).take(profile.key_bytes()).collect();
            let salt: Vec<u8> = (seed + 100..).take(profile.salt_bytes()).collect();
            Keys::derive(profile, &key, &salt).expect("keys")
        };
        (Srtp::new(profile, keys(1), keys(2)), Srtp::new(profile, keys(2), keys(1)))
    }

    fn rtp(ssrc: u32, sequence: u16) -> Vec<u8> {
        let mut packet = vec![0x90, 96];
        packet.extend(sequence.to_be_bytes());
        packet.extend([0; 4]);
        packet.extend(ssrc.to_be_bytes());
        packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
        packet.extend(b"payload");
        packet
    }

    fn rtcp(ssrc: u32) -> Vec<u8> {
        let mut packet = vec![0x80, 201, 0, 1];
        packet.extend(ssrc.to_be_bytes());
        packet
    }

    fn sealed(from: &mut Srtp, mut packet: Vec<u8>) -> Vec<u8> {
        from.seal_rtp(&mut packet, 0).expect("sealed");
        packet
    }

    #[test]
    fn every_profile_round_trips() {
        for profile in PROFILES {
            let (mut a, mut b) = pair(profile);
            let mut train = b"before".to_vec();
            train.extend(rtp(7, 1));
            a.seal_rtp(&mut train, 6).expect("sealed");
            assert_eq!(train.len(), 6 + rtp(7, 1).len() + profile.tag_bytes());
            assert_eq!(train[..6], *b"before");
            assert_ne!(train[26..33], *b"payload");
            let length = b.open_rtp(&mut train[6..]).expect("opened");
            assert_eq!(train[6..6 + length], rtp(7, 1));

            let mut report = rtcp(9);
            a.seal_rtcp(&mut report, 0).expect("sealed");
            let length = b.open_rtcp(&mut report).expect("opened");
            assert_eq!(report[..length], rtcp(9));
        }
    }

    /// S-32: a replay is dropped, a forged tag is dropped and changes nothing.
    #[test]
    fn replays_and_forgeries_are_dropped() {
        for profile in PROFILES {
            let (mut a, mut b) = pair(profile);
            let packet = sealed(&mut a, rtp(7, 1));
            let mut forged = packet.clone();
            let last = forged.len() - 1;
            forged[last] ^= 1;
            assert_eq!(b.open_rtp(&mut forged), Err(Dropped::Forged));
            assert_eq!(b.streams(), 0, "no state before authentication");
            assert!(b.open_rtp(&mut packet.clone()).is_ok());
            assert_eq!(b.open_rtp(&mut packet.clone()), Err(Dropped::Replayed));

            let mut report = rtcp(9);
            a.seal_rtcp(&mut report, 0).expect("sealed");
            let mut forged = report.clone();
            forged[9] ^= 1;
            assert_eq!(b.open_rtcp(&mut forged), Err(Dropped::Forged));
            assert!(b.open_rtcp(&mut report.clone()).is_ok());
            assert_eq!(b.open_rtcp(&mut report), Err(Dropped::Replayed));
        }
    }

    #[test]
    fn sequence_numbers_roll_over() {
        let (mut a, mut b) = pair(Profile::Aes128Gcm);
        for step in 0..200_000_u32 {
            let mut packet = sealed(&mut a, rtp(7, (65_000 + step) as u16));
            assert!(b.open_rtp(&mut packet).is_ok(), "packet {step}");
        }
    }

    #[test]
    fn reordering_over_a_rollover_is_fine_up_to_the_window() {
        let (mut a, mut b) = pair(Profile::Aes128Gcm);
        let mut packets: Vec<_> =
            (0..=255_u16).map(|step| sealed(&mut a, rtp(7, 65_500_u16.wrapping_add(step)))).collect();
        assert!(b.open_rtp(&mut packets[0].clone()).is_ok());
        assert!(b.open_rtp(&mut packets[128]).is_ok(), "far ahead, over the rollover");
        assert!(b.open_rtp(&mut packets[1]).is_ok(), "127 behind");
        assert_eq!(b.open_rtp(&mut packets[0].clone()), Err(Dropped::Replayed), "128 behind");
        assert!(b.open_rtp(&mut packets[255]).is_ok());
        assert!(b.open_rtp(&mut packets[254]).is_ok());
        assert_eq!(b.open_rtp(&mut packets[2]), Err(Dropped::Replayed), "outside the window now");
    }

    /// RFC 7714, clause 8.1: the same SSRC and sequence number is never sealed twice.
    #[test]
    fn a_sequence_number_is_sealed_once() {
        let (mut a, _) = pair(Profile::Aes128Gcm);
        sealed(&mut a, rtp(7, 10));
        sealed(&mut a, rtp(7, 9));
        sealed(&mut a, rtp(8, 10));
        assert_eq!(a.seal_rtp(&mut rtp(7, 10), 0), Err(TransportError::SequenceReused));
        assert_eq!(a.seal_rtp(&mut rtp(7, 9), 0), Err(TransportError::SequenceReused));
    }

    /// S-32: unknown SSRCs are bounded, known ones are not shut out by them.
    #[test]
    fn unannounced_ssrcs_are_bounded() {
        let (mut a, mut b) = pair(Profile::Aes128Gcm);
        b.accept(5_000);
        let opened = (0..200).filter(|ssrc| b.open_rtp(&mut sealed(&mut a, rtp(*ssrc, 1))).is_ok()).count();
        assert_eq!(opened, UNANNOUNCED_MAX);
        assert!(b.open_rtp(&mut sealed(&mut a, rtp(5_000, 1))).is_ok());
        b.forget(0);
        assert!(b.open_rtp(&mut sealed(&mut a, rtp(300, 1))).is_ok());
        assert_eq!(b.open_rtp(&mut sealed(&mut a, rtp(301, 1))), Err(Dropped::Unknown));
    }

    #[test]
    fn what_is_no_packet_is_not_sealed() {
        let (mut a, _) = pair(Profile::Aes128Gcm);
        for mut packet in [vec![], vec![0x80; 11], vec![0x9f; 20]] {
            assert_eq!(a.seal_rtp(&mut packet, 0), Err(TransportError::Malformed));
        }
        assert_eq!(a.seal_rtp(&mut rtp(1, 1), 1_000), Err(TransportError::Malformed));
        assert_eq!(a.seal_rtcp(&mut vec![0x80; 7], 0), Err(TransportError::Malformed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_safe(bytes in proptest::collection::vec(any::<u8>(), 0..80), which in 0..3_usize) {
            let (mut a, _) = pair(PROFILES[which]);
            for mut packet in [bytes.clone(), [&[0x80], &bytes[..]].concat(), [&[0x9f], &bytes[..]].concat()] {
                prop_assert!(a.open_rtp(&mut packet.clone()).is_err());
                prop_assert!(a.open_rtcp(&mut packet).is_err());
            }
            prop_assert_eq!(a.streams(), 0);
        }

        #[test]
        fn a_window_takes_each_index_once(indices in proptest::collection::vec(0_u64..400, 1..300)) {
            let mut window = Window::default();
            let mut taken = std::collections::HashSet::new();
            for index in indices {
                if window.is_fresh(index) {
                    prop_assert!(taken.insert(index));
                    window.record(index);
                } else {
                    prop_assert!(taken.contains(&index) || index + WINDOW <= window.newest);
                }
            }
        }
    }
}
