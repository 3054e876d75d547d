//! The program `werkraum`: reads the command line and does what it says. Everything that runs is wired up in `serve`.
//!
//! The modules named like an engine (`media`, `pads`) are that engine's shell: inside `src/` they are
//! `crate::media`, the engine itself is `::media`.

// A program has no outside: here `pub` means "for the other modules", as it does in the crates.
#![allow(unreachable_pub)]

mod admin;
mod cli;
mod clock;
mod config;
mod error;
mod http;
mod listen;
mod machine;
mod media;
mod pads;
mod random;
mod rooms;
mod serve;
mod shutdown;
mod socket;
mod telemetry;
mod tls;
mod turn;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    telemetry::count_panics();
    tls::install_provider();
    match cli::Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("werkraum: {error}");
            ExitCode::from(error.exit_code())
        }
    }
}
