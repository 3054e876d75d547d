//! Brings the rows of all pads to the disk in one transaction at a time, and only then reports back (R-02, S-23).
//!
//! Pad threads queue jobs here; while one commit waits for the disk, the next one collects. A failed commit fails every
//! pad in it: nothing of theirs is acknowledged, and later rows of the same opening are not written, so that the log
//! has no holes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use model::ids::PadId;
use store::{Key, PadAppend, Store, StoreError};
use tokio::sync::mpsc;

use super::task::Done;

/// Rows and checkpoints that wait for the disk; then pad threads wait too, and with them their writers.
const JOBS_MAX: usize = 8_192;
/// Rows of one transaction.
const ROWS_MAX: usize = 4_096;

/// One opening of a pad: what came before a failure is not mixed with what comes after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Opening(pub u64);

/// What is to be written.
pub enum What {
    /// A row of the log.
    Row(Bytes),
    /// The whole document in the place of the rows up to the sequence.
    Checkpoint(Bytes),
}

/// Something to be written.
pub struct Job {
    pub pad: PadId,
    pub opening: Opening,
    pub key: Arc<Key>,
    pub sequence: u64,
    pub at_ms: u64,
    pub what: What,
    /// The pad's thread.
    pub done: mpsc::UnboundedSender<Done>,
}

/// Starts the writer. It ends when all senders are gone and everything is written.
pub fn start(store: Arc<Store>) -> mpsc::Sender<Job> {
    let (jobs, queue) = mpsc::channel(JOBS_MAX);
    tokio::spawn(run(store, queue));
    jobs
}

async fn run(store: Arc<Store>, mut queue: mpsc::Receiver<Job>) {
    let mut failed: BTreeSet<Opening> = BTreeSet::new();
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, ROWS_MAX).await > 0 {
        jobs.retain(|job| !failed.contains(&job.opening));
        let mut rows = Vec::with_capacity(jobs.len());
        for job in jobs.drain(..) {
            if matches!(job.what, What::Row(_)) {
                rows.push(job);
            } else {
                write(&store, &mut rows, &mut failed).await;
                checkpoint(&store, job, &failed).await;
            }
        }
        write(&store, &mut rows, &mut failed).await;
    }
}

async fn write(store: &Store, jobs: &mut Vec<Job>, failed: &mut BTreeSet<Opening>) {
    if jobs.is_empty() {
        return;
    }
    let mut through: BTreeMap<PadId, (u64, Opening, mpsc::UnboundedSender<Done>)> = BTreeMap::new();
    let mut rows = Vec::with_capacity(jobs.len());
    for job in jobs.drain(..) {
        if let What::Row(content) = job.what {
            through.insert(job.pad, (job.sequence, job.opening, job.done));
            rows.push(PadAppend { pad: job.pad, key: job.key, seq: job.sequence, at_ms: job.at_ms, content });
        }
    }
    let start = std::time::Instant::now();
    let result = store.append_pads(&rows).await;
    metrics::histogram!("pad_commit_seconds").record(start.elapsed().as_secs_f64());
    if let Err(error) = &result {
        metrics::counter!("pad_commit_failures_total").increment(1);
        tracing::error!(%error, rows = rows.len(), "rows of pads could not be saved");
    }
    for (pad, (sequence, opening, done)) in through {
        let told = match &result {
            Ok(gone) if gone.contains(&pad) => Done::Deleted { pad },
            Ok(_) => Done::Committed { pad, opening, sequence },
            Err(_) => {
                failed.insert(opening);
                Done::Failed { pad, opening }
            }
        };
        // A thread that has ended needs no answer.
        let _ = done.send(told);
    }
}

async fn checkpoint(store: &Store, job: Job, failed: &BTreeSet<Opening>) {
    let What::Checkpoint(content) = &job.what else { return };
    let stored = if failed.contains(&job.opening) {
        Err(StoreError::Conflict)
    } else {
        store.checkpoint_pad(job.pad, &job.key, job.sequence, job.at_ms, content).await
    };
    if let Err(error) = &stored {
        // The rows are all there, so nothing is lost; the next checkpoint tries again.
        tracing::warn!(%error, "checkpoint of a pad could not be saved");
    }
    let _ = job.done.send(Done::Checkpointed { pad: job.pad, opening: job.opening });
}
