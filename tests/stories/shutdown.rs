//! Story: a server that is told to stop ends in order, also while people are connected, and starts again with its data.

use anyhow::Result;
use reqwest::Method;
use testkit::server::Server;

use crate::BINARY;

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
