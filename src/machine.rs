//! What this machine is called and which addresses it has: for the local certificate, the host check and the media
//! candidates. Asked once by `serve`; nothing here is told to anybody but browsers of this server.

use std::net::IpAddr;

/// What this machine is called and which addresses it has, as far as the listener covers them.
pub struct Machine {
    /// Names under which browsers may ask for it; `localhost` first.
    pub names: Vec<String>,
    /// Addresses that can stand in a certificate or a candidate.
    pub addresses: Vec<IpAddr>,
}

impl Machine {
    /// Looks at the interfaces and the host name; what `listening` does not cover is left out.
    pub fn look(listening: IpAddr) -> Self {
        let host_name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host_name = host_name.trim().to_ascii_lowercase();
        let is_name = |name: &String| {
            !name.is_empty()
                && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.')
                && name != "localhost"
        };
        let mut names = vec!["localhost".to_owned()];
        if !listening.is_loopback() {
            names.extend(Some(host_name).filter(is_name));
        }
        let covered = |ip: &IpAddr| listening.is_unspecified() || *ip == listening || ip.is_loopback();
        let mut addresses: Vec<IpAddr> = if_addrs::get_if_addrs()
            .unwrap_or_default()
            .into_iter()
            .map(|interface| interface.ip())
            .chain([IpAddr::from([127, 0, 0, 1]), listening])
            .filter(|ip| covered(ip) && !ip.is_unspecified() && !is_link_local(ip))
            .collect();
        addresses.sort_unstable();
        addresses.dedup();
        Self { names, addresses }
    }
}

/// fe80::/10 needs a zone, which neither a certificate nor a link can carry.
fn is_link_local(ip: &IpAddr) -> bool {
    matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loopback_listener_has_no_other_names() {
        let machine = Machine::look(IpAddr::from([127, 0, 0, 1]));
        assert_eq!(machine.names, ["localhost"]);
        assert!(machine.addresses.iter().all(IpAddr::is_loopback), "{:?}", machine.addresses);
    }

    #[test]
    fn an_open_listener_has_all_that_can_be_written_down() {
        let machine = Machine::look(IpAddr::from([0; 16]));
        assert!(machine.addresses.contains(&IpAddr::from([127, 0, 0, 1])));
        assert!(!machine.addresses.iter().any(|ip| ip.is_unspecified() || is_link_local(ip)));
    }
}
