//! A stock `WebsocketProvider` (npm y-websocket, unchanged, in Node) works with a pad: live edits, offline edits,
//! cursors, a late joiner.

use crate::pad_sync::{server_with_pad, token};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use tokio::process::Command;

#[tokio::test]
async fn the_unchanged_provider_of_others_syncs() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    if !folder.join("node_modules/y-websocket").exists() {
        let installed = Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder).status().await;
        ensure!(installed.context("npm is needed")?.success(), "npm ci failed");
    }
    let (server, _admin, _room, pad) = server_with_pad().await?;
    let token = token(&server, pad, "write").await?;
    let authority = server.data().join("story-authority.pem");
    std::fs::write(&authority, server.ca_pem()?)?;
    let output = Command::new("node")
        .arg("pad-stock-client.mjs")
        .arg(format!("{}/pads/yjs", server.origin().replacen("http", "ws", 1)))
        .args([pad.to_string(), token])
        .env("NODE_EXTRA_CA_CERTS", &authority)
        .current_dir(&folder)
        .output()
        .await
        .context("node is needed")?;
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{said}\n{failed}\n{}", server.output().join("\n"));
    ensure!(said.contains("merged"), "{said}");
    Ok(())
}
