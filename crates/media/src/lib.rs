//! The SFU: transport, publications, slots, forwarding. An engine without I/O: told the time, handed datagrams and
//! commands, it returns trains of datagrams and events. Called by `src/media`.

// Tests begin at some instant; the engine itself is told the time (clippy.toml).
#![cfg_attr(test, allow(clippy::disallowed_methods, reason = "tests take a first instant"))]

mod allowance;
mod assign;
mod budget;
mod bwe;
mod cache;
pub mod command;
mod connection;
mod demand;
pub mod demux;
mod descriptor;
pub mod engine;
mod feedback;
mod health;
mod layers;
mod nack;
mod negotiate;
mod outbox;
mod pacer;
mod payload;
mod publication;
mod random;
mod red;
pub mod remote;
mod reports;
mod rewrite;
mod room;
mod rtcp;
mod rtp;
mod scalability;
pub mod sdp;
mod selector;
mod slab;
mod slot;
mod speaker;
mod tick;
mod train;
pub mod transport;
pub mod turn;
mod vp9;
