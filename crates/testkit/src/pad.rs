//! A pad editor without a browser: yrs behind the y-websocket protocol with acknowledgements, for stories and benches.
//!
//! It answers the server as a stock client does and keeps its document when the connection goes.

use crate::socket::{PATIENCE, Socket, open};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::Message;
pub use yrs::Doc;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{ClientID, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update};

/// The root that stories type in.
const ROOT: &str = "t";

/// An editor.
pub struct PadClient {
    socket: Option<Socket>,
    /// The document; it outlives connections.
    pub doc: Doc,
    /// Counts what was sent.
    pub counter: u64,
    /// The newest acknowledged counter of this connection.
    pub acknowledged: u64,
    /// Whether the server has answered our step 1.
    pub synced: bool,
    /// The close code, when the server closed.
    pub closed: Option<u16>,
    /// Notices, as they came.
    pub notices: Vec<String>,
    /// Updates received.
    pub updates: u64,
    seen: std::collections::HashSet<char>,
}

/// An empty document with this client id.
#[must_use]
pub fn document(client: u64) -> Doc {
    let mut options = Options::with_client_id(ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    Doc::with_options(options)
}

fn number(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8 & 0x7f) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn frame(head: &[u8], body: &[u8]) -> Message {
    let mut bytes = head.to_vec();
    number(&mut bytes, body.len() as u64);
    bytes.extend_from_slice(body);
    Message::Binary(bytes.into())
}

/// Reads a number and says where it ends.
fn read_number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((value, &bytes[index + 1..]));
        }
    }
    None
}

impl PadClient {
    /// Connects a document to a pad and says what it has.
    ///
    /// # Errors
    /// When the upgrade is refused.
    pub async fn connect(origin: &str, ca_pem: &[u8], pad: &str, token: &str, doc: Doc) -> Result<Self> {
        let url = format!("{}/pads/yjs/{pad}?token={token}&ack=1", origin.replacen("http", "ws", 1));
        let socket = open(&url, None, ca_pem).await?;
        let mut this = Self {
            socket: Some(socket),
            doc,
            counter: 0,
            acknowledged: 0,
            synced: false,
            closed: None,
            notices: Vec::new(),
            updates: 0,
            seen: std::collections::HashSet::new(),
        };
        let vector = this.doc.transact().state_vector().encode_v1();
        this.send(frame(&[0, 0], &vector)).await?;
        this.say_state(1, "{}").await?;
        Ok(this)
    }

    /// Sends any frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, message: Message) -> Result<()> {
        self.socket.as_mut().context("not connected")?.send(message).await?;
        Ok(())
    }

    /// Sends the editor's state (cursor, name).
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn say_state(&mut self, clock: u32, json: &str) -> Result<()> {
        let mut entry = vec![1];
        number(&mut entry, self.doc.client_id().get());
        number(&mut entry, u64::from(clock));
        number(&mut entry, json.len() as u64);
        entry.extend_from_slice(json.as_bytes());
        self.send(frame(&[1], &entry)).await
    }

    /// The text.
    #[must_use]
    pub fn text(&self) -> String {
        let text = self.doc.get_or_insert_text(ROOT);
        text.get_string(&self.doc.transact())
    }

    /// Whether this character is asked about for the first time.
    pub fn first_seen(&mut self, one: char) -> bool {
        self.seen.insert(one)
    }

    /// Types without sending.
    #[must_use]
    pub fn type_offline(&mut self, at: u32, what: &str) -> Vec<u8> {
        let text = self.doc.get_or_insert_text(ROOT);
        let mut transaction = self.doc.transact_mut();
        let at = at.min(text.len(&transaction));
        text.insert(&mut transaction, at, what);
        transaction.commit();
        transaction.encode_update_v1()
    }

    /// Types, sends, and asks for an acknowledgement; gives its counter.
    ///
    /// # Errors
    /// When the connection is gone; what was typed stays in the document.
    pub async fn type_at(&mut self, at: u32, what: &str) -> Result<u64> {
        let update = self.type_offline(at, what);
        self.send(frame(&[0, 2], &update)).await?;
        self.ask_ack().await
    }

    /// Asks whether everything so far is on disk; gives the counter to wait for.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn ask_ack(&mut self) -> Result<u64> {
        self.counter += 1;
        let mut ack = vec![102];
        number(&mut ack, self.counter);
        self.send(Message::Binary(ack.into())).await?;
        Ok(self.counter)
    }

    /// Takes the next frame and answers it. `false`: the connection has ended.
    ///
    /// # Errors
    /// When the server says something that no client understands.
    pub async fn step(&mut self) -> Result<bool> {
        let Some(socket) = &mut self.socket else { return Ok(false) };
        match socket.next().await {
            Some(Ok(Message::Binary(bytes))) => self.take(&bytes).await?,
            Some(Ok(Message::Close(frame))) => {
                self.closed = frame.map(|frame| u16::from(frame.code));
                self.socket = None;
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => self.socket = None,
        }
        Ok(self.socket.is_some())
    }

    async fn take(&mut self, bytes: &Bytes) -> Result<()> {
        let (kind, rest) = read_number(bytes).context("a frame without type")?;
        match (kind, rest) {
            (0, [way, rest @ ..]) => {
                let (length, body) = read_number(rest).context("a frame without length")?;
                if length != body.len() as u64 {
                    bail!("a length that does not fit");
                }
                if *way == 0 {
                    let since = StateVector::decode_v1(body)?;
                    let update = self.doc.transact().encode_state_as_update_v1(&since);
                    // The connection may have gone; then step() finds out.
                    return self.send(frame(&[0, 1], &update)).await.or(Ok(()));
                }
                self.updates += 1;
                self.synced |= *way == 1;
                self.doc.transact_mut().apply_update(Update::decode_v1(body)?)?;
            }
            (102, rest) => self.acknowledged = read_number(rest).context("an ack without counter")?.0,
            (103, [_, text @ ..]) => self.notices.push(String::from_utf8_lossy(text).into_owned()),
            (1..=3, _) => {}
            _ => bail!("unknown message {kind}"),
        }
        Ok(())
    }

    /// Takes frames until something holds.
    ///
    /// # Errors
    /// When the connection ends first, or it takes longer than [`PATIENCE`].
    pub async fn wait_for(&mut self, what: &str, mut holds: impl FnMut(&Self) -> bool) -> Result<()> {
        let waiting = async {
            while !holds(self) {
                if !self.step().await? {
                    bail!("the connection ended ({:?}) before: {what}", self.closed);
                }
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, waiting).await.with_context(|| format!("did not happen: {what}"))?
    }

    /// Takes frames until the server closes, and gives the code.
    ///
    /// # Errors
    /// When it does not close within [`PATIENCE`].
    pub async fn wait_for_close(&mut self) -> Result<Option<u16>> {
        let waiting = async {
            while self.step().await? {}
            Ok::<_, anyhow::Error>(self.closed)
        };
        tokio::time::timeout(PATIENCE, waiting).await.context("was not closed")?
    }

    /// Drops the connection and keeps the document.
    #[must_use]
    pub fn into_doc(self) -> Doc {
        self.doc
    }
}
