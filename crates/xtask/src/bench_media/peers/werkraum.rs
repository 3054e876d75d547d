//! Our own server as any peer: the real binary as a process with an empty data folder, rooms and links by its HTTP
//! interface, signalling by its websocket as docs/protocol.md has it.

use super::Peer;
use crate::bench_media::generator::Generator;
use crate::bench_media::link::{Link, Said};
use crate::bench_media::outgoing::Route;
use crate::bench_media::process::Process;
use crate::bench_media::profiles::{Kind, PICTURES, Profile, VOICES};
use crate::bench_media::sdp::{self, Description, Section};
use anyhow::{Context as _, Result, bail, ensure};
use model::ids::ParticipantId;
use model::role::Role;
use model::room::Audience;
use model::source::Source;
use std::net::{IpAddr, Ipv4Addr};
use testkit::http::Client;
use testkit::server::Server;
use testkit::socket::Dialer;
use tokio::runtime::Runtime;
use wire::client::{ClientMessage, Command, PublishedSection, SlotSections, SlotWish};
use wire::server::ServerMessage;

/// The server.
pub(crate) struct Werkraum {
    server: Server,
    process: Process,
    links: Vec<Link>,
}

/// Somebody who has joined.
struct Joined {
    id: ParticipantId,
    link: Link,
}

impl Werkraum {
    pub(crate) fn start(runtime: &Runtime) -> Result<Self> {
        let server = runtime.block_on(Server::start(crate::binary()?))?;
        let process = Process::watch(server.pid().context("the server has ended")?)?;
        Ok(Self { server, process, links: Vec::new() })
    }

    /// A room for each of the profile's, open to all, and a link into each.
    async fn rooms(&self, profile: &Profile) -> Result<Vec<String>> {
        let admin = self.server.client()?;
        admin.first_admin(self.server.first_admin_link().context("no first admin link")?).await?;
        let mut links = Vec::new();
        for number in 0..profile.rooms {
            let room = admin.create_room(&format!("Room {number}")).await?;
            let open = admin.change_room(&room, |settings| {
                settings.lobby = false;
                settings.people_max = model::limits::ROOM_PEOPLE_MAX;
                settings.policy.share = Audience::Everyone;
            });
            open.await?;
            links.push(admin.invite(room.id, Role::Participant).await?);
        }
        Ok(links)
    }

    fn join(&self, runtime: &Runtime, generator: &mut Generator, secret: &str, number: usize) -> Result<Joined> {
        // From an address of their own: the server limits how many guests join from one.
        let from = IpAddr::V4(Ipv4Addr::new(127, 0, 100 + (number / 250) as u8, 1 + (number % 250) as u8));
        let (link, id) = runtime.block_on(async {
            let ca = self.server.ca_pem()?;
            let client = Client::new_from(self.server.origin(), &ca, Some(from))?;
            let joined = client.join(secret, &format!("Person {number}")).await?;
            let url = format!("{}/api/v1/socket", client.origin().replacen("http", "ws", 1));
            let socket = Dialer::new(&ca, Some(from))?.open(&url, Some(client.origin())).await?;
            let link = Link::new(runtime, socket);
            let hello = ClientMessage::Hello { ticket: joined.ticket.clone(), protocol: ::wire::PROTOCOL_VERSION };
            link.text(serde_json::to_string(&hello)?)?;
            anyhow::Ok((link, joined.participant))
        })?;
        let joined = Joined { id, link };
        joined.wait(generator, |message| matches!(message, ServerMessage::Welcome(_)).then_some(()))?;
        Ok(joined)
    }

    /// Connects media of one person: what they publish and the places in which they receive.
    fn media(
        &self,
        generator: &mut Generator,
        profile: &Profile,
        number: usize,
        joined: &Joined,
        routes: &mut [Option<Route>],
    ) -> Result<()> {
        let client = generator.add()?;
        let mut sections = Vec::new();
        let mut publish = Vec::new();
        for (publication, one) in profile.published_by(number) {
            let source = source_of(one.kind);
            publish.push(PublishedSection { mid: sections.len().to_string(), source });
            sections.push(Section::send(one.kind != Kind::Voice, ssrc_of(publication)));
        }
        let mut slots = Vec::new();
        for slot in 0..PICTURES + VOICES {
            let audio = sections.len().to_string();
            sections.push(Section::receive(false));
            let video = (slot < PICTURES).then(|| sections.len().to_string());
            if video.is_some() {
                sections.push(Section::receive(true));
            }
            slots.push(SlotSections { slot: slot as u8, audio, video });
        }
        let sdp = sdp::offer(&generator.clients[client], &sections);
        joined.send(&ClientMessage::Offer { id: 1, sdp, publish: publish.clone(), slots })?;
        let answer = joined.wait(generator, |message| match message {
            ServerMessage::Answer { id: 1, sdp } => Some(Ok(sdp)),
            ServerMessage::Refused { id: 1, code } => Some(Err(code)),
            _ => None,
        })?;
        let answer = match answer {
            Ok(answer) => Description::read(&answer),
            Err(code) => bail!("the offer was refused: {code:?}"),
        };
        generator.connect(client, &answer, true)?;
        for ((publication, one), section) in profile.published_by(number).zip(&publish) {
            let negotiated = answer.section(&section.mid).context("an answer without a section")?;
            let codec = if one.kind == Kind::Voice { "opus" } else { "VP8" };
            routes[publication] = Some(Route {
                client,
                ssrc: ssrc_of(publication),
                payload_type: negotiated.payload_type(codec).context("an answer without codec")?,
                ids: negotiated.ids,
                mid: section.mid.clone(),
            });
            let id = 10 + publication as u32;
            joined
                .send(&ClientMessage::Command { id, command: Command::Source { source: section.source, on: true } })?;
            let refused = joined.wait(generator, |message| match message {
                ServerMessage::Done { id: done } if done == id => Some(None),
                ServerMessage::Refused { id: refused, code } if refused == id => Some(Some(code)),
                _ => None,
            })?;
            ensure!(refused.is_none(), "the server refuses {:?}: {refused:?}", section.source);
        }
        Ok(())
    }
}

impl Joined {
    fn send(&self, message: &ClientMessage) -> Result<()> {
        self.link.text(serde_json::to_string(message)?)
    }

    fn wait<T>(&self, generator: &mut Generator, mut pick: impl FnMut(ServerMessage) -> Option<T>) -> Result<T> {
        self.link.wait(generator, |said| match said {
            Said::Text(text) => Ok(pick(serde_json::from_str(&text)?)),
            Said::Binary(_) => Ok(None),
        })
    }
}

fn source_of(kind: Kind) -> Source {
    match kind {
        Kind::Voice => Source::Microphone,
        Kind::Camera => Source::Camera,
        Kind::Screen => Source::Screen,
    }
}

/// The SSRC of a publication, the same for every server.
pub(super) fn ssrc_of(publication: usize) -> u32 {
    100_000 + publication as u32 * 10
}

impl Peer for Werkraum {
    fn connect(&mut self, runtime: &Runtime, generator: &mut Generator, profile: &Profile) -> Result<()> {
        let secrets = runtime.block_on(self.rooms(profile))?;
        let mut routes = vec![None; profile.publications.len()];
        let mut people = Vec::new();
        for (number, person) in profile.people.iter().enumerate() {
            let joined = self.join(runtime, generator, &secrets[person.room], number)?;
            self.media(generator, profile, number, &joined, &mut routes)?;
            people.push(joined);
        }
        for (person, joined) in profile.people.iter().zip(&people) {
            let wish = |(slot, (publication, height_px)): (usize, &(usize, u16))| {
                let publication = &profile.publications[*publication];
                SlotWish {
                    slot: slot as u8,
                    participant: Some(people[publication.owner].id),
                    source: source_of(publication.kind),
                    height_px: *height_px,
                }
            };
            let slots: Vec<SlotWish> = person.pictures.iter().enumerate().map(wish).collect();
            if !slots.is_empty() {
                joined.send(&ClientMessage::Subscribe { slots })?;
            }
            joined.link.hush();
        }
        self.links = people.into_iter().map(|joined| joined.link).collect();
        let routes: Option<Vec<Route>> = routes.into_iter().collect();
        generator.publish(profile, routes.context("a publication was not negotiated")?)
    }

    fn process(&self) -> Process {
        self.process
    }

    fn media_threads(&self) -> Option<&'static str> {
        Some("media-")
    }

    fn trains(&self, runtime: &Runtime) -> Result<Option<(f64, f64)>> {
        let figures = async {
            let packets = self.server.metric("media_packets_total").await?;
            anyhow::Ok((packets, self.server.metric("media_trains_total").await?))
        };
        runtime.block_on(figures).map(Some)
    }

    fn end(&mut self, runtime: &Runtime) -> Result<()> {
        self.links.clear();
        runtime.block_on(self.server.kill())
    }
}
