//! Story (S-30, S-19, R-22): a stranger's datagrams and malformed frames change nothing for a meeting that goes on. The
//! large one is `cargo xtask prove stranger`.

use anyhow::Result;
use testkit::proofs::stranger::{Size, run};

use crate::BINARY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_changes_nothing() -> Result<()> {
    run(BINARY, Size { datagrams: 5_000, frames: 300 }).await?.report()
}
