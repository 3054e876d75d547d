//! From text to typed values: strict JSON, limits, pace. What cannot be meant ends the connection with its code; what a
//! person may have mistyped (a name, a text) is refused and the connection goes on.

use crate::rooms::Offered;
use media::command::{Offer, Publish, SlotSections, SlotWish};
use model::limits;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use wire::client::{ClientMessage, Command};
use wire::code::Code;
use wire::server::ServerMessage;

/// A frame, understood.
#[derive(Debug)]
pub(super) enum Read {
    /// For the room.
    Command { id: u32, command: Command },
    /// For the room's media.
    Offer { id: u32, offer: Offered },
    /// For the room's media.
    Subscribe { slots: Vec<SlotWish> },
    /// To be answered at once, without the room.
    Answer(ServerMessage),
}

/// How fast one connection sends (S-19).
#[derive(Debug)]
pub(super) struct Pace {
    tokens: f64,
    at: Instant,
    offers: VecDeque<Instant>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { tokens: f64::from(limits::ROOM_FRAMES_PER_SECOND_MAX), at: now, offers: VecDeque::new() }
    }

    /// Counts a frame.
    pub(super) fn frame(&mut self, now: Instant) -> Result<(), Code> {
        let rate = f64::from(limits::ROOM_FRAMES_PER_SECOND_MAX);
        self.tokens = (self.tokens + now.duration_since(self.at).as_secs_f64() * rate).min(rate);
        self.at = now;
        if self.tokens < 1.0 {
            return Err(Code::TooMany);
        }
        self.tokens -= 1.0;
        Ok(())
    }

    fn offer(&mut self, now: Instant) -> bool {
        let window = Duration::from_millis(limits::CHAT_WINDOW_MS);
        while self.offers.front().is_some_and(|&at| now.duration_since(at) >= window) {
            self.offers.pop_front();
        }
        let free = self.offers.len() < limits::OFFERS_PER_WINDOW_MAX as usize;
        if free {
            self.offers.push_back(now);
        }
        free
    }
}

/// Any message of a client.
pub(super) fn read(text: &str) -> Result<ClientMessage, Code> {
    wire::strict::from_slice(text.as_bytes())
}

/// A message after `hello`.
pub(super) fn typed(text: &str, pace: &mut Pace, now: Instant) -> Result<Read, Code> {
    let message = match read(text) {
        Ok(message) => message,
        // A text that breaks a rule is what people type, not what broken clients send: the id is still readable.
        Err(code) if code != Code::Malformed => return command_id(text).map(|id| refused(id, code)),
        Err(code) => return Err(code),
    };
    match message {
        ClientMessage::Hello { .. } => Err(Code::Malformed),
        ClientMessage::Ping {} => Ok(Read::Answer(ServerMessage::Pong {})),
        ClientMessage::Command { id, command } => Ok(Read::Command { id, command }),
        ClientMessage::Offer { id, sdp, publish, slots } => {
            if !pace.offer(now) {
                return Ok(refused(id, Code::TooMany));
            }
            if sdp.len() > limits::SDP_BYTES_MAX {
                return Ok(refused(id, Code::TooLarge));
            }
            if publish.len() > limits::MEDIA_PUBLICATIONS_MAX || slots.len() > limits::MEDIA_SLOTS_MAX {
                return Ok(refused(id, Code::MediaLimit));
            }
            let mids = publish.iter().map(|p| &p.mid).chain(slots.iter().map(|s| &s.audio));
            let mids = mids.chain(slots.iter().filter_map(|s| s.video.as_ref()));
            if mids.into_iter().any(|mid| mid.len() > limits::MID_CHARS_MAX) {
                return Ok(refused(id, Code::SdpInvalid));
            }
            let publish = publish.into_iter().map(|p| Publish { mid: p.mid, source: p.source }).collect();
            let slots = slots.into_iter().map(|s| SlotSections { slot: s.slot, audio: s.audio, video: s.video });
            Ok(Read::Offer { id, offer: Offered(Offer { sdp, publish, slots: slots.collect() }) })
        }
        ClientMessage::Subscribe { slots } => {
            if slots.len() > limits::MEDIA_SLOTS_MAX {
                return Err(Code::Malformed);
            }
            let wish = |s: wire::client::SlotWish| SlotWish {
                slot: s.slot,
                participant: s.participant,
                source: s.source,
                height_px: s.height_px,
            };
            Ok(Read::Subscribe { slots: slots.into_iter().map(wish).collect() })
        }
    }
}

fn refused(id: u32, code: Code) -> Read {
    Read::Answer(ServerMessage::Refused { id, code })
}

fn command_id(text: &str) -> Result<u32, Code> {
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| Code::Malformed)?;
    let id = value.get("id").and_then(serde_json::Value::as_u64).ok_or(Code::Malformed)?;
    u32::try_from(id).map_err(|_| Code::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Read, Code> {
        let now = Instant::now();
        typed(text, &mut Pace::new(now), now)
    }

    #[test]
    fn a_bad_text_is_refused_by_its_id() {
        let text = r#"{"type":"command","id":7,"command":{"name":"chat","text":" "}}"#;
        let Ok(Read::Answer(ServerMessage::Refused { id: 7, code: Code::TextEmpty })) = one(text) else {
            panic!("not refused")
        };
    }

    #[test]
    fn a_second_hello_ends_the_connection() {
        assert!(matches!(one(r#"{"type":"hello","ticket":"x","protocol":1}"#), Err(Code::Malformed)));
    }

    #[test]
    fn a_ping_is_answered_without_the_room() {
        assert!(matches!(one(r#"{"type":"ping"}"#), Ok(Read::Answer(ServerMessage::Pong {}))));
    }

    #[test]
    fn too_many_sections_are_refused() {
        let slots: Vec<_> = (0..=limits::MEDIA_SLOTS_MAX)
            .map(|n| serde_json::json!({ "slot": n, "audio": n.to_string(), "video": null }))
            .collect();
        let offer = serde_json::json!({ "type": "offer", "id": 3, "sdp": "v=0", "publish": [], "slots": slots });
        let Ok(Read::Answer(ServerMessage::Refused { id: 3, code: Code::MediaLimit })) = one(&offer.to_string()) else {
            panic!("not refused")
        };
    }

    const GOOD: [&str; 4] = [
        r#"{"type":"command","id":7,"command":{"name":"chat","text":"Guten Tag"}}"#,
        r#"{"type":"command","id":8,"command":{"name":"silence","participant":null,"source":"camera"}}"#,
        r#"{"type":"offer","id":9,"sdp":"v=0","publish":[{"mid":"0","source":"camera"}],"slots":[]}"#,
        r#"{"type":"subscribe","slots":[{"slot":0,"participant":null,"source":"camera","height_px":90}]}"#,
    ];

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig { cases: 10_000, ..Default::default() })]
        #[test]
        fn mutated_frames_are_refused_or_understood(
            which in 0..GOOD.len(), at in 0..200usize, cut in 0..20usize, put in "[ -~]{0,8}"
        ) {
            let good = GOOD[which];
            let at = at.min(good.len());
            let end = (at + cut).min(good.len());
            let text = format!("{}{put}{}", &good[..at], &good[end..]);
            match one(&text) {
                // Only what the strict reader takes goes on to the room.
                Ok(Read::Command { .. } | Read::Offer { .. } | Read::Subscribe { .. }) => {
                    proptest::prop_assert!(read(&text).is_ok());
                }
                Ok(Read::Answer(answer)) => {
                    let harmless = matches!(answer, ServerMessage::Refused { .. } | ServerMessage::Pong {});
                    proptest::prop_assert!(harmless);
                }
                Err(code) => proptest::prop_assert_eq!(code, Code::Malformed),
            }
        }
    }

    #[test]
    fn pace_is_bounded_and_recovers() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        for _ in 0..limits::ROOM_FRAMES_PER_SECOND_MAX {
            assert_eq!(pace.frame(now), Ok(()));
        }
        assert_eq!(pace.frame(now), Err(Code::TooMany));
        assert_eq!(pace.frame(now + Duration::from_secs(1)), Ok(()));
        for _ in 0..limits::OFFERS_PER_WINDOW_MAX {
            assert!(pace.offer(now));
        }
        assert!(!pace.offer(now));
        assert!(pace.offer(now + Duration::from_millis(limits::CHAT_WINDOW_MS)));
    }
}
