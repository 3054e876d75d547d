//! Story (S-19, O-10): a server that carries as many packets as it may refuses further pictures with a code, to those who
//! would send and to those who would see; pictures that run go on, sound is taken, and what waited comes when there is
//! room again.

use anyhow::{Context, Result, bail};
use model::role::Role;
use model::source::Source;
use reqwest::Method;
use testkit::participant::Participant;
use testkit::server::Server;
use wire::client::Command;
use wire::server::Event;

use crate::BINARY;

/// Less than one voice and one picture make.
const PACKETS_PER_SECOND: u32 = 50;
const LOUD: u8 = 20;
/// Five seconds of pictures: by then the server has measured itself several times.
const PICTURES: u64 = 75;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_refuses_further_pictures_and_nothing_else() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("settings.toml");
    std::fs::write(&file, format!("[media]\npackets_per_second_max = {PACKETS_PER_SECOND}\n"))?;
    let server = Server::builder(BINARY).argument("--config").argument(file.display().to_string()).start().await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("printed")?).await?;
    let room = admin.create_room("Vortrag").await?;
    let room = admin.change_room(&room, |settings| settings.lobby = false).await?;
    let secret = admin.invite(room.id, Role::Participant).await?;

    let mut speaker = Participant::join(&server, &secret, "Fatma").await?;
    let listener = Participant::join(&server, &secret, "Jörg").await?;
    let mut late = Participant::join(&server, &secret, "Olena").await?;
    let whose = speaker.participant();
    listener.watch(&[whose]).await?;
    speaker.publish_audio(LOUD).await?;
    speaker.publish_video().await?;
    listener.receives(|stats| stats.of(whose).video >= PICTURES).await?;

    // Who would see more hears, and is told.
    late.watch(&[whose]).await?;
    let full = |event: &Event| match event {
        Event::VideoFull { full } => Some(*full),
        _ => None,
    };
    assert!(late.event(full).await?);
    late.receives(|stats| stats.of(whose).audio > 0).await?;
    assert_eq!(late.stats().of(whose).video, 0);
    // Who would send a picture is told, too; sound is taken.
    let source = |source, on| Command::Source { source, on };
    match late.done(source(Source::Camera, true)).await {
        Err(refused) => assert_eq!(refused.to_string(), "refused: VideoFull"),
        Ok(()) => bail!("a further camera was taken"),
    }
    late.done(source(Source::Microphone, true)).await?;
    // What runs goes on, also for a client that says again what is on.
    speaker.done(source(Source::Camera, true)).await?;
    let before = listener.stats().of(whose).video;
    listener.receives(|stats| stats.of(whose).video > before + 15).await?;
    let figures = server.client()?.request(Method::GET, "/metrics").send().await?.text().await?;
    for figure in ["media_video_full 1", "media_video_refused_total{what=\"publish\"} 1"] {
        assert!(figures.lines().any(|line| line == figure), "{figure} is not in\n{figures}");
    }

    // There is room again: what waited comes by itself.
    speaker.call().stop(Source::Microphone);
    speaker.done(source(Source::Microphone, false)).await?;
    assert!(!late.event(full).await?);
    late.receives(|stats| stats.of(whose).video > 0).await?;
    late.done(source(Source::Camera, true)).await?;
    Ok(())
}
