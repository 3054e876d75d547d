//! S-06: outside → waiting → in or not; the waiting learn nothing; those who lead see who waits.
mod common;

use common::*;
use model::name::{KnockText, LobbyText};
use model::role::Role;
use workshop::{Closing, Command, Effect, Event, Refusal};

#[test]
fn a_guest_waits_and_is_let_in() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    let effects = scene.come(2, Role::Participant);
    assert!(effects.contains(&Effect::Waiting { to: id(2), message: None }));
    assert!(!effects.iter().any(|e| matches!(e, Effect::Welcome(_) | Effect::Media(_))));
    assert_eq!(told(&effects, |e| matches!(e, Event::Lobby(_))), [id(1)]);
    let effects = scene.command(1, Command::Admit { participant: Some(id(2)) });
    assert!(saved_first(&effects), "an admission is durable");
    assert!(effects.iter().any(|e| matches!(e, Effect::Welcome(w) if w.you == id(2) && w.lobby.is_none())));
}

#[test]
fn those_who_lead_do_not_wait() {
    let mut scene = Scene::new(true);
    assert!(
        scene.try_come(1, Role::CoTrainer, Some(7)).expect("comes").iter().any(|e| matches!(e, Effect::Welcome(_)))
    );
}

#[test]
fn the_waiting_are_told_nothing_while_the_meeting_runs() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    let mut effects = scene.command(1, chat(1, "secret"));
    effects.extend(scene.command(1, Command::Hand { raised: true }));
    effects.extend(scene.command(1, Command::Lock { locked: true }));
    effects.extend(scene.command(1, Command::Lock { locked: false }));
    assert!(told(&effects, |_| true).iter().all(|&who| who != id(2)));
    let text = Some(LobbyText::parse("gleich").expect("text"));
    let effects = scene.command(1, Command::LobbyMessage { text: text.clone() });
    assert!(effects.contains(&Effect::Waiting { to: id(2), message: text }));
}

#[test]
fn the_waiting_may_only_leave_rename_and_knock() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    for command in [chat(1, "x"), Command::Hand { raised: true }, Command::Admit { participant: Some(id(2)) }] {
        assert_eq!(scene.try_command(2, command), Err(Refusal::Forbidden));
    }
    let text = KnockText::parse("Ich bin's").expect("text");
    scene.command(2, Command::Knock { text: text.clone() });
    assert_eq!(scene.welcome(1).lobby.expect("lobby").waiting[0].knock, Some(text));
    assert_eq!(closed(&scene.command(2, Command::Leave)), [(id(2), Closing::Left)]);
    assert_eq!(scene.room.waiting_count(), 0);
}

#[test]
fn repeated_denial_becomes_a_block() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    for _ in 0..3 {
        scene.come(2, Role::Participant);
        let effects = scene.command(1, Command::Deny { participant: id(2) });
        assert_eq!(closed(&effects), [(id(2), Closing::Denied)]);
    }
    assert_eq!(scene.try_come(2, Role::Participant, Some(GUESTS)), Err(Refusal::Removed));
}

#[test]
fn switching_the_lobby_off_lets_the_waiting_in() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    let mut settings = facts(false).settings;
    settings.lobby = false;
    scene.room.set_settings(scene.now(), settings, None);
    assert!(scene.room.person(id(2)).is_some());
}

#[test]
fn a_waiting_person_who_comes_again_still_waits() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    let effects = scene.come(2, Role::Participant);
    assert_eq!(closed(&effects), [(id(2), Closing::Replaced)]);
    assert!(effects.contains(&Effect::Waiting { to: id(2), message: None }));
    assert_eq!(scene.room.waiting_count(), 1);
}

#[test]
fn admitting_all_stops_at_the_last_place() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    for n in 2..6 {
        scene.come(n, Role::Participant);
    }
    let mut settings = facts(true).settings;
    settings.people_max = 3;
    scene.room.set_settings(scene.now(), settings, None);
    scene.command(1, Command::Admit { participant: None });
    assert_eq!((scene.room.people_count(), scene.room.waiting_count()), (3, 2));
    assert_eq!(scene.try_command(1, Command::Admit { participant: None }), Err(Refusal::RoomFull));
}
