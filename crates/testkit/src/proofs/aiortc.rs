//! Proof: participants that are nobody's relatives. Two processes of `tests/python/participant.py` (aiortc: other ICE,
//! DTLS, SRTP, SDP and jitter buffers) join a room with a lobby by docs/protocol.md alone, meet a headless participant
//! of ours, and decode each other's sound and picture and hers.

use super::{House, Proof};
use crate::http::Client;
use crate::participant::{PAIRS, Participant, SPEAKERS};
use crate::server::Server;
use anyhow::{Context, Result, bail, ensure};
use model::ids::ParticipantId;
use model::role::Role;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc;
use wire::client;
use wire::server::{Event, ServerMessage};

/// What is sung: by ours, and by the two that are not.
const OURS_HZ: u32 = 440;
const THEIRS_HZ: [u32; 2] = [660, 880];
/// How long each waits for the others.
const PATIENCE: Duration = Duration::from_secs(90);

/// Makes a Python environment with the pinned versions, unless it is there. `sources` is the folder of the script.
///
/// # Errors
/// When there is no Python with `venv`, or a package cannot be had.
pub async fn environment(sources: &Path, into: &Path) -> Result<PathBuf> {
    let (wanted, stamp) = (std::fs::read(sources.join("requirements.txt"))?, into.join("requirements.txt"));
    let python = into.join("bin/python");
    if std::fs::read(&stamp).ok().as_ref() == Some(&wanted) {
        return Ok(python);
    }
    let made = Command::new("python3").args(["-m", "venv"]).arg(into).status().await;
    ensure!(made.is_ok_and(|status| status.success()), "python3 with venv is needed (Debian: python3-venv)");
    let pip = Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "-r"])
        .arg(sources.join("requirements.txt"))
        .stdin(Stdio::null())
        .status()
        .await?;
    ensure!(pip.success(), "pip could not install what {} names", sources.join("requirements.txt").display());
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

/// A running script, and what it has said.
struct Stranger {
    child: Child,
    stdin: ChildStdin,
    said: HashMap<String, String>,
    lines: mpsc::Receiver<String>,
}

impl Stranger {
    fn start(python: &Path, sources: &Path, server: &Server, link: &str, place: usize) -> Result<Self> {
        let own = THEIRS_HZ[place];
        let others = [OURS_HZ, THEIRS_HZ[1 - place]].map(|hertz| hertz.to_string()).join(",");
        let mut child = Command::new(python)
            .arg(sources.join("participant.py"))
            .args(["--link", link, "--name", ["Aiko", "Botan"][place], "--hertz", &own.to_string()])
            .args(["--expect", &others, "--patience", &PATIENCE.as_secs().to_string(), "--ca"])
            .arg(server.data().join("tls/ca.pem"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting Python")?;
        let stdin = child.stdin.take().context("stdin")?;
        let mut output = BufReader::new(child.stdout.take().context("stdout")?).lines();
        let (sender, lines) = mpsc::channel(256);
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                if sender.send(line).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, stdin, said: HashMap::new(), lines })
    }

    /// Waits until it has said `name=…`.
    async fn says(&mut self, name: &str) -> Result<String> {
        let wait = async {
            while !self.said.contains_key(name) {
                let Some(line) = self.lines.recv().await else { bail!("ended without {name}: {:?}", self.said) };
                if let Some((name, value)) = line.split_once('=') {
                    self.said.insert(name.to_owned(), value.to_owned());
                }
            }
            Ok(self.said.get(name).cloned().unwrap_or_default())
        };
        tokio::time::timeout(PATIENCE + Duration::from_secs(30), wait).await.with_context(|| format!("no {name}"))?
    }

    fn number(&self, name: &str) -> u64 {
        self.said.get(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// Tells it to go; true when it went well.
    async fn leave(mut self) -> Result<bool> {
        // One that has ended by itself has said why.
        let _ = self.stdin.write_all(b"\n").await;
        drop(self.stdin);
        Ok(tokio::time::timeout(Duration::from_secs(20), self.child.wait()).await??.success())
    }
}

/// Lets in whoever waits, until the room is closed.
async fn doorkeeper(admin: Client, room: model::ids::RoomId) -> Result<()> {
    let mut socket = admin.socket(&admin.join_as_account(room).await?.ticket).await?;
    socket.welcome().await?;
    loop {
        let somebody_waits = match tokio::time::timeout(Duration::from_secs(10), socket.next()).await {
            Ok(message) => match message? {
                Some(ServerMessage::Event { event: Event::Lobby { lobby } }) => !lobby.waiting.is_empty(),
                Some(_) => false,
                None => return Ok(()),
            },
            Err(_) => false,
        };
        if somebody_waits {
            socket.command(client::Command::Admit { participant: None }).await?;
        }
    }
}

/// Two that are not ours and one that is, in a room with a lobby.
///
/// # Errors
/// When the meeting does not come about at all.
pub async fn run(binary: impl Into<PathBuf>, sources: &Path, environment_folder: &Path) -> Result<Proof> {
    let python = environment(sources, environment_folder).await?;
    let house = House::open(binary, true).await?;
    let room = house.room.id;
    let door = tokio::spawn(doorkeeper(house.admin.clone(), room));
    let secret = house.admin.invite(room, Role::Participant).await?;

    let guest = house.server.client()?;
    let joined = guest.join(&secret, "Miriam").await?;
    let mut ours = Box::pin(Participant::enter(guest, joined, PAIRS, SPEAKERS)).await?;
    ours.publish_audio(20).await?;
    ours.publish_video().await?;

    let link = format!("{}/j#{secret}", house.server.origin());
    let start = |place| Stranger::start(&python, sources, &house.server, &link, place);
    let mut strangers = [start(0)?, start(1)?];
    let mut ids = Vec::new();
    for stranger in &mut strangers {
        ids.push(stranger.says("participant").await?.parse::<ParticipantId>().map_err(|_| anyhow::anyhow!("no id"))?);
    }
    ours.watch(&ids).await?;

    let mut proof = Proof::default();
    let mut satisfied = 0;
    for stranger in &mut strangers {
        satisfied += stranger.says("satisfied").await.map_or(0, |text| u64::from(text == "1"));
    }
    proof.limit("strangers_satisfied", satisfied, satisfied == 2);
    let through_lobby: u64 = strangers.iter().map(|stranger| stranger.number("waiting")).sum();
    proof.limit("through_the_lobby", through_lobby, through_lobby == 2);
    for (place, name) in [(0, "aiko"), (1, "botan")] {
        let other = THEIRS_HZ[1 - place];
        for (whose, hertz) in [("ours", OURS_HZ), ("theirs", other)] {
            let said = |what: &str| strangers[place].number(&format!("tone_{hertz}_{what}"));
            let heard = said("heard_hz");
            let named = format!("{name}_of_{whose}");
            proof.limit(format!("{named}_hz"), heard, heard.abs_diff(u64::from(hertz)) <= 3);
            proof.figure(format!("{named}_audio_frames"), said("audio_frames"));
            proof.limit(format!("{named}_pictures"), said("pictures"), said("pictures") >= 20);
            proof.limit(format!("{named}_pictures_moved"), said("pictures_moved"), said("pictures_moved") >= 5);
        }
    }
    // What ours got: only the strangers' packets bear no mark.
    let stats = ours.receives(|stats| stats.foreign >= 100).await.unwrap_or_else(|_| ours.stats());
    proof.limit("packets_of_strangers", stats.foreign, stats.foreign >= 100);
    proof.figure("packets_missing", stats.missing);
    let mut left = 0;
    for stranger in strangers {
        left += u64::from(stranger.leave().await?);
    }
    proof.limit("left_well", left, left == 2);
    let faults = house.server.metric("panics_total").await? + house.server.metric("media_room_faults_total").await?;
    proof.limit("faults", faults, faults == 0.0);
    door.abort();
    ours.leave().await?;
    Ok(proof)
}
