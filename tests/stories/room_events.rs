//! Story: where websockets are blocked, a room is the same over a stream of events and posts (S-17, R-11).

use anyhow::{Context, Result};
use model::role::Role;
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use testkit::http::Client;
use testkit::server::Server;
use testkit::socket::PATIENCE;
use wire::client::Command;
use wire::server::Event;

use crate::BINARY;

/// The stream of events of one person.
struct Line {
    answer: Response,
    rest: String,
    secret: String,
}

fn hello(ticket: &str) -> String {
    json!({ "type": "hello", "ticket": ticket, "protocol": wire::PROTOCOL_VERSION }).to_string()
}

impl Line {
    async fn open(client: &Client, ticket: &str) -> Result<Self> {
        let answer = client.request(Method::POST, "/api/v1/events").body(hello(ticket)).send().await?;
        assert_eq!(answer.status(), StatusCode::OK);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        let mut line = Self { answer, rest: String::new(), secret: String::new() };
        let first = line.event().await?.context("a stream without its name")?;
        line.secret = first.strip_prefix("event: line\ndata: ").context("the line's name comes first")?.to_owned();
        Ok(line)
    }

    /// The next event as it stands; `None` at the end of the stream.
    async fn event(&mut self) -> Result<Option<String>> {
        loop {
            if let Some((event, rest)) = self.rest.split_once("\n\n") {
                let event = event.to_owned();
                self.rest = rest.to_owned();
                return Ok(Some(event));
            }
            match tokio::time::timeout(PATIENCE, self.answer.chunk()).await?? {
                Some(chunk) => self.rest.push_str(std::str::from_utf8(&chunk)?),
                None => return Ok(None),
            }
        }
    }

    /// Waits for a message.
    async fn wait_for(&mut self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        loop {
            let event = self.event().await?.context("the stream ended")?;
            let Some(data) = event.strip_prefix("data: ") else { continue };
            let message: Value = serde_json::from_str(data)?;
            if is(&message) {
                return Ok(message);
            }
        }
    }

    async fn post(&self, client: &Client, messages: &str) -> Result<StatusCode> {
        let request = client.request(Method::POST, "/api/v1/events/messages").header("werkraum-line", &self.secret);
        Ok(request.body(messages.to_owned()).send().await?.status())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_goes_on_without_websockets() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().expect("printed")).await?;
    let room = admin.create_room("Amt").await?;
    let mut trainer = admin.socket(&admin.join_as_account(room.id).await?.ticket).await?;
    trainer.welcome().await?;

    let guest = server.client()?;
    let joined = guest.join(&admin.invite(room.id, Role::Participant).await?, "Olena").await?;
    let mut line = Line::open(&guest, &joined.ticket).await?;
    line.wait_for(|message| message["type"] == "waiting" || message["type"] == "welcome").await?;
    trainer.done(Command::Admit { participant: None }).await?;
    line.wait_for(|message| message["type"] == "welcome").await?;

    // Several messages in one post; the trainer's websocket sees what they do. A pong comes without asking the room.
    let raised = json!({ "type": "command", "id": 1, "command": { "name": "hand", "raised": true } });
    let ping = json!({ "type": "ping" });
    assert_eq!(line.post(&guest, &format!("{raised}\n{ping}")).await?, StatusCode::NO_CONTENT);
    line.wait_for(|message| message["type"] == "pong").await?;
    line.wait_for(|message| message["type"] == "done" && message["id"] == 1).await?;
    trainer.event(|event| matches!(event, Event::Hands { hands } if !hands.is_empty()).then_some(())).await?;

    // A sign of life is no message, and rules hold as on the websocket: what cannot be meant ends the line.
    assert_eq!(line.post(&guest, "").await?, StatusCode::NO_CONTENT);
    assert_eq!(line.post(&guest, "{").await?, StatusCode::NO_CONTENT);
    let bye = line.wait_for(|message| message["type"] == "bye").await?;
    assert_eq!(bye["code"], "malformed");
    assert_eq!(line.event().await?, None);
    assert_eq!(line.post(&guest, "").await?, StatusCode::NOT_FOUND);

    // Back as the same person with the hand still up.
    let mut back = Line::open(&guest, &guest.ticket(room.id).await?.ticket).await?;
    let welcome = back.wait_for(|message| message["type"] == "welcome").await?;
    assert!(welcome.to_string().contains("Olena"));
    // Somebody else has no way into this line, and no page of another origin opens one (S-17).
    let stranger = server.client()?;
    let wrong = Line { answer: back.answer, rest: back.rest, secret: "AAAAAAAAAAAAAAAAAAAAAA".to_owned() };
    assert_eq!(wrong.post(&stranger, "").await?, StatusCode::NOT_FOUND);
    let ticket = guest.ticket(room.id).await?.ticket;
    for path in ["/api/v1/events", "/api/v1/events/messages"] {
        let mut foreign = stranger.request(Method::POST, path).body(hello(&ticket)).build()?;
        foreign.headers_mut().insert("origin", "https://evil.example".parse()?);
        assert_eq!(stranger.execute(foreign).await?.status(), StatusCode::FORBIDDEN, "{path}");
    }
    let used = stranger.request(Method::POST, "/api/v1/events").body(hello("wrong")).send().await?;
    assert!(used.status().is_client_error());
    Ok(())
}
