//! SRTP session keys and the ciphers on them: derivation (RFC 3711 clause 4.3, RFC 7714 clause 11) and the packet
//! transforms in place. Called by `srtp`, which knows streams and indices; this file knows none of that.

use super::TransportError;
use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, Algorithm, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use aws_lc_rs::iv::FixedLength;

/// SRTP protection profiles that we speak (RFC 5764, RFC 7714; S-31), by their numbers in `use_srtp`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `AES128_CM_SHA1_80`: only for clients that offer no AEAD.
    Aes128CmSha1,
    /// `AEAD_AES_128_GCM`: taken whenever offered.
    Aes128Gcm,
    /// `AEAD_AES_256_GCM`.
    Aes256Gcm,
}

impl Profile {
    /// Bytes of a master key.
    pub(crate) fn key_bytes(self) -> usize {
        if self == Self::Aes256Gcm { 32 } else { 16 }
    }

    /// Bytes of a master salt.
    pub(crate) fn salt_bytes(self) -> usize {
        if self == Self::Aes128CmSha1 { 14 } else { 12 }
    }

    /// Bytes that sealing adds to an RTP packet.
    pub(crate) fn tag_bytes(self) -> usize {
        if self == Self::Aes128CmSha1 { CM_TAG_BYTES } else { GCM_TAG_BYTES }
    }
}

const CM_TAG_BYTES: usize = 10;
const GCM_TAG_BYTES: usize = 16;

/// What the key derivation makes, by its label.
#[derive(Clone, Copy)]
enum Label {
    RtpCipher = 0,
    RtpAuthentication = 1,
    RtpSalt = 2,
    RtcpCipher = 3,
    RtcpAuthentication = 4,
    RtcpSalt = 5,
}

/// The pseudo-random function of RFC 3711, clause 4.3.3, with a key derivation rate of zero.
fn derive<const N: usize>(key: &[u8], salt: &[u8], label: Label) -> Result<[u8; N], TransportError> {
    let mut iv = [0; 16];
    iv.get_mut(..salt.len()).ok_or(TransportError::Crypto)?.copy_from_slice(salt);
    iv[7] ^= label as u8;
    let mut out = [0; N];
    counter_mode(key)?
        .less_safe_encrypt(&mut out, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map_err(|_| TransportError::Crypto)?;
    Ok(out)
}

fn counter_mode(key: &[u8]) -> Result<EncryptingKey, TransportError> {
    let algorithm = if key.len() == 32 { &AES_256 } else { &AES_128 };
    UnboundCipherKey::new(algorithm, key).and_then(EncryptingKey::ctr).map_err(|_| TransportError::Crypto)
}

/// One direction's keys for RTP or for RTCP.
pub(crate) enum Cipher {
    Gcm { key: LessSafeKey, salt: [u8; 12] },
    CmSha1(Box<CmSha1>),
}

/// Counter mode with HMAC-SHA1: boxed, because it is rare and big.
pub(crate) struct CmSha1 {
    key: EncryptingKey,
    salt: [u8; 14],
    authentication: hmac::Key,
}

/// The keys of one direction.
pub(crate) struct Keys {
    pub(crate) rtp: Cipher,
    pub(crate) rtcp: Cipher,
}

impl Keys {
    /// Derives the session keys from what DTLS exported.
    pub(crate) fn derive(profile: Profile, key: &[u8], salt: &[u8]) -> Result<Self, TransportError> {
        if key.len() != profile.key_bytes() || salt.len() != profile.salt_bytes() {
            return Err(TransportError::Crypto);
        }
        Ok(Self {
            rtp: Cipher::derive(profile, key, salt, [Label::RtpCipher, Label::RtpAuthentication, Label::RtpSalt])?,
            rtcp: Cipher::derive(profile, key, salt, [Label::RtcpCipher, Label::RtcpAuthentication, Label::RtcpSalt])?,
        })
    }
}

impl Cipher {
    fn derive(profile: Profile, key: &[u8], salt: &[u8], labels: [Label; 3]) -> Result<Self, TransportError> {
        let [cipher, authentication, session_salt] = labels;
        match profile {
            Profile::Aes128Gcm => {
                Self::gcm(&AES_128_GCM, &derive::<16>(key, salt, cipher)?, derive(key, salt, session_salt)?)
            }
            Profile::Aes256Gcm => {
                Self::gcm(&AES_256_GCM, &derive::<32>(key, salt, cipher)?, derive(key, salt, session_salt)?)
            }
            Profile::Aes128CmSha1 => Ok(Self::CmSha1(Box::new(CmSha1 {
                key: counter_mode(&derive::<16>(key, salt, cipher)?)?,
                salt: derive(key, salt, session_salt)?,
                authentication: hmac::Key::new(
                    hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
                    &derive::<20>(key, salt, authentication)?,
                ),
            }))),
        }
    }

    fn gcm(algorithm: &'static Algorithm, key: &[u8], salt: [u8; 12]) -> Result<Self, TransportError> {
        let key = UnboundKey::new(algorithm, key).map_err(|_| TransportError::Crypto)?;
        Ok(Self::Gcm { key: LessSafeKey::new(key), salt })
    }

    /// Encrypts `packet[header..]` and appends the tag. `index` is the 48-bit packet index.
    pub(crate) fn seal_rtp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<(), TransportError> {
        let packet = out.get_mut(start..).ok_or(TransportError::Malformed)?;
        let (head, body) = packet.split_at_mut_checked(header).ok_or(TransportError::Malformed)?;
        match self {
            Self::Gcm { key, salt } => {
                let tag = key
                    .seal_in_place_separate_tag(rtp_nonce(salt, ssrc, index), Aad::from(&*head), body)
                    .map_err(|_| TransportError::Crypto)?;
                out.extend_from_slice(tag.as_ref());
            }
            Self::CmSha1(keys) => {
                let CmSha1 { key, salt, authentication } = &**keys;
                counter_crypt(key, salt, ssrc, index, body)?;
                let tag = tag_of(authentication, packet, &roc_bytes(index));
                out.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Checks and decrypts `packet[header..]` in place; returns the length without tag. When it fails, the packet's
    /// payload is garbage and must not be used.
    pub(crate) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, TransportError> {
        match self {
            Self::Gcm { key, salt } => {
                let (head, body) = packet.split_at_mut_checked(header).ok_or(TransportError::Malformed)?;
                let plain = key
                    .open_in_place(rtp_nonce(salt, ssrc, index), Aad::from(&*head), body)
                    .map_err(|_| TransportError::Crypto)?;
                Ok(header + plain.len())
            }
            Self::CmSha1(keys) => {
                let CmSha1 { key, salt, authentication } = &**keys;
                let end = packet.len().checked_sub(CM_TAG_BYTES).filter(|end| *end >= header);
                let end = end.ok_or(TransportError::Malformed)?;
                let (signed, tag) = packet.split_at_mut(end);
                verify(authentication, signed, &roc_bytes(index), tag)?;
                counter_crypt(key, salt, ssrc, index, &mut signed[header..])?;
                Ok(end)
            }
        }
    }

    /// Encrypts an RTCP compound after its first eight bytes and appends tag and index (with the E bit), in the order
    /// of the profile.
    pub(crate) fn seal_rtcp(
        &self,
        out: &mut Vec<u8>,
        start: usize,
        ssrc: u32,
        index: u32,
    ) -> Result<(), TransportError> {
        let trailer = (index | ENCRYPTED).to_be_bytes();
        let packet = out.get_mut(start..).ok_or(TransportError::Malformed)?;
        let (head, body) = packet.split_at_mut_checked(RTCP_HEADER_BYTES).ok_or(TransportError::Malformed)?;
        match self {
            Self::Gcm { key, salt } => {
                let tag = key
                    .seal_in_place_separate_tag(rtcp_nonce(salt, ssrc, index), Aad::from(rtcp_aad(head, trailer)), body)
                    .map_err(|_| TransportError::Crypto)?;
                out.extend_from_slice(tag.as_ref());
                out.extend_from_slice(&trailer);
            }
            Self::CmSha1(keys) => {
                let CmSha1 { key, salt, authentication } = &**keys;
                counter_crypt(key, salt, ssrc, u64::from(index), body)?;
                let tag = tag_of(authentication, packet, &trailer);
                out.extend_from_slice(&trailer);
                out.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// Checks and decrypts an RTCP compound in place; returns the length of the compound. `trailer` is what
    /// [`Self::rtcp_trailer`] found.
    pub(crate) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32, trailer: [u8; 4]) -> Result<usize, TransportError> {
        let index = u32::from_be_bytes(trailer) & !ENCRYPTED;
        let encrypted = u32::from_be_bytes(trailer) & ENCRYPTED != 0;
        match self {
            Self::Gcm { key, salt } => {
                let end = packet.len().checked_sub(4).ok_or(TransportError::Malformed)?;
                let sealed = packet.get_mut(..end).ok_or(TransportError::Malformed)?;
                let (head, body) = sealed.split_at_mut_checked(RTCP_HEADER_BYTES).ok_or(TransportError::Malformed)?;
                let nonce = rtcp_nonce(salt, ssrc, index);
                if !encrypted {
                    // RFC 7714, clause 9.3 knows unencrypted but authenticated RTCP; no browser sends it, and DTLS-SRTP
                    // has no way to agree on it.
                    return Err(TransportError::Malformed);
                }
                let plain = key
                    .open_in_place(nonce, Aad::from(rtcp_aad(head, trailer)), body)
                    .map_err(|_| TransportError::Crypto)?;
                Ok(RTCP_HEADER_BYTES + plain.len())
            }
            Self::CmSha1(keys) => {
                let CmSha1 { key, salt, authentication } = &**keys;
                let end = packet.len().checked_sub(CM_TAG_BYTES + 4).filter(|end| *end >= RTCP_HEADER_BYTES);
                let end = end.ok_or(TransportError::Malformed)?;
                let (signed, rest) = packet.split_at_mut(end);
                verify(authentication, signed, &trailer, rest.get(4..).unwrap_or_default())?;
                if encrypted {
                    counter_crypt(key, salt, ssrc, u64::from(index), &mut signed[RTCP_HEADER_BYTES..])?;
                }
                Ok(end)
            }
        }
    }

    /// The E bit and index of a sealed RTCP compound: at the very end with AEAD, before the tag without.
    pub(crate) fn rtcp_trailer(&self, packet: &[u8]) -> Option<[u8; 4]> {
        let after = match self {
            Self::Gcm { .. } => 0,
            Self::CmSha1(_) => CM_TAG_BYTES,
        };
        let end = packet.len().checked_sub(after)?;
        packet.get(end.checked_sub(4)?..end)?.try_into().ok()
    }
}

/// The E bit of the RTCP trailer.
const ENCRYPTED: u32 = 1 << 31;
/// The part of an RTCP compound that stays readable.
const RTCP_HEADER_BYTES: usize = 8;

fn xored(salt: &[u8; 12], mut text: [u8; 12]) -> Nonce {
    for (byte, salt) in text.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    Nonce::assume_unique_for_key(text)
}

/// RFC 7714, clause 8.1: two zero bytes, SSRC, rollover counter, sequence number.
fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut text = [0; 12];
    text[2..6].copy_from_slice(&ssrc.to_be_bytes());
    text[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    xored(salt, text)
}

/// RFC 7714, clause 9.1: two zero bytes, SSRC, two zero bytes, index.
fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
    let mut text = [0; 12];
    text[2..6].copy_from_slice(&ssrc.to_be_bytes());
    text[8..].copy_from_slice(&index.to_be_bytes());
    xored(salt, text)
}

fn rtcp_aad(head: &[u8], trailer: [u8; 4]) -> [u8; 12] {
    let mut aad = [0; 12];
    aad[..8].copy_from_slice(&head[..8]);
    aad[8..].copy_from_slice(&trailer);
    aad
}

/// RFC 3711, clause 4.1.1: counter mode from salt, SSRC and index.
fn counter_crypt(
    key: &EncryptingKey,
    salt: &[u8; 14],
    ssrc: u32,
    index: u64,
    body: &mut [u8],
) -> Result<(), TransportError> {
    let mut iv = [0; 16];
    iv[..14].copy_from_slice(salt);
    for (byte, ssrc) in iv[4..8].iter_mut().zip(ssrc.to_be_bytes()) {
        *byte ^= ssrc;
    }
    for (byte, index) in iv[8..14].iter_mut().zip(index.to_be_bytes().into_iter().skip(2)) {
        *byte ^= index;
    }
    key.less_safe_encrypt(body, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map(|_| ())
        .map_err(|_| TransportError::Crypto)
}

fn roc_bytes(index: u64) -> [u8; 4] {
    let bytes = index.to_be_bytes();
    [bytes[2], bytes[3], bytes[4], bytes[5]]
}

fn tag_of(key: &hmac::Key, signed: &[u8], after: &[u8; 4]) -> [u8; CM_TAG_BYTES] {
    let mut context = hmac::Context::with_key(key);
    context.update(signed);
    context.update(after);
    let mut out = [0; CM_TAG_BYTES];
    out.copy_from_slice(&context.sign().as_ref()[..CM_TAG_BYTES]);
    out
}

fn verify(key: &hmac::Key, signed: &[u8], after: &[u8; 4], tag: &[u8]) -> Result<(), TransportError> {
    verify_slices_are_equal(&tag_of(key, signed, after), tag).map_err(|_| TransportError::Crypto)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex<const N: usize>(text: &str) -> [u8; N] {
        let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let mut out = [0; N];
        assert_eq!(digits.len(), 2 * N);
        for (byte, pair) in out.iter_mut().zip(digits.chunks(2)) {
            *byte = u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16).expect("hex");
        }
        out
    }

    /// RFC 3711, appendix B.3.
    #[test]
    fn derivation_matches_rfc_3711() {
        let key = hex::<16>("E1F97A0D3E018BE0D64FA32C06DE4139");
        let salt = hex::<14>("0EC675AD498AFEEBB6960B3AABE6");
        assert_eq!(derive::<16>(&key, &salt, Label::RtpCipher), Ok(hex("C61E7A93744F39EE10734AFE3FF7A087")));
        assert_eq!(derive::<14>(&key, &salt, Label::RtpSalt), Ok(hex("30CBBC08863D8C85D49DB34A9AE1")));
        assert_eq!(
            derive::<20>(&key, &salt, Label::RtpAuthentication),
            Ok(hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"))
        );
    }

    const RTP_HEADER: &str = "8040f17b 8041f8d3 5501a0b2";
    const RTP_TEXT: &str = "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";

    fn gcm(algorithm: &'static Algorithm, key: &[u8]) -> Cipher {
        Cipher::gcm(algorithm, key, hex("517569642070726f2071756f")).expect("key")
    }

    fn sealed_rtp(cipher: &Cipher) -> Vec<u8> {
        let mut packet = hex::<12>(RTP_HEADER).to_vec();
        packet.extend(hex::<38>(RTP_TEXT));
        cipher.seal_rtp(&mut packet, 0, 12, 0x5501_a0b2, 0xf17b).expect("sealed");
        packet
    }

    /// RFC 7714, clause 16.1.1.
    #[test]
    fn aes_128_gcm_matches_rfc_7714() {
        let cipher = gcm(&AES_128_GCM, &hex::<16>("00010203 04050607 08090a0b 0c0d0e0f"));
        let expected = hex::<66>(
            "8040f17b 8041f8d3 5501a0b2 f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b
             36de3adf 8833899d 7f27beb1 6a9152cf 765ee439 0cce",
        );
        let mut packet = sealed_rtp(&cipher);
        assert_eq!(packet, expected);
        assert_eq!(cipher.open_rtp(&mut packet, 12, 0x5501_a0b2, 0xf17b), Ok(50));
        assert_eq!(packet[12..50], hex::<38>(RTP_TEXT));
    }

    /// RFC 7714, clause 16.2.1.
    #[test]
    fn aes_256_gcm_matches_rfc_7714() {
        let cipher =
            gcm(&AES_256_GCM, &hex::<32>("00010203 04050607 08090a0b 0c0d0e0f 10111213 14151617 18191a1b 1c1d1e1f"));
        let expected = hex::<66>(
            "8040f17b 8041f8d3 5501a0b2 32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f
             1ba63799 b87b7aa3 db36dfff d6b0f9bb 7878d7a7 6c13",
        );
        assert_eq!(sealed_rtp(&cipher), expected);
    }

    /// RFC 7714, clause 17.1.
    #[test]
    fn rtcp_gcm_matches_rfc_7714() {
        let cipher = gcm(&AES_128_GCM, &hex::<16>("00010203 04050607 08090a0b 0c0d0e0f"));
        let plain = hex::<52>(
            "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef deadbeef deadbeef
             deadbeef",
        );
        let expected = hex::<72>(
            "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda 4ce09b46 86303ded
             0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
        );
        let mut packet = plain.to_vec();
        cipher.seal_rtcp(&mut packet, 0, 0x4d61_7273, 0x5d4).expect("sealed");
        assert_eq!(packet, expected);
        let trailer = cipher.rtcp_trailer(&packet).expect("trailer");
        assert_eq!(cipher.open_rtcp(&mut packet, 0x4d61_7273, trailer), Ok(52));
        assert_eq!(packet[..52], plain);
    }

    /// RFC 3711, appendix B.2: the key stream of counter mode (SSRC and index zero).
    #[test]
    fn counter_mode_matches_rfc_3711() {
        let key = counter_mode(&hex::<16>("2B7E151628AED2A6ABF7158809CF4F3C")).expect("key");
        let mut body = [0; 48];
        counter_crypt(&key, &hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD"), 0, 0, &mut body).expect("crypt");
        assert_eq!(
            body,
            hex("E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0")
        );
    }
}
