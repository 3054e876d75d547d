//! Which rooms are open, and the way to their tasks. Opens a room when the first person comes and at start for every
//! room with saved state, so that graces and the end of events go on after a restart.

use super::inbox::{INBOX_MAX, Input, Standing};
use super::outbox::Outbox;
use super::task;
use super::tickets::{Grant, Tickets};
use crate::media::handle::MediaHandle;
use crate::turn::Turn;
use media::command::SlotWish;
use model::ids::{InvitationId, ParticipantId, RoomId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::{Store, StoreError};
use tokio::sync::{broadcast, mpsc, oneshot};
use wire::code::Code;

/// Notices of changed rights that wait for a slow listener; who lags asks about everybody again.
const RIGHTS_MAX: usize = 1_024;

/// What somebody may do in a room changed, or they went: ask [`Rooms::person`] again (S-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RightsChanged {
    /// The room.
    pub room: RoomId,
    /// Who.
    pub participant: ParticipantId,
}

/// How many are there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    /// People who are in.
    pub people: u32,
    /// People in the lobby.
    pub waiting: u32,
}

/// The counts of an open room, written by its task.
#[derive(Debug, Default)]
pub(super) struct Counts {
    people: AtomicU32,
    waiting: AtomicU32,
}

impl Counts {
    pub(super) fn set(&self, people: usize, waiting: usize) {
        self.people.store(u32::try_from(people).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.waiting.store(u32::try_from(waiting).unwrap_or(u32::MAX), Ordering::Relaxed);
    }
}

struct Entry {
    inbox: mpsc::Sender<Input>,
    counts: Arc<Counts>,
    number: u64,
}

/// What room tasks and the registry share.
pub(super) struct Shared {
    pub(super) store: Arc<Store>,
    pub(super) media: MediaHandle,
    pub(super) turn: Option<Turn>,
    pub(super) started: Instant,
    pub(super) rights: broadcast::Sender<RightsChanged>,
    tickets: Tickets,
    rooms: Mutex<HashMap<RoomId, Entry>>,
    numbers: AtomicU64,
    closing: AtomicBool,
}

/// All open rooms. Cheap to clone; one for the whole server.
#[derive(Clone)]
pub struct Rooms(Arc<Shared>);

/// A connection's place in a room: its way to the room task. [`Seat::leave`] gives it up.
pub struct Seat {
    inbox: mpsc::Sender<Input>,
    participant: ParticipantId,
    connection: u64,
}

impl Rooms {
    /// No room is open yet. `turn`: none where TURN cannot reach us.
    #[must_use]
    pub fn new(store: Arc<Store>, media: MediaHandle, turn: Option<Turn>) -> Self {
        Self(Arc::new(Shared {
            store,
            media,
            turn,
            started: Instant::now(),
            rights: broadcast::channel(RIGHTS_MAX).0,
            tickets: Tickets::default(),
            rooms: Mutex::default(),
            numbers: AtomicU64::new(1),
            closing: AtomicBool::new(false),
        }))
    }

    /// Opens the rooms that were running when the server last stopped.
    ///
    /// # Errors
    /// What the store says.
    pub async fn resume(&self) -> Result<(), StoreError> {
        for room in self.0.store.rooms_with_state().await? {
            self.open(room);
        }
        Ok(())
    }

    /// The tickets that are out.
    #[must_use]
    pub fn tickets(&self) -> &Tickets {
        &self.0.tickets
    }

    /// How many are in a room; none when it is not open.
    #[must_use]
    pub fn presence(&self, room: RoomId) -> Presence {
        let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&room).map_or_else(Presence::default, |entry| Presence {
            people: entry.counts.people.load(Ordering::Relaxed),
            waiting: entry.counts.waiting.load(Ordering::Relaxed),
        })
    }

    /// Notices of changed rights, from now on.
    #[must_use]
    pub fn rights(&self) -> broadcast::Receiver<RightsChanged> {
        self.0.rights.subscribe()
    }

    /// Somebody who is in now; `None`: they are not.
    pub async fn person(&self, room: RoomId, participant: ParticipantId) -> Option<Standing> {
        let (answer, answered) = oneshot::channel();
        self.existing(room)?.send(Input::Ask { participant, answer }).await.ok()?;
        answered.await.ok()?
    }

    /// Whether this browser is refused for the event that runs in the room (S-08).
    pub async fn blocked(&self, room: RoomId, participant: ParticipantId) -> bool {
        let Some(inbox) = self.existing(room) else { return false };
        let (answer, answered) = oneshot::channel();
        let asked = inbox.send(Input::AskBlocked { participant, answer }).await;
        asked.is_ok() && answered.await.unwrap_or(false)
    }

    /// The room's settings in the store are newer.
    pub async fn settings_changed(&self, room: RoomId) {
        self.tell(room, Input::SettingsChanged).await;
    }

    /// A link of the room was revoked or renewed (S-08).
    pub async fn link_gone(&self, room: RoomId, link: InvitationId) {
        self.tell(room, Input::LinkGone(link)).await;
    }

    /// Sends everybody away before the room is deleted; nothing more of it is saved after this returns.
    pub async fn room_deleted(&self, room: RoomId) {
        let (done, is_done) = oneshot::channel();
        self.tell(room, Input::Delete { done }).await;
        // An error means that no task runs, which is what we want.
        let _ = is_done.await;
    }

    /// Says goodbye to everybody; rooms are resumed at the next start.
    pub async fn shutdown(&self) {
        self.0.closing.store(true, Ordering::Release);
        let inboxes: Vec<_> = {
            let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            rooms.values().map(|entry| entry.inbox.clone()).collect()
        };
        for inbox in inboxes {
            let (done, is_done) = oneshot::channel();
            if inbox.send(Input::Shutdown { done }).await.is_ok() {
                // An error means that the task has ended already.
                let _ = is_done.await;
            }
        }
    }

    /// Lets a connection with a valid ticket into the room or its lobby.
    ///
    /// # Errors
    /// The code to say goodbye with.
    pub async fn enter(&self, grant: Grant, outbox: Outbox) -> Result<Seat, Code> {
        // A task may end between finding and telling it; then it is opened anew, at most so often.
        for _ in 0..3 {
            if self.0.closing.load(Ordering::Acquire) {
                return Err(Code::ShuttingDown);
            }
            let connection = self.0.numbers.fetch_add(1, Ordering::Relaxed);
            let comer = workshop::Comer {
                participant: grant.participant,
                name: grant.name.clone(),
                role: grant.role,
                via: grant.via,
                connection,
            };
            let inbox = self.open(grant.room);
            let seat = Seat { inbox: inbox.clone(), participant: grant.participant, connection };
            let (answer, answered) = oneshot::channel();
            if inbox.send(Input::Come { comer, outbox: outbox.clone(), answer }).await.is_err() {
                continue;
            }
            if let Ok(answer) = answered.await {
                return answer.map(|()| seat);
            }
        }
        Err(Code::Internal)
    }

    fn existing(&self, room: RoomId) -> Option<mpsc::Sender<Input>> {
        let rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.get(&room).map(|entry| entry.inbox.clone())
    }

    async fn tell(&self, room: RoomId, input: Input) {
        if let Some(inbox) = self.existing(room) {
            // An ended task has nothing to be told: the next one reads the store.
            let _ = inbox.send(input).await;
        }
    }

    fn open(&self, room: RoomId) -> mpsc::Sender<Input> {
        let mut rooms = self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = rooms.get(&room)
            && !entry.inbox.is_closed()
        {
            return entry.inbox.clone();
        }
        let (inbox, inputs) = mpsc::channel(INBOX_MAX);
        let counts = Arc::new(Counts::default());
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        rooms.insert(room, Entry { inbox: inbox.clone(), counts: counts.clone(), number });
        let shared = self.0.clone();
        tokio::spawn(async move {
            // The inner task is the boundary of S-25: a panic ends this room's task only. Its connections see their
            // queues end and come back, and the room is read from the store again.
            let ended = tokio::spawn(task::run(shared.clone(), room, inputs, counts)).await;
            if ended.is_err_and(|error| error.is_panic()) {
                tracing::error!("a room task panicked");
            }
            let mut rooms = shared.rooms.lock().unwrap_or_else(PoisonError::into_inner);
            if rooms.get(&room).is_some_and(|entry| entry.number == number) {
                rooms.remove(&room);
            }
        });
        inbox
    }
}

impl Seat {
    /// Passes on a command; waits while the room has too much to do. `false`: the room is gone.
    pub async fn command(&self, id: u32, command: wire::client::Command) -> bool {
        let Self { participant, connection, .. } = *self;
        self.inbox.send(Input::Command { participant, connection, id, command }).await.is_ok()
    }

    /// Passes on a session description. `false`: the room is gone.
    pub async fn offer(&self, id: u32, offer: super::Offered) -> bool {
        let Self { participant, connection, .. } = *self;
        self.inbox.send(Input::Offer { participant, connection, id, offer }).await.is_ok()
    }

    /// Passes on what slots shall show. `false`: the room is gone.
    pub async fn subscribe(&self, slots: Vec<SlotWish>) -> bool {
        let Self { participant, connection, .. } = *self;
        self.inbox.send(Input::Subscribe { participant, connection, slots }).await.is_ok()
    }

    /// Tells the room that the connection is gone.
    pub async fn leave(self) {
        let Self { participant, connection, .. } = self;
        // An ended task has forgotten the connection already.
        let _ = self.inbox.send(Input::Lost { participant, connection }).await;
    }
}
