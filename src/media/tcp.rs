//! ICE over TCP (RFC 6544) for networks that block UDP: the connections that the listener has handed over, each datagram
//! with its length before it (RFC 4571). Owned by the worker; what the datagrams mean, the engine knows.
//!
//! Who does not prove within some seconds that a participant is behind it is cut off (S-30), as is who sends a frame
//! larger than any of ours. A client that reads too slowly loses datagrams here, as the network would lose them.

use media::remote::Remote;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::any::Any;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Connections at a time; more are turned away.
const STREAMS_MAX: usize = 4_096;
/// The largest datagram that is taken: an Ethernet frame's.
const FRAME_BYTES_MAX: usize = 1_500;
/// What waits for one client: about a second of all that a participant gets.
const WAITING_BYTES_MAX: usize = 256 * 1024;
/// Read in one turn from one client, so that nobody keeps the others waiting.
const TURN_BYTES: usize = 64 * 1024;
/// So long a connection may stay that belongs to nobody.
const NOBODY: Duration = Duration::from_secs(10);
/// How often that is looked at.
const SWEEP: Duration = Duration::from_secs(1);

/// What the listener holds for a connection as long as nobody has proven to be behind it.
pub type Guard = Box<dyn Any + Send>;

struct Stream {
    socket: TcpStream,
    token: Token,
    guard: Option<Guard>,
    /// When somebody was last known to be behind it, at first when it came.
    used: Instant,
    incoming: Vec<u8>,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has left.
    sent: usize,
}

/// All connections.
#[derive(Default)]
pub struct Tcp {
    streams: HashMap<SocketAddr, Stream>,
    addresses: HashMap<Token, SocketAddr>,
    /// Those that may have more to read.
    again: Vec<SocketAddr>,
    next_token: usize,
    swept_at: Option<Instant>,
    /// Datagrams that did not fit.
    pub unsent: u64,
}

impl Tcp {
    /// None yet; tokens start here.
    #[must_use]
    pub fn new(first_token: usize) -> Self {
        Self { next_token: first_token, ..Self::default() }
    }

    /// Takes a connection over. It may have data already.
    pub fn add(
        &mut self,
        now: Instant,
        registry: &Registry,
        socket: std::net::TcpStream,
        from: SocketAddr,
        guard: Guard,
    ) {
        if self.streams.len() >= STREAMS_MAX || socket.set_nonblocking(true).is_err() {
            return;
        }
        let mut socket = TcpStream::from_std(socket);
        let token = Token(self.next_token);
        self.next_token += 1;
        if registry.register(&mut socket, token, Interest::READABLE | Interest::WRITABLE).is_err() {
            return;
        }
        self.close(registry, from); // the same address again: the former connection is gone
        self.addresses.insert(token, from);
        let (incoming, outgoing) = (Vec::new(), Vec::new());
        let stream = Stream { socket, token, guard: Some(guard), used: now, incoming, outgoing, sent: 0 };
        self.streams.insert(from, stream);
        self.again.push(from);
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
    pub fn receive(&mut self, registry: &Registry, mut take: impl FnMut(Remote, &mut [u8])) -> bool {
        for address in std::mem::take(&mut self.again) {
            let Some(stream) = self.streams.get_mut(&address) else { continue };
            match stream.read(|datagram| take(Remote::tcp(address), datagram)) {
                Ok(true) => self.again.push(address),
                Ok(false) => {}
                Err(_) => self.close(registry, address),
            }
        }
        !self.again.is_empty()
    }

    /// Sends datagrams, all but the last of this size.
    pub fn send(&mut self, registry: &Registry, to: SocketAddr, segment_size: Option<usize>, contents: &[u8]) {
        let Some(stream) = self.streams.get_mut(&to) else { return };
        for datagram in contents.chunks(segment_size.unwrap_or(contents.len()).max(1)) {
            let Ok(length) = u16::try_from(datagram.len()) else { continue };
            if stream.outgoing.len() - stream.sent + datagram.len() + 2 > WAITING_BYTES_MAX {
                self.unsent += 1;
                continue;
            }
            stream.outgoing.extend(length.to_be_bytes());
            stream.outgoing.extend_from_slice(datagram);
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

    /// Cuts off connections with nobody behind them.
    pub fn sweep(&mut self, now: Instant, registry: &Registry, knows: impl Fn(Remote) -> bool) {
        if self.next_sweep().is_none_or(|at| now < at) {
            return;
        }
        let mut over = Vec::new();
        for (address, stream) in &mut self.streams {
            if knows(Remote::tcp(*address)) {
                stream.guard = None;
                stream.used = now;
            } else if now.saturating_duration_since(stream.used) > NOBODY {
                over.push(*address);
            }
        }
        for address in over {
            self.close(registry, address);
        }
        self.swept_at = (!self.streams.is_empty()).then_some(now);
    }

    fn close(&mut self, registry: &Registry, address: SocketAddr) {
        if let Some(mut stream) = self.streams.remove(&address) {
            self.addresses.remove(&stream.token);
            // It is closed with the socket in any case.
            let _ = registry.deregister(&mut stream.socket);
        }
    }
}

impl Stream {
    /// True: there may be more.
    fn read(&mut self, mut take: impl FnMut(&mut [u8])) -> io::Result<bool> {
        let mut buffer = [0; 16 * 1024];
        for _ in 0..TURN_BYTES / buffer.len() {
            match self.socket.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => {
                    self.incoming.extend_from_slice(&buffer[..count]);
                    let used = frames(&mut self.incoming, &mut take)?;
                    self.incoming.drain(..used);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    fn write(&mut self) -> io::Result<()> {
        while self.sent < self.outgoing.len() {
            match self.socket.write(&self.outgoing[self.sent..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(count) => self.sent += count,
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
        self.outgoing.clear();
        self.sent = 0;
        Ok(())
    }
}

/// Hands out the whole datagrams in `bytes`; how many bytes those took.
fn frames(bytes: &mut [u8], mut take: impl FnMut(&mut [u8])) -> io::Result<usize> {
    let mut at = 0;
    while let Some([high, low]) = bytes.get(at..at + 2) {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > FRAME_BYTES_MAX {
            return Err(ErrorKind::InvalidData.into());
        }
        let Some(datagram) = bytes.get_mut(at + 2..at + 2 + length) else { break };
        take(datagram);
        at += 2 + length;
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::{Events, Poll};
    use std::io::{Read, Write};
    use std::net::TcpListener;

    #[test]
    fn frames_come_whole_however_they_are_cut() {
        let mut wire = vec![0, 3, b'a', b'b', b'c', 0, 0, 0, 2, b'd', b'e'];
        for cut in 0..=wire.len() {
            let mut got = Vec::new();
            let used = frames(&mut wire[..cut], |datagram| got.push(datagram.to_vec())).expect("short frames");
            assert!(used <= cut);
            frames(&mut wire[used..], |datagram| got.push(datagram.to_vec())).expect("short frames");
            assert_eq!(got, [b"abc".to_vec(), vec![], b"de".to_vec()], "{cut}");
        }
        assert!(frames(&mut [0xff, 0xff], |_| {}).is_err(), "larger than any datagram of ours");
    }

    #[test]
    fn datagrams_go_both_ways_and_nobodys_connection_is_cut_off() {
        let mut poll = Poll::new().expect("epoll");
        let listener = TcpListener::bind("127.0.0.1:0").expect("free port");
        let mut client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("there");
        client.set_read_timeout(Some(Duration::from_secs(5))).expect("time-out");
        let (socket, from) = listener.accept().expect("a connection");
        let (mut tcp, start) = (Tcp::new(2), Instant::now());
        tcp.add(start, poll.registry(), socket, from, Box::new(()));
        client.write_all(&[0, 2, b'h', b'i']).expect("sent");
        let mut got = Vec::new();
        let mut events = Events::with_capacity(8);
        while got.is_empty() {
            poll.poll(&mut events, Some(Duration::from_secs(5))).expect("polled");
            for event in &events {
                tcp.ready(poll.registry(), event.token());
            }
            tcp.receive(poll.registry(), |remote, datagram| got.push((remote, datagram.to_vec())));
        }
        assert_eq!(got, [(Remote::tcp(from), b"hi".to_vec())]);
        tcp.send(poll.registry(), from, Some(3), b"abcde");
        let mut answer = [0; 9];
        client.read_exact(&mut answer).expect("an answer");
        assert_eq!(&answer, &[0, 3, b'a', b'b', b'c', 0, 2, b'd', b'e']);

        tcp.sweep(start + NOBODY, poll.registry(), |_| true);
        tcp.sweep(start + NOBODY + SWEEP, poll.registry(), |_| false);
        assert_eq!(tcp.streams.len(), 1, "it was in use a moment ago");
        tcp.sweep(start + NOBODY * 2 + SWEEP * 2, poll.registry(), |_| false);
        assert_eq!(client.read(&mut answer).expect("closed"), 0);
    }

    #[test]
    fn who_does_not_read_loses_datagrams_and_nobody_waits() {
        let poll = Poll::new().expect("epoll");
        let listener = TcpListener::bind("127.0.0.1:0").expect("free port");
        let client = std::net::TcpStream::connect(listener.local_addr().expect("bound")).expect("there");
        let (socket, from) = listener.accept().expect("a connection");
        let mut tcp = Tcp::new(2);
        tcp.add(Instant::now(), poll.registry(), socket, from, Box::new(()));
        for _ in 0..20_000 {
            tcp.send(poll.registry(), from, None, &[7; 1_200]);
        }
        assert!(tcp.unsent > 0);
        assert!(tcp.streams[&from].outgoing.len() < WAITING_BYTES_MAX * 2);
        drop(client);
    }
}
