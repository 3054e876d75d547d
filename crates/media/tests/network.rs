//! Bad networks, simulated from seeds over the real engine: the figures that are promised, and that nothing stalls or
//! breaks whatever a path does. More seeds by hand with `WERKRAUM_SEEDS=5000`.

mod common;

use common::sim::link::Path;
use common::sim::{Setting, Sim, figures};
use std::time::Duration;

/// A number from the environment.
#[expect(clippy::disallowed_methods, reason = "a test may read its environment; the engine may not")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// How many seeds to try; `WERKRAUM_SEED` tries one.
fn seeds(usual: u64) -> std::ops::RangeInclusive<u64> {
    match number("WERKRAUM_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("WERKRAUM_SEEDS").unwrap_or(usual),
    }
}

/// M6, A-11: rate steps and random loss.
#[test]
fn the_promised_figures_hold() {
    let figures = figures::all(number("WERKRAUM_SEED").unwrap_or(1));
    for figure in &figures {
        println!("{}{}", figure.line(), if figure.holds() { "" } else { "  (does not hold)" });
    }
    let broken: Vec<String> = figures.iter().filter(|figure| !figure.holds()).map(figures::Figure::line).collect();
    assert!(broken.is_empty(), "{broken:?}");
}

/// Loss of 1 to 30 %, jitter, reordering, queues and rates of all sizes.
#[test]
fn nothing_stalls_on_any_path() {
    let broken: Vec<String> = seeds(200).filter_map(|seed| figures::any(seed).err()).collect();
    assert!(broken.is_empty(), "{} do not hold:\n{}", broken.len(), broken.join("\n"));
}

/// One camera and its voice over this path.
fn one(down: Path, feedback: bool) -> Sim {
    Sim::new(&Setting {
        seed: 1,
        publishers: vec![[150_000, 500_000, 1_500_000]],
        speaking: 1,
        heights: vec![720],
        down,
        up: Path::FREE,
        uplink: Path::FREE,
        feedback,
    })
}

/// M6: where the path does not carry both, the picture is switched off, the viewer is told, and the sound goes on.
#[test]
fn pictures_go_before_sound_suffers_and_come_back() {
    let mut sim = one(Path { bps: Some(2_500_000), queue_bytes: 24_000, ..Path::FREE }, true);
    sim.run(Duration::from_secs(5));
    assert_eq!(sim.told_picture(0), Some(true));
    sim.down().path.bps = Some(120_000);
    sim.run(Duration::from_secs(5));
    assert_eq!(sim.told_picture(0), Some(false), "{:?}", sim.estimate());
    let heard = |sim: &Sim| sim.viewer.seen.sounds.values().filter(|late| **late < 180_000).count();
    let before = heard(&sim);
    sim.run(Duration::from_secs(5));
    assert!(heard(&sim) - before >= 245, "{} of 250 sounds", heard(&sim) - before);
    sim.down().path.bps = Some(2_500_000);
    sim.run(Duration::from_secs(15));
    assert_eq!(sim.told_picture(0), Some(true), "{:?}", sim.estimate());
}

/// A computer that slept, or whose clock is set: what its feedback says of times is another clock's from then on.
#[test]
fn a_clock_that_is_set_is_no_queue() {
    let mut sim = one(Path { bps: Some(2_500_000), queue_bytes: 24_000, ..Path::FREE }, true);
    sim.run(Duration::from_secs(5));
    assert_eq!(sim.told_picture(0), Some(true));
    let before = sim.estimate();
    for step_us in [8_600_000, 700_000] {
        sim.viewer.clock_us += step_us;
        for _ in 0..30 {
            sim.run(Duration::from_millis(100));
            assert_eq!(sim.told_picture(0), Some(true), "{:?}", sim.estimate());
        }
        assert!(sim.estimate() >= before.map(|bps| bps * 8 / 10), "{before:?} {:?}", sim.estimate());
    }
}

/// An estimate is only as good as the viewer's feedback: who sends none is not limited by a guess.
#[test]
fn who_sends_no_feedback_is_served_by_its_reports() {
    let mut sim = one(Path::FREE, false);
    sim.run(Duration::from_secs(5));
    assert_eq!(sim.estimate(), None);
    assert_eq!(sim.told_picture(0), Some(true));
    assert!(sim.answer.contains("abs-send-time") && !sim.answer.contains("transport-cc"));
}

/// What towards viewers is agreed: numbers and feedback by them instead of abs-send-time and REMB, redundancy for sound.
#[test]
fn feedback_and_redundancy_are_agreed() {
    let sim = one(Path::FREE, true);
    let sending = sim.answer.split("\r\nm=").filter(|section| section.contains("a=sendonly"));
    let mut sections = 0;
    for section in sending {
        sections += 1;
        assert!(section.contains("transport-wide-cc-extensions-01") && section.contains(" transport-cc"), "{section}");
        assert!(!section.contains("abs-send-time") && !section.contains("goog-remb"), "{section}");
        assert_eq!(section.starts_with("audio"), section.contains("a=fmtp:63 111/111"), "{section}");
    }
    assert_eq!(sections, 4);
}
