//! The servers that are compared. An adapter does one server's signalling for a profile; media is the generator's.

pub(crate) mod galene;
pub(crate) mod janus;
pub(crate) mod livekit;
pub(crate) mod protobuf;
pub(crate) mod werkraum;

use super::generator::Generator;
use super::process::Process;
use super::profiles::Profile;
use super::wire::LOOPBACK;
use anyhow::Result;
use tokio::runtime::Runtime;

/// A server with a meeting in it.
pub(crate) trait Peer {
    /// Everybody of the profile goes in, publishes and sees what they shall see.
    fn connect(&mut self, runtime: &Runtime, generator: &mut Generator, profile: &Profile) -> Result<()>;

    /// Its process.
    fn process(&self) -> Process;

    /// The network in which it meets its viewers.
    fn network(&self) -> [u8; 2] {
        LOOPBACK
    }

    /// Threads that do media alone, by the beginning of their names, where the server has such.
    fn media_threads(&self) -> Option<&'static str> {
        None
    }

    /// Packets sent and system calls that took them, where the server counts them.
    fn trains(&self, _runtime: &Runtime) -> Result<Option<(f64, f64)>> {
        Ok(None)
    }

    /// Called between windows.
    fn keep_alive(&mut self) -> Result<()> {
        Ok(())
    }

    /// Ends it, where the bench has started it.
    fn end(&mut self, _runtime: &Runtime) -> Result<()> {
        Ok(())
    }
}
