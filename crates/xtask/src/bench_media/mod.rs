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
mod sdp;
mod wire;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use figures::{Figures, Method, quantile};
use generator::{Generator, Window};
use peers::Peer;
use peers::galene::Galene;
use peers::janus::Janus;
use peers::livekit::LiveKit;
use peers::werkraum::Werkraum;
use process::{GENERATOR_CORE, Used, pin_thread};
use profiles::{Profile, ROOM_PEOPLE};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Streams begin, key frames arrive, estimates settle.
const WARM_UP: Duration = Duration::from_secs(2);
/// How long a server may take until everything arrives.
const SETTLE: Duration = Duration::from_secs(40);
/// The rule for windows, written before measuring.
const DELIVERED_MIN: f64 = 0.995;
/// Share of padding that a server may add; what is inside is compared by the packets that are opened.
const PADDING_MAX: f64 = 0.1;

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
    let mut profiles = Vec::new();
    for name in &options.profiles {
        match name.as_str() {
            "video" => profiles.extend(options.viewers.iter().map(|viewers| Profile::video(*viewers))),
            "workshop" => profiles.push(Profile::workshop(options.people)),
            "audio" => profiles.push(Profile::audio(options.people)),
            "breakouts" => profiles.push(Profile::breakouts(options.people / ROOM_PEOPLE)),
            _ => bail!("no profile {name}"),
        }
    }
    let offload = !options.software_segmentation;
    for profile in &profiles {
        let mut rows = vec![(Who::Werkraum, offload)];
        if profile.name.starts_with("video") {
            rows = vec![(Who::Werkraum, true), (Who::Werkraum, false)];
        }
        rows.extend(others.iter().map(|who| (who.clone(), offload)));
        for (who, offload) in rows {
            let row = Row { options: &options, profile, who, offload };
            if let Err(error) = row.measure(&runtime, &mut figures) {
                figures.faults.push(format!("{}: {error:#}", row.name("")));
                eprintln!("{}: {error:#}", row.name(""));
            }
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

/// One server in one profile.
struct Row<'a> {
    options: &'a Options,
    profile: &'a Profile,
    who: Who,
    offload: bool,
}

/// How much larger packets came than they were sent.
fn padding(window: &Window) -> f64 {
    let mean = |bytes: u64, packets: u64| bytes as f64 / packets.max(1) as f64;
    let came = mean(window.counted.bytes, window.counted.packets);
    came / mean(window.expected_bytes, window.expected) - 1.0
}

/// The windows of a row.
#[derive(Default)]
struct Windows {
    kept: Vec<Window>,
    floors: Vec<f64>,
    floor_trains: Vec<f64>,
    /// Packets that should have come and that did, in all windows.
    expected: u64,
    came: u64,
    dropped: usize,
}

impl Row<'_> {
    /// `video_n50` or `video_n50_soft`, with what is measured, and of whom: `video_n50_janus_ns`.
    fn name(&self, what: &str) -> String {
        let soft = if self.offload || self.options.software_segmentation { "" } else { "_soft" };
        format!("{}{soft}{}{what}", self.profile.name, self.who.suffix())
    }

    fn measure(&self, runtime: &Runtime, figures: &mut Figures) -> Result<()> {
        eprintln!("{} ...", self.name(""));
        let mut peer = self.who.start(runtime)?;
        let mut generator = Generator::new(peer.network(), self.offload)?;
        let before = peer.process().resident_bytes()?;
        peer.connect(runtime, &mut generator, self.profile)?;
        let result = self.windows(runtime, &mut generator, peer.as_mut(), before, figures);
        peer.end(runtime)?;
        result
    }

    fn windows(
        &self,
        runtime: &Runtime,
        generator: &mut Generator,
        peer: &mut dyn Peer,
        before: u64,
        figures: &mut Figures,
    ) -> Result<()> {
        let process = peer.process();
        let settled = Instant::now() + SETTLE;
        loop {
            let window = generator.window(WARM_UP / 2, WARM_UP / 2, || Ok(Used::default()))?;
            if window.delivered() >= DELIVERED_MIN {
                break;
            }
            ensure!(Instant::now() < settled, "{:.1} % arrive", window.delivered() * 100.0);
        }
        let time = Duration::from_secs(self.options.seconds);
        let mut windows = Windows::default();
        let trains = peer.trains(runtime)?;
        let media_threads = peer.media_threads().unwrap_or("no thread's name");
        for _ in 0..self.options.windows {
            let window = generator.window(WARM_UP, time, || process.used(media_threads))?;
            self.take(window, &mut windows)?;
            if self.who == Who::Werkraum {
                self.floor(generator, time, &mut windows)?;
            }
            peer.keep_alive()?;
        }
        let trained = peer.trains(runtime)?;
        let resident = process.resident_bytes()?;

        let enough = windows.kept.len() * 3 >= self.options.windows * 2;
        ensure!(enough, "only {} of {} windows are usable", windows.kept.len(), self.options.windows);
        let packets = |window: &Window| window.counted.packets as f64;
        let each = |of: &dyn Fn(&Window) -> f64| windows.kept.iter().map(of).collect::<Vec<f64>>();
        figures.tell_median(self.name("_ns"), &each(&|window| window.cost as f64 / packets(window)));
        figures.tell_median(self.name("_cores"), &each(&|window| window.cost as f64 / window.time.as_nanos() as f64));
        if self.who == Who::Werkraum {
            ensure!(windows.floors.len() * 3 >= self.options.windows * 2, "too few windows of the floor are usable");
            figures.tell_median(self.name("_floor_ns"), &windows.floors);
            figures.tell_median(self.name("_floor_train_mean"), &windows.floor_trains);
            let ratio = figures.get(&self.name("_ns")).zip(figures.get(&self.name("_floor_ns")));
            if let Some((ours, floor)) = ratio {
                figures.tell(self.name("_ratio"), ours / floor);
            }
        }
        figures.tell_median(self.name("_padding"), &each(&padding));
        let late: Vec<f64> =
            windows.kept.iter().flat_map(|window| &window.late).map(|late| late.as_secs_f64()).collect();
        figures.tell(self.name("_generator_late_p99_ms"), quantile(&late, 0.99).unwrap_or_default() * 1e3);
        figures.tell(self.name("_delivered"), windows.came as f64 / windows.expected.max(1) as f64);
        let delays: Vec<f64> =
            windows.kept.iter().flat_map(|window| &window.counted.delays).map(|ns| *ns as f64 / 1e6).collect();
        for (what, share) in [("_forward_p50_ms", 0.5), ("_forward_p99_ms", 0.99)] {
            figures.tell(self.name(what), quantile(&delays, share).context("no packet was opened")?);
        }
        if let Some(((packets, trains), (packets_before, trains_before))) = trained.zip(trains) {
            let mean = (packets - packets_before) / (trains - trains_before).max(1.0);
            figures.tell(self.name("_train_mean"), mean);
            // As the name without the number of viewers is asked for.
            if self.profile.name == "video_n50" && self.offload {
                figures.tell("video_train_mean", mean);
            }
        }
        if peer.media_threads().is_some() {
            let share = each(&|window| window.media_cost as f64 / window.cost.max(1) as f64);
            figures.tell_median(self.name("_media_share"), &share);
        }
        let mb = resident.saturating_sub(before) as f64 / 1e6 / self.profile.people.len() as f64;
        figures.tell(self.name("_rss_mb"), resident as f64 / 1e6);
        figures.tell(self.name("_mb_per_participant"), mb);
        if self.profile.name == "workshop" && self.who == Who::Werkraum {
            figures.tell("mb_per_participant", mb);
        }
        figures.tell(self.name("_dropped"), windows.dropped as f64);
        Ok(())
    }

    /// Keeps or drops a window by the rule; an error when the server did something else than was asked.
    fn take(&self, window: Window, windows: &mut Windows) -> Result<()> {
        windows.expected += window.expected;
        windows.came += window.counted.packets.min(window.expected);
        let opened = window.counted.delays.len() as u64 + window.counted.wrong;
        ensure!(opened > 0, "no packet came");
        ensure!(window.counted.wrong * 1_000 <= opened, "{} of {opened} differ", window.counted.wrong);
        // More than all: a window's last packets came in the next one.
        if !(DELIVERED_MIN..=2.0 - DELIVERED_MIN).contains(&window.delivered()) {
            eprintln!("{}: a window is dropped, {:.2} % arrived", self.name(""), window.delivered() * 100.0);
            windows.dropped += 1;
            return Ok(());
        }
        let padding = padding(&window);
        ensure!((-0.005..=PADDING_MAX).contains(&padding), "packets are {:.1} % larger", padding * 100.0);
        windows.kept.push(window);
        Ok(())
    }

    /// A window of the floor, to the same viewers.
    fn floor(&self, generator: &mut Generator, time: Duration, windows: &mut Windows) -> Result<()> {
        let targets: Vec<_> =
            generator.clients.iter().take(self.profile.people.len()).map(|client| client.address).collect();
        let profile = self.profile.clone();
        let thread =
            std::thread::Builder::new().name("floor".to_owned()).spawn(move || floor::run(&profile, &targets, time))?;
        let came = generator.listen(|| thread.is_finished())?;
        let cost = thread.join().map_err(|_| anyhow::anyhow!("the floor panicked"))??;
        if (came as f64) < cost.packets as f64 * DELIVERED_MIN {
            eprintln!("{}: a window of the floor is dropped, {came} of {} arrived", self.name(""), cost.packets);
            return Ok(());
        }
        windows.floors.push(cost.cpu_ns as f64 / cost.packets.max(1) as f64);
        windows.floor_trains.push(cost.packets as f64 / cost.trains.max(1) as f64);
        Ok(())
    }
}
