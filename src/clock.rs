//! The wall clock, read in one place. Engines get the time handed in; the store gets it as a number.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 (UTC). A clock before 1970 counts as 1970.
#[must_use]
pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
}
