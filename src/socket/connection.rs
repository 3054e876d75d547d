//! One browser's loop: frames in, through `dispatch`, to the room; the room's messages out; pings; who is too slow, too
//! fast or silent is cut off. It decides nothing about the room.

use super::dispatch::{self, Pace, Read};
use super::line::{Heard, Line};
use crate::rooms::{OutboxReader, Outgoing, Seat};
use axum::extract::ws::{CloseFrame, Utf8Bytes, close_code};
use model::limits;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};
use wire::code::Code;
use wire::server::ServerMessage;

/// How a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// The other side is gone; nothing can be said.
    Gone,
    /// The person left; they know.
    Left,
    /// We say why.
    Bye(Code),
}

/// What an error of the websocket means.
pub(super) fn broken(error: &axum::Error) -> Ending {
    // axum keeps the cause behind its own type; a message over the limit is the only one the client must hear about.
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.to_string().starts_with("Space limit exceeded") {
            return Ending::Bye(Code::TooLarge);
        }
        cause = error.source();
    }
    Ending::Gone
}

/// Runs until one side ends it. The room knows when this returns.
pub(super) async fn run(line: &mut Line, seat: Seat, mut reader: OutboxReader) -> Ending {
    let cut = reader.cut();
    tokio::pin!(cut);
    let mut pings = interval(Duration::from_millis(limits::PING_EVERY_MS));
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    let mut pace = Pace::new(heard.into_std());
    let ending = loop {
        tokio::select! {
            () = &mut cut => break Ending::Bye(Code::SlowReader),
            outgoing = reader.next() => match outgoing {
                Some(Outgoing::Text(text)) => if let Err(ending) = line.say(text).await {
                    break ending;
                },
                Some(Outgoing::Bye(Some(code))) => break Ending::Bye(code),
                Some(Outgoing::Bye(None)) => break Ending::Left,
                None => break Ending::Bye(Code::Internal),
            },
            came = line.hear() => {
                heard = Instant::now();
                let text = match came {
                    Heard::End(ending) => break ending,
                    Heard::Sign => {
                        // Signs of life cost us too.
                        if pace.frame(heard.into_std()).is_err() {
                            break Ending::Bye(Code::TooMany);
                        }
                        continue;
                    }
                    Heard::Text(text) => text,
                };
                if let Err(ending) = handle(line, &seat, &mut pace, heard, &text).await {
                    break ending;
                }
            },
            _ = pings.tick() => {
                if heard.elapsed() >= Duration::from_millis(limits::SILENCE_MAX_MS) {
                    break Ending::Gone;
                }
                if let Err(ending) = line.ping().await {
                    break ending;
                }
            }
        }
    };
    seat.leave().await;
    ending
}

async fn handle(line: &mut Line, seat: &Seat, pace: &mut Pace, now: Instant, text: &Utf8Bytes) -> Result<(), Ending> {
    pace.frame(now.into_std()).map_err(Ending::Bye)?;
    let there = match dispatch::typed(text, pace, now.into_std()).map_err(Ending::Bye)? {
        Read::Command { id, command } => seat.command(id, command).await,
        Read::Offer { id, offer } => seat.offer(id, offer).await,
        Read::Subscribe { slots } => seat.subscribe(slots).await,
        Read::Answer(message) => {
            say(line, &message).await?;
            true
        }
    };
    // A room that is gone has put its reason into the outbox, or there is none because of a fault.
    if there { Ok(()) } else { Err(Ending::Bye(Code::Internal)) }
}

async fn say(line: &mut Line, message: &ServerMessage) -> Result<(), Ending> {
    let text = serde_json::to_string(message).map_err(|_| Ending::Bye(Code::Internal))?;
    line.say(text.into()).await
}

/// The close code beside the `bye`: 1008 and 1009 as RFC 6455 means them, else 4000 + the code's HTTP status.
fn close_code(code: Code) -> u16 {
    match code {
        Code::Malformed | Code::TooMany => close_code::POLICY,
        Code::TooLarge => close_code::SIZE,
        other => 4_000 + other.http_status(),
    }
}

/// Says goodbye and closes.
pub(super) async fn end(mut line: Line, ending: Ending) {
    let frame = match ending {
        Ending::Gone => return,
        Ending::Left => CloseFrame { code: close_code::NORMAL, reason: Utf8Bytes::from_static("left") },
        Ending::Bye(code) => {
            metrics::counter!("room_socket_byes").increment(1);
            if say(&mut line, &ServerMessage::Bye { code }).await.is_err() {
                return;
            }
            let reason = serde_json::to_string(&code).unwrap_or_default();
            CloseFrame { code: close_code(code), reason: reason.trim_matches('"').into() }
        }
    };
    line.close(frame).await;
}
