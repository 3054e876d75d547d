//! who loses the connection, the tab or the server comes back as the same person.
mod common;

use common::*;
use model::role::Role;
use workshop::{Closing, Command, Effect, Event, GRACE_MS, MediaEffect, RESTART_GRACE_MS};

#[test]
fn the_newest_tab_wins() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    let effects = scene.come(1, Role::Trainer);
    assert_eq!(closed(&effects), [(id(1), Closing::Replaced)]);
    assert!(effects.iter().any(|e| matches!(e, Effect::Welcome(w) if w.you == id(1))));
    assert_eq!(scene.room.people_count(), 1);
    assert!(scene.lose(1, 1).is_empty(), "the end of the older connection changes nothing");
    assert!(scene.room.person(id(1)).expect("in").connected);
}

#[test]
fn a_lost_connection_keeps_place_hand_and_media_for_the_grace() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    scene.command(1, Command::Admit { participant: None });
    scene.command(2, Command::Hand { raised: true });
    let effects = scene.lose(2, 2);
    assert!(media(&effects).is_empty());
    assert_eq!(told(&effects, |e| matches!(e, Event::Person(p) if !p.connected)), [id(1)]);
    scene.wait(GRACE_MS - 1);
    let effects = scene.come(2, Role::Participant);
    assert!(effects.iter().any(|e| matches!(e, Effect::Welcome(w) if w.hands == [id(2)])));
}

#[test]
fn after_the_grace_the_place_is_free_and_coming_back_needs_no_lobby() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    scene.command(1, Command::Admit { participant: None });
    scene.command(1, Command::ChangeRole { participant: id(2), role: Role::CoTrainer });
    scene.lose(2, 2);
    let effects = scene.wait(GRACE_MS);
    assert_eq!(media(&effects), [MediaEffect::Leave { participant: id(2) }]);
    assert!(scene.room.person(id(2)).is_none());
    scene.come(2, Role::Participant);
    assert_eq!(scene.room.person(id(2)).expect("in").role, Role::CoTrainer);
}

#[test]
fn a_restart_keeps_admission_role_and_hands() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    for n in [2, 3] {
        scene.come(n, Role::Participant);
    }
    scene.command(1, Command::Admit { participant: Some(id(2)) });
    scene.command(1, Command::ChangeRole { participant: id(2), role: Role::CoTrainer });
    scene.command(2, Command::Hand { raised: true });
    scene.command(1, Command::Hand { raised: true });
    let effects = scene.restart(Vec::new());
    assert_eq!(media(&effects).len(), 2, "media is told who is in");
    let effects = scene.come(2, Role::Participant);
    let welcomed = |e: &Effect| {
        matches!(e, Effect::Welcome(w) if w.hands == [id(2), id(1)]
            && w.people.iter().any(|p| p.id == id(2) && p.role == Role::CoTrainer))
    };
    assert!(effects.iter().any(welcomed));
    assert!(scene.room.is_waiting(id(3)), "who waited still waits");
    scene.wait(RESTART_GRACE_MS);
    assert!(scene.room.person(id(1)).is_none(), "who does not come back goes");
}

#[test]
fn a_restart_does_not_start_anybodys_microphone() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.command(1, Command::Source { source: model::source::Source::Microphone, on: true });
    let effects = scene.restart(Vec::new());
    assert!(media(&effects).iter().all(|m| !matches!(m, MediaEffect::On { on: true, .. })));
    assert!(scene.room.person(id(1)).expect("in").sources.is_empty());
}
