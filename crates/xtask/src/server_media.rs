//! The server's own media worker, compiled into the bench so that what is measured is what runs. The package of the
//! server has no library, and the bench must not wait for all of the server to be built.

#![allow(dead_code, unreachable_pub, reason = "the bench uses a part of the server's module")]

#[path = "../../../src/media/handle.rs"]
pub mod handle;
#[path = "../../../src/media/streams.rs"]
mod streams;
#[path = "../../../src/media/tcp.rs"]
pub mod tcp;
#[path = "../../../src/media/turn.rs"]
pub mod turn;
#[path = "../../../src/media/udp.rs"]
pub mod udp;
#[path = "../../../src/media/worker.rs"]
pub mod worker;
