//! Reads an offer. Limits come before parsing (S-19); what a browser does not write is refused rather than guessed;
//! everything that will be echoed into the answer is checked to be one token or one line. Called by `Offer::parse`.

use super::codec::{Codec, CodecKind, Extension, Feedback};
use super::{Direction, HeaderExtension, Kind, Offer, OfferedSection, SdpError};
use crate::transport::{Credentials, Fingerprint, RemoteDescription};
use model::limits::{SDP_BYTES_MAX, SDP_CANDIDATES_MAX, SDP_SECTIONS_MAX};
use rtc_sdp::SessionDescription;
use rtc_sdp::description::common::Attribute;
use rtc_sdp::description::media::MediaDescription;
use std::collections::HashSet;
use std::io::Cursor;

const MID_BYTES_MAX: usize = 32;
const RID_BYTES_MAX: usize = 32;
const FMTP_BYTES_MAX: usize = 512;
/// SSRC lines of one section that are looked at: three layers with RTX, and as many again after a change.
const SSRCS_MAX: usize = 16;

pub(super) fn parse(text: &str) -> Result<Offer, SdpError> {
    check_limits(text)?;
    let description = SessionDescription::unmarshal(&mut Cursor::new(text)).map_err(|_| SdpError::Malformed)?;
    let session = &description.attributes;
    let sections: Vec<OfferedSection> =
        description.media_descriptions.iter().map(|media| section(media, session)).collect::<Result<_, _>>()?;
    check_mids(&sections)?;
    let live: Vec<(&OfferedSection, &MediaDescription)> =
        sections.iter().zip(&description.media_descriptions).filter(|(section, _)| !section.rejected).collect();
    check_bundle(&live, session)?;
    let remote =
        RemoteDescription { credentials: credentials(&live, session)?, fingerprint: fingerprint(&live, session)? };
    check_setup(&live, session)?;
    let has_mixed = |attributes: &[Attribute]| value(attributes, "extmap-allow-mixed").is_some();
    let extmap_allow_mixed = has_mixed(session) || live.iter().any(|(_, media)| has_mixed(&media.attributes));
    Ok(Offer { remote, sections, extmap_allow_mixed })
}

fn check_limits(text: &str) -> Result<(), SdpError> {
    if text.len() > SDP_BYTES_MAX {
        return Err(SdpError::TooLarge);
    }
    let mut sections = 0;
    let mut candidates = 0;
    for line in text.split('\n').map(|line| line.trim_matches('\r')) {
        sections += usize::from(line.starts_with("m="));
        candidates += usize::from(line.starts_with("a=candidate:"));
        // Repeat times and time zones: no browser writes them, and the grammar multiplies their numbers unchecked.
        if line.starts_with("r=") || line.starts_with("z=") || line.contains('\r') {
            return Err(SdpError::Malformed);
        }
    }
    if sections > SDP_SECTIONS_MAX || candidates > SDP_CANDIDATES_MAX {
        return Err(SdpError::TooLarge);
    }
    if sections == 0 { Err(SdpError::Malformed) } else { Ok(()) }
}

/// The first attribute of this name; a flag has the empty value.
fn value<'a>(attributes: &'a [Attribute], key: &str) -> Option<&'a str> {
    values(attributes, key).next()
}

fn values<'a>(attributes: &'a [Attribute], key: &str) -> impl Iterator<Item = &'a str> {
    attributes.iter().filter(move |known| known.key == key).map(|known| known.value.as_deref().unwrap_or_default())
}

fn is_token(text: &str, longest: usize) -> bool {
    // RFC 8866, clause 9: token, here without what would need care in the answer's lists.
    let is_token_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}".contains(&byte);
    !text.is_empty() && text.len() <= longest && text.bytes().all(is_token_char)
}

fn check_mids(sections: &[OfferedSection]) -> Result<(), SdpError> {
    let mut seen = HashSet::new();
    let unique = sections.iter().all(|section| is_token(&section.mid, MID_BYTES_MAX) && seen.insert(&section.mid));
    if unique { Ok(()) } else { Err(SdpError::Mid) }
}

/// The mids of the bundle, in its order: the first live one is the offerer's tagged section (RFC 9143, clause 7.1).
fn bundle(session: &[Attribute]) -> impl Iterator<Item = &str> {
    values(session, "group").filter_map(|group| group.strip_prefix("BUNDLE")).flat_map(str::split_ascii_whitespace)
}

fn check_bundle(live: &[(&OfferedSection, &MediaDescription)], session: &[Attribute]) -> Result<(), SdpError> {
    let bundled: HashSet<&str> = bundle(session).collect();
    let fits = |(section, media): &(&OfferedSection, &MediaDescription)| {
        bundled.contains(section.mid.as_str())
            && (section.kind == Kind::Other || value(&media.attributes, "rtcp-mux").is_some())
    };
    if live.iter().all(fits) { Ok(()) } else { Err(SdpError::Bundle) }
}

/// Those of the tagged section: the others' belong to transports that the client gives up when it reads our answer.
fn credentials(live: &[(&OfferedSection, &MediaDescription)], session: &[Attribute]) -> Result<Credentials, SdpError> {
    let read = |attributes| Some((value(attributes, "ice-ufrag")?, value(attributes, "ice-pwd")?));
    let tagged = bundle(session).find_map(|mid| live.iter().find(|(section, _)| section.mid == mid));
    // Bundle-only sections may come without.
    let mut all =
        tagged.into_iter().chain(live).filter_map(|(_, media)| read(&media.attributes).or_else(|| read(session)));
    let (ufrag, pwd) = all.next().ok_or(SdpError::Ice)?;
    // RFC 8839 has no '-' and '_', but clients other than browsers write them, and here they are only compared.
    let is_ice = |text: &str, shortest| {
        (shortest..=256).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte))
    };
    if is_ice(ufrag, 4) && is_ice(pwd, 22) {
        Ok(Credentials { ufrag: ufrag.to_owned(), pwd: pwd.to_owned() })
    } else {
        Err(SdpError::Ice)
    }
}

fn fingerprint(live: &[(&OfferedSection, &MediaDescription)], session: &[Attribute]) -> Result<Fingerprint, SdpError> {
    let mut found = None;
    let all = live.iter().flat_map(|(_, media)| values(&media.attributes, "fingerprint"));
    for text in all.chain(values(session, "fingerprint")) {
        let Some((hash, digest)) = text.split_once(' ') else { return Err(SdpError::Fingerprint) };
        if !hash.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let digest = Fingerprint::parse(digest.trim()).ok_or(SdpError::Fingerprint)?;
        if *found.get_or_insert(digest) != digest {
            return Err(SdpError::Fingerprint);
        }
    }
    found.ok_or(SdpError::Fingerprint)
}

fn check_setup(live: &[(&OfferedSection, &MediaDescription)], session: &[Attribute]) -> Result<(), SdpError> {
    let of = |media: &MediaDescription| {
        let role = value(&media.attributes, "setup").or_else(|| value(session, "setup"));
        matches!(role, None | Some("actpass" | "active"))
    };
    if live.iter().all(|(_, media)| of(media)) { Ok(()) } else { Err(SdpError::Setup) }
}

fn section(media: &MediaDescription, session: &[Attribute]) -> Result<OfferedSection, SdpError> {
    let name = &media.media_name;
    let attributes = &media.attributes;
    let protocol = name.protos.join("/");
    let echoed = name.formats.iter().chain(&name.protos).all(|text| is_token(text, 64));
    if !echoed || !is_token(&name.media, 32) {
        return Err(SdpError::Malformed);
    }
    let kind = match (name.media.as_str(), protocol.as_str()) {
        ("audio", "UDP/TLS/RTP/SAVPF") => Kind::Audio,
        ("video", "UDP/TLS/RTP/SAVPF") => Kind::Video,
        _ => Kind::Other,
    };
    let is_bundle_only = value(attributes, "bundle-only").is_some();
    Ok(OfferedSection {
        mid: value(attributes, "mid").unwrap_or_default().to_owned(),
        kind,
        direction: direction(attributes).or_else(|| direction(session)).unwrap_or(Direction::SendRecv),
        rejected: name.port.value == 0 && !is_bundle_only,
        codecs: codecs(kind, &name.formats, attributes),
        extensions: extensions(attributes),
        ssrcs: ssrcs(attributes),
        rtx_ssrcs: rtx_ssrcs(attributes),
        rids: rids(attributes),
        protocol,
        media: name.media.clone(),
        formats: name.formats.clone(),
    })
}

fn direction(attributes: &[Attribute]) -> Option<Direction> {
    attributes.iter().find_map(|attribute| direction_of(&attribute.key))
}

fn direction_of(text: &str) -> Option<Direction> {
    match text {
        "sendrecv" => Some(Direction::SendRecv),
        "sendonly" => Some(Direction::SendOnly),
        "recvonly" => Some(Direction::RecvOnly),
        "inactive" => Some(Direction::Inactive),
        _ => None,
    }
}

/// The codecs of a section, in the order of its m-line.
fn codecs(kind: Kind, formats: &[String], attributes: &[Attribute]) -> Vec<Codec> {
    let of_payload = |key: &'static str, payload_type: &str| {
        values(attributes, key).filter_map(move |text| text.split_once(' ')).filter_map({
            let payload_type = payload_type.to_owned();
            move |(first, rest)| (first == payload_type).then_some(rest.trim())
        })
    };
    let encoding = |payload_type: &str| of_payload("rtpmap", payload_type).next();
    let rtx_of = |wanted: &str| {
        formats.iter().find_map(|format| {
            let is_rtx = encoding(format)?.to_ascii_lowercase().starts_with("rtx/");
            let apt = of_payload("fmtp", format).next().and_then(|text| parameter(text, "apt"))?;
            (is_rtx && apt == wanted).then(|| payload_number(format)).flatten()
        })
    };
    // RFC 2198, clause 5: the blocks' payload types; all have to be the codec's own.
    let red_of = |wanted: &str| {
        formats.iter().find_map(|format| {
            let is_red = encoding(format)?.eq_ignore_ascii_case("red/48000/2");
            let blocks = of_payload("fmtp", format).next()?;
            (is_red && blocks.split('/').all(|block| block == wanted)).then(|| payload_number(format)).flatten()
        })
    };
    formats
        .iter()
        .filter_map(|format| {
            let payload_type = payload_number(format)?;
            let (name, rest) = encoding(format)?.split_once('/')?;
            let fmtp = of_payload("fmtp", format).next();
            let codec = codec_kind(kind, name, rest, fmtp.unwrap_or_default())?;
            let is_line =
                |text: &str| text.len() <= FMTP_BYTES_MAX && text.bytes().all(|byte| (32..127).contains(&byte));
            let clock_hz = if codec == CodecKind::Opus { 48_000 } else { 90_000 };
            let named = of_payload("rtcp-fb", format);
            Some(Codec {
                kind: codec,
                payload_type,
                rtx: rtx_of(format),
                red: red_of(format).filter(|_| codec == CodecKind::Opus),
                clock_hz,
                fmtp: fmtp.filter(|text| is_line(text)).map(str::to_owned),
                feedback: feedback(named.chain(of_payload("rtcp-fb", "*"))),
            })
        })
        .collect()
}

/// A dynamic payload type that cannot be taken for RTCP (RFC 5761, clause 4).
fn payload_number(format: &str) -> Option<u8> {
    format.parse().ok().filter(|number| matches!(number, 0..=63 | 96..=127))
}

/// Which of our codecs this is: by name, clock and, where there are several bitstreams of a name, its parameters.
fn codec_kind(kind: Kind, name: &str, clock: &str, fmtp: &str) -> Option<CodecKind> {
    let is_zero = |key| parameter(fmtp, key).is_none_or(|value| value == "0");
    match (kind, name.to_ascii_lowercase().as_str(), clock) {
        (Kind::Audio, "opus", "48000/2") => Some(CodecKind::Opus),
        (Kind::Video, "vp8", "90000") => Some(CodecKind::Vp8),
        (Kind::Video, "vp9", "90000") => is_zero("profile-id").then_some(CodecKind::Vp9),
        (Kind::Video, "av1", "90000") => is_zero("profile").then_some(CodecKind::Av1),
        (Kind::Video, "h264", "90000") => {
            let is_baseline = parameter(fmtp, "profile-level-id").is_some_and(|level| level.starts_with("42"));
            (is_baseline && parameter(fmtp, "packetization-mode") == Some("1")).then_some(CodecKind::H264)
        }
        _ => None,
    }
}

/// A parameter of a format line.
pub(super) fn parameter<'a>(fmtp: &'a str, key: &str) -> Option<&'a str> {
    fmtp.split(';')
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == key)
        .map(|(_, value)| value)
}

fn feedback<'a>(lines: impl Iterator<Item = &'a str>) -> Feedback {
    let mut out = Feedback::default();
    for line in lines {
        match line {
            "nack" => out.nack = true,
            "nack pli" => out.pli = true,
            "ccm fir" => out.fir = true,
            "transport-cc" => out.transport_cc = true,
            "goog-remb" => out.remb = true,
            _ => {}
        }
    }
    out
}

fn extensions(attributes: &[Attribute]) -> Vec<HeaderExtension> {
    let mut out: Vec<HeaderExtension> = Vec::new();
    for text in values(attributes, "extmap") {
        let mut words = text.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else { continue };
        let (id, direction) = match id.split_once('/') {
            Some((id, direction)) => (id, direction_of(direction)),
            None => (id, Some(Direction::SendRecv)),
        };
        let known = Extension::ALL.into_iter().find(|known| known.uri() == uri);
        if let (Some(kind), Some(direction), Ok(id @ 1..=14)) = (known, direction, id.parse())
            && out.iter().all(|other| other.id != id && other.kind != kind)
        {
            out.push(HeaderExtension { id, kind, direction });
        }
    }
    out
}

fn ssrcs(attributes: &[Attribute]) -> Vec<u32> {
    let mut out = Vec::new();
    for text in values(attributes, "ssrc") {
        if let Some(Ok(ssrc)) = text.split_ascii_whitespace().next().map(str::parse)
            && !out.contains(&ssrc)
            && out.len() < SSRCS_MAX
        {
            out.push(ssrc);
        }
    }
    out
}

fn rtx_ssrcs(attributes: &[Attribute]) -> Vec<(u32, u32)> {
    values(attributes, "ssrc-group")
        .filter_map(|text| text.strip_prefix("FID "))
        .filter_map(|text| text.trim().split_once(' '))
        .filter_map(|(media, rtx)| Some((media.parse().ok()?, rtx.trim().parse().ok()?)))
        .take(SSRCS_MAX / 2)
        .collect()
}

/// The layers that the client sends: those of `a=simulcast:send` that have an `a=rid:… send`. Where a client names rids
/// but no simulcast, it sends one layer by rid and the list has just that.
fn rids(attributes: &[Attribute]) -> Vec<String> {
    let declared: Vec<&str> = values(attributes, "rid")
        .filter_map(|text| {
            let mut words = text.split_ascii_whitespace();
            let (id, direction) = (words.next()?, words.next()?);
            (direction == "send" && is_token(id, RID_BYTES_MAX)).then_some(id)
        })
        .collect();
    let list = value(attributes, "simulcast").and_then(|text| {
        let words: Vec<&str> = text.split_ascii_whitespace().collect();
        words.chunks(2).find(|pair| pair.first() == Some(&"send")).and_then(|pair| pair.get(1).copied())
    });
    let Some(list) = list else {
        return declared.iter().take(1).map(|&id| id.to_owned()).collect();
    };
    list.split(';')
        .filter_map(|layer| layer.split(',').next())
        .map(|id| id.trim_start_matches('~'))
        .filter(|id| declared.contains(id))
        .map(str::to_owned)
        .collect()
}
