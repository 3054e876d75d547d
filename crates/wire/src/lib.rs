//! The only messages that leave the server for a browser, and the only ones that come in: websocket frames
//! ([`client`], [`server`]), HTTP bodies ([`api`]) and the closed list of error codes ([`code`]).
//!
//! docs/protocol.md describes every message here; `tests/tidy.rs` holds the two together. The TypeScript types of the
//! web client are generated from this crate (`cargo xtask codegen`).

pub mod api;
pub mod client;
pub mod code;
mod convert;
pub mod server;
pub mod strict;

/// The version of the room protocol that `hello` carries; another one is refused with [`code::Code::ProtocolVersion`].
pub const PROTOCOL_VERSION: u16 = 1;
