//! The engine of shared documents (pads): hostile bytes in, effects out.
//!
//! `src/pads` (threads, sockets, group commit) calls [`pad::Pad`]; nothing here opens a socket or a file, spawns, reads
//! a clock or draws randomness. The order of S-23 is kept: limit, permit, scan, apply, broadcast and append; the shell
//! commits and then tells the engine, which acknowledges.

pub mod access;
mod acks;
pub mod awareness;
pub mod connection;
pub mod document;
pub mod frame;
mod intake;
pub mod log;
mod order;
pub mod pad;
mod read;
mod readers;
pub mod scan;
pub mod shadow;
pub mod split;
