//! Stories (S-08): who is removed is out within a second and stays out; whoever comes by the link then waits, though
//! the room has no lobby, until the link is renewed. And the end for all.

use std::time::{Duration, Instant};

use anyhow::Result;
use model::role::Role;
use reqwest::Method;
use serde_json::json;
use testkit::server::Server;
use wire::client::Command;
use wire::code::Code;
use wire::server::ServerMessage;

use crate::BINARY;

fn bye(message: &ServerMessage) -> Option<Code> {
    match message {
        ServerMessage::Bye { code } => Some(*code),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_guest_stays_out_and_comers_wait() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().expect("printed")).await?;
    let room = admin.create_room("Raum").await?;
    let mut settings = room.settings.clone();
    settings.lobby = false;
    let change = json!({ "version": room.version, "settings": settings });
    let (status, _) = admin.send(Method::PATCH, &format!("/api/v1/rooms/{}", room.id), &change).await?;
    assert!(status.is_success());
    let secret = admin.invite(room.id, Role::Participant).await?;
    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    trainer.welcome().await?;

    let guest = server.client()?;
    let joined = guest.join(&secret, "Gast").await?;
    let mut socket = guest.socket(&joined.ticket).await?;
    socket.welcome().await?;
    let asked = Instant::now();
    trainer.done(Command::Remove { participant: joined.participant }).await?;
    assert_eq!(socket.wait_for(bye).await?, Code::Removed);
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());

    // The same browser is refused at both doors.
    let (_, body) = guest.send(Method::POST, "/api/v1/join", &json!({ "secret": secret, "name": "Gast" })).await?;
    assert_eq!(body["code"], "removed");
    let ticket = format!("/api/v1/rooms/{}/ticket", room.id);
    assert_eq!(guest.send(Method::POST, &ticket, &serde_json::Value::Null).await?.1["code"], "removed");

    let other = server.client()?;
    let mut waiter = other.socket(&other.join(&secret, "Andere").await?.ticket).await?;
    waiter.wait_for(|m| matches!(m, ServerMessage::Waiting { .. }).then_some(())).await?;
    trainer.done(Command::EndForAll {}).await?;
    assert_eq!(waiter.wait_for(bye).await?, Code::Ended);
    assert_eq!(trainer.wait_for(bye).await?, Code::Ended);
    Ok(())
}
