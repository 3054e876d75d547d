//! Causal order of the structs of an update: each comes after what it refers to.
//!
//! Used by the shadow (is everything there that an update needs?) and by the splitter (pieces that apply one by one).
//! Linear in structs plus waits; no recursion, whatever the sender has made up.

use crate::scan::{Kind, Parent, Struct, Update};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

/// Structs of one client in an update.
struct Segment {
    client: u64,
    /// The next struct, as an index in the update.
    cursor: usize,
    end: usize,
}

/// Visits all structs of `update` in causal order and says whether none had to be left out.
///
/// `known(client)` is the clock up to which the client's elements are there before the update; structs below it are
/// not visited. `visit` gets the index of each struct and may stop everything.
///
/// # Errors
/// What `visit` returns.
pub(crate) fn causal<E>(
    update: &Update<'_>,
    known: impl Fn(u64) -> u32,
    mut visit: impl FnMut(usize, &Struct<'_>) -> Result<(), E>,
) -> Result<bool, E> {
    let mut segments: Vec<Segment> = Vec::new();
    for (index, scanned) in update.structs.iter().enumerate() {
        match segments.last_mut() {
            Some(last) if last.client == scanned.id.client => last.end = index + 1,
            _ => segments.push(Segment { client: scanned.id.client, cursor: index, end: index + 1 }),
        }
    }
    // How far each client of the update has come.
    let mut reached: HashMap<u64, u32> =
        segments.iter().map(|segment| (segment.client, known(segment.client))).collect();
    let mut waiting: HashMap<u64, BinaryHeap<Reverse<(u32, usize)>>> = HashMap::new();
    let mut ready: Vec<usize> = (0..segments.len()).rev().collect();
    while let Some(number) = ready.pop() {
        let client = segments[number].client;
        let mut next = reached[&client];
        'structs: while segments[number].cursor < segments[number].end {
            let index = segments[number].cursor;
            let scanned = &update.structs[index];
            let end = scanned.id.clock + scanned.length;
            if end > next {
                if scanned.kind == Kind::Skip || scanned.id.clock > next {
                    break;
                }
                let parent = if let Parent::Item(id, _) = scanned.parent { Some(id) } else { None };
                for needed in [scanned.origin, scanned.right_origin, parent].into_iter().flatten() {
                    let there = match reached.get(&needed.client) {
                        _ if needed.client == client => next,
                        Some(&there) => there,
                        None => known(needed.client),
                    };
                    if needed.clock >= there {
                        waiting.entry(needed.client).or_default().push(Reverse((needed.clock, number)));
                        break 'structs;
                    }
                }
                visit(index, scanned)?;
                next = end;
            }
            segments[number].cursor += 1;
        }
        reached.insert(client, next);
        if let Some(waiters) = waiting.get_mut(&client) {
            while let Some(&Reverse((clock, waiter))) = waiters.peek() {
                if clock >= next {
                    break;
                }
                waiters.pop();
                ready.push(waiter);
            }
        }
    }
    Ok(segments.iter().all(|segment| segment.cursor == segment.end))
}
