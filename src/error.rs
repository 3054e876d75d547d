//! Why the server cannot start: one clear sentence and an exit code each, for the person at the terminal.
//!
//! Used by `cli`, `serve` and what they start. Errors that a client sees are `wire::code::Code`, never these.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::ConfigError;

/// Why the server cannot start, or why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log filter cannot be read.
    #[error("settings: log.level is not understood: {0}")]
    LogLevel(String),
    /// Somebody else has the port.
    #[error(
        "port {port} at {ip} is already in use: stop the other program or choose another with --listen {ip}:PORT",
        port = .0.port(), ip = shown_ip(.0)
    )]
    PortInUse(SocketAddr),
    /// The port is one that only root may open.
    #[error(
        "this user may not open port {}: choose one above 1023, or give the program the right cap_net_bind_service",
        .0.port()
    )]
    PortNotAllowed(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// Which.
        address: SocketAddr,
        /// The system's reason.
        why: io::Error,
    },
    /// The port for sound and pictures cannot be opened.
    #[error("cannot open UDP port {port} at {ip} for sound and pictures ({why}): choose another with --media-listen {ip}:PORT",
        port = address.port(), ip = shown_ip(address))]
    MediaPort {
        /// Which.
        address: SocketAddr,
        /// The system's reason.
        why: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot write in the data folder {}: {why}", folder.display())]
    DataFolder {
        /// Which.
        folder: PathBuf,
        /// The system's reason.
        why: io::Error,
    },
    /// Another server works in the data folder.
    #[error("the data folder {} is in use by another Werkraum: stop that one first or choose another with --data", .0.display())]
    DataFolderInUse(PathBuf),
    /// A certificate or key file is no good.
    #[error("the certificate cannot be used: {}: {why}", file.display())]
    Certificate {
        /// Which.
        file: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The local certificate authority could not be made.
    #[error("cannot make the local certificate: {0}")]
    LocalCertificate(String),
    /// What a command of the command line says.
    #[error("{0}")]
    Command(String),
    /// The database or the key file.
    #[error("cannot open the database: {0}")]
    Database(#[from] store::StoreError),
    /// Anything of the operating system that should never be missing.
    #[error("cannot start: {0}")]
    System(#[from] io::Error),
}

impl StartError {
    /// The process's exit code, so that scripts and service managers can tell the cases apart.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::System(_) => 1,
            Self::Command(_) => 2,
            Self::Database(_) => 7,
            Self::Config(_) | Self::LogLevel(_) => 3,
            Self::PortInUse(_) | Self::PortNotAllowed(_) | Self::Listen { .. } | Self::MediaPort { .. } => 4,
            Self::DataFolder { .. } | Self::DataFolderInUse(_) => 5,
            Self::Certificate { .. } | Self::LocalCertificate(_) => 6,
        }
    }

    /// Sorts the system's reasons for not listening into those that a person can mend.
    pub fn listening(address: SocketAddr, why: io::Error) -> Self {
        match why.kind() {
            io::ErrorKind::AddrInUse => Self::PortInUse(address),
            io::ErrorKind::PermissionDenied => Self::PortNotAllowed(address),
            _ => Self::Listen { address, why },
        }
    }
}

fn shown_ip(address: &SocketAddr) -> String {
    if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let address: SocketAddr = "[::1]:8443".parse().expect("an address");
        let error = StartError::listening(address, io::ErrorKind::AddrInUse.into());
        assert_eq!(error.exit_code(), 4);
        let text = error.to_string();
        assert!(text.contains("8443") && text.contains("--listen [::1]:PORT"), "{text}");
    }
}
