//! Inter-group delay: packets that left together (a train, within 5 ms) form a group; between two groups, how much more
//! time lay between their arrivals than between their departures. A growing queue makes that positive, group by group.

/// Packets that left within this time are a group.
const BURST_US: i64 = 5_000;
/// A group whose packets came in a heap after a stall is not longer than this.
const HEAP_MAX_US: i64 = 100_000;

#[derive(Clone, Copy, Debug)]
struct Group {
    first_sent: i64,
    sent: i64,
    first_arrived: i64,
    arrived: i64,
}

/// Between two groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Delta {
    /// Between the departures, in microseconds.
    pub(crate) sent_us: i64,
    /// Between the arrivals.
    pub(crate) arrived_us: i64,
    /// When the later one was complete, on the viewer's clock.
    pub(crate) at_us: i64,
}

/// The last two groups.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    current: Option<Group>,
    previous: Option<Group>,
}

impl Groups {
    /// Takes a packet that arrived. A delta, when it begins a new group and there are two complete ones.
    pub(crate) fn packet(&mut self, sent: i64, arrived: i64) -> Option<Delta> {
        let new = Group { first_sent: sent, sent, first_arrived: arrived, arrived };
        let Some(current) = &mut self.current else {
            self.current = Some(new);
            return None;
        };
        if sent < current.first_sent {
            return None; // overtaken on its way
        }
        let heap = arrived - current.arrived <= BURST_US
            && (arrived - current.arrived) < (sent - current.sent)
            && arrived - current.first_arrived < HEAP_MAX_US;
        if sent - current.first_sent <= BURST_US || heap {
            current.sent = current.sent.max(sent);
            current.arrived = current.arrived.max(arrived);
            return None;
        }
        let complete = std::mem::replace(current, new);
        let previous = self.previous.replace(complete)?;
        let (sent_us, arrived_us) = (complete.sent - previous.sent, complete.arrived - previous.arrived);
        // A viewer whose clock was set begins anew.
        (arrived_us.abs() < 3_000_000).then_some(Delta { sent_us, arrived_us, at_us: complete.arrived })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_grows_is_a_positive_delta() {
        let mut groups = Groups::default();
        let mut deltas = Vec::new();
        for train in 0..5_i64 {
            for packet in 0..3 {
                // Each train finds 4 ms more of a queue; its packets lie 1 ms apart on the link.
                deltas.extend(groups.packet(train * 33_000, 50_000 + train * 37_000 + packet * 1_000));
            }
        }
        assert_eq!(deltas.len(), 3);
        assert!(deltas.iter().all(|delta| delta.arrived_us - delta.sent_us == 4_000), "{deltas:?}");
    }

    #[test]
    fn what_was_overtaken_says_nothing() {
        let mut groups = Groups::default();
        groups.packet(10_000, 60_000);
        assert_eq!(groups.packet(1_000, 61_000), None);
        assert_eq!(groups.packet(40_000, 90_000), None);
        let delta = groups.packet(70_000, 120_000).expect("two groups");
        assert_eq!((delta.sent_us, delta.arrived_us), (30_000, 30_000));
    }
}
