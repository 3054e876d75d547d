//! Proof (S-30, S-19, R-22): a meeting of headless participants goes on while a stranger at another address sends random,
//! mutated and replayed datagrams to the media port and malformed frames to both websockets.

use super::frames::{self, Malformed};
use super::udp_sockets::{dropped_at, dropped_by_us, waiting_at};
use super::{House, Proof, datagrams};
use crate::http::Client;
use crate::pad::{PadClient, document};
use crate::participant::{PAIRS, Participant, SPEAKERS};
use crate::seeded::Seeded;
use crate::server::Server;
use crate::socket::Dialer;
use crate::tap::{Recorded, Tap};
use anyhow::{Context, Result, ensure};
use futures_util::SinkExt;
use futures_util::future::try_join_all;
use model::ids::{ParticipantId, RoomId};
use model::name::ChatText;
use model::role::Role;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use wire::client::Command;
use wire::server::Event;

/// Where the stranger is.
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 9));
/// Ports that the stranger sends datagrams from.
const PORTS: usize = 16;
/// Datagrams a second: below what fills the kernel's buffer, which is not what is tried here.
const PER_SECOND: usize = 20_000;
const BURST: usize = 100;
/// Bytes that may wait in the kernel's buffer of the media port, of its 4 MiB or less, before more are sent.
const WAITING_BYTES_MAX: u64 = 100_000;
/// Connections at once.
const CONNECTIONS: usize = 24;
/// Guests among those who send malformed frames: they were let in, but mean no good.
const HOSTILE_GUESTS: usize = 8;
/// How many of the meeting speak: as many as the server lets be heard at once.
const SPEAKING: usize = 3;
/// Somebody types in the pad all the while, a character each.
const KEY: Duration = Duration::from_millis(250);
/// What each participant must have received of each other before the attack, and again after it.
const FLOW: u64 = 40;
/// Packets of a thousand that may be missing.
const LOSS_PERMILLE_MAX: u64 = 1;

/// How much is sent.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Datagrams to the media port.
    pub datagrams: usize,
    /// Malformed websocket frames.
    pub frames: usize,
}

/// Runs the attack on a new server.
///
/// # Errors
/// When the meeting does not come about or breaks.
pub async fn run(binary: impl Into<PathBuf>, size: Size) -> Result<Proof> {
    let house = Arc::new(House::open(binary, false).await?);
    let secret = house.admin.invite(house.room.id, Role::Participant).await?;
    let mut people = meeting(&house.server, &secret).await?;
    let (stop, stopped) = oneshot::channel();
    let typing = tokio::spawn(type_on(open_pad(&house, 1).await?, stopped));
    let tap = people[0].tap().context("tapped")?;
    let (media, recorded) = (tap.server()?, tap.recorded());
    ensure!(!recorded.stun.is_empty() && !recorded.dtls.is_empty() && !recorded.rtp.is_empty(), "nothing recorded");

    let (before, memory) = (sums(&people), house.server.resident_bytes()?);
    let dropped = (dropped_at(media)?, dropped_by_us()?);
    let answered = apart(flood(media, recorded, size.datagrams)).await?;
    let memory_after_datagrams = house.server.resident_bytes()?;
    let unclosed = apart(press(Arc::clone(&house), secret, size.frames)).await?;

    let up = still_up(&mut people).await?;
    let after = sums(&people);
    let dropped = (dropped_at(media)? - dropped.0, dropped_by_us()?.saturating_sub(dropped.1));
    // An error says that the typing has ended; its result tells why.
    let _ = stop.send(());
    let typed = typing.await??;
    let kept = open_pad(&house, 2).await?.text() == typed;

    let (packets, missing) = (after.0 - before.0, after.1.saturating_sub(before.1));
    let panics = house.server.metric("panics_total").await?;
    let mut proof = Proof::default();
    proof.figure("datagrams", size.datagrams);
    proof.figure("frames", size.frames);
    proof.figure("meeting_packets", packets);
    proof.figure("meeting_missing", missing);
    let share = missing as f64 / packets.max(1) as f64;
    proof.limit(
        "meeting_loss_percent",
        format!("{:.4}", share * 100.0),
        missing * 1_000 <= packets * LOSS_PERMILLE_MAX,
    );
    proof.figure("kernel_drops", dropped.0);
    proof.figure("kernel_drops_at_receivers", dropped.1);
    proof.figure("media_unsent", house.server.metric("media_unsent_total").await?);
    proof.limit("answered_to_the_stranger", answered, answered == 0);
    proof.limit("frames_not_closed", unclosed, unclosed == 0);
    proof.limit("panics", panics, panics == 0.0);
    proof.limit("participants_up", up, up == people.len());
    proof.figure("typed_meanwhile", typed.chars().count());
    proof.limit("pad_intact", u8::from(kept), kept && !typed.is_empty());
    for name in ["stun_unknown", "address_unknown", "other"] {
        let figure = house.server.metric(&format!("media_datagrams_refused_total{{why=\"{name}\"}}")).await?;
        proof.figure(name, figure);
    }
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    proof.figure("server_rss_mb_before", megabytes(memory));
    proof.figure("server_rss_mb_after_datagrams", megabytes(memory_after_datagrams));
    proof.figure("server_rss_mb_after", megabytes(house.server.resident_bytes()?));
    Ok(proof)
}

/// Four people; all show, three speak, all see and hear each other. The first one's media is tapped.
async fn meeting(server: &Server, secret: &str) -> Result<Vec<Participant>> {
    let mut people = Vec::new();
    for name in ["Miriam", "Jonas", "Aylin", "Walter"] {
        let client = server.client()?;
        let joined = client.join(secret, name).await?;
        let tap = if people.is_empty() { Some(Tap::new().await?) } else { None };
        people.push(Participant::enter_through(client, joined, PAIRS, SPEAKERS, tap).await?);
    }
    let ids: Vec<ParticipantId> = people.iter().map(Participant::participant).collect();
    for (number, person) in people.iter_mut().enumerate() {
        person.publish_video().await?;
        if number < SPEAKING {
            person.publish_audio(20).await?;
        }
        let others: Vec<ParticipantId> = ids.iter().filter(|id| **id != person.participant()).copied().collect();
        person.watch(&others).await?;
    }
    flows(&people).await?;
    Ok(people)
}

/// Waits until everybody has received more of everybody else.
async fn flows(people: &[Participant]) -> Result<()> {
    try_join_all(people.iter().map(|person| {
        let (me, before) = (person.participant(), person.stats());
        person.receives(move |stats| {
            let mut others = people.iter().enumerate().filter(|(_, other)| other.participant() != me);
            let more = |(number, other): (usize, &Participant)| {
                let (had, has) = (before.of(other.participant()), stats.of(other.participant()));
                has.video >= had.video + FLOW && (number >= SPEAKING || has.audio >= had.audio + FLOW)
            };
            others.all(more)
        })
    }))
    .await
    .map(drop)
}

/// Packets received and missing, over all participants.
fn sums(people: &[Participant]) -> (u64, u64) {
    people.iter().map(Participant::stats).fold((0, 0), |sum, one| (sum.0 + one.packets, sum.1 + one.missing))
}

/// How many participants still get media from all, carry out commands and hear the others' events.
async fn still_up(people: &mut [Participant]) -> Result<usize> {
    flows(people).await?;
    let mut up = 0;
    for at in 0..people.len() {
        let text = ChatText::parse(&format!("geht noch, {at}"))?;
        people[at].done(Command::Chat { text: text.clone() }).await?;
        let listener = &mut people[(at + 1) % 4];
        listener.event(|event| matches!(event, Event::Chat { message } if message.text == text).then_some(())).await?;
        up += 1;
    }
    Ok(up)
}

async fn open_pad(house: &House, client: u64) -> Result<PadClient> {
    let pad = house.room.pad.context("a room has a pad")?;
    let token = house.admin.pad_token(pad).await?.token;
    let (origin, ca) = (house.server.origin(), house.server.ca_pem()?);
    let mut pad = PadClient::connect(origin, &ca, &pad.to_string(), &token, document(client)).await?;
    pad.wait_for("synced", |pad| pad.synced).await?;
    Ok(pad)
}

/// Types all the while; gives the text when all of it is on disk.
async fn type_on(mut pad: PadClient, mut stop: oneshot::Receiver<()>) -> Result<String> {
    let mut keys = interval(KEY);
    let mut newest = 0;
    loop {
        tokio::select! {
            _ = &mut stop => break,
            _ = keys.tick() => newest = pad.type_at(0, "x").await?,
            more = pad.step() => ensure!(more?, "the pad was closed: {:?}", pad.closed),
        }
    }
    pad.wait_for("on disk", |pad| pad.acknowledged >= newest).await?;
    Ok(pad.text())
}

/// Sends the datagrams and gives how many answers came.
async fn flood(media: SocketAddr, recorded: Recorded, count: usize) -> Result<u64> {
    let mut sockets = Vec::new();
    for _ in 0..PORTS {
        sockets.push(Arc::new(UdpSocket::bind(SocketAddr::new(STRANGER, 0)).await?));
    }
    let answered = Arc::new(AtomicU64::new(0));
    let mut listening = JoinSet::new();
    for socket in &sockets {
        let (socket, answered) = (Arc::clone(socket), Arc::clone(&answered));
        listening.spawn(async move {
            let mut buffer = [0; 2_048];
            // An error is a datagram that could not be delivered (ICMP); the next one may come.
            loop {
                if socket.recv_from(&mut buffer).await.is_ok() {
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
    }
    let mut random = Seeded::new(2);
    let mut pace = interval(Duration::from_micros((BURST * 1_000_000 / PER_SECOND) as u64));
    // Late bursts are not made up for: that would be faster than wished.
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..count {
        if number.is_multiple_of(BURST) {
            pace.tick().await;
            // On a busy machine the server gets its turn later; then the stranger is slower, too.
            while waiting_at(media)? > WAITING_BYTES_MAX {
                pace.tick().await;
            }
        }
        let datagram = datagrams::next(&mut random, &recorded);
        sockets[number % PORTS].send_to(&datagram, media).await?;
    }
    Ok(answered.load(Ordering::Relaxed))
}

/// Sends the frames, each over a connection of its own, and gives how many of those the server did not close.
async fn press(house: Arc<House>, secret: String, count: usize) -> Result<u64> {
    let dialer = Dialer::new(&house.server.ca_pem()?, Some(STRANGER))?;
    let origin = house.server.origin();
    let pad = house.room.pad.context("a room has a pad")?.to_string();
    let printed = house.server.run(&["token", "create", "--pad", &pad, "--right", "write", "--ttl", "1h"]).await?;
    let token = printed.lines().last().context("no token")?.trim();
    let sockets = origin.replacen("http", "ws", 1);
    let door = Door {
        dialer,
        origin: origin.to_owned(),
        room: format!("{sockets}/api/v1/socket"),
        pad: format!("{sockets}/pads/yjs/{pad}?token={token}&ack=1"),
        unclosed: AtomicU64::new(0),
    };
    let door = Arc::new(door);
    let share = count / CONNECTIONS;
    let mut tasks = JoinSet::new();
    for number in 0..CONNECTIONS {
        let share = if number == 0 { share + count % CONNECTIONS } else { share };
        let door = Arc::clone(&door);
        let mut random = Seeded::new(number as u64);
        if number < HOSTILE_GUESTS {
            let guest = house.server.client()?;
            let room = guest.join(&secret, &format!("Gast {number}")).await?.room;
            tasks.spawn(async move { door.as_a_guest(&mut random, &guest, room, share).await });
        } else if number.is_multiple_of(2) {
            tasks.spawn(async move { door.as_a_stranger(&mut random, share).await });
        } else {
            tasks.spawn(async move { door.at_the_pad(&mut random, share).await });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(door.unclosed.load(Ordering::Relaxed))
}

/// The websockets of a server.
struct Door {
    dialer: Dialer,
    origin: String,
    room: String,
    pad: String,
    unclosed: AtomicU64,
}

impl Door {
    /// Before the hello.
    async fn as_a_stranger(&self, random: &mut Seeded, count: usize) -> Result<()> {
        for _ in 0..count {
            let socket = self.dialer.open(&self.room, Some(&self.origin)).await?;
            self.send(socket, frames::for_the_room(random), None).await;
        }
        Ok(())
    }

    /// After it.
    async fn as_a_guest(&self, random: &mut Seeded, guest: &Client, room: RoomId, count: usize) -> Result<()> {
        for _ in 0..count {
            let ticket = guest.ticket(room).await?.ticket;
            let mut socket = self.dialer.open(&self.room, Some(&self.origin)).await?;
            let hello = serde_json::json!({ "type": "hello", "ticket": ticket, "protocol": wire::PROTOCOL_VERSION });
            socket.send(Message::text(hello.to_string())).await?;
            self.send(socket, frames::for_the_room(random), None).await;
        }
        Ok(())
    }

    /// With a token that lets one write. What is no document is refused, and not every refusal ends the connection.
    async fn at_the_pad(&self, random: &mut Seeded, count: usize) -> Result<()> {
        for _ in 0..count {
            let socket = self.dialer.open(&self.pad, None).await?;
            self.send(socket, frames::for_the_pad(random), Some(Message::text("no text here"))).await;
        }
        Ok(())
    }

    async fn send(&self, socket: crate::socket::Socket, malformed: Malformed, finish: Option<Message>) {
        if frames::send(socket, malformed, finish).await.is_err() {
            self.unclosed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Does the stranger's work on a thread of its own, so that it does not hold back those who are attacked.
async fn apart<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let run = || tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work);
    tokio::task::spawn_blocking(run).await?
}
