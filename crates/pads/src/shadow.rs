//! The shadow of a document: for each element, in which sequence it hangs and how deep, without its content.
//!
//! The pad asks it before yrs sees an update: is everything there that the update refers to (S-20: nothing may stay
//! pending), do its elements hang where elements can hang, and no deeper than allowed (S-19)? It says no without
//! having changed; a yes is entered at once, so that the next update is judged against it.

use crate::order;
use crate::scan::{Id, Kind, Parent, Struct, Update};
use model::limits;
use std::collections::{BTreeMap, HashMap};

/// Why an update does not go with the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It refers to something that is not there: ask the sender with step 1.
    #[error("something before it is missing")]
    Missing,
    /// Deeper than [`limits::PAD_XML_DEPTH_MAX`].
    #[error("nested deeper than allowed")]
    TooDeep,
    /// No editor makes it: a child of something that has no children, neighbours in different places.
    #[error("an impossible update")]
    Impossible,
}

/// Elements that an update added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// Whose.
    pub client: u64,
    /// The first clock.
    pub from: u32,
    /// The clock after the last.
    pub to: u32,
}

/// A sequence of elements: the children of something, or the values that a key had.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Sequence {
    parent: Holder,
    key: Option<Box<str>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Holder {
    Root(Box<str>),
    Item(Id),
}

/// The sequence of what was collected: it is nowhere any more.
const GONE: u32 = u32::MAX;

#[derive(Debug, Default)]
struct Client {
    /// The clock after its last element.
    next: u32,
    /// (first clock, sequence), until the next entry.
    runs: Vec<(u32, u32)>,
    /// Clocks of elements that can have children.
    types: Vec<u32>,
    /// Clocks of elements whose content was deleted: (first, after the last).
    deleted: Vec<(u32, u32)>,
}

/// What a client looked like before the update that is being entered.
struct Before {
    next: u32,
    runs: usize,
    types: usize,
    deleted: usize,
    last_deleted_end: Option<u32>,
}

type Journal = BTreeMap<u64, Before>;

/// The shadow.
#[derive(Debug, Default)]
pub struct Shadow {
    clients: HashMap<u64, Client>,
    sequences: HashMap<Sequence, u32>,
    /// Depth of each sequence: 0 below a root.
    depths: Vec<usize>,
}

impl Shadow {
    /// The clock after a client's last element.
    #[must_use]
    pub fn next_clock(&self, client: u64) -> u32 {
        self.clients.get(&client).map_or(0, |client| client.next)
    }

    /// Enters an update, or refuses it and stays as it was.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn admit(&mut self, update: &Update<'_>) -> Result<Vec<Added>, Refusal> {
        let mut journal = Journal::new();
        let mut made: Vec<Sequence> = Vec::new();
        let verdict = self.enter(update, &mut journal, &mut made);
        if let Err(refusal) = verdict {
            self.roll_back(journal, made);
            return Err(refusal);
        }
        let added =
            |(&client, before): (&u64, &Before)| Added { client, from: before.next, to: self.next_clock(client) };
        Ok(journal.iter().map(added).collect())
    }

    fn enter(&mut self, update: &Update<'_>, journal: &mut Journal, made: &mut Vec<Sequence>) -> Result<(), Refusal> {
        // Clocks before the update: the order asks for them while the shadow is growing.
        let known: HashMap<u64, u32> = update
            .structs
            .iter()
            .flat_map(|scanned| {
                let parent = if let Parent::Item(id, _) = scanned.parent { Some(id) } else { None };
                [Some(scanned.id), scanned.origin, scanned.right_origin, parent].into_iter().flatten()
            })
            .map(|id| (id.client, self.next_clock(id.client)))
            .collect();
        let complete = order::causal(
            update,
            |client| known.get(&client).copied().unwrap_or(0),
            |_, scanned| self.enter_struct(scanned, journal, made),
        )?;
        let deletions_known = update
            .deletions
            .iter()
            .all(|deletion| deletion.id.clock + deletion.length <= self.next_clock(deletion.id.client));
        if complete && deletions_known { Ok(()) } else { Err(Refusal::Missing) }
    }

    fn enter_struct(
        &mut self,
        scanned: &Struct<'_>,
        journal: &mut Journal,
        made: &mut Vec<Sequence>,
    ) -> Result<(), Refusal> {
        let sequence = self.sequence_of(scanned, made)?;
        let known = self.next_clock(scanned.id.client);
        if scanned.id.clock < known && sequence != GONE {
            // Its first part is there already; the rest must go on in the same place.
            let before = self.sequence_at(Id { client: scanned.id.client, clock: known - 1 });
            if before != GONE && before != sequence {
                return Err(Refusal::Impossible);
            }
        }
        let client = self.clients.entry(scanned.id.client).or_default();
        journal.entry(scanned.id.client).or_insert_with(|| Before {
            next: client.next,
            runs: client.runs.len(),
            types: client.types.len(),
            deleted: client.deleted.len(),
            last_deleted_end: client.deleted.last().map(|range| range.1),
        });
        let (from, to) = (client.next, scanned.id.clock + scanned.length);
        if client.runs.last().is_none_or(|last| last.1 != sequence) {
            client.runs.push((from, sequence));
        }
        match scanned.kind {
            Kind::Type => client.types.push(from),
            Kind::Deleted => match client.deleted.last_mut() {
                Some(last) if last.1 == from => last.1 = to,
                _ => client.deleted.push((from, to)),
            },
            _ => {}
        }
        client.next = to;
        Ok(())
    }

    /// Where a struct hangs.
    fn sequence_of(&mut self, scanned: &Struct<'_>, made: &mut Vec<Sequence>) -> Result<u32, Refusal> {
        if scanned.kind == Kind::Gone {
            return Ok(GONE);
        }
        let (holder, key, depth) = match &scanned.parent {
            Parent::Inherited => {
                let at = |id: Option<Id>| id.map_or(GONE, |id| self.sequence_at(id));
                return match (at(scanned.origin), at(scanned.right_origin)) {
                    (left, GONE) => Ok(left),
                    (GONE, right) => Ok(right),
                    (left, right) if left == right => Ok(left),
                    _ => Err(Refusal::Impossible),
                };
            }
            Parent::Root(name, key) => (Holder::Root((*name).into()), key, 0),
            Parent::Item(id, key) => {
                let sequence = self.sequence_at(*id);
                if !self.is_type(*id) {
                    let collected = sequence == GONE || self.is_deleted(*id);
                    return if collected { Ok(GONE) } else { Err(Refusal::Impossible) };
                }
                let depth = if sequence == GONE { 0 } else { self.depths[sequence as usize] + 1 };
                (Holder::Item(*id), key, depth)
            }
        };
        if depth > limits::PAD_XML_DEPTH_MAX {
            return Err(Refusal::TooDeep);
        }
        let sequence = Sequence { parent: holder, key: key.map(Into::into) };
        if let Some(&number) = self.sequences.get(&sequence) {
            return Ok(number);
        }
        let number = u32::try_from(self.depths.len()).map_err(|_| Refusal::Impossible)?;
        self.depths.push(depth);
        made.push(sequence.clone());
        self.sequences.insert(sequence, number);
        Ok(number)
    }

    fn sequence_at(&self, id: Id) -> u32 {
        let Some(client) = self.clients.get(&id.client) else { return GONE };
        let after = client.runs.partition_point(|run| run.0 <= id.clock);
        if after == 0 { GONE } else { client.runs[after - 1].1 }
    }

    fn is_type(&self, id: Id) -> bool {
        self.clients.get(&id.client).is_some_and(|client| client.types.binary_search(&id.clock).is_ok())
    }

    fn is_deleted(&self, id: Id) -> bool {
        self.clients.get(&id.client).is_some_and(|client| {
            let after = client.deleted.partition_point(|range| range.0 <= id.clock);
            after > 0 && id.clock < client.deleted[after - 1].1
        })
    }

    fn roll_back(&mut self, journal: Journal, made: Vec<Sequence>) {
        for (number, before) in journal {
            if let Some(client) = self.clients.get_mut(&number) {
                client.next = before.next;
                client.runs.truncate(before.runs);
                client.types.truncate(before.types);
                client.deleted.truncate(before.deleted);
                if let (Some(last), Some(end)) = (client.deleted.last_mut(), before.last_deleted_end) {
                    last.1 = end;
                }
                if before.next == 0 {
                    self.clients.remove(&number);
                }
            }
        }
        for sequence in made {
            self.sequences.remove(&sequence);
            self.depths.pop();
        }
    }
}
