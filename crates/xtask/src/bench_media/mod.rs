//! `cargo xtask bench media`: what forwarding costs, beside the floor that the kernel and the cipher set and beside
//! other servers, all by one generator in one run. Prints `name=value` lines; success only when the run was valid.

mod client;
mod connection;
mod feedback;
mod figures;
mod floor;
mod generator;
mod link;
mod network;
mod outgoing;
mod peers;
mod process;
mod profiles;
mod row;
mod sdp;
mod wire;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use figures::{Figures, Method};
use peers::Peer;
use peers::galene::Galene;
use peers::janus::Janus;
use peers::livekit::LiveKit;
use peers::werkraum::Werkraum;
use process::{GENERATOR_CORE, pin_thread};
use profiles::{Profile, ROOM_PEOPLE};
use row::{Overloaded, Row};
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::runtime::Runtime;

/// How to measure.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Also write the figures as a JSON object.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Also write docs/performance.md.
    #[arg(long)]
    report: bool,
    /// Three windows of three seconds, for a first look.
    #[arg(long)]
    quick: bool,
    /// Windows of each row.
    #[arg(long, default_value_t = 7)]
    windows: usize,
    /// Seconds of each window.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Viewers of the profile `video`: 10, 50, 100 and 200 show the slope.
    #[arg(long, value_delimiter = ',', default_value = "50")]
    viewers: Vec<usize>,
    /// People in the other profiles; fewer than 100 for a first look only.
    #[arg(long, default_value_t = 100)]
    people: usize,
    /// Which profiles.
    #[arg(long, value_delimiter = ',', default_value = "video,workshop,audio,breakouts")]
    profiles: Vec<String>,
    /// Receivers without offload in all profiles; `video` is always measured in both ways.
    #[arg(long)]
    software_segmentation: bool,
    /// A further server that runs on this machine: `livekit=ws://KEY:SECRET@127.0.0.1:7880`,
    /// `galene=ws://127.0.0.1:8443/group/bench`.
    #[arg(long, value_name = "NAME=URL")]
    peer: Vec<String>,
    /// Leaves Janus out.
    #[arg(long)]
    without_janus: bool,
}

/// How this program was built, and the server with it unless `WERKRAUM_BIN` says otherwise.
const BUILD: &str =
    if cfg!(debug_assertions) { "development build: the figures mean nothing" } else { "release build" };

/// Which server a row is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Werkraum,
    Janus,
    Other { name: String, url: String },
}

impl Who {
    fn start(&self, runtime: &Runtime) -> Result<Box<dyn Peer>> {
        Ok(match self {
            Self::Werkraum => Box::new(Werkraum::start(runtime)?),
            Self::Janus => Box::new(Janus::start(runtime)?),
            Self::Other { name, url } if name.starts_with("livekit") => Box::new(LiveKit::at(url)?),
            Self::Other { name, url } if name.starts_with("galene") => Box::new(Galene::at(url)?),
            Self::Other { name, .. } => bail!("no adapter for {name}: its name begins with livekit or galene"),
        })
    }

    /// `_janus` and the like in names of figures; nothing for ours.
    fn suffix(&self) -> String {
        match self {
            Self::Werkraum => String::new(),
            Self::Janus => "_janus".to_owned(),
            Self::Other { name, .. } => format!("_{name}"),
        }
    }
}

/// Runs the measurement.
pub(crate) fn run(mut options: Options) -> Result<ExitCode> {
    if options.quick {
        (options.windows, options.seconds) = (3, 3);
    }
    ensure!(options.windows > 0 && options.seconds > 0 && options.people >= ROOM_PEOPLE, "nothing to measure");
    if cfg!(debug_assertions) {
        eprintln!("{BUILD}");
    }
    pin_thread(GENERATOR_CORE)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut others = Vec::new();
    for peer in &options.peer {
        let (name, url) = peer.split_once('=').context("--peer NAME=URL")?;
        others.push(Who::Other { name: name.to_owned(), url: url.to_owned() });
    }
    if !options.without_janus {
        others.insert(0, Who::Janus);
    }

    let mut figures = Figures::default();
    let mut profiles: Vec<(&str, usize)> = Vec::new();
    for name in &options.profiles {
        match name.as_str() {
            "video" => profiles.extend(options.viewers.iter().map(|viewers| ("video", *viewers))),
            "workshop" | "audio" | "breakouts" => profiles.push((name, options.people)),
            _ => bail!("no profile {name}"),
        }
    }
    let offload = !options.software_segmentation;
    for (name, size) in profiles {
        let mut rows = vec![(Who::Werkraum, offload)];
        if name == "video" {
            rows = vec![(Who::Werkraum, true), (Who::Werkraum, false)];
        }
        rows.extend(others.iter().map(|who| (who.clone(), offload)));
        for (who, offload) in rows {
            measure(&options, &runtime, &mut figures, (name, size), &who, offload);
        }
    }
    if let Some(path) = &options.json {
        figures.write_json(path)?;
    }
    if options.report {
        let mut peers = vec![format!("this one ({BUILD})")];
        peers.extend(others.iter().map(|who| match who {
            Who::Other { name, .. } => name.clone(),
            _ => format!("Janus {}", peers::janus::version()),
        }));
        let Options { windows, seconds, people, .. } = options;
        let method = Method { windows, seconds, people, peers };
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        figures.write_report(&root.join("docs/performance.md"), &method)?;
    }
    for fault in &figures.faults {
        eprintln!("not valid: {fault}");
    }
    Ok(if figures.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Measures a server in a profile of that size. One that cannot do it on a core is measured with fewer people, and the
/// figures say with how many: its cost of a packet is what is compared.
fn measure(
    options: &Options,
    runtime: &Runtime,
    figures: &mut Figures,
    (name, mut size): (&str, usize),
    who: &Who,
    offload: bool,
) {
    let smallest = if *who == Who::Werkraum || name == "video" { size } else { size / 8 };
    loop {
        let profile = match name {
            "workshop" => Profile::workshop(size),
            "audio" => Profile::audio(size),
            "breakouts" => Profile::breakouts(size / ROOM_PEOPLE),
            _ => Profile::video(size),
        };
        let row = Row { options, profile: &profile, who: who.clone(), offload };
        let Err(error) = row.measure(runtime, figures) else { return };
        eprintln!("{} with {size}: {error:#}", row.name(""));
        if !error.is::<Overloaded>() || size / 2 < smallest.max(ROOM_PEOPLE) {
            figures.faults.push(format!("{}: {error:#}", row.name("")));
            return;
        }
        size /= 2;
    }
}
