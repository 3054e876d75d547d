//! `cargo xtask`: measurements, proofs and generated files. Run by people and by `./run`; never part of the server.

// The client of the engine's tests, and the fuzz targets, name the engines by their packages.
extern crate media as werkraum_media;
extern crate pads as werkraum_pads;

mod bench_media;
mod bench_pads;
mod codegen;
#[path = "../../media/tests/common/mod.rs"]
mod common;
mod fuzz;
mod prove;
mod prove_browsers;

use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Parser)]
#[command(name = "xtask", about = "Measurements, proofs and generated files")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Write the web client's types from `wire`.
    Codegen,
    /// Measure; prints `name=value` lines.
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
    /// Fuzz a target of `fuzz/targets`, guided by coverage; prints `name=value` lines and fails at the first crash.
    Fuzz(fuzz::Arguments),
    /// Try what is promised under attack or crash; prints `name=value` lines and fails when a limit does not hold.
    Prove {
        #[command(subcommand)]
        what: prove::What,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Forwarding, beside the floor and beside other servers: the real server, many viewers over UDP on loopback.
    Media(bench_media::Options),
    /// Pads: 50 people type in one pad of the real server.
    Pads {
        /// Also write the figures as a JSON object.
        #[arg(long)]
        json: Option<PathBuf>,
    },
}

fn main() -> anyhow::Result<ExitCode> {
    match Arguments::parse().task {
        Task::Codegen => codegen::run().map(|()| ExitCode::SUCCESS),
        Task::Bench { what: Bench::Media(options) } => bench_media::run(options),
        Task::Bench { what: Bench::Pads { json } } => bench_pads::run(json.as_deref()),
        Task::Fuzz(arguments) => fuzz::run(&arguments),
        Task::Prove { what } => prove::run(what),
    }
}

/// The server: `WERKRAUM_BIN`, or the one built beside this program.
fn binary() -> anyhow::Result<PathBuf> {
    if let Some(path) = std::env::var_os("WERKRAUM_BIN") {
        return Ok(path.into());
    }
    let path = std::env::current_exe()?.with_file_name("werkraum");
    anyhow::ensure!(path.exists(), "no server beside xtask: cargo build --release, or set WERKRAUM_BIN");
    Ok(path)
}
