//! The door `GET /api/v1/socket`: only from our own pages (exact Origin, S-17), a first message within 10 s and 4 KiB,
//! and a one-time ticket in it. No cookie is looked at.

use super::connection::{self, Ending};
use super::line::Line;
use super::{dispatch, events};
use crate::http::unproven::Unproven;
use crate::rooms::{Outbox, Rooms};
use axum::Extension;
use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use model::limits;
use std::sync::Arc;
use std::time::Duration;
use wire::api::ErrorBody;
use wire::client::ClientMessage;
use wire::code::Code;

#[derive(Clone)]
pub(super) struct Door {
    pub(super) rooms: Rooms,
    pub(super) lines: events::Lines,
    origin: Arc<str>,
}

/// The routes of websocket and events. `origin` is the public one, without a slash at its end (S-18).
pub fn router(rooms: Rooms, origin: &str) -> Router {
    Router::new()
        .route("/api/v1/socket", get(upgrade))
        .route("/api/v1/events", post(events::open))
        .route("/api/v1/events/messages", post(events::post))
        .with_state(Door { rooms, lines: events::Lines::default(), origin: origin.into() })
}

/// The host and port of the page that asks, when it is one of our own (S-17); TURN is at the same.
pub(super) fn own_host(door: &Door, headers: &HeaderMap) -> Option<String> {
    let origin = headers.get(header::ORIGIN)?.to_str().ok()?;
    // A host under which we answer (`http/hosts.rs` refused all others) is an origin of ours, too.
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let name = origin.strip_prefix("https://");
    let ours = origin == &*door.origin || name.is_some_and(|name| Some(name) == host);
    ours.then(|| name.unwrap_or_default().to_owned())
}

pub(super) fn refuse(status: StatusCode, code: Code) -> Response {
    (status, Json(ErrorBody { code, detail: None })).into_response()
}

async fn upgrade(
    State(door): State<Door>,
    unproven: Option<Extension<Unproven>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(host) = own_host(&door, &headers) else { return refuse(StatusCode::FORBIDDEN, Code::ForeignOrigin) };
    upgrade
        .max_message_size(limits::FRAME_ROOM_BYTES_MAX)
        .max_frame_size(limits::FRAME_ROOM_BYTES_MAX)
        .on_upgrade(move |socket| serve(socket, door.rooms, host, unproven))
}

async fn serve(mut socket: WebSocket, rooms: Rooms, host: String, unproven: Option<Extension<Unproven>>) {
    metrics::gauge!("room_sockets").increment(1.0);
    let hello = hello(&mut socket, &rooms, &host).await;
    // Until its hello the connection counts against its address, whatever the outcome not any longer.
    drop(unproven);
    let mut line = Line::Socket(Box::new(socket));
    let ending = match hello {
        Ok((seat, reader)) => connection::run(&mut line, seat, reader).await,
        Err(ending) => ending,
    };
    connection::end(line, ending).await;
    metrics::gauge!("room_sockets").decrement(1.0);
}

async fn hello(
    socket: &mut WebSocket,
    rooms: &Rooms,
    host: &str,
) -> Result<(crate::rooms::Seat, crate::rooms::OutboxReader), Ending> {
    let first = tokio::time::timeout(Duration::from_millis(limits::HELLO_TIMEOUT_MS), first_text(socket));
    let text = first.await.map_err(|_| Ending::Bye(Code::HelloExpected))??;
    enter(rooms, &text, host).await
}

/// Takes a hello: whoever has a ticket gets a seat.
pub(super) async fn enter(
    rooms: &Rooms,
    hello: &str,
    host: &str,
) -> Result<(crate::rooms::Seat, crate::rooms::OutboxReader), Ending> {
    let ClientMessage::Hello { ticket, protocol } = dispatch::read(hello).map_err(Ending::Bye)? else {
        return Err(Ending::Bye(Code::HelloExpected));
    };
    if protocol != wire::PROTOCOL_VERSION {
        return Err(Ending::Bye(Code::ProtocolVersion));
    }
    let grant = rooms.tickets().redeem(&ticket).ok_or(Ending::Bye(Code::TicketInvalid))?;
    let (outbox, reader) = Outbox::new(host);
    let seat = rooms.enter(grant, outbox).await.map_err(Ending::Bye)?;
    Ok((seat, reader))
}

async fn first_text(socket: &mut WebSocket) -> Result<axum::extract::ws::Utf8Bytes, Ending> {
    loop {
        match socket.recv().await {
            None | Some(Ok(Message::Close(_))) => return Err(Ending::Gone),
            Some(Err(error)) => return Err(connection::broken(&error)),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
            Some(Ok(Message::Binary(_))) => return Err(Ending::Bye(Code::HelloExpected)),
            Some(Ok(Message::Text(text))) if text.len() > limits::FRAME_UNAUTHENTICATED_BYTES_MAX => {
                return Err(Ending::Bye(Code::TooLarge));
            }
            Some(Ok(Message::Text(text))) => return Ok(text),
        }
    }
}
