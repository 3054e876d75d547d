//! Whatever people do in whatever order: the room's rules hold, refusals change nothing, the waiting get their
//! whitelist only (S-06), and a restart at any moment keeps who is in, their roles and hands.
mod common;

use common::*;
use model::name::{KnockText, LobbyText, PersonName};
use model::role::Role;
use model::room::{Audience, RoomPolicy};
use model::source::Source;
use proptest::prelude::*;
use workshop::{Command, Effect, Event};

#[derive(Clone, Debug)]
enum Step {
    Come(u8, Role, Option<u8>),
    Lose(u8, u64),
    Do(u8, Command),
    Wait(u64),
    LinkGone(u8),
    Restart,
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL.to_vec())
}

fn source() -> impl Strategy<Value = Source> {
    prop::sample::select(Source::ALL.to_vec())
}

fn audience() -> impl Strategy<Value = Audience> {
    prop::sample::select(vec![Audience::Everyone, Audience::Trainers])
}

fn command() -> impl Strategy<Value = Command> {
    let who = || 1..7u8;
    let policy = (audience(), audience(), audience(), audience(), audience())
        .prop_map(|(speak, show, share, chat, write)| RoomPolicy { speak, show, share, chat, write });
    prop_oneof![
        Just(Command::Leave),
        who().prop_map(|n| Command::Rename { to: PersonName::parse(&format!("Neu {n}")).expect("name") }),
        Just(Command::Knock { text: KnockText::parse("hallo").expect("text") }),
        any::<bool>().prop_map(|raised| Command::Hand { raised }),
        prop::option::of(who()).prop_map(|n| Command::LowerHand { participant: n.map(id) }),
        (0..40u32).prop_map(|n| chat(n, "x")),
        (0..40u32).prop_map(|n| Command::DeleteChat { message: message(n) }),
        (source(), any::<bool>()).prop_map(|(source, on)| Command::Source { source, on }),
        (prop::option::of(who()), source()).prop_map(|(n, source)| Command::Silence { participant: n.map(id), source }),
        prop::option::of(who()).prop_map(|n| Command::Admit { participant: n.map(id) }),
        who().prop_map(|n| Command::Deny { participant: id(n) }),
        any::<bool>()
            .prop_map(|some| Command::LobbyMessage { text: some.then(|| LobbyText::parse("gleich").expect("text")) }),
        who().prop_map(|n| Command::Remove { participant: id(n) }),
        (who(), role()).prop_map(|(n, role)| Command::ChangeRole { participant: id(n), role }),
        any::<bool>().prop_map(|locked| Command::Lock { locked }),
        policy.prop_map(|policy| Command::Policy { policy }),
        Just(Command::EndForAll),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (1..7u8, role(), prop::option::of(200..203u8)).prop_map(|(n, role, via)| Step::Come(n, role, via)),
        1 => (1..7u8, 1..40u64).prop_map(|(n, connection)| Step::Lose(n, connection)),
        12 => (1..7u8, command()).prop_map(|(n, command)| Step::Do(n, command)),
        1 => prop::sample::select(vec![1, 1_000, 40_000, 200_000]).prop_map(Step::Wait),
        1 => (200..203u8).prop_map(Step::LinkGone),
        1 => Just(Step::Restart),
    ]
}

/// What may reach whom, given the room as it was when the effects were made.
fn check_recipients(before: &workshop::Room, scene: &Scene, effects: &[Effect]) {
    for effect in effects {
        match effect {
            Effect::Send { to, event } => {
                for &who in to {
                    let person = scene.room.person(who);
                    // Who is sent away by the same input may be told what came before it.
                    let person = person.or_else(|| before.person(who)).expect("told only to people who are in");
                    if matches!(event, Event::Lobby(_)) {
                        assert!(person.role.leads(), "the lobby is told only to those who lead");
                    }
                }
            }
            Effect::Welcome(welcome) => {
                let me = scene.room.person(welcome.you).expect("welcomed only when in");
                assert_eq!(welcome.lobby.is_some(), me.role.leads());
            }
            Effect::Waiting { to, .. } => assert!(scene.room.is_waiting(*to)),
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]
    #[test]
    fn rules_hold(lobby: bool, steps in prop::collection::vec(step(), 1..120)) {
        let mut scene = Scene::new(lobby);
        for step in steps {
            let before = scene.room.clone();
            // `Scene` checks the room's rules after each of these, and that refusals change nothing.
            let effects = match step {
                Step::Come(n, role, via) => scene.try_come(n, role, via).unwrap_or_default(),
                Step::Lose(n, connection) => scene.lose(n, connection),
                Step::Do(n, command) => {
                    let ranks: Vec<_> = (1..7).filter_map(|m| before.person(id(m))).collect();
                    let my_rank = before.person(id(n)).map(|p| p.role);
                    let is_policy = matches!(command, Command::Policy { .. } | Command::ChangeRole { .. });
                    let effects = scene.try_command(n, command).unwrap_or_default();
                    if !is_policy {
                        for effect in &effects {
                            if let Effect::Send { to, event: Event::Silenced { by, .. } } = effect {
                                prop_assert_eq!(*by, id(n));
                                for person in ranks.iter().filter(|p| to.contains(&p.id)) {
                                    prop_assert!(Some(person.role) <= my_rank, "silenced upward");
                                }
                            }
                        }
                    }
                    effects
                }
                Step::Wait(ms) => scene.wait(ms),
                Step::LinkGone(n) => scene.room.link_gone(scene.now(), link(n)),
                Step::Restart => {
                    let chat = Vec::new();
                    let people: Vec<_> = (1..7).filter_map(|n| before.person(id(n))).map(|p| (p.id, p.role)).collect();
                    let hands = people.first().and_then(|&(you, _)| before.welcome(you)).map(|w| w.hands);
                    let effects = scene.restart(chat);
                    let after: Vec<_> =
                        (1..7).filter_map(|n| scene.room.person(id(n))).map(|p| (p.id, p.role)).collect();
                    let kept = after.first().and_then(|&(you, _)| scene.room.welcome(you)).map(|w| w.hands);
                    prop_assert_eq!(people, after);
                    prop_assert_eq!(hands, kept);
                    effects
                }
            };
            scene.room.check().expect("whole");
            check_recipients(&before, &scene, &effects);
        }
    }
}
