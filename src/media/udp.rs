//! The one public UDP socket: trains out by one system call (UDP GSO), trains in by one (GRO), with a fall-back to
//! single datagrams where the kernel or the card cannot. Used by `worker`.

use quinn_udp::{RecvMeta, Transmit as Train, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::collections::HashMap;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::{AsRawFd, RawFd};

/// Trains that one call receives.
const BATCH: usize = 16;
/// What one train may hold: 64 datagrams (the kernel's limit) fit.
const TRAIN_BYTES: usize = 64 * 1024;
/// Kernel buffers; what the system allows is taken.
const SOCKET_BYTES: usize = 4 * 1024 * 1024;
/// Clients of which we remember at which of our addresses they reach us.
const SOURCES_MAX: usize = 16_384;

/// The socket with its buffers.
pub struct Udp {
    socket: UdpSocket,
    state: UdpSocketState,
    address: SocketAddr,
    buffers: Vec<Vec<u8>>,
    metas: [RecvMeta; BATCH],
    /// At which of our addresses a client reaches us: answers must come from there (a server with several).
    sources: HashMap<SocketAddr, IpAddr>,
    /// Datagrams that the kernel did not take.
    pub unsent: u64,
}

impl Udp {
    /// Opens the socket. `[::]` takes both families.
    ///
    /// # Errors
    /// What the system says, as when the port is in use.
    pub fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
        if address.is_ipv6() {
            socket.set_only_v6(!address.ip().is_unspecified())?;
        }
        // Smaller buffers than wished are no reason not to start.
        let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
        let _ = socket.set_send_buffer_size(SOCKET_BYTES);
        socket.bind(&address.into())?;
        let socket: UdpSocket = socket.into();
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let address = socket.local_addr()?;
        let buffers = (0..BATCH).map(|_| vec![0; TRAIN_BYTES]).collect();
        Ok(Self {
            socket,
            state,
            address,
            buffers,
            metas: [RecvMeta::default(); BATCH],
            sources: HashMap::new(),
            unsent: 0,
        })
    }

    /// Where it listens, with the port that the system chose.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For waiting on it.
    #[must_use]
    pub fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Receives what is there, at most [`BATCH`] trains, and hands out each datagram. True: there may be more.
    pub fn receive(&mut self, mut take: impl FnMut(SocketAddr, &mut [u8])) -> bool {
        let mut slices = self.buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer));
        let mut slices: [IoSliceMut<'_>; BATCH] =
            std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
        // An error of receiving is some client's closed port (ICMP) or nothing to receive; neither ends anything.
        let count = match self.state.recv(UdpSockRef::from(&self.socket), &mut slices, &mut self.metas) {
            Ok(count) => count,
            Err(error) => return error.kind() != io::ErrorKind::WouldBlock,
        };
        for (buffer, meta) in self.buffers.iter_mut().zip(&self.metas).take(count) {
            let from = canonical(meta.addr);
            if let Some(at) = meta.dst_ip.filter(|_| self.address.ip().is_unspecified())
                && self.sources.get(&from) != Some(&at)
            {
                if self.sources.len() >= SOURCES_MAX {
                    self.sources.clear(); // forgotten ones are learned again with their next datagram
                }
                self.sources.insert(from, at);
            }
            for datagram in buffer[..meta.len].chunks_mut(meta.stride.max(1)) {
                take(from, datagram);
            }
        }
        // The system gave less than there was room for, so it had no more; what comes later is told anew.
        count == BATCH
    }

    /// Sends a train. What the kernel does not take now is lost, as the network would lose it; the client's NACK or
    /// the next picture mends it.
    pub fn send(&mut self, to: SocketAddr, segment_size: Option<usize>, contents: &[u8]) {
        let src_ip = if self.sources.is_empty() { None } else { self.sources.get(&to).copied() };
        let destination = if self.address.is_ipv6() { mapped(to) } else { to };
        let train = |contents, segment_size| Train { destination, ecn: None, contents, segment_size, src_ip };
        let send = |train: &Train<'_>| self.state.try_send(UdpSockRef::from(&self.socket), train);
        let Some(size) = segment_size else {
            self.unsent += u64::from(send(&train(contents, None)).is_err());
            return;
        };
        // The state learns from errors: without GSO it tells 1 here from then on.
        let together = self.state.max_gso_segments();
        if together > 1 && contents.len().div_ceil(size) <= together && send(&train(contents, Some(size))).is_ok() {
            return;
        }
        for datagram in contents.chunks(size) {
            self.unsent += u64::from(send(&train(datagram, None)).is_err());
        }
    }
}

/// A client of the IPv6 socket that came by IPv4 gets its IPv4 address.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

fn mapped(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trains_arrive_as_datagrams_over_both_families() {
        for bind in ["127.0.0.1:0", "[::]:0"] {
            let mut server = Udp::bind(bind.parse().expect("address")).expect("socket");
            let client = UdpSocket::bind("127.0.0.1:0").expect("socket");
            client.set_read_timeout(Some(std::time::Duration::from_secs(5))).expect("time-out");
            let to = client.local_addr().expect("address");
            server.send(to, Some(1_000), &[7; 2_500]);
            let mut buffer = [0; 2_000];
            let sizes: Vec<usize> = (0..3).map(|_| client.recv(&mut buffer).expect("a datagram")).collect();
            assert_eq!(sizes, [1_000, 1_000, 500]);
            client.send_to(b"back", ("127.0.0.1", server.address().port())).expect("sent");
            let mut got = Vec::new();
            while got.is_empty() {
                let _ = server.receive(|from, datagram| got.push((from, datagram.to_vec())));
            }
            assert_eq!(got, [(to, b"back".to_vec())]);
        }
    }
}
