//! Story: the public port in front of strangers: silent connections, plain HTTP, foreign names, what browsers are told.

use std::io::{Read, Write};
use std::net::TcpStream;

use anyhow::{Context, Result};
use reqwest::Method;
use testkit::server::Server;

use crate::BINARY;

fn address(server: &Server) -> String {
    server.origin().replace("https://localhost", "127.0.0.1")
}

#[tokio::test(flavor = "multi_thread")]
async fn silent_connections_do_not_keep_people_out() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let address = address(&server);
    let silent: Vec<TcpStream> = (0..500).map(|_| TcpStream::connect(&address)).collect::<Result<_, _>>()?;
    let client = server.client()?;
    assert_eq!(client.request(Method::GET, "/healthz").send().await?.status(), 200);
    drop(silent);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_take_all_places() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let address = address(&server);
    let places = model::limits::CONNECTIONS_UNPROVEN_PER_PREFIX_MAX;
    let mut silent: Vec<TcpStream> = (0..=places).map(|_| TcpStream::connect(&address)).collect::<Result<_, _>>()?;
    let mut last = silent.pop().context("a connection")?;
    last.set_read_timeout(Some(std::time::Duration::from_secs(5)))?;
    // The one too many is closed at once: its end is read (or a reset), not a timeout.
    let ended = last.read(&mut [0]);
    assert!(
        matches!(&ended, Ok(0)) || matches!(&ended, Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset),
        "{ended:?}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn plain_http_is_told_what_to_do() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let mut stream = TcpStream::connect(address(&server))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    assert!(text.starts_with("HTTP/1.1 400 ") && text.ends_with("put https:// in front of the address"), "{text}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_name_is_refused() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let client = server.client()?;
    for path in ["/", "/api/v1/limits", "/ca.pem", "/nowhere"] {
        let response = client.request(Method::GET, path).header("host", "evil.example").send().await?;
        assert_eq!(response.status(), 421, "{path}");
        assert_eq!(response.json::<serde_json::Value>().await?["code"], "unknown_host");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_the_policy() -> Result<()> {
    let server = Server::start(BINARY).await?;
    let client = server.client()?;
    for (path, accept, status) in [
        ("/", "text/html", 200),
        ("/r/nobody-knows", "text/html", 200),
        ("/nowhere", "text/html", 404),
        ("/api/v1/nowhere", "application/json", 404),
        ("/healthz", "*/*", 200),
        ("/ca.pem", "*/*", 200),
    ] {
        let response = client.request(Method::GET, path).header("accept", accept).send().await?;
        assert_eq!(response.status(), status, "{path}");
        let policy = response.headers().get("content-security-policy").context("a policy")?.to_str()?;
        assert!(policy.contains("default-src 'none'"), "{path}: {policy}");
        assert!(policy.contains("require-trusted-types-for 'script'"), "{path}: {policy}");
        assert_eq!(response.headers().get("x-content-type-options").context("nosniff")?, "nosniff", "{path}");
        assert_eq!(response.headers().get("referrer-policy").context("referrer")?, "no-referrer", "{path}");
        assert_eq!(response.version(), reqwest::Version::HTTP_2, "{path}");
    }
    Ok(())
}
