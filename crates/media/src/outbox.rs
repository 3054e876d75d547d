//! What waits to leave the engine: events, and the connections that have something to send now or soon.
//! Filled by rooms, emptied by the engine's poll functions.

use crate::command::Event;
use crate::slab::Key;
use crate::train::HOLD;
use std::collections::VecDeque;
use std::time::Instant;

/// A connection: the room's key and the peer's key in it.
pub(crate) type Address = (Key, Key);

/// The outbox.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    events: VecDeque<Event>,
    ready: VecDeque<Address>,
    /// Trains that are held; all for the same time, so the oldest comes first.
    held: VecDeque<(Instant, Address)>,
    ended: Vec<Address>,
}

impl Outbox {
    pub(crate) fn event(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// The connection has something to send.
    pub(crate) fn ready(&mut self, room: Key, peer: Key) {
        // Packets of one picture come one after the other; a second entry would only find nothing to do.
        if self.ready.back() != Some(&(room, peer)) {
            self.ready.push_back((room, peer));
        }
    }

    /// The connection's train leaves when its time is over.
    pub(crate) fn hold(&mut self, now: Instant, room: Key, peer: Key) {
        self.held.push_back((now + HOLD, (room, peer)));
    }

    /// The connection has ended.
    pub(crate) fn ended(&mut self, room: Key, peer: Key) {
        if !self.ended.contains(&(room, peer)) {
            self.ended.push((room, peer));
        }
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub(crate) fn first_ready(&self) -> Option<Address> {
        self.ready.front().copied()
    }

    pub(crate) fn done(&mut self) {
        self.ready.pop_front();
    }

    /// When the oldest held train leaves.
    pub(crate) fn held_until(&self) -> Option<Instant> {
        self.held.front().map(|(until, _)| *until)
    }

    /// The next held connection whose time is over.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<Address> {
        self.held.pop_front_if(|(until, _)| *until <= now).map(|(_, address)| address)
    }

    pub(crate) fn next_ended(&mut self) -> Option<Address> {
        self.ended.pop()
    }
}
