//! Malformed websocket frames: what they are, and sending one over a connection of its own until the server has closed
//! it. Used by `stranger`.

use crate::seeded::Seeded;
use crate::socket::{PATIENCE, Socket};
use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use tokio::io::AsyncWriteExt;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

/// What is sent.
#[derive(Clone, Debug)]
pub(super) enum Malformed {
    /// A frame that a websocket may carry.
    Frame(Message),
    /// Bytes on the wire that are no frame, or only the beginning of one.
    Wire(Vec<u8>),
}

/// Good messages to be mutated; what a mutation makes of them must not be one again.
const GOOD: [&str; 4] = [
    r#"{"type":"command","id":7,"command":{"name":"hand","raised":true}}"#,
    r#"{"type":"command","id":8,"command":{"name":"silence","participant":null,"source":"camera"}}"#,
    r#"{"type":"offer","id":9,"sdp":"v=0","publish":[{"mid":"0","source":"camera"}],"slots":[]}"#,
    r#"{"type":"subscribe","slots":[{"slot":0,"participant":null,"source":"camera","height_px":90}]}"#,
];

/// For the room's websocket. Every one of them ends the connection.
pub(super) fn for_the_room(random: &mut Seeded) -> Malformed {
    let n = random.below(2_000);
    let good = GOOD[random.below(GOOD.len())];
    Malformed::Frame(match random.below(16) {
        0 => Message::text("{".repeat(n + 1)),
        1 => Message::text(format!("{}{}", "[".repeat(17 + n), "]".repeat(17 + n))),
        2 => Message::text(format!(r#"{{"a":{}1{}}}"#, r#"{"a":"#.repeat(17 + n), "}".repeat(17 + n))),
        3 => Message::text(good.replace("\"type\"", "\"kind\"")),
        4 => Message::text(good.replacen('{', r#"{"from":"x","#, 1)),
        5 => Message::text(good.replacen(":", ":[", 1)),
        6 => Message::text(&good[..random.below(good.len())]),
        7 => Message::text(r#"{"type":"ping","type":"ping"}"#),
        8 => Message::text(r#"{"type":"command","id":4294967296,"command":{"name":"leave"}}"#),
        9 => Message::text(r#"{"type":"command","id":-1e400,"command":{"name":"leave"}}"#),
        10 => Message::text(r#"{"type":"hello","ticket":{"__proto__":1}}"#),
        11 => Message::text("\u{0}\u{1}\u{202e}".repeat(n + 1)),
        12 => Message::binary(random.bytes(n)),
        13 => Message::text("x".repeat(64 * 1024 + 1 + n)),
        14 => Message::text(r#"{"type":"command","id":1,"command":{"name":"chat","text":"\ud800"}}"#),
        _ => return on_the_wire(random),
    })
}

/// For the pad's websocket.
pub(super) fn for_the_pad(random: &mut Seeded) -> Malformed {
    let length = random.below(400);
    let mut bytes = random.bytes(length);
    let head: &[u8] = match random.below(10) {
        // An update, step 1, step 2 and awareness of random bytes with a length that fits or not.
        0 => &[0, 2],
        1 => &[0, 0],
        2 => &[0, 1],
        3 => &[1],
        // An unknown message, a number without end, an update of a gigabyte.
        4 => &[99],
        5 => &[0xff; 12],
        6 => &[0, 2, 0x80, 0x80, 0x80, 0x80, 4],
        // A million clients, and a struct with a deep value.
        7 => &[0, 2, 5, 0xc0, 0x84, 0x3d, 1, 1],
        8 => return Malformed::Frame(Message::text("{}")),
        _ => return on_the_wire(random),
    };
    if head.len() < 3 && random.below(2) == 0 {
        bytes.truncate(100);
        bytes.insert(0, bytes.len() as u8); // at most 100
    }
    Malformed::Frame(Message::binary([head, &bytes].concat()))
}

fn on_the_wire(random: &mut Seeded) -> Malformed {
    match random.below(5) {
        // Text that is not UTF-8, at once and only in its second part.
        0 => Malformed::Frame(Message::Frame(Frame::message(vec![0xc3, 0x28, 0xff], OpCode::Data(Data::Text), true))),
        1 => Malformed::Frame(Message::Frame(Frame::message(b"{}".to_vec(), OpCode::Data(Data::Continue), true))),
        // A frame of a gigabyte that has only begun.
        2 => Malformed::Wire([&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4][..], &random.bytes(50)].concat()),
        // Reserved bits and codes; a ping of more than 125 bytes.
        3 => Malformed::Wire(vec![0xf3, 0x80, 0, 0, 0, 0]),
        _ => Malformed::Wire([&[0x89, 0xfe, 0, 200, 0, 0, 0, 0][..], &[7; 200]].concat()),
    }
}

/// Sends one and waits until the server has closed. `finish`: what ends the connection when the frame alone does not.
pub(super) async fn send(mut socket: Socket, malformed: Malformed, finish: Option<Message>) -> Result<()> {
    // An error says that the server has closed already, which is what it should do.
    match malformed {
        Malformed::Frame(message) => drop(socket.send(message).await),
        Malformed::Wire(bytes) => {
            let stream = socket.get_mut();
            if stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() {
                drop(stream.shutdown().await);
            }
        }
    }
    if let Some(finish) = finish {
        drop(socket.send(finish).await);
    }
    let closed = async { while let Some(Ok(_)) = socket.next().await {} };
    tokio::time::timeout(PATIENCE, closed).await.context("the server did not close")
}
