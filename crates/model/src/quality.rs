//! How good somebody's connection is, in four words that can be said aloud. `media` judges, the room and the browser tell.

use serde::{Deserialize, Serialize};

/// The words, best first. The thresholds stand in [`Quality::of`] and in docs/protocol.md.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ts_rs::TS)]
#[serde(rename_all = "snake_case")]
pub enum Quality {
    /// Nothing is felt.
    #[default]
    Good,
    /// Now and then something is felt.
    Fair,
    /// Pictures stand still, sound has gaps: turning off the camera helps.
    Poor,
    /// Hardly usable: sound alone, another place or another network helps.
    Bad,
}

impl Quality {
    /// All of them, for tables over them.
    pub const ALL: [Self; 4] = [Self::Good, Self::Fair, Self::Poor, Self::Bad];

    /// The word for a loss (of 1,000 packets, the worse direction) and a round trip in milliseconds.
    #[must_use]
    pub fn of(loss_permille: u16, round_trip_ms: u16) -> Self {
        let worse_than = |loss, ms| loss_permille >= loss || round_trip_ms >= ms;
        match () {
            () if worse_than(150, 1_000) => Self::Bad,
            () if worse_than(50, 500) => Self::Poor,
            () if worse_than(20, 250) => Self::Fair,
            () => Self::Good,
        }
    }

    /// Its name in figures.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Fair => "fair",
            Self::Poor => "poor",
            Self::Bad => "bad",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_loss_and_delay_counts() {
        for (loss, ms, word) in [
            (0, 30, Quality::Good),
            (19, 249, Quality::Good),
            (20, 0, Quality::Fair),
            (0, 250, Quality::Fair),
            (50, 30, Quality::Poor),
            (0, 500, Quality::Poor),
            (150, 30, Quality::Bad),
            (30, 1_000, Quality::Bad),
        ] {
            assert_eq!(Quality::of(loss, ms), word, "{loss} {ms}");
        }
    }
}
