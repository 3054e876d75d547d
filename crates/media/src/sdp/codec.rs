//! The codecs and header extensions that we forward. A codec is told by its name and, where a name stands for several
//! bitstreams, by the parameters that tell them apart. Called by the offer's reader and the answer's writer.

/// What we can forward, in the order of our preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CodecKind {
    /// RFC 7587.
    Opus,
    /// RFC 7741.
    Vp8,
    /// RFC 6184, packetization mode 1, a baseline profile.
    H264,
    /// RFC 9628, profile 0.
    Vp9,
    /// The AV1 RTP payload format, profile 0.
    Av1,
}

/// A codec as the client numbered it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Codec {
    /// Which.
    pub kind: CodecKind,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of its RTX (RFC 4588).
    pub rtx: Option<u8>,
    /// The payload type of its redundancy (RFC 2198); sound only.
    pub red: Option<u8>,
    /// RTP clock, in Hz.
    pub clock_hz: u32,
    /// The client's format parameters, as they were offered.
    pub fmtp: Option<String>,
    /// Which feedback was agreed.
    pub feedback: Feedback,
}

/// RTCP feedback of a codec (RFC 4585, RFC 5104).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Feedback {
    /// `nack`.
    pub nack: bool,
    /// `nack pli`.
    pub pli: bool,
    /// `ccm fir`.
    pub fir: bool,
    /// `transport-cc`.
    pub transport_cc: bool,
    /// `goog-remb`.
    pub remb: bool,
}

/// Header extensions that we handle (RFC 8285).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extension {
    /// RFC 9143: which section a packet belongs to.
    Mid,
    /// RFC 8852: which simulcast layer.
    Rid,
    /// RFC 8852: of which simulcast layer an RTX packet is.
    RepairedRid,
    /// RFC 6464.
    AudioLevel,
    /// Transport-wide sequence numbers.
    TransportCc,
    /// Absolute send time, 24 bit.
    AbsSendTime,
    /// AV1 dependency descriptor.
    DependencyDescriptor,
    /// 3GPP TS 26.114: how the picture is turned.
    VideoOrientation,
}

impl Extension {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Mid,
        Self::Rid,
        Self::RepairedRid,
        Self::AudioLevel,
        Self::TransportCc,
        Self::AbsSendTime,
        Self::DependencyDescriptor,
        Self::VideoOrientation,
    ];

    /// Its name in `a=extmap`.
    #[must_use]
    pub fn uri(self) -> &'static str {
        match self {
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::TransportCc => "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
            Self::AbsSendTime => "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
            Self::DependencyDescriptor => {
                "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"
            }
            Self::VideoOrientation => "urn:3gpp:video-orientation",
        }
    }
}
