//! The worker's connections of those whom UDP does not reach: ICE over TCP and TURN, behind one face. No logic here.

use super::tcp::{Guard, Tcp};
use super::turn::{Opened, Streams as Turn};
use media::remote::{Remote, Via};
use mio::{Registry, Token};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// Tokens of TURN connections start here; nobody has seen so many others.
const TURN: usize = 1 << (usize::BITS - 1);

/// All connections.
pub struct Streams {
    tcp: Tcp,
    turn: Turn,
    /// When something was last received: the time of what is sent because of it.
    now: Instant,
}

impl Streams {
    /// None yet; tokens start here.
    #[must_use]
    pub fn new(first_token: usize) -> Self {
        Self { tcp: Tcp::new(first_token), turn: Turn::new(TURN), now: Instant::now() }
    }

    /// Takes a connection over that speaks ICE.
    pub fn add(&mut self, now: Instant, registry: &Registry, socket: TcpStream, from: SocketAddr, guard: Guard) {
        self.tcp.add(now, registry, socket, from, guard);
    }

    /// Takes a connection over that speaks TURN.
    pub fn add_turn(&mut self, now: Instant, registry: &Registry, opened: Opened) {
        self.turn.add(now, registry, opened);
    }

    /// The system says that something can be done with a connection.
    pub fn ready(&mut self, registry: &Registry, token: Token) {
        match token.0 {
            TURN.. => self.turn.ready(registry, token),
            _ => self.tcp.ready(registry, token),
        }
    }

    /// Hands out the datagrams that have come. True: there may be more.
    pub fn receive(&mut self, now: Instant, registry: &Registry, mut take: impl FnMut(Remote, &mut [u8])) -> bool {
        self.now = now;
        let more = self.tcp.receive(registry, &mut take);
        self.turn.receive(now, registry, take) || more
    }

    /// Sends datagrams, all but the last of this size.
    pub fn send(&mut self, registry: &Registry, to: Remote, segment_size: Option<usize>, contents: &[u8]) {
        match to.via {
            Via::Turn { peer } => self.turn.send(self.now, registry, (to.address, peer), segment_size, contents),
            Via::Udp | Via::Tcp => self.tcp.send(registry, to.address, segment_size, contents),
        }
    }

    /// When [`Self::sweep`] has to be called.
    #[must_use]
    pub fn next_sweep(&self) -> Option<Instant> {
        [self.tcp.next_sweep(), self.turn.next_sweep()].into_iter().flatten().min()
    }

    /// Closes connections with nobody behind them.
    pub fn sweep(&mut self, now: Instant, registry: &Registry, knows: impl Fn(Remote) -> bool) {
        self.tcp.sweep(now, registry, &knows);
        self.turn.sweep(now, registry, knows);
    }

    /// Datagrams that did not fit.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        self.tcp.unsent + self.turn.unsent
    }
}
