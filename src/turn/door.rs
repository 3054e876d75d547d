//! The first words of a TURN connection, on the async side: within the time that the listener gives it, it shows good
//! credentials and gets an allocation, or it is closed. Then the connection, TLS and all, moves to the media worker.

use super::{Place, Turn, holder};
use crate::media::handle::MediaHandle;
use crate::media::turn::Opened;
use aws_lc_rs::rand;
use media::turn::{Bearer, Desk, Full, Greeting, Malformed, Outcome, frame_bytes};
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

/// What a stranger may send before we answer.
const UNREAD_BYTES_MAX: usize = 4_096;

/// Speaks with the client until it has an allocation. The caller bounds the time.
pub async fn open(turn: &Turn, media: &MediaHandle, stream: Box<BufReader<TlsStream<TcpStream>>>, client: SocketAddr) {
    let mut nonce = [0; 9];
    if rand::fill(&mut nonce).is_err() {
        return;
    }
    let greeting = Greeting::new(turn.0.config.clone(), client, nonce);
    match greet(turn, greeting, stream).await {
        // A busy worker: the client tries again.
        Some((room, opened)) => drop(media.turn_stream(room, Box::new(opened))),
        None => metrics::counter!("turn_refused_total", "why" => "greeting").increment(1),
    }
}

async fn greet(
    turn: &Turn,
    mut greeting: Greeting,
    mut stream: Box<BufReader<TlsStream<TcpStream>>>,
) -> Option<(model::ids::RoomId, Opened)> {
    let (mut incoming, mut outgoing) = (Vec::with_capacity(512), Vec::with_capacity(512));
    let mut desk = Counter { turn, place: None };
    loop {
        let outcome = match whole_frame(&incoming).ok()? {
            Some(length) => {
                let frame: Vec<u8> = incoming.drain(..length).collect();
                // Too often, or not what we speak: the refusal goes out first where there is one.
                greeting.handle(Instant::now(), &frame, &mut desk, &mut outgoing)
            }
            None if incoming.len() >= UNREAD_BYTES_MAX => return None,
            None => {
                stream.read_buf(&mut incoming).await.ok().filter(|count| *count > 0)?;
                continue;
            }
        };
        stream.write_all(&outgoing).await.ok()?;
        stream.flush().await.ok()?;
        outgoing.clear();
        if let Outcome::Allocated(allocation) = outcome.ok()? {
            let (username, place) = desk.place?;
            let room = holder(&username)?.room;
            incoming.extend_from_slice(stream.buffer());
            let (socket, tls) = stream.into_inner().into_inner();
            let socket = socket.into_std().ok()?;
            return Some((room, Opened { socket, tls, allocation, early: incoming, guard: place.guard() }));
        }
    }
}

fn whole_frame(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    Ok(frame_bytes(bytes)?.filter(|length| *length <= bytes.len()))
}

/// Keeps the place of the one allocation of a connection.
struct Counter<'a> {
    turn: &'a Turn,
    place: Option<(String, Place)>,
}

impl Desk for Counter<'_> {
    fn bearer(&mut self, username: &str) -> Option<Bearer> {
        self.turn.bearer(Instant::now(), username)
    }

    fn allocate(&mut self, username: &str, ipv6: Option<bool>) -> Result<SocketAddr, Full> {
        let participant = holder(username).ok_or(Full::Server)?.participant;
        let (relayed, place) = self.turn.take(participant, ipv6)?;
        self.place = Some((username.to_owned(), place));
        Ok(relayed)
    }
}
