//! Addresses on this machine for servers whose ICE library passes over the loopback interface and binds what it sends
//! to an interface: an interface of our own with a network (RFC 2544's for benchmarks) of which every address is local.
//! Packets take the same way through the kernel as on loopback. Needs root; removed when it is dropped.

use anyhow::{Result, ensure};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};

const INTERFACE: &str = "wkbench0";
/// The first two bytes of its addresses; the viewers' follow as on loopback.
pub(crate) const PREFIX: [u8; 2] = [198, 18];
/// The server's address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(PREFIX[0], PREFIX[1], 0, 1);

/// The interface, as long as it is kept.
#[derive(Debug)]
pub(crate) struct Network(());

fn ip(arguments: &str) -> bool {
    let mut ip = Command::new("ip");
    let status = ip.args(arguments.split(' ')).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Network {
    pub(crate) fn new() -> Result<Self> {
        // One that a run left behind when it was killed.
        ip(&format!("link del {INTERFACE}"));
        // Either kind does; kernels have one or the other.
        let made = ip(&format!("link add {INTERFACE} type dummy"))
            || ip(&format!("link add {INTERFACE} type veth peer name {INTERFACE}b"))
                && ip(&format!("link set {INTERFACE}b up"));
        ensure!(made, "no interface of our own can be made: root and iproute2 are needed");
        let this = Self(());
        let [a, b] = PREFIX;
        let up = ip(&format!("addr add {SERVER}/32 dev {INTERFACE}"))
            && ip(&format!("link set {INTERFACE} up"))
            && ip(&format!("route add local {a}.{b}.0.0/16 dev {INTERFACE}"));
        ensure!(up, "the interface {INTERFACE} gets no addresses");
        Ok(this)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        ip(&format!("link del {INTERFACE}"));
    }
}
