//! Bad networks, simulated from seeds over the real engine: the figures that are promised, and that nothing stalls or
//! breaks whatever a path does. More seeds by hand with `WERKRAUM_SEEDS=5000`.

mod common;

use common::sim::figures;

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
