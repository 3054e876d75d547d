//! How a pad behaves towards its editors: sync, rights, acknowledgements, ticks, slow readers, limits.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use bytes::Bytes;
use common::{World, doc, varint};
use std::time::Duration;
use werkraum_pads::access::{Person, Right};
use werkraum_pads::connection::Close;
use werkraum_pads::frame;
use werkraum_pads::pad::{Effect, Pad};
use yrs::{Text, Transact};

#[test]
fn two_editors_see_each_other() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    world.type_at(a, 0, "Hallo ");
    world.type_at(b, 0, "Welt 😀");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.editors[&a].text(), world.editors[&b].text());
    assert_eq!(world.editors[&a].text().chars().count(), "Hallo Welt 😀".chars().count());
    assert_eq!(world.pad_text(), world.editors[&a].text());
}

#[test]
fn an_acknowledgement_never_comes_before_the_commit() {
    let mut world = World::new();
    world.auto_commit = false;
    let a = world.join(10, Right::Write);
    let counter = world.type_at(a, 0, "x");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.editors[&a].acks, [] as [u64; 0]);
    world.commit();
    assert_eq!(world.editors[&a].acks, [counter]);
    // Saying the same again is acknowledged too: it is on disk.
    let again = world.say_with_ack(a, &frame::update(&[0, 0]));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.editors[&a].acks, [counter, again]);
}

#[test]
fn who_may_only_read_changes_nothing() {
    let mut world = World::new();
    let (writer, reader) = (world.join(10, Right::Write), world.join(20, Right::Read));
    world.type_at(writer, 0, "text");
    world.pass(Duration::from_secs(1));
    let (state, rows) = (world.state(), world.log.len());
    world.type_at(reader, 0, "no");
    let whole = {
        let editor = &world.editors[&reader];
        let transaction = editor.doc.transact();
        use yrs::ReadTxn;
        transaction.encode_state_as_update_v1(&yrs::StateVector::default())
    };
    world.say_with_ack(reader, &frame::step2(&whole));
    world.pass(Duration::from_secs(1));
    assert_eq!((world.state(), world.log.len()), (state, rows));
    assert_eq!(world.editors[&writer].text(), "text");
    assert_eq!(world.editors[&reader].acks, [] as [u64; 0]);
    assert!(world.editors[&reader].notices.contains(&"pad_read_only".to_owned()));
    assert_eq!(world.pad.counters.refused_updates, 2);
    // Even bytes that no scanner would like are refused before anybody looks at them.
    world.say(reader, &frame::update(&[0xff; 40]));
    assert_eq!(world.editors[&reader].closed, None);
    // With the right comes the question, and then nothing was lost.
    let effects = world.pad.set_right(Person([20; 16]), Some(Right::Write));
    world.perform(effects);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.editors[&writer].text(), world.editors[&reader].text());
    assert!(world.editors[&writer].text().contains("no"));
}

#[test]
fn rights_that_are_taken_away_close_at_once() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    let effects = world.pad.set_right(Person([10; 16]), None);
    world.perform(effects);
    assert_eq!((world.editors[&a].closed, world.editors[&b].closed), (Some(Close::Right), None));
    world.type_at(a, 0, "late");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.pad_text(), "");
}

#[test]
fn ticks_are_immediate_when_idle_and_merged_under_load() {
    let mut world = World::new();
    let editors: Vec<_> = (1..=20).map(|client| world.join(client, Right::Write)).collect();
    world.pass(Duration::from_secs(1));
    let before = world.log.len();
    world.type_at(editors[0], 0, "a");
    assert_eq!(world.log.len(), before + 1, "at once when nothing was going on");
    for editor in &editors {
        world.type_at(*editor, 0, "b");
    }
    assert_eq!(world.log.len(), before + 1, "the next ones wait for the tick");
    let frames = world.editors[&editors[0]].received.len();
    world.pass(Duration::from_millis(50));
    assert_eq!(world.log.len(), before + 2, "and become one row");
    let updates = world.editors[&editors[0]].received[frames..].iter().filter(|one| one[..2] == [0, 2]).count();
    assert_eq!(updates, 1, "and one frame");
    assert_eq!(world.pad_text().len(), 21);
}

#[test]
fn gaps_are_dropped_and_asked_for() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    world.pass(Duration::from_secs(1));
    world.stuck.push(a);
    let lost = world.editors.get_mut(&a).unwrap().type_at(0, "lost ");
    let kept = world.editors.get_mut(&a).unwrap().type_at(5, "kept");
    let counter = world.say_with_ack(a, &kept);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.pad_text(), "", "nothing with a gap reaches the document");
    assert_eq!(world.pad.counters.gaps, 1);
    drop(lost);
    assert!(world.editors[&a].acks.is_empty(), "what was dropped is not acknowledged");
    world.unstick(a);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.editors[&b].text(), "lost kept");
    assert_eq!(world.editors[&a].acks, [counter]);
}

#[test]
fn nobody_writes_with_the_client_id_of_somebody_else() {
    let mut world = World::new();
    let victim = world.join(10, Right::Write);
    world.type_at(victim, 0, "mine");
    world.pass(Duration::from_secs(1));
    let thief = world.join(20, Right::Write);
    // The thief knows the document and continues the victim's clock.
    let forged = {
        let copy = doc(10);
        let state = world.state();
        use yrs::updates::decoder::Decode;
        copy.transact_mut().apply_update(yrs::Update::decode_v1(&state).unwrap()).unwrap();
        let text = copy.get_or_insert_text("t");
        let mut transaction = copy.transact_mut();
        text.insert(&mut transaction, 0, "forged ");
        transaction.commit();
        transaction.encode_update_v1()
    };
    world.stuck.push(thief);
    world.say(thief, &frame::update(&forged));
    world.say(thief, &frame::step2(&forged));
    world.pass(Duration::from_secs(1));
    assert_eq!(world.pad_text(), "mine");
    world.type_at(victim, 0, "still ");
    world.pass(Duration::from_secs(1));
    assert_eq!(world.pad_text(), "still mine");
}

#[test]
fn states_of_others_in_a_frame_are_dropped() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Read));
    world.pass(Duration::from_secs(5));
    let seen = world.editors[&a].received.len();
    let mut forged = vec![2];
    for client in [10u64, 20] {
        forged.extend(varint(client));
        forged.extend([9, 9]);
        forged.extend(b"{\"x\":\"y\"}".iter());
    }
    world.say(b, &frame::awareness(&forged));
    world.pass(Duration::from_secs(5));
    assert_eq!(world.pad.counters.foreign_states, 1);
    let frames: Vec<_> = world.editors[&a].received[seen..].iter().filter(|one| one[0] == 1).collect();
    assert_eq!(frames.len(), 1);
    assert_eq!(frames[0][2..4], [1, 20], "one entry, the sender's own");
    assert_eq!(world.editors[&b].closed, None);
    // And when the sender goes, others are told.
    world.leave(b);
    world.pass(Duration::from_secs(5));
    let last = world.editors[&a].received.iter().rfind(|one| one[0] == 1).unwrap();
    assert!(last.ends_with(b"null"));
}

#[test]
fn a_slow_reader_is_left_behind_and_brought_up_to_date() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Read));
    world.pass(Duration::from_secs(1));
    world.stuck.push(b);
    for _ in 0..200 {
        world.type_at(a, 0, "0123456789");
        world.pass(Duration::from_millis(60));
    }
    let (messages, bytes) = world.editors[&b].gauge.waiting();
    assert!(messages <= model::limits::PAD_OUTBOX_MESSAGES_MAX, "{messages}");
    assert!(bytes <= model::limits::PAD_OUTBOX_BYTES_MAX, "{bytes}");
    assert_eq!(world.pad.counters.slow_readers, 1);
    assert!(world.editors[&b].text().len() < 2000);
    world.unstick(b);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.editors[&b].text(), world.editors[&a].text());
    assert_eq!(world.editors[&b].closed, None);
}

#[test]
fn a_reader_that_takes_nothing_is_closed() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Read));
    world.pass(Duration::from_secs(1));
    world.stuck.push(b);
    for _ in 0..80 {
        world.type_at(a, 0, "x");
        world.pass(Duration::from_millis(60));
    }
    world.pass(Duration::from_secs(31));
    assert_eq!(world.editors[&b].closed, Some(Close::Slow));
}

#[test]
fn a_large_document_comes_in_pieces_that_apply_one_by_one() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    for round in 0..60 {
        // Alternating writers at the front: each piece depends on the other's elements.
        let (one, other) = (format!("{round} ").repeat(800), "y".repeat(500));
        world.type_at(a, 0, &one);
        world.type_at(b, 3, &other);
        world.pass(Duration::from_millis(60));
    }
    let late = world.join(30, Right::Read);
    world.pass(Duration::from_secs(1));
    let sync: Vec<_> = world.editors[&late].received.iter().filter(|one| one[0] == 0 && one[1] != 0).collect();
    assert!(sync.len() > 1, "more than one piece");
    assert!(sync.iter().all(|one| one.len() <= model::limits::PAD_SYNC_PIECE_BYTES + 1024));
    assert_eq!(sync.iter().filter(|one| one[1] == 1).count(), 1);
    assert_eq!(sync.last().unwrap()[1], 1, "the step 2 is the last");
    assert_eq!(world.editors[&late].text(), world.editors[&a].text());
}

#[test]
fn closed_and_reopened_it_is_the_same_from_log_and_from_checkpoint() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    for round in 0..40u32 {
        world.type_at(a, round, "abc");
        let editor = world.editors.get_mut(&b).unwrap();
        let frame = editor.delete_at(round, 1);
        world.say(b, &frame);
        world.pass(Duration::from_millis(60));
    }
    let state = world.state();
    let (mut from_log, left_out) = Pad::open(None, &world.log).unwrap();
    assert_eq!(left_out, 0);
    assert_eq!(from_log.document().state().unwrap(), state);
    let (through, checkpoint) = world.pad.checkpoint().unwrap();
    assert_eq!(through, world.log.last().unwrap().0);
    assert_eq!(world.state(), state, "compaction changes nothing");
    let (mut from_checkpoint, _) = Pad::open(Some((through, &checkpoint)), &[]).unwrap();
    assert_eq!(from_checkpoint.document().state().unwrap(), state);
    // And one can go on writing.
    let mut world = World::with(from_checkpoint);
    let c = world.join(30, Right::Write);
    world.type_at(c, 0, "on ");
    world.pass(Duration::from_secs(1));
    assert!(world.pad_text().starts_with("on "));
    assert_eq!(world.log[0].0, through + 1);
}

#[test]
fn what_two_saw_of_each_other_and_the_disk_did_not_keep_comes_back_from_both() {
    let mut world = World::new();
    world.auto_commit = false;
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    for round in 0..5 {
        world.type_at(a, round, "a");
        world.type_at(b, round, "b");
        world.pass(Duration::from_millis(60));
    }
    let docs = [a, b].map(|id| world.leave(id).doc);
    // Nothing was on the disk when the server died. Both are back before either has said what it has.
    let mut world = World::new();
    world.slow_lines = true;
    let ids =
        [10, 20].into_iter().zip(docs).map(|(person, doc)| world.join_as(doc, Person([person; 16]), Right::Write));
    for id in ids.collect::<Vec<_>>() {
        world.unstick(id);
        assert_eq!(world.editors[&id].closed, None);
    }
    world.pass(Duration::from_secs(1));
    assert_eq!(world.pad_text().len(), 10);
}

#[test]
fn a_damaged_checkpoint_keeps_the_pad_closed_and_a_damaged_row_does_not() {
    assert!(Pad::open(Some((3, &[1, 0, 5])), &[]).is_err());
    let mut world = World::new();
    let a = world.join(10, Right::Write);
    world.type_at(a, 0, "first");
    world.pass(Duration::from_secs(1));
    let mut rows = world.log.clone();
    rows.push((2, Bytes::from_static(&[1, 0, 3, 1, 2, 3])));
    let (mut pad, left_out) = Pad::open(None, &rows).unwrap();
    assert_eq!(left_out, 1);
    assert_eq!(pad.document().size().1, 5);
    let _ = pad.document();
}

#[test]
fn a_full_document_takes_deletions_only() {
    let mut world = World::new();
    let (a, b) = (world.join(10, Right::Write), world.join(20, Right::Write));
    let line = "0123456789".repeat(10_000);
    for _ in 0..8 {
        world.type_at(a, 0, &line);
        world.pass(Duration::from_secs(2));
    }
    assert!(world.editors[&a].notices.contains(&"pad_nearly_full".to_owned()), "{:?}", world.editors[&a].notices);
    for _ in 0..2 {
        world.type_at(a, 0, &line);
        world.pass(Duration::from_secs(2));
    }
    assert!(world.editors[&b].notices.contains(&"pad_full".to_owned()));
    let refused = world.type_at(a, 0, "more");
    world.pass(Duration::from_secs(2));
    assert!(!world.pad_text().contains("more"));
    assert!(!world.editors[&a].acks.contains(&refused), "not saved is not called saved");
    let frame = world.editors.get_mut(&b).unwrap().delete_at(0, 400_000);
    world.say(b, &frame);
    world.pass(Duration::from_secs(2));
    assert!(world.editors[&a].notices.contains(&"pad_writable".to_owned()));
    world.pass(Duration::from_secs(2));
    assert!(world.pad_text().contains("more"), "what was refused comes back by itself");
    assert!(world.editors[&a].acks.contains(&refused));
    assert_eq!(world.editors[&a].text(), world.editors[&b].text());
}

#[test]
fn floods_of_questions_are_closed() {
    let mut world = World::new();
    let a = world.join(10, Right::Read);
    for _ in 0..20 {
        world.say(a, &frame::step1(&[0]));
    }
    assert_eq!(world.editors[&a].closed, Some(Close::TooMany));
}

#[test]
fn frames_that_are_none_of_the_protocol_close() {
    for (bytes, why) in [
        (Bytes::from_static(&[7]), Close::Malformed),
        (Bytes::from_static(&[0, 2, 2, 0xff, 0xff]), Close::Malformed),
        (Bytes::new(), Close::Malformed),
        (frame::update(&vec![0; model::limits::PAD_UPDATE_BYTES_MAX + 1]), Close::TooLarge),
    ] {
        let mut world = World::new();
        let a = world.join(10, Right::Write);
        world.say(a, &bytes);
        assert_eq!(world.editors[&a].closed, Some(why));
    }
}

#[test]
fn what_is_sent_is_counted() {
    let mut pad = Pad::open(None, &[]).unwrap().0;
    let gauge = std::sync::Arc::new(werkraum_pads::connection::Gauge::default());
    let effects = pad.attach(
        Duration::ZERO,
        werkraum_pads::connection::Attach {
            connection: werkraum_pads::connection::ConnectionId(1),
            person: Person([1; 16]),
            right: Right::Write,
            most: Right::Write,
            name: None,
            acks: false,
            gauge: gauge.clone(),
        },
    );
    let sent = effects.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
    assert_eq!(gauge.waiting().0, sent);
    assert_eq!(sent, 1, "without ack=1 a stock client gets step 1 and nothing that it does not know");
}
