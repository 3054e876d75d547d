//! Story: the server is killed while three people type. More often by `cargo xtask prove kills --count 20`.

use anyhow::Result;
use testkit::proofs::kills::run;

use crate::BINARY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_kill_9() -> Result<()> {
    run(BINARY, 3).await?.report()
}
