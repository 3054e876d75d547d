//! Story (S-06): somebody waits while a meeting runs; every frame they receive is recorded and is on the whitelist. A
//! whole minute with media and a pad: `cargo xtask prove lobby`.

use anyhow::Result;
use model::name::{ChatText, KnockText, LobbyText};
use model::role::Role;
use model::room::{Audience, RoomPolicy};
use model::source::Source;
use testkit::proofs::lobby::is_foreign;
use testkit::server::Server;
use wire::client::Command;
use wire::server::{Event, ServerMessage};

use crate::BINARY;

#[tokio::test(flavor = "multi_thread")]
async fn the_waiting_receive_nothing_of_a_running_meeting() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().expect("printed")).await?;
    let room = admin.create_room("Ideenwerkstatt").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;

    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    trainer.welcome().await?;
    let inside = server.client()?;
    let joined = inside.join(&secret, "Miriam").await?;
    let mut inside = inside.socket(&joined.ticket).await?;
    inside.wait_for(|m| matches!(m, ServerMessage::Waiting { .. }).then_some(())).await?;
    trainer.done(Command::Admit { participant: Some(joined.participant) }).await?;
    inside.welcome().await?;

    let outside = server.client()?;
    let waiting = outside.join(&secret, "Walter").await?;
    let mut waiter = outside.socket(&waiting.ticket).await?;
    waiter.wait_for(|m| matches!(m, ServerMessage::Waiting { .. }).then_some(())).await?;
    waiter.done(Command::Knock { text: KnockText::parse("Ich bin's")? }).await?;

    // The meeting runs: everything that makes events.
    for n in 0..15 {
        inside.done(Command::Chat { text: ChatText::parse(&format!("Rhabarber {n}"))? }).await?;
    }
    inside.done(Command::Hand { raised: true }).await?;
    inside.done(Command::Source { source: Source::Microphone, on: true }).await?;
    trainer.done(Command::Silence { participant: None, source: Source::Microphone }).await?;
    trainer.done(Command::LowerHand { participant: None }).await?;
    trainer.done(Command::Lock { locked: true }).await?;
    trainer.done(Command::Lock { locked: false }).await?;
    trainer.done(Command::LobbyMessage { text: Some(LobbyText::parse("gleich")?) }).await?;
    let policy = RoomPolicy { share: Audience::Everyone, ..RoomPolicy::default() };
    trainer.done(Command::Policy { policy }).await?;

    // What the waiting must not do changes nothing.
    assert!(waiter.done(Command::Chat { text: ChatText::parse("hallo")? }).await.is_err());
    assert!(waiter.done(Command::Admit { participant: Some(waiting.participant) }).await.is_err());
    trainer.done(Command::Deny { participant: waiting.participant }).await?;
    while waiter.next().await?.is_some() {}

    assert!(waiter.recorded.len() >= 5, "{:?}", waiter.recorded);
    for frame in &waiter.recorded {
        assert!(!is_foreign(frame, &["Miriam", "Rhabarber", "Ideenwerkstatt"]), "{frame}");
    }
    inside.event(|e| matches!(e, Event::Room { .. }).then_some(())).await?;
    Ok(())
}
