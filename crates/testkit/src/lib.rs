//! What the stories in `tests/`, the load generator and the crash runs need to meet the real server from outside:
//! the binary as a child process, an HTTP client per person, the room websocket, headless participants.
//!
//! Development only; nothing in the shipped server depends on it.

pub mod call;
pub mod http;
pub mod pad;
pub mod participant;
pub mod proofs;
mod samples;
pub mod seeded;
pub mod server;
pub mod socket;
pub mod tap;

/// Prints a figure as `name=value`. Straight to the output, because the test harness keeps to itself what passing tests
/// print.
pub fn figure(name: &str, value: impl std::fmt::Display) {
    use std::io::Write;
    // A closed output is no reason to fail a story.
    let _ = writeln!(std::io::stdout(), "{name}={value}");
}
