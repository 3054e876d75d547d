//! Benches of the engines without network and disk: `cargo bench`, or `cargo bench -- NAME`. What the whole server needs
//! is measured by `cargo xtask bench`; nothing here is ever a test that can fail for being slow.

// The helpers of the engines' own tests name them by their packages.
extern crate media as werkraum_media;
extern crate pads as werkraum_pads;

mod documents;
mod forwarding;
mod rooms;
mod sealing;

#[path = "../../crates/media/tests/common/mod.rs"]
mod clients;
#[path = "../../crates/workshop/tests/common/mod.rs"]
mod people;

fn main() {
    let mut criterion = criterion::Criterion::default().configure_from_args();
    forwarding::bench(&mut criterion);
    sealing::bench(&mut criterion);
    documents::bench(&mut criterion);
    rooms::bench(&mut criterion);
    criterion.final_summary();
}
