//! All pads of the server: which thread owns which pad, and the way to each of them.
//!
//! `serve` starts it; sockets, rooms and the HTTP API hold clones. Documents are spread over threads by their id; a
//! document never moves.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::pads::access::{Person, Right};
use ::pads::connection::ConnectionId;
use model::ids::{PadId, ParticipantId, RoomId};
use model::limits;
use store::Store;
use tokio::sync::{broadcast, mpsc};

use super::gate::Gate;
use super::group_commit;
use super::task::{self, Command};
use crate::shutdown::Shutdown;

/// Room for yrs' recursion: the scanner's depth limits leave a factor of 100 (S-22).
const STACK_BYTES: usize = 64 * 1024 * 1024;
/// Commands that wait for a pad thread; then its sockets wait, and with them their clients.
const INBOX_MAX: usize = 1_024;

/// All pads. Cheap to clone.
#[derive(Clone)]
pub struct Pads(Arc<Inner>);

struct Inner {
    threads: Vec<mpsc::Sender<Command>>,
    numbers: AtomicU64,
    /// Connections whose rights follow a room.
    followed: Mutex<HashMap<ConnectionId, (RoomId, ParticipantId)>>,
}

impl std::fmt::Debug for Pads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pads(…)")
    }
}

impl Pads {
    /// Starts the threads and the writer. To be called inside the runtime.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(store: &Arc<Store>, shutdown: &Shutdown) -> io::Result<Self> {
        let jobs = group_commit::start(Arc::clone(store));
        // One thread decodes one frame at a time: this also bounds how many large syncs are decoded at once (S-19).
        let count = std::thread::available_parallelism().map_or(1, usize::from).min(limits::PAD_SYNCS_AT_ONCE_MAX);
        let mut threads = Vec::with_capacity(count);
        for number in 0..count {
            let (inbox, commands) = mpsc::channel(INBOX_MAX);
            let thread = task::Thread::new(
                Arc::clone(store),
                jobs.clone(),
                shutdown.clone(),
                tokio::runtime::Handle::current(),
                number,
                count,
            );
            std::thread::Builder::new()
                .name(format!("pads-{number}"))
                .stack_size(STACK_BYTES)
                .spawn(move || thread.run(commands))?;
            threads.push(inbox);
        }
        let followed = Mutex::default();
        Ok(Self(Arc::new(Inner { threads, numbers: AtomicU64::new(1), followed })))
    }

    /// The inbox of the thread that owns a pad.
    pub(super) fn thread_of(&self, pad: PadId) -> mpsc::Sender<Command> {
        let number =
            pad.as_bytes().iter().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        self.0.threads[number % self.0.threads.len()].clone()
    }

    pub(super) fn next_connection(&self) -> ConnectionId {
        ConnectionId(self.0.numbers.fetch_add(1, Ordering::Relaxed))
    }

    pub(super) fn follow(&self, connection: ConnectionId, room: RoomId, participant: ParticipantId) {
        self.0.followed.lock().unwrap_or_else(PoisonError::into_inner).insert(connection, (room, participant));
    }

    pub(super) fn unfollow(&self, connection: ConnectionId) {
        self.0.followed.lock().unwrap_or_else(PoisonError::into_inner).remove(&connection);
    }

    /// Waits until all threads have ended, which they do when the server goes down and everything is written.
    pub async fn ended(&self) {
        for thread in &self.0.threads {
            thread.closed().await;
        }
    }

    /// The room and its pad were deleted: everybody goes, nothing of it stays in memory.
    pub async fn deleted(&self, pad: PadId) {
        // A thread that has ended holds nothing any more.
        let _ = self.thread_of(pad).send(Command::Deleted { pad }).await;
    }

    /// What somebody may do in the pad of a room has changed (S-04); `None`: nothing any more.
    pub async fn set_right(&self, room: RoomId, person: Person, right: Option<Right>) {
        for thread in &self.0.threads {
            let _ = thread.send(Command::Right { room, person, right }).await;
        }
    }

    /// Carries changes of rights from rooms to open connections, until the sender is gone. `room_of` names who changed.
    pub async fn follow_rights<E: Clone + Send + 'static>(
        self,
        gate: Arc<dyn Gate>,
        mut changes: broadcast::Receiver<E>,
        who: impl Fn(&E) -> (RoomId, ParticipantId) + Send,
    ) {
        loop {
            let changed = match changes.recv().await {
                Ok(change) => vec![who(&change)],
                Err(broadcast::error::RecvError::Lagged(_)) => Vec::new(),
                Err(broadcast::error::RecvError::Closed) => return,
            };
            let mut followed: Vec<(RoomId, ParticipantId)> =
                self.0.followed.lock().unwrap_or_else(PoisonError::into_inner).values().copied().collect();
            followed.sort_unstable();
            followed.dedup();
            if !changed.is_empty() {
                followed.retain(|one| changed.contains(one));
            }
            for (room, participant) in followed {
                let right = gate.right(room, participant).await;
                self.set_right(room, Person(*participant.as_bytes()), right).await;
            }
        }
    }
}
