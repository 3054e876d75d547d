//! Story (S-04): a right in the pad that changes while its connection is open takes effect at once, whoever changed it
//! and where; whoever is out of the room is out of the pad.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use model::ids::{PadId, ParticipantId};
use model::role::Role;
use model::room::{Audience, RoomPolicy};
use testkit::http::Client;
use testkit::pad::{PadClient, document};
use testkit::server::Server;
use testkit::socket::RoomSocket;
use wire::api::{PadRight, Room};
use wire::client::Command;

use crate::pad_sync::server_with_pad;

/// `Close::Right` as its close code.
const NO_RIGHT: Option<u16> = Some(4403);
const READ_ONLY: &str = "pad_read_only";

/// Somebody in the room with the pad open.
struct Writer {
    id: ParticipantId,
    client: Client,
    socket: RoomSocket,
    pad: PadClient,
}

impl Writer {
    async fn come(server: &Server, secret: &str, name: &str, pad: PadId, number: u64) -> Result<Self> {
        let client = server.client()?;
        let joined = client.join(secret, name).await?;
        let mut socket = client.socket(&joined.ticket).await?;
        socket.welcome().await?;
        let token = client.pad_token(pad).await?;
        assert_eq!(token.right, PadRight::Write);
        let pad = open(&client, pad, &token.token, number).await?;
        Ok(Self { id: joined.participant, client, socket, pad })
    }

    /// Writes, and it is kept.
    async fn writes(&mut self, what: &str) -> Result<()> {
        let counter = self.pad.type_at(0, what).await?;
        self.pad.wait_for("on disk", |pad| pad.acknowledged >= counter).await
    }

    /// Is told of another right; the last one counts.
    async fn may(&mut self, right: &str) -> Result<()> {
        let told = |pad: &PadClient| {
            pad.notices.iter().rfind(|notice| notice.starts_with("right_")) == Some(&right.to_owned())
        };
        self.pad.wait_for(right, told).await
    }

    /// Writes, and is told that this is not allowed.
    async fn is_refused(&mut self, what: &str) -> Result<()> {
        let told = |pad: &PadClient| pad.notices.iter().filter(|notice| *notice == READ_ONLY).count();
        let before = told(&self.pad);
        self.pad.type_at(0, what).await?;
        self.pad.wait_for("the refusal", |pad| told(pad) > before).await.with_context(|| format!("of {what}"))
    }
}

async fn open(client: &Client, pad: PadId, token: &str, number: u64) -> Result<PadClient> {
    let doc = document(number);
    let mut pad = PadClient::connect(client.origin(), client.ca_pem(), &pad.to_string(), token, doc).await?;
    pad.wait_for("synced", |pad| pad.synced).await?;
    Ok(pad)
}

struct Meeting {
    server: Server,
    admin: Client,
    room: Room,
    pad: PadId,
    trainer: RoomSocket,
    secret: String,
}

async fn meeting() -> Result<Meeting> {
    let (server, admin, room, pad) = server_with_pad().await?;
    let room = admin.change_room(&room, |settings| settings.lobby = false).await?;
    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    trainer.welcome().await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    Ok(Meeting { server, admin, room, pad, trainer, secret })
}

/// What the pad holds, seen by somebody who has just come.
async fn text(meeting: &Meeting) -> Result<String> {
    let token = meeting.admin.pad_token(meeting.pad).await?.token;
    Ok(open(&meeting.admin, meeting.pad, &token, 99).await?.text())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_taken_away_is_gone_with_the_next_update() -> Result<()> {
    let mut m = meeting().await?;
    let mut ada = Writer::come(&m.server, &m.secret, "Ada", m.pad, 10).await?;
    ada.writes("eins ").await?;

    let only_trainers = RoomPolicy { write: Audience::Trainers, ..RoomPolicy::default() };
    m.trainer.done(Command::Policy { policy: only_trainers }).await?;
    ada.may("right_read").await?;
    ada.is_refused("HEIMLICH ").await?;
    assert_eq!(text(&m).await?, "eins ");
    assert_eq!(ada.client.pad_token(m.pad).await?.right, PadRight::Read, "a new token says the same");

    // With the right back, what was written meanwhile is asked for and kept: nobody's text is lost.
    m.trainer.done(Command::Policy { policy: RoomPolicy::default() }).await?;
    ada.may("right_write").await?;
    ada.writes("zwei ").await?;
    assert_eq!(text(&m).await?, "zwei HEIMLICH eins ");

    // The same by another role …
    m.trainer.done(Command::ChangeRole { participant: ada.id, role: Role::ReadOnly }).await?;
    ada.may("right_read").await?;
    ada.is_refused("GELESEN ").await?;
    m.trainer.done(Command::ChangeRole { participant: ada.id, role: Role::Participant }).await?;
    ada.may("right_write").await?;
    ada.writes("drei ").await?;

    // … and by the room's settings, from outside the room.
    let room: Room =
        m.admin.call(reqwest::Method::GET, &format!("/api/v1/rooms/{}", m.room.id), &serde_json::Value::Null).await?;
    let room = m.admin.change_room(&room, |settings| settings.policy.write = Audience::Trainers).await?;
    ada.may("right_read").await?;
    ada.is_refused("AUSSEN ").await?;
    assert_eq!(text(&m).await?, "drei GELESEN zwei HEIMLICH eins ");
    m.admin.change_room(&room, |settings| settings.pad = false).await?;
    assert_eq!(ada.pad.wait_for_close().await?, NO_RIGHT, "a room without pad");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_out_of_the_room_is_out_of_its_pad() -> Result<()> {
    let mut m = meeting().await?;
    let mut removed = Writer::come(&m.server, &m.secret, "Ada", m.pad, 10).await?;
    let mut leaves = Writer::come(&m.server, &m.secret, "Ben", m.pad, 20).await?;
    let mut stays = Writer::come(&m.server, &m.secret, "Eva", m.pad, 30).await?;
    removed.writes("eins ").await?;
    let token = removed.client.pad_token(m.pad).await?.token;

    let asked = Instant::now();
    m.trainer.done(Command::Remove { participant: removed.id }).await?;
    assert_eq!(removed.pad.wait_for_close().await?, NO_RIGHT);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    // Neither the token that they still hold nor a new one opens it again.
    let (origin, ca) = (m.server.origin(), m.server.ca_pem()?);
    let mut again = PadClient::connect(origin, &ca, &m.pad.to_string(), &token, document(11)).await?;
    assert_eq!(again.wait_for_close().await?, NO_RIGHT);
    assert!(removed.client.pad_token(m.pad).await.is_err());

    leaves.socket.command(Command::Leave {}).await?;
    assert_eq!(leaves.pad.wait_for_close().await?, NO_RIGHT);

    stays.pad.wait_for("the first text", |pad| pad.text() == "eins ").await?;
    stays.writes("zwei ").await?;
    m.trainer.done(Command::EndForAll {}).await?;
    assert_eq!(stays.pad.wait_for_close().await?, NO_RIGHT);
    assert_eq!(text(&m).await?, "zwei eins ");
    Ok(())
}
