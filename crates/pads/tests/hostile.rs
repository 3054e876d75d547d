//! What strangers send: random bytes and mutated real updates. Whatever the scanner and the shadow admit, yrs takes
//! without failing and without anything left pending, and the state can still be encoded (S-20, S-22).
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use bytes::Bytes;
use common::{Seed, World, doc, seeds};
use proptest::prelude::*;
use werkraum_pads::access::Right;
use werkraum_pads::document::Document;
use werkraum_pads::frame;
use werkraum_pads::scan::{self, Limits};
use yrs::types::Attrs;
use yrs::{
    Any, Array, ArrayPrelim, Doc, GetString, Map, MapPrelim, ReadTxn, StateVector, Text, Transact, XmlElementPrelim,
    XmlFragment, XmlTextPrelim,
};

/// Real updates of all kinds of content, from two editors who know each other's work.
fn corpus(seed: u64) -> Vec<Vec<u8>> {
    let mut seed = Seed(seed);
    let docs: Vec<Doc> = vec![doc(1 + seed.below(1 << 40)), doc((1 << 52) + seed.below(1000))];
    let mut updates = Vec::new();
    for _ in 0..24 {
        let writer = &docs[seed.below(2) as usize];
        let text = writer.get_or_insert_text("t");
        let array = writer.get_or_insert_array("a");
        let map = writer.get_or_insert_map("m");
        let xml = writer.get_or_insert_xml_fragment("x");
        let mut transaction = writer.transact_mut();
        let length = text.len(&transaction);
        let at = seed.below(u64::from(length) + 1) as u32;
        match seed.below(8) {
            0 => text.insert(&mut transaction, at, "wörter 😀"),
            1 => text.push(&mut transaction, "abc"),
            2 if length > 2 => text.remove_range(&mut transaction, at.min(length - 2), 2),
            3 if length > 2 => {
                let bold = Attrs::from([("bold".into(), Any::Bool(true))]);
                text.format(&mut transaction, at.min(length - 2), 2, bold);
            }
            4 => drop(array.push_back(&mut transaction, ArrayPrelim::from([1, 2, 3]))),
            5 => drop(map.insert(&mut transaction, format!("k{}", seed.below(3)), MapPrelim::from([("v", 1)]))),
            _ => {
                let paragraph = xml.push_back(&mut transaction, XmlElementPrelim::empty("p"));
                paragraph.push_back(&mut transaction, XmlTextPrelim::new("absatz"));
            }
        }
        transaction.commit();
        let update = transaction.encode_update_v1();
        drop(transaction);
        use yrs::updates::decoder::Decode;
        for other in &docs {
            other.transact_mut().apply_update(yrs::Update::decode_v1(&update).unwrap()).unwrap();
        }
        updates.push(update);
    }
    updates.push(docs[0].transact().encode_state_as_update_v1(&StateVector::default()));
    updates
}

/// Feeds bytes as the pad does. `true` when they were admitted.
fn feed(document: &mut Document, bytes: &[u8]) -> bool {
    let Ok(scanned) = scan::update(bytes, Limits::LIVE) else { return false };
    if document.shadow.admit(&scanned).is_err() {
        return false;
    }
    let update = Bytes::copy_from_slice(bytes);
    if document.apply(&[update]).is_err() {
        use yrs::updates::decoder::Decode;
        let decoded = yrs::Update::decode_v1(bytes).map(|update| format!("{update:?}"));
        panic!("admitted, but does not apply: {bytes:?}\n{decoded:?}\n{scanned:?}");
    }
    assert!(!document.yrs().transact().has_missing_updates());
    true
}

fn healthy(document: &mut Document) {
    let state = document.state().expect("the state can be encoded");
    let scanned = scan::update(&state, Limits::STORED).unwrap_or_else(|error| panic!("scan {error}: {state:?}"));
    let judged = werkraum_pads::shadow::Shadow::default().admit(&scanned);
    assert!(judged.is_ok(), "{judged:?}: {:#?}", scanned.structs);
    let mut again = Document::load(state).expect("and loaded");
    assert_eq!(again.state_vector(), document.state_vector());
    again.state().expect("and encoded again");
}

#[test]
fn real_updates_are_admitted_in_order_and_nothing_else_is_refused() {
    for seed in seeds(100) {
        let mut document = Document::default();
        for update in corpus(seed) {
            assert!(feed(&mut document, &update), "seed {seed}");
        }
        healthy(&mut document);
    }
}

#[test]
fn real_updates_in_any_order_are_dropped_or_applied_but_never_pending() {
    for seed in seeds(100) {
        let mut updates = corpus(seed);
        let whole = updates.pop().unwrap();
        let mut order = Seed(seed);
        for index in (1..updates.len()).rev() {
            updates.swap(index, order.below(index as u64 + 1) as usize);
        }
        let mut document = Document::default();
        for update in &updates {
            feed(&mut document, update);
        }
        assert!(feed(&mut document, &whole), "the answer to step 1 fills every gap");
        let expected = {
            let mut straight = Document::default();
            feed(&mut straight, &whole);
            straight.state_vector()
        };
        assert_eq!(document.state_vector(), expected);
        healthy(&mut document);
    }
}

#[test]
fn mutated_updates_never_break_the_document() {
    let mut admitted = 0;
    for seed in seeds(300) {
        let updates = corpus(seed);
        let mut random = Seed(seed ^ 0xabcd);
        let mut document = Document::default();
        for update in &updates[..12] {
            feed(&mut document, update);
        }
        for _ in 0..60 {
            let mut bytes = updates[random.below(updates.len() as u64) as usize].clone();
            for _ in 0..=random.below(3) {
                let at = random.below(bytes.len() as u64) as usize;
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = random.next() as u8,
                    2 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, random.next() as u8),
                }
                if bytes.is_empty() {
                    bytes.push(0);
                }
            }
            admitted += usize::from(feed(&mut document, &bytes));
        }
        healthy(&mut document);
    }
    assert!(admitted > 100, "the mutations must reach the document at all: {admitted}");
}

#[test]
fn hostile_frames_leave_a_pad_as_it_was_for_others() {
    let mut world = World::new();
    let honest = world.join(10, Right::Write);
    world.type_at(honest, 0, "honest text");
    let mut random = Seed(7);
    for round in 0..400 {
        let hostile = world.join(1_000 + round, Right::Write);
        let length = random.below(60) as usize;
        let mut bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        if round % 2 == 0 {
            bytes = frame::update(&bytes).to_vec();
        }
        world.say(hostile, &bytes.into());
        if world.editors[&hostile].closed.is_none() {
            world.leave(hostile);
        }
    }
    world.type_at(honest, 0, "still ");
    world.pass(std::time::Duration::from_secs(2));
    assert!(world.pad_text().contains("still honest text"));
    assert_eq!(world.editors[&honest].closed, None);
    assert_eq!(world.quarantined, 0);
}

#[test]
fn elements_nest_to_the_limit_and_no_deeper() {
    let writer = doc(5);
    let fragment = writer.get_or_insert_xml_fragment("x");
    let mut document = Document::default();
    let mut parent = None;
    for depth in 0..=model::limits::PAD_XML_DEPTH_MAX + 1 {
        let mut transaction = writer.transact_mut();
        let element = match &parent {
            None => fragment.push_back(&mut transaction, XmlElementPrelim::empty("p")),
            Some(parent) => {
                let parent: &yrs::XmlElementRef = parent;
                parent.push_back(&mut transaction, XmlElementPrelim::empty("p"))
            }
        };
        transaction.commit();
        let update = transaction.encode_update_v1();
        drop(transaction);
        parent = Some(element);
        assert_eq!(feed(&mut document, &update), depth <= model::limits::PAD_XML_DEPTH_MAX, "depth {depth}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = scan::state_vector(&bytes);
        let _ = scan::awareness(&bytes);
        let _ = frame::parse(&bytes);
        let mut document = Document::default();
        if feed(&mut document, &bytes) {
            healthy(&mut document);
        }
    }

    #[test]
    fn small_structured_updates_never_break_the_document(
        parts in proptest::collection::vec((0u8..12, 0u8..4, 0u8..4, any::<bool>()), 1..12),
    ) {
        // Structs of three clients with references that are often wrong.
        let mut bytes = vec![];
        let mut clients: std::collections::BTreeMap<u8, Vec<Vec<u8>>> = std::collections::BTreeMap::new();
        for (kind, client, clock, named) in parts {
            let mut one = vec![];
            match kind {
                0 => one.extend([0, clock + 1]),
                1 => one.extend([10, clock + 1]),
                2..=4 => one.extend([0x84, client ^ 1, clock, 2, b'h', b'i']),
                5 => one.extend([0x44, client ^ 1, clock, 1, b'r']),
                6 => one.extend([0xc4, client, clock, client ^ 1, clock, 1, b'b']),
                7 if named => one.extend([7, 1, 1, b'x', 3, 1, b'p']),
                7 => one.extend([7, 0, client ^ 1, clock, 3, 1, b'p']),
                8 if named => one.extend([0x28, 1, 1, b'm', 1, b'k', 1, 126]),
                8 => one.extend([0x28, 0, client ^ 1, clock, 1, b'k', 1, 126]),
                9 => one.extend([1, 1, 1, b't', clock + 1]),
                10 => one.extend([0x86, client, clock, 1, b'b', 4, b't', b'r', b'u', b'e']),
                _ => one.extend([4, 1, 1, b't', 1, b'z']),
            }
            clients.entry(client).or_default().push(one);
        }
        bytes.push(clients.len() as u8);
        for (client, structs) in &clients {
            bytes.extend([structs.len() as u8, *client, 0]);
            bytes.extend(structs.concat());
        }
        bytes.extend([1, 1, 1, 0, 1]);
        let mut document = Document::default();
        if feed(&mut document, &bytes) {
            healthy(&mut document);
        }
        let text = document.yrs().get_or_insert_text("t");
        let _ = text.get_string(&document.yrs().transact());
    }
}
