//! The scenarios with their figures, and what each figure has to hold. Printed as `name=value` by whoever runs them.

use super::link::{Path, Random};
use super::{Setting, Sim};
use std::time::Duration;

/// Sound that comes later than this after it was sent, and the path's own delay, was not in time.
const IN_TIME_US: u64 = 150_000;
/// A picture is to be complete within this.
const COMPLETE_US: u64 = 200_000;
const DELAY: Duration = Duration::from_millis(20);
/// From a publisher to the viewer at best: both delays, and the millisecond steps of the simulation.
const BASE_US: u64 = 32_000;

/// A figure with what it has to hold.
#[derive(Clone, Debug)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub least: Option<f64>,
    pub most: Option<f64>,
}

impl Figure {
    fn plain(name: impl Into<String>, value: f64) -> Self {
        Self { name: name.into(), value, least: None, most: None }
    }

    fn least(name: impl Into<String>, value: f64, least: f64) -> Self {
        Self { least: Some(least), ..Self::plain(name, value) }
    }

    fn most(name: impl Into<String>, value: f64, most: f64) -> Self {
        Self { most: Some(most), ..Self::plain(name, value) }
    }

    pub fn holds(&self) -> bool {
        self.least.is_none_or(|least| self.value >= least) && self.most.is_none_or(|most| self.value <= most)
    }

    pub fn line(&self) -> String {
        format!("{}={:.2}", self.name, self.value)
    }
}

/// All scenarios of this seed.
pub fn all(seed: u64) -> Vec<Figure> {
    [rate_steps(seed), loss(seed, 50), loss(seed, 200)].concat()
}

fn path(bps: u64) -> Path {
    Path { bps: Some(bps), delay: DELAY, ..Path::FREE }
}

/// The part of sounds, in percent, that did not come in time; of one publisher, sent in this time.
fn sounds_missed(sim: &Sim, publisher: u8, from_us: u64, to_us: u64) -> f64 {
    let first = (from_us / 20_000) as u32;
    let count = ((to_us - from_us) / 20_000) as u32;
    // Numbers begin with the first sound that was sent, which may be some 20 ms after the start.
    let in_time = |number: &u32| {
        sim.viewer.seen.sounds.get(&(publisher, *number)).is_some_and(|late| *late <= IN_TIME_US + BASE_US)
    };
    let begun = sim.sound_offset;
    let missed = (first..first + count).filter(|number| !in_time(&number.saturating_sub(begun))).count();
    missed as f64 * 100.0 / f64::from(count.max(1))
}

/// The part of pictures, in percent, that were complete in time, of those sent in this time.
fn pictures_complete(sim: &Sim, place: usize, from_us: u64, to_us: u64) -> f64 {
    let sent = |us: u64| (from_us..to_us).contains(&us);
    let mut complete = std::collections::BTreeSet::new();
    for picture in &sim.viewer.seen.pictures[place] {
        let late = picture.complete_us.map(|us| us - picture.mark.sent_us);
        if sent(picture.mark.sent_us) && late.is_some_and(|late| late <= COMPLETE_US) {
            complete.insert(picture.mark.number);
        }
    }
    let all = (to_us - from_us) / 1_000 / super::publisher::FRAME_MS;
    complete.len() as f64 * 100.0 / all as f64
}

/// The longest time without a new picture, in milliseconds, in this time.
pub fn longest_stall_ms(sim: &Sim, place: usize, from_us: u64, to_us: u64) -> u64 {
    let within = sim.viewer.seen.decoded[place].iter().copied().filter(|us| (from_us..to_us).contains(us));
    let times: Vec<u64> = std::iter::once(from_us).chain(within).chain([to_us]).collect();
    times.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0) / 1_000
}

fn used(sim: &mut Sim, from_us: u64, to_us: u64, bps: u64) -> f64 {
    let start = sim.start;
    let at = |us| start + Duration::from_micros(us);
    let (from, to) = (at(from_us), at(to_us));
    let carried = &sim.down().carried;
    let bytes: usize = carried.iter().filter(|(done, _)| (from..to).contains(done)).map(|(_, bytes)| bytes).sum();
    bytes as f64 * 8.0 * 100.0 / (bps as f64 * (to_us - from_us) as f64 / 1e6)
}

fn percentile(values: &mut [u64], part: f64) -> f64 {
    values.sort_unstable();
    let place = (values.len() as f64 * part) as usize;
    values.get(place.min(values.len().saturating_sub(1))).copied().unwrap_or(0) as f64
}

/// Says how it goes, for those who look for a reason: `WERKRAUM_TRACE=1`.
fn trace(sim: &mut Sim, bps: u64) {
    if !sim.traces {
        return;
    }
    let now = sim.now_us();
    let share = used(sim, now.saturating_sub(1_000_000), now, bps);
    let wait = sim.down().waits.last().map_or(0, |(_, wait)| wait.as_millis());
    let seen = &sim.viewer.seen;
    let decoded = seen.decoded.iter().map(Vec::len).collect::<Vec<_>>();
    let estimate = sim.estimate();
    println!(
        "{:.1} s: {bps}: {estimate:?}, used {share:.0} %, decoded {decoded:?}, queue {wait} ms, PLIs {}, NACKs {}",
        now as f64 / 1e6,
        seen.plis,
        seen.nacks,
    );
}

/// 4 -> 1 -> 0.3 -> 4 Mbit/s, two cameras, one of them large, a voice.
pub fn rate_steps(seed: u64) -> Vec<Figure> {
    const STEPS: [u64; 4] = [4_000_000, 1_000_000, 300_000, 4_000_000];
    const EACH: Duration = Duration::from_secs(30);
    let layers = [180_000, 560_000, 2_400_000];
    let mut sim = Sim::new(&Setting {
        seed,
        publishers: vec![layers, layers],
        speaking: 1,
        heights: vec![720, 360],
        down: path(STEPS[0]),
        up: Path { delay: DELAY, ..Path::FREE },
        uplink: Path::FREE,
        feedback: true,
    });
    let begun = sim.now_us();
    let mut figures = Vec::new();
    let mut last_us = begun;
    for (place, bps) in STEPS.into_iter().enumerate() {
        last_us = sim.now_us();
        sim.down().path.bps = Some(bps);
        for _ in 0..30 {
            sim.run(EACH / 30);
            trace(&mut sim, bps);
        }
        let now = sim.now_us();
        let share = used(&mut sim, now - 20_000_000, now, bps);
        figures.push(Figure::least(format!("rate_step_{}_used_percent", place + 1), share, 75.0));
    }
    let ended = sim.now_us();
    sim.viewer.finish();
    let mut waits: Vec<u64> = sim.down().waits.iter().map(|(_, wait)| wait.as_micros() as u64).collect();
    figures.push(Figure::most("rate_step_queue_p95_ms", percentile(&mut waits, 0.95) / 1_000.0, 300.0));
    let high = sim.viewer.seen.pictures[0].iter().filter(|picture| picture.mark.layer == 2);
    let back = high.filter_map(|picture| picture.complete_us.filter(|us| *us > last_us + 500_000)).min();
    let back = back.map_or(f64::INFINITY, |us| (us - last_us) as f64 / 1e6);
    figures.push(Figure::most("rate_step_high_layer_back_s", back, 15.0));
    let missed = sounds_missed(&sim, 0, begun + 1_000_000, ended - 1_000_000);
    figures.push(Figure::most("rate_step_sound_missed_percent", missed, 1.0));
    if sim.traces {
        let mut late: Vec<_> = (0..6_000).map(|n| (n, sim.viewer.seen.sounds.get(&(0, n)).copied())).collect();
        late.retain(|(_, late)| late.is_none_or(|late| late > IN_TIME_US + BASE_US));
        for (number, late) in late {
            println!("sound {number} at {:.2} s late by {late:?}", f64::from(number) * 0.02);
        }
    }
    let stall = longest_stall_ms(&sim, 0, begun + 2_000_000, ended);
    figures.push(Figure::plain("rate_step_longest_stall_ms", stall as f64));
    figures.push(Figure::most("rate_step_panics", sim.panics() as f64, 0.0));
    figures
}

/// Random loss both ways.
pub fn loss(seed: u64, permille: u32) -> Vec<Figure> {
    let lossy = |path: Path| Path { loss_permille: permille, ..path };
    let mut sim = Sim::new(&Setting {
        seed,
        publishers: vec![[180_000, 560_000, 1_500_000]],
        speaking: 1,
        heights: vec![720],
        down: lossy(path(6_000_000)),
        up: lossy(Path { delay: DELAY, ..Path::FREE }),
        uplink: Path::FREE,
        feedback: true,
    });
    sim.run(Duration::from_secs(30));
    sim.viewer.finish();
    let (from, to) = (sim.now_us() - 25_000_000, sim.now_us() - 1_000_000);
    let name = |what: &str| format!("loss_{}_{what}", permille / 10);
    let complete = pictures_complete(&sim, 0, from, to);
    let missed = sounds_missed(&sim, 0, from, to);
    let share = used(&mut sim, from, to, 1_000_000) / 100.0;
    let stall = longest_stall_ms(&sim, 0, from, to);
    vec![
        Figure { least: (permille == 50).then_some(98.0), ..Figure::plain(name("frames_complete_percent"), complete) },
        Figure { most: (permille == 200).then_some(8.0), ..Figure::plain(name("sound_missed_percent"), missed) },
        Figure::plain(name("mbps"), share),
        Figure::plain(name("longest_stall_ms"), stall as f64),
        Figure::most(name("panics"), sim.panics() as f64, 0.0),
    ]
}

/// A path of any kind: what has to hold whatever it is. Tells what did not.
pub fn any(seed: u64) -> Result<(), String> {
    const TIME: Duration = Duration::from_secs(5);
    let mut random = Random(seed);
    let rates = [400_000, 700_000, 1_500_000, 3_000_000, 8_000_000];
    let rate = |random: &mut Random| rates[random.below(5) as usize];
    let mut down = Path {
        bps: Some(rate(&mut random)),
        queue_bytes: 8_000 + random.below(120_000) as usize,
        delay: Duration::from_millis(5 + random.below(80)),
        jitter: Duration::from_millis(random.below(30)),
        loss_permille: 10 + random.below(291) as u32,
        reorder_permille: random.below(50) as u32,
    };
    if random.below(3) == 0 {
        down.loss_permille = 0;
    }
    let up = Path { bps: None, loss_permille: down.loss_permille / 2, ..down };
    let feedback = random.below(8) != 0;
    let setting = Setting {
        seed,
        publishers: vec![[120_000, 400_000, 1_200_000]],
        speaking: 1,
        heights: vec![[180, 360, 720][random.below(3) as usize]],
        down,
        up,
        uplink: Path { loss_permille: random.below(50) as u32, ..Path::FREE },
        feedback,
    };
    let mut sim = Sim::new(&setting);
    let begun = sim.now_us();
    let step = rate(&mut random);
    for part in 0..10 {
        if part == 5 {
            sim.down().path.bps = Some(step);
        }
        sim.run(TIME / 10);
        trace(&mut sim, 1_000_000);
    }
    sim.viewer.finish();
    let ended = sim.now_us();
    let stall = longest_stall_ms(&sim, 0, begun, ended);
    let heard = sim.viewer.seen.sounds.len() as f64 * 100.0 / f64::from((TIME.as_millis() / 20) as u32);
    let least = 100.0 - f64::from(down.loss_permille) / 10.0 * 1.5 - if feedback { 25.0 } else { 35.0 };
    let trouble = || format!("seed {seed}, then {step} bit/s, {down:?}, feedback {feedback}");
    if sim.panics() > 0 {
        return Err(format!("panic: {}", trouble()));
    }
    // A line that loses more, or a viewer that does not tell what arrives, may cost the picture; sound never.
    if stall > 3_000 && down.loss_permille <= 200 && feedback {
        return Err(format!("no picture for {stall} ms: {}", trouble()));
    }
    if heard < least {
        return Err(format!("only {heard:.0} % of the sound: {}", trouble()));
    }
    Ok(())
}
