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

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
