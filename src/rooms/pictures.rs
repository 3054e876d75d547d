//! Which wished pictures of one viewer go on to media: all, unless the server is full. Then nobody gets more pictures
//! than they had, but they may look at others instead; sound always goes on (S-19). Pure; used by the room task.

use media::command::SlotWish;
use std::collections::{BTreeMap, BTreeSet};

/// One viewer's wishes.
#[derive(Debug, Default)]
pub(super) struct Pictures {
    /// As the client said them.
    wishes: BTreeMap<u8, SlotWish>,
    /// Slots whose picture went on to media.
    through: BTreeSet<u8>,
    /// While the server is full: how many pictures there were when that began.
    limit: Option<usize>,
}

fn wants(wish: &SlotWish) -> bool {
    wish.participant.is_some() && wish.height_px > 0
}

impl Pictures {
    /// Takes new wishes; gives them as they may go on: what is too much is paused, its sound is not.
    pub(super) fn take(&mut self, wishes: Vec<SlotWish>, full: bool) -> Vec<SlotWish> {
        self.set_full(full);
        for wish in &wishes {
            self.wishes.insert(wish.slot, *wish);
            if !wants(wish) {
                self.through.remove(&wish.slot);
            }
        }
        wishes.into_iter().map(|wish| self.pass(wish)).collect()
    }

    /// The server is full now or not any more; gives the wishes that had to wait and can go on.
    pub(super) fn set_full(&mut self, full: bool) -> Vec<SlotWish> {
        if !full {
            self.limit = None;
            let waiting: Vec<_> = self.wishes.values().copied().filter(|wish| self.waits(wish)).collect();
            return waiting.into_iter().map(|wish| self.pass(wish)).collect();
        }
        if self.limit.is_none() {
            self.limit = Some(self.through.len());
        }
        Vec::new()
    }

    /// Whether a wished picture does not come because the server is full.
    pub(super) fn cut(&self) -> bool {
        self.wishes.values().any(|wish| self.waits(wish))
    }

    fn waits(&self, wish: &SlotWish) -> bool {
        wants(wish) && !self.through.contains(&wish.slot)
    }

    fn pass(&mut self, wish: SlotWish) -> SlotWish {
        let free = self.limit.is_none_or(|limit| self.through.len() < limit);
        if wants(&wish) && !self.through.contains(&wish.slot) {
            if !free {
                return SlotWish { height_px: 0, ..wish };
            }
            self.through.insert(wish.slot);
        }
        wish
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ids::ParticipantId;
    use model::source::Source;

    fn wish(slot: u8, whom: u8, height_px: u16) -> SlotWish {
        let participant = (whom > 0).then(|| ParticipantId::from_random([whom; 16]));
        SlotWish { slot, participant, source: Source::Camera, height_px }
    }

    #[test]
    fn existing_pictures_go_on_and_further_ones_wait() {
        let mut pictures = Pictures::default();
        let two = vec![wish(0, 1, 360), wish(1, 2, 180)];
        assert_eq!(pictures.take(two.clone(), false), two);
        let asked = vec![wish(1, 3, 720), wish(2, 4, 180)];
        let passed = pictures.take(asked, true);
        assert_eq!(passed, [wish(1, 3, 720), wish(2, 4, 0)], "another instead, but none more; its sound goes on");
        assert!(pictures.cut());
        assert_eq!(pictures.take(vec![wish(0, 0, 0), wish(2, 4, 180)], true), [wish(0, 0, 0), wish(2, 4, 180)]);
        assert!(!pictures.cut());
        assert_eq!(pictures.take(vec![wish(0, 1, 360)], true), [wish(0, 1, 0)]);
        assert_eq!(pictures.set_full(false), [wish(0, 1, 360)], "what waited comes");
        assert!(!pictures.cut());
    }

    #[test]
    fn who_comes_while_it_is_full_hears_only() {
        let mut pictures = Pictures::default();
        assert_eq!(pictures.take(vec![wish(0, 1, 360)], true), [wish(0, 1, 0)]);
        assert!(pictures.cut());
        assert!(pictures.set_full(true).is_empty());
        assert_eq!(pictures.set_full(false), [wish(0, 1, 360)]);
    }
}
