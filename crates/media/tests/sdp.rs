//! Negotiation against offers that Chromium 156 and Firefox ESR 153 really wrote (`offers/`): idle (no track yet, as our
//! client starts), live (gathered, with tracks) and plain (a stock page with a data channel). Mutated offers never panic.

use proptest::prelude::*;
use std::net::SocketAddr;
use werkraum_media::remote::Remote;
use werkraum_media::sdp::{
    AnswerPlan, CodecKind, Direction, Extension, Kind, Offer, Purpose, SdpError, ServerSide, SlotStream, cname, plan,
};
use werkraum_media::transport::{Credentials, Fingerprint};

const OFFERS: [(&str, &str); 6] = [
    ("chromium idle", include_str!("offers/chromium-idle.sdp")),
    ("chromium live", include_str!("offers/chromium-live.sdp")),
    ("chromium plain", include_str!("offers/chromium-plain.sdp")),
    ("firefox idle", include_str!("offers/firefox-idle.sdp")),
    ("firefox live", include_str!("offers/firefox-live.sdp")),
    ("firefox plain", include_str!("offers/firefox-plain.sdp")),
];
const CHROMIUM: &str = OFFERS[1].1;
const FIREFOX: &str = OFFERS[4].1;

fn parsed(text: &str) -> Offer {
    Offer::parse(text).expect("a browser's offer")
}

/// Sections that send are publications; pairs of those that receive are slots.
fn purposes(offer: &Offer) -> AnswerPlan {
    let mut receiving = 0;
    plan(offer, |section| match section.direction {
        Direction::SendOnly | Direction::SendRecv => Purpose::Publication,
        Direction::RecvOnly => {
            receiving += 1;
            Purpose::Slot(SlotStream {
                slot: (receiving - 1) / 2,
                ssrc: 1_000 + u32::from(receiving),
                rtx_ssrc: 2_000 + u32::from(receiving),
            })
        }
        Direction::Inactive => Purpose::Idle,
    })
}

fn answered(plan: &AnswerPlan) -> String {
    let [v4, v6]: [SocketAddr; 2] =
        ["198.51.100.7:3478".parse().expect("v4"), "[2001:db8::7]:3478".parse().expect("v6")];
    let addresses = [Remote::from(v4), Remote::from(v6), Remote::tcp(v4)];
    plan.to_sdp(&ServerSide {
        credentials: &Credentials::from_random([3; 30]),
        fingerprint: Fingerprint([0xab; 32]),
        addresses: &addresses,
        session_id: 77,
        session_version: 2,
    })
}

/// The text of the section with this mid.
fn section<'a>(answer: &'a str, mid: &str) -> Vec<&'a str> {
    let all = answer.split("\r\nm=").skip(1);
    let wanted = format!("a=mid:{mid}");
    all.map(|text| text.lines().collect::<Vec<_>>()).find(|lines| lines.contains(&wanted.as_str())).expect("section")
}

#[test]
fn both_browsers_are_understood() {
    for (name, text) in OFFERS {
        let offer = parsed(text);
        assert!(offer.remote.credentials.ufrag.len() >= 4, "{name}");
        if name.ends_with("plain") {
            let kinds: Vec<_> = offer.sections.iter().map(|section| section.kind).collect();
            assert_eq!(kinds, [Kind::Audio, Kind::Video, Kind::Other], "{name}");
            continue;
        }
        assert_eq!(offer.sections.len(), 9, "{name}");
        assert!(offer.sections.iter().all(|section| !section.rejected && !section.codecs.is_empty()), "{name}");
        assert_eq!(offer.sections[1].rids, ["q", "h", "f"], "{name}");
        assert_eq!(offer.sections[0].direction, Direction::SendOnly, "{name}");
        assert_eq!(offer.sections[4].direction, Direction::RecvOnly, "{name}");
    }
}

#[test]
fn codecs_are_ours_in_our_order_one_of_each() {
    let plan = purposes(&parsed(CHROMIUM));
    let kinds = |at: usize| plan.sections[at].codecs.iter().map(|codec| codec.kind).collect::<Vec<_>>();
    assert_eq!(kinds(0), [CodecKind::Opus]);
    assert_eq!(kinds(1), [CodecKind::Vp8, CodecKind::H264, CodecKind::Vp9, CodecKind::Av1]);
    let h264 = plan.sections[1].codec_of(CodecKind::H264).expect("H264");
    assert_eq!((h264.payload_type, h264.rtx), (108, Some(109)), "constrained baseline, packetization mode 1");
    assert!(h264.feedback.nack && h264.feedback.pli && h264.feedback.transport_cc && h264.feedback.remb);
    assert_eq!(plan.sections[1].codec(97).map(|(codec, rtx)| (codec.kind, rtx)), Some((CodecKind::Vp8, true)));

    let plan = purposes(&parsed(FIREFOX));
    assert_eq!(plan.sections[1].codec(120).map(|(codec, rtx)| (codec.kind, rtx)), Some((CodecKind::Vp8, false)));
    assert_eq!(plan.sections[1].codecs[0].rtx, Some(124));
}

/// RFC 9143, clause 7.1: with other policies than max-bundle each section comes with a transport of its own at first.
#[test]
fn credentials_are_those_of_the_first_section_of_the_bundle() {
    let others: String = CHROMIUM
        .split_inclusive("\r\nm=")
        .enumerate()
        .map(|(at, part)| if at > 1 { part.replace("a=ice-pwd:", "a=ice-pwd:other") } else { part.to_owned() })
        .collect();
    assert_ne!(others, CHROMIUM);
    assert_eq!(parsed(&others).remote, parsed(CHROMIUM).remote);
}

#[test]
fn header_extensions_keep_the_ids_of_the_client() {
    let plan = purposes(&parsed(CHROMIUM));
    let camera = &plan.sections[1];
    assert_eq!(camera.extension(Extension::Mid), Some(4));
    assert_eq!(camera.extension(Extension::Rid), Some(10));
    assert_eq!(camera.extension(Extension::RepairedRid), Some(11));
    assert_eq!(camera.extension(Extension::DependencyDescriptor), Some(12));
    assert_eq!(plan.sections[0].extension(Extension::AudioLevel), Some(1));
    assert_eq!(camera.extension(Extension::AudioLevel), None);
}

/// Firefox says which way an extension goes; a slot does not get what Firefox only sends, and the answer mirrors it.
#[test]
fn directions_of_extensions_are_mirrored() {
    let plan = purposes(&parsed(FIREFOX));
    assert_eq!(plan.sections[1].extension(Extension::Rid), Some(9));
    assert_eq!(plan.sections[5].extension(Extension::Rid), None);
    let answer = answered(&plan);
    assert!(section(&answer, "1").iter().any(|line| line.starts_with("a=extmap:9/recvonly urn:")));
    assert!(section(&answer, "5").iter().all(|line| !line.contains("rtp-stream-id")));
}

#[test]
fn the_answer_is_lite_bundled_and_passive() {
    for (name, text) in OFFERS {
        let answer = answered(&purposes(&parsed(text)));
        for line in ["a=ice-lite", "a=setup:passive", "a=rtcp-mux", "a=rtcp-rsize", "a=end-of-candidates"] {
            assert!(answer.lines().any(|found| found == line), "{name}: {line}");
        }
        assert!(answer.contains("a=fingerprint:sha-256 AB:AB:"), "{name}");
        assert!(answer.contains("a=candidate:0 1 udp 2130706431 198.51.100.7 3478 typ host\r\n"), "{name}");
        assert!(answer.contains(" 2001:db8::7 3478 typ host\r\n"), "{name}");
        assert!(
            answer.contains("a=candidate:2 1 tcp 1526726143 198.51.100.7 3478 typ host tcptype passive\r\n"),
            "{name}: where UDP is blocked"
        );
        assert_eq!(answer.matches("a=candidate").count(), 3, "{name}: once, in the first section");
        assert_eq!(answer.matches("\r\nm=").count(), parsed(text).sections.len(), "{name}");
    }
}

#[test]
fn publications_mirror_simulcast() {
    for (name, text) in OFFERS.into_iter().filter(|(name, _)| !name.ends_with("plain")) {
        let answer = answered(&purposes(&parsed(text)));
        let camera = section(&answer, "1");
        for line in ["a=recvonly", "a=rid:q recv", "a=rid:h recv", "a=rid:f recv", "a=simulcast:recv q;h;f"] {
            assert!(camera.contains(&line), "{name}: {line}");
        }
    }
}

/// A-11: sound and picture of a slot have the same stream and CNAME.
#[test]
fn slots_have_streams_of_their_own() {
    let answer = answered(&purposes(&parsed(CHROMIUM)));
    let (audio, video) = (section(&answer, "4"), section(&answer, "5"));
    assert!(audio.contains(&"a=sendonly") && audio.contains(&"a=msid:slot0 slot0-audio"));
    assert!(video.contains(&"a=sendonly") && video.contains(&"a=msid:slot0 slot0-video"));
    assert!(audio.contains(&"a=ssrc:1001 cname:slot0") && !audio.iter().any(|line| line.contains("FID")));
    assert!(video.contains(&"a=ssrc-group:FID 1002 2002") && video.contains(&"a=ssrc:2002 cname:slot0"));
    assert!(section(&answer, "6").contains(&"a=msid:slot1 slot1-audio"));
    assert_eq!(cname(1), "slot1");
}

#[test]
fn what_does_not_fit_is_idle_or_refused() {
    let offer = parsed(OFFERS[2].1);
    let answer = answered(&plan(&offer, |_| Purpose::Publication));
    let data = section(&answer, &offer.sections[2].mid);
    assert!(data[0].starts_with("application 0 UDP/DTLS/SCTP webrtc-datachannel"), "{}", data[0]);
    assert!(answer.contains("a=group:BUNDLE 0 1\r\n"), "the refused one is not bundled");

    let offer = parsed(CHROMIUM);
    let planned = plan(&offer, |_| Purpose::Publication);
    assert_eq!(planned.sections[4].purpose, Purpose::Idle, "the client only receives there");
    assert!(section(&answered(&planned), "4").contains(&"a=inactive"));
}

#[test]
fn sections_that_were_stopped_stay_refused_and_candidates_move_on() {
    let text = CHROMIUM.replacen("m=audio 48818", "m=audio 0", 1);
    let offer = parsed(&text);
    assert!(offer.sections[0].rejected);
    let planned = purposes(&offer);
    assert_eq!(planned.sections[0].purpose, Purpose::Refused);
    let answer = answered(&planned);
    assert!(section(&answer, "0")[0].starts_with("audio 0 "));
    assert!(section(&answer, "1").iter().any(|line| line.starts_with("a=candidate:")));
}

/// S-19 and S-31: each of these is refused with its own reason.
#[test]
fn bad_offers_are_refused() {
    let without =
        |line: &str| -> String { CHROMIUM.split_inclusive('\n').filter(|text| !text.starts_with(line)).collect() };
    let many = |line: &str, times: usize| format!("{CHROMIUM}{}", line.repeat(times));
    for (text, error) in [
        (String::new(), SdpError::Malformed),
        ("v=0\r\n".to_owned(), SdpError::Malformed),
        ("nonsense".to_owned(), SdpError::Malformed),
        (many("a=x:yyyyyyyyyyyyyyyyyyyy\r\n", 4_000), SdpError::TooLarge),
        (many("m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", 64), SdpError::TooLarge),
        (many("a=candidate:1 1 udp 1 192.0.2.2 1 typ host\r\n", 200), SdpError::TooLarge),
        (CHROMIUM.replace("t=0 0\r\n", "t=0 0\r\nr=9223372036854775807d 1 0\r\n"), SdpError::Malformed),
        (without("a=mid:"), SdpError::Mid),
        (CHROMIUM.replace("a=mid:1\r", "a=mid:0\r"), SdpError::Mid),
        (CHROMIUM.replace("a=mid:1\r", "a=mid:a b\r"), SdpError::Mid),
        (without("a=ice-ufrag"), SdpError::Ice),
        (CHROMIUM.replacen("a=ice-pwd:", "a=ice-pwd:@", 1), SdpError::Ice),
        (without("a=fingerprint"), SdpError::Fingerprint),
        (CHROMIUM.replacen("sha-256 9B", "sha-256 9C", 1), SdpError::Fingerprint),
        (CHROMIUM.replace("a=fingerprint:sha-256", "a=fingerprint:sha-1"), SdpError::Fingerprint),
        (CHROMIUM.replace("a=setup:actpass", "a=setup:passive"), SdpError::Setup),
        (without("a=group"), SdpError::Bundle),
        (without("a=rtcp-mux"), SdpError::Bundle),
    ] {
        assert_eq!(Offer::parse(&text).err(), Some(error), "{}", &text[text.len().saturating_sub(60)..]);
    }
}

#[test]
fn an_ice_restart_and_a_new_section_are_just_another_offer() {
    let first = parsed(CHROMIUM);
    let restarted = CHROMIUM.replace("M0LV", "N1MW").replace("dis5HVIlbXK3YWyZ9JZi06RH", "eit6IWJmcYL4ZXzA0KAj17SI");
    let last = CHROMIUM.rfind("m=audio").expect("a section");
    let added = CHROMIUM[last..].replace("a=mid:8", "a=mid:9");
    let text = restarted.replace("5 6 7 8\r", "5 6 7 8 9\r")
        + &added.replace("M0LV", "N1MW").replace("dis5HVIlbXK3YWyZ9JZi06RH", "eit6IWJmcYL4ZXzA0KAj17SI");
    let second = parsed(&text);
    assert_ne!(first.remote.credentials, second.remote.credentials);
    assert_eq!(first.remote.fingerprint, second.remote.fingerprint);
    assert_eq!(second.sections.len(), 10);
    assert_eq!(purposes(&second).sections.len(), 10);
}

/// Nothing of the client's text gets into the answer but tokens: no line of its own making.
#[test]
fn the_answer_cannot_be_written_by_the_client() {
    let text = CHROMIUM.replace("profile=0;tier=0", "profile=0;tier=0\ra=injected:1");
    assert_eq!(Offer::parse(&text).err(), Some(SdpError::Malformed));
    let text = CHROMIUM.replace("profile=0;tier=0", "profile=0;tier=\u{2028}");
    assert!(!answered(&purposes(&parsed(&text))).contains('\u{2028}'));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// S-19: whatever is cut out, doubled or overwritten, parsing ends and what it takes can be answered.
    #[test]
    fn mutated_offers_never_panic(
        which in 0..OFFERS.len(),
        edits in proptest::collection::vec((any::<u16>(), any::<u8>(), 0_u8..4), 1..12),
    ) {
        let mut bytes = OFFERS[which].1.as_bytes().to_vec();
        for (place, byte, how) in edits {
            let at = usize::from(place) % bytes.len();
            match how {
                0 => bytes[at] = byte,
                1 => drop(bytes.drain(at..(at + usize::from(byte)).min(bytes.len()))),
                2 => bytes.insert(at, byte),
                _ => {
                    let copy = bytes[at..(at + usize::from(byte)).min(bytes.len())].to_vec();
                    bytes.splice(at..at, copy);
                }
            }
            prop_assume!(!bytes.is_empty());
        }
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(offer) = Offer::parse(&text) {
            let answer = answered(&purposes(&offer));
            prop_assert_eq!(answer.matches("\r\nm=").count(), offer.sections.len());
        }
    }

    #[test]
    fn any_lines_are_safe(lines in proptest::collection::vec("[a-z]=[ -~]{0,40}", 0..40)) {
        let _ = Offer::parse(&format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n{}", lines.join("\r\n")));
    }
}
