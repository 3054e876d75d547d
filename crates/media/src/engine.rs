//! The engine's door: told the time, it takes datagrams and commands and gives trains of datagrams and events. Owned
//! by one worker thread of `src/media`; it opens no socket, reads no clock and draws no randomness of its own.
//!
//! Order of calls: `handle_…` as things come, then `poll_transmit` and `poll_event` until they are empty, then sleep
//! until `poll_timeout` at most.

use crate::command::{Command, Event, Path, Refusal, Reply};
use crate::connection::Connection;
use crate::demux::{self, Demux};
use crate::negotiate::Negotiator;
use crate::outbox::{Address, Held, Outbox};
use crate::random::Random;
use crate::remote::Remote;
use crate::reports::Clock;
use crate::room::Room;
use crate::slab::{Key, Slab};
use crate::tick::TICK;
use crate::transport::{CloseReason, Identity};
use model::ids::{ParticipantId, RoomId};
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// What an engine is made with.
#[derive(Clone)]
pub struct Config {
    /// Where clients reach us by UDP, best first; goes into every answer.
    pub addresses: Vec<Remote>,
    /// The DTLS certificate, one per process (S-31).
    pub identity: Arc<Identity>,
}

/// Datagrams to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// Where to.
    pub to: Remote,
    /// The size of each datagram but the last, which may be shorter; `None`: `contents` is one datagram.
    pub segment_size: Option<usize>,
    /// The datagrams, one behind the other.
    pub contents: &'a [u8],
}

/// What was counted since the start; the shell exports it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Rooms that were closed because of a fault (S-25); must stay 0.
    pub panics: u64,
    /// What the demultiplexer dropped (S-30).
    pub demux: demux::Counters,
    /// Trains that were sent, and the packets in them.
    pub trains: u64,
    /// Packets in those trains.
    pub packets: u64,
    /// Bytes of those packets, without UDP and IP.
    pub bytes: u64,
    /// Connections that ended because the certificate was not the signalled one (S-31): a security event.
    pub certificates_refused: u64,
}

/// The SFU.
pub struct Engine {
    config: Config,
    random: Random,
    clock: Clock,
    now: Instant,
    rooms: Slab<Room>,
    by_id: HashMap<RoomId, Key>,
    demux: Demux<Address>,
    outbox: Outbox,
    tick_at: Option<Instant>,
    goodbyes: VecDeque<(Remote, Vec<u8>)>,
    out: Vec<u8>,
    counters: Counters,
}

impl Engine {
    /// An engine without rooms. `seed`: 32 bytes from the operating system (in tests: fixed).
    #[must_use]
    pub fn new(now: Instant, config: Config, seed: [u8; 32]) -> Self {
        Self {
            config,
            random: Random::new(seed),
            clock: Clock::new(now),
            now,
            rooms: Slab::default(),
            by_id: HashMap::new(),
            demux: Demux::new(),
            outbox: Outbox::default(),
            tick_at: None,
            goodbyes: VecDeque::new(),
            out: Vec::with_capacity(65_536),
            counters: Counters::default(),
        }
    }

    /// Takes a datagram; it is opened in place.
    pub fn handle_datagram(&mut self, now: Instant, from: impl Into<Remote>, datagram: &mut [u8]) {
        let from = from.into();
        self.now = now;
        let Some(address) = self.demux.route(from, datagram) else { return };
        let bind = self.guarded(address.0, |room, outbox| room.datagram(now, address.1, from, datagram, outbox));
        if bind == Some(true) {
            self.demux.bind(from, address);
        }
        self.reap(now);
    }

    /// Whether a connection uses this far end: a TCP connection that nobody uses can be closed.
    #[must_use]
    pub fn knows(&self, remote: Remote) -> bool {
        self.demux.knows(remote)
    }

    /// Carries out a command.
    ///
    /// # Errors
    /// [`Refusal`]; nothing has changed then.
    pub fn handle_command(&mut self, now: Instant, command: Command) -> Result<Reply, Refusal> {
        self.now = now;
        let id = command.room();
        let known = self.by_id.get(&id).copied();
        let room = match (&command, known) {
            (_, Some(room)) => room,
            (Command::Join { .. }, None) => self.open(now, id),
            (Command::CloseRoom { .. }, None) => return Ok(Reply::Done),
            _ => return Err(Refusal::Unknown),
        };
        let reply = match command {
            Command::Join { participant, allowed, .. } => {
                self.in_room(room, |room, _| {
                    room.join(participant, allowed);
                    Ok(())
                })?;
                Reply::Done
            }
            Command::Offer { participant, offer, .. } => self.offer(now, room, participant, &offer)?,
            Command::Subscribe { participant, slots, .. } => {
                self.in_room(room, |room, _| room.subscribe(room.find(participant)?, &slots))?;
                Reply::Done
            }
            Command::SetAllowed { participant, sources, .. } => {
                self.in_room(room, |room, _| {
                    room.set_allowed(room.find(participant)?, sources);
                    Ok(())
                })?;
                Reply::Done
            }
            Command::SetOn { participant, source, on, .. } => {
                self.in_room(room, |room, _| {
                    room.set_on(room.find(participant)?, source, on);
                    Ok(())
                })?;
                Reply::Done
            }
            Command::Leave { participant, .. } => {
                let peer = self.in_room(room, |room, _| room.find(participant))?;
                self.disconnect(now, (room, peer));
                self.in_room(room, |room, _| {
                    room.peers.remove(peer);
                    Ok(())
                })?;
                Reply::Done
            }
            Command::CloseRoom { .. } => {
                self.close(now, room);
                return Ok(Reply::Done);
            }
        };
        self.in_room(room, |room, outbox| {
            room.settle(now, outbox);
            Ok(())
        })?;
        Ok(reply)
    }

    fn open(&mut self, now: Instant, id: RoomId) -> Key {
        let clock = self.clock;
        // The key is known only after the insertion; nobody sees the room before.
        let placeholder = Key::default();
        let key = self.rooms.insert(Room::new(id, placeholder, clock));
        if let Some(room) = self.rooms.get_mut(key) {
            room.key = key;
        }
        self.by_id.insert(id, key);
        self.tick_at.get_or_insert(now + TICK);
        key
    }

    fn offer(
        &mut self,
        now: Instant,
        room: Key,
        participant: ParticipantId,
        offer: &crate::command::Offer,
    ) -> Result<Reply, Refusal> {
        let peer = self.in_room(room, |room, _| room.find(participant))?;
        let (config, mut random) = (self.config.clone(), Random::new(self.random.bytes()));
        let negotiated = self.in_room(room, |room, outbox| {
            let addresses = &config.addresses;
            let mut with = Negotiator { identity: &config.identity, addresses, random: &mut random };
            room.negotiate(now, peer, offer, &mut with, outbox)
        })?;
        if let Some(former) = negotiated.replaced {
            self.demux.forget((room, peer));
            self.goodbye(former);
        }
        if let Some(ufrag) = negotiated.new_ufrag {
            self.demux.add_ufrag(&ufrag, (room, peer));
        }
        Ok(Reply::Answer(negotiated.answer))
    }

    /// Does something in a room; a panic in there closes that room and nothing else (S-25).
    fn guarded<T>(&mut self, key: Key, work: impl FnOnce(&mut Room, &mut Outbox) -> T) -> Option<T> {
        let room = self.rooms.get_mut(key)?;
        let outbox = &mut self.outbox;
        match catch_unwind(AssertUnwindSafe(|| work(room, outbox))) {
            Ok(done) => Some(done),
            Err(_) => {
                self.fail(key);
                None
            }
        }
    }

    fn in_room<T>(
        &mut self,
        key: Key,
        work: impl FnOnce(&mut Room, &mut Outbox) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        self.guarded(key, work).unwrap_or(Err(Refusal::Failed))
    }

    fn fail(&mut self, key: Key) {
        self.counters.panics += 1;
        if let Some(room) = self.rooms.remove(key) {
            for (peer, _) in room.peers.iter() {
                self.demux.forget((key, peer));
            }
            self.by_id.remove(&room.id);
            self.outbox.event(Event::Failed { room: room.id });
        }
    }

    fn close(&mut self, now: Instant, key: Key) {
        let Some(room) = self.rooms.get(key) else { return };
        let peers: Vec<Key> = room.peers.iter().map(|(peer, _)| peer).collect();
        for peer in peers {
            self.disconnect(now, (key, peer));
        }
        if let Some(room) = self.rooms.remove(key) {
            self.by_id.remove(&room.id);
        }
    }

    fn disconnect(&mut self, now: Instant, address: Address) {
        let former = self.guarded(address.0, |room, outbox| room.disconnect(now, address.1, outbox)).flatten();
        self.demux.forget(address);
        if let Some(former) = former {
            let refused = former.transport.close_reason() == Some(CloseReason::WrongFingerprint);
            self.counters.certificates_refused += u64::from(refused);
            self.goodbye(former);
        }
    }

    fn goodbye(&mut self, mut former: Connection) {
        while let Some(transmit) = former.transport.poll_transmit() {
            self.goodbyes.push_back((transmit.to, transmit.contents));
        }
    }

    /// Takes out connections that have ended, and tells of them.
    fn reap(&mut self, now: Instant) {
        while let Some(address) = self.outbox.next_ended() {
            let ended = self.rooms.get(address.0).and_then(|room| {
                let peer = room.peers.get(address.1)?;
                peer.connection.as_ref()?;
                Some(Event::Disconnected { room: room.id, participant: peer.participant })
            });
            if let Some(ended) = ended {
                self.disconnect(now, address);
                self.outbox.event(ended);
                self.guarded(address.0, |room, outbox| room.settle(now, outbox));
            }
        }
    }

    /// When [`Self::handle_timeout`] has to be called; `None`: not before something comes.
    #[must_use]
    pub fn poll_timeout(&mut self) -> Option<Instant> {
        let rooms = &self.rooms;
        let held = self.outbox.held_until(|until, held| held_until(rooms, held) == Some(until));
        [held, self.tick_at].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        while let Some((until, held)) = self.outbox.next_due(now) {
            if held_until(&self.rooms, held) != Some(until) {
                continue; // it has left before
            }
            match held {
                Held::Train((room, peer)) | Held::Rest((room, peer)) => self.outbox.ready(room, peer),
                Held::Picture(room, origin) => {
                    self.guarded(room, |room, outbox| room.release(now, origin, outbox));
                }
            }
        }
        if self.tick_at.is_some_and(|at| at <= now) {
            let rooms: Vec<Key> = self.rooms.iter().map(|(key, _)| key).collect();
            self.tick_at = (!rooms.is_empty()).then(|| now + TICK);
            for room in rooms {
                self.guarded(room, |room, outbox| room.tick(now, outbox));
            }
            self.reap(now);
        }
    }

    /// The next datagrams to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit<'_>> {
        if let Some((to, contents)) = self.goodbyes.pop_front() {
            self.out.clear();
            self.out.extend_from_slice(&contents);
            return Some(Transmit { to, segment_size: None, contents: &self.out });
        }
        // 24 bits of 6.18 fixed point seconds.
        let send_time = ((self.clock.us(self.now) << 18) / 1_000_000) as u32 & 0x00ff_ffff;
        let (to, segment_size) = loop {
            let (room, peer) = self.outbox.first_ready()?;
            let mut out = std::mem::take(&mut self.out);
            let now = self.now;
            let next = self.guarded(room, |in_room, outbox| {
                let connection = in_room.peers.get_mut(peer)?.connection.as_mut()?;
                let next = connection.flush(now, send_time, &in_room.publications, &mut out);
                if next.is_none() {
                    connection.wake_later(now, (room, peer), outbox);
                }
                next
            });
            self.out = out;
            match next.flatten() {
                Some(next) => break next,
                None => self.outbox.done(),
            }
        };
        self.counters.trains += 1;
        self.counters.bytes += self.out.len() as u64;
        self.counters.packets += segment_size.map_or(1, |size| self.out.len().div_ceil(size)) as u64;
        Some(Transmit { to, segment_size, contents: &self.out })
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outbox.next_event()
    }

    /// What is known of somebody's path from here; `None`: there is no media connection.
    #[must_use]
    pub fn path(&self, room: RoomId, participant: ParticipantId) -> Option<Path> {
        let room = self.rooms.get(*self.by_id.get(&room)?)?;
        let peer = room.peers.get(room.find(participant).ok()?)?;
        peer.connection.as_ref().map(|connection| connection.path(self.now))
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters { demux: self.demux.counters(), ..self.counters }
    }

    /// Ends all rooms; what has to be said lies in [`Self::poll_transmit`] then.
    pub fn shutdown(&mut self, now: Instant) {
        self.now = now;
        let rooms: Vec<Key> = self.rooms.iter().map(|(key, _)| key).collect();
        for room in rooms {
            self.close(now, room);
        }
    }
}

/// When something that is held has to leave; `None`: it does not wait any more.
fn held_until(rooms: &Slab<Room>, held: Held) -> Option<Instant> {
    match held {
        Held::Train((room, peer)) => rooms.get(room)?.peers.get(peer)?.connection.as_ref()?.train.held_until(),
        Held::Rest((room, peer)) => rooms.get(room)?.peers.get(peer)?.connection.as_ref()?.wakes_at(),
        Held::Picture(room, origin) => rooms.get(room)?.pending_until(origin),
    }
}
