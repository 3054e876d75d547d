//! One fuzz target under libFuzzer: the one that `WERKRAUM_FUZZ` names. Started by `cargo xtask fuzz`, which builds it
//! with the flags for coverage.

#![no_main]

#[path = "../crates/media/tests/common/mod.rs"]
mod common;
mod targets;

use std::sync::LazyLock;

static TARGET: LazyLock<&targets::Target> = LazyLock::new(|| {
    let name = std::env::var("WERKRAUM_FUZZ").unwrap_or_default();
    targets::find(&name).unwrap_or_else(|| panic!("no fuzz target {name:?}"))
});

/// libFuzzer starts from files: the target's seeds, for whoever names a folder for them.
fn write_seeds() {
    let Some(folder) = std::env::var_os("WERKRAUM_FUZZ_SEEDS").map(std::path::PathBuf::from) else { return };
    for (number, seed) in (TARGET.seeds)().iter().enumerate() {
        std::fs::write(folder.join(format!("seed-{number}")), seed).expect("a folder for seeds");
    }
}

libfuzzer_sys::fuzz_target!(init: write_seeds(), |bytes: &[u8]| (TARGET.run)(bytes));
