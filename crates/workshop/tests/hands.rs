//! Hands keep the order in which they went up; one person's rate is bounded (S-19).
mod common;

use common::*;
use model::role::Role;
use workshop::{Command, Refusal};

#[test]
fn hands_keep_their_order_and_go_one_by_one() {
    let mut scene = Scene::new(false);
    for n in 1..=3 {
        scene.come(n, if n == 1 { Role::Trainer } else { Role::Participant });
    }
    for n in [3, 1, 2] {
        let effects = scene.command(n, Command::Hand { raised: true });
        assert!(saved_first(&effects), "a hand is durable");
    }
    scene.command(3, Command::Hand { raised: true });
    assert_eq!(scene.welcome(1).hands, [id(3), id(1), id(2)]);
    scene.command(1, Command::LowerHand { participant: Some(id(1)) });
    assert_eq!(scene.welcome(1).hands, [id(3), id(2)]);
    assert_eq!(scene.try_command(1, Command::LowerHand { participant: Some(id(1)) }), Err(Refusal::Stale));
    assert_eq!(scene.try_command(2, Command::LowerHand { participant: Some(id(3)) }), Err(Refusal::Forbidden));
    assert_eq!(scene.try_command(2, Command::LowerHand { participant: None }), Err(Refusal::Forbidden));
    scene.command(1, Command::LowerHand { participant: None });
    assert!(scene.welcome(1).hands.is_empty());
}

#[test]
fn who_leaves_takes_the_hand_along() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Trainer);
    scene.come(2, Role::ReadOnly);
    scene.command(2, Command::Hand { raised: true });
    scene.command(2, Command::Leave);
    assert!(scene.welcome(1).hands.is_empty());
}

#[test]
fn six_hands_in_a_second_are_too_many() {
    let mut scene = Scene::new(false);
    scene.come(1, Role::Participant);
    for n in 0..5 {
        let done = scene.room.handle(scene.now(), id(1), Command::Hand { raised: n % 2 == 0 });
        assert!(done.is_ok());
    }
    let refused = scene.room.handle(scene.now(), id(1), Command::Hand { raised: false });
    assert_eq!(refused, Err(Refusal::TooMany));
    scene.command(1, Command::Hand { raised: false });
}
