//! The TURN connections that have an allocation, owned by the media worker with their TLS: no queue and no lock between
//! a client's packet and the engine. A client that reads too slowly loses datagrams here, as the network would lose them.

use super::tcp::Guard;
use media::remote::Remote;
use media::turn::{Allocation, Input, frame_bytes};
use metrics::{Counter, counter};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use rustls::ServerConnection;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// What waits for one client: about a second of all that a participant gets.
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// Read in one turn from one client, so that nobody keeps the others waiting.
const TURN_BYTES: usize = 64 * 1024;
/// One TLS record's worth (RFC 8446, clause 5.1).
const RECORD_BYTES: usize = 16 * 1024;
/// How often allocations are looked at whose time may be over.
const SWEEP: Duration = Duration::from_secs(1);

/// A connection on its way into the worker.
pub struct Opened {
    /// The socket, not blocking.
    pub socket: std::net::TcpStream,
    /// Its TLS.
    pub tls: ServerConnection,
    /// What the client may do.
    pub allocation: Box<Allocation>,
    /// What it has sent already.
    pub early: Vec<u8>,
    /// Its place in the counts.
    pub guard: Guard,
}

struct Stream {
    socket: TcpStream,
    tls: ServerConnection,
    token: Token,
    allocation: Box<Allocation>,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has gone into TLS.
    sent: usize,
    _guard: Guard,
}

/// All connections, by their relayed address.
pub struct Streams {
    streams: HashMap<SocketAddr, Stream>,
    addresses: HashMap<Token, SocketAddr>,
    /// Those that may have more to read.
    again: Vec<SocketAddr>,
    next_token: usize,
    swept_at: Option<Instant>,
    refused: Counter,
    /// Datagrams that did not fit, or that the client did not permit.
    pub unsent: u64,
}

impl Streams {
    /// None yet; tokens start here.
    #[must_use]
    pub fn new(first_token: usize) -> Self {
        Self {
            streams: HashMap::new(),
            addresses: HashMap::new(),
            again: Vec::new(),
            next_token: first_token,
            swept_at: None,
            refused: counter!("turn_refused_total", "why" => "peer"),
            unsent: 0,
        }
    }

    /// Takes a connection over.
    pub fn add(&mut self, now: Instant, registry: &Registry, opened: Opened) {
        let Opened { socket, tls, allocation, early: incoming, guard } = opened;
        let mut socket = TcpStream::from_std(socket);
        let token = Token(self.next_token);
        self.next_token += 1;
        if registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE).is_err() {
            return;
        }
        let address = allocation.relayed();
        let stream = Stream { socket, tls, token, allocation, incoming, outgoing: Vec::new(), sent: 0, _guard: guard };
        self.addresses.insert(token, address);
        self.streams.insert(address, stream);
        self.again.push(address);
        self.swept_at.get_or_insert(now);
    }

    /// The system says that something can be done with a connection.
    pub fn ready(&mut self, registry: &Registry, token: Token) {
        let Some(&address) = self.addresses.get(&token) else { return };
        self.again.push(address);
        if self.streams.get_mut(&address).is_some_and(|stream| stream.write().is_err()) {
            self.close(registry, address);
        }
    }

    /// Hands out the datagrams that have come. True: there may be more.
    pub fn receive(&mut self, now: Instant, registry: &Registry, mut take: impl FnMut(Remote, &mut [u8])) -> bool {
        for address in std::mem::take(&mut self.again) {
            let Some(stream) = self.streams.get_mut(&address) else { continue };
            let before = stream.allocation.refused();
            let read = stream.read(now, &mut take);
            self.refused.increment(stream.allocation.refused() - before);
            // Answers go out also when the client has just ended it.
            let written = stream.write();
            match (read, written) {
                (Ok(true), Ok(())) => self.again.push(address),
                (Ok(false), Ok(())) => {}
                _ => self.close(registry, address),
            }
        }
        !self.again.is_empty()
    }

    /// Sends datagrams, all but the last of this size, as they come from our address number `peer`.
    pub fn send(
        &mut self,
        now: Instant,
        registry: &Registry,
        (to, peer): (SocketAddr, u8),
        segment_size: Option<usize>,
        contents: &[u8],
    ) {
        let Some(stream) = self.streams.get_mut(&to) else { return };
        for datagram in contents.chunks(segment_size.unwrap_or(contents.len()).max(1)) {
            let fits = stream.outgoing.len() - stream.sent + datagram.len() <= WAITING_BYTES_MAX;
            if !fits || !stream.allocation.write(now, peer, datagram, &mut stream.outgoing) {
                self.unsent += 1;
            }
        }
        if stream.write().is_err() {
            self.close(registry, to);
        }
    }

    /// When [`Self::sweep`] has to be called.
    #[must_use]
    pub fn next_sweep(&self) -> Option<Instant> {
        self.swept_at.map(|at| at + SWEEP)
    }

    /// Closes connections whose allocation is over.
    pub fn sweep(&mut self, now: Instant, registry: &Registry, knows: impl Fn(Remote) -> bool) {
        if self.next_sweep().is_none_or(|at| now < at) {
            return;
        }
        let is_over = |allocation: &Allocation| allocation.is_over(now, allocation.paths().any(&knows));
        let over: Vec<_> =
            self.streams.iter().filter(|(_, stream)| is_over(&stream.allocation)).map(|(at, _)| *at).collect();
        for address in over {
            self.close(registry, address);
        }
        self.swept_at = (!self.streams.is_empty()).then_some(now);
    }

    fn close(&mut self, registry: &Registry, address: SocketAddr) {
        if let Some(mut stream) = self.streams.remove(&address) {
            self.addresses.remove(&stream.token);
            // It is closed with the socket in any case; the goodbye of TLS is a courtesy.
            stream.tls.send_close_notify();
            let _ = stream.tls.write_tls(&mut stream.socket);
            let _ = registry.deregister(&mut stream.socket);
        }
    }
}

impl Stream {
    /// True: there may be more.
    fn read(&mut self, now: Instant, take: &mut impl FnMut(Remote, &mut [u8])) -> io::Result<bool> {
        let mut buffer = [0; RECORD_BYTES];
        let mut read = 0;
        self.frames(now, take)?;
        while read < TURN_BYTES {
            match self.tls.reader().read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    read += count;
                    self.incoming.extend_from_slice(&buffer[..count]);
                    self.frames(now, take)?;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            match self.tls.read_tls(&mut self.socket) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(_) => {
                    self.tls.process_new_packets().map_err(io::Error::other)?;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Takes out the whole frames that have come.
    fn frames(&mut self, now: Instant, take: &mut impl FnMut(Remote, &mut [u8])) -> io::Result<()> {
        let mut at = 0;
        while let Some(length) = frame_bytes(&self.incoming[at..]).map_err(io::Error::other)? {
            let Some(frame) = self.incoming.get_mut(at..at + length) else { break };
            match self.allocation.handle(now, frame, &mut self.outgoing) {
                Input::Datagram(from, datagram) => take(from, datagram),
                Input::Nothing => {}
                Input::Ended => return Err(ErrorKind::ConnectionAborted.into()),
            }
            if self.outgoing.len() - self.sent > WAITING_BYTES_MAX {
                // Asks and does not read the answers.
                return Err(ErrorKind::WriteZero.into());
            }
            at += length;
        }
        self.incoming.drain(..at);
        Ok(())
    }

    fn write(&mut self) -> io::Result<()> {
        loop {
            while self.tls.wants_write() {
                match self.tls.write_tls(&mut self.socket) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        // Half of the room is enough to move what waits, seldom.
                        if self.sent > WAITING_BYTES_MAX / 2 {
                            self.outgoing.drain(..self.sent);
                            self.sent = 0;
                        }
                        return Ok(());
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            if self.sent == self.outgoing.len() {
                self.outgoing.clear();
                self.sent = 0;
                return Ok(());
            }
            // A record at a time goes into TLS, so that what waits there stays small.
            let next = &self.outgoing[self.sent..];
            self.sent += self.tls.writer().write(&next[..next.len().min(RECORD_BYTES)])?;
        }
    }
}
