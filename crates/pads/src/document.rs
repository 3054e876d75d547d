//! The CRDT document: yrs behind the scanner's verdict, inside `catch_unwind`, with what is needed to rebuild it.
//!
//! Only the pad calls it, on a pad thread with a large stack (S-22). It must be given nothing that the scanner and the
//! shadow have not admitted, so nothing ever stays pending.

use crate::scan::{self, Limits};
use crate::shadow::Shadow;
use crate::{frame, split};
use bytes::Bytes;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{ClientID, Doc, OffsetKind, Options, ReadTxn, StateVector, Transact, Update};

/// The update that changes nothing.
const EMPTY: &[u8] = &[0, 0];

/// The update, or the whole document, made yrs fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document failed")]
pub struct Failed;

/// A document in memory.
pub struct Document {
    doc: Doc,
    /// What was found about each element.
    pub shadow: Shadow,
    /// The last checkpoint, and what came after it: enough to build the document anew.
    base: Bytes,
    tail: Vec<Bytes>,
    tail_bytes: usize,
    /// The whole state as one update, until the next change.
    state: Option<Bytes>,
    frames: Option<Arc<[Bytes]>>,
    /// Bytes of the state and UTF-16 units of visible text when last encoded, plus what came since.
    size: usize,
    text_units: u64,
    /// Bytes of changes since the size was measured.
    grown: usize,
    /// Counts changes.
    version: u64,
}

impl std::fmt::Debug for Document {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Document").field("version", &self.version).field("size", &self.size).finish_non_exhaustive()
    }
}

fn empty_doc() -> Doc {
    // A fixed name: the server makes no elements, and the engine draws no randomness.
    let mut options = Options::with_guid_and_client_id("pad".into(), ClientID::new(0));
    options.offset_kind = OffsetKind::Utf16;
    options.skip_gc = false;
    // The server never edits, not even to tidy up.
    options.cleanup_formatting = false;
    Doc::with_options(options)
}

/// Applies updates in one transaction; returns what changed, or `None` when nothing did.
fn apply_to(doc: &Doc, updates: &[Bytes]) -> Result<Option<Bytes>, Failed> {
    let run = || {
        let mut transaction = doc.transact_mut();
        for bytes in updates {
            let update = Update::decode_v1(bytes).map_err(|_| Failed)?;
            transaction.apply_update(update).map_err(|_| Failed)?;
        }
        transaction.commit();
        if transaction.has_missing_updates() {
            return Err(Failed);
        }
        let changed = transaction.encode_update_v1();
        Ok(if changed == EMPTY { None } else { Some(changed.into()) })
    };
    // A document that panicked is thrown away by the caller, so nothing broken is looked at again.
    catch_unwind(AssertUnwindSafe(run)).unwrap_or(Err(Failed))
}

impl Default for Document {
    fn default() -> Self {
        Self {
            doc: empty_doc(),
            shadow: Shadow::default(),
            base: Bytes::from_static(EMPTY),
            tail: Vec::new(),
            tail_bytes: 0,
            state: None,
            frames: None,
            size: EMPTY.len(),
            text_units: 0,
            grown: 0,
            version: 0,
        }
    }
}

impl Document {
    /// Builds a document from a state.
    ///
    /// # Errors
    /// [`Failed`] when the bytes are no healthy state.
    pub fn load(base: Bytes) -> Result<Self, Failed> {
        let mut document = Self::default();
        let scanned = scan::update(&base, Limits::STORED).map_err(|_| Failed)?;
        document.shadow.admit(&scanned).map_err(|_| Failed)?;
        document.text_units = scanned.text_units;
        document.size = base.len();
        apply_to(&document.doc, std::slice::from_ref(&base))?;
        document.base = base;
        Ok(document)
    }

    /// Adds a stored update while loading; one that cannot be used is left out (S-23: no crash loop).
    ///
    /// # Errors
    /// [`Failed`]; the document is as before.
    pub fn replay(&mut self, update: Bytes) -> Result<(), Failed> {
        let scanned = scan::update(&update, Limits::STORED).map_err(|_| Failed)?;
        self.shadow.admit(&scanned).map_err(|_| Failed)?;
        self.text_units += scanned.text_units;
        match self.apply(std::slice::from_ref(&update)) {
            Ok(_) => Ok(()),
            Err(failed) => {
                self.rebuild(false);
                Err(failed)
            }
        }
    }

    /// Applies admitted updates in one transaction and returns what changed.
    ///
    /// # Errors
    /// [`Failed`]: the document is broken and must be [rebuilt](Self::rebuild).
    pub fn apply(&mut self, updates: &[Bytes]) -> Result<Option<Bytes>, Failed> {
        let changed = apply_to(&self.doc, updates)?;
        if let Some(changed) = &changed {
            self.version += 1;
            self.state = None;
            self.frames = None;
            self.size += changed.len();
            self.grown += changed.len();
            self.tail_bytes += changed.len();
            self.tail.push(changed.clone());
        }
        Ok(changed)
    }

    /// Throws the document away and builds it anew from the last checkpoint and what came after. With `prove`, each
    /// step must also survive being encoded; steps that do not are left out. Returns how many were.
    pub fn rebuild(&mut self, prove: bool) -> usize {
        let (base, tail, version) = (std::mem::take(&mut self.base), std::mem::take(&mut self.tail), self.version);
        let mut kept: Vec<Bytes> = Vec::with_capacity(tail.len());
        let build = |kept: &[Bytes]| {
            let mut document = Self::load(base.clone()).unwrap_or_default();
            for update in kept {
                if let Ok(scanned) = scan::update(update, Limits::STORED)
                    && document.shadow.admit(&scanned).is_ok()
                {
                    document.text_units += scanned.text_units;
                    // It was applied before without failing.
                    let _ = document.apply(std::slice::from_ref(update));
                }
            }
            document
        };
        let mut document = build(&[]);
        let mut left_out = 0;
        for update in tail {
            let admitted =
                scan::update(&update, Limits::STORED).is_ok_and(|scanned| document.shadow.admit(&scanned).is_ok());
            let healthy = admitted
                && document.apply(std::slice::from_ref(&update)).is_ok()
                && (!prove || document.encode(&StateVector::default()).is_ok());
            if healthy {
                kept.push(update);
            } else {
                left_out += 1;
                document = build(&kept);
            }
        }
        document.base = base;
        document.version = version + 1;
        *self = document;
        self.measure();
        left_out
    }

    fn encode(&self, since: &StateVector) -> Result<Vec<u8>, Failed> {
        let run = || self.doc.transact().encode_diff_v1(since);
        catch_unwind(AssertUnwindSafe(run)).map_err(|_| Failed)
    }

    /// The whole state as one update; kept until the next change.
    ///
    /// # Errors
    /// [`Failed`]: the document is broken and must be rebuilt with proof.
    pub fn state(&mut self) -> Result<Bytes, Failed> {
        if let Some(state) = &self.state {
            return Ok(state.clone());
        }
        let state: Bytes = self.encode(&StateVector::default())?.into();
        self.state = Some(state.clone());
        Ok(state)
    }

    /// Takes the real size and length of text from the encoded state.
    pub fn measure(&mut self) {
        self.grown = 0;
        if let Ok(state) = self.state() {
            self.size = state.len();
            if let Ok(scanned) = scan::update(&state, Limits::STORED) {
                self.text_units = scanned.text_units;
            }
        }
    }

    /// The frames that bring somebody from `since` to now; the last one is a step 2 if it answers a step 1.
    ///
    /// # Errors
    /// [`Failed`]: the document is broken and must be rebuilt with proof.
    pub fn frames_since(&mut self, since: &StateVector, answer: bool) -> Result<Arc<[Bytes]>, Failed> {
        let whole = answer && since.is_empty();
        if whole && let Some(frames) = &self.frames {
            return Ok(frames.clone());
        }
        let update: Bytes = if whole { self.state()? } else { self.encode(since)?.into() };
        let pieces = split::pieces(&update).map_err(|_| Failed)?;
        let last = pieces.len() - 1;
        let frames: Arc<[Bytes]> = pieces
            .iter()
            .enumerate()
            .map(|(index, piece)| if answer && index == last { frame::step2(piece) } else { frame::update(piece) })
            .collect();
        if whole {
            self.frames = Some(frames.clone());
        }
        Ok(frames)
    }

    /// What the document holds of whom.
    #[must_use]
    pub fn state_vector(&self) -> StateVector {
        self.doc.transact().state_vector()
    }

    /// The state vector as bytes.
    #[must_use]
    pub fn state_vector_bytes(&self) -> Vec<u8> {
        self.state_vector().encode_v1()
    }

    /// Makes the current state the base from which the document is rebuilt, after proving that it loads.
    ///
    /// # Errors
    /// [`Failed`]: nothing changed.
    pub fn rebase(&mut self) -> Result<Bytes, Failed> {
        let state = self.state()?;
        let proof = Self::load(state.clone())?;
        if proof.state_vector() != self.state_vector() {
            return Err(Failed);
        }
        self.size = proof.size;
        self.text_units = proof.text_units;
        self.base = state.clone();
        self.tail.clear();
        self.tail_bytes = 0;
        Ok(state)
    }

    /// Counts text that an admitted update brings.
    pub fn add_text_units(&mut self, units: u64) {
        self.text_units += units;
    }

    /// Bytes of the state and UTF-16 units of visible text; after changes rather too high than too low.
    #[must_use]
    pub fn size(&self) -> (usize, u64) {
        (self.size, self.text_units)
    }

    /// Bytes of changes since the size was measured.
    #[must_use]
    pub fn grown(&self) -> usize {
        self.grown
    }

    /// How many updates and bytes came after the base.
    #[must_use]
    pub fn since_base(&self) -> (usize, usize) {
        (self.tail.len(), self.tail_bytes)
    }

    /// Bytes of the base.
    #[must_use]
    pub fn base_size(&self) -> usize {
        self.base.len()
    }

    /// Counts changes.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The document itself, for reading text out in tests and exports.
    #[must_use]
    pub fn yrs(&self) -> &Doc {
        &self.doc
    }
}
