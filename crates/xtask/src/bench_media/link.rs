//! A signalling websocket whose far end is read all the time (so that pings are answered), while the one thread of the
//! generator sends and waits in between. Used by the adapters in `peers`.

use super::generator::Generator;
use anyhow::{Context as _, Result, bail};
use futures_util::{SinkExt, StreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use testkit::socket::Socket;
use tokio::runtime::Runtime;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Messages that wait to be sent.
const OUTBOX: usize = 256;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// What came: text or binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(String),
    Binary(Vec<u8>),
}

/// The websocket. Closes when it is dropped.
pub(crate) struct Link {
    outgoing: tokio::sync::mpsc::Sender<Message>,
    incoming: mpsc::Receiver<Said>,
    quiet: Arc<AtomicBool>,
}

impl Link {
    /// Over an open websocket.
    pub(crate) fn new(runtime: &Runtime, socket: Socket) -> Self {
        let (outgoing, mut outbox) = tokio::sync::mpsc::channel::<Message>(OUTBOX);
        let (sender, incoming) = mpsc::channel();
        let quiet = Arc::new(AtomicBool::new(false));
        let hushed = Arc::clone(&quiet);
        let (mut sink, mut stream) = socket.split();
        runtime.spawn(async move {
            loop {
                let said = tokio::select! {
                    message = outbox.recv() => {
                        let Some(message) = message else { break };
                        if sink.send(message).await.is_err() {
                            break;
                        }
                        continue;
                    }
                    frame = stream.next() => match frame {
                        Some(Ok(Message::Text(text))) => Said::Text(text.to_string()),
                        Some(Ok(Message::Binary(bytes))) => Said::Binary(bytes.to_vec()),
                        None | Some(Err(_) | Ok(Message::Close(_))) => break,
                        Some(Ok(_)) => continue,
                    },
                };
                if !hushed.load(Ordering::Relaxed) && sender.send(said).is_err() {
                    break;
                }
            }
            // A closed connection is no reason for anything here.
            let _ = sink.close().await;
        });
        Self { outgoing, incoming, quiet }
    }

    /// Opens one at a URL, with a subprotocol where the server wants one.
    pub(crate) fn open(runtime: &Runtime, url: &str, subprotocol: Option<&str>) -> Result<Self> {
        let mut request = url.into_client_request().with_context(|| format!("the address {url}"))?;
        if let Some(subprotocol) = subprotocol {
            request.headers_mut().insert("Sec-WebSocket-Protocol", subprotocol.parse()?);
        }
        let connected = Box::pin(tokio_tungstenite::connect_async(request));
        let (socket, _) = runtime.block_on(connected).with_context(|| format!("no websocket at {url}"))?;
        Ok(Self::new(runtime, socket))
    }

    pub(crate) fn text(&self, text: String) -> Result<()> {
        self.send(Message::text(text))
    }

    pub(crate) fn binary(&self, bytes: Vec<u8>) -> Result<()> {
        self.send(Message::binary(bytes))
    }

    fn send(&self, message: Message) -> Result<()> {
        self.outgoing.try_send(message).context("the websocket is closed or stuck")
    }

    /// From now on what comes is thrown away: it is not looked at any more.
    pub(crate) fn hush(&self) {
        self.quiet.store(true, Ordering::Relaxed);
        while self.incoming.try_recv().is_ok() {}
    }

    /// Waits for the first message that `pick` takes; the generator goes on meanwhile.
    pub(crate) fn wait<T>(
        &self,
        generator: &mut Generator,
        mut pick: impl FnMut(Said) -> Result<Option<T>>,
    ) -> Result<T> {
        let until = Instant::now() + PATIENCE;
        loop {
            generator.turn()?;
            match self.incoming.recv_timeout(Duration::from_millis(1)) {
                Ok(said) => {
                    if let Some(found) = pick(said)? {
                        return Ok(found);
                    }
                }
                Err(mpsc::RecvTimeoutError::Timeout) if Instant::now() < until => {}
                Err(mpsc::RecvTimeoutError::Timeout) => bail!("waited in vain for the server"),
                Err(mpsc::RecvTimeoutError::Disconnected) => bail!("the server closed the websocket"),
            }
        }
    }
}
