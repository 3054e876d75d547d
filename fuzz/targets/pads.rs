//! What reaches a pad: updates (S-20), states of editors (S-03), and frames of several connections in any order.

use super::input::{Plan, chunk, short};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use werkraum_pads::access::{Person, Right};
use werkraum_pads::awareness::States;
use werkraum_pads::connection::{Attach, ConnectionId, Gauge};
use werkraum_pads::document::Document;
use werkraum_pads::frame;
use werkraum_pads::pad::{Effect, Pad};
use werkraum_pads::scan::{self, Limits};
use werkraum_pads::shadow::Shadow;
use yrs::types::Attrs;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, ClientID, Doc, Map, MapPrelim, OffsetKind, Options, ReadTxn, StateVector, Text, Transact,
    XmlElementPrelim, XmlFragment, XmlTextPrelim,
};

/// Updates as the pad takes them: what the scanner and the shadow admit applies, leaves nothing pending, and the state
/// can be saved and loaded.
pub fn update(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let mut document = Document::default();
    let mut admitted = false;
    for _ in 0..32 {
        if plan.is_empty() {
            break;
        }
        let bytes = plan.chunk();
        let _ = scan::state_vector(bytes);
        let Ok(scanned) = scan::update(bytes, Limits::LIVE) else { continue };
        if document.shadow.admit(&scanned).is_err() {
            continue;
        }
        document.apply(&[Bytes::copy_from_slice(bytes)]).expect("admitted, but does not apply");
        assert!(!document.yrs().transact().has_missing_updates(), "something is left pending");
        admitted = true;
    }
    if admitted {
        let state = document.state().expect("the state can be encoded");
        let scanned = scan::update(&state, Limits::STORED).expect("and scanned");
        Shadow::default().admit(&scanned).expect("and admitted");
        let again = Document::load(state).expect("and loaded");
        assert_eq!(again.state_vector(), document.state_vector());
    }
}

fn doc(client: u64) -> Doc {
    let mut options = Options::with_guid_and_client_id("fuzz".into(), ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    Doc::with_options(options)
}

/// Updates of two editors, with all kinds of content.
fn updates() -> Vec<Vec<u8>> {
    let docs = [doc(5), doc(1 << 52)];
    let mut updates = Vec::new();
    for step in 0..14 {
        let writer = &docs[step % 2];
        let text = writer.get_or_insert_text("t");
        let array = writer.get_or_insert_array("a");
        let map = writer.get_or_insert_map("m");
        let xml = writer.get_or_insert_xml_fragment("x");
        let mut transaction = writer.transact_mut();
        match step {
            0 | 1 => text.insert(&mut transaction, 0, "wörter 😀"),
            2 | 3 => text.remove_range(&mut transaction, 1, 3),
            4 => text.format(&mut transaction, 1, 3, Attrs::from([("bold".into(), Any::Bool(true))])),
            5 | 6 => drop(array.push_back(&mut transaction, ArrayPrelim::from([1, 2, 3]))),
            7 | 8 => drop(map.insert(&mut transaction, "k", MapPrelim::from([("v", 1)]))),
            9 => array.remove(&mut transaction, 0),
            _ => {
                let paragraph = xml.push_back(&mut transaction, XmlElementPrelim::empty("p"));
                paragraph.push_back(&mut transaction, XmlTextPrelim::new("absatz"));
            }
        }
        transaction.commit();
        let update = transaction.encode_update_v1();
        drop(transaction);
        for other in &docs {
            other.transact_mut().apply_update(yrs::Update::decode_v1(&update).expect("valid")).expect("applies");
        }
        updates.push(update);
    }
    updates.push(docs[0].transact().encode_state_as_update_v1(&StateVector::default()));
    updates
}

pub fn update_seeds() -> Vec<Vec<u8>> {
    let updates = updates();
    let row = |range: std::ops::Range<usize>| updates[range].iter().flat_map(|update| chunk(update)).collect();
    vec![row(0..5), row(0..14), row(14..15), row(3..9), chunk(&[0, 0])]
}

/// States of editors, as frames of two connections; what goes out can be read again.
pub fn awareness(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let mut states = States::default();
    let mut now = Duration::ZERO;
    for _ in 0..32 {
        if plan.is_empty() {
            break;
        }
        let how = plan.byte();
        let connection = ConnectionId(u64::from(how & 1));
        let bytes = if how & 6 == 6 { plan.chunk().to_vec() } else { entry(&mut plan) };
        if let Ok(entries) = scan::awareness(&bytes) {
            for entry in entries.into_iter().take(4) {
                states.set(now, connection, entry, (how & 8 != 0).then_some("Miriam \"K.\""));
            }
        }
        now += Duration::from_millis(u64::from(how >> 4) * 700);
        match how & 6 {
            2 => states.expire(now),
            4 => states.remove(u64::from(how >> 4), connection),
            _ => {}
        }
        let out = if how & 16 != 0 { states.flush() } else { states.all() };
        for sent in out {
            let Ok(frame::Message::Awareness(sent)) = frame::parse(&sent) else { panic!("not a frame of states") };
            scan::awareness(sent).expect("what we send is well-formed");
        }
    }
}

fn entry(plan: &mut Plan<'_>) -> Vec<u8> {
    let mut out = vec![1, plan.byte() & 0x7f, plan.byte() & 0x7f];
    let state = plan.short();
    let mut length = state.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend(state);
    out
}

pub fn awareness_seeds() -> Vec<Vec<u8>> {
    let state = br##"{"user":{"name":"Miriam","color":"#30bced"},"cursor":{"anchor":[1,2],"head":null}}"##;
    let built = |how: u8, clock: u8, state: &[u8]| [&[how, 5, clock][..], &short(state)].concat();
    let raw = [&[2, 5, 1, state.len() as u8][..], state, &[9, 1, 4], b"null"].concat();
    vec![
        [built(8, 1, state), built(16, 2, state), built(16, 2, b"null")].concat(),
        [built(0, 1, state), built(1, 1, state), built(0xf2, 9, b"{}"), built(0xf2, 9, b"[]")].concat(),
        [&[6][..], &chunk(&raw), &[0x16], &chunk(&raw)].concat(),
    ]
}

/// Frames of four connections with all rights to one pad, with time, commits and lost connections between them.
pub fn frames(bytes: &[u8]) {
    let mut plan = Plan::new(bytes);
    let (mut pad, _) = Pad::open(None, &[]).expect("an empty pad");
    let mut now = Duration::from_secs(1);
    let gauges: [Arc<Gauge>; 4] = Default::default();
    let mut rows: Vec<(u64, Bytes)> = Vec::new();
    let mut open = [false; 4];
    let rights = [Right::Write, Right::Write, Right::Read, Right::Comment];
    for _ in 0..64 {
        if plan.is_empty() {
            break;
        }
        let how = plan.byte();
        let (who, place) = (ConnectionId(u64::from(how & 3)), usize::from(how & 3));
        let effects = match how >> 2 & 7 {
            _ if !open[place] => {
                open[place] = true;
                let right = rights[place];
                let (person, gauge) = (Person([how & 3; 16]), Arc::clone(&gauges[place]));
                let acks = how & 0x80 == 0;
                pad.attach(now, Attach { connection: who, person, right, most: Right::Write, name: None, acks, gauge })
            }
            0 => {
                now += Duration::from_millis(u64::from(plan.byte()) * 20);
                pad.tick(now)
            }
            1 => rows.last().map(|(sequence, _)| *sequence).map_or_else(Vec::new, |newest| pad.committed(newest)),
            2 if how & 0x40 != 0 => {
                open[place] = false;
                pad.detach(now, who)
            }
            2 => {
                let right = plan.pick(&[Some(Right::Read), Some(Right::Write), Some(Right::Comment), None]);
                pad.set_right(Person([how & 3; 16]), right)
            }
            3 => pad.handle(now, who, &Bytes::copy_from_slice(plan.chunk())),
            4 => pad.handle(now, who, &frame::step2(plan.chunk())),
            5 => pad.handle(now, who, &frame::step1(plan.chunk())),
            6 => pad.handle(now, who, &frame::awareness(plan.chunk())),
            _ => pad.handle(now, who, &frame::update(plan.chunk())),
        };
        for effect in effects {
            match effect {
                Effect::Append { sequence, row } => {
                    assert!(rows.last().is_none_or(|(last, _)| sequence > *last), "rows out of order");
                    rows.push((sequence, row));
                }
                Effect::Send { connection, frame } => {
                    // As if it had been written at once; whether the pad is to be woken is another story.
                    let _ = gauges[connection.0 as usize].written(frame.len());
                }
                Effect::Close { connection, .. } => open[connection.0 as usize] = false,
                Effect::Quarantined => panic!("the document failed on what was admitted (S-22)"),
            }
        }
    }
    for effect in pad.tick(now + Duration::from_secs(2)) {
        if let Effect::Append { sequence, row } = effect {
            rows.push((sequence, row));
        }
    }
    let state = pad.document().state().expect("the state can be encoded");
    let (mut again, left_out) = Pad::open(None, &rows).expect("the log can be read");
    assert_eq!(left_out, 0, "a row that cannot be replayed");
    let _ = (again.document().state_vector(), state);
}

pub fn frames_seeds() -> Vec<Vec<u8>> {
    let updates = updates();
    let live = |who: u8, at: usize| [&[who | 7 << 2][..], &chunk(&updates[at])].concat();
    let enter = |who: u8| vec![who];
    let step2 = [&[4 << 2][..], &chunk(&updates[14])].concat();
    let question = [&[2 | 5 << 2][..], &chunk(&[0])].concat();
    let state = [&[1 | 6 << 2][..], &chunk(&[1, 9, 1, 2, b'{', b'}'])].concat();
    let ack = [&[3 << 2][..], &chunk(&frame::ack(3))].concat();
    vec![
        [enter(0), live(0, 0), ack.clone(), vec![0, 9], vec![4], enter(1), state.clone(), vec![0, 99]].concat(),
        [enter(0), enter(2), question.clone(), step2.clone(), vec![0, 20, 4], live(2, 0), question].concat(),
        [enter(0), enter(1), step2, vec![2 << 2, 0], live(0, 3), vec![2 << 2, 1], live(0, 3), vec![2 << 2 | 0x40]]
            .concat(),
        [enter(3), live(3, 0), ack, state, vec![0, 255, 0, 255, 0, 255]].concat(),
    ]
}
