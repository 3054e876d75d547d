//! Proofs: what the product promises under attack or crash, tried against the real binary. Each is one function with a
//! size: small in `tests/stories`, large in `cargo xtask prove`. It gives figures and says which limits were broken.

pub mod aiortc;
mod datagrams;
mod frames;
pub mod kills;
pub mod lobby;
pub mod stranger;
mod udp_sockets;

use crate::http::Client;
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use std::fmt::Display;
use std::path::PathBuf;
use wire::api::Room;

/// What a proof found.
#[derive(Clone, Debug, Default)]
pub struct Proof {
    /// `(name, value)`, to be printed one a line.
    pub figures: Vec<(String, String)>,
    /// Limits that did not hold; empty when the proof holds.
    pub broken: Vec<String>,
}

impl Proof {
    /// Notes a figure.
    pub fn figure(&mut self, name: impl Into<String>, value: impl Display) {
        self.figures.push((name.into(), value.to_string()));
    }

    /// Notes a figure that has a limit.
    pub fn limit(&mut self, name: impl Into<String>, value: impl Display, holds: bool) {
        let name = name.into();
        if !holds {
            self.broken.push(format!("{name}={value}"));
        }
        self.figure(name, value);
    }

    /// Prints the figures.
    ///
    /// # Errors
    /// When a limit was broken.
    pub fn report(&self) -> Result<()> {
        for (name, value) in &self.figures {
            crate::figure(name, value);
        }
        ensure!(self.broken.is_empty(), "limits that did not hold: {}", self.broken.join(", "));
        Ok(())
    }
}

/// A server with its first admin and a room.
struct House {
    server: Server,
    admin: Client,
    room: Room,
}

impl House {
    async fn open(binary: impl Into<PathBuf>, lobby: bool) -> Result<Self> {
        let server = Server::start(binary).await?;
        let admin = server.client()?;
        admin.first_admin(server.first_admin_link().context("no first admin link")?).await?;
        let room = admin.create_room("Ideenwerkstatt").await?;
        let room = admin.change_room(&room, |settings| settings.lobby = lobby).await?;
        Ok(Self { server, admin, room })
    }
}
