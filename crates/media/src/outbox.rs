//! What waits to leave the engine: events, and the connections that have something to send now or soon.
//! Filled by rooms, emptied by the engine's poll functions.

use crate::command::Event;
use crate::rewrite::Origin;
use crate::slab::Key;
use crate::train::HOLD;
use std::collections::VecDeque;
use std::time::Instant;

/// A connection: the room's key and the peer's key in it.
pub(crate) type Address = (Key, Key);

/// What waits for its time to be over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// A viewer's train.
    Train(Address),
    /// What a viewer's path could not take at once.
    Rest(Address),
    /// A picture of which packets are missing, in the room with this key.
    Picture(Key, Origin),
}

/// The outbox.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    events: VecDeque<Event>,
    ready: VecDeque<Address>,
    /// What is held; all for the same time, so the oldest comes first.
    held: VecDeque<(Instant, Held)>,
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

    /// It leaves when its time is over.
    pub(crate) fn hold(&mut self, now: Instant, held: Held) {
        self.held.push_back((now + HOLD, held));
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

    /// When the oldest leaves that still waits.
    pub(crate) fn held_until(&mut self, mut waits: impl FnMut(Instant, Held) -> bool) -> Option<Instant> {
        // Most have left with something else before their time; nobody is to wake up for them.
        while self.held.pop_front_if(|(until, held)| !waits(*until, *held)).is_some() {}
        self.held.front().map(|(until, _)| *until)
    }

    /// The next whose time is over.
    pub(crate) fn next_due(&mut self, now: Instant) -> Option<(Instant, Held)> {
        self.held.pop_front_if(|(until, _)| *until <= now)
    }

    pub(crate) fn next_ended(&mut self) -> Option<Address> {
        self.ended.pop()
    }
}
