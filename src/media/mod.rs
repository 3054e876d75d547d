//! The media worker: socket, thread and clock around the engine in `crates/media`. Started by `serve`, used by
//! `rooms` through [`handle::MediaHandle`]; no room rule is decided here.

pub mod admission;
mod figures;
pub mod handle;
mod streams;
pub mod tcp;
pub mod turn;
pub mod udp;
pub mod worker;

use media::engine::{Config, Engine};
use media::remote::Remote;
use media::transport::Identity;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

/// The running media part.
pub struct Running {
    /// How rooms reach it.
    pub handle: handle::MediaHandle,
    /// The addresses that clients are told, best first.
    pub advertised: Vec<SocketAddr>,
    thread: std::thread::JoinHandle<()>,
}

impl Running {
    /// Says goodbye to everybody and waits until that is sent. Blocks for a moment: call it off the async threads.
    pub fn end(self) {
        self.handle.shutdown();
        if self.thread.join().is_err() {
            tracing::error!("the media worker had panicked");
        }
    }
}

/// Opens the UDP port and starts the worker. `advertised`: the addresses that clients are told, as for a server behind
/// NAT; empty: those of this machine. `limits`: how much it may forward. `tcp_port`: where connections come in that [`handle::MediaHandle::stream`] gets.
///
/// # Errors
/// What the system says, as when the port is in use; or that no certificate could be made.
pub fn start(
    listen: SocketAddr,
    tcp_port: Option<u16>,
    advertised: &[IpAddr],
    limits: admission::Limits,
) -> io::Result<Running> {
    let socket = udp::Udp::bind(listen)?;
    let address = socket.address();
    let ips = if advertised.is_empty() { local_addresses(address.ip()) } else { advertised.to_vec() };
    let at = |port| ips.iter().map(move |ip| SocketAddr::new(*ip, port));
    let advertised: Vec<SocketAddr> = at(address.port()).collect();
    let by_tcp = tcp_port.into_iter().flat_map(at).map(Remote::tcp);
    let addresses = advertised.iter().copied().map(Remote::from).chain(by_tcp).collect();
    let identity = Identity::generate().map_err(io::Error::other)?;
    let mut seed = [0; 32];
    aws_lc_rs::rand::fill(&mut seed).map_err(|_| io::Error::other("no randomness"))?;
    let engine = Engine::new(Instant::now(), Config { addresses, identity }, seed);
    let mut figures = figures::Figures::new();
    let (mut admission, full) = admission::Admission::new(limits, admission::card_bps());
    let watch = Box::new(move |counters, unsent| {
        figures.tell(counters, unsent);
        admission.look(Instant::now(), &counters);
    });
    let (worker, thread) = worker::spawn(socket, engine, watch)?;
    Ok(Running { handle: handle::MediaHandle::new(vec![worker]).refusing_when(full), advertised, thread })
}

/// Whether any of these can be reached from the whole internet.
#[must_use]
pub fn has_public_address(addresses: &[SocketAddr]) -> bool {
    addresses.iter().any(|address| rank(address.ip()) == 0)
}

/// The addresses of this machine that the socket covers, best first.
fn local_addresses(bound: IpAddr) -> Vec<IpAddr> {
    if !bound.is_unspecified() {
        return vec![bound];
    }
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip());
    // An IPv6 socket on all addresses takes both families.
    let mut all: Vec<IpAddr> = interfaces.filter(|ip| rank(*ip) < 3 && (bound.is_ipv6() || ip.is_ipv4())).collect();
    if !all.iter().any(IpAddr::is_loopback) {
        all.push(IpAddr::from([127, 0, 0, 1]));
    }
    all.sort_by_key(|ip| (rank(*ip), ip.is_ipv6(), *ip));
    all.dedup();
    all
}

/// 0 public, 1 private, 2 this machine only, 3 unusable as a candidate (link-local needs a zone).
fn rank(ip: IpAddr) -> u8 {
    match ip {
        IpAddr::V4(ip) if ip.is_loopback() => 2,
        IpAddr::V4(ip) if ip.is_link_local() || ip.is_unspecified() || ip.is_multicast() => 3,
        // RFC 1918, and RFC 6598 (carrier NAT: 100.64/10).
        IpAddr::V4(ip) => u8::from(ip.is_private() || ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64),
        IpAddr::V6(ip) if ip.is_loopback() => 2,
        IpAddr::V6(ip) if ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() => 3,
        IpAddr::V6(ip) => u8::from(ip.is_unique_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses_are_told_from_others() {
        let has = |text: &str| has_public_address(&[SocketAddr::new(text.parse().expect("address"), 1)]);
        for private in ["127.0.0.1", "10.1.2.3", "192.168.0.1", "172.16.0.1", "100.64.0.1", "169.254.1.1", "::1"] {
            assert!(!has(private), "{private}");
        }
        assert!(!has("fd00::1") && !has("fe80::1"));
        assert!(has("203.0.113.9") && has("2001:db8::1"));
    }

    #[test]
    fn this_machine_is_always_reachable_from_itself() {
        assert!(local_addresses(IpAddr::from([0, 0, 0, 0])).iter().any(IpAddr::is_loopback));
        assert_eq!(local_addresses(IpAddr::from([10, 0, 0, 1])), [IpAddr::from([10, 0, 0, 1])]);
    }
}
