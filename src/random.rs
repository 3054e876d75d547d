//! Randomness of the operating system, handed to those who need an id or a seed (engines draw none themselves).

use aws_lc_rs::rand;

/// Random bytes.
///
/// # Panics
/// When the operating system gives none: nothing safe can be done without.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    assert!(rand::fill(&mut bytes).is_ok(), "the operating system gives no randomness");
    bytes
}

/// A fresh id: `random::id(RoomId::from_random)`.
#[must_use]
pub fn id<T>(make: impl FnOnce([u8; 16]) -> T) -> T {
    make(bytes())
}
