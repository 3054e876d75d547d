//! What was sent to a viewer with which transport-wide number: a ring of fixed size, written when a packet is sealed and
//! read when feedback comes. Allocates once.

/// Packets that are remembered, a power of two: about two seconds of a rich picture.
const ENTRIES: usize = 2_048;

/// What became of a packet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fate {
    #[default]
    Unknown,
    Missing,
    Arrived,
}

/// A packet that was sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    /// When, in microseconds.
    pub(crate) at_us: i64,
    /// With everything that the path carries for it.
    pub(crate) bytes: u16,
    /// The cluster of a probe that it belongs to; 0: none.
    pub(crate) cluster: u8,
    fate: Fate,
    /// All bytes that were sent up to its end.
    pub(crate) total: u64,
}

/// News about a packet.
#[derive(Clone, Copy, Debug)]
pub(crate) enum News {
    /// It arrived; `late`: it had been counted as missing.
    Arrived {
        /// The packet.
        sent: Sent,
        /// It had been counted as missing.
        late: bool,
    },
    /// It is missing for the first time.
    Missing(Sent),
}

/// The ring.
#[derive(Debug)]
pub(crate) struct History {
    ring: Vec<Sent>,
    next: u64,
    total: u64,
    newest: Option<u64>,
}

impl History {
    pub(crate) fn new() -> Self {
        // From 1 on, so that number 0 is never taken for one that was sent.
        Self { ring: vec![Sent::default(); ENTRIES], next: 1, total: 0, newest: None }
    }

    fn place(number: u64) -> usize {
        (number % ENTRIES as u64) as usize
    }

    /// The number of a packet that leaves now.
    pub(crate) fn send(&mut self, at_us: i64, bytes: usize, cluster: u8) -> u16 {
        let bytes = u16::try_from(bytes).unwrap_or(u16::MAX);
        self.total += u64::from(bytes);
        let entry = Sent { at_us, bytes, cluster, fate: Fate::Unknown, total: self.total };
        self.ring[Self::place(self.next)] = entry;
        self.next += 1;
        (self.next - 1) as u16
    }

    /// The number that the next packet will have.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// Takes what feedback says about a number. `None`: no news, or it is not known any more.
    pub(crate) fn report(&mut self, number: u16, arrived: bool) -> Option<News> {
        let newest = self.next - 1;
        let number = newest.checked_sub(u64::from((newest as u16).wrapping_sub(number)))?;
        if number == 0 || newest - number >= ENTRIES as u64 {
            return None;
        }
        let entry = &mut self.ring[Self::place(number)];
        match (arrived, entry.fate) {
            (true, Fate::Arrived) | (false, Fate::Arrived | Fate::Missing) => None,
            (false, Fate::Unknown) => {
                entry.fate = Fate::Missing;
                Some(News::Missing(*entry))
            }
            (true, before) => {
                entry.fate = Fate::Arrived;
                self.newest = self.newest.max(Some(number));
                Some(News::Arrived { sent: *entry, late: before == Fate::Missing })
            }
        }
    }

    /// The newest packet that is known to have arrived.
    pub(crate) fn newest(&self) -> Option<(u64, Sent)> {
        let number = self.newest?;
        Some((number, self.ring[Self::place(number)]))
    }

    /// Bytes that were sent after the newest packet that arrived.
    pub(crate) fn in_flight(&self) -> u64 {
        match self.newest() {
            Some((number, sent)) if self.next - number <= ENTRIES as u64 => self.total - sent.total,
            _ => self.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fate_is_told_once() {
        let mut history = History::new();
        let numbers: Vec<u16> = (0..4).map(|at| history.send(at * 10, 100, 0)).collect();
        assert_eq!(history.in_flight(), 400);
        assert!(matches!(history.report(numbers[1], true), Some(News::Arrived { late: false, .. })));
        assert_eq!(history.in_flight(), 200);
        assert!(history.report(numbers[1], true).is_none());
        assert!(matches!(history.report(numbers[0], false), Some(News::Missing(_))));
        assert!(history.report(numbers[0], false).is_none());
        assert!(matches!(history.report(numbers[0], true), Some(News::Arrived { late: true, .. })));
        assert_eq!(history.in_flight(), 200, "the newest counts");
    }

    #[test]
    fn what_was_never_sent_or_is_long_gone_is_no_news() {
        let mut history = History::new();
        assert!(history.report(0, true).is_none() && history.report(7, true).is_none());
        let first = history.send(0, 100, 0);
        for _ in 0..70_000 {
            history.send(1, 100, 0);
        }
        let gone = (history.next() - ENTRIES as u64 - 1) as u16;
        assert!(history.report(gone, true).is_none());
        // 16 bits later the number names another packet, which is far too new to be missing here.
        assert!(history.report(first.wrapping_add(1), false).is_none());
        let kept = (history.next() - 1_000) as u16;
        assert!(matches!(history.report(kept, true), Some(News::Arrived { sent, .. }) if sent.at_us == 1));
    }
}
