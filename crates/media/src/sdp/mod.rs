//! Negotiation as a pure function: an offer is read into [`Offer`], the engine says what each section is for
//! ([`Purpose`]), [`plan`] chooses codecs and header extensions, [`AnswerPlan::to_sdp`] writes the answer.
//!
//! The grammar is `rtc-sdp`'s; what it leaves untyped (rid, simulcast, ssrc-group, extmap) is read here. Nothing is
//! remembered between offers: each re-offer (added or recycled sections, ICE restart) is planned anew.

mod answer;
mod codec;
mod offer;

pub use codec::{Codec, CodecKind, Extension, Feedback};

use crate::remote::Remote;
use crate::transport::{Credentials, Fingerprint, RemoteDescription};

/// What a section carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
    /// Something that we always refuse (a data channel).
    Other,
}

/// `a=sendrecv` and its like, as seen from the side that wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// From the writer.
    SendOnly,
    /// To the writer.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            both => both,
        }
    }
}

/// A header extension of a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderExtension {
    /// Its id in packets, 1 to 14.
    pub id: u8,
    /// What it means.
    pub kind: Extension,
    /// Who may send it, seen from the side that wrote it.
    pub direction: Direction,
}

/// The CNAME of a slot's sound and picture, in SDP and for RTCP SDES: equal for both, so that they are played together
/// (RFC 3550, clause 6.5.1; A-11).
#[must_use]
pub fn cname(slot: u8) -> String {
    format!("slot{slot}")
}

/// An offer, read and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The client's ICE credentials and certificate, for [`crate::transport::Transport`].
    pub remote: RemoteDescription,
    /// The media sections in their order; the answer has the same ones.
    pub sections: Vec<OfferedSection>,
    /// Whether `a=extmap-allow-mixed` was offered.
    pub extmap_allow_mixed: bool,
}

/// One media section of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedSection {
    /// `a=mid`.
    pub mid: String,
    /// Sound, pictures or something else.
    pub kind: Kind,
    /// Which way, seen from the client.
    pub direction: Direction,
    /// The client has stopped it for good (port 0 and not bundle-only).
    pub rejected: bool,
    /// The offered codecs that we can forward, in the client's order.
    pub codecs: Vec<Codec>,
    /// The offered header extensions that we handle (one-byte ids only).
    pub extensions: Vec<HeaderExtension>,
    /// `a=ssrc` in order of appearance (empty with simulcast by rid).
    pub ssrcs: Vec<u32>,
    /// `a=ssrc-group:FID`: media SSRC and its RTX SSRC.
    pub rtx_ssrcs: Vec<(u32, u32)>,
    /// `a=rid:… send` that `a=simulcast:send` names, in the order of simulcast (first of alternatives).
    pub rids: Vec<String>,
    /// Protocol and formats of the m-line, echoed when the section is refused.
    pub(crate) protocol: String,
    pub(crate) media: String,
    pub(crate) formats: Vec<String>,
}

/// What the engine wants with a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The client publishes in it (answered `recvonly`).
    Publication,
    /// The client receives a slot in it (answered `sendonly` with our own SSRCs).
    Slot(SlotStream),
    /// Kept but idle (answered `inactive`).
    Idle,
    /// Refused (answered with port 0).
    Refused,
}

/// What we send in a receiving section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotStream {
    /// The slot; both sections of it get the same stream id, so that lips and sound stay together.
    pub slot: u8,
    /// Our SSRC.
    pub ssrc: u32,
    /// Our RTX SSRC; used for pictures when the client offered RTX.
    pub rtx_ssrc: u32,
}

/// What was negotiated; made by [`plan`], turned into text by [`AnswerPlan::to_sdp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerPlan {
    /// Each section of the offer, in its order.
    pub sections: Vec<PlannedSection>,
    pub(crate) extmap_allow_mixed: bool,
}

/// What was negotiated for one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedSection {
    /// `a=mid`.
    pub mid: String,
    /// Sound, pictures or something else.
    pub kind: Kind,
    /// What it is for. [`Purpose::Refused`] also where the client refused or offered no codec of ours;
    /// [`Purpose::Idle`] also where the offered direction does not fit.
    pub purpose: Purpose,
    /// At most one codec of each kind, ours first: the payload types that the client sends (publication) or that we
    /// have to send (slot).
    pub codecs: Vec<Codec>,
    /// Header extensions with the client's ids; only those that the sending side may use.
    pub extensions: Vec<HeaderExtension>,
    /// For a publication: the rids that we agreed to, in the client's order; empty without simulcast.
    pub rids: Vec<String>,
    /// For a publication: the SSRCs that the client announced (none with rids: they are learned from packets).
    pub ssrcs: Vec<u32>,
    /// For a publication: media SSRC and its RTX SSRC.
    pub rtx_ssrcs: Vec<(u32, u32)>,
    protocol: String,
    media: String,
    formats: Vec<String>,
}

impl PlannedSection {
    /// The id of a header extension in this section.
    #[must_use]
    pub fn extension(&self, wanted: Extension) -> Option<u8> {
        self.extensions.iter().find(|extension| extension.kind == wanted).map(|extension| extension.id)
    }

    /// The codec with this payload type, also when it is that of its redundancy; `true`: it is its RTX.
    #[must_use]
    pub fn codec(&self, payload_type: u8) -> Option<(&Codec, bool)> {
        self.codecs.iter().find_map(|codec| match payload_type {
            media if media == codec.payload_type => Some((codec, false)),
            rtx if Some(rtx) == codec.rtx => Some((codec, true)),
            red if Some(red) == codec.red => Some((codec, false)),
            _ => None,
        })
    }

    /// The codec of this kind.
    #[must_use]
    pub fn codec_of(&self, kind: CodecKind) -> Option<&Codec> {
        self.codecs.iter().find(|codec| codec.kind == kind)
    }
}

/// What the answer says about the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerSide<'a> {
    /// Our ICE credentials of this connection.
    pub credentials: &'a Credentials,
    /// Our certificate.
    pub fingerprint: Fingerprint,
    /// Where we are reached by UDP, best first.
    pub addresses: &'a [Remote],
    /// Session id of the `o=` line, the same for all answers of a connection (below 2^63, handed in as random).
    pub session_id: u64,
    /// Rises by one with each answer of a connection.
    pub session_version: u64,
}

/// Why an offer was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SdpError {
    /// More than `limits::SDP_BYTES_MAX` bytes, `SDP_SECTIONS_MAX` sections or `SDP_CANDIDATES_MAX` candidates (S-19).
    #[error("too large")]
    TooLarge,
    /// Not a session description, or a value in it is not what its RFC says.
    #[error("malformed")]
    Malformed,
    /// A mid is missing, twice there, or longer than 32 characters.
    #[error("sections are not named well")]
    Mid,
    /// ICE credentials are missing or malformed in the section that the bundle uses.
    #[error("no usable ICE credentials")]
    Ice,
    /// No sha-256 fingerprint, or several different ones (S-31).
    #[error("no usable fingerprint")]
    Fingerprint,
    /// The client insists on being the DTLS server.
    #[error("the client must be the active side of DTLS")]
    Setup,
    /// A section is not in the bundle, or has no rtcp-mux.
    #[error("everything must be bundled with rtcp-mux")]
    Bundle,
}

impl Offer {
    /// Reads an offer (RFC 8829) within the limits of S-19.
    ///
    /// # Errors
    ///
    /// [`SdpError`]: what is wrong with it; nothing has changed anywhere.
    pub fn parse(text: &str) -> Result<Self, SdpError> {
        offer::parse(text)
    }
}

/// Plans the answer: `purpose` is asked once per section, in order; what it wishes is cut down to what the section
/// allows.
pub fn plan(offer: &Offer, purpose: impl FnMut(&OfferedSection) -> Purpose) -> AnswerPlan {
    answer::plan(offer, purpose)
}

impl AnswerPlan {
    /// The answer's text.
    #[must_use]
    pub fn to_sdp(&self, server: &ServerSide<'_>) -> String {
        answer::write(self, server)
    }
}
