//! Story: a renewed certificate is taken without a restart; a broken one is not.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use testkit::server::Server;
use tokio::process::Command;

use crate::BINARY;

/// Writes a fresh self-signed certificate for localhost and gives it.
fn renew(folder: &Path) -> Result<String> {
    let key = rcgen::KeyPair::generate()?;
    let certificate = rcgen::CertificateParams::new(vec!["localhost".into()])?.self_signed(&key)?.pem();
    std::fs::write(folder.join("key.pem"), key.serialize_pem())?;
    std::fs::write(folder.join("cert.pem"), &certificate)?;
    Ok(certificate)
}

async fn trusted(server: &Server, certificate: &str) -> Result<bool> {
    // A client of its own each time, so that it connects anew.
    let client = testkit::http::Client::new(server.origin(), certificate.as_bytes())?;
    Ok(client.request(reqwest::Method::GET, "/healthz").send().await.is_ok())
}

async fn hang_up(server: &Server) -> Result<()> {
    let pid = server.pid().context("running")?.to_string();
    anyhow::ensure!(Command::new("kill").args(["-HUP", &pid]).status().await?.success(), "kill failed");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sighup_reads_the_files_again() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let first = renew(folder.path())?;
    let settings = folder.path().join("settings.toml");
    let file = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(&settings, format!("[tls]\ncertificate = {:?}\nkey = {:?}\n", file("cert.pem"), file("key.pem")))?;
    let server = Server::builder(BINARY).argument("--config").argument(settings.display().to_string()).start().await?;
    assert!(trusted(&server, &first).await?);

    let second = renew(folder.path())?;
    assert!(!trusted(&server, &second).await?, "read without being told");
    hang_up(&server).await?;
    tokio::time::timeout(Duration::from_secs(30), async {
        while !trusted(&server, &second).await? {
            tokio::task::yield_now().await;
        }
        anyhow::Ok(())
    })
    .await
    .context("the renewed certificate was not taken")??;

    std::fs::write(folder.path().join("cert.pem"), "broken")?;
    hang_up(&server).await?;
    tokio::time::timeout(Duration::from_secs(30), async {
        while !server.output().iter().any(|line| line.contains("not taken")) {
            tokio::task::yield_now().await;
        }
    })
    .await
    .context("the broken file was not reported")?;
    assert!(trusted(&server, &second).await?, "the old certificate stays in use");
    Ok(())
}
