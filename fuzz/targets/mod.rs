//! Fuzz targets: each takes any bytes from a stranger or a participant through a public door of an engine and fails
//! (panics) when a promise of S-19 to S-32 does not hold. One place for all who drive them: `cargo xtask fuzz` (guided
//! by coverage), and the short run of `./run test`.
//!
//! A target is an ordinary function, gives the same result for the same bytes as far as DTLS allows, and reads its bytes
//! as a plan ([`input::Plan`]): so that most mutations reach deep. To connect a parser of one's own, write a function
//! and add a line to [`ALL`].

#![allow(clippy::disallowed_methods, reason = "virtual time needs a first instant")]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "a target fails by panicking")]
#![allow(dead_code, unreachable_pub, reason = "each of those who drive them uses a part")]

mod input;
pub mod mutate;
mod pads;
mod rtp;
mod rtx;
mod sdp;
mod seal;
mod stage;
mod transport;

/// Something to be fuzzed.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name on the command line and the name of its corpus.
    pub name: &'static str,
    /// Tries one input; panics when something is wrong.
    pub run: fn(&[u8]),
    /// Real packets and plans to start from; the corpus grows from them.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// How many mutations the short run of `./run test` tries: some seconds in the test profile.
    pub short: u32,
    /// The longest input that makes sense.
    pub bytes_max: usize,
}

/// All of them.
pub const ALL: [Target; 11] = [
    Target { name: "stun", run: transport::stun, seeds: transport::stun_seeds, short: 250_000, bytes_max: 2_048 },
    Target { name: "hello", run: transport::hello, seeds: transport::hello_seeds, short: 100_000, bytes_max: 8_192 },
    Target { name: "rtp", run: rtp::rtp, seeds: rtp::rtp_seeds, short: 4_000, bytes_max: 4_096 },
    Target { name: "rtcp", run: rtp::rtcp, seeds: rtp::rtcp_seeds, short: 4_000, bytes_max: 4_096 },
    Target { name: "twcc", run: rtp::twcc, seeds: rtp::twcc_seeds, short: 4_000, bytes_max: 4_096 },
    Target { name: "descriptor", run: rtp::descriptor, seeds: rtp::descriptor_seeds, short: 4_000, bytes_max: 4_096 },
    Target { name: "rtx", run: rtx::rtx, seeds: rtx::seeds, short: 2_500, bytes_max: 2_048 },
    Target { name: "sdp", run: sdp::offer, seeds: sdp::seeds, short: 7_000, bytes_max: 65_600 },
    Target { name: "pad_update", run: pads::update, seeds: pads::update_seeds, short: 200_000, bytes_max: 4_096 },
    Target {
        name: "pad_awareness",
        run: pads::awareness,
        seeds: pads::awareness_seeds,
        short: 400_000,
        bytes_max: 4_096,
    },
    Target { name: "pad_frames", run: pads::frames, seeds: pads::frames_seeds, short: 200_000, bytes_max: 4_096 },
];

/// The target of this name.
pub fn find(name: &str) -> Option<&'static Target> {
    ALL.iter().find(|target| target.name == name)
}

/// The inputs in a file that a failing stage has saved.
pub fn row(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut plan = input::Plan::new(bytes);
    std::iter::from_fn(|| (!plan.is_empty()).then(|| plan.chunk().to_vec())).collect()
}
