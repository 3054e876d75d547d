//! One pad: frames in, effects out (S-23: limit, permit, scan, apply, broadcast and append; after the commit, ack).
//!
//! A pad thread of the shell owns it and tells it the time (since any fixed moment). `intake.rs` judges what comes in,
//! this file lets things out: ticks, readers, acknowledgements.

use crate::access::{Clients, Person, Right};
use crate::awareness::States;
use crate::connection::{Attach, Bucket, Close, Connection, ConnectionId, Reading};
use crate::document::{Document, Failed};
use crate::frame::{self, Notice};
use crate::log::{Checkpoint, Contribution, LogError, Row};
use crate::shadow::Added;
use bytes::Bytes;
use model::limits;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;
use yrs::StateVector;

/// What the shell is to do, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Seal and store a row of the log, then call [`Pad::committed`].
    Append {
        /// Its number, rising by one.
        sequence: u64,
        /// [`Row`], encoded.
        row: Bytes,
    },
    /// Queue a frame for a connection (it is counted on the gauge already).
    Send {
        /// To whom.
        connection: ConnectionId,
        /// What.
        frame: Bytes,
    },
    /// Close a connection; the pad has forgotten it.
    Close {
        /// Which.
        connection: ConnectionId,
        /// Why.
        why: Close,
    },
    /// A frame made the document fail: count it.
    Quarantined,
}

/// Things to be counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Entries for client ids of others in awareness frames.
    pub foreign_states: u64,
    /// Updates dropped because the connection may not write.
    pub refused_updates: u64,
    /// Updates dropped because something before them was missing.
    pub gaps: u64,
    /// Times that a reader was too slow and is brought up to date later.
    pub slow_readers: u64,
}

/// Why a pad cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The checkpoint cannot be read. The pad stays closed: an empty document is never shown instead.
    #[error("the checkpoint cannot be used: {0}")]
    Checkpoint(#[from] LogError),
    /// The checkpoint is no healthy document.
    #[error("the checkpoint is no healthy document")]
    Document(#[from] Failed),
}

/// An update that waits for the next tick.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) connection: ConnectionId,
    pub(crate) person: Person,
    pub(crate) bytes: Bytes,
    pub(crate) hash: u64,
    pub(crate) added: Vec<Added>,
}

/// Shortest and longest time between two ticks while people type (PADS.md 5).
const TICK_MIN: Duration = Duration::from_millis(5);
const TICK_MAX: Duration = Duration::from_millis(50);
/// Sending one frame costs about 7 µs; a reader may cost so much of each tick that frames take 15 % of a core.
const TICK_PER_READER: Duration = Duration::from_micros(47);
/// Time between two flushes of editors' states, for each reader.
const STATES_PER_READER: Duration = Duration::from_millis(4);
const STATES_MIN: Duration = Duration::from_millis(50);
const STATES_MAX: Duration = Duration::from_secs(2);
/// A reader that takes nothing for so long is closed.
const BLOCKED_MAX: Duration = Duration::from_secs(30);
/// A checkpoint is due after so many rows, or so many bytes relative to the document.
const ROWS_PER_CHECKPOINT: usize = 500;
const TAIL_BYTES_MIN: usize = 256 * 1024;
/// The size is measured anew after so many bytes of changes, and near the limit now and then.
const MEASURE_BYTES: usize = 16 * 1024;
const MEASURE_INTERVAL: Duration = Duration::from_secs(1);
/// Document characters (S-19), counted in UTF-16 units.
const TEXT_UNITS_MAX: u64 = 1_000_000;
/// Hashes of frames that are not taken again.
pub(crate) const QUARANTINE_MAX: usize = 256;

/// How full the document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fullness {
    /// Below the warning.
    Normal,
    /// 80 % and more.
    Nearly,
    /// At the limit: only deletions are taken.
    Full,
}

/// The pad.
#[derive(Debug)]
pub struct Pad {
    pub(crate) document: Document,
    pub(crate) connections: BTreeMap<ConnectionId, Connection>,
    pub(crate) clients: Clients,
    pub(crate) states: States,
    pub(crate) batch: Vec<Waiting>,
    pub(crate) fullness: Fullness,
    pub(crate) quarantine: BTreeSet<u64>,
    pub(crate) effects: Vec<Effect>,
    /// Counters since the pad was opened.
    pub counters: Counters,
    /// The number of the newest appended row.
    pub(crate) appended: u64,
    pub(crate) committed: u64,
    last_tick: Option<Duration>,
    last_states: Option<Duration>,
    last_measured: Option<Duration>,
}

impl Pad {
    /// Opens a pad from its checkpoint (with the number of the last row in it) and the rows after it. Returns how many
    /// rows could not be used too; they are left out, so that one bad row does not keep a pad closed (S-23).
    ///
    /// # Errors
    /// [`OpenError`] when the checkpoint is damaged.
    pub fn open(checkpoint: Option<(u64, &[u8])>, rows: &[(u64, Bytes)]) -> Result<(Self, usize), OpenError> {
        let mut clients = Clients::default();
        let (mut sequence, mut document) = (0, Document::default());
        if let Some((through, bytes)) = checkpoint {
            let checkpoint = Checkpoint::decode(bytes)?;
            for (client, person) in checkpoint.owners {
                clients.remember(client, person);
            }
            document = Document::load(checkpoint.state)?;
            sequence = through;
        }
        let mut left_out = 0;
        for (number, bytes) in rows {
            sequence = sequence.max(*number);
            let Ok(row) = Row::decode(bytes) else {
                left_out += 1;
                continue;
            };
            if document.replay(row.update).is_err() {
                left_out += 1;
                continue;
            }
            for contribution in row.contributions {
                for added in contribution.added {
                    clients.remember(added.client, contribution.person);
                }
            }
        }
        document.measure();
        let mut pad = Self {
            document,
            connections: BTreeMap::new(),
            clients,
            states: States::default(),
            batch: Vec::new(),
            fullness: Fullness::Normal,
            quarantine: BTreeSet::new(),
            effects: Vec::new(),
            counters: Counters::default(),
            appended: sequence,
            committed: sequence,
            last_tick: None,
            last_states: None,
            last_measured: None,
        };
        pad.fullness = pad.measure_fullness();
        Ok((pad, left_out))
    }

    /// Somebody comes. They are asked what they have that we miss, if they may write.
    pub fn attach(&mut self, now: Duration, who: Attach) -> Vec<Effect> {
        let writers = self.connections.values().filter(|one| one.right == Right::Write).count();
        let right =
            if who.right == Right::Write && writers >= limits::PAD_WRITERS_MAX { Right::Read } else { who.right };
        let id = who.connection;
        self.connections.insert(
            id,
            Connection {
                person: who.person,
                right: right.min(who.most),
                most: who.most,
                name: who.name,
                acks: who.acks,
                gauge: who.gauge,
                client: None,
                reading: Reading::Fresh,
                asked: false,
                failures: 0,
                hole: false,
                held_back: None,
                waiting: VecDeque::new(),
                blocked_since: None,
                missed_states: false,
                questions: Bucket::new(now, 1.0, 5.0),
            },
        );
        self.tell_right(id);
        match self.fullness {
            Fullness::Full => self.notice(id, Notice::Full),
            Fullness::Nearly => self.notice(id, Notice::NearlyFull),
            Fullness::Normal => {}
        }
        if right.min(who.most) == Right::Write {
            self.ask(id);
        }
        for frame in self.states.all() {
            self.send(id, frame);
        }
        std::mem::take(&mut self.effects)
    }

    /// A connection has ended.
    pub fn detach(&mut self, now: Duration, connection: ConnectionId) -> Vec<Effect> {
        self.forget(connection);
        self.tick(now)
    }

    /// Rights of a person have changed; `None`: everything was taken away (S-04).
    pub fn set_right(&mut self, person: Person, right: Option<Right>) -> Vec<Effect> {
        let theirs: Vec<_> =
            self.connections.iter().filter(|(_, one)| one.person == person).map(|(&id, _)| id).collect();
        for id in theirs {
            match (right, self.connections.get_mut(&id)) {
                (Some(right), Some(connection)) if connection.right != right.min(connection.most) => {
                    connection.right = right.min(connection.most);
                    let right = connection.right;
                    self.tell_right(id);
                    if right == Right::Write {
                        self.ask(id);
                    }
                }
                (None, _) => self.close(id, Close::Right),
                _ => {}
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Closes all connections.
    pub fn close_all(&mut self, why: Close) -> Vec<Effect> {
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.close(id, why);
        }
        std::mem::take(&mut self.effects)
    }

    /// All rows up to this number are on disk: acknowledge what they hold.
    pub fn committed(&mut self, sequence: u64) -> Vec<Effect> {
        self.committed = self.committed.max(sequence);
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            self.acknowledge(id);
        }
        std::mem::take(&mut self.effects)
    }

    /// There is room again in a connection's queue.
    pub fn drained(&mut self, now: Duration, connection: ConnectionId) -> Vec<Effect> {
        self.catch_up(now, connection);
        std::mem::take(&mut self.effects)
    }

    /// Does what is due: to be called at [`next_timeout`](Self::next_timeout).
    pub fn tick(&mut self, now: Duration) -> Vec<Effect> {
        if self.tick_due().is_some_and(|due| due <= now) {
            self.flush(now);
        }
        self.states.expire(now);
        if self.states_due().is_some_and(|due| due <= now) {
            self.flush_states(now);
        }
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            let blocked = self.connections.get(&id).and_then(|one| one.blocked_since);
            if blocked.is_some_and(|since| now.saturating_sub(since) >= BLOCKED_MAX) {
                self.close(id, Close::Slow);
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// When [`tick`](Self::tick) has something to do.
    #[must_use]
    pub fn next_timeout(&self) -> Option<Duration> {
        let blocked = self.connections.values().filter_map(|one| one.blocked_since).map(|since| since + BLOCKED_MAX);
        [self.tick_due(), self.states_due(), self.states.next_expiry()].into_iter().flatten().chain(blocked).min()
    }

    /// At once when nothing was sent for a while, else so that readers do not cost more than a share of a core.
    fn tick_due(&self) -> Option<Duration> {
        if self.batch.is_empty() {
            return None;
        }
        let readers = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let interval = TICK_PER_READER.saturating_mul(readers).clamp(TICK_MIN, TICK_MAX);
        Some(self.last_tick.map_or(Duration::ZERO, |last| last + interval))
    }

    fn states_due(&self) -> Option<Duration> {
        if !self.states.dirty() {
            return None;
        }
        let readers = u32::try_from(self.connections.len()).unwrap_or(u32::MAX);
        let interval = STATES_PER_READER.saturating_mul(readers).clamp(STATES_MIN, STATES_MAX);
        Some(self.last_states.map_or(Duration::ZERO, |last| last + interval))
    }

    fn flush_states(&mut self, now: Duration) {
        self.last_states = Some(now);
        for frame in self.states.flush() {
            for id in self.connections.keys().copied().collect::<Vec<_>>() {
                let Some(one) = self.connections.get_mut(&id) else { continue };
                if matches!(one.reading, Reading::Behind { .. }) || !one.gauge.has_room(frame.len()) {
                    one.missed_states = true;
                } else {
                    self.send(id, frame.clone());
                }
            }
        }
    }

    /// One tick: everything that waits becomes one transaction, one row and one frame for all.
    fn flush(&mut self, now: Duration) {
        self.last_tick = Some(now);
        let batch = std::mem::take(&mut self.batch);
        let updates: Vec<Bytes> = batch.iter().map(|waiting| waiting.bytes.clone()).collect();
        match self.document.apply(&updates) {
            Ok(Some(changed)) => self.publish(now, &batch, changed),
            Ok(None) => {}
            Err(Failed) => self.find_culprits(now, batch),
        }
        let long_ago = self.last_measured.is_none_or(|last| now.saturating_sub(last) >= MEASURE_INTERVAL);
        if self.document.grown() >= MEASURE_BYTES || (long_ago && self.fullness > Fullness::Normal) {
            self.last_measured = Some(now);
            let fullness = self.measure_fullness();
            if fullness != self.fullness {
                self.set_fullness(fullness);
            }
        }
        if self.appended <= self.committed {
            // Nothing of it was new: counters that came with it wait for no row.
            for id in self.connections.keys().copied().collect::<Vec<_>>() {
                self.acknowledge(id);
            }
        }
    }

    /// Something in the batch made the document fail: rebuild it and take the updates one by one.
    fn find_culprits(&mut self, now: Duration, batch: Vec<Waiting>) {
        self.document.rebuild(false);
        for waiting in batch {
            // The rebuilt shadow knows nothing of the batch; what depended on a culprit is missing now.
            let admitted = crate::scan::update(&waiting.bytes, crate::scan::Limits::STORED)
                .is_ok_and(|scanned| self.document.shadow.admit(&scanned).is_ok());
            if !admitted {
                self.drop_and_ask(waiting.connection);
                continue;
            }
            match self.document.apply(std::slice::from_ref(&waiting.bytes)) {
                Ok(Some(changed)) => self.publish(now, std::slice::from_ref(&waiting), changed),
                Ok(None) => {}
                Err(Failed) => {
                    self.document.rebuild(false);
                    if self.quarantine.len() < QUARANTINE_MAX {
                        self.quarantine.insert(waiting.hash);
                    }
                    self.effects.push(Effect::Quarantined);
                    self.close(waiting.connection, Close::Quarantined);
                }
            }
        }
    }

    fn publish(&mut self, now: Duration, batch: &[Waiting], changed: Bytes) {
        self.appended += 1;
        let mut contributions: BTreeMap<Person, Vec<Added>> = BTreeMap::new();
        for waiting in batch {
            contributions.entry(waiting.person).or_default().extend(&waiting.added);
        }
        let contributions = contributions.into_iter().map(|(person, added)| Contribution { person, added }).collect();
        let row = Row { contributions, update: changed.clone() }.encode();
        self.effects.push(Effect::Append { sequence: self.appended, row });
        let frame = frame::update(&changed);
        // Whoever wrote all of it has it.
        let only = batch.first().map(|waiting| waiting.connection);
        let only = only.filter(|only| batch.iter().all(|waiting| waiting.connection == *only));
        let mut before: Option<StateVector> = None;
        for (&id, one) in &mut self.connections {
            if only == Some(id) || !matches!(one.reading, Reading::Live) {
                continue;
            }
            if one.gauge.has_room(frame.len()) {
                one.gauge.queued(frame.len());
                self.effects.push(Effect::Send { connection: id, frame: frame.clone() });
            } else {
                let reached = before.get_or_insert_with(|| {
                    let mut vector = self.document.state_vector();
                    for added in batch.iter().flat_map(|waiting| &waiting.added) {
                        let client = yrs::ClientID::new(added.client);
                        if vector.get(&client) > added.from {
                            vector.set_min(client, added.from);
                        }
                    }
                    vector
                });
                one.reading = Reading::Behind { reached: reached.clone() };
                one.blocked_since.get_or_insert(now);
                one.gauge.starve();
                self.counters.slow_readers += 1;
            }
        }
        // A writer may have emptied its queue before it was told that we wait.
        let behind: Vec<_> = self.connections.iter().filter(|(_, one)| one.blocked_since == Some(now)).collect();
        for id in behind.into_iter().map(|(&id, _)| id).collect::<Vec<_>>() {
            if self.connections.get(&id).is_some_and(|one| one.gauge.waiting().0 == 0) {
                self.catch_up(now, id);
            }
        }
    }

    fn tell_right(&mut self, id: ConnectionId) {
        let Some(one) = self.connections.get(&id) else { return };
        let notice = match one.right {
            Right::Read => Notice::RightRead,
            Right::Comment => Notice::RightComment,
            Right::Write => Notice::RightWrite,
        };
        self.notice(id, notice);
    }

    pub(crate) fn notice(&mut self, id: ConnectionId, notice: Notice) {
        if self.connections.get(&id).is_some_and(|one| one.acks) {
            self.send(id, frame::notice(notice));
        }
    }

    pub(crate) fn send(&mut self, id: ConnectionId, frame: Bytes) {
        if let Some(one) = self.connections.get(&id) {
            one.gauge.queued(frame.len());
            self.effects.push(Effect::Send { connection: id, frame });
        }
    }

    pub(crate) fn close(&mut self, id: ConnectionId, why: Close) {
        if self.connections.contains_key(&id) {
            self.forget(id);
            self.effects.push(Effect::Close { connection: id, why });
        }
    }

    fn forget(&mut self, id: ConnectionId) {
        if let Some(one) = self.connections.remove(&id)
            && let Some(client) = one.client
        {
            self.clients.release(client, id);
            self.states.remove(client, id);
        }
    }

    fn measure_fullness(&mut self) -> Fullness {
        let share = |(bytes, units): (usize, u64)| {
            if bytes >= limits::PAD_DOCUMENT_BYTES_MAX || units >= TEXT_UNITS_MAX {
                Fullness::Full
            } else if bytes >= limits::PAD_DOCUMENT_BYTES_MAX / 5 * 4 || units >= TEXT_UNITS_MAX / 5 * 4 {
                Fullness::Nearly
            } else {
                Fullness::Normal
            }
        };
        // The running size is too high after deletions, so a limit is believed only when measured.
        if share(self.document.size()) > Fullness::Normal {
            self.document.measure();
        }
        share(self.document.size())
    }

    fn set_fullness(&mut self, fullness: Fullness) {
        let before = std::mem::replace(&mut self.fullness, fullness);
        for id in self.connections.keys().copied().collect::<Vec<_>>() {
            match fullness {
                Fullness::Full => self.notice(id, Notice::Full),
                Fullness::Nearly if before < fullness => self.notice(id, Notice::NearlyFull),
                _ => self.notice(id, Notice::Writable),
            }
            let hole = self.connections.get(&id).is_some_and(|one| one.hole && one.right == Right::Write);
            if before == Fullness::Full && hole {
                self.ask(id);
            }
        }
    }

    /// Whether so much was written since the last checkpoint that a new one pays.
    #[must_use]
    pub fn wants_checkpoint(&self) -> bool {
        let (rows, bytes) = self.document.since_base();
        rows >= ROWS_PER_CHECKPOINT || bytes >= TAIL_BYTES_MIN.max(self.document.base_size() * 4)
    }

    /// Whether anything was written since the last checkpoint.
    #[must_use]
    pub fn has_tail(&self) -> bool {
        self.document.since_base().0 > 0
    }

    /// The whole document for the store, and the number of the last row in it. It was loaded once for proof.
    ///
    /// # Errors
    /// [`Failed`]: keep the log as it is.
    pub fn checkpoint(&mut self) -> Result<(u64, Bytes), Failed> {
        let state = self.document.rebase()?;
        Ok((self.appended, Checkpoint { owners: self.clients.owners(), state }.encode()))
    }

    /// Whether nobody is here and nothing waits for the disk.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.connections.is_empty() && self.batch.is_empty() && self.committed >= self.appended
    }

    /// The document, for reading text out in tests and exports.
    #[must_use]
    pub fn document(&mut self) -> &mut Document {
        &mut self.document
    }

    /// How full it is.
    #[must_use]
    pub fn fullness(&self) -> Fullness {
        self.fullness
    }
}
