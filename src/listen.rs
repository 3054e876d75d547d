//! The one public port: accept, look at the first byte, TLS, HTTP. Started by `serve`.
//!
//! ICE over TCP (RFC 6544) is handed to the media worker, and so is TURN, which shows by the first byte inside TLS. A connection that has not proved
//! who it is counts against its address prefix and against all; nothing here knows how that is proved.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use media::turn::is_turn;
use model::limits;
use rustls::ServerConfig;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tower::ServiceExt;

use crate::error::StartError;
use crate::http::unproven::{Unproven, UnprovenCounts};
use crate::media::handle::MediaHandle;
use crate::shutdown::Shutdown;
use crate::turn::{Turn, door};

const HANDSHAKE: Duration = Duration::from_secs(limits::HTTP_HANDSHAKE_S_MAX);
const BACKLOG: i32 = 1024;
/// Enough for the first bytes of any protocol; larger reads pass by it.
const PEEKED_BYTES: usize = 512;
/// The first byte of a TLS handshake record (RFC 8446, 5.1).
const TLS_HANDSHAKE_RECORD: u8 = 22;

/// What the first byte of a connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Tls,
    /// A length below 256 (RFC 4571): the STUN request that ICE over TCP begins with.
    Ice,
    /// A letter: an HTTP method in the clear.
    Http,
    Unknown,
}

impl Kind {
    fn of(first: u8) -> Self {
        match first {
            TLS_HANDSHAKE_RECORD => Self::Tls,
            0 => Self::Ice,
            b'A'..=b'Z' => Self::Http,
            _ => Self::Unknown,
        }
    }
}

/// The open port, not yet served.
pub struct Listener {
    tcp: TcpListener,
    address: SocketAddr,
}

/// Opens the port. `[::]` takes IPv4 as well; on a machine without IPv6 it becomes `0.0.0.0`.
///
/// # Errors
/// [`StartError::PortInUse`], [`StartError::PortNotAllowed`] or [`StartError::Listen`]. Needs a running runtime.
pub fn bind(address: SocketAddr) -> Result<Listener, StartError> {
    let open = |address: SocketAddr| -> io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        if address.is_ipv6() {
            socket.set_only_v6(false)?;
        }
        // A restart must not wait for the old connections' TIME_WAIT.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    let tcp = match open(address) {
        Err(e) if no_ipv6(&e) && address.ip().is_unspecified() && address.is_ipv6() => {
            open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, address.port())))
        }
        other => other,
    };
    let tcp = tcp.map_err(|why| StartError::listening(address, why))?;
    let address = tcp.local_addr()?;
    Ok(Listener { tcp, address })
}

fn no_ipv6(error: &io::Error) -> bool {
    const EAFNOSUPPORT: i32 = 97;
    error.raw_os_error() == Some(EAFNOSUPPORT) || error.kind() == io::ErrorKind::AddrNotAvailable
}

impl Listener {
    /// Where it really listens: with port 0, the one that the system chose.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves `app` until the shutdown begins, then lets the running requests end. With `tls`, everything else than
    /// TLS is turned away; without, HTTP in the clear is served (behind a proxy on a loopback address only).
    pub async fn serve(
        self,
        app: Router,
        tls: Option<Arc<ServerConfig>>,
        media: MediaHandle,
        turn: Option<Turn>,
        mut shutdown: Shutdown,
    ) {
        let door = Arc::new(Door { app, tls: tls.map(TlsAcceptor::from), media, turn });
        let counts = UnprovenCounts::default();
        loop {
            let accepted = tokio::select! {
                () = shutdown.begun() => return,
                accepted = self.tcp.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                    let Some(unproven) = counts.admit(peer.ip()) else {
                        metrics::counter!("connections_refused_total").increment(1);
                        continue;
                    };
                    tokio::spawn(door.clone().connection(stream, peer, unproven, shutdown.clone()));
                }
                Err(e) if is_about_one_connection(&e) => {}
                Err(error) => {
                    // Out of file descriptors or memory: nothing tells when that is over, so wait a little.
                    tracing::error!(%error, "cannot accept connections");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// What somebody came for.
enum Spoken {
    Pages(Box<BufReader<TlsStream<TcpStream>>>),
    /// HTTP in the clear.
    Plain(TcpStream),
    Ice(TcpStream),
    Turn(Box<BufReader<TlsStream<TcpStream>>>, Turn),
}

struct Door {
    app: Router,
    tls: Option<TlsAcceptor>,
    media: MediaHandle,
    turn: Option<Turn>,
}

impl Door {
    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        peer: SocketAddr,
        unproven: Unproven,
        mut shutdown: Shutdown,
    ) {
        // Without it, small websocket frames wait for the acknowledgement of the ones before.
        let _ = stream.set_nodelay(true);
        let deadline = Instant::now() + HANDSHAKE;
        // Browsers open connections beforehand and say nothing in them: nobody who goes down waits for those.
        let spoken = tokio::select! {
            () = shutdown.begun() => return,
            spoken = timeout_at(deadline, self.first_words(stream)) => spoken.ok().flatten(),
        };
        match spoken {
            Some(Spoken::Pages(stream)) => self.http(stream, peer, unproven, shutdown, deadline).await,
            Some(Spoken::Plain(stream)) if self.tls.is_none() => {
                self.http(stream, peer, unproven, shutdown, deadline).await;
            }
            Some(Spoken::Plain(stream)) => refuse_plain(stream, deadline).await,
            Some(Spoken::Ice(stream)) => {
                if let Ok(stream) = stream.into_std() {
                    // A busy worker: the client tries again, or comes by UDP.
                    let _ = self.media.stream(stream, peer, Box::new(unproven));
                }
            }
            Some(Spoken::Turn(stream, turn)) => {
                // Counted as unproven until it is over or has an allocation.
                tokio::select! {
                    () = shutdown.begun() => {}
                    _ = timeout_at(deadline, door::open(&turn, &self.media, stream, peer)) => {}
                }
            }
            None => {}
        }
    }

    /// Looks at the first byte of a connection, and inside TLS at the next first byte. ALPN does not tell what comes
    /// there, since browsers name none for TURN.
    async fn first_words(&self, stream: TcpStream) -> Option<Spoken> {
        let mut first = [0];
        if stream.peek(&mut first).await.ok()? == 0 {
            return None;
        }
        match (&self.tls, Kind::of(first[0])) {
            (Some(acceptor), Kind::Tls) => {
                let stream = acceptor.accept(stream).await.ok()?;
                let mut stream = Box::new(BufReader::with_capacity(PEEKED_BYTES, stream));
                let first = *stream.fill_buf().await.ok()?.first()?;
                match &self.turn {
                    Some(turn) if is_turn(first) => Some(Spoken::Turn(stream, turn.clone())),
                    _ => Some(Spoken::Pages(stream)),
                }
            }
            (_, Kind::Http) => Some(Spoken::Plain(stream)),
            (Some(_), Kind::Ice) => Some(Spoken::Ice(stream)),
            _ => None,
        }
    }

    async fn http<S>(&self, stream: S, peer: SocketAddr, unproven: Unproven, mut shutdown: Shutdown, deadline: Instant)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (asked, mut first_request) = watch::channel(false);
        let app = self.app.clone();
        let service = hyper::service::service_fn(move |request: hyper::Request<Incoming>| {
            asked.send_if_modified(|asked| !std::mem::replace(asked, true));
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(unproven.clone());
            app.clone().oneshot(request)
        });
        let builder = http_builder();
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(connection);
        // A client that gets through TLS and then says nothing must not stay either.
        tokio::select! {
            _ = connection.as_mut() => return,
            in_time = timeout_at(deadline, first_request.wait_for(|asked| *asked)) => if in_time.is_err() { return },
            () = shutdown.begun() => {}
        }
        drop(first_request);
        tokio::select! {
            _ = connection.as_mut() => return,
            () = shutdown.begun() => connection.as_mut().graceful_shutdown(),
        }
        // Errors here are the client's: gone, or not speaking HTTP.
        let _ = connection.await;
    }
}

fn http_builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE)
        .max_headers(limits::HTTP_HEADERS_MAX)
        .max_buf_size(limits::HTTP_HEAD_BYTES_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::HTTP_STREAMS_MAX)
        .max_header_list_size(u32::try_from(limits::HTTP_HEAD_BYTES_MAX).unwrap_or(u32::MAX))
        .keep_alive_interval(HANDSHAKE)
        .keep_alive_timeout(HANDSHAKE);
    builder
}

/// Somebody typed http:// with our port: say what to do instead of hanging up without a word.
async fn refuse_plain(mut stream: TcpStream, deadline: Instant) {
    const ANSWER: &[u8] = b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
        Content-Length: 60\r\nConnection: close\r\n\r\nThis port speaks HTTPS: put https:// in front of the address";
    let answer = async {
        stream.write_all(ANSWER).await?;
        stream.shutdown().await
    };
    let _ = timeout_at(deadline, answer).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_byte_tells_the_protocols_apart() {
        assert_eq!(Kind::of(0x16), Kind::Tls);
        assert_eq!(Kind::of(b'G'), Kind::Http);
        // ICE over TCP begins with a length (RFC 4571), never taken for the two above below 5,632 bytes.
        assert_eq!(Kind::of(0), Kind::Ice);
        assert_eq!(Kind::of(1), Kind::Unknown);
    }

    #[tokio::test]
    async fn a_taken_port_is_told() {
        let first = bind("127.0.0.1:0".parse().expect("an address")).expect("free");
        let error = bind(first.address()).map(|_| ()).expect_err("taken");
        assert!(matches!(error, StartError::PortInUse(a) if a == first.address()), "{error}");
    }
}
