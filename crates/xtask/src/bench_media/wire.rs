//! The sockets of the generator. With receive offload all viewers share one socket and have an address each
//! (127.0.1.1 and on), so a train that a server sends in one call stays one in the kernel, as with a network card that
//! segments. Without it each viewer has a plain socket, and the kernel bills cutting trains up to the sender.
//! Nobody sleeps on them: on loopback the kernel bills waking a receiver to the sender.

use anyhow::{Context as _, Result};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSockRef, UdpSocketState};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{ErrorKind, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

const TRAIN_BYTES: usize = 64 * 1024;
const SOCKET_BYTES: usize = 32 * 1024 * 1024;
/// Viewers in one /24 of the loopback network.
const PER_NET: usize = 250;

/// Nanoseconds since 1970: the clock that the kernel stamps received packets with.
pub(crate) fn clock_ns() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64)
}

/// The first two bytes of addresses on loopback.
pub(crate) const LOOPBACK: [u8; 2] = [127, 0];

/// The address of viewer number `index`.
fn address(prefix: [u8; 2], index: usize) -> Ipv4Addr {
    let [a, b] = prefix;
    Ipv4Addr::new(a, b, 1 + (index / PER_NET) as u8, 1 + (index % PER_NET) as u8)
}

fn index(address: IpAddr) -> Option<usize> {
    match address {
        IpAddr::V4(ip) => {
            let [_, _, net, host] = ip.octets();
            Some(usize::from(net.checked_sub(1)?) * PER_NET + usize::from(host.checked_sub(1)?))
        }
        IpAddr::V6(_) => None,
    }
}

fn bind(ip: Ipv4Addr) -> Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // What the system allows is taken; a window in which too little got through is dropped.
    let _ = socket.set_recv_buffer_size(SOCKET_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BYTES);
    socket.bind(&SocketAddr::from((ip, 0)).into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The sockets with the network that their addresses are in.
pub(crate) struct Wire {
    prefix: [u8; 2],
    sockets: Sockets,
}

enum Sockets {
    /// One for all, with receive offload.
    Shared {
        socket: UdpSocket,
        state: UdpSocketState,
        buffers: Vec<Vec<u8>>,
        metas: Box<[RecvMeta; BATCH_SIZE]>,
        viewers: usize,
    },
    /// One each, without.
    Single { sockets: Vec<UdpSocket>, buffer: Vec<u8> },
}

impl Wire {
    pub(crate) fn new(prefix: [u8; 2], offload: bool) -> Result<Self> {
        if !offload {
            return Ok(Self { prefix, sockets: Sockets::Single { sockets: Vec::new(), buffer: vec![0; 2_048] } });
        }
        let socket = bind(Ipv4Addr::UNSPECIFIED)?;
        let state = UdpSocketState::new(UdpSockRef::from(&socket))?;
        let buffers = vec![vec![0; TRAIN_BYTES]; BATCH_SIZE];
        let metas = Box::new([RecvMeta::default(); BATCH_SIZE]);
        Ok(Self { prefix, sockets: Sockets::Shared { socket, state, buffers, metas, viewers: 0 } })
    }

    /// The address of a further viewer.
    pub(crate) fn add(&mut self) -> Result<SocketAddr> {
        match &mut self.sockets {
            Sockets::Shared { socket, viewers, .. } => {
                *viewers += 1;
                Ok(SocketAddr::from((address(self.prefix, *viewers - 1), socket.local_addr()?.port())))
            }
            Sockets::Single { sockets, .. } => {
                let socket = bind(address(self.prefix, sockets.len()))?;
                let address = socket.local_addr()?;
                sockets.push(socket);
                Ok(address)
            }
        }
    }

    /// Sends a datagram as that viewer.
    pub(crate) fn send(&self, viewer: usize, to: SocketAddr, contents: &[u8]) -> Result<()> {
        let sent = match &self.sockets {
            Sockets::Shared { socket, state, .. } => {
                let src_ip = Some(IpAddr::V4(address(self.prefix, viewer)));
                let train = Transmit { destination: to, ecn: None, contents, segment_size: None, src_ip };
                state.try_send(UdpSockRef::from(socket), &train)
            }
            Sockets::Single { sockets, .. } => {
                sockets.get(viewer).context("a viewer without socket")?.send_to(contents, to).map(drop)
            }
        };
        match sent {
            // The server's port is closed for a moment or its buffer is full: loss, which the delivery rate shows.
            Err(error) if matches!(error.kind(), ErrorKind::ConnectionRefused | ErrorKind::WouldBlock) => Ok(()),
            other => Ok(other?),
        }
    }

    /// Hands out what is there: for which viewer, from whom, when it came (by the kernel where it tells), the datagram.
    pub(crate) fn receive(&mut self, mut take: impl FnMut(usize, SocketAddr, u64, &[u8])) -> Result<()> {
        match &mut self.sockets {
            Sockets::Shared { socket, state, buffers, metas, .. } => {
                let mut slices = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer));
                let mut slices: [IoSliceMut<'_>; BATCH_SIZE] =
                    std::array::from_fn(|_| slices.next().unwrap_or_else(|| IoSliceMut::new(&mut [])));
                let count = match state.recv(UdpSockRef::from(&*socket), &mut slices, &mut metas[..]) {
                    Ok(count) => count,
                    Err(error) if is_nothing(&error) => return Ok(()),
                    Err(error) => return Err(error.into()),
                };
                for (buffer, meta) in buffers.iter().zip(metas.iter()).take(count) {
                    let Some(viewer) = meta.dst_ip.and_then(index) else { continue };
                    let at = meta.timestamp.map_or_else(clock_ns, |at| at.as_nanos() as u64);
                    for datagram in buffer[..meta.len].chunks(meta.stride.max(1)) {
                        take(viewer, meta.addr, at, datagram);
                    }
                }
            }
            Sockets::Single { sockets, buffer } => {
                for (viewer, socket) in sockets.iter().enumerate() {
                    loop {
                        match socket.recv_from(buffer) {
                            Ok((length, from)) => take(viewer, from, clock_ns(), &buffer[..length]),
                            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                            Err(error) if is_nothing(&error) => {}
                            Err(error) => return Err(error.into()),
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// Nothing to receive, or news of a closed port (ICMP).
fn is_nothing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionRefused | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_viewer_has_an_address_of_its_own() {
        for viewer in [0, 1, 249, 250, 1_000] {
            assert_eq!(index(address(LOOPBACK, viewer).into()), Some(viewer));
        }
        assert_eq!(index(IpAddr::from([127, 0, 0, 1])), None);
    }

    #[test]
    fn datagrams_reach_the_viewer_they_are_for() {
        for offload in [true, false] {
            let mut wire = Wire::new(LOOPBACK, offload).expect("sockets");
            let addresses = [wire.add().expect("address"), wire.add().expect("address")];
            let server = UdpSocket::bind("127.0.0.1:0").expect("socket");
            let to = server.local_addr().expect("address");
            server.send_to(b"to the second", addresses[1]).expect("sent");
            let mut got = Vec::new();
            while got.is_empty() {
                wire.receive(|viewer, from, _, datagram| got.push((viewer, from, datagram.to_vec())))
                    .expect("received");
            }
            assert_eq!(got, [(1, to, b"to the second".to_vec())]);
            wire.send(1, to, b"back").expect("sent");
            let mut buffer = [0; 16];
            assert_eq!(server.recv_from(&mut buffer).expect("received"), (4, addresses[1]));
        }
    }
}
