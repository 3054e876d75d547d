//! A pad thread: the only owner of its documents. It opens them from the store, feeds frames to the engine and carries
//! out what the engine wants: frames to sockets, rows to the commit.
//!
//! Started by `registry`; everything reaches it through its bounded inbox, and answers of the store through `Done`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::pads::access::{Person, Right};
use ::pads::connection::{Attach, Close, ConnectionId, Gauge};
use ::pads::pad::{Effect, Pad};
use bytes::Bytes;
use model::ids::{PadId, RoomId};
use store::{Key, Store, StoreError, StoredPad};
use tokio::sync::mpsc;

use super::group_commit::{Job, Opening, What};
use crate::shutdown::Shutdown;

/// A pad that nobody has open stays in memory this long.
const IDLE: Duration = Duration::from_secs(60);
/// Commands handled before looking at the clock again.
const COMMANDS_AT_ONCE: usize = 64;
/// Commands that wait while a pad is being loaded.
const WAITING_MAX: usize = 4_096;
/// How long rows may take to reach the disk when the server goes down.
const FAREWELL: Duration = Duration::from_secs(6);

/// What a socket is to do.
#[derive(Debug)]
pub enum Outgoing {
    /// Send this; then count it down on the gauge.
    Frame(Bytes),
    /// Close and end.
    Close(Close),
}

/// Somebody who comes.
#[derive(Debug)]
pub struct Newcomer {
    pub pad: PadId,
    pub room: RoomId,
    pub connection: ConnectionId,
    pub person: Person,
    pub right: Right,
    pub most: Right,
    pub name: Option<String>,
    pub acks: bool,
    pub gauge: Arc<Gauge>,
    /// Unbounded, because the gauge bounds it.
    pub out: mpsc::UnboundedSender<Outgoing>,
}

/// What reaches a pad thread from outside.
#[derive(Debug)]
pub enum Command {
    Attach(Box<Newcomer>),
    Frame { pad: PadId, connection: ConnectionId, bytes: Bytes },
    Drained { pad: PadId, connection: ConnectionId },
    Detach { pad: PadId, connection: ConnectionId },
    Right { room: RoomId, person: Person, right: Option<Right> },
    Deleted { pad: PadId },
}

/// What the store answers.
pub enum Done {
    Loaded { pad: PadId, opening: Opening, result: Result<(Arc<Key>, StoredPad), StoreError> },
    Committed { pad: PadId, opening: Opening, sequence: u64 },
    Checkpointed { pad: PadId, opening: Opening },
    Failed { pad: PadId, opening: Opening },
    Deleted { pad: PadId },
}

enum Slot {
    Loading { opening: Opening, waiting: Vec<Command> },
    Open(Box<Open>),
}

struct Open {
    room: RoomId,
    opening: Opening,
    key: Arc<Key>,
    pad: Pad,
    out: HashMap<ConnectionId, mpsc::UnboundedSender<Outgoing>>,
    idle_since: Option<Instant>,
    checkpointing: bool,
}

/// The thread's belongings.
pub struct Thread {
    store: Arc<Store>,
    jobs: mpsc::Sender<Job>,
    shutdown: Shutdown,
    /// Where the store's work runs, so that it never waits for a document.
    runtime: tokio::runtime::Handle,
    done: mpsc::UnboundedSender<Done>,
    answers: Option<mpsc::UnboundedReceiver<Done>>,
    slots: HashMap<PadId, Slot>,
    /// When which pad wants to be called.
    due: BTreeMap<PadId, Instant>,
    start: Instant,
    next_opening: u64,
    openings_step: u64,
    closing: bool,
}

impl Thread {
    pub fn new(
        store: Arc<Store>,
        jobs: mpsc::Sender<Job>,
        shutdown: Shutdown,
        runtime: tokio::runtime::Handle,
        number: usize,
        count: usize,
    ) -> Self {
        let (done, answers) = mpsc::unbounded_channel();
        Self {
            store,
            jobs,
            shutdown,
            runtime,
            done,
            answers: Some(answers),
            slots: HashMap::new(),
            due: BTreeMap::new(),
            start: Instant::now(),
            next_opening: number as u64,
            openings_step: count as u64,
            closing: false,
        }
    }

    /// Runs until the server goes down and everything is written.
    pub fn run(mut self, commands: mpsc::Receiver<Command>) {
        let Some(answers) = self.answers.take() else { return };
        match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime.block_on(self.work(commands, answers)),
            Err(error) => tracing::error!(%error, "a pad thread could not start"),
        }
    }

    async fn work(mut self, mut commands: mpsc::Receiver<Command>, mut answers: mpsc::UnboundedReceiver<Done>) {
        let mut shutdown = self.shutdown.clone();
        let mut batch = Vec::with_capacity(COMMANDS_AT_ONCE);
        let mut farewell: Option<Instant> = None;
        loop {
            if farewell.is_some_and(|end| self.slots.is_empty() || end <= Instant::now()) {
                return;
            }
            let next = self.due.values().copied().chain(farewell).min();
            let wake = async {
                match next {
                    Some(next) => tokio::time::sleep_until(next.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                () = shutdown.begun(), if farewell.is_none() => {
                    farewell = Some(Instant::now() + FAREWELL);
                    self.say_goodbye().await;
                }
                Some(answer) = answers.recv() => self.answered(answer).await,
                count = commands.recv_many(&mut batch, COMMANDS_AT_ONCE) => {
                    if count == 0 && farewell.is_none() {
                        farewell = Some(Instant::now() + FAREWELL);
                        self.say_goodbye().await;
                    }
                    for command in batch.drain(..) {
                        self.command(command).await;
                    }
                }
                () = wake => {}
            }
            self.tick().await;
        }
    }

    fn now(&self) -> Duration {
        // One hour ahead, so that "long ago" can be said of the first moment.
        Duration::from_secs(3_600) + self.start.elapsed()
    }

    async fn tick(&mut self) {
        let now = Instant::now();
        let due: Vec<PadId> = self.due.iter().filter(|(_, at)| **at <= now).map(|(pad, _)| *pad).collect();
        for pad in due {
            let time = self.now();
            if let Some(Slot::Open(open)) = self.slots.get_mut(&pad) {
                let effects = open.pad.tick(time);
                self.perform(pad, effects).await;
            } else {
                self.due.remove(&pad);
            }
        }
    }

    async fn command(&mut self, command: Command) {
        let pad = match &command {
            Command::Attach(newcomer) => newcomer.pad,
            Command::Frame { pad, .. }
            | Command::Drained { pad, .. }
            | Command::Detach { pad, .. }
            | Command::Deleted { pad } => *pad,
            Command::Right { room, person, right } => return self.set_right(*room, *person, *right).await,
        };
        if let Command::Attach(newcomer) = &command
            && self.closing
        {
            let _ = newcomer.out.send(Outgoing::Close(Close::Unavailable));
            return;
        }
        match (self.slots.get_mut(&pad), command) {
            (Some(Slot::Loading { waiting, .. }), command) => {
                if waiting.len() < WAITING_MAX {
                    waiting.push(command);
                } else if let Command::Attach(newcomer) = command {
                    let _ = newcomer.out.send(Outgoing::Close(Close::Unavailable));
                }
            }
            (None, command @ Command::Attach(_)) => self.load(pad, command),
            (None, _) => {}
            (Some(Slot::Open(_)), command) => self.open_does(pad, command).await,
        }
    }

    /// A command for a pad that is open.
    async fn open_does(&mut self, pad: PadId, command: Command) {
        let now = self.now();
        let Some(Slot::Open(open)) = self.slots.get_mut(&pad) else { return };
        let effects = match command {
            Command::Attach(newcomer) => {
                let Newcomer { connection, person, right, most, name, acks, gauge, out, .. } = *newcomer;
                open.out.insert(connection, out);
                open.idle_since = None;
                open.pad.attach(now, Attach { connection, person, right, most, name, acks, gauge })
            }
            Command::Frame { connection, bytes, .. } => open.pad.handle(now, connection, &bytes),
            Command::Drained { connection, .. } => open.pad.drained(now, connection),
            Command::Detach { connection, .. } => {
                open.out.remove(&connection);
                open.pad.detach(now, connection)
            }
            Command::Deleted { .. } => return self.drop_pad(pad, Close::Deleted),
            Command::Right { .. } => return,
        };
        self.perform(pad, effects).await;
    }

    async fn set_right(&mut self, room: RoomId, person: Person, right: Option<Right>) {
        let theirs = |slot: &Slot| matches!(slot, Slot::Open(open) if open.room == room);
        let pads: Vec<PadId> = self.slots.iter().filter(|(_, slot)| theirs(slot)).map(|(pad, _)| *pad).collect();
        for pad in pads {
            if let Some(Slot::Open(open)) = self.slots.get_mut(&pad) {
                let effects = open.pad.set_right(person, right);
                self.perform(pad, effects).await;
            }
        }
        // Whoever waits for a pad to be loaded comes with the newest right.
        for slot in self.slots.values_mut() {
            let Slot::Loading { waiting, .. } = slot else { continue };
            waiting.retain_mut(|command| match command {
                Command::Attach(newcomer) if newcomer.room == room && newcomer.person == person => match right {
                    Some(right) => {
                        newcomer.right = right.min(newcomer.most);
                        true
                    }
                    None => {
                        let _ = newcomer.out.send(Outgoing::Close(Close::Right));
                        false
                    }
                },
                _ => true,
            });
        }
    }

    fn load(&mut self, pad: PadId, first: Command) {
        let Command::Attach(newcomer) = &first else { return };
        let (room, store, done) = (newcomer.room, Arc::clone(&self.store), self.done.clone());
        self.next_opening += self.openings_step;
        let opening = Opening(self.next_opening);
        self.slots.insert(pad, Slot::Loading { opening, waiting: vec![first] });
        self.runtime.spawn(async move {
            let load = async {
                let key = store.room_key(room).await?;
                let stored = store.load_pad(pad, &key).await?;
                Ok((key, stored))
            };
            let result = load.await;
            let _ = done.send(Done::Loaded { pad, opening, result });
        });
    }

    async fn answered(&mut self, answer: Done) {
        match answer {
            Done::Loaded { pad, opening, result } => self.loaded(pad, opening, result).await,
            Done::Committed { pad, opening, sequence } => {
                if let Some(Slot::Open(open)) = self.slots.get_mut(&pad)
                    && open.opening == opening
                {
                    let effects = open.pad.committed(sequence);
                    self.perform(pad, effects).await;
                }
            }
            Done::Checkpointed { pad, opening } => {
                if let Some(Slot::Open(open)) = self.slots.get_mut(&pad)
                    && open.opening == opening
                {
                    open.checkpointing = false;
                    self.settle(pad).await;
                }
            }
            Done::Failed { pad, opening } => {
                if matches!(self.slots.get(&pad), Some(Slot::Open(open)) if open.opening == opening) {
                    // nothing of it was acknowledged; whoever comes back meets what is on disk.
                    self.drop_pad(pad, Close::Internal);
                }
            }
            Done::Deleted { pad } => self.drop_pad(pad, Close::Deleted),
        }
    }

    async fn loaded(&mut self, pad: PadId, opening: Opening, result: Result<(Arc<Key>, StoredPad), StoreError>) {
        if !matches!(self.slots.get(&pad), Some(Slot::Loading { opening: mine, .. }) if *mine == opening) {
            return;
        }
        let Some(Slot::Loading { waiting, .. }) = self.slots.remove(&pad) else { return };
        let room = waiting.iter().find_map(|command| match command {
            Command::Attach(newcomer) => Some(newcomer.room),
            _ => None,
        });
        let Some(room) = room else { return };
        let refuse = |why: Close| {
            for command in &waiting {
                if let Command::Attach(newcomer) = command {
                    let _ = newcomer.out.send(Outgoing::Close(why));
                }
            }
        };
        let (key, stored) = match result {
            Ok(loaded) => loaded,
            Err(StoreError::NotFound | StoreError::KeyDestroyed) => return refuse(Close::Unknown),
            Err(error) => {
                tracing::error!(%error, "a pad could not be loaded");
                return refuse(Close::Internal);
            }
        };
        let rows: Vec<(u64, Bytes)> = stored.rows.into_iter().map(|(seq, bytes)| (seq, bytes.into())).collect();
        let checkpoint = stored.checkpoint.as_ref().map(|(through, bytes)| (*through, bytes.as_slice()));
        match Pad::open(checkpoint, &rows) {
            Ok((engine, left_out)) => {
                if left_out > 0 {
                    metrics::counter!("pad_rows_left_out_total").increment(left_out as u64);
                    tracing::error!(left_out, "rows of a pad could not be used");
                }
                metrics::gauge!("pads_open").increment(1);
                let open = Open {
                    room,
                    opening,
                    key,
                    pad: engine,
                    out: HashMap::new(),
                    idle_since: None,
                    checkpointing: false,
                };
                self.slots.insert(pad, Slot::Open(Box::new(open)));
                for command in waiting {
                    self.open_does(pad, command).await;
                }
            }
            Err(error) => {
                tracing::error!(%error, "a pad could not be opened");
                refuse(Close::Internal);
            }
        }
    }

    async fn perform(&mut self, pad: PadId, effects: Vec<Effect>) {
        for effect in effects {
            let Some(Slot::Open(open)) = self.slots.get_mut(&pad) else { return };
            match effect {
                Effect::Append { sequence, row } => {
                    let job = self.job(pad, sequence, What::Row(row));
                    if let Some(job) = job
                        && self.jobs.send(job).await.is_err()
                    {
                        return self.drop_pad(pad, Close::Internal);
                    }
                }
                Effect::Send { connection, frame } => {
                    if let Some(out) = open.out.get(&connection) {
                        // A socket that has just ended detaches by itself.
                        let _ = out.send(Outgoing::Frame(frame));
                    }
                }
                Effect::Close { connection, why } => {
                    if let Some(out) = open.out.remove(&connection) {
                        let _ = out.send(Outgoing::Close(why));
                    }
                }
                Effect::Quarantined => {
                    metrics::counter!("pad_quarantined_total").increment(1);
                    tracing::error!("a frame made a pad fail; it is not taken again");
                }
            }
        }
        self.settle(pad).await;
    }

    fn job(&self, pad: PadId, sequence: u64, what: What) -> Option<Job> {
        let Some(Slot::Open(open)) = self.slots.get(&pad) else { return None };
        let (key, done) = (Arc::clone(&open.key), self.done.clone());
        Some(Job { pad, opening: open.opening, key, sequence, at_ms: crate::clock::now_ms(), what, done })
    }

    /// After anything happened to a pad: is a checkpoint due, may it leave memory, when does it want to be called?
    async fn settle(&mut self, pad: PadId) {
        let (now, start) = (Instant::now(), self.start);
        let Some(Slot::Open(open)) = self.slots.get_mut(&pad) else { return };
        let idle = open.pad.is_idle();
        match open.idle_since {
            None if idle => open.idle_since = Some(now),
            Some(_) if !idle => open.idle_since = None,
            _ => {}
        }
        let leaves = open.idle_since.is_some_and(|since| self.closing || now.duration_since(since) >= IDLE);
        if leaves && !open.checkpointing && (self.closing || !open.pad.has_tail()) {
            self.slots.remove(&pad);
            self.due.remove(&pad);
            metrics::gauge!("pads_open").decrement(1);
            return;
        }
        if (open.pad.wants_checkpoint() || leaves) && !open.checkpointing {
            match open.pad.checkpoint() {
                Ok((through, bytes)) => {
                    open.checkpointing = true;
                    if let Some(job) = self.job(pad, through, What::Checkpoint(bytes))
                        && self.jobs.send(job).await.is_err()
                    {
                        return self.drop_pad(pad, Close::Internal);
                    }
                }
                // The log has everything; the next opening reads it and leaves out what cannot be used.
                Err(_) => return self.drop_pad(pad, Close::Internal),
            }
        }
        let Some(Slot::Open(open)) = self.slots.get_mut(&pad) else { return };
        let engine = open.pad.next_timeout().map(|at| {
            // The inverse of `now()`.
            start + at.saturating_sub(Duration::from_secs(3_600))
        });
        let idle = open.idle_since.filter(|_| !open.checkpointing).map(|since| since + IDLE);
        match engine.into_iter().chain(idle).min() {
            Some(at) => self.due.insert(pad, at),
            None => self.due.remove(&pad),
        };
    }

    /// Forgets a pad at once, with everything in memory.
    fn drop_pad(&mut self, pad: PadId, why: Close) {
        self.due.remove(&pad);
        match self.slots.remove(&pad) {
            Some(Slot::Open(open)) => {
                metrics::gauge!("pads_open").decrement(1);
                for out in open.out.values() {
                    let _ = out.send(Outgoing::Close(why));
                }
            }
            Some(Slot::Loading { waiting, .. }) => {
                for command in waiting {
                    if let Command::Attach(newcomer) = command {
                        let _ = newcomer.out.send(Outgoing::Close(why));
                    }
                }
            }
            None => {}
        }
    }

    /// Closes all connections; what they said before is written.
    async fn say_goodbye(&mut self) {
        self.closing = true;
        // Far enough ahead that everything that waits for a tick is due.
        let now = self.now() + Duration::from_secs(1);
        for pad in self.slots.keys().copied().collect::<Vec<_>>() {
            match self.slots.get_mut(&pad) {
                Some(Slot::Open(open)) => {
                    let mut effects = open.pad.tick(now);
                    effects.extend(open.pad.close_all(Close::Unavailable));
                    self.perform(pad, effects).await;
                }
                _ => self.drop_pad(pad, Close::Unavailable),
            }
        }
    }
}
