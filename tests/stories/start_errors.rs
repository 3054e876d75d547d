//! Story: whoever starts the server wrongly reads one sentence that says what to do, and gets an exit code.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;
use testkit::server::Server;

use crate::BINARY;

/// Starts the server, which must end by itself with one line and the given code; gives the line.
fn refusal(arguments: &[&str], data: &Path, code: i32) -> String {
    let output: Output = Command::new(BINARY)
        .args(arguments)
        .env("WERKRAUM_DATA", data)
        .env_remove("WERKRAUM_LISTEN")
        .output()
        .expect("the binary can be started");
    let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    assert_eq!(output.status.code(), Some(code), "{text}");
    assert!(output.stdout.is_empty(), "said ready: {}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(text.lines().count(), 1, "more than a sentence: {text}");
    text
}

fn settings(folder: &Path, text: &str) -> String {
    let file = folder.join("settings.toml");
    std::fs::write(&file, text).expect("a temporary folder can be written");
    file.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_port_is_in_use() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let port = server.origin().rsplit(':').next().expect("a port").to_owned();
    let other = tempfile::tempdir()?;
    let text = refusal(&["serve", "--listen", &format!("127.0.0.1:{port}")], other.path(), 4);
    assert!(text.contains(&format!("port {port}")) && text.contains("--listen"), "{text}");
    Ok(())
}

#[test]
fn the_media_port_is_in_use() {
    let taken = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("bound").to_string();
    let folder = tempfile::tempdir().expect("a folder");
    let text = refusal(&["serve", "--listen", "127.0.0.1:0", "--media-listen", &address], folder.path(), 4);
    assert!(text.contains("UDP port") && text.contains("--media-listen"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_data_folder_is_in_use() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let text = refusal(&["serve", "--listen", "127.0.0.1:0"], server.data(), 5);
    assert!(text.contains("in use by another Werkraum"), "{text}");
    assert_eq!(server.client()?.request(reqwest::Method::GET, "/healthz").send().await?.status(), 200);
    Ok(())
}

#[test]
fn the_data_folder_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("written");
    // Below a file nobody can make a folder, not even root.
    let text = refusal(&["serve", "--listen", "127.0.0.1:0"], &file.join("data"), 5);
    assert!(text.contains("cannot write in the data folder") && text.contains("file/data"), "{text}");
}

#[test]
fn the_certificate_is_broken() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("cert.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END").expect("written");
    let certificate = folder.path().join("cert.pem").display().to_string();
    let file = settings(folder.path(), &format!("[tls]\ncertificate = {certificate:?}\nkey = {certificate:?}\n"));
    let text = refusal(&["serve", "--listen", "127.0.0.1:0", "--config", &file], &folder.path().join("data"), 6);
    assert!(text.contains("certificate cannot be used") && text.contains("cert.pem"), "{text}");
}

#[test]
fn an_unknown_key_is_named_with_line_and_suggestion() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = settings(folder.path(), "[server]\nproxy = false\npublic_ulr = \"https://a.example\"\n");
    for command in [&["serve", "--config", &file][..], &["config", "check", "--config", &file]] {
        let text = refusal(command, folder.path(), 3);
        assert!(text.contains("settings.toml, line 3") && text.contains("did you mean `public_url`?"), "{text}");
    }
}

#[test]
fn plain_http_never_leaves_the_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = settings(folder.path(), "[server]\nproxy = true\npublic_url = \"https://a.example\"\n");
    let text = refusal(&["serve", "--listen", "0.0.0.0:0", "--config", &file], folder.path(), 3);
    assert!(text.contains("loopback"), "{text}");
}

#[test]
fn settings_that_can_be_used_are_shown_without_secrets() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = settings(folder.path(), "[metrics]\ntoken = \"sesame-sesame-sesame\"\n");
    let output = Command::new(BINARY).args(["config", "check", "--config", &file]).output().expect("started");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("The settings can be used."), "{text}");
    assert!(text.contains("listen = ") && !text.contains("sesame"), "{text}");
}
