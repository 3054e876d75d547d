//! The room websocket as a client sees it: typed messages, and a record of every frame for wire-taps (S-06).

use crate::http::{Client, install_provider};
use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use wire::client::{ClientMessage, Command};
use wire::server::{Event, ServerMessage, Welcome};

/// How long a story waits for something that must come.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// A websocket over TLS.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Opens any websocket of the server, trusting its own authority.
///
/// # Errors
/// When the connection or the upgrade fails.
pub async fn open(url: &str, origin: Option<&str>, ca_pem: &[u8]) -> Result<Socket> {
    Dialer::new(ca_pem, None)?.open(url, origin).await
}

/// Opens many websockets, from an address of one's own if wished.
#[derive(Clone, Debug)]
pub struct Dialer {
    tls: Arc<rustls::ClientConfig>,
    from: Option<IpAddr>,
}

impl Dialer {
    /// Trusts this authority only.
    ///
    /// # Errors
    /// When its certificate cannot be read.
    pub fn new(ca_pem: &[u8], from: Option<IpAddr>) -> Result<Self> {
        install_provider();
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(ca_pem) {
            roots.add(certificate?)?;
        }
        let tls = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self { tls: Arc::new(tls), from })
    }

    /// Opens one.
    ///
    /// # Errors
    /// When the connection or the upgrade fails.
    pub async fn open(&self, url: &str, origin: Option<&str>) -> Result<Socket> {
        let mut request = url.into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert("Origin", origin.parse()?);
        }
        let authority = request.uri().authority().context("an address without host")?.as_str().to_owned();
        let to: SocketAddr = tokio::net::lookup_host(authority).await?.next().context("a host without address")?;
        let tcp = if to.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if let Some(from) = self.from {
            tcp.bind(SocketAddr::new(from, 0))?;
        }
        let stream = tcp.connect(to).await?;
        stream.set_nodelay(true)?;
        let connector = Connector::Rustls(Arc::clone(&self.tls));
        // Boxed: the handshake's future is large.
        let upgrade = Box::pin(client_async_tls_with_config(request, stream, None, Some(connector)));
        let (socket, _) = upgrade.await?;
        Ok(socket)
    }
}

/// A participant's connection to the room.
#[derive(Debug)]
pub struct RoomSocket {
    socket: Socket,
    next_id: u32,
    /// Every text frame received, as it came, and a note of each binary one.
    pub recorded: Vec<String>,
}

impl RoomSocket {
    /// Connects and says hello.
    ///
    /// # Errors
    /// When the upgrade is refused.
    pub async fn connect(client: &Client, ticket: &str) -> Result<Self> {
        let url = format!("{}/api/v1/socket", client.origin().replacen("http", "ws", 1));
        let socket = open(&url, Some(client.origin()), client.ca_pem()).await?;
        let mut this = Self { socket, next_id: 1, recorded: Vec::new() };
        this.send(&ClientMessage::Hello { ticket: ticket.to_owned(), protocol: wire::PROTOCOL_VERSION }).await?;
        Ok(this)
    }

    /// Sends a message.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<()> {
        self.send_text(&serde_json::to_string(message)?).await
    }

    /// Sends any text frame, for stories about malformed ones.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) -> Result<()> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// Sends a command and gives its id.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn command(&mut self, command: Command) -> Result<u32> {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&ClientMessage::Command { id, command }).await?;
        Ok(id)
    }

    /// The next message; `None` when the connection has ended.
    ///
    /// # Errors
    /// When nothing comes within [`PATIENCE`], or something that is not of the protocol.
    pub async fn next(&mut self) -> Result<Option<ServerMessage>> {
        loop {
            let frame = tokio::time::timeout(PATIENCE, self.socket.next()).await.context("nothing came")?;
            match frame {
                None | Some(Err(_)) | Some(Ok(Message::Close(_))) => return Ok(None),
                Some(Ok(Message::Text(text))) => {
                    self.recorded.push(text.to_string());
                    let message = serde_json::from_str(&text).with_context(|| format!("unexpected frame {text}"))?;
                    return Ok(Some(message));
                }
                Some(Ok(Message::Binary(bytes))) => self.recorded.push(format!("binary: {bytes:?}")),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Waits for the first message that `pick` takes; the others are passed over.
    ///
    /// # Errors
    /// When it does not come within [`PATIENCE`] or the connection ends.
    pub async fn wait_for<T>(&mut self, mut pick: impl FnMut(&ServerMessage) -> Option<T>) -> Result<T> {
        let wait = async {
            loop {
                let Some(message) = self.next().await? else { bail!("the connection ended while waiting") };
                if let Some(found) = pick(&message) {
                    return Ok(found);
                }
            }
        };
        tokio::time::timeout(PATIENCE, wait).await.context("waited in vain")?
    }

    /// Waits until admitted.
    ///
    /// # Errors
    /// As [`Self::wait_for`].
    pub async fn welcome(&mut self) -> Result<Welcome> {
        self.wait_for(|message| match message {
            ServerMessage::Welcome(welcome) => Some(welcome.as_ref().clone()),
            _ => None,
        })
        .await
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

    /// Sends a command and waits for `done`; a refusal is an error that names the code.
    ///
    /// # Errors
    /// When refused or not answered.
    pub async fn done(&mut self, command: Command) -> Result<()> {
        let sent = self.command(command).await?;
        let refused = self
            .wait_for(|message| match message {
                ServerMessage::Done { id } if *id == sent => Some(None),
                ServerMessage::Refused { id, code } if *id == sent => Some(Some(*code)),
                _ => None,
            })
            .await?;
        refused.map_or(Ok(()), |code| Err(anyhow::anyhow!("refused: {code:?}")))
    }
}
