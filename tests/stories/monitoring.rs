//! Story: whoever watches the server sees health and figures; nobody else sees the figures.

use anyhow::Result;
use reqwest::Method;
use testkit::server::Server;

use crate::BINARY;

const TOKEN: &str = "a-token-for-monitoring";

#[tokio::test(flavor = "multi_thread")]
async fn metrics_open_to_this_machine_and_to_the_token_only() -> Result<()> {
    let server = Server::builder(BINARY).environment("WERKRAUM_METRICS_TOKEN", TOKEN).start().await?;
    let client = server.client()?;
    let metrics = |headers: &[(&'static str, &str)]| {
        let request = client.request(Method::GET, "/metrics");
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send()
    };
    let direct = metrics(&[]).await?;
    assert_eq!(direct.status(), 200);
    let text = direct.text().await?;
    assert!(text.lines().any(|line| line == "panics_total 0"), "{text}");
    let bearer = format!("Bearer {TOKEN}");
    // Through a proxy it is not this machine any more.
    assert_eq!(metrics(&[("x-forwarded-for", "127.0.0.1")]).await?.status(), 404);
    assert_eq!(metrics(&[("x-forwarded-for", "192.0.2.1"), ("authorization", &bearer)]).await?.status(), 200);
    assert_eq!(metrics(&[("x-forwarded-for", "192.0.2.1"), ("authorization", "Bearer wrong")]).await?.status(), 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_a_proxy_loopback_is_nobody_special() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, "[server]\nproxy = true\npublic_url = \"https://rooms.example\"\n")?;
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    drop(listener);
    let server = Server::builder(BINARY)
        .listen(address.to_string())
        .argument("--config")
        .argument(file.display().to_string())
        .environment("WERKRAUM_METRICS_TOKEN", TOKEN)
        .start()
        .await?;
    assert_eq!(server.origin(), "https://rooms.example");
    let http = reqwest::Client::builder().no_proxy().build()?;
    let status = async |path: &str, headers: &[(&'static str, String)]| -> Result<u16> {
        let request = http.get(format!("http://{address}{path}"));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        Ok(request.send().await?.status().as_u16())
    };
    assert_eq!(status("/healthz", &[]).await?, 200);
    assert_eq!(status("/metrics", &[]).await?, 404);
    assert_eq!(status("/metrics", &[("authorization", format!("Bearer {TOKEN}"))]).await?, 200);
    assert_eq!(status("/", &[]).await?, 421);
    assert_eq!(status("/", &[("host", "rooms.example".into())]).await?, 200);
    Ok(())
}
