//! Cuts a large update into pieces of at most about [`limits::PAD_SYNC_PIECE_BYTES`] that apply one after the other.
//!
//! The document uses it to answer a step 1: a stock client closes after 30 s without a whole message, so one large
//! frame on a slow line would never arrive. The last piece carries the deletions.

use crate::order;
use crate::read::write_var;
use crate::scan::{self, Limits, ScanError, Update};
use model::limits;
use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;

/// Cuts an update that we made ourselves.
///
/// # Errors
/// [`ScanError`] when the bytes are no update: a fault of ours.
pub fn pieces(update: &[u8]) -> Result<Vec<Vec<u8>>, ScanError> {
    if update.len() <= limits::PAD_SYNC_PIECE_BYTES {
        return Ok(vec![update.to_vec()]);
    }
    let scanned = scan::update(update, Limits::STORED)?;
    let mut first: HashMap<u64, u32> = HashMap::new();
    for one in &scanned.structs {
        first.entry(one.id.client).or_insert(one.id.clock);
    }
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    // What the receiver has already is not in here, so other clients count as known.
    let complete = order::causal(
        &scanned,
        |client| first.get(&client).copied().unwrap_or(u32::MAX),
        |index, one| {
            if piece.bytes + (one.end - one.start) > limits::PAD_SYNC_PIECE_BYTES && piece.bytes > 0 {
                pieces.push(std::mem::take(&mut piece).encode(update, &scanned, &[0]));
            }
            piece.bytes += one.end - one.start;
            piece.clients.entry(one.id.client).or_default().push(index);
            Ok::<(), Infallible>(())
        },
    );
    if complete != Ok(true) {
        // Something in it has no order (a gap that we were given): as one piece it is still right.
        return Ok(vec![update.to_vec()]);
    }
    pieces.push(piece.encode(update, &scanned, &update[scanned.deletions_start..]));
    Ok(pieces)
}

#[derive(Default)]
struct Piece {
    bytes: usize,
    /// Indices of structs, of each client with rising clocks.
    clients: BTreeMap<u64, Vec<usize>>,
}

impl Piece {
    fn encode(self, update: &[u8], scanned: &Update<'_>, deletions: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.bytes + deletions.len() + 16 * self.clients.len() + 8);
        write_var(&mut out, self.clients.len() as u64);
        // Higher clients first, as Yjs writes them.
        for (&client, structs) in self.clients.iter().rev() {
            write_var(&mut out, structs.len() as u64);
            write_var(&mut out, client);
            write_var(&mut out, u64::from(scanned.structs[structs[0]].id.clock));
            for &index in structs {
                let one = &scanned.structs[index];
                out.extend_from_slice(&update[one.start..one.end]);
            }
        }
        out.extend_from_slice(deletions);
        out
    }
}
