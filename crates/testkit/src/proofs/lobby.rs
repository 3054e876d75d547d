//! Proof (S-06): somebody waits while a meeting runs with all that makes events: people come, speak, show, chat, raise
//! hands, write in the pad. Each frame that the waiting person receives is recorded and must be on the whitelist.

use super::{House, Proof};
use crate::http::Client;
use crate::pad::{PadClient, document};
use crate::participant::{PAIRS, Participant, SPEAKERS};
use crate::socket::RoomSocket;
use anyhow::{Context, Result};
use model::ids::ParticipantId;
use model::name::{ChatText, KnockText, LobbyText, PersonName};
use model::role::Role;
use model::room::{Audience, RoomPolicy};
use model::source::Source;
use serde_json::Value;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, interval};
use wire::client::{ClientMessage, Command};
use wire::server::ServerMessage;

/// What the waiting may receive, and the fields that each message may have.
const WHITELIST: [(&str, &[&str]); 5] = [
    ("waiting", &["type", "message"]),
    ("done", &["type", "id"]),
    ("refused", &["type", "id", "code"]),
    ("pong", &["type"]),
    ("bye", &["type", "code"]),
];
/// Words of the meeting that must not be anywhere in what the waiting receive.
const WORDS: [&str; 6] = ["Ideenwerkstatt", "Rhabarber", "Miriam", "Jonas", "Zuspät", "Ada Admin"];
/// Something happens in the meeting so often; a person may chat 20 times in 10 s.
const BEAT: Duration = Duration::from_millis(600);

/// Whether somebody who waits must not receive this frame.
#[must_use]
pub fn is_foreign(frame: &str, words: &[&str]) -> bool {
    let Ok(Value::Object(message)) = serde_json::from_str::<Value>(frame) else { return true };
    let kind = message.get("type").and_then(Value::as_str);
    let Some((_, fields)) = WHITELIST.iter().find(|(name, _)| kind == Some(name)) else { return true };
    message.keys().any(|field| !fields.contains(&field.as_str())) || words.iter().any(|word| frame.contains(word))
}

/// Records a waiting person's websocket until told to stop; does what they may and tries what they may not.
async fn wait_in_the_lobby(mut socket: RoomSocket, mut stop: oneshot::Receiver<()>) -> Result<Vec<String>> {
    let mut beat = interval(Duration::from_secs(2));
    let mut id = 1_000;
    loop {
        tokio::select! {
            _ = &mut stop => return Ok(socket.recorded),
            message = socket.next() => { message?.context("the waiting person's connection ended")?; }
            _ = beat.tick() => {
                id += 1;
                let command = match id % 5 {
                    0 => Command::Knock { text: KnockText::parse("Ich bin's")? },
                    1 => Command::Rename { to: PersonName::parse("Walter")? },
                    2 => Command::Chat { text: ChatText::parse("hallo")? },
                    3 => Command::Hand { raised: true },
                    _ => Command::Admit { participant: None },
                };
                socket.send(&ClientMessage::Command { id, command }).await?;
                socket.send(&ClientMessage::Ping {}).await?;
            }
        }
    }
}

/// A meeting that goes on.
struct Meeting {
    trainer: RoomSocket,
    guests: Vec<Participant>,
    pad: PadClient,
    secret: String,
    turn: u32,
}

impl Meeting {
    async fn open(house: &House) -> Result<Self> {
        let mut trainer = house.admin.socket(&house.admin.join_as_account(house.room.id).await?.ticket).await?;
        trainer.welcome().await?;
        let secret = house.admin.invite(house.room.id, Role::Participant).await?;
        let mut guests = Vec::new();
        for name in ["Miriam", "Jonas"] {
            guests.push(let_in(&mut trainer, house, &secret, name).await?);
        }
        let pad = house.room.pad.context("a room has a pad")?;
        let token = guests[0].client().pad_token(pad).await?.token;
        let (origin, ca) = (house.server.origin(), house.server.ca_pem()?);
        let pad = PadClient::connect(origin, &ca, &pad.to_string(), &token, document(1)).await?;
        Ok(Self { trainer, guests, pad, secret, turn: 0 })
    }

    fn ids(&self) -> Vec<ParticipantId> {
        self.guests.iter().map(Participant::participant).collect()
    }

    /// The next thing that happens.
    async fn go_on(&mut self, house: &House) -> Result<()> {
        self.turn += 1;
        let turn = self.turn;
        let ids = self.ids();
        let speaker = &mut self.guests[(turn % 2) as usize];
        match turn % 10 {
            0 => speaker.done(Command::Hand { raised: true }).await?,
            1 => speaker.publish_audio(15).await?,
            2 => speaker.publish_video().await?,
            3 => speaker.watch(&ids).await?,
            4 => self.trainer.done(Command::LowerHand { participant: None }).await?,
            5 => self.trainer.done(Command::Silence { participant: None, source: Source::Microphone }).await?,
            6 => {
                let share = if turn.is_multiple_of(20) { Audience::Trainers } else { Audience::Everyone };
                self.trainer.done(Command::Policy { policy: RoomPolicy { share, ..RoomPolicy::default() } }).await?;
            }
            7 => {
                let text = Some(LobbyText::parse(&format!("gleich, {turn}"))?);
                self.trainer.done(Command::LobbyMessage { text }).await?;
            }
            8 => {
                let late = let_in(&mut self.trainer, house, &self.secret, "Zuspät").await?;
                self.trainer
                    .done(Command::ChangeRole { participant: late.participant(), role: Role::CoTrainer })
                    .await?;
                late.leave().await?;
            }
            _ => {
                self.trainer.done(Command::Lock { locked: true }).await?;
                self.trainer.done(Command::Lock { locked: false }).await?;
            }
        }
        self.guests[1].done(Command::Chat { text: ChatText::parse(&format!("Rhabarber {turn}"))? }).await?;
        let counter = self.pad.type_at(0, "Rhabarberkuchen ").await?;
        self.pad.wait_for("on disk", |pad| pad.acknowledged >= counter).await
    }
}

async fn let_in(trainer: &mut RoomSocket, house: &House, secret: &str, name: &str) -> Result<Participant> {
    let client = house.server.client()?;
    let joined = client.join(secret, name).await?;
    let participant = joined.participant;
    let entering = tokio::spawn(async move { Participant::enter(client, joined, PAIRS, SPEAKERS).await });
    // They can be let in as soon as they wait.
    trainer
        .event(|event| match event {
            wire::server::Event::Lobby { lobby } => lobby.waiting.iter().any(|p| p.id == participant).then_some(()),
            _ => None,
        })
        .await?;
    trainer.done(Command::Admit { participant: Some(participant) }).await?;
    entering.await?
}

async fn waiting(client: &Client, secret: &str) -> Result<RoomSocket> {
    let mut socket = client.socket(&client.join(secret, "Walter").await?.ticket).await?;
    socket.wait_for(|message| matches!(message, ServerMessage::Waiting { .. }).then_some(())).await?;
    Ok(socket)
}

/// Records for so long.
///
/// # Errors
/// When the meeting does not run, or the waiting person is thrown out.
pub async fn run(binary: impl Into<PathBuf>, time: Duration) -> Result<Proof> {
    let house = House::open(binary, true).await?;
    let mut meeting = Meeting::open(&house).await?;
    let outside = house.server.client()?;
    let waiter = waiting(&outside, &meeting.secret).await?;
    let (stop, stopped) = oneshot::channel();
    let recording = tokio::spawn(wait_in_the_lobby(waiter, stopped));

    let begin = Instant::now();
    let mut beat = interval(BEAT);
    while begin.elapsed() < time {
        beat.tick().await;
        meeting.go_on(&house).await?;
    }
    // The other way of getting in: no media, no pad.
    let pad = house.room.pad.context("a room has a pad")?;
    let token = outside.pad_token(pad).await;
    // An error says that the recording has ended; its result tells why.
    let _ = stop.send(());
    let frames = recording.await??;

    let foreign: Vec<&String> = frames.iter().filter(|frame| is_foreign(frame, &WORDS)).collect();
    let mut proof = Proof::default();
    proof.limit("frames", frames.len(), !frames.is_empty());
    proof.figure("seconds", begin.elapsed().as_secs());
    proof.figure("turns_of_the_meeting", meeting.turn);
    proof.limit("foreign", foreign.len(), foreign.is_empty());
    proof.limit("pad_tokens", u8::from(token.is_ok()), token.is_err());
    for frame in foreign.iter().take(5) {
        proof.broken.push((*frame).clone());
    }
    Ok(proof)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whitelist_is_not_foreign() {
        for good in [
            r#"{"type":"waiting","message":"gleich"}"#,
            r#"{"type":"pong"}"#,
            r#"{"type":"refused","id":1,"code":"not_allowed"}"#,
        ] {
            assert!(!is_foreign(good, &WORDS), "{good}");
        }
        for bad in [
            r#"{"type":"event","event":{}}"#,
            r#"{"type":"waiting","message":null,"people":3}"#,
            r#"{"type":"waiting","message":"Miriam spricht"}"#,
            r#"{}"#,
            "binary: 1",
        ] {
            assert!(is_foreign(bad, &WORDS), "{bad}");
        }
    }
}
