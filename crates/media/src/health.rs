//! How each participant's connection does, both ways: loss, round trip, bitrate and a word for it, every two seconds.
//! Fed by a room with receiver reports (RFC 3550, clause 6.4.1) and with what arrived. Told the time; holds no names.

use crate::command::{Event, Health};
use crate::connection::Connection;
use crate::outbox::Outbox;
use crate::publication::Publication;
use crate::room::Room;
use crate::slab::Slab;
use model::quality::Quality;

/// Ticks between two looks (2 s).
pub(crate) const LOOK_TICKS: u32 = 100;
/// So many bad looks in a row make a worse word, so many good ones a better one: a word that flickers says nothing.
const LOOKS_WORSE: u8 = 2;
const LOOKS_BETTER: u8 = 4;

/// Lost of how many.
#[derive(Clone, Copy, Debug, Default)]
struct Loss {
    lost: u64,
    expected: u64,
}

impl Loss {
    /// `None`: nothing was sent.
    fn permille(self) -> Option<u16> {
        (self.lost * 1_000).checked_div(self.expected).map(|permille| permille.min(1_000) as u16)
    }
}

/// The gathered figures of one connection. Part of it.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    down: Loss,
    round_trip_ms: Option<u16>,
    /// Expected and received of all publications at the last look.
    up: (u64, u64),
    judge: Judge,
}

impl Gathered {
    /// A receiver report about a stream of ours: the part that was lost in 1/256, of so many packets.
    pub(crate) fn report(&mut self, fraction_lost: u8, packets: u32) {
        self.down.lost += u64::from(packets) * u64::from(fraction_lost) / 256;
        self.down.expected += u64::from(packets);
    }

    /// What a receiver report says about the way there and back: its LSR and DLSR, and the middle of our time now.
    pub(crate) fn round_trip(&mut self, now: u32, last_report: u32, delay: u32) {
        if last_report == 0 {
            return; // it has not seen a report of ours yet
        }
        let units = now.wrapping_sub(last_report).wrapping_sub(delay);
        // A clock of theirs that runs faster than ours makes it negative; more than a minute is no time but nonsense.
        if units > 60 << 16 {
            return;
        }
        let ms = ((u64::from(units) * 1_000) >> 16) as u16;
        self.round_trip_ms =
            Some(self.round_trip_ms.map_or(ms, |before| ((u32::from(before) + u32::from(ms)) / 2) as u16));
    }
}

/// From looks to words that stay for a while.
#[derive(Debug, Default)]
struct Judge {
    quality: Quality,
    /// The least bad of the last worse looks, and how many.
    worse: (Quality, u8),
    better: u8,
}

impl Judge {
    fn look(&mut self, seen: Quality) -> Quality {
        if seen > self.quality {
            let before = if self.worse.1 == 0 { seen } else { self.worse.0 };
            (self.worse, self.better) = ((before.min(seen), self.worse.1 + 1), 0);
            if self.worse.1 >= LOOKS_WORSE {
                (self.quality, self.worse) = (self.worse.0, (Quality::Good, 0));
            }
        } else {
            self.worse.1 = 0;
            self.better = if seen < self.quality { self.better + 1 } else { 0 };
            if self.better >= LOOKS_BETTER {
                (self.quality, self.better) = (seen, 0);
            }
        }
        self.quality
    }
}

fn look(connection: &mut Connection, publications: &Slab<Publication>) -> Health {
    let (mut up, mut in_bps) = ((0, 0), 0);
    for publication in connection.publications.iter().filter_map(|key| publications.get(*key)) {
        for layer in &publication.layers {
            let (expected, received) = layer.arrivals.totals();
            up = (up.0 + expected, up.1 + received);
            in_bps += if layer.active { layer.meter.bps() } else { 0 };
        }
    }
    let gathered = &mut connection.health;
    let before = std::mem::replace(&mut gathered.up, up);
    let expected = up.0.saturating_sub(before.0);
    let lost = expected.saturating_sub(up.1.saturating_sub(before.1));
    let loss_up_permille = Loss { lost, expected }.permille();
    let loss_down_permille = std::mem::take(&mut gathered.down).permille();
    let loss = loss_up_permille.max(loss_down_permille).unwrap_or(0);
    let seen = Quality::of(loss, gathered.round_trip_ms.unwrap_or(0));
    let quality = gathered.judge.look(seen);
    let round_trip_ms = gathered.round_trip_ms;
    let streams = connection.slots.iter_mut().filter_map(|slot| slot.video.as_mut());
    let layer_switches = streams.map(|stream| std::mem::take(&mut stream.switches)).sum();
    let out_bps = connection.sent.bps();
    Health { loss_up_permille, loss_down_permille, round_trip_ms, in_bps, out_bps, layer_switches, quality }
}

impl Room {
    /// Looks at all connections.
    pub(crate) fn look_at_health(&mut self, out: &mut Outbox) {
        let publications = &self.publications;
        let looks = self.peers.iter_mut().filter_map(|(_, peer)| {
            let connection = peer.connection.as_mut().filter(|connection| connection.connected)?;
            Some((peer.participant, look(connection, publications)))
        });
        let people: Vec<_> = looks.collect();
        if !people.is_empty() {
            out.event(Event::Health { room: self.id, people });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_bad_looks_make_it_worse_four_good_ones_better() {
        let mut judge = Judge::default();
        use Quality::{Bad, Fair, Good, Poor};
        let seen = [Bad, Good, Bad, Poor, Poor, Good, Good, Good, Poor, Good, Good, Good, Good];
        let said = seen.map(|seen| judge.look(seen));
        let poor = [Poor; 9];
        assert_eq!(said[..3], [Good; 3], "one bad look is none");
        assert_eq!(said[3..12], poor, "no worse than the better of the two");
        assert_eq!(said[12], Good);
        assert_eq!([Fair, Fair].map(|seen| judge.look(seen)), [Good, Fair]);
    }

    #[test]
    fn loss_is_weighed_by_packets() {
        let mut gathered = Gathered::default();
        gathered.report(128, 10); // half of ten
        gathered.report(0, 990);
        assert_eq!(gathered.down.permille(), Some(5));
        assert_eq!(Loss::default().permille(), None);
    }

    #[test]
    fn the_round_trip_is_what_is_left_of_the_time() {
        let mut gathered = Gathered::default();
        let second = 1 << 16;
        gathered.round_trip(5 * second, 0, 0);
        assert_eq!(gathered.round_trip_ms, None);
        gathered.round_trip(5 * second + second / 10, 4 * second, second);
        assert_eq!(gathered.round_trip_ms, Some(99));
        gathered.round_trip(5 * second, 4 * second, 2 * second);
        assert_eq!(gathered.round_trip_ms, Some(99), "before it was sent");
    }
}
