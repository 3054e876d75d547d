//! Bad networks, simulated from seeds over the real engine: the figures that are promised, and that nothing stalls or
//! breaks whatever a path does. More seeds by hand with `WERKRAUM_SEEDS=5000`.

mod common;

use common::sim::figures;

/// How many seeds to try.
#[expect(clippy::disallowed_methods, reason = "a test may read its environment; the engine may not")]
fn seeds(usual: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("WERKRAUM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    1..wanted.unwrap_or(usual) + 1
}

/// M6, A-11: rate steps and random loss.
#[test]
fn the_promised_figures_hold() {
    let figures = figures::all(1);
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
