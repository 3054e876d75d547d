//! P-06, S-04: people start their own sources only; what is not allowed goes off at once; nobody silences upward.
mod common;

use common::*;
use model::role::Role;
use model::room::Audience;
use model::source::Source;
use workshop::{Command, Event, MediaEffect, Refusal};

fn three() -> Scene {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::CoTrainer);
    scene.come(3, Role::Participant);
    for n in 1..=3 {
        scene.command(n, Command::Source { source: Source::Microphone, on: true });
    }
    scene
}

fn has(scene: &Scene, n: u8, source: Source) -> bool {
    scene.room.person(id(n)).expect("in").sources.contains(&source)
}

#[test]
fn a_new_person_has_everything_off() {
    let mut scene = Scene::new(false);
    let effects = scene.come(1, Role::Trainer);
    assert!(media(&effects).iter().all(|m| matches!(m, MediaEffect::Enter { .. })));
    assert!(scene.room.person(id(1)).expect("in").sources.is_empty());
}

#[test]
fn silencing_switches_off_tells_the_person_and_media() {
    let mut scene = three();
    let effects = scene.command(2, Command::Silence { participant: Some(id(3)), source: Source::Microphone });
    let off = MediaEffect::On { participant: id(3), source: Source::Microphone, on: false };
    assert_eq!(media(&effects), [off]);
    assert_eq!(told(&effects, |e| matches!(e, Event::Silenced { by, .. } if *by == id(2))), [id(3)]);
    let again = scene.try_command(2, Command::Silence { participant: Some(id(3)), source: Source::Microphone });
    assert_eq!(again, Err(Refusal::Stale));
    scene.command(3, Command::Source { source: Source::Microphone, on: true });
    assert!(has(&scene, 3, Source::Microphone), "and they may start again by themselves");
}

#[test]
fn nobody_silences_upward() {
    let mut scene = three();
    let up = Command::Silence { participant: Some(id(1)), source: Source::Microphone };
    assert_eq!(scene.try_command(2, up), Err(Refusal::Forbidden));
    let all = Command::Silence { participant: None, source: Source::Microphone };
    assert_eq!(scene.try_command(3, all.clone()), Err(Refusal::Forbidden));
    scene.command(2, all);
    assert!(has(&scene, 1, Source::Microphone) && has(&scene, 2, Source::Microphone));
    assert!(!has(&scene, 3, Source::Microphone));
}

#[test]
fn a_policy_takes_effect_at_once() {
    let mut scene = three();
    let mut policy = scene.room.policy();
    policy.speak = Audience::Trainers;
    let effects = scene.command(1, Command::Policy { policy });
    assert!(media(&effects).contains(&MediaEffect::On { participant: id(3), source: Source::Microphone, on: false }));
    let allowed = vec![Source::Camera];
    assert!(media(&effects).contains(&MediaEffect::Allowed { participant: id(3), allowed }));
    let on = Command::Source { source: Source::Microphone, on: true };
    assert_eq!(scene.try_command(3, on), Err(Refusal::Forbidden));
    scene.command(3, Command::Source { source: Source::Microphone, on: false });
}

#[test]
fn a_lower_role_loses_what_it_may_not_send() {
    let mut scene = three();
    scene.command(2, Command::Source { source: Source::Screen, on: true });
    scene.command(1, Command::ChangeRole { participant: id(2), role: Role::Participant });
    assert!(!has(&scene, 2, Source::Screen) && has(&scene, 2, Source::Microphone));
}

#[test]
fn participants_share_only_where_the_room_lets_them() {
    let mut scene = three();
    let share = Command::Source { source: Source::ScreenSound, on: true };
    assert_eq!(scene.try_command(3, share.clone()), Err(Refusal::Forbidden));
    let mut policy = scene.room.policy();
    policy.share = Audience::Everyone;
    scene.command(1, Command::Policy { policy });
    scene.command(3, share);
}
