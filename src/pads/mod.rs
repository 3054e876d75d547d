//! Pads at work: threads that own documents, the commit for all of them, and the websocket door.
//!
//! `serve` starts [`Pads`] and merges [`yjs_socket::router`]; rooms and the HTTP API tell it about changed rights and
//! deleted rooms. What a frame means is the engine's business (`::pads`).

pub mod gate;
mod group_commit;
mod pace;
mod registry;
mod task;
pub mod yjs_socket;

pub use registry::Pads;
