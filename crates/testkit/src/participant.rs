//! A headless participant: joins by link, speaks the room protocol, publishes and receives media as a browser would.
//! Used by `tests/stories` and by the load generator.

use crate::call::{Call, Stats};
use crate::http::Client;
use crate::server::Server;
use crate::socket::{PATIENCE, open};
use crate::tap::Tap;
use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use model::ids::ParticipantId;
use model::source::Source;
use std::collections::HashMap;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use wire::api::Joined;
use wire::client::{ClientMessage, Command, SlotWish};
use wire::server::{Event, ServerMessage, SlotContent};

/// Messages that wait to be sent.
const OUTBOX_MESSAGES: usize = 64;
/// Slots with sound and picture that a participant asks for, unless told otherwise.
pub const PAIRS: u8 = 4;
/// Slots with sound alone.
pub const SPEAKERS: u8 = 3;

/// What the server has said so far.
#[derive(Debug, Default)]
struct Heard {
    messages: Vec<ServerMessage>,
    slots: HashMap<u8, SlotContent>,
    ended: bool,
}

/// Somebody in a room, without a browser.
pub struct Participant {
    client: Client,
    joined: Joined,
    call: Call,
    next_id: u32,
    outgoing: mpsc::Sender<ClientMessage>,
    heard: watch::Receiver<Heard>,
    /// How many messages [`Self::wait_for`] has looked at.
    seen: usize,
    task: JoinHandle<()>,
    tap: Option<Tap>,
}

impl Participant {
    /// Goes in by a link as a guest and connects media. Somebody must let them in when there is a lobby.
    ///
    /// # Errors
    /// When the server refuses or does not answer.
    pub async fn join(server: &Server, secret: &str, name: &str) -> Result<Self> {
        let client = server.client()?;
        let joined = client.join(secret, name).await?;
        Box::pin(Self::enter(client, joined, PAIRS, SPEAKERS)).await
    }

    /// Goes in with what joining gave (also as a signed-in person), with so many slots.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub async fn enter(client: Client, joined: Joined, pairs: u8, speakers: u8) -> Result<Self> {
        Box::pin(Self::enter_through(client, joined, pairs, speakers, None)).await
    }

    /// As [`Self::enter`], with media through a tap.
    ///
    /// # Errors
    /// As [`Self::join`].
    pub async fn enter_through(
        client: Client,
        joined: Joined,
        pairs: u8,
        speakers: u8,
        tap: Option<Tap>,
    ) -> Result<Self> {
        let call = Box::pin(Call::new(joined.participant, pairs, speakers)).await?;
        let (outgoing, heard, task) = connect(&client, &joined.ticket).await?;
        let mut this = Self { client, joined, call, next_id: 1, outgoing, heard, seen: 0, task, tap };
        this.wait_for(|message| matches!(message, ServerMessage::Welcome(_)).then_some(())).await?;
        this.negotiate().await?;
        Ok(this)
    }

    async fn negotiate(&mut self) -> Result<()> {
        let offer = self.call.offer().await?;
        let sent = self.id();
        self.send(ClientMessage::Offer { id: sent, sdp: offer.sdp, publish: offer.publish, slots: offer.slots })
            .await?;
        let answer = self.wait_for(|message| match message {
            ServerMessage::Answer { id, sdp } if *id == sent => Some(Ok(sdp.clone())),
            ServerMessage::Refused { id, code } if *id == sent => Some(Err(*code)),
            _ => None,
        });
        match answer.await? {
            Ok(sdp) => {
                let sdp = self.tap.as_ref().map_or(Ok(sdp.clone()), |tap| tap.redirect(&sdp))?;
                self.call.answered(sdp).await
            }
            Err(code) => bail!("offer refused: {code:?}"),
        }
    }

    fn id(&mut self) -> u32 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Who this is in the room.
    #[must_use]
    pub fn participant(&self) -> ParticipantId {
        self.joined.participant
    }

    /// The HTTP client with this person's cookie.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The media connection.
    #[must_use]
    pub fn call(&self) -> &Call {
        &self.call
    }

    /// What its media passes through, if anything.
    #[must_use]
    pub fn tap(&self) -> Option<&Tap> {
        self.tap.as_ref()
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&self, message: ClientMessage) -> Result<()> {
        self.outgoing.send(message).await.context("the websocket is closed")
    }

    /// Sends a command and waits for `done`; a refusal is an error that names the code.
    ///
    /// # Errors
    /// When refused or not answered.
    pub async fn done(&mut self, command: Command) -> Result<()> {
        let sent = self.id();
        self.send(ClientMessage::Command { id: sent, command }).await?;
        let refused = self.wait_for(|message| match message {
            ServerMessage::Done { id } if *id == sent => Some(None),
            ServerMessage::Refused { id, code } if *id == sent => Some(Some(*code)),
            _ => None,
        });
        refused.await?.map_or(Ok(()), |code| Err(anyhow::anyhow!("refused: {code:?}")))
    }

    /// Switches the microphone on, with this loudness (0 loudest, 127 silence; RFC 6464).
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn publish_audio(&mut self, level: u8) -> Result<()> {
        self.done(Command::Source { source: Source::Microphone, on: true }).await?;
        self.call.speak(level);
        Ok(())
    }

    /// Switches the camera on.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn publish_video(&mut self) -> Result<()> {
        self.done(Command::Source { source: Source::Camera, on: true }).await?;
        self.call.show();
        Ok(())
    }

    /// Wishes to see these people's cameras, the first in slot 0 and so on.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn watch(&self, people: &[ParticipantId]) -> Result<()> {
        let wish = |(slot, person): (u8, &ParticipantId)| SlotWish {
            slot,
            participant: Some(*person),
            source: Source::Camera,
            height_px: 360,
        };
        self.subscribe((0..).zip(people).map(wish).collect()).await
    }

    /// Says what slots shall show.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn subscribe(&self, slots: Vec<SlotWish>) -> Result<()> {
        self.send(ClientMessage::Subscribe { slots }).await
    }

    /// What the server says the slots carry now.
    #[must_use]
    pub fn slots(&self) -> HashMap<u8, SlotContent> {
        self.heard.borrow().slots.clone()
    }

    /// Which media has come.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.call.stats()
    }

    /// Waits for media.
    ///
    /// # Errors
    /// When it does not come within [`PATIENCE`].
    pub async fn receives(&self, enough: impl FnMut(&Stats) -> bool) -> Result<Stats> {
        self.call.wait_for(PATIENCE, enough).await
    }

    /// Waits for the next message that `pick` takes; each message is looked at once.
    ///
    /// # Errors
    /// When it does not come within [`PATIENCE`] or the connection ends.
    pub async fn wait_for<T>(&mut self, mut pick: impl FnMut(&ServerMessage) -> Option<T>) -> Result<T> {
        let wait = async {
            loop {
                {
                    let heard = self.heard.borrow_and_update();
                    while let Some(message) = heard.messages.get(self.seen) {
                        self.seen += 1;
                        if let Some(found) = pick(message) {
                            return Ok(found);
                        }
                    }
                    if heard.ended {
                        bail!("the connection ended while waiting");
                    }
                }
                self.heard.changed().await?;
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.context("waited in vain")?
    }

    /// Waits for an event that `pick` takes.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub async fn event<T>(&mut self, mut pick: impl FnMut(&Event) -> Option<T>) -> Result<T> {
        self.wait_for(|message| match message {
            ServerMessage::Event { event } => pick(event),
            _ => None,
        })
        .await
    }

    /// Loses the websocket without saying anything, as a network failure does. Media goes on.
    pub fn lose_websocket(&self) {
        self.task.abort();
    }

    /// Comes back over a new websocket as the same person, and offers again.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn come_back(&mut self) -> Result<()> {
        self.joined = self.client.ticket(self.joined.room).await?;
        (self.outgoing, self.heard, self.task) = connect(&self.client, &self.joined.ticket).await?;
        self.seen = 0;
        self.wait_for(|message| matches!(message, ServerMessage::Welcome(_)).then_some(())).await?;
        self.negotiate().await
    }

    /// Leaves the room.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn leave(mut self) -> Result<()> {
        let id = self.id();
        self.send(ClientMessage::Command { id, command: Command::Leave {} }).await?;
        self.call.close().await
    }
}

impl Drop for Participant {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Link = (mpsc::Sender<ClientMessage>, watch::Receiver<Heard>, JoinHandle<()>);

async fn connect(client: &Client, ticket: &str) -> Result<Link> {
    let url = format!("{}/api/v1/socket", client.origin().replacen("http", "ws", 1));
    let (mut sink, mut stream) = open(&url, Some(client.origin()), client.ca_pem()).await?.split();
    let hello = ClientMessage::Hello { ticket: ticket.to_owned(), protocol: wire::PROTOCOL_VERSION };
    sink.send(Message::text(serde_json::to_string(&hello)?)).await?;
    let (outgoing, mut outbox) = mpsc::channel::<ClientMessage>(OUTBOX_MESSAGES);
    let (hearing, heard) = watch::channel(Heard::default());
    let task = tokio::spawn(async move {
        loop {
            tokio::select! {
                message = outbox.recv() => {
                    let Some(Ok(text)) = message.map(|message| serde_json::to_string(&message)) else { break };
                    if sink.send(Message::text(text)).await.is_err() {
                        break;
                    }
                }
                frame = stream.next() => match frame {
                    Some(Ok(Message::Text(text))) => hearing.send_modify(|heard| heard.take(&text)),
                    None | Some(Err(_) | Ok(Message::Close(_))) => break,
                    Some(Ok(_)) => {}
                },
            }
        }
        hearing.send_modify(|heard| heard.ended = true);
    });
    Ok((outgoing, heard, task))
}

impl Heard {
    fn take(&mut self, text: &str) {
        // What is not of the protocol ends the wait of whoever counts on it; the frame itself is tested elsewhere.
        let Ok(message) = serde_json::from_str(text) else {
            self.ended = true;
            return;
        };
        if let ServerMessage::Event { event: Event::Slots { slots } } = &message {
            self.slots.extend(slots.iter().map(|content| (content.slot, content.clone())));
        }
        self.messages.push(message);
    }
}
