//! LiveKit by its published signalling protocol (livekit_rtc.proto, protobuf over a websocket): an access token made
//! from key and secret, one connection that publishes and one that receives. The server is started by somebody else;
//! `--peer livekit=ws://KEY:SECRET@127.0.0.1:7880`.

use super::Peer;
use super::protobuf::{Reader, Value, Writer, inner, number, text};
use super::werkraum::ssrc_of;
use crate::bench_media::generator::Generator;
use crate::bench_media::link::{Link, Said};
use crate::bench_media::outgoing::Route;
use crate::bench_media::process::{Process, listening_on};
use crate::bench_media::profiles::{Kind, Profile};
use crate::bench_media::sdp::{self, Description, Section};
use crate::bench_media::wire::clock_ns;
use anyhow::{Context as _, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// Field numbers of `SignalRequest`.
mod request {
    pub(super) const OFFER: u32 = 1;
    pub(super) const ANSWER: u32 = 2;
    pub(super) const ADD_TRACK: u32 = 4;
    pub(super) const SUBSCRIPTION: u32 = 6;
    pub(super) const PING: u32 = 14;
}

/// Field numbers of `SignalResponse`.
mod response {
    pub(super) const JOIN: u32 = 1;
    pub(super) const ANSWER: u32 = 2;
    pub(super) const OFFER: u32 = 3;
    pub(super) const TRICKLE: u32 = 4;
    pub(super) const TRACK_PUBLISHED: u32 = 6;
    pub(super) const LEAVE: u32 = 8;
}

/// The protocol version whose messages these are.
const PROTOCOL: u32 = 9;
/// Tokens are used at once.
const TOKEN_S: u64 = 6 * 3_600;

/// Where it is and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    key: String,
    secret: String,
    /// `ws://host:port`.
    base: String,
    port: u16,
}

impl Door {
    /// `ws://KEY:SECRET@host:port`; key and secret otherwise from `LIVEKIT_API_KEY` and `LIVEKIT_API_SECRET`.
    fn read(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").context("an address without scheme")?;
        let from_environment =
            || Some((std::env::var("LIVEKIT_API_KEY").ok()?, std::env::var("LIVEKIT_API_SECRET").ok()?));
        let (pair, host) = match rest.rsplit_once('@') {
            Some((pair, host)) => (pair.split_once(':').map(|(key, secret)| (key.into(), secret.into())), host),
            None => (from_environment(), rest),
        };
        let (key, secret) = pair.context("no key and secret")?;
        let host = host.trim_end_matches('/');
        let port = host.rsplit_once(':').context("an address without port")?.1.parse()?;
        Ok(Self { key, secret, base: format!("{scheme}://{host}"), port })
    }

    /// An access token (RFC 7519, HS256) with the grants of a participant.
    fn token(&self, now_s: u64, room: &str, identity: &str) -> String {
        let encode = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = encode(serde_json::json!({ "alg": "HS256", "typ": "JWT" }));
        let grant = serde_json::json!({ "room": room, "roomJoin": true, "canPublish": true, "canSubscribe": true });
        let claims = encode(serde_json::json!({
            "iss": self.key, "sub": identity, "name": identity, "nbf": now_s - 10, "exp": now_s + TOKEN_S, "video": grant,
        }));
        let signed = format!("{head}.{claims}");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, self.secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }
}

/// What the server says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Message {
    Joined,
    Answer(String),
    Offer(String),
    /// A candidate for the connection that receives, or for the one that publishes.
    Candidate {
        receives: bool,
        candidate: String,
    },
    /// A track of ours has this name in the room.
    Published {
        cid: String,
        sid: String,
    },
    Leave,
    Other,
}

impl Message {
    fn read(bytes: &[u8]) -> Result<Self> {
        let fields = Reader::new(bytes).fields()?;
        let Some((field, Value::Bytes(body))) = fields.first() else { return Ok(Self::Other) };
        Ok(match *field {
            response::JOIN => Self::Joined,
            // SessionDescription: type 1, sdp 2.
            response::ANSWER => Self::Answer(text(body, 2)?),
            response::OFFER => Self::Offer(text(body, 2)?),
            // TrickleRequest: candidateInit 1 (JSON), target 2 (0 publisher, 1 subscriber).
            response::TRICKLE => {
                let init: serde_json::Value = serde_json::from_str(&text(body, 1)?)?;
                let candidate = init["candidate"].as_str().unwrap_or_default().to_owned();
                Self::Candidate { receives: number(body, 2)? == 1, candidate }
            }
            // TrackPublishedResponse: cid 1, track 2 (TrackInfo: sid 1).
            response::TRACK_PUBLISHED => Self::Published { cid: text(body, 1)?, sid: text(inner(body, 2)?, 1)? },
            response::LEAVE => Self::Leave,
            _ => Self::Other,
        })
    }
}

fn description(kind: &str, sdp: &str) -> Writer {
    Writer::default().bytes(1, kind).bytes(2, sdp)
}

/// `AddTrackRequest`: cid 1, name 2, type 3 (0 sound, 1 picture), width 4, height 5, source 8 (1 camera, 2 microphone,
/// 3 screen), disable_red 13.
fn add_track(cid: &str, kind: Kind) -> Writer {
    let (picture, source) = match kind {
        Kind::Voice => (0, 2),
        Kind::Camera => (1, 1),
        Kind::Screen => (1, 3),
    };
    let track = Writer::default().bytes(1, cid).bytes(2, cid).number(3, picture).number(8, source);
    if picture == 1 { track.number(4, 1_280).number(5, 720) } else { track.number(13, 1) }
}

/// `UpdateSubscription`: track_sids 1, subscribe 2.
fn subscription(sids: &[String]) -> Writer {
    sids.iter().fold(Writer::default(), |message, sid| message.bytes(1, sid)).number(2, 1)
}

/// Somebody in the room.
struct Participant {
    link: Link,
    /// Candidates that came, for the publishing and the receiving connection.
    candidates: [Vec<SocketAddr>; 2],
}

impl Participant {
    fn send(&self, field: u32, message: &Writer) -> Result<()> {
        self.link.binary(Writer::default().message(field, message).done())
    }

    /// Waits for a message; candidates are kept.
    fn wait<T>(&mut self, generator: &mut Generator, mut pick: impl FnMut(Message) -> Option<T>) -> Result<T> {
        let candidates = &mut self.candidates;
        self.link.wait(generator, |said| {
            let Said::Binary(bytes) = said else { return Ok(None) };
            match Message::read(&bytes)? {
                Message::Candidate { receives, candidate } => {
                    let address = sdp::candidate(candidate.trim_start_matches("candidate:"));
                    candidates[usize::from(receives)].extend(address);
                    Ok(pick(Message::Candidate { receives, candidate }))
                }
                Message::Leave => bail!("LiveKit asks to leave"),
                message => Ok(pick(message)),
            }
        })
    }

    /// Adds the candidates that came by signalling; waits for one when there is none.
    fn complete(&mut self, generator: &mut Generator, receives: bool, remote: &mut Description) -> Result<()> {
        let place = usize::from(receives);
        while remote.candidates.is_empty() {
            if self.candidates[place].is_empty() {
                self.wait(generator, |message| matches!(message, Message::Candidate { .. }).then_some(()))?;
            }
            remote.candidates.append(&mut self.candidates[place]);
        }
        Ok(())
    }
}

/// A LiveKit server.
pub(crate) struct LiveKit {
    door: Door,
    process: Process,
    people: Vec<Participant>,
    /// Rooms are new for each profile.
    meeting: u64,
}

impl LiveKit {
    pub(crate) fn at(url: &str) -> Result<Self> {
        let door = Door::read(url)?;
        let process = Process::watch(listening_on(door.port)?)?;
        Ok(Self { door, process, people: Vec::new(), meeting: clock_ns() })
    }

    fn join(&self, runtime: &Runtime, generator: &mut Generator, room: usize, number: usize) -> Result<Participant> {
        let room = format!("bench-{}-{room}", self.meeting);
        let token = self.door.token(clock_ns() / 1_000_000_000, &room, &format!("person-{number}"));
        // Everybody says what they want.
        let options = format!("auto_subscribe=0&protocol={PROTOCOL}&sdk=go&version=1.0.0");
        let url = format!("{}/rtc?access_token={token}&{options}", self.door.base);
        let mut one = Participant { link: Link::open(runtime, &url, None)?, candidates: Default::default() };
        one.wait(generator, |message| (message == Message::Joined).then_some(()))?;
        Ok(one)
    }
}

/// Publishes what somebody publishes; the names of the tracks in the room.
fn publish(
    one: &mut Participant,
    generator: &mut Generator,
    profile: &Profile,
    owner: usize,
    routes: &mut [Option<Route>],
    sids: &mut [String],
) -> Result<()> {
    let published: Vec<_> = profile.published_by(owner).map(|(place, one)| (place, one.kind)).collect();
    if published.is_empty() {
        return Ok(());
    }
    let client = generator.add()?;
    let mut sections = Vec::new();
    for (publication, kind) in &published {
        let cid = format!("track-{publication}");
        one.send(request::ADD_TRACK, &add_track(&cid, *kind))?;
        let found = one.wait(generator, |message| match message {
            Message::Published { cid: known, sid } if known == cid => Some(sid),
            _ => None,
        });
        sids[*publication] = found?;
        let mut section = Section::send(*kind != Kind::Voice, ssrc_of(*publication));
        section.msid = Some((format!("stream-{owner}"), cid));
        sections.push(section);
    }
    let offer = sdp::offer(&generator.clients[client], &sections);
    one.send(request::OFFER, &description("offer", &offer))?;
    let answer = one.wait(generator, |message| match message {
        Message::Answer(sdp) => Some(sdp),
        _ => None,
    })?;
    let mut answer = Description::read(&answer);
    one.complete(generator, false, &mut answer)?;
    generator.connect(client, &answer, true)?;
    for (mid, (publication, kind)) in published.iter().enumerate() {
        let mid = mid.to_string();
        let negotiated = answer.section(&mid).context("an answer without a section")?;
        let codec = if *kind == Kind::Voice { "opus" } else { "VP8" };
        let payload_type = negotiated.payload_type(codec).context("an answer without codec")?;
        let ids = negotiated.ids;
        routes[*publication] = Some(Route { client, ssrc: ssrc_of(*publication), payload_type, ids, mid });
    }
    Ok(())
}

/// Subscribes to these tracks and answers until all of them are negotiated.
fn subscribe(one: &mut Participant, generator: &mut Generator, sids: &[String]) -> Result<()> {
    if sids.is_empty() {
        return Ok(());
    }
    one.send(request::SUBSCRIPTION, &subscription(sids))?;
    let client = generator.add()?;
    let mut connected = false;
    loop {
        let offer = one.wait(generator, |message| match message {
            Message::Offer(sdp) => Some(sdp),
            _ => None,
        })?;
        // RFC 8445, clause 6.1.1: who offers controls, unless it is lite.
        let lite = offer.contains("a=ice-lite");
        let mut offer = Description::read(&offer);
        generator.clients[client].connection.controlling = lite;
        let answer = sdp::answer(&generator.clients[client], &offer);
        one.send(request::ANSWER, &description("answer", &answer))?;
        if !std::mem::replace(&mut connected, true) {
            one.complete(generator, true, &mut offer)?;
            generator.connect(client, &offer, lite)?;
        }
        generator.clients[client].accept(&offer);
        let media = offer.media.iter().filter(|media| media.kind != "application" && media.direction.sends());
        if media.count() >= sids.len() {
            return Ok(());
        }
    }
}

impl Peer for LiveKit {
    fn connect(&mut self, runtime: &Runtime, generator: &mut Generator, profile: &Profile) -> Result<()> {
        let mut routes = vec![None; profile.publications.len()];
        let mut sids = vec![String::new(); profile.publications.len()];
        for (number, person) in profile.people.iter().enumerate() {
            let mut one = self.join(runtime, generator, person.room, number)?;
            publish(&mut one, generator, profile, number, &mut routes, &mut sids)?;
            self.people.push(one);
        }
        ensure!(sids.iter().all(|sid| !sid.is_empty()), "a track was not published");
        for (person, one) in profile.people.iter().zip(&mut self.people) {
            let pictures = person.pictures.iter().map(|(publication, _)| *publication);
            let wanted: Vec<String> =
                person.voices.iter().copied().chain(pictures).map(|place| sids[place].clone()).collect();
            subscribe(one, generator, &wanted)?;
            one.link.hush();
        }
        let routes: Option<Vec<Route>> = routes.into_iter().collect();
        generator.publish(profile, routes.context("a publication was not negotiated")?)
    }

    fn process(&self) -> Process {
        self.process
    }

    fn keep_alive(&mut self) -> Result<()> {
        for one in &self.people {
            one.link.binary(Writer::default().number(request::PING, clock_ns() / 1_000_000).done())?;
        }
        Ok(())
    }

    fn end(&mut self, _runtime: &Runtime) -> Result<()> {
        self.people.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_is_read() {
        let door = Door::read("ws://devkey:secret@127.0.0.1:7880/").expect("readable");
        let expected = ("devkey".to_owned(), "secret".to_owned(), "ws://127.0.0.1:7880".to_owned(), 7_880);
        assert_eq!((door.key, door.secret, door.base, door.port), expected);
    }

    /// Signed as RFC 7515 has it.
    #[test]
    fn the_token_has_three_parts_and_the_grants() {
        let door = Door { key: "k".into(), secret: "s".into(), base: String::new(), port: 1 };
        let token = door.token(1_000, "r", "me");
        let parts: Vec<&str> = token.split('.').collect();
        let claims = URL_SAFE_NO_PAD.decode(parts[1]).expect("base64");
        let claims: serde_json::Value = serde_json::from_slice(&claims).expect("JSON");
        assert_eq!((&claims["iss"], &claims["sub"]), (&"k".into(), &"me".into()));
        assert_eq!(claims["video"]["room"], "r");
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, b"s");
        let tag = URL_SAFE_NO_PAD.decode(parts[2]).expect("base64");
        let signed = format!("{}.{}", parts[0], parts[1]);
        assert!(aws_lc_rs::hmac::verify(&key, signed.as_bytes(), &tag).is_ok());
    }

    /// Bytes written by hand from the published message definitions.
    #[test]
    fn messages_of_the_server_are_understood() {
        let answer = [0x12, 13, 0x0a, 6, b'a', b'n', b's', b'w', b'e', b'r', 0x12, 3, b'v', b'=', b'0'];
        assert_eq!(Message::read(&answer).expect("readable"), Message::Answer("v=0".to_owned()));
        let init = br#"{"candidate":"candidate:1 1 udp 2130706431 127.0.0.1 7882 typ host","sdpMid":"0"}"#;
        let trickle = Writer::default().bytes(1, init).number(2, 1);
        let bytes = Writer::default().message(4, &trickle).done();
        let Message::Candidate { receives: true, candidate } = Message::read(&bytes).expect("readable") else {
            panic!("candidate")
        };
        let address = sdp::candidate(candidate.trim_start_matches("candidate:"));
        assert_eq!(address, Some("127.0.0.1:7882".parse().expect("address")));
        let published = [0x32, 13, 0x0a, 3, b'c', b'i', b'd', 0x12, 6, 0x0a, 4, b'T', b'R', b'_', b'1'];
        let expected = Message::Published { cid: "cid".to_owned(), sid: "TR_1".to_owned() };
        assert_eq!(Message::read(&published).expect("readable"), expected);
        assert_eq!(Message::read(&[0x2a, 0]).expect("readable"), Message::Other, "a participant update");
        assert!(Message::read(&[0x12, 99]).is_err());
    }

    #[test]
    fn requests_are_as_the_definitions_say() {
        let wanted = Writer::default().message(request::SUBSCRIPTION, &subscription(&["TR_1".to_owned()])).done();
        assert_eq!(wanted, [0x32, 8, 0x0a, 4, b'T', b'R', b'_', b'1', 0x10, 1]);
        let track = add_track("c", Kind::Voice).done();
        assert_eq!(track, [0x0a, 1, b'c', 0x12, 1, b'c', 0x18, 0, 0x40, 2, 0x68, 1]);
    }
}
