//! S-08: who is removed is out and stays out; whoever comes by a link then waits, until the link is renewed.
mod common;

use common::*;
use model::role::Role;
use workshop::{Closing, Command, Effect, Event, MediaEffect, Refusal};

fn removed() -> Scene {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    let effects = scene.command(1, Command::Remove { participant: id(2) });
    assert_eq!(closed(&effects), [(id(2), Closing::Removed)]);
    assert_eq!(media(&effects), [MediaEffect::Leave { participant: id(2) }]);
    assert_eq!(told(&effects, |e| matches!(e, Event::Left { removed: true, .. })), [id(1)]);
    scene
}

#[test]
fn the_same_browser_is_refused_for_the_event_even_after_a_restart() {
    let mut scene = removed();
    assert_eq!(scene.try_come(2, Role::Participant, Some(GUESTS)), Err(Refusal::Removed));
    scene.restart(Vec::new());
    assert_eq!(scene.try_come(2, Role::Participant, Some(GUESTS)), Err(Refusal::Removed));
}

#[test]
fn comers_by_any_link_wait_until_the_link_is_renewed() {
    let mut scene = removed();
    scene.try_come(3, Role::Participant, Some(GUESTS)).expect("comes");
    assert!(scene.room.is_waiting(id(3)));
    scene.try_come(4, Role::Participant, Some(GUESTS + 1)).expect("comes");
    assert!(scene.room.is_waiting(id(4)));
    let effects = scene.room.link_gone(scene.now(), link(GUESTS));
    assert!(effects.iter().any(|e| matches!(e, Effect::Welcome(w) if w.you == id(3))));
    scene.try_come(5, Role::Participant, Some(GUESTS + 2)).expect("comes");
    assert!(scene.room.person(id(5)).is_some());
}

#[test]
fn another_link_being_renewed_changes_nothing() {
    let mut scene = removed();
    assert!(scene.room.link_gone(scene.now(), link(GUESTS + 1)).is_empty());
    scene.try_come(3, Role::Participant, Some(GUESTS)).expect("comes");
    assert!(scene.room.is_waiting(id(3)));
}

#[test]
fn rank_protects() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::CoTrainer);
    scene.come(3, Role::Participant);
    assert_eq!(scene.try_command(2, Command::Remove { participant: id(1) }), Err(Refusal::Forbidden));
    assert_eq!(scene.try_command(3, Command::Remove { participant: id(2) }), Err(Refusal::Forbidden));
    assert_eq!(scene.try_command(3, Command::Remove { participant: id(9) }), Err(Refusal::Forbidden));
    assert_eq!(scene.try_command(2, Command::Remove { participant: id(9) }), Err(Refusal::Stale));
}
