//! Offers (S-19): read, planned, answered, and taken by an engine twice over. The input is one or two offers, with a zero
//! byte between them.

use model::ids::{ParticipantId, RoomId};
use model::source::Source;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Instant;
use werkraum_media::command::{Command, Offer, Publish, Reply, SlotSections, Sources};
use werkraum_media::engine::{Config, Engine};
use werkraum_media::sdp::{Direction, Kind};
use werkraum_media::transport::Identity;

static IDENTITY: LazyLock<Arc<Identity>> = LazyLock::new(|| Identity::generate().expect("identity"));

pub fn offer(bytes: &[u8]) {
    let now = Instant::now();
    let address: SocketAddr = "198.51.100.1:8443".parse().expect("address");
    let config = Config { addresses: vec![address.into()], identity: Arc::clone(&IDENTITY) };
    let mut engine = Engine::new(now, config, [7; 32]);
    let (room, participant) = (RoomId::from_random([1; 16]), ParticipantId::from_random([2; 16]));
    engine.handle_command(now, Command::Join { room, participant, allowed: Sources::ALL }).expect("joined");
    for text in bytes.splitn(2, |byte| *byte == 0) {
        let sdp = String::from_utf8_lossy(text).into_owned();
        let read = werkraum_media::sdp::Offer::parse(&sdp);
        let sections = read.as_ref().map(|offer| offer.sections.as_slice()).unwrap_or_default();
        let wanted = named(sections, sdp);
        match engine.handle_command(now, Command::Offer { room, participant, offer: wanted }) {
            Ok(Reply::Answer(answer)) => {
                let offer = read.expect("an answer to what cannot be read");
                check(&answer, &offer);
            }
            Ok(Reply::Done) => panic!("an offer without answer"),
            Err(_) => {}
        }
        engine.handle_timeout(now);
        while engine.poll_transmit().is_some() {}
        while engine.poll_event().is_some() {}
    }
    assert_eq!(engine.counters().panics, 0, "the engine failed (S-25)");
}

/// Sections as a client would name them: what sends is published, what receives makes slots.
fn named(sections: &[werkraum_media::sdp::OfferedSection], sdp: String) -> Offer {
    let (mut publish, mut slots) = (Vec::new(), Vec::<SlotSections>::new());
    let mut sources = vec![Source::Screen, Source::Camera];
    let mut sounds = vec![Source::ScreenSound, Source::Microphone];
    for section in sections {
        let mid = section.mid.clone();
        let source = match section.kind {
            Kind::Audio => sounds.last(),
            Kind::Video => sources.last(),
            Kind::Other => None,
        };
        match (section.direction, source, section.kind) {
            (Direction::SendOnly | Direction::SendRecv, Some(&source), kind) => {
                publish.push(Publish { mid, source });
                if kind == Kind::Audio {
                    sounds.pop()
                } else {
                    sources.pop()
                };
            }
            (Direction::RecvOnly, _, Kind::Audio) if slots.len() < 30 => {
                slots.push(SlotSections { slot: slots.len() as u8, audio: mid, video: None });
            }
            (Direction::RecvOnly, _, Kind::Video) => {
                if let Some(slot) = slots.last_mut().filter(|slot| slot.video.is_none()) {
                    slot.video = Some(mid);
                }
            }
            _ => {}
        }
    }
    Offer { sdp, publish, slots }
}

/// The answer is lines of its own making: as many sections as offered, and nothing that an offer smuggled in.
fn check(answer: &str, offer: &werkraum_media::sdp::Offer) {
    for line in answer.split_terminator("\r\n") {
        let is_line = line.len() >= 2 && line.as_bytes()[0].is_ascii_lowercase() && line.as_bytes()[1] == b'=';
        assert!(is_line && !line.contains(['\r', '\n', '\0']), "not a line: {line:?}");
    }
    let sections = answer.matches("\r\nm=").count();
    assert_eq!(sections, offer.sections.len(), "sections of offer and answer");
    assert!(answer.len() <= 64 * model::limits::SDP_BYTES_MAX, "an answer out of all proportion");
}

pub fn seeds() -> Vec<Vec<u8>> {
    let offers = [
        include_str!("../../crates/media/tests/offers/chromium-plain.sdp"),
        include_str!("../../crates/media/tests/offers/firefox-plain.sdp"),
        include_str!("../../crates/media/tests/offers/firefox-idle.sdp"),
    ];
    let mut all: Vec<Vec<u8>> = offers.iter().map(|offer| offer.as_bytes().to_vec()).collect();
    let live = include_str!("../../crates/media/tests/offers/chromium-live.sdp");
    let small: String = live.split_inclusive("\r\nm=").take(4).collect();
    let small = small.trim_end_matches("m=").to_owned();
    all.push([small.as_bytes(), &[0], small.replace("a=ice-ufrag:", "a=ice-ufrag:n").as_bytes()].concat());
    all
}
