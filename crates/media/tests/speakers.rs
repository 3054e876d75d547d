//! In a room of more than three, the sound of everyone who speaks reaches everybody, three at a time: in the slot that
//! shows them, else in a slot without picture.

mod common;

use common::meeting::Meeting;
use std::time::Duration;
use werkraum_media::command::Event;

const PACKET: Duration = Duration::from_millis(20);

#[test]
fn the_word_passes_on() {
    let mut meeting = Meeting::new();
    let people: Vec<usize> = (0..5).map(|_| meeting.join(1, false)).collect();
    let listener = people[4];
    meeting.wish(listener, 0, Some(people[0]), 180);
    let mut n = 0;
    for speaker in [0, 1, 2, 3] {
        let before = meeting.clients[listener].received.len();
        meeting.events.clear();
        for _ in 0..75 {
            for who in &people {
                meeting.sound(*who, n, if *who == people[speaker] { 25 } else { 100 });
            }
            n += 1;
            meeting.pass(PACKET);
        }
        let id = meeting.clients[people[speaker]].id;
        let told = |event: &Event| matches!(event, Event::Speaking { participants, .. } if participants.contains(&id));
        assert!(meeting.events.iter().any(told), "{speaker} is told to speak");
        // Where the listener hears them: in the slot that shows them, or in one that says so.
        let slots = meeting.clients[listener].slots.clone();
        let in_tile = speaker == 0;
        let told_slot = meeting.events.iter().rev().find_map(|event| match event {
            Event::Slots { participant, slots, .. } if *participant == meeting.clients[listener].id => {
                slots.iter().find(|slot| slot.participant == Some(id)).map(|slot| usize::from(slot.slot))
            }
            _ => None,
        });
        let ssrcs: Vec<u32> = match (in_tile, told_slot) {
            (true, _) => vec![slots[0].audio],
            (false, Some(slot)) => vec![slots[slot].audio],
            // It was there already from before.
            (false, None) => slots[1..].iter().map(|slot| slot.audio).collect(),
        };
        let heard = meeting.clients[listener].received[before..].iter().filter(|packet| ssrcs.contains(&packet.ssrc));
        assert!(heard.count() >= 60, "{speaker} is heard");
        let all: std::collections::BTreeSet<u32> =
            meeting.clients[listener].received[before..].iter().rev().take(30).map(|packet| packet.ssrc).collect();
        assert!(all.len() <= 3, "three at a time");
    }
}
