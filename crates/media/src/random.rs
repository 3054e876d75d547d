//! The engine's randomness: everything follows from the seed that the shell handed in, so a test can replay it, and
//! nobody outside can guess it (ICE passwords). SHA-256 of seed and counter.

use aws_lc_rs::digest;

/// The source.
pub(crate) struct Random {
    seed: [u8; 32],
    counter: u64,
}

impl Random {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, counter: 0 }
    }

    /// Up to 32 random bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        const { assert!(N <= 32) };
        self.counter += 1;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&self.seed);
        context.update(&self.counter.to_be_bytes());
        let hash = context.finish();
        let mut out = [0; N];
        out.copy_from_slice(&hash.as_ref()[..N]);
        out
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_be_bytes(self.bytes())
    }

    /// An SSRC (RFC 3550, clause 8); 0 is avoided because some receivers take it for none.
    pub(crate) fn ssrc(&mut self) -> u32 {
        u32::from_be_bytes(self.bytes()).max(1)
    }
}
