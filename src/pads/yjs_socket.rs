//! The pad's websocket: `/pads/yjs/{pad}?token=…&ack=1`, the y-websocket protocol in binary frames.
//!
//! `serve` merges [`router`]. Stock clients must work here unchanged, so a refusal is a close code after the upgrade
//! (44xx: do not come back). No cookie and no Origin is looked at: the token is all that counts (S-17).

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::pads::connection::{Close, Gauge};
use axum::Router;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, Path, Query, State};
use axum::response::Response;
use axum::routing::any;
use bytes::Bytes;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use model::ids::PadId;
use model::limits;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::gate::{Gate, Visitor};
use super::pace::{Kind, Pace};
use super::registry::Pads;
use super::task::{Command, Newcomer, Outgoing};
use crate::http::unproven::Unproven;

/// Stock clients close after 30 s without a message; proxies often after 60 s without a byte.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// Somebody who answers nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(45);
/// How long a peer may take to answer our close.
const CLOSE_MAX: Duration = Duration::from_secs(3);
/// What tungstenite reserves for each connection; its default of 128 KiB is most of a connection's memory.
const BUFFER_BYTES: usize = 8 * 1024;
/// Type, kind and length before an update.
const HEADER_BYTES: usize = 16;
/// An awareness message that says nothing: stock clients count it as a sign of life.
const NOTHING: Bytes = Bytes::from_static(&[1, 1, 0]);

/// What the door needs.
#[derive(Clone)]
pub struct Door {
    /// The pads.
    pub pads: Pads,
    /// Who may come in.
    pub gate: Arc<dyn Gate>,
}

/// The route.
pub fn router(door: Door) -> Router {
    Router::new().route("/pads/yjs/{pad}", any(upgrade)).with_state(door)
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    token: String,
    #[serde(default)]
    ack: String,
}

async fn upgrade(
    State(door): State<Door>,
    Path(pad): Path<String>,
    Query(asked): Query<Asked>,
    unproven: Option<Extension<Unproven>>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let acks = asked.ack == "1";
    let visitor = match (pad.parse::<PadId>(), door.gate.visitor(&asked.token).await) {
        (Ok(pad), Ok(visitor)) if visitor.pad == pad => {
            if let Some(Extension(unproven)) = unproven {
                unproven.proven();
            }
            Ok(visitor)
        }
        // A good token for another pad opens nothing, and does not tell whether this one exists.
        (_, Ok(_)) => Err(Close::Unknown),
        (_, Err(why)) => Err(why),
    };
    upgrade
        .max_message_size(limits::PAD_SYNC_BYTES_MAX + HEADER_BYTES)
        .max_frame_size(limits::PAD_SYNC_BYTES_MAX + HEADER_BYTES)
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .on_upgrade(move |socket| async move {
            match visitor {
                Ok(visitor) => serve(door, visitor, acks, socket).await,
                Err(why) => {
                    let (mut sink, mut stream) = socket.split();
                    say_goodbye(&mut sink, &mut stream, why).await;
                }
            }
        })
}

async fn serve(door: Door, visitor: Visitor, acks: bool, socket: WebSocket) {
    let connection = door.pads.next_connection();
    let thread = door.pads.thread_of(visitor.pad);
    let gauge = Arc::new(Gauge::default());
    let (out, outgoing) = mpsc::unbounded_channel();
    let (pad, room, participant) = (visitor.pad, visitor.room, visitor.participant);
    let left_ms = visitor.expires_ms.saturating_sub(crate::clock::now_ms());
    if let Some(participant) = participant {
        door.pads.follow(connection, room, participant);
    }
    let Visitor { person, mut right, most, name, .. } = visitor;
    if let Some(participant) = participant {
        // Asked again now that changes are followed, so that none falls between the two.
        match door.gate.right(room, participant).await {
            Some(now) => right = now.min(most),
            None => {
                door.pads.unfollow(connection);
                let (mut sink, mut stream) = socket.split();
                return say_goodbye(&mut sink, &mut stream, Close::Right).await;
            }
        }
    }
    let newcomer = Newcomer { pad, room, connection, person, right, most, name, acks, gauge: Arc::clone(&gauge), out };
    if thread.send(Command::Attach(Box::new(newcomer))).await.is_ok() {
        metrics::gauge!("pad_connections").increment(1);
        let (mut sink, mut stream) = socket.split();
        let reading = read(&mut stream, &thread, pad, connection);
        let writing = write(&mut sink, outgoing, &thread, pad, connection, &gauge);
        let why = tokio::select! {
            why = reading => why,
            why = writing => why,
            () = tokio::time::sleep(Duration::from_millis(left_ms)) => Some(Close::Token),
        };
        let _ = thread.send(Command::Detach { pad, connection }).await;
        metrics::gauge!("pad_connections").decrement(1);
        if let Some(why) = why {
            say_goodbye(&mut sink, &mut stream, why).await;
        }
    }
    door.pads.unfollow(connection);
}

type Sink = SplitSink<WebSocket, Message>;
type Stream = SplitStream<WebSocket>;
type Connection = ::pads::connection::ConnectionId;

/// Hands frames to the pad's thread at the pace that is allowed. Returns why the connection is to be closed; `None`
/// when the peer has gone.
async fn read(
    stream: &mut Stream,
    thread: &mpsc::Sender<Command>,
    pad: PadId,
    connection: Connection,
) -> Option<Close> {
    let start = Instant::now();
    let mut pace = Pace::default();
    // The newest state of the editor, when states come faster than allowed.
    let mut held: Option<(Bytes, tokio::time::Instant)> = None;
    loop {
        let release = held.as_ref().map(|(_, at)| *at);
        let bytes = tokio::select! {
            message = tokio::time::timeout(SILENCE_MAX, stream.next()) => match message {
                Err(_) => return Some(Close::Slow),
                Ok(None) => return None,
                Ok(Some(Err(error))) => return refused(&error),
                Ok(Some(Ok(Message::Binary(bytes)))) => bytes,
                Ok(Some(Ok(Message::Text(_)))) => return Some(Close::Malformed),
                Ok(Some(Ok(Message::Close(_)))) => return None,
                Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            },
            () = until(release) => match held.take() {
                Some((bytes, _)) => {
                    thread.send(Command::Frame { pad, connection, bytes }).await.ok()?;
                    continue;
                }
                None => continue,
            },
        };
        let kind = Kind::of(&bytes);
        if kind == Kind::Awareness && held.is_some() {
            // Waits already: the newest takes the place, without being counted again.
            held = held.map(|(_, at)| (bytes, at));
            continue;
        }
        let wait = pace.wait(start.elapsed(), kind, bytes.len());
        if kind == Kind::Awareness && !wait.is_zero() {
            held = Some((bytes, tokio::time::Instant::now() + wait));
            continue;
        }
        thread.send(Command::Frame { pad, connection, bytes }).await.ok()?;
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }
}

async fn until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// What a broken or oversize frame is answered with; for the rest the connection is gone.
fn refused(error: &axum::Error) -> Option<Close> {
    let text = error.to_string();
    if text.contains("too long") || text.contains("too large") || text.contains("Space limit") {
        Some(Close::TooLarge)
    } else {
        None
    }
}

/// Sends what the pad's thread has for this connection.
async fn write(
    sink: &mut Sink,
    mut outgoing: mpsc::UnboundedReceiver<Outgoing>,
    thread: &mpsc::Sender<Command>,
    pad: PadId,
    connection: Connection,
    gauge: &Gauge,
) -> Option<Close> {
    let mut beat = tokio::time::interval_at(tokio::time::Instant::now() + KEEP_ALIVE, KEEP_ALIVE);
    loop {
        let mut next = tokio::select! {
            next = outgoing.recv() => next,
            _ = beat.tick() => {
                sink.feed(Message::Ping(Bytes::new())).await.ok()?;
                sink.send(Message::Binary(NOTHING)).await.ok()?;
                continue;
            }
        };
        let mut written = Vec::new();
        loop {
            match next {
                Some(Outgoing::Frame(frame)) => {
                    written.push(frame.len());
                    sink.feed(Message::Binary(frame)).await.ok()?;
                }
                Some(Outgoing::Close(why)) => {
                    sink.flush().await.ok()?;
                    return Some(why);
                }
                None => return None,
            }
            match outgoing.try_recv() {
                Ok(more) => next = Some(more),
                Err(_) => break,
            }
        }
        sink.flush().await.ok()?;
        let mut wake = false;
        for bytes in written {
            wake |= gauge.written(bytes);
        }
        if wake {
            thread.send(Command::Drained { pad, connection }).await.ok()?;
        }
    }
}

/// Closes with a code and waits a moment for the peer's answer, so that the code is not lost with the connection.
async fn say_goodbye(sink: &mut Sink, stream: &mut Stream, why: Close) {
    let frame = CloseFrame { code: why.code(), reason: why.reason().into() };
    let _ = tokio::time::timeout(CLOSE_MAX, async {
        if sink.send(Message::Close(Some(frame))).await.is_ok() {
            while let Some(Ok(_)) = stream.next().await {}
        }
    })
    .await;
}
