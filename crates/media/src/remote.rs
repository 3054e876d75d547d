//! Where a client is: its address, and whether datagrams go there by UDP, framed in a TCP connection (RFC 6544) or
//! through TURN (RFC 8656).
//! Everything that knows clients by their address uses this, so that one TCP connection is one path like any other.

use std::fmt;
use std::net::SocketAddr;

/// How datagrams travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    /// One by one.
    Udp,
    /// Each with its length before it, in the connection that the client opened (RFC 4571).
    Tcp,
    /// In the TURN connection that the client opened.
    Turn {
        /// Which of our media addresses the client believes to speak with; each is a path of its own.
        peer: u8,
    },
}

/// The far end of a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Remote {
    /// The client's address as we see it; for TCP it names one connection, for TURN it is the relayed one and names one
    /// allocation.
    pub address: SocketAddr,
    /// How datagrams get there.
    pub via: Via,
}

impl Remote {
    /// A client that came by TCP.
    #[must_use]
    pub fn tcp(address: SocketAddr) -> Self {
        Self { address, via: Via::Tcp }
    }

    /// A client that came by TURN.
    #[must_use]
    pub fn turn(relayed: SocketAddr, peer: u8) -> Self {
        Self { address: relayed, via: Via::Turn { peer } }
    }
}

impl From<SocketAddr> for Remote {
    fn from(address: SocketAddr) -> Self {
        Self { address, via: Via::Udp }
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.via, self.address)
    }
}
