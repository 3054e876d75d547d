//! Plans and writes an answer: what each section is for, cut down to what was offered, and its text through `rtc-sdp`.
//! Called by `plan` and `AnswerPlan::to_sdp`. Ids, payload types and mids stay the client's.

use super::codec::{Codec, CodecKind};
use super::offer::parameter;
use super::{AnswerPlan, Direction, HeaderExtension, Kind, Offer, OfferedSection, PlannedSection, Purpose, ServerSide};
use super::{SlotStream, cname};
use crate::remote::{Remote, Via};
use model::limits::MEDIA_LAYERS_MAX;
use rtc_sdp::SessionDescription;
use rtc_sdp::description::common::{Address, Attribute, ConnectionInformation};
use rtc_sdp::description::media::{MediaDescription, MediaName, RangedPort};
use rtc_sdp::description::session::{Origin, TimeDescription};

pub(super) fn plan(offer: &Offer, mut purpose: impl FnMut(&OfferedSection) -> Purpose) -> AnswerPlan {
    let sections = offer.sections.iter().map(|section| plan_section(section, purpose(section))).collect();
    AnswerPlan { sections, extmap_allow_mixed: offer.extmap_allow_mixed }
}

fn plan_section(offered: &OfferedSection, wished: Purpose) -> PlannedSection {
    let purpose = match wished {
        _ if offered.rejected || offered.kind == Kind::Other || offered.codecs.is_empty() => Purpose::Refused,
        Purpose::Publication if offered.direction.sends() => Purpose::Publication,
        Purpose::Slot(stream) if offered.direction.receives() => Purpose::Slot(stream),
        Purpose::Refused => Purpose::Refused,
        _ => Purpose::Idle,
    };
    let is_publication = purpose == Purpose::Publication;
    // A direction on an extension says which side may send it; ours is the mirror of the client's.
    let is_useful = |extension: &&HeaderExtension| match purpose {
        Purpose::Publication => extension.direction.sends(),
        Purpose::Slot(_) => extension.direction.receives(),
        Purpose::Idle | Purpose::Refused => false,
    };
    let mirrored =
        |extension: &HeaderExtension| HeaderExtension { direction: extension.direction.mirrored(), ..*extension };
    PlannedSection {
        mid: offered.mid.clone(),
        kind: offered.kind,
        codecs: if purpose == Purpose::Refused { Vec::new() } else { choose(&offered.codecs) },
        extensions: offered.extensions.iter().filter(is_useful).map(mirrored).collect(),
        rids: offered.rids.iter().filter(|_| is_publication).take(MEDIA_LAYERS_MAX).cloned().collect(),
        ssrcs: if is_publication { offered.ssrcs.clone() } else { Vec::new() },
        rtx_ssrcs: if is_publication { offered.rtx_ssrcs.clone() } else { Vec::new() },
        purpose,
        protocol: offered.protocol.clone(),
        media: offered.media.clone(),
        formats: offered.formats.clone(),
    }
}

/// One codec of each kind, in our order. Of several H264 the constrained baseline is taken, which all can decode.
fn choose(offered: &[Codec]) -> Vec<Codec> {
    let rank = |codec: &Codec| {
        let profile = codec.fmtp.as_deref().and_then(|fmtp| parameter(fmtp, "profile-level-id"));
        codec.kind == CodecKind::H264 && !profile.is_some_and(|level| level.to_ascii_lowercase().starts_with("42e0"))
    };
    let mut out: Vec<Codec> = offered.to_vec();
    out.sort_by_key(|codec| (codec.kind, rank(codec)));
    out.dedup_by_key(|codec| codec.kind);
    out
}

pub(super) fn write(plan: &AnswerPlan, server: &ServerSide<'_>) -> String {
    let live = |section: &&PlannedSection| section.purpose != Purpose::Refused;
    let mids: Vec<&str> = plan.sections.iter().filter(live).map(|section| section.mid.as_str()).collect();
    let mut attributes = Vec::new();
    if !mids.is_empty() {
        attributes.push(attribute("group", format!("BUNDLE {}", mids.join(" "))));
    }
    attributes.push(flag("ice-lite"));
    if plan.extmap_allow_mixed {
        attributes.push(flag("extmap-allow-mixed"));
    }
    attributes.push(attribute("msid-semantic", "WMS *".to_owned()));
    let first = plan.sections.iter().find(live).map(|section| section.mid.as_str());
    let media = plan.sections.iter().map(|section| {
        // Candidates stand in the first section of the bundle (RFC 8843, clause 7.1.2 with RFC 8839).
        let addresses = if Some(section.mid.as_str()) == first { server.addresses } else { &[] };
        media(section, server, addresses)
    });
    let description = SessionDescription {
        origin: Origin {
            username: "-".to_owned(),
            session_id: server.session_id,
            session_version: server.session_version,
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            unicast_address: "127.0.0.1".to_owned(),
        },
        session_name: "-".to_owned(),
        time_descriptions: vec![TimeDescription::default()],
        attributes,
        media_descriptions: media.collect(),
        ..SessionDescription::default()
    };
    description.marshal()
}

fn flag(key: &str) -> Attribute {
    Attribute::new(key.to_owned(), None)
}

fn attribute(key: &str, value: String) -> Attribute {
    Attribute::new(key.to_owned(), Some(value))
}

fn media(section: &PlannedSection, server: &ServerSide<'_>, addresses: &[Remote]) -> MediaDescription {
    let is_refused = section.purpose == Purpose::Refused;
    let formats = if is_refused {
        section.formats.clone()
    } else {
        section
            .codecs
            .iter()
            .flat_map(|codec| {
                let place = |number: u8| section.formats.iter().position(|format| *format == number.to_string());
                // A client that puts redundancy first sends it.
                let first = codec.red.filter(|red| place(*red) < place(codec.payload_type));
                let last = codec.red.filter(|_| first.is_none());
                [first, Some(codec.payload_type), codec.rtx, last]
            })
            .flatten()
            .map(|number| number.to_string())
            .collect()
    };
    let attributes = if is_refused {
        vec![attribute("mid", section.mid.clone()), flag("inactive")]
    } else {
        live_attributes(section, server, addresses)
    };
    MediaDescription {
        media_name: MediaName {
            media: section.media.clone(),
            port: RangedPort { value: if is_refused { 0 } else { 9 }, range: None },
            protos: section.protocol.split('/').map(str::to_owned).collect(),
            formats,
        },
        connection_information: Some(ConnectionInformation {
            network_type: "IN".to_owned(),
            address_type: "IP4".to_owned(),
            address: Some(Address { address: "0.0.0.0".to_owned(), ttl: None, range: None }),
        }),
        attributes,
        ..MediaDescription::default()
    }
}

fn live_attributes(section: &PlannedSection, server: &ServerSide<'_>, addresses: &[Remote]) -> Vec<Attribute> {
    let mut out = vec![
        attribute("mid", section.mid.clone()),
        attribute("ice-ufrag", server.credentials.ufrag.clone()),
        attribute("ice-pwd", server.credentials.pwd.clone()),
        attribute("fingerprint", format!("sha-256 {}", server.fingerprint)),
        attribute("setup", "passive".to_owned()),
        flag("rtcp-mux"),
        flag("rtcp-rsize"),
    ];
    out.extend(candidates(addresses));
    for extension in &section.extensions {
        let suffix = match extension.direction {
            Direction::SendRecv => "",
            Direction::SendOnly => "/sendonly",
            Direction::RecvOnly => "/recvonly",
            Direction::Inactive => "/inactive",
        };
        out.push(attribute("extmap", format!("{}{suffix} {}", extension.id, extension.kind.uri())));
    }
    for codec in &section.codecs {
        codec_lines(codec, &mut out);
    }
    match &section.purpose {
        Purpose::Publication => {
            out.push(flag("recvonly"));
            out.extend(section.rids.iter().map(|rid| attribute("rid", format!("{rid} recv"))));
            if section.rids.len() > 1 {
                out.push(attribute("simulcast", format!("recv {}", section.rids.join(";"))));
            }
        }
        Purpose::Slot(stream) => {
            out.push(flag("sendonly"));
            slot_lines(section, stream, &mut out);
        }
        Purpose::Idle | Purpose::Refused => out.push(flag("inactive")),
    }
    out
}

fn candidates(addresses: &[Remote]) -> Vec<Attribute> {
    let mut out: Vec<Attribute> = addresses
        .iter()
        .zip((0..=65_535_u32).rev())
        .enumerate()
        .filter_map(|(at, (Remote { address, via }, preference))| {
            // RFC 8445, clause 5.1.2.1, type preference of host candidates; the order of addresses is ours. TCP only
            // where UDP does not get through (RFC 6544, clause 4.2).
            let (kind, preferred, how) = match via {
                Via::Udp => ("udp", 126, ""),
                Via::Tcp => ("tcp", 90, " tcptype passive"),
                // A client's way to us, never an address of ours.
                Via::Turn { .. } => return None,
            };
            let priority = preferred << 24 | preference << 8 | 255;
            let (ip, port) = (address.ip(), address.port());
            Some(attribute("candidate", format!("{at} 1 {kind} {priority} {ip} {port} typ host{how}")))
        })
        .collect();
    if !out.is_empty() {
        out.push(flag("end-of-candidates"));
    }
    out
}

fn codec_lines(codec: &Codec, out: &mut Vec<Attribute>) {
    let number = codec.payload_type;
    let (name, fmtp) = match codec.kind {
        // What we would like to get, which need not be what the client can take: error correction in band.
        CodecKind::Opus => ("opus/48000/2", Some("minptime=10;useinbandfec=1")),
        CodecKind::Vp8 => ("VP8/90000", None),
        CodecKind::H264 => ("H264/90000", codec.fmtp.as_deref()),
        CodecKind::Vp9 => ("VP9/90000", codec.fmtp.as_deref()),
        CodecKind::Av1 => ("AV1/90000", codec.fmtp.as_deref()),
    };
    out.push(attribute("rtpmap", format!("{number} {name}")));
    out.extend(fmtp.map(|fmtp| attribute("fmtp", format!("{number} {fmtp}"))));
    let feedback = codec.feedback;
    let lines = [
        (feedback.nack, "nack"),
        (feedback.pli, "nack pli"),
        (feedback.fir, "ccm fir"),
        (feedback.transport_cc, "transport-cc"),
        (feedback.remb, "goog-remb"),
    ];
    out.extend(
        lines.iter().filter(|(agreed, _)| *agreed).map(|(_, line)| attribute("rtcp-fb", format!("{number} {line}"))),
    );
    if let Some(red) = codec.red {
        out.push(attribute("rtpmap", format!("{red} red/48000/2")));
        out.push(attribute("fmtp", format!("{red} {number}/{number}")));
    }
    if let Some(rtx) = codec.rtx {
        out.push(attribute("rtpmap", format!("{rtx} rtx/{}", codec.clock_hz)));
        out.push(attribute("fmtp", format!("{rtx} apt={number}")));
    }
}

fn slot_lines(section: &PlannedSection, stream: &SlotStream, out: &mut Vec<Attribute>) {
    let cname = cname(stream.slot);
    out.push(attribute("msid", format!("{cname} {cname}-{}", section.media)));
    let has_rtx = section.codecs.iter().any(|codec| codec.rtx.is_some());
    if has_rtx {
        out.push(attribute("ssrc-group", format!("FID {} {}", stream.ssrc, stream.rtx_ssrc)));
    }
    for ssrc in [Some(stream.ssrc), has_rtx.then_some(stream.rtx_ssrc)].into_iter().flatten() {
        out.push(attribute("ssrc", format!("{ssrc} cname:{cname}")));
    }
}
