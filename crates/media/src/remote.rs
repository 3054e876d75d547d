//! Where a client is: its address, and whether datagrams go there by UDP or framed in a TCP connection (RFC 6544).
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
}

/// The far end of a path.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Remote {
    /// The client's address as we see it; for TCP it names one connection.
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
