//! Proof: the server is killed while three people type. Every acknowledged character is there after the
//! restart, every typed one once they are back; they come back without the lobby, with the same role and hand.

use super::{House, Proof};
use crate::http::Client;
use crate::pad::{Doc, PadClient, document};
use crate::seeded::Seeded;
use crate::socket::RoomSocket;
use anyhow::{Context, Result, ensure};
use model::ids::{PadId, ParticipantId};
use model::role::Role;
use std::path::PathBuf;
use std::time::Duration;
use wire::api::{Joined, Room};
use wire::client::Command;
use wire::server::ServerMessage;

/// Who types, with the role and hand that they must keep.
const PEOPLE: [(&str, Role, bool); 3] =
    [("Miriam", Role::Participant, true), ("Jonas", Role::CoTrainer, false), ("Aylin", Role::Trainer, true)];
/// Each types so fast.
const KEY: Duration = Duration::from_millis(20);
/// The first character of the first person; each character is typed once.
const FIRST: u32 = 0x4e00;
/// Characters between the first ones of two people.
const SHARE: u32 = 0x1800;
/// The server lives at least so long, and at most so much longer, between two kills.
const LIFE: (u64, usize) = (400, 1_200);

/// Somebody in the room with a pad open.
struct Person {
    client: Client,
    me: ParticipantId,
    socket: RoomSocket,
    pad: PadClient,
    next: u32,
    /// Typed characters with the counter of the present connection.
    typed: Vec<(char, u64)>,
    acknowledged: Vec<char>,
}

impl Person {
    /// Types until the connection breaks.
    async fn type_on(mut self) -> Self {
        let mut keys = tokio::time::interval(KEY);
        loop {
            tokio::select! {
                _ = keys.tick() => {
                    let Some(one) = char::from_u32(self.next) else { break };
                    self.next += 1;
                    let sent = self.pad.type_at(self.next % 7, one.encode_utf8(&mut [0; 4])).await;
                    self.typed.push((one, sent.as_ref().copied().unwrap_or(u64::MAX)));
                    if sent.is_err() {
                        break;
                    }
                }
                more = self.pad.step() => if !more.unwrap_or(false) { break },
            }
        }
        let newest = self.pad.acknowledged;
        self.acknowledged.extend(self.typed.iter().filter(|(_, counter)| *counter <= newest).map(|(one, _)| *one));
        self
    }

    /// Comes back as the web client does: a ticket, the room, a new pad token, the kept document.
    async fn come_back(&mut self, room: &Room, pad: PadId) -> Result<()> {
        let again = self.client.ticket(room.id).await?;
        ensure!(again.participant == self.me, "came back as somebody else");
        self.socket = self.client.socket(&again.ticket).await?;
        let first = self.socket.next().await?.context("the connection ended")?;
        let ServerMessage::Welcome(welcome) = first else { anyhow::bail!("no welcome but {first:?}") };
        for (name, role, raised) in PEOPLE {
            let person = welcome.people.iter().find(|person| person.name.expose() == name);
            let person = person.with_context(|| format!("{name} is not in the room"))?;
            ensure!(person.role == role, "{name} is {:?} now", person.role);
            ensure!(welcome.hands.contains(&person.id) == raised, "the hand of {name} has changed");
        }
        self.pad = open_pad(&self.client, pad, self.pad.doc.clone()).await?;
        Ok(())
    }

    /// What was typed goes to the server again and is on disk then.
    async fn settle(&mut self) -> Result<()> {
        let counter = self.pad.ask_ack().await?;
        self.pad.wait_for("everything on disk", |pad| pad.acknowledged >= counter).await?;
        self.acknowledged = self.typed.iter().map(|(one, _)| *one).collect();
        for (_, counter) in &mut self.typed {
            *counter = u64::MAX; // counted already
        }
        Ok(())
    }
}

async fn open_pad(client: &Client, pad: PadId, doc: Doc) -> Result<PadClient> {
    let token = client.pad_token(pad).await?.token;
    let mut pad = PadClient::connect(client.origin(), client.ca_pem(), &pad.to_string(), &token, doc).await?;
    pad.wait_for("synced", |pad| pad.synced).await?;
    Ok(pad)
}

/// Lets three people in and gives them their roles and hands.
async fn gather(house: &House, pad: PadId) -> Result<Vec<Person>> {
    let mut trainer = house.admin.socket(&house.admin.join_as_account(house.room.id).await?.ticket).await?;
    trainer.welcome().await?;
    let secret = house.admin.invite(house.room.id, Role::Participant).await?;
    let mut people = Vec::new();
    for (number, (name, role, raised)) in (0_u32..).zip(PEOPLE) {
        let client = house.server.client()?;
        let Joined { participant, ticket, .. } = client.join(&secret, name).await?;
        let mut socket = client.socket(&ticket).await?;
        socket.wait_for(|message| matches!(message, ServerMessage::Waiting { .. }).then_some(())).await?;
        trainer.done(Command::Admit { participant: Some(participant) }).await?;
        socket.welcome().await?;
        if role != Role::Participant {
            trainer.done(Command::ChangeRole { participant, role }).await?;
        }
        if raised {
            socket.done(Command::Hand { raised: true }).await?;
        }
        let doc = document(u64::from(number) + 1);
        let pad = open_pad(&client, pad, doc).await?;
        let next = FIRST + number * SHARE;
        people.push(Person { client, me: participant, socket, pad, next, typed: vec![], acknowledged: vec![] });
    }
    Ok(people)
}

/// Kills the server so many times.
///
/// # Errors
/// When somebody does not come back as they were, or the run could not be made.
pub async fn run(binary: impl Into<PathBuf>, count: u32) -> Result<Proof> {
    let mut house = House::open(binary, true).await?;
    let pad = house.room.pad.context("a room has a pad")?;
    let mut people = gather(&house, pad).await?;
    let mut random = Seeded::new(u64::from(count));
    let (mut lost, mut acknowledged, mut on_the_way) = (0, 0, 0);
    for cycle in 0..count {
        let typing: Vec<_> = people.drain(..).map(|person| tokio::spawn(person.type_on())).collect();
        // The moment of the fall is the proof, not something to be waited for.
        tokio::time::sleep(Duration::from_millis(LIFE.0 + random.below(LIFE.1) as u64)).await;
        house.server.kill().await?;
        for person in typing {
            people.push(person.await?);
        }
        house.server.restart().await?;

        let survived = open_pad(&house.admin, pad, document(1_000 + u64::from(cycle))).await?.text();
        let kept: Vec<char> = people.iter().flat_map(|person| &person.acknowledged).copied().collect();
        lost += kept.iter().filter(|one| !survived.contains(**one)).count();
        acknowledged = kept.len();
        let typed: usize = people.iter().map(|person| person.typed.len()).sum();
        on_the_way += typed - acknowledged;

        for person in &mut people {
            person.come_back(&house.room, pad).await.with_context(|| format!("after kill {}", cycle + 1))?;
        }
        for person in &mut people {
            person.settle().await?;
        }
        for person in &mut people {
            person.pad.wait_for("all characters", |pad| pad.text().chars().count() == typed).await?;
        }
        let text = people[0].pad.text();
        ensure!(people.iter().all(|person| person.pad.text() == text), "cycle {cycle}: the texts differ");
        let all_there = people.iter().flat_map(|person| &person.typed).all(|(one, _)| text.contains(*one));
        ensure!(all_there, "cycle {cycle}: a typed character is gone");
    }
    let panics = house.server.metric("panics_total").await?;
    let mut proof = Proof::default();
    proof.figure("kills", count);
    proof.limit("acknowledged", acknowledged, acknowledged > 0);
    proof.limit("acknowledged_lost", lost, lost == 0);
    // Typed but not acknowledged when the server fell: without them nothing would have been tried.
    proof.limit("typed_on_the_way", on_the_way, on_the_way > 0);
    proof.figure("characters", people[0].pad.text().chars().count());
    proof.figure("people_back_with_role_and_hand", PEOPLE.len() * count as usize);
    proof.limit("panics", panics, panics == 0.0);
    Ok(proof)
}
