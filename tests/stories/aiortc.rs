//! Story: participants that are nobody's relatives (aiortc in Python) join by the documented protocol, send and receive.
//! It needs packages of Python from the network: run by `cargo xtask prove aiortc`, or with `--ignored`.

use anyhow::Result;
use std::path::Path;
use testkit::proofs::aiortc::run;

use crate::BINARY;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs packages of Python from the network"]
async fn independent_participants_take_part() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    run(BINARY, &root.join("tests/python"), &root.join("target/python-aiortc")).await?.report()
}
