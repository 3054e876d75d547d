//! Janus (Debian's package) with its VideoRoom plugin, over its websocket protocol: one session, a handle for everybody
//! who publishes and one for everybody who sees or hears. It runs as the package has it, with full encryption, from a
//! configuration folder of its own; ICE-lite, as for a server with a public address, which also costs it least.

use super::Peer;
use super::werkraum::ssrc_of;
use crate::bench_media::generator::Generator;
use crate::bench_media::link::{Link, Said};
use crate::bench_media::network::{Network, PREFIX, SERVER};
use crate::bench_media::outgoing::Route;
use crate::bench_media::process::Process;
use crate::bench_media::profiles::{Kind, Profile};
use crate::bench_media::sdp::{self, Description, Section};
use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// The subprotocol of its API.
const SUBPROTOCOL: &str = "janus-protocol";
const PLUGIN: &str = "janus.plugin.videoroom";
/// How long it may take to start.
const READY: Duration = Duration::from_secs(20);

/// Lines of its log that explain a failure.
const LOG_LINES: usize = 20;

/// A running Janus.
pub(crate) struct Janus {
    child: Child,
    process: Process,
    port: u16,
    session: Option<Session>,
    folder: TempDir,
    _network: Network,
}

/// What `janus --version` says.
pub(crate) fn version() -> String {
    let said = Command::new("janus").arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let line = said.lines().find(|line| line.to_lowercase().contains("version")).unwrap_or_default();
    line.rsplit(['(', ' ']).next().unwrap_or_default().trim_end_matches(')').to_owned()
}

/// Installs the package when it is missing and this may be done.
fn install() -> Result<()> {
    if Command::new("janus").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok() {
        return Ok(());
    }
    eprintln!("Janus is missing: apt-get install -y --no-install-recommends janus");
    let install = |arguments: &[&str]| {
        let mut apt = Command::new("apt-get");
        apt.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null()).status()
    };
    let package = ["install", "-y", "--no-install-recommends", "janus"];
    let done = |arguments: &[&str]| install(arguments).is_ok_and(|status| status.success());
    ensure!(
        done(&package) || done(&["update"]) && done(&package),
        "Janus cannot be installed; do it by hand or use --without-janus"
    );
    Ok(())
}

/// The plugin and transport folders of the package.
fn library(part: &str) -> Result<PathBuf> {
    let roots = std::fs::read_dir("/usr/lib")?.flatten().map(|entry| entry.path().join("janus").join(part));
    let local = [Path::new("/usr/lib/janus").join(part), Path::new("/opt/janus/lib/janus").join(part)];
    roots.chain(local).find(|path| path.is_dir()).with_context(|| format!("no {part} of Janus"))
}

impl Janus {
    pub(crate) fn start(runtime: &Runtime) -> Result<Self> {
        install()?;
        let network = Network::new()?;
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let folder = tempfile::Builder::new().prefix("janus-").tempdir()?;
        let config = |name: &str, text: String| std::fs::write(folder.path().join(name), text);
        let (plugins, transports) = (folder.path().join("plugins"), folder.path().join("transports"));
        for (to, part, file) in
            [(&plugins, "plugins", "libjanus_videoroom.so"), (&transports, "transports", "libjanus_websockets.so")]
        {
            // Only what is needed is loaded.
            std::fs::create_dir(to)?;
            std::os::unix::fs::symlink(library(part)?.join(file), to.join(file))?;
        }
        let none = folder.path().join("none");
        std::fs::create_dir(&none)?;
        config(
            "janus.jcfg",
            format!(
                "general: {{\n configs_folder = {folder:?}\n plugins_folder = {plugins:?}\n \
                 transports_folder = {transports:?}\n events_folder = {none:?}\n loggers_folder = {none:?}\n \
                 debug_level = 4\n session_timeout = 0\n}}\n\
                 nat: {{\n ice_lite = true\n ice_enforce_list = \"{SERVER}\"\n ignore_mdns = true\n}}\n",
                folder = folder.path(),
            ),
        )?;
        let websockets = format!(
            "general: {{\n json = \"plain\"\n ws = true\n ws_port = {port}\n ws_ip = \"127.0.0.1\"\n wss = false\n}}\n"
        );
        config("janus.transport.websockets.jcfg", websockets)?;
        config("janus.plugin.videoroom.jcfg", "general: {\n}\n".to_owned())?;
        let log = std::fs::File::create(folder.path().join("log"))?;
        let mut child = Command::new("janus")
            .arg("-C")
            .arg(folder.path().join("janus.jcfg"))
            .arg("-F")
            .arg(folder.path())
            .arg("-o")
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("starting janus")?;
        let until = Instant::now() + READY;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(folder.path().join("log")).unwrap_or_default();
            if child.try_wait()?.is_some() {
                bail!("Janus ended:\n{}", said());
            }
            if Instant::now() >= until {
                child.kill()?;
                bail!("Janus does not listen:\n{}", said());
            }
            std::thread::yield_now();
        }
        let process = Process::watch(child.id())?;
        let mut this = Self { child, process, port, session: None, folder, _network: network };
        this.session = Some(Session::open(runtime, &format!("ws://127.0.0.1:{}", this.port))?);
        Ok(this)
    }
}

impl Drop for Janus {
    fn drop(&mut self) {
        // It has ended already, or ends now; either way nothing is left to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A session of its API with everybody's handles.
struct Session {
    link: Link,
    id: u64,
    transaction: u32,
}

/// What a message of Janus is in answer to a request.
#[derive(Debug, PartialEq)]
enum Answer {
    /// The plugin's data and a description.
    Data(Value, Option<String>),
    /// Nothing more but that it was done: `data.id` where something was made.
    Success(Option<u64>),
    /// `ack`, an event of somebody else, and the like: the answer is still to come.
    NotYet,
}

/// Reads a message for the one who waits for this transaction.
fn read(message: &Value, transaction: &str) -> Result<Answer> {
    if message["transaction"] != transaction {
        return Ok(Answer::NotYet);
    }
    match message["janus"].as_str() {
        Some("error") => bail!("Janus refuses: {}", message["error"]["reason"]),
        Some("success" | "event") if message["plugindata"].is_object() => {
            let data = &message["plugindata"]["data"];
            ensure!(data["error_code"].is_null(), "VideoRoom refuses: {}", data["error"]);
            Ok(Answer::Data(data.clone(), message["jsep"]["sdp"].as_str().map(str::to_owned)))
        }
        Some("success") => Ok(Answer::Success(message["data"]["id"].as_u64())),
        _ => Ok(Answer::NotYet),
    }
}

impl Session {
    fn open(runtime: &Runtime, url: &str) -> Result<Self> {
        let link = Link::open(runtime, url, Some(SUBPROTOCOL))?;
        Ok(Self { link, id: 0, transaction: 0 })
    }

    /// Sends a request and waits for its answer.
    fn ask(&mut self, generator: &mut Generator, mut request: Value) -> Result<Answer> {
        self.transaction += 1;
        let transaction = self.transaction.to_string();
        request["transaction"] = json!(transaction);
        if self.id != 0 {
            request["session_id"] = json!(self.id);
        }
        self.link.text(request.to_string())?;
        self.link.wait(generator, |said| {
            let Said::Text(text) = said else { return Ok(None) };
            match read(&serde_json::from_str(&text)?, &transaction)? {
                Answer::NotYet => Ok(None),
                answer => Ok(Some(answer)),
            }
        })
    }

    fn made(&mut self, generator: &mut Generator, request: Value) -> Result<u64> {
        match self.ask(generator, request)? {
            Answer::Success(Some(id)) => Ok(id),
            other => bail!("Janus made nothing: {other:?}"),
        }
    }

    fn attach(&mut self, generator: &mut Generator) -> Result<u64> {
        self.made(generator, json!({ "janus": "attach", "plugin": PLUGIN }))
    }

    /// A request to the plugin; its data and a description.
    fn room(
        &mut self,
        generator: &mut Generator,
        handle: u64,
        body: Value,
        jsep: Option<(&str, String)>,
    ) -> Result<(Value, Option<String>)> {
        let mut request = json!({ "janus": "message", "handle_id": handle, "body": body });
        if let Some((kind, sdp)) = jsep {
            request["jsep"] = json!({ "type": kind, "sdp": sdp });
        }
        match self.ask(generator, request)? {
            Answer::Data(data, sdp) => Ok((data, sdp)),
            other => bail!("no data from VideoRoom: {other:?}"),
        }
    }

    /// Lets somebody publish; their feed.
    fn publish(
        &mut self,
        generator: &mut Generator,
        profile: &Profile,
        owner: usize,
        routes: &mut [Option<Route>],
    ) -> Result<u64> {
        let handle = self.attach(generator)?;
        let room = profile.people[owner].room + 1;
        let join = json!({ "request": "join", "ptype": "publisher", "room": room, "display": format!("{owner}") });
        let (joined, _) = self.room(generator, handle, join, None)?;
        let feed = joined["id"].as_u64().context("no feed")?;
        let published: Vec<_> = profile.published_by(owner).collect();
        let section = |(publication, one): &(usize, &crate::bench_media::profiles::Publication)| {
            Section::send(one.kind != Kind::Voice, ssrc_of(*publication))
        };
        let sections: Vec<Section> = published.iter().map(section).collect();
        let client = generator.add()?;
        let offer = sdp::offer(&generator.clients[client], &sections);
        let body = json!({ "request": "publish" });
        let (_, answer) = self.room(generator, handle, body, Some(("offer", offer)))?;
        let answer = answer.context("no answer")?;
        let answer = Description::read(&answer);
        generator.connect(client, &answer, true)?;
        // Nobody can subscribe before.
        self.link.wait(generator, |said| {
            let Said::Text(text) = said else { return Ok(None) };
            let event: Value = serde_json::from_str(&text)?;
            Ok((event["janus"] == "webrtcup" && event["sender"] == handle).then_some(()))
        })?;
        for (mid, (publication, one)) in published.iter().enumerate() {
            let mid = mid.to_string();
            let negotiated = answer.section(&mid).context("an answer without a section")?;
            let codec = if one.kind == Kind::Voice { "opus" } else { "VP8" };
            routes[*publication] = Some(Route {
                client,
                ssrc: ssrc_of(*publication),
                payload_type: negotiated.payload_type(codec).context("an answer without codec")?,
                ids: negotiated.ids,
                mid,
            });
        }
        Ok(feed)
    }

    /// Lets somebody see and hear; `streams`: feeds and sections.
    fn subscribe(&mut self, generator: &mut Generator, room: usize, streams: &[(u64, String)]) -> Result<()> {
        let handle = self.attach(generator)?;
        let streams: Vec<Value> = streams.iter().map(|(feed, mid)| json!({ "feed": feed, "mid": mid })).collect();
        let join = json!({ "request": "join", "ptype": "subscriber", "room": room, "streams": streams });
        let (_, offer) = self.room(generator, handle, join, None)?;
        let offer = Description::read(&offer.context("no offer")?);
        let client = generator.add()?;
        let answer = sdp::answer(&generator.clients[client], &offer);
        self.room(generator, handle, json!({ "request": "start" }), Some(("answer", answer)))?;
        // Janus is lite, so the other side nominates whoever offers (RFC 8445, clause 6.1.1).
        generator.connect(client, &offer, true)
    }
}

impl Peer for Janus {
    fn connect(&mut self, _runtime: &Runtime, generator: &mut Generator, profile: &Profile) -> Result<()> {
        let session = self.session.as_mut().context("no session")?;
        session.meeting(generator, profile).with_context(|| {
            let said = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<&str> = said.lines().collect();
            format!("Janus says:\n{}", lines[lines.len().saturating_sub(LOG_LINES)..].join("\n"))
        })
    }

    fn process(&self) -> Process {
        self.process
    }

    fn network(&self) -> [u8; 2] {
        PREFIX
    }
}

impl Session {
    /// Everybody of the profile.
    fn meeting(&mut self, generator: &mut Generator, profile: &Profile) -> Result<()> {
        let session = self;
        session.id = session.made(generator, json!({ "janus": "create" }))?;
        let control = session.attach(generator)?;
        for room in 1..=profile.rooms {
            let create = json!({
                "request": "create", "room": room, "publishers": profile.people.len(), "audiocodec": "opus",
                "videocodec": "vp8", "bitrate": 0, "notify_joining": false, "transport_wide_cc_ext": true,
            });
            session.room(generator, control, create, None)?;
        }
        let mut routes = vec![None; profile.publications.len()];
        let mut feeds = vec![0; profile.people.len()];
        for (owner, feed) in feeds.iter_mut().enumerate() {
            if profile.published_by(owner).next().is_some() {
                *feed = session.publish(generator, profile, owner, &mut routes)?;
            }
        }
        let stream = |publication: usize| {
            let owner = profile.publications[publication].owner;
            let mid = profile.published_by(owner).position(|(one, _)| one == publication).unwrap_or_default();
            (feeds[owner], mid.to_string())
        };
        for person in &profile.people {
            let pictures = person.pictures.iter().map(|(publication, _)| *publication);
            let streams: Vec<_> = person.voices.iter().copied().chain(pictures).map(stream).collect();
            if !streams.is_empty() {
                session.subscribe(generator, person.room + 1, &streams)?;
            }
        }
        session.link.hush();
        let routes: Option<Vec<Route>> = routes.into_iter().collect();
        generator.publish(profile, routes.context("a publication was not negotiated")?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Messages as its documentation has them.
    #[test]
    fn answers_are_told_from_what_else_comes() {
        let ack = json!({ "janus": "ack", "session_id": 1, "transaction": "7" });
        assert_eq!(read(&ack, "7").expect("readable"), Answer::NotYet);
        let made = json!({ "janus": "success", "transaction": "7", "data": { "id": 3_655_467_841_u64 } });
        assert_eq!(read(&made, "7").expect("readable"), Answer::Success(Some(3_655_467_841)));
        assert_eq!(read(&made, "8").expect("readable"), Answer::NotYet);
        let event = json!({
            "janus": "event", "session_id": 1, "transaction": "9", "sender": 2,
            "plugindata": { "plugin": PLUGIN, "data": { "videoroom": "attached", "room": 1 } },
            "jsep": { "type": "offer", "sdp": "v=0" },
        });
        let Answer::Data(data, sdp) = read(&event, "9").expect("readable") else { panic!("data") };
        assert_eq!((data["videoroom"].as_str(), sdp.as_deref()), (Some("attached"), Some("v=0")));
        let refused = json!({
            "janus": "event", "transaction": "9",
            "plugindata": { "data": { "videoroom": "event", "error_code": 426, "error": "No such room (1)" } },
        });
        assert!(read(&refused, "9").is_err());
        let error = json!({ "janus": "error", "transaction": "9", "error": { "code": 458, "reason": "No session" } });
        assert!(read(&error, "9").is_err());
    }
}
