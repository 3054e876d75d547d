//! Story: a server that is told to stop ends in order, also while people are connected, and starts again with its data.

use anyhow::Result;
use reqwest::Method;
use testkit::server::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::BINARY;
use crate::turn::tls;

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_with_people_connected_and_comes_back() -> Result<()> {
    let mut server = Server::start(BINARY).await?;
    // The client's connection stays open after its request, as a browser's does.
    let client = server.client()?;
    let before = client.request(Method::GET, "/ca.pem").send().await?.text().await?;
    assert_eq!(server.terminate().await?, Some(0));
    assert!(!server.output().iter().any(|line| line.contains("not everything was done")), "{:?}", server.output());
    server.restart().await?;
    // Who trusted the local authority once goes on doing so.
    let after = server.client()?.request(Method::GET, "/ca.pem").send().await?.text().await?;
    assert_eq!(before, after);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn it_waits_for_nobody_who_says_nothing() -> Result<()> {
    let mut server = Server::start(BINARY).await?;
    let address = server.origin().replace("https://localhost", "127.0.0.1");
    // Browsers open connections beforehand: one waits before TLS, one inside, one has begun with TURN.
    let plain = TcpStream::connect(&address).await?;
    let silent = tls(&server, &[]).await?;
    let mut turn = tls(&server, &[]).await?;
    turn.write_all(&[0, 3, 0, 8]).await?;
    assert_eq!(server.client()?.request(Method::GET, "/healthz").send().await?.status(), 200);
    assert_eq!(server.terminate().await?, Some(0));
    assert!(!server.output().iter().any(|line| line.contains("not everything was done")), "{:?}", server.output());
    drop((plain, silent, turn));
    Ok(())
}
