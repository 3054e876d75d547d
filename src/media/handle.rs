//! The way for room tasks to the media workers: async calls over bounded queues, and one event stream per room.
//! Called by `src/rooms` and `src/socket`; it holds no media state and makes no decision.

use super::tcp::Guard;
use super::turn::Opened;
use media::command::{Command, Event, Offer, Refusal, Reply, SlotWish, Sources};
use model::ids::{ParticipantId, RoomId};
use model::source::Source;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Events that wait for one room task; when a task is so slow that it is full, the worker drops `Speaking` events and
/// closes the stream at any other (the room task then reads the end and opens it again).
pub const ROOM_EVENTS_MAX: usize = 1_024;

/// Why the media worker did not do as asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MediaError {
    /// The engine refused; nothing has changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The worker's queue is full: come back later.
    #[error("media worker is busy")]
    Busy,
    /// The worker has ended (shutdown).
    #[error("media worker has ended")]
    Ended,
}

/// What lies in a worker's queue.
pub enum Request {
    /// A command and where its answer goes.
    Command(Command, oneshot::Sender<Result<Reply, Refusal>>),
    /// The room task that gets a room's events from now on.
    Events(RoomId, mpsc::Sender<Event>),
    /// A TCP connection that speaks ICE, who opened it, and what is held until a participant is known behind it.
    Stream(TcpStream, SocketAddr, Guard),
    /// A TURN connection that has an allocation.
    Turn(Box<Opened>),
    /// Say goodbye to everybody and end.
    Shutdown,
}

/// A worker as others see it: its queue, and how to wake it.
pub trait Worker: Send + Sync {
    /// Puts a request into the queue and wakes the worker.
    ///
    /// # Errors
    /// [`MediaError::Busy`] or [`MediaError::Ended`].
    fn request(&self, request: Request) -> Result<(), MediaError>;
}

/// Cheap to clone; one for the whole server.
#[derive(Clone)]
pub struct MediaHandle {
    workers: Arc<[Arc<dyn Worker>]>,
    full: watch::Receiver<bool>,
}

impl MediaHandle {
    /// A handle over the running workers (at least one).
    #[must_use]
    pub fn new(workers: Vec<Arc<dyn Worker>>) -> Self {
        Self { workers: workers.into(), full: watch::channel(false).1 }
    }

    /// The same, with the verdict whether further pictures are taken (true: they are not).
    #[must_use]
    pub fn refusing_when(self, full: watch::Receiver<bool>) -> Self {
        Self { full, ..self }
    }

    /// Whether the server forwards as much as it can: no further picture is taken then.
    #[must_use]
    pub fn is_full(&self) -> bool {
        *self.full.borrow()
    }

    /// Where to wait for that to change.
    #[must_use]
    pub fn full(&self) -> watch::Receiver<bool> {
        self.full.clone()
    }

    fn worker(&self, room: RoomId) -> Result<&Arc<dyn Worker>, MediaError> {
        // A room stays with one worker for its life, and so do all its packets.
        let hash =
            room.as_bytes().iter().fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte)));
        self.workers.get(hash % self.workers.len().max(1)).ok_or(MediaError::Ended)
    }

    /// Hands over a TCP connection that speaks ICE (RFC 6544).
    ///
    /// # Errors
    /// [`MediaError::Busy`] or [`MediaError::Ended`]; the connection is closed then.
    pub fn stream(&self, socket: TcpStream, from: SocketAddr, guard: Guard) -> Result<(), MediaError> {
        // One worker so far; with several, the first request's ufrag has to name it.
        self.workers.first().ok_or(MediaError::Ended)?.request(Request::Stream(socket, from, guard))
    }

    /// Hands over a TURN connection of somebody in this room.
    ///
    /// # Errors
    /// [`MediaError::Busy`] or [`MediaError::Ended`]; the connection is closed then.
    pub fn turn_stream(&self, room: RoomId, opened: Box<Opened>) -> Result<(), MediaError> {
        self.worker(room)?.request(Request::Turn(opened))
    }

    async fn command(&self, command: Command) -> Result<Reply, MediaError> {
        let (reply, answer) = oneshot::channel();
        self.worker(command.room())?.request(Request::Command(command, reply))?;
        Ok(answer.await.map_err(|_| MediaError::Ended)??)
    }

    /// The stream of a room's events; a later call takes the place of an earlier one. Call it before the first `join`.
    ///
    /// # Errors
    /// [`MediaError::Busy`] or [`MediaError::Ended`].
    pub fn events(&self, room: RoomId) -> Result<mpsc::Receiver<Event>, MediaError> {
        let (sender, receiver) = mpsc::channel(ROOM_EVENTS_MAX);
        self.worker(room)?.request(Request::Events(room, sender))?;
        Ok(receiver)
    }

    /// Lets a participant in; see [`Command::Join`].
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn join(&self, room: RoomId, participant: ParticipantId, allowed: Sources) -> Result<(), MediaError> {
        self.command(Command::Join { room, participant, allowed }).await.map(drop)
    }

    /// Answers an offer with a session description.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn offer(&self, room: RoomId, participant: ParticipantId, offer: Offer) -> Result<String, MediaError> {
        match self.command(Command::Offer { room, participant, offer }).await? {
            Reply::Answer(sdp) => Ok(sdp),
            Reply::Done => Err(MediaError::Ended),
        }
    }

    /// Says what slots shall show.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn subscribe(
        &self,
        room: RoomId,
        participant: ParticipantId,
        slots: Vec<SlotWish>,
    ) -> Result<(), MediaError> {
        self.command(Command::Subscribe { room, participant, slots }).await.map(drop)
    }

    /// Sets what somebody may publish (S-04: effective at once).
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn set_allowed(
        &self,
        room: RoomId,
        participant: ParticipantId,
        sources: Sources,
    ) -> Result<(), MediaError> {
        self.command(Command::SetAllowed { room, participant, sources }).await.map(drop)
    }

    /// Sets whether a source is on.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn set_on(
        &self,
        room: RoomId,
        participant: ParticipantId,
        source: Source,
        on: bool,
    ) -> Result<(), MediaError> {
        self.command(Command::SetOn { room, participant, source, on }).await.map(drop)
    }

    /// Takes somebody out.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn leave(&self, room: RoomId, participant: ParticipantId) -> Result<(), MediaError> {
        self.command(Command::Leave { room, participant }).await.map(drop)
    }

    /// Takes everybody out and forgets the room.
    ///
    /// # Errors
    /// [`MediaError`]
    pub async fn close_room(&self, room: RoomId) -> Result<(), MediaError> {
        self.command(Command::CloseRoom { room }).await.map(drop)
    }

    /// Asks all workers to end after a goodbye to everybody.
    pub fn shutdown(&self) {
        for worker in self.workers.iter() {
            // A worker that has ended already needs no telling; a full queue is drained first, so try again is moot.
            let _ = worker.request(Request::Shutdown);
        }
    }
}
