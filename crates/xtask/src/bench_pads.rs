//! `cargo xtask bench pads`: 50 people type in one pad of the real server, acknowledgements durable. Prints the server's
//! CPU and how long a character takes from one person's key to another's document.
//!
//! Run by people, in release, on a quiet machine; a figure, never a test.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use testkit::pad::{PadClient, document};
use testkit::server::Server;
use tokio::sync::{Mutex, watch};

const WRITERS: u32 = 50;
/// Among them, those whose received characters are timed.
const PROBES: u32 = 10;
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(20);
/// Each types twice a second and moves the cursor once.
const KEY: Duration = Duration::from_millis(500);
/// The first of the characters that tell who typed what when.
const FIRST: u32 = 0x1_0000;

/// Sent times by character; a character is written before it is sent.
type Sent = Arc<Vec<std::sync::OnceLock<Instant>>>;

/// Runs the bench and prints `name=value` lines.
pub(crate) fn run(json: Option<&Path>) -> Result<ExitCode> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(measure(json))
}

async fn measure(json: Option<&Path>) -> Result<ExitCode> {
    let server = Server::start(crate::binary()?).await?;
    let admin = server.client()?;
    admin.first_admin(server.first_admin_link().context("no first admin link")?).await?;
    let pad = admin.create_room("Bench").await?.pad.context("a room has a pad")?.to_string();
    let token = server.run(&["token", "create", "--pad", &pad, "--right", "write", "--ttl", "1h"]).await?;
    let token = token.lines().last().context("no token")?.trim().to_owned();

    let characters = WRITERS as usize * ((WARM_UP + MEASURED).as_millis() / KEY.as_millis() + 2) as usize;
    let sent: Sent = Arc::new((0..characters).map(|_| std::sync::OnceLock::new()).collect());
    let latencies = Arc::new(Mutex::new(Vec::new()));
    let (stop, stopped) = watch::channel(false);
    let begin = Instant::now() + WARM_UP;
    let mut people = Vec::new();
    for number in 0..WRITERS {
        let doc = document(u64::from(number) + 1);
        let client = PadClient::connect(server.origin(), &server.ca_pem()?, &pad, &token, doc).await?;
        let person = Person { number, client, sent: sent.clone(), latencies: latencies.clone(), begin };
        people.push(tokio::spawn(person.write(stopped.clone())));
    }
    tokio::time::sleep_until(begin.into()).await;
    let cpu = server.cpu_time()?;
    tokio::time::sleep(MEASURED).await;
    let cores = (server.cpu_time()? - cpu).as_secs_f64() / MEASURED.as_secs_f64();
    stop.send_replace(true);

    let mut texts = Vec::new();
    for person in people {
        texts.push(person.await??);
    }
    ensure!(texts.iter().all(|text| text == &texts[0]), "the documents differ");
    let mut times = std::mem::take(&mut *latencies.lock().await);
    times.sort_unstable();
    ensure!(!times.is_empty(), "nothing was measured");
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    let figures = [("n50_cores", cores), ("n50_p50_ms", at(0.5)), ("n50_p99_ms", at(0.99))];
    for (name, value) in figures {
        println!("{name}={value:.3}");
    }
    if let Some(path) = json {
        let object: serde_json::Map<String, serde_json::Value> =
            figures.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
        std::fs::write(path, serde_json::to_vec_pretty(&object)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

struct Person {
    number: u32,
    client: PadClient,
    sent: Sent,
    latencies: Arc<Mutex<Vec<Duration>>>,
    begin: Instant,
}

impl Person {
    async fn write(mut self, mut stopped: watch::Receiver<bool>) -> Result<String> {
        // Spread over the second, as people are.
        let offset = KEY * self.number / WRITERS;
        let mut keys = tokio::time::interval_at((Instant::now() + offset).into(), KEY);
        let mut cursor = tokio::time::interval_at((Instant::now() + offset).into(), KEY * 2);
        let (mut typed, mut clock, mut seen) = (0, 1, 0);
        loop {
            tokio::select! {
                _ = keys.tick() => {
                    let index = typed * WRITERS + self.number;
                    typed += 1;
                    if let (Some(one), Some(slot)) = (char::from_u32(FIRST + index), self.sent.get(index as usize)) {
                        let _ = slot.set(Instant::now());
                        self.client.type_at(0, one.encode_utf8(&mut [0; 4])).await?;
                    }
                }
                _ = cursor.tick() => {
                    clock += 1;
                    // About what an editor's cursor takes.
                    let state = format!(r##"{{"user":{{"name":"Person {}","color":"#3366aa"}},"cursor":"{:0>160}"}}"##,
                        self.number, clock);
                    self.client.say_state(clock, &state).await?;
                }
                more = self.client.step() => {
                    anyhow::ensure!(more?, "the server closed: {:?}", self.client.closed);
                    if self.number < PROBES && self.client.updates > seen {
                        seen = self.client.updates;
                        self.look().await;
                    }
                }
                _ = stopped.changed() => break,
            }
        }
        // Everything that is on the way arrives: all have said all, and each has it acknowledged.
        let counter = self.client.ask_ack().await?;
        self.client.wait_for("acknowledged", |client| client.acknowledged >= counter).await?;
        let settle = tokio::time::Instant::now() + Duration::from_secs(2);
        while let Ok(more) = tokio::time::timeout_at(settle, self.client.step()).await {
            anyhow::ensure!(more?, "the server closed");
        }
        Ok(self.client.text())
    }

    /// Times the characters that have just come; new ones stand near the front.
    async fn look(&mut self) {
        let now = Instant::now();
        let mut latencies = self.latencies.lock().await;
        for one in self.client.text().chars().take(WRITERS as usize) {
            let index = (u32::from(one) - FIRST) as usize;
            let mine = index as u32 % WRITERS == self.number;
            if let Some(at) = self.sent.get(index).and_then(|slot| slot.get())
                && !mine
                && *at >= self.begin
                && self.client.first_seen(one)
            {
                latencies.push(now - *at);
            }
        }
    }
}
