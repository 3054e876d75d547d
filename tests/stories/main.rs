//! Stories: the whole product through its public doors, the real binary as a child process. One story per file.
//!
//! One test binary for all, so that they are linked once. Shared helpers belong in `crates/testkit`.

mod aiortc;
mod capacity;
mod certificates;
mod deletion;
mod doors;
mod invitations;
mod listening;
mod monitoring;
mod organisations;
mod pad_kill9;
mod pad_rights;
mod pad_stock_client;
mod pad_sync;
mod payloads;
mod permission_matrix;
mod permissions;
mod room_events;
mod room_lobby_wiretap;
mod room_malformed;
mod room_removal;
mod room_resume;
mod shutdown;
mod signing_in;
mod start_errors;
mod stranger;
mod turn;
mod twenty;

/// The server under test.
const BINARY: &str = env!("CARGO_BIN_EXE_werkraum");
