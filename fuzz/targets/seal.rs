//! SRTP and SRTCP as a client whose plaintext may be anything, malformed headers too (RFC 3711 clause 4.3, RFC 7714):
//! the library that the engine's tests use refuses to send such.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use std::collections::HashMap;

struct Half {
    key: LessSafeKey,
    salt: [u8; 12],
}

impl Half {
    fn new(key: &[u8], salt: &[u8], first_label: u8) -> Self {
        let derive = |label: u8, length: usize| {
            let mut iv = [0; 16];
            iv[..12].copy_from_slice(salt);
            iv[7] ^= label;
            let mut out = vec![0; length];
            let cipher = EncryptingKey::ctr(UnboundCipherKey::new(&AES_128, key).expect("a key")).expect("a cipher");
            cipher.less_safe_encrypt(&mut out, EncryptionContext::Iv128(FixedLength::from(iv))).expect("derived");
            out
        };
        let key = UnboundKey::new(&AES_128_GCM, &derive(first_label, 16)).expect("a key");
        let salt = derive(first_label + 2, 12).try_into().expect("twelve");
        Self { key: LessSafeKey::new(key), salt }
    }

    fn seal(&self, packet: &mut Vec<u8>, header: usize, numbers: [u8; 12], aad: &[u8]) {
        let mut nonce = self.salt;
        for (byte, number) in nonce.iter_mut().zip(numbers) {
            *byte ^= number;
        }
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.key.seal_in_place_separate_tag(nonce, Aad::from(aad), &mut packet[header..]).expect("sealed");
        packet.extend_from_slice(tag.as_ref());
    }
}

/// The client's sending side.
pub struct Sealer {
    rtp: Half,
    rtcp: Half,
    /// The newest packet index of each SSRC.
    newest: HashMap<u32, u64>,
    compounds: u32,
}

impl Sealer {
    pub fn new(key: &[u8], salt: &[u8]) -> Self {
        Self { rtp: Half::new(key, salt, 0), rtcp: Half::new(key, salt, 3), newest: HashMap::new(), compounds: 0 }
    }

    /// Seals a packet of at least twelve bytes. Where its header ends is what it claims, or the end of the packet.
    pub fn rtp(&mut self, mut packet: Vec<u8>) -> Vec<u8> {
        let mut header = 12 + 4 * usize::from(packet[0] & 15);
        if packet[0] & 16 != 0 && packet.len() >= header + 4 {
            header += 4 + 4 * usize::from(u16::from_be_bytes([packet[header + 2], packet[header + 3]]));
        }
        let header = header.min(packet.len());
        let ssrc: [u8; 4] = packet[8..12].try_into().expect("four");
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let newest = self.newest.entry(u32::from_be_bytes(ssrc)).or_insert(u64::from(sequence));
        let step = i64::from(sequence.wrapping_sub(*newest as u16) as i16);
        let index = newest.checked_add_signed(step).unwrap_or(u64::from(sequence));
        *newest = index.max(*newest);
        let mut numbers = [0; 12];
        numbers[2..6].copy_from_slice(&ssrc);
        numbers[6..].copy_from_slice(&index.to_be_bytes()[2..]);
        let aad = packet[..header].to_vec();
        self.rtp.seal(&mut packet, header, numbers, &aad);
        packet
    }

    /// Seals a compound of at least eight bytes.
    pub fn rtcp(&mut self, mut compound: Vec<u8>) -> Vec<u8> {
        self.compounds += 1;
        let trailer = (self.compounds | 1 << 31).to_be_bytes();
        let mut numbers = [0; 12];
        numbers[2..6].copy_from_slice(&compound[4..8]);
        numbers[8..].copy_from_slice(&self.compounds.to_be_bytes());
        let aad = [&compound[..8], &trailer].concat();
        self.rtcp.seal(&mut compound, 8, numbers, &aad);
        compound.extend_from_slice(&trailer);
        compound
    }
}
