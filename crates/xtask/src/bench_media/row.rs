//! One server in one profile: its windows and, for ours, those of the floor in turn; which are kept, and the figures
//! that come of them.

use super::figures::{Figures, quantile};
use super::generator::{Generator, Window};
use super::peers::Peer;
use super::process::Used;
use super::profiles::Profile;
use super::{Options, Who, floor};
use anyhow::{Context as _, Result, ensure};
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

/// A server that does not manage what is asked of it on one core.
#[derive(Debug, thiserror::Error)]
#[error("too few windows are usable, {arrives:.1} % arrive")]
pub(super) struct Overloaded {
    arrives: f64,
}

/// One server in one profile.
pub(super) struct Row<'a> {
    pub(super) options: &'a Options,
    pub(super) profile: &'a Profile,
    pub(super) who: Who,
    pub(super) offload: bool,
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
    pub(super) fn name(&self, what: &str) -> String {
        let soft = if self.offload || self.options.software_segmentation { "" } else { "_soft" };
        format!("{}{soft}{}{what}", self.profile.name, self.who.suffix())
    }

    pub(super) fn measure(&self, runtime: &Runtime, figures: &mut Figures) -> Result<()> {
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
            if Instant::now() >= settled {
                return Err(Overloaded { arrives: window.delivered() * 100.0 }.into());
            }
        }
        let time = Duration::from_secs(self.options.seconds);
        let mut windows = Windows::default();
        let trains = peer.trains(runtime)?;
        let media_threads = peer.media_threads().unwrap_or("no thread's name");
        for _ in 0..self.options.windows {
            let window = generator.window(WARM_UP, time, || process.used(media_threads))?;
            let delivered = window.delivered();
            self.take(window, &mut windows)?;
            // Too few can remain.
            if windows.dropped * 3 > self.options.windows {
                return Err(Overloaded { arrives: delivered * 100.0 }.into());
            }
            if self.who == Who::Werkraum {
                self.floor(generator, time, &mut windows)?;
            }
            peer.keep_alive()?;
        }
        let trained = peer.trains(runtime)?;
        let resident = process.resident_bytes()?;

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
        figures.tell(self.name("_people"), self.profile.people.len() as f64);
        Ok(())
    }

    /// Keeps or drops a window by the rule; an error when the server did something else than was asked.
    fn take(&self, window: Window, windows: &mut Windows) -> Result<()> {
        windows.expected += window.expected;
        windows.came += window.counted.packets.min(window.expected);
        // More than all: a window's last packets came in the next one.
        if !(DELIVERED_MIN..=2.0 - DELIVERED_MIN).contains(&window.delivered()) {
            eprintln!("{}: a window is dropped, {:.2} % arrived", self.name(""), window.delivered() * 100.0);
            windows.dropped += 1;
            return Ok(());
        }
        let opened = window.counted.delays.len() as u64 + window.counted.wrong;
        ensure!(opened > 0, "no packet came");
        ensure!(window.counted.wrong * 1_000 <= opened, "{} of {opened} differ", window.counted.wrong);
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
