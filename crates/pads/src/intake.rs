//! What comes in from a connection: each frame is limited, permitted, scanned and judged before the document sees it.
//!
//! This is the first half of [`Pad`]; what passes waits for the next tick in `pad.rs`.

use crate::access::{Claim, Right};
use crate::connection::{Close, ConnectionId};
use crate::frame::{self, FrameError, Message, Notice};
use crate::pad::{Effect, Fullness, Pad, Waiting};
use crate::scan::{self, Limits, ScanError};
use crate::shadow::Refusal;
use bytes::Bytes;
use model::limits;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;
use yrs::StateVector;
use yrs::updates::decoder::Decode;

/// How often in a row an answer to step 1 may be unusable before the connection is closed.
const FAILURES_MAX: u32 = 10;

/// Whether an update is said live or answers our step 1.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Live,
    Answer,
}

impl Pad {
    /// One frame from a connection.
    pub fn handle(&mut self, now: Duration, connection: ConnectionId, bytes: &Bytes) -> Vec<Effect> {
        if !self.connections.contains_key(&connection) {
            return Vec::new();
        }
        match frame::parse(bytes) {
            Ok(Message::Step1(vector)) => self.on_step1(now, connection, vector),
            Ok(Message::Step2(update)) => self.on_update(connection, bytes.slice_ref(update), Way::Answer),
            Ok(Message::Update(update)) => self.on_update(connection, bytes.slice_ref(update), Way::Live),
            Ok(Message::Awareness(states)) => self.on_awareness(now, connection, states),
            Ok(Message::QueryAwareness) => {
                if self.may_ask(now, connection) {
                    for frame in self.states.all() {
                        self.send(connection, frame);
                    }
                }
            }
            Ok(Message::Ack(counter)) => self.want_ack(connection, counter),
            Err(FrameError::TooLarge) => self.close(connection, Close::TooLarge),
            Err(_) => self.close(connection, Close::Malformed),
        }
        self.tick(now)
    }

    /// Questions make us encode much for little, so they are counted.
    fn may_ask(&mut self, now: Duration, id: ConnectionId) -> bool {
        let allowed = self.connections.get_mut(&id).is_some_and(|one| one.questions.take(now));
        if !allowed {
            self.close(id, Close::TooMany);
        }
        allowed
    }

    fn on_step1(&mut self, now: Duration, id: ConnectionId, vector: &[u8]) {
        if !self.may_ask(now, id) {
            return;
        }
        match scan::state_vector(vector).map(|_| StateVector::decode_v1(vector)) {
            Ok(Ok(since)) => self.answer(now, id, &since),
            _ => self.close(id, Close::Malformed),
        }
    }

    fn on_update(&mut self, id: ConnectionId, bytes: Bytes, way: Way) {
        let Some(one) = self.connections.get_mut(&id) else { return };
        if one.right < Right::Write {
            // S-03: refused before it is decoded.
            one.hole = true;
            self.counters.refused_updates += 1;
            self.notice(id, Notice::ReadOnly);
            return;
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(&bytes);
        let hash = hasher.finish();
        if self.quarantine.contains(&hash) {
            self.close(id, Close::Quarantined);
            return;
        }
        let allowed = if way == Way::Live { Limits::LIVE } else { Limits::SYNC };
        let scanned = match scan::update(&bytes, allowed) {
            Ok(scanned) => scanned,
            Err(ScanError::TooMany) => return self.close(id, Close::TooLarge),
            Err(_) => return self.close(id, Close::Malformed),
        };
        let too_large = self.document.size().0 + bytes.len() > limits::PAD_DOCUMENT_BYTES_MAX;
        if (self.fullness == Fullness::Full || too_large) && self.brings_something(&scanned) {
            if let Some(one) = self.connections.get_mut(&id) {
                one.hole = true;
                one.asked = false;
            }
            self.counters.refused_updates += 1;
            self.notice(id, Notice::Full);
            return;
        }
        if !self.may_speak_for(id, &scanned, way) {
            return self.not_usable(id, way);
        }
        let text_units = scanned.text_units;
        match self.document.shadow.admit(&scanned) {
            Ok(added) => {
                self.document.add_text_units(text_units);
                let Some(one) = self.connections.get_mut(&id) else { return };
                let person = one.person;
                let mut held_back = None;
                if way == Way::Answer {
                    one.asked = false;
                    one.hole = false;
                    one.failures = 0;
                    held_back = one.held_back.take();
                }
                self.batch.push(Waiting { connection: id, person, bytes, hash, added });
                if let Some(counter) = held_back {
                    self.want_ack(id, counter);
                }
            }
            Err(Refusal::Missing) => self.not_usable(id, way),
            Err(Refusal::TooDeep | Refusal::Impossible) => self.close(id, Close::Malformed),
        }
    }

    /// Whether an update has elements that are not there yet.
    fn brings_something(&self, scanned: &scan::Update<'_>) -> bool {
        scanned.structs.iter().any(|one| one.id.clock + one.length > self.document.shadow.next_clock(one.id.client))
    }

    /// S-03: live, a connection writes with its own client id; in an answer to step 1 it may bring older ids (offline
    /// edits from before a reload), but none that somebody else is writing with now. Who has not yet answered what we
    /// asked is not writing: after a crash everybody has what they saw of others and the disk did not keep, and if each
    /// waited for the other to bring it, nobody ever would.
    fn may_speak_for(&mut self, id: ConnectionId, scanned: &scan::Update<'_>, way: Way) -> bool {
        let shadow = &self.document.shadow;
        let fresh = scanned.structs.iter().filter(|one| one.id.clock + one.length > shadow.next_clock(one.id.client));
        let writing: BTreeSet<u64> = fresh.map(|one| one.id.client).collect();
        let Some(one) = self.connections.get(&id) else { return false };
        let (person, own) = (one.person, one.client);
        match (way, own) {
            (Way::Live, Some(own)) => writing.iter().all(|client| *client == own),
            (Way::Live, None) => match writing.first() {
                None => true,
                Some(client) if writing.len() == 1 => self.bind(id, *client),
                Some(_) => false,
            },
            (Way::Answer, _) => !writing.iter().any(|client| {
                let others = self.connections.values().filter(|other| other.person != person && !other.asked);
                others.into_iter().any(|other| other.client == Some(*client))
            }),
        }
    }

    /// Binds a client id to a connection, and takes it from an older connection of the same person.
    fn bind(&mut self, id: ConnectionId, client: u64) -> bool {
        let Some(one) = self.connections.get(&id) else { return false };
        match self.clients.claim(client, id, one.person) {
            Claim::Foreign => false,
            Claim::Granted { from } => {
                if let Some(from) = from {
                    self.states.remove(client, from);
                    if let Some(before) = self.connections.get_mut(&from) {
                        before.client = None;
                    }
                }
                if let Some(one) = self.connections.get_mut(&id) {
                    one.client = Some(client);
                }
                true
            }
        }
    }

    /// Drops what does not go with the document and asks the sender for everything that we miss.
    fn not_usable(&mut self, id: ConnectionId, way: Way) {
        if let Some(one) = self.connections.get_mut(&id)
            && way == Way::Answer
        {
            one.asked = false;
            one.failures += 1;
            if one.failures > FAILURES_MAX {
                return self.close(id, Close::Malformed);
            }
        }
        self.drop_and_ask(id);
    }

    fn on_awareness(&mut self, now: Duration, id: ConnectionId, states: &[u8]) {
        let Ok(entries) = scan::awareness(states) else { return self.close(id, Close::Malformed) };
        let Some(one) = self.connections.get(&id) else { return };
        if one.client.is_none()
            && let [entry] = entries.as_slice()
            && entry.state != "null"
        {
            self.bind(id, entry.client);
        }
        let Some(one) = self.connections.get(&id) else { return };
        let (own, name) = (one.client, one.name.clone());
        for entry in entries {
            if Some(entry.client) == own {
                self.states.set(now, id, entry, name.as_deref());
            } else {
                self.counters.foreign_states += 1;
            }
        }
    }
}
