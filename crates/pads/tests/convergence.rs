//! Random plans with a seed: editors type, go offline, come back, the server crashes and forgets what was not on disk.
//! At the end all have the same text, and every acknowledged character is there (R-01, R-05, the pad promise).
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::{Seed, World, doc, seeds};
use std::collections::BTreeMap;
use std::time::Duration;
use werkraum_pads::access::{Person, Right};
use werkraum_pads::connection::ConnectionId;
use werkraum_pads::pad::Pad;
use yrs::{Doc, GetString, Text, Transact};

const EDITORS: u64 = 4;

/// Somebody with a browser: their document survives what happens to connections.
struct Author {
    doc: Doc,
    connection: Option<ConnectionId>,
    /// Words typed, and the counter under which each was said on the present connection.
    words: Vec<(String, Option<u64>)>,
    acknowledged: Vec<String>,
}

struct Plan {
    world: World,
    authors: BTreeMap<u64, Author>,
    random: Seed,
    word: u32,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        world.auto_commit = false;
        let author = |number| Author { doc: doc(100 + number), connection: None, words: vec![], acknowledged: vec![] };
        let authors = (0..EDITORS).map(|number| (number, author(number))).collect();
        Self { world, authors, random: Seed(seed), word: 0 }
    }

    fn connect(&mut self, number: u64) {
        let author = self.authors.get_mut(&number).unwrap();
        if author.connection.is_none() {
            // Everybody's answer to what the server asks comes in its own time.
            self.world.slow_lines = self.random.below(2) == 0;
            let person = Person([number as u8; 16]);
            author.connection = Some(self.world.join_as(author.doc.clone(), person, Right::Write));
        }
    }

    fn disconnect(&mut self, number: u64) {
        self.note_acks(number);
        let author = self.authors.get_mut(&number).unwrap();
        if let Some(connection) = author.connection.take() {
            self.world.leave(connection);
        }
        for word in &mut author.words {
            word.1 = None;
        }
    }

    /// A slow line delivers.
    fn unstick(&mut self) {
        let stuck = self.random.below(self.world.stuck.len() as u64) as usize;
        if let Some(&connection) = self.world.stuck.get(stuck) {
            self.world.unstick(connection);
        }
    }

    fn write(&mut self, number: u64) {
        self.word += 1;
        // One character each, so that nobody can type into the middle of a word.
        let word = char::from_u32(0x4e00 + self.word).unwrap().to_string();
        let position = self.random.below(40) as u32;
        let author = self.authors.get_mut(&number).unwrap();
        match author.connection {
            Some(connection) => {
                let counter = self.world.type_at(connection, position, &word);
                author.words.push((word, Some(counter)));
            }
            None => {
                let text = author.doc.get_or_insert_text("t");
                let mut transaction = author.doc.transact_mut();
                let position = position.min(text.len(&transaction));
                text.insert(&mut transaction, position, &word);
                drop(transaction);
                author.words.push((word, None));
            }
        }
    }

    fn note_acks(&mut self, number: u64) {
        let author = self.authors.get_mut(&number).unwrap();
        let Some(connection) = author.connection else { return };
        let newest = self.world.editors[&connection].acks.iter().copied().max().unwrap_or(0);
        for (word, counter) in &author.words {
            if counter.is_some_and(|counter| counter <= newest) {
                author.acknowledged.push(word.clone());
            }
        }
    }

    /// The process dies: everything that was not committed is forgotten, with or without a checkpoint before.
    fn crash(&mut self, checkpoint: bool) {
        for number in 0..EDITORS {
            self.disconnect(number);
        }
        let now = self.world.now;
        let mut log = std::mem::take(&mut self.world.log);
        log.truncate(self.world.durable);
        let (mut pad, left_out) = Pad::open(None, &log).unwrap();
        assert_eq!(left_out, 0);
        if checkpoint {
            let (through, bytes) = pad.checkpoint().unwrap();
            let vector = pad.document().state_vector();
            pad = Pad::open(Some((through, &bytes)), &[]).unwrap().0;
            assert_eq!(pad.document().state_vector(), vector);
        }
        let text = {
            let doc = pad.document().yrs();
            let text = doc.get_or_insert_text("t");
            text.get_string(&doc.transact())
        };
        for author in self.authors.values() {
            for word in &author.acknowledged {
                assert!(text.contains(word.as_str()), "acknowledged and lost: {word}");
            }
        }
        self.world = World::with(pad);
        self.world.auto_commit = false;
        self.world.now = now;
        self.world.durable = log.len();
        self.world.log = log;
    }

    fn run(mut self) {
        for _ in 0..80 {
            let number = self.random.below(EDITORS);
            match self.random.below(23) {
                0..=9 => self.write(number),
                10..=12 => self.connect(number),
                13 => self.disconnect(number),
                14..=16 => {
                    let time = self.random.below(80);
                    self.world.pass(Duration::from_millis(time));
                }
                17..=18 => self.world.commit(),
                19..=21 => self.unstick(),
                _ => {
                    let checkpoint = self.random.below(2) == 0;
                    self.crash(checkpoint);
                }
            }
        }
        self.world.auto_commit = true;
        for number in 0..EDITORS {
            self.connect(number);
        }
        while !self.world.stuck.is_empty() {
            self.unstick();
        }
        self.world.commit();
        self.world.pass(Duration::from_secs(5));
        let text = self.world.pad_text();
        for author in self.authors.values() {
            let editor = &self.world.editors[&author.connection.unwrap()];
            assert_eq!(editor.closed, None);
            assert_eq!(editor.text(), text, "everybody has the same text");
            for (word, _) in &author.words {
                assert!(text.contains(word.as_str()), "typed and lost: {word}");
            }
        }
    }
}

#[test]
fn random_plans_converge_and_lose_nothing() {
    for seed in seeds(200) {
        let result = std::panic::catch_unwind(|| Plan::new(seed).run());
        assert!(result.is_ok(), "seed {seed}");
    }
}
