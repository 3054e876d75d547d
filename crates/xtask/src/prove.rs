//! `cargo xtask prove NAME`: the proofs of `testkit::proofs` in their full size against a real server. The same ones run
//! small among the stories.

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
    /// Independent participants (aiortc in Python) join by the documented protocol, send and receive.
    Aiortc,
}

/// Runs a proof and prints its figures.
pub(crate) fn run(what: What) -> anyhow::Result<ExitCode> {
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
        }
    })?;
    proof.report()?;
    Ok(ExitCode::SUCCESS)
}
