//! `cargo xtask prove NAME`: the proofs of `testkit::proofs` in their full size against a real server. The same ones run
//! small among the stories.

use crate::common::sim::figures::{self, Figure};
use crate::prove_browsers;
use clap::Subcommand;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use testkit::proofs::{Proof, aiortc, kills, lobby, stranger};

#[derive(Subcommand)]
pub(crate) enum What {
    /// A stranger sends random and mutated datagrams and malformed frames at a running meeting.
    Stranger {
        /// Datagrams to the media port.
        #[arg(long, default_value_t = 100_000)]
        datagrams: usize,
        /// Malformed websocket frames.
        #[arg(long, default_value_t = 10_000)]
        frames: usize,
    },
    /// What a waiting guest receives while a meeting runs.
    Lobby {
        /// How long it runs.
        #[arg(long, default_value_t = 60)]
        seconds: u64,
    },
    /// The server is killed while three people type.
    Kills {
        /// How often.
        #[arg(long, default_value_t = 20)]
        count: u32,
    },
    /// A browser in a network without UDP, and in one that lets only TLS through: first sound within 5 s. Needs root.
    UdpBlocked {
        /// How often in each.
        #[arg(long, default_value_t = 20)]
        times: u32,
    },
    /// Restart of the server, change of network, NAT rebinding: sound again within 3 s (p95), everybody who they were.
    /// Needs root.
    Reconnect {
        /// How often each.
        #[arg(long, default_value_t = 20)]
        times: u32,
    },
    /// Bad lines, simulated and with browsers: rate steps and loss, what is used of the link, queues, pictures, sound.
    /// Needs root.
    Media {
        /// How often with browsers; each has to hold.
        #[arg(long, default_value_t = 1)]
        times: u32,
    },
    /// Independent participants (aiortc in Python) join by the documented protocol, send and receive.
    Aiortc,
}

/// Runs a proof and prints its figures.
pub(crate) fn run(what: What) -> anyhow::Result<ExitCode> {
    let browsers = match what {
        What::UdpBlocked { times } => Some(("udp-blocked", "UDP blocked", "udp_blocked", times)),
        What::Reconnect { times } => Some(("reconnect", "Coming back (R-10, R-11, R-12)", "reconnect", times)),
        What::Media { times } => Some(("media", "Bad lines (M6, A-11)", "line", times)),
        _ => None,
    };
    if let Some((name, title, file, times)) = browsers {
        let simulated = if name == "media" { simulated()? } else { String::new() };
        prove_browsers::run(&crate::binary()?, name, title, file, times, simulated)?;
        return Ok(ExitCode::SUCCESS);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let proof: Proof = runtime.block_on(async {
        let binary = crate::binary()?;
        match what {
            What::Stranger { datagrams, frames } => {
                Box::pin(stranger::run(binary, stranger::Size { datagrams, frames })).await
            }
            What::Lobby { seconds } => Box::pin(lobby::run(binary, Duration::from_secs(seconds))).await,
            What::Aiortc => {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
                let environment = root.join("target/python-aiortc");
                Box::pin(aiortc::run(binary, &root.join("tests/python"), &environment)).await
            }
            What::Kills { count } => Box::pin(kills::run(binary, count)).await,
            What::UdpBlocked { .. } | What::Reconnect { .. } | What::Media { .. } => Ok(Proof::default()),
        }
    })?;
    proof.report()?;
    Ok(ExitCode::SUCCESS)
}

/// The figures of the simulation, as lines.
fn simulated() -> anyhow::Result<String> {
    let figures = figures::all(1);
    let lines: String = figures.iter().map(|figure| format!("sim_{}\n", figure.line())).collect();
    print!("{lines}");
    let broken: Vec<String> = figures.iter().filter(|figure| !figure.holds()).map(Figure::line).collect();
    anyhow::ensure!(broken.is_empty(), "does not hold: {}", broken.join(", "));
    Ok(lines)
}
