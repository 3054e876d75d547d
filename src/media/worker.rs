//! The worker: a thread that owns the socket and an engine, and sleeps until a datagram, a request or the engine's time
//! comes. No async runtime, no lock on the way of a packet. Started by `media::start`.

use super::handle::{MediaError, Request, Worker};
use super::streams::Streams;
use super::udp::Udp;
use media::command::{Command, Event};
use media::engine::{Counters, Engine};
use media::remote::Via;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token, Waker};
use model::ids::RoomId;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// Requests that wait for the worker; it empties them between two batches of datagrams, so a full queue means trouble.
const REQUESTS_MAX: usize = 1_024;
/// Batches of datagrams before requests and time get their turn.
const BATCHES_PER_TURN: usize = 32;

const SOCKET: Token = Token(0);
const WAKE: Token = Token(1);
/// After a turn that found something. Datagrams that come one by one (a picture that its sender's line spreads, the
/// reports of a hundred viewers) are then taken together: waking up costs more than forwarding one of them. Less than a
/// network's own jitter.
const REST: Duration = Duration::from_millis(3);
/// Between two looks at what was counted.
const WATCH_EVERY: Duration = Duration::from_millis(100);

/// Tokens of connections start here.
const STREAMS: usize = 2;

/// The queue of a worker.
struct Queue {
    requests: SyncSender<Request>,
    waker: Waker,
}

impl Worker for Queue {
    fn request(&self, request: Request) -> Result<(), MediaError> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => MediaError::Busy,
            TrySendError::Disconnected(_) => MediaError::Ended,
        })?;
        self.waker.wake().map_err(|_| MediaError::Ended)
    }
}

/// Is told what was counted so far: the engine's counters, and the datagrams that the system did not take.
pub type Watch = Box<dyn FnMut(Counters, u64) + Send>;

/// Starts the thread.
///
/// # Errors
/// When the system gives no thread or no event queue.
pub fn spawn(socket: Udp, engine: Engine, watch: Watch) -> io::Result<(Arc<dyn Worker>, JoinHandle<()>)> {
    let poll = Poll::new()?;
    poll.registry().register(&mut SourceFd(&socket.fd()), SOCKET, Interest::READABLE)?;
    let waker = Waker::new(poll.registry(), WAKE)?;
    let (requests, inbox) = sync_channel(REQUESTS_MAX);
    let turn = Loop { poll, socket, streams: Streams::new(STREAMS), engine, inbox, rooms: HashMap::new(), watch };
    let thread = std::thread::Builder::new().name("media-0".to_owned()).spawn(move || turn.run())?;
    Ok((Arc::new(Queue { requests, waker }), thread))
}

struct Loop {
    poll: Poll,
    socket: Udp,
    streams: Streams,
    engine: Engine,
    inbox: Receiver<Request>,
    rooms: HashMap<RoomId, mpsc::Sender<Event>>,
    watch: Watch,
}

impl Loop {
    fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let (mut more, mut found) = (false, false);
        let (mut turned, mut watched) = (Instant::now(), Instant::now());
        loop {
            if found && !more {
                let until = self.engine.poll_timeout().map_or(turned + REST, |at| at.min(turned + REST));
                std::thread::sleep(until.saturating_duration_since(Instant::now()));
            }
            let until = [self.engine.poll_timeout(), self.streams.next_sweep()].into_iter().flatten().min();
            let wait = until.map(|at| at.saturating_duration_since(Instant::now()));
            let wait = if more { Some(Duration::ZERO) } else { wait };
            // Interrupted by a signal: the turn below finds nothing, and the next one waits again.
            let _ = self.poll.poll(&mut events, wait);
            turned = Instant::now();
            found = events.iter().any(|event| event.token() != WAKE);
            for event in events.iter().filter(|event| event.token().0 >= STREAMS) {
                self.streams.ready(self.poll.registry(), event.token());
            }
            more = self.receive();
            more |= self.receive_streams();
            if !self.requests() {
                return;
            }
            let now = Instant::now();
            self.engine.handle_timeout(now);
            self.streams.sweep(now, self.poll.registry(), |remote| self.engine.knows(remote));
            self.send();
            self.tell();
            if !found || now.saturating_duration_since(watched) >= WATCH_EVERY {
                watched = now;
                (self.watch)(self.engine.counters(), self.socket.unsent + self.streams.unsent());
            }
        }
    }

    /// True: there may be more.
    fn receive(&mut self) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let now = Instant::now();
            let engine = &mut self.engine;
            if !self.socket.receive(|from, datagram| engine.handle_datagram(now, from, datagram)) {
                return false;
            }
            self.send();
        }
        true
    }

    /// True: there may be more.
    fn receive_streams(&mut self) -> bool {
        let (now, engine) = (Instant::now(), &mut self.engine);
        let more = self
            .streams
            .receive(now, self.poll.registry(), |from, datagram| engine.handle_datagram(now, from, datagram));
        self.send();
        more
    }

    fn send(&mut self) {
        while let Some(transmit) = self.engine.poll_transmit() {
            let (to, size, contents) = (transmit.to, transmit.segment_size, transmit.contents);
            match to.via {
                Via::Udp => self.socket.send(to.address, size, contents),
                Via::Tcp | Via::Turn { .. } => self.streams.send(self.poll.registry(), to, size, contents),
            }
        }
    }

    /// False: it is over.
    fn requests(&mut self) -> bool {
        while let Ok(request) = self.inbox.try_recv() {
            match request {
                Request::Command(command, reply) => {
                    let closes = matches!(command, Command::CloseRoom { .. }).then(|| command.room());
                    let answer = self.engine.handle_command(Instant::now(), command);
                    // Whoever asked may have gone; the command was carried out all the same.
                    let _ = reply.send(answer);
                    if let Some(room) = closes {
                        self.rooms.remove(&room);
                    }
                }
                Request::Events(room, sender) => {
                    self.rooms.insert(room, sender);
                }
                Request::Stream(socket, from, guard) => {
                    self.streams.add(Instant::now(), self.poll.registry(), socket, from, guard);
                    let _ = self.receive_streams();
                }
                Request::Turn(opened) => {
                    self.streams.add_turn(Instant::now(), self.poll.registry(), *opened);
                    let _ = self.receive_streams();
                }
                Request::Shutdown => {
                    self.engine.shutdown(Instant::now());
                    self.send();
                    return false;
                }
            }
        }
        true
    }

    /// Hands events to the room tasks. A task that reads too slowly misses who speaks; anything else it must not miss,
    /// so its stream ends and it opens a new one.
    fn tell(&mut self) {
        while let Some(event) = self.engine.poll_event() {
            let room = event.room();
            let Some(sender) = self.rooms.get(&room) else { continue };
            let ends = match sender.try_send(event) {
                Ok(()) | Err(mpsc::error::TrySendError::Full(Event::Speaking { .. })) => false,
                Err(_) => true,
            };
            if ends {
                self.rooms.remove(&room);
            }
        }
    }
}
