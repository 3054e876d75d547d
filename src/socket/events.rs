//! The room's messages where websockets are blocked (office proxies): `POST /api/v1/events` with the hello answers with
//! a stream of events (HTML, clause 9.2.6), `POST /api/v1/events/messages` carries messages in the other direction.
//!
//! The same messages in the same order as on the websocket, and the same rules: exact origin, one-time ticket (S-17).
//! A post names its line by a secret of 128 bits, which the stream's first event tells and no address ever shows.

use super::connection::{self, Ending};
use super::line::{EventLine, Line};
use super::upgrade::{Door, enter, own_host, refuse};
use crate::http::unproven::Unproven;
use crate::random;
use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::extract::ws::Utf8Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use futures_util::stream;
use model::limits;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use wire::code::Code;

/// Names the line that a post belongs to; a header of its own cannot come from a foreign page unasked.
const LINE: &str = "werkraum-line";
/// Messages that wait in either direction between HTTP and the connection's task; then the sender waits.
const QUEUE_MAX: usize = 64;

/// Lines that are open, by their secrets.
#[derive(Clone, Default)]
pub(super) struct Lines(Arc<Mutex<HashMap<[u8; 16], mpsc::Sender<Utf8Bytes>>>>);

impl Lines {
    fn open(&self, secret: [u8; 16], posts: mpsc::Sender<Utf8Bytes>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(secret, posts);
    }

    fn find(&self, secret: &[u8; 16]) -> Option<mpsc::Sender<Utf8Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(secret).cloned()
    }

    fn close(&self, secret: &[u8; 16]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(secret);
    }
}

/// The stream. Its body is the hello.
pub(super) async fn open(
    State(door): State<Door>,
    unproven: Option<Extension<Unproven>>,
    headers: HeaderMap,
    hello: Bytes,
) -> Response {
    let Some(host) = own_host(&door, &headers) else { return refuse(StatusCode::FORBIDDEN, Code::ForeignOrigin) };
    let (stream, chunks) = mpsc::channel::<Bytes>(QUEUE_MAX);
    let (posts, posted) = mpsc::channel(QUEUE_MAX);
    let (answer, answered) = oneshot::channel();
    let mut line = Line::Events(EventLine { posted, stream: stream.clone() });
    // A task of its own: whoever is given a seat leaves it again, also when this request is given up.
    tokio::spawn(async move {
        let entered = match std::str::from_utf8(&hello) {
            Ok(text) if text.len() <= limits::FRAME_UNAUTHENTICATED_BYTES_MAX => enter(&door.rooms, text, &host).await,
            Ok(_) => Err(Ending::Bye(Code::TooLarge)),
            Err(_) => Err(Ending::Bye(Code::Malformed)),
        };
        let (seat, reader) = match entered {
            Ok(entered) => entered,
            Err(ending) => {
                // Who has gone meanwhile needs no answer, here and below.
                let _ = answer.send(Err(ending));
                return;
            }
        };
        if let Some(Extension(unproven)) = unproven {
            unproven.proven();
        }
        let secret = random::bytes::<16>();
        door.lines.open(secret, posts);
        let named = format!("event: line\ndata: {}\n\n", URL_SAFE_NO_PAD.encode(secret));
        let _ = stream.send(named.into()).await;
        drop(stream);
        let _ = answer.send(Ok(()));
        metrics::gauge!("room_event_lines").increment(1.0);
        let ending = connection::run(&mut line, seat, reader).await;
        door.lines.close(&secret);
        connection::end(line, ending).await;
        metrics::gauge!("room_event_lines").decrement(1.0);
    });
    match answered.await {
        Ok(Ok(())) => {}
        Ok(Err(Ending::Bye(code))) => {
            let status = StatusCode::from_u16(code.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
            return refuse(status, code);
        }
        Ok(Err(Ending::Gone | Ending::Left)) | Err(_) => {
            return refuse(StatusCode::INTERNAL_SERVER_ERROR, Code::Internal);
        }
    }
    let body = stream::unfold(chunks, async |mut chunks| {
        chunks.recv().await.map(|chunk| (Ok::<_, Infallible>(chunk), chunks))
    });
    let kind = [
        (header::CONTENT_TYPE.as_str(), "text/event-stream"),
        (header::CACHE_CONTROL.as_str(), "no-store"),
        // Proxies of the nginx kind collect answers otherwise.
        ("x-accel-buffering", "no"),
    ];
    (kind, Body::from_stream(body)).into_response()
}

/// Messages, one a line, in their order: a client posts again only when the last post was answered.
pub(super) async fn post(
    State(door): State<Door>,
    unproven: Option<Extension<Unproven>>,
    headers: HeaderMap,
    messages: Bytes,
) -> Response {
    if own_host(&door, &headers).is_none() {
        return refuse(StatusCode::FORBIDDEN, Code::ForeignOrigin);
    }
    let secret = headers.get(LINE).and_then(|secret| URL_SAFE_NO_PAD.decode(secret).ok());
    let line = secret.and_then(|secret| <[u8; 16]>::try_from(secret).ok()).and_then(|secret| door.lines.find(&secret));
    let Some(line) = line else { return refuse(StatusCode::NOT_FOUND, Code::NotFound) };
    if let Some(Extension(unproven)) = unproven {
        unproven.proven();
    }
    let Ok(messages) = std::str::from_utf8(&messages) else {
        return refuse(StatusCode::BAD_REQUEST, Code::Malformed);
    };
    for message in messages.split('\n') {
        let sent = line.send_timeout(message.into(), Duration::from_millis(limits::SEND_TIMEOUT_MS)).await;
        if sent.is_err() {
            return refuse(StatusCode::NOT_FOUND, Code::NotFound);
        }
    }
    StatusCode::NO_CONTENT.into_response()
}
