//! One browser's line to the room, whatever carries it: a websocket, or where something on the way forbids those a
//! stream of events with posts in the other direction (`events`). `connection` runs it and knows no difference.

use super::connection::{Ending, broken};
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use model::limits;
use std::time::Duration;
use tokio::sync::mpsc;

/// Something that came.
#[derive(Debug)]
pub(super) enum Heard {
    /// A message.
    Text(Utf8Bytes),
    /// A sign of life without content.
    Sign,
    /// It is over, or has to be.
    End(Ending),
}

/// The line.
pub(super) enum Line {
    /// A websocket.
    Socket(Box<WebSocket>),
    /// Events and posts.
    Events(EventLine),
}

/// Our ends of the queues between the two halves of a line of events; both are bounded.
pub(super) struct EventLine {
    /// What was posted.
    pub(super) posted: mpsc::Receiver<Utf8Bytes>,
    /// The body of the event stream.
    pub(super) stream: mpsc::Sender<Bytes>,
}

impl Line {
    /// The next thing that comes. Nothing is lost when this is dropped while it waits.
    pub(super) async fn hear(&mut self) -> Heard {
        match self {
            Self::Socket(socket) => match socket.recv().await {
                None | Some(Ok(Message::Close(_))) => Heard::End(Ending::Gone),
                Some(Err(error)) => Heard::End(broken(&error)),
                Some(Ok(Message::Binary(_))) => Heard::End(Ending::Bye(wire::code::Code::Malformed)),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Heard::Sign,
                Some(Ok(Message::Text(text))) => Heard::Text(text),
            },
            Self::Events(events) => tokio::select! {
                posted = events.posted.recv() => match posted {
                    // An empty post is a sign of life.
                    Some(text) if text.is_empty() => Heard::Sign,
                    Some(text) => Heard::Text(text),
                    None => Heard::End(Ending::Gone),
                },
                () = events.stream.closed() => Heard::End(Ending::Gone),
            },
        }
    }

    /// Sends a message.
    pub(super) async fn say(&mut self, text: Utf8Bytes) -> Result<(), Ending> {
        match self {
            Self::Socket(socket) => in_time(async { socket.send(Message::Text(text)).await.is_ok() }).await,
            Self::Events(events) => {
                // JSON as we write it has no line breaks, so one event is one line (HTML, clause 9.2.6).
                let event = format!("data: {text}\n\n");
                in_time(async { events.stream.send(event.into()).await.is_ok() }).await
            }
        }
    }

    /// Asks for a sign of life, and keeps what is on the way from closing a silent line.
    pub(super) async fn ping(&mut self) -> Result<(), Ending> {
        match self {
            Self::Socket(socket) => in_time(async { socket.send(Message::Ping(Bytes::new())).await.is_ok() }).await,
            Self::Events(events) => {
                in_time(async { events.stream.send(Bytes::from_static(b":\n\n")).await.is_ok() }).await
            }
        }
    }

    /// Closes; a websocket says why in its close frame, too.
    pub(super) async fn close(self, frame: CloseFrame) {
        let Self::Socket(mut socket) = self else { return }; // the stream of events ends with its queue
        if in_time(async { socket.send(Message::Close(Some(frame))).await.is_ok() }).await.is_ok() {
            // The closing handshake, so that the goodbye is not lost in a reset; bounded, for the other side may be mute.
            let drain = async { while let Some(Ok(_)) = socket.recv().await {} };
            let _ = tokio::time::timeout(Duration::from_secs(2), drain).await;
        }
    }
}

async fn in_time(sending: impl Future<Output = bool>) -> Result<(), Ending> {
    match tokio::time::timeout(Duration::from_millis(limits::SEND_TIMEOUT_MS), sending).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(Ending::Gone),
        Err(_) => Err(Ending::Bye(wire::code::Code::SlowReader)),
    }
}
