//! Story (R-22, S-02, S-19): 10,000 malformed websocket frames, before and after hello, change nothing for a meeting.

use anyhow::Result;
use model::name::ChatText;
use model::role::Role;
use testkit::http::Client;
use testkit::server::Server;
use wire::client::Command;
use wire::code::Code;
use wire::server::ServerMessage;

use crate::BINARY;

const FRAMES: usize = 10_000;
/// A connection ends at its first malformed frame; the others press on behind it. Each connection begins with another
/// kind. What single frames do to the reader itself, `socket/dispatch.rs` tries by the thousand.
const PER_CONNECTION: usize = 50;

fn malformed(n: usize) -> String {
    match n % 12 {
        0 => "{".repeat(n % 400 + 1),
        1 => r#"{"type":"ping","type":"ping"}"#.into(),
        2 => r#"{"type":"command","id":1,"command":{"name":"hand","raised":true,"from":"x"}}"#.into(),
        3 => r#"{"type":"command","id":4294967296,"command":{"name":"leave"}}"#.into(),
        4 => format!("{}{}", "[".repeat(17 + n % 1_000), "]".repeat(17 + n % 1_000)),
        5 => String::new(),
        6 => r#"{"type":"unknown"}"#.into(),
        7 => r#"{"type":"command","id":1,"command":{"name":"unmute","participant":null}}"#.into(),
        8 => "\u{0}\u{1}".repeat(n % 100 + 1),
        9 => r#"{"type":"hello","ticket":1}"#.into(),
        10 => r#"{"type":"offer","id":1,"sdp":5,"publish":[],"slots":[]}"#.into(),
        _ => "x".repeat(3_000),
    }
}

async fn flood(server: &Server, stranger: Option<(&Client, model::ids::RoomId)>) -> Result<()> {
    for connection in 0..FRAMES / PER_CONNECTION / 2 {
        let ticket = match stranger {
            Some((client, room)) => client.ticket(room).await?.ticket,
            None => "wrong".to_owned(),
        };
        let client = server.client()?;
        let url = format!("{}/api/v1/socket", client.origin().replacen("http", "ws", 1));
        let mut socket = testkit::socket::open(&url, Some(client.origin()), client.ca_pem()).await?;
        use futures_util::SinkExt;
        use tokio_tungstenite::tungstenite::Message;
        if stranger.is_some() {
            let hello = serde_json::json!({ "type": "hello", "ticket": ticket, "protocol": wire::PROTOCOL_VERSION });
            socket.send(Message::text(hello.to_string())).await?;
        }
        for n in 0..PER_CONNECTION {
            // An error says that the server has closed already, which is what it should do.
            if socket.send(Message::text(malformed(connection + n))).await.is_err() {
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_frames_change_nothing() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().expect("printed")).await?;
    let room = admin.create_room("Raum").await?;
    let secret = admin.invite(room.id, Role::CoTrainer).await?;
    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    let before = trainer.welcome().await?;

    let hostile = server.client()?;
    let joined = hostile.join(&secret, "Gast").await?;
    flood(&server, None).await?;
    flood(&server, Some((&hostile, room.id))).await?;

    let mut last = hostile.socket(&hostile.ticket(room.id).await?.ticket).await?;
    last.welcome().await?;
    last.send_text(r#"{"type":"ping","from":"x"}"#).await?;
    let bye = |m: &ServerMessage| matches!(m, ServerMessage::Bye { code: Code::Malformed }).then_some(());
    last.wait_for(bye).await?;

    trainer.done(Command::Chat { text: ChatText::parse("geht noch")? }).await?;
    let mut again = admin.socket(&admin.ticket(room.id).await?.ticket).await?;
    let after = again.welcome().await?;
    assert_eq!((after.policy, after.locked, &after.hands), (before.policy, before.locked, &before.hands));
    assert!(after.people.iter().all(|p| p.id == before.you || p.id == joined.participant));
    assert_eq!(after.chat.len(), 1);
    assert!(!server.output().iter().any(|line| line.contains("panic")), "{:?}", server.output());
    Ok(())
}
