//! Stories: a lost websocket, a second tab and kill -9 of the server all end with the same person,
//! role and hand, without the lobby.

use anyhow::{Context, Result};
use model::role::Role;
use testkit::http::Client;
use testkit::server::Server;
use testkit::socket::RoomSocket;
use wire::api::{Joined, Room};
use wire::client::Command;
use wire::code::Code;
use wire::server::{Event, ServerMessage};

use crate::BINARY;

struct Meeting {
    server: Server,
    admin: Client,
    trainer: RoomSocket,
    guest: Client,
    joined: Joined,
    socket: RoomSocket,
    room: Room,
}

/// A trainer, and a guest who was let in.
async fn meeting() -> Result<Meeting> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("printed")?).await?;
    let room = admin.create_room("Raum").await?;
    let secret = admin.invite(room.id, Role::Participant).await?;
    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    trainer.welcome().await?;
    let guest = server.client()?;
    let joined = guest.join(&secret, "Miriam").await?;
    let mut socket = guest.socket(&joined.ticket).await?;
    socket.wait_for(|m| matches!(m, ServerMessage::Waiting { .. }).then_some(())).await?;
    trainer.done(Command::Admit { participant: Some(joined.participant) }).await?;
    socket.welcome().await?;
    Ok(Meeting { server, admin, trainer, guest, joined, socket, room })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_websocket_comes_back_as_the_same_person() -> Result<()> {
    let mut m = meeting().await?;
    m.socket.done(Command::Hand { raised: true }).await?;
    drop(m.socket);
    m.trainer.event(|e| matches!(e, Event::Person { person } if !person.connected).then_some(())).await?;
    let again = m.guest.ticket(m.room.id).await?;
    assert_eq!(again.participant, m.joined.participant);
    let welcome = m.guest.socket(&again.ticket).await?.welcome().await?;
    assert_eq!(welcome.hands, [m.joined.participant]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_tab_wins_and_a_ticket_is_good_once() -> Result<()> {
    let mut m = meeting().await?;
    let ticket = m.guest.ticket(m.room.id).await?.ticket;
    let mut second = m.guest.socket(&ticket).await?;
    assert_eq!(second.welcome().await?.people.len(), 2);
    let bye = |m: &ServerMessage| match m {
        ServerMessage::Bye { code } => Some(*code),
        _ => None,
    };
    assert_eq!(m.socket.wait_for(bye).await?, Code::Replaced);
    assert_eq!(m.guest.socket(&ticket).await?.wait_for(bye).await?, Code::TicketInvalid);
    second.done(Command::Hand { raised: true }).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_keeps_admission_role_and_hand() -> Result<()> {
    let mut m = meeting().await?;
    let guest = m.joined.participant;
    m.trainer.done(Command::ChangeRole { participant: guest, role: Role::CoTrainer }).await?;
    m.socket.done(Command::Hand { raised: true }).await?;
    for _ in 0..3 {
        m.server.kill().await?;
        m.server.restart().await?;
        let again = m.guest.ticket(m.room.id).await?;
        assert_eq!(again.participant, guest);
        let welcome = m.guest.socket(&again.ticket).await?.welcome().await?;
        assert_eq!(welcome.hands, [guest]);
        assert!(welcome.people.iter().any(|p| p.id == guest && p.role == Role::CoTrainer));
    }
    let mut trainer = m.admin.socket(&m.admin.ticket(m.room.id).await?.ticket).await?;
    assert_eq!(trainer.welcome().await?.hands, [guest]);
    Ok(())
}
