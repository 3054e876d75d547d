//! Galene by its published protocol (version 2, JSON over a websocket): a peer connection for each stream and viewer.
//! The server is started by somebody else; `--peer galene=ws://USER:PASSWORD@127.0.0.1:8443/group/NAME`. Rooms beyond
//! the first are subgroups (`"auto-subgroups": true` in the group's file).

use super::Peer;
use super::werkraum::ssrc_of;
use crate::bench_media::generator::Generator;
use crate::bench_media::link::{Link, Said};
use crate::bench_media::outgoing::Route;
use crate::bench_media::process::{Process, listening_on};
use crate::bench_media::profiles::{Kind, Profile};
use crate::bench_media::sdp::{self, Description, Section};
use crate::bench_media::wire::clock_ns;
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::SocketAddr;
use tokio::runtime::Runtime;

/// The version whose messages these are.
const VERSION: &str = "2";

/// Where it is and how to get in.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Door {
    user: String,
    password: String,
    /// The websocket.
    endpoint: String,
    group: String,
    port: u16,
}

impl Door {
    fn read(url: &str) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").context("an address without scheme")?;
        let (host, path) = rest.split_once('/').context("an address without /group/NAME")?;
        let (pair, host) = host.rsplit_once('@').unwrap_or(("bench:bench", host));
        let (user, password) = pair.split_once(':').context("USER:PASSWORD")?;
        let group = path.strip_prefix("group/").context("an address without /group/NAME")?.trim_matches('/');
        let port = host.rsplit_once(':').context("an address without port")?.1.parse()?;
        Ok(Self {
            user: user.to_owned(),
            password: password.to_owned(),
            endpoint: format!("{scheme}://{host}/ws"),
            group: group.to_owned(),
            port,
        })
    }
}

/// What the server says, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Message {
    Joined,
    Ping,
    Offer { id: String, sdp: String },
    Answer { id: String, sdp: String },
    Candidate { id: String, candidate: String },
    Other,
}

impl Message {
    fn read(text: &str) -> Result<Self> {
        let value: Value = serde_json::from_str(text)?;
        let field = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        Ok(match value["type"].as_str().unwrap_or_default() {
            "joined" if value["kind"] == "fail" => bail!("Galene refuses: {}", value["value"]),
            "joined" if value["kind"] == "join" => Self::Joined,
            "usermessage" if value["kind"] == "error" => bail!("Galene says: {}", value["value"]),
            "ping" => Self::Ping,
            "offer" => Self::Offer { id: field("id"), sdp: field("sdp") },
            "answer" => Self::Answer { id: field("id"), sdp: field("sdp") },
            "ice" => {
                let candidate = value["candidate"]["candidate"].as_str().unwrap_or_default().to_owned();
                Self::Candidate { id: field("id"), candidate }
            }
            "abort" => bail!("Galene aborts stream {}", field("id")),
            _ => Self::Other,
        })
    }
}

/// Somebody in the group.
struct Member {
    link: Link,
    id: String,
    /// Candidates that came, by stream.
    candidates: HashMap<String, Vec<SocketAddr>>,
    /// Offers that came and were not looked at yet.
    offers: Vec<(String, Description)>,
}

impl Member {
    fn send(&self, message: &Value) -> Result<()> {
        self.link.text(message.to_string())
    }

    /// Takes one message that is there or comes; the answer it holds.
    fn next(&mut self, generator: &mut Generator) -> Result<Message> {
        let message = self.link.wait(generator, |said| match said {
            Said::Text(text) => Message::read(&text).map(Some),
            Said::Binary(_) => Ok(None),
        })?;
        match &message {
            Message::Ping => self.send(&json!({ "type": "pong" }))?,
            Message::Candidate { id, candidate } => {
                let address = sdp::candidate(candidate.trim_start_matches("candidate:"));
                self.candidates.entry(id.clone()).or_default().extend(address);
            }
            Message::Offer { id, sdp } => self.offers.push((id.clone(), Description::read(sdp))),
            _ => {}
        }
        Ok(message)
    }

    /// Adds the candidates that came by signalling; waits for one when there is none.
    fn complete(&mut self, generator: &mut Generator, id: &str, remote: &mut Description) -> Result<()> {
        while remote.candidates.is_empty() {
            if let Some(known) = self.candidates.get_mut(id).filter(|known| !known.is_empty()) {
                remote.candidates.append(known);
            } else {
                self.next(generator)?;
            }
        }
        Ok(())
    }

    /// Pushes a stream of somebody's publications.
    fn push(
        &mut self,
        generator: &mut Generator,
        label: &str,
        published: &[(usize, Kind)],
        routes: &mut [Option<Route>],
    ) -> Result<()> {
        let client = generator.add()?;
        let id = format!("{}-{label}", self.id);
        let sections: Vec<Section> = published
            .iter()
            .map(|(publication, kind)| Section {
                msid: Some((id.clone(), format!("track-{publication}"))),
                ..Section::send(*kind != Kind::Voice, ssrc_of(*publication))
            })
            .collect();
        let sdp = sdp::offer(&generator.clients[client], &sections);
        self.send(&json!({ "type": "offer", "id": id, "label": label, "source": self.id, "sdp": sdp }))?;
        let mut answer = loop {
            match self.next(generator)? {
                Message::Answer { id: known, sdp } if known == id => break Description::read(&sdp),
                _ => {}
            }
        };
        self.complete(generator, &id, &mut answer)?;
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

    /// Asks for all streams of the group and accepts so many.
    fn request(&mut self, generator: &mut Generator, streams: usize) -> Result<()> {
        self.send(&json!({ "type": "request", "request": { "": ["audio", "video"] } }))?;
        for _ in 0..streams {
            while self.offers.is_empty() {
                self.next(generator)?;
            }
            let (id, mut offer) = self.offers.remove(0);
            let client = generator.add()?;
            // Who offers controls (RFC 8445, clause 6.1.1).
            generator.clients[client].connection.controlling = false;
            let sdp = sdp::answer(&generator.clients[client], &offer);
            self.send(&json!({ "type": "answer", "id": id, "sdp": sdp }))?;
            self.complete(generator, &id, &mut offer)?;
            generator.connect(client, &offer, false)?;
        }
        Ok(())
    }
}

/// The streams of somebody: camera and microphone together, the screen apart.
fn streams(profile: &Profile, owner: usize) -> Vec<(&'static str, Vec<(usize, Kind)>)> {
    let (screen, camera): (Vec<_>, Vec<_>) =
        profile.published_by(owner).map(|(place, one)| (place, one.kind)).partition(|(_, kind)| *kind == Kind::Screen);
    let all = [("camera", camera), ("screenshare", screen)];
    all.into_iter().filter(|(_, published)| !published.is_empty()).collect()
}

/// A Galene server.
pub(crate) struct Galene {
    door: Door,
    process: Process,
    members: Vec<Member>,
}

impl Galene {
    pub(crate) fn at(url: &str) -> Result<Self> {
        let door = Door::read(url)?;
        let process = Process::watch(listening_on(door.port)?)?;
        Ok(Self { door, process, members: Vec::new() })
    }

    fn join(&self, runtime: &Runtime, generator: &mut Generator, room: usize, number: usize) -> Result<Member> {
        let Door { user, password, endpoint, group, .. } = &self.door;
        let group = if room == 0 { group.clone() } else { format!("{group}/{room}") };
        let (link, id) = (Link::open(runtime, endpoint, None)?, format!("bench-{}-{number}", clock_ns()));
        let mut one = Member { link, id, candidates: HashMap::new(), offers: Vec::new() };
        one.send(&json!({ "type": "handshake", "version": [VERSION], "id": one.id }))?;
        one.send(&json!({
            "type": "join", "kind": "join", "group": group, "username": user, "password": password,
        }))?;
        while one.next(generator)? != Message::Joined {}
        Ok(one)
    }
}

impl Peer for Galene {
    fn connect(&mut self, runtime: &Runtime, generator: &mut Generator, profile: &Profile) -> Result<()> {
        let mut routes = vec![None; profile.publications.len()];
        for (number, person) in profile.people.iter().enumerate() {
            let mut one = self.join(runtime, generator, person.room, number)?;
            for (label, published) in streams(profile, number) {
                one.push(generator, label, &published, &mut routes)?;
            }
            self.members.push(one);
        }
        let in_room = |room: usize| (0..profile.people.len()).filter(move |one| profile.people[*one].room == room);
        for (number, one) in self.members.iter_mut().enumerate() {
            let others = in_room(profile.people[number].room).filter(|other| *other != number);
            let count = others.map(|other| streams(profile, other).len()).sum();
            one.request(generator, count)?;
            one.link.hush();
        }
        let routes: Option<Vec<Route>> = routes.into_iter().collect();
        generator.publish(profile, routes.context("a publication was not negotiated")?)
    }

    fn process(&self) -> Process {
        self.process
    }

    fn keep_alive(&mut self) -> Result<()> {
        // Pings of the server are not looked at any more; an answer ahead of them counts as well.
        self.members.iter().try_for_each(|one| one.send(&json!({ "type": "pong" })))
    }

    fn end(&mut self, _runtime: &Runtime) -> Result<()> {
        self.members.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_door_is_read() {
        let door = Door::read("ws://op:pw@127.0.0.1:8443/group/bench/").expect("readable");
        assert_eq!(
            (door.endpoint.as_str(), door.group.as_str(), door.port),
            ("ws://127.0.0.1:8443/ws", "bench", 8_443)
        );
        assert_eq!((door.user.as_str(), door.password.as_str()), ("op", "pw"));
        assert!(Door::read("ws://127.0.0.1:8443/").is_err());
    }

    /// Messages as the protocol's description has them.
    #[test]
    fn messages_of_the_server_are_understood() {
        let read = |value: Value| Message::read(&value.to_string());
        let joined = json!({ "type": "joined", "kind": "join", "group": "g", "permissions": ["present"] });
        assert_eq!(read(joined).expect("readable"), Message::Joined);
        let changed = json!({ "type": "joined", "kind": "change", "group": "g" });
        assert_eq!(read(changed).expect("readable"), Message::Other);
        assert!(read(json!({ "type": "joined", "kind": "fail", "value": "not authorised" })).is_err());
        let offer = json!({ "type": "offer", "id": "1", "label": "camera", "source": "a", "sdp": "v=0" });
        assert_eq!(read(offer).expect("readable"), Message::Offer { id: "1".into(), sdp: "v=0".into() });
        let line = "candidate:1 1 udp 2130706431 127.0.0.1 40000 typ host";
        let ice = json!({ "type": "ice", "id": "1", "candidate": { "candidate": line, "sdpMid": "0" } });
        assert_eq!(read(ice).expect("readable"), Message::Candidate { id: "1".into(), candidate: line.into() });
        assert!(Message::read("no JSON").is_err());
    }

    #[test]
    fn a_screen_is_a_stream_of_its_own() {
        let profile = Profile::workshop(100);
        let labels: Vec<_> = streams(&profile, 0).into_iter().map(|(label, list)| (label, list.len())).collect();
        assert_eq!(labels, [("camera", 2), ("screenshare", 1)]);
        assert!(streams(&profile, 50).is_empty());
    }
}
