//! A pad with editors around it, without network and clock: what the engine's tests share.
//!
//! Editors are yrs documents that speak the protocol as y-websocket does. It must hold no judgement of its own.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    missing_docs,
    reason = "test helpers; each test file uses its part"
)]

use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use werkraum_pads::access::{Person, Right};
use werkraum_pads::connection::{Attach, Close, ConnectionId, Gauge};
use werkraum_pads::frame::{self, Message};
use werkraum_pads::pad::{Effect, Pad};
use yrs::updates::decoder::Decode;
use yrs::updates::encoder::Encode;
use yrs::{ClientID, Doc, GetString, OffsetKind, Options, ReadTxn, StateVector, Text, Transact, Update};

/// An editor as y-websocket makes them.
pub struct Editor {
    pub doc: Doc,
    pub id: ConnectionId,
    pub gauge: Arc<Gauge>,
    pub acks: Vec<u64>,
    pub notices: Vec<String>,
    pub closed: Option<Close>,
    pub received: Vec<Bytes>,
    queue: VecDeque<Bytes>,
    counter: u64,
}

pub fn doc(client: u64) -> Doc {
    let mut options = Options::with_guid_and_client_id("test".into(), ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    Doc::with_options(options)
}

impl Editor {
    pub fn text(&self) -> String {
        let text = self.doc.get_or_insert_text("t");
        text.get_string(&self.doc.transact())
    }

    /// Types and returns the frame that y-websocket would send.
    pub fn type_at(&mut self, at: u32, what: &str) -> Bytes {
        let text = self.doc.get_or_insert_text("t");
        let mut transaction = self.doc.transact_mut();
        let at = at.min(text.len(&transaction));
        text.insert(&mut transaction, at, what);
        transaction.commit();
        frame::update(&transaction.encode_update_v1())
    }

    pub fn delete_at(&mut self, at: u32, count: u32) -> Bytes {
        let text = self.doc.get_or_insert_text("t");
        let mut transaction = self.doc.transact_mut();
        let length = text.len(&transaction);
        let at = at.min(length);
        text.remove_range(&mut transaction, at, count.min(length - at));
        transaction.commit();
        frame::update(&transaction.encode_update_v1())
    }
}

/// A pad and its editors; what the engine wants stored is kept here until it is committed.
pub struct World {
    pub pad: Pad,
    pub now: Duration,
    pub editors: BTreeMap<ConnectionId, Editor>,
    pub log: Vec<(u64, Bytes)>,
    pub durable: usize,
    pub quarantined: usize,
    pub auto_commit: bool,
    /// Editors whose queue is never written.
    pub stuck: Vec<ConnectionId>,
    /// Whoever joins is stuck at first, as somebody on a slow line.
    pub slow_lines: bool,
    next: u64,
}

impl World {
    pub fn new() -> Self {
        Self::with(Pad::open(None, &[]).unwrap().0)
    }

    pub fn with(pad: Pad) -> Self {
        Self {
            pad,
            now: Duration::from_secs(1),
            editors: BTreeMap::new(),
            log: Vec::new(),
            durable: 0,
            quarantined: 0,
            auto_commit: true,
            stuck: Vec::new(),
            slow_lines: false,
            next: 1,
        }
    }

    pub fn join(&mut self, client: u64, right: Right) -> ConnectionId {
        self.join_as(doc(client), Person([u8::try_from(client % 251).unwrap(); 16]), right)
    }

    pub fn join_as(&mut self, doc: Doc, person: Person, right: Right) -> ConnectionId {
        let id = ConnectionId(self.next);
        self.next += 1;
        if self.slow_lines {
            self.stuck.push(id);
        }
        let gauge = Arc::new(Gauge::default());
        let editor = Editor {
            doc,
            id,
            gauge: gauge.clone(),
            acks: vec![],
            notices: vec![],
            closed: None,
            received: vec![],
            queue: VecDeque::new(),
            counter: 0,
        };
        let vector = editor.doc.transact().state_vector().encode_v1();
        let client = editor.doc.client_id().get();
        self.editors.insert(id, editor);
        let effects = self.pad.attach(
            self.now,
            Attach { connection: id, person, right, most: Right::Write, name: None, acks: true, gauge },
        );
        self.perform(effects);
        self.say(id, &frame::step1(&vector));
        let state = format!("{{\"client\":{client}}}");
        let mut entry = vec![1];
        entry.extend(varint(client));
        entry.push(1);
        entry.push(u8::try_from(state.len()).unwrap());
        entry.extend(state.bytes());
        self.say(id, &frame::awareness(&entry));
        id
    }

    pub fn leave(&mut self, id: ConnectionId) -> Editor {
        let effects = self.pad.detach(self.now, id);
        self.perform(effects);
        self.editors.remove(&id).unwrap()
    }

    /// A frame reaches the pad.
    pub fn say(&mut self, id: ConnectionId, frame: &Bytes) {
        let effects = self.pad.handle(self.now, id, frame);
        self.perform(effects);
    }

    /// Types and asks for an acknowledgement; returns the counter.
    pub fn type_at(&mut self, id: ConnectionId, at: u32, what: &str) -> u64 {
        let editor = self.editors.get_mut(&id).unwrap();
        let frame = editor.type_at(at, what);
        self.say_with_ack(id, &frame)
    }

    pub fn say_with_ack(&mut self, id: ConnectionId, frame: &Bytes) -> u64 {
        let editor = self.editors.get_mut(&id).unwrap();
        editor.counter += 1;
        let counter = editor.counter;
        self.say(id, frame);
        self.say(id, &frame::ack(counter));
        counter
    }

    /// Time goes on in the pad's own steps.
    pub fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.pad.next_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            let effects = self.pad.tick(self.now);
            self.perform(effects);
        }
        self.now = end;
        let effects = self.pad.tick(self.now);
        self.perform(effects);
    }

    pub fn commit(&mut self) {
        self.durable = self.log.len();
        if let Some((sequence, _)) = self.log.last() {
            let effects = self.pad.committed(*sequence);
            self.perform(effects);
        }
    }

    /// Writes what waits for an editor that was stuck.
    pub fn unstick(&mut self, id: ConnectionId) {
        self.stuck.retain(|stuck| *stuck != id);
        self.write_queue(id);
    }

    fn write_queue(&mut self, id: ConnectionId) {
        while !self.stuck.contains(&id) {
            let Some(frame) = self.editors.get_mut(&id).and_then(|editor| editor.queue.pop_front()) else { return };
            self.write(id, frame);
        }
    }

    fn deliver(&mut self, id: ConnectionId, frame: Bytes) {
        let Some(editor) = self.editors.get_mut(&id) else { return };
        editor.queue.push_back(frame);
        self.write_queue(id);
    }

    fn write(&mut self, id: ConnectionId, frame: Bytes) {
        let Some(editor) = self.editors.get_mut(&id) else { return };
        let wake = editor.gauge.written(frame.len());
        let mut answer = None;
        if frame[0] == 103 {
            editor.notices.push(String::from_utf8_lossy(&frame[2..]).into_owned());
        } else {
            match frame::parse(&frame).unwrap() {
                Message::Step1(vector) => {
                    let since = StateVector::decode_v1(vector).unwrap();
                    answer = Some(frame::step2(&editor.doc.transact().encode_state_as_update_v1(&since)));
                }
                Message::Step2(update) | Message::Update(update) => {
                    editor.doc.transact_mut().apply_update(Update::decode_v1(update).unwrap()).unwrap();
                    assert!(!editor.doc.transact().has_missing_updates(), "pieces come in an order that applies");
                }
                Message::Ack(counter) => editor.acks.push(counter),
                Message::Awareness(_) | Message::QueryAwareness => {}
            }
            editor.received.push(frame);
        }
        if wake {
            let effects = self.pad.drained(self.now, id);
            self.perform(effects);
        }
        if let Some(answer) = answer {
            self.say(id, &answer);
        }
    }

    pub fn perform(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Append { sequence, row } => self.log.push((sequence, row)),
                Effect::Send { connection, frame } => self.deliver(connection, frame),
                Effect::Close { connection, why } => {
                    if let Some(editor) = self.editors.get_mut(&connection) {
                        editor.closed = Some(why);
                    }
                }
                Effect::Quarantined => self.quarantined += 1,
            }
        }
        if self.auto_commit && self.durable < self.log.len() {
            self.commit();
        }
    }

    pub fn pad_text(&mut self) -> String {
        let doc = self.pad.document().yrs();
        let text = doc.get_or_insert_text("t");
        text.get_string(&doc.transact())
    }

    pub fn state(&mut self) -> Bytes {
        self.pad.document().state().unwrap()
    }
}

pub fn varint(mut number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while number >= 0x80 {
        out.push((number as u8 & 0x7f) | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}

/// A small seeded generator (SplitMix64): plans are replayed from their seed.
pub struct Seed(pub u64);

impl Seed {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }
}

/// How many seeds to try: more by hand with `WERKRAUM_SEEDS=5000`.
#[expect(clippy::disallowed_methods, reason = "a test may read its environment; the engine may not")]
pub fn seeds(usual: u64) -> std::ops::Range<u64> {
    let wanted = std::env::var("WERKRAUM_SEEDS").ok().and_then(|seeds| seeds.parse().ok());
    0..wanted.unwrap_or(usual)
}
