//! Lock, roles, places, the end for all, the end of an event, deletion.
mod common;

use common::*;
use model::role::Role;
use workshop::{Closing, Command, EVENT_GAP_MS, Effect, Event, Refusal};

#[test]
fn a_locked_room_lets_in_nobody_new_and_everybody_back() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    scene.command(1, Command::Lock { locked: true });
    assert_eq!(scene.try_come(3, Role::Participant, Some(GUESTS)), Err(Refusal::RoomLocked));
    scene.lose(2, 2);
    scene.come(2, Role::Participant);
    scene.come(4, Role::Trainer);
    scene.command(1, Command::Lock { locked: false });
    scene.come(3, Role::Participant);
}

#[test]
fn a_full_room_refuses_guests_and_finds_a_place_for_those_who_lead() {
    let mut scene = Scene::new(false);
    let mut settings = facts(false).settings;
    settings.people_max = 2;
    scene.room.set_settings(scene.now(), settings, None);
    scene.come(1, Role::Participant);
    scene.come(2, Role::Participant);
    assert_eq!(scene.try_come(3, Role::Participant, Some(GUESTS)), Err(Refusal::RoomFull));
    scene.come(4, Role::Trainer);
}

#[test]
fn only_trainers_change_roles_and_nobody_is_made_admin() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::CoTrainer);
    scene.come(3, Role::Participant);
    let lift = |role| Command::ChangeRole { participant: id(3), role };
    assert_eq!(scene.try_command(2, lift(Role::CoTrainer)), Err(Refusal::Forbidden));
    assert_eq!(scene.try_command(1, lift(Role::Admin)), Err(Refusal::Forbidden));
    let effects = scene.command(1, lift(Role::CoTrainer));
    assert!(saved_first(&effects));
    assert_eq!(told(&effects, |e| matches!(e, Event::Lobby(_))), [id(3)]);
}

#[test]
fn the_end_for_all_empties_the_room_and_begins_anew() {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    scene.command(1, chat(1, "x"));
    let effects = scene.command(1, Command::EndForAll);
    assert_eq!(closed(&effects), [(id(1), Closing::Ended), (id(2), Closing::Ended)]);
    assert_eq!(effects[0], Effect::Forget);
    assert!(scene.room.is_empty());
    scene.come(1, Role::Trainer);
    assert!(scene.welcome(1).chat.is_empty());
}

#[test]
fn only_trainers_end_the_meeting() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::CoTrainer);
    assert_eq!(scene.try_command(1, Command::EndForAll), Err(Refusal::Forbidden));
}

#[test]
fn an_event_is_over_when_nobody_came_for_long() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.command(1, chat(1, "x"));
    scene.command(1, Command::Leave);
    assert!(scene.wait(EVENT_GAP_MS - 1).is_empty());
    assert!(!scene.room.is_over());
    assert_eq!(scene.wait(1), [Effect::Forget]);
    assert!(scene.room.is_over());
}

#[test]
fn the_end_of_an_event_comes_also_across_a_restart() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.command(1, Command::Leave);
    let saved = scene.room.save().expect("saved");
    let mut later = at(0);
    later.utc_ms = START_UTC_MS + 2 * EVENT_GAP_MS;
    let (mut room, _) = workshop::Room::restore(later, facts(false), &saved, Vec::new()).expect("restored");
    assert_eq!(room.tick(later), [Effect::Forget]);
}

#[test]
fn a_deleted_room_sends_everybody_away() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    let effects = scene.room.delete(scene.now());
    assert_eq!(closed(&effects), [(id(1), Closing::RoomDeleted)]);
    assert!(scene.room.is_over());
}

#[test]
fn a_state_of_another_version_or_form_is_refused() {
    let scene = Scene::new(false);
    let restore = |saved: &[u8]| workshop::Room::restore(at(0), facts(false), saved, Vec::new()).is_ok();
    let saved = String::from_utf8(scene.room.save().expect("saved")).expect("text");
    assert!(restore(saved.as_bytes()));
    assert!(!restore(saved.replace("\"version\":1", "\"version\":2").as_bytes()));
    assert!(!restore(b"{}"));
    assert!(!restore(saved.replace("\"hands\":[]", "\"hands\":[\"01010101-0101-4101-8101-010101010101\"]").as_bytes()));
}

/// S-04: who has the pad open must not keep it when the room shows none any more.
#[test]
fn a_pad_that_is_switched_off_changes_everybodys_rights() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::Participant);
    let effects = scene.room.set_settings(scene.now(), facts(false).settings, None);
    for n in [1, 2] {
        assert!(effects.contains(&Effect::RightsChanged { participant: id(n) }));
    }
    assert!(!scene.room.has_pad());
    let again = scene.room.set_settings(scene.now(), facts(false).settings, None);
    assert!(again.is_empty(), "nothing has changed");
}
