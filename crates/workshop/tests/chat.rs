//! Chat: everybody in the room gets it, rate and number are bounded (S-19), who may delete what.
mod common;

use common::*;
use model::limits;
use model::role::Role;
use workshop::{Command, Effect, Event, Refusal};

fn two() -> Scene {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    scene
}

#[test]
fn a_message_is_stored_before_it_is_told() {
    let mut scene = two();
    let effects = scene.command(2, chat(1, "Guten Tag"));
    assert!(
        matches!(&effects[0], Effect::AppendChat(line) if line.from == id(2) && line.at_ms == START_UTC_MS + scene.ms)
    );
    assert_eq!(told(&effects, |e| matches!(e, Event::Chat(_))), [id(1), id(2)]);
}

#[test]
fn twenty_messages_in_ten_seconds_are_enough() {
    let mut scene = two();
    for n in 0..limits::CHAT_MESSAGES_PER_WINDOW_MAX {
        assert!(scene.room.handle(scene.now(), id(2), chat(n, "x")).is_ok());
    }
    assert_eq!(scene.room.handle(scene.now(), id(2), chat(99, "x")), Err(Refusal::TooMany));
    assert!(scene.room.handle(scene.now(), id(1), chat(100, "x")).is_ok(), "others are not held back");
    scene.ms += limits::CHAT_WINDOW_MS;
    assert!(scene.room.handle(scene.now(), id(2), chat(101, "x")).is_ok());
}

#[test]
fn ones_own_and_for_those_who_lead_anybodys_can_be_deleted() {
    let mut scene = two();
    scene.come(3, Role::Participant);
    for n in 1..=2 {
        scene.command(2, chat(n, "x"));
    }
    assert_eq!(scene.try_command(3, Command::DeleteChat { message: message(1) }), Err(Refusal::Forbidden));
    let effects = scene.command(2, Command::DeleteChat { message: message(1) });
    assert!(effects.contains(&Effect::DeleteChat(message(1))));
    scene.command(1, Command::DeleteChat { message: message(2) });
    assert_eq!(scene.try_command(1, Command::DeleteChat { message: message(2) }), Err(Refusal::Stale));
    assert!(scene.welcome(1).chat.is_empty());
}

#[test]
fn the_oldest_go_when_there_are_too_many() {
    let mut scene = two();
    let mut dropped = 0;
    for n in 0..u32::try_from(limits::CHAT_KEPT_MAX).expect("fits") + 3 {
        let effects = scene.command(2, chat(n, "x"));
        dropped += effects.iter().filter(|e| matches!(e, Effect::DeleteChat(_))).count();
    }
    assert_eq!(dropped, 3);
    assert_eq!(scene.welcome(1).chat.len(), workshop::WELCOME_CHAT_MAX);
}

#[test]
fn read_only_people_and_a_closed_chat_are_refused() {
    let mut scene = two();
    scene.come(3, Role::ReadOnly);
    assert_eq!(scene.try_command(3, chat(1, "x")), Err(Refusal::Forbidden));
    let mut policy = scene.room.policy();
    policy.chat = model::room::Audience::Trainers;
    scene.command(1, Command::Policy { policy });
    assert_eq!(scene.try_command(2, chat(2, "x")), Err(Refusal::Forbidden));
    scene.command(1, chat(3, "x"));
}
