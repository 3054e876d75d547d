//! A wire-tap between one participant and the media port: it passes every datagram on and keeps some of those that the
//! participant sent, for proofs about strangers who replay or mutate them. The server sees the tap's address.

use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Datagrams that are kept of each kind, the first ones: a handshake is at the beginning.
const KEPT_MAX: usize = 512;
const DATAGRAM_BYTES: usize = 2_048;

/// What a participant has sent, by kind (RFC 7983).
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// ICE checks.
    pub stun: Vec<Vec<u8>>,
    /// The handshake.
    pub dtls: Vec<Vec<u8>>,
    /// Sealed RTP.
    pub rtp: Vec<Vec<u8>>,
    /// Sealed RTCP.
    pub rtcp: Vec<Vec<u8>>,
}

impl Recorded {
    fn take(&mut self, datagram: &[u8]) {
        let kind = match datagram {
            [0..=3, ..] => &mut self.stun,
            [20..=63, ..] => &mut self.dtls,
            [128..=191, 192..=223, ..] => &mut self.rtcp,
            _ => &mut self.rtp,
        };
        if kind.len() < KEPT_MAX {
            kind.push(datagram.to_vec());
        }
    }
}

/// The tap.
#[derive(Debug)]
pub struct Tap {
    address: SocketAddr,
    server: watch::Sender<Option<SocketAddr>>,
    recorded: Arc<Mutex<Recorded>>,
    task: JoinHandle<()>,
}

impl Tap {
    /// A tap that waits for an answer.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn new() -> Result<Self> {
        let (front, back) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        let address = front.local_addr()?;
        let (server, known) = watch::channel(None);
        let recorded = Arc::<Mutex<Recorded>>::default();
        let task = tokio::spawn(pass(front, back, known, Arc::clone(&recorded)));
        Ok(Self { address, server, recorded, task })
    }

    /// Puts itself in the place of the server's candidates in an answer.
    ///
    /// # Errors
    /// When the answer has none.
    pub fn redirect(&self, answer: &str) -> Result<String> {
        let (mut out, mut server) = (String::with_capacity(answer.len()), None);
        for line in answer.split_inclusive("\r\n") {
            let mut words: Vec<&str> = line.split(' ').collect();
            if !line.starts_with("a=candidate:") || words.len() < 6 {
                out.push_str(line);
                continue;
            }
            server.get_or_insert(SocketAddr::new(words[4].parse()?, words[5].parse()?));
            let (ip, port) = (self.address.ip().to_string(), self.address.port().to_string());
            (words[4], words[5]) = (&ip, &port);
            out.push_str(&words.join(" "));
        }
        ensure!(server.is_some(), "an answer without candidates");
        self.server.send_replace(server);
        Ok(out)
    }

    /// The media port, once there was an answer.
    ///
    /// # Errors
    /// Before that.
    pub fn server(&self) -> Result<SocketAddr> {
        self.server.borrow().context("no answer yet")
    }

    /// What the participant has sent so far.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        self.recorded.lock().map(|recorded| recorded.clone()).unwrap_or_default()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    front: UdpSocket,
    back: UdpSocket,
    mut server: watch::Receiver<Option<SocketAddr>>,
    recorded: Arc<Mutex<Recorded>>,
) {
    let Ok(Some(server)) = server.wait_for(Option::is_some).await.map(|server| *server) else { return };
    let (mut up, mut down) = ([0; DATAGRAM_BYTES], [0; DATAGRAM_BYTES]);
    let mut participant = None;
    loop {
        // What cannot be received or sent is lost, as a network would lose it.
        tokio::select! {
            received = front.recv_from(&mut up) => if let Ok((length, from)) = received {
                participant = Some(from);
                if let Ok(mut recorded) = recorded.lock() {
                    recorded.take(&up[..length]);
                }
                let _ = back.send_to(&up[..length], server).await;
            },
            received = back.recv_from(&mut down) => if let (Ok((length, _)), Some(to)) = (received, participant) {
                let _ = front.send_to(&down[..length], to).await;
            },
        }
    }
}
