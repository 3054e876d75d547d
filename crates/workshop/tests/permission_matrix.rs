//! S-01: every command × everybody who could send it × whom or what it is about, against a table of verdicts. A new
//! command does not compile without rows. What belongs to another room is unknown in this one, hence the same as gone.
mod common;

use common::*;
use model::name::{KnockText, LobbyText, PersonName};
use model::role::Role;
use model::source::Source;
use std::collections::BTreeSet;
use workshop::{Command, Refusal};

/// Who asks: in the order of the table's columns.
const ACTORS: [(&str, u8); 8] = [
    ("anonymous or of another room", 50),
    ("waiting", 2),
    ("read-only", 3),
    ("participant", 4),
    ("co-trainer", 5),
    ("trainer", 6),
    ("admin", 7),
    ("removed", 8),
];
const WAITING: u8 = 12;
const PARTICIPANT: u8 = 14;
const CO_TRAINER: u8 = 15;
const TRAINER: u8 = 16;
const ADMIN: u8 = 17;
const GONE: u8 = 60;

/// A room with somebody of each kind twice; all microphones on, all hands up, a chat message of each.
fn scene() -> Scene {
    let mut scene = Scene::new(true);
    scene.come(1, Role::Admin);
    let people = [
        (3, Role::ReadOnly),
        (4, Role::Participant),
        (5, Role::CoTrainer),
        (6, Role::Trainer),
        (7, Role::Admin),
        (8, Role::Participant),
        (PARTICIPANT, Role::Participant),
        (CO_TRAINER, Role::CoTrainer),
        (TRAINER, Role::Trainer),
        (ADMIN, Role::Admin),
    ];
    for (n, role) in people {
        scene.come(n, role);
        if !role.leads() {
            scene.command(1, Command::Admit { participant: Some(id(n)) });
        }
        scene.command(n, Command::Hand { raised: true });
        if role != Role::ReadOnly {
            scene.command(n, Command::Source { source: Source::Microphone, on: true });
            scene.command(n, chat(n.into(), "x"));
        }
    }
    scene.command(1, Command::Remove { participant: id(8) });
    scene.come(2, Role::Participant);
    scene.come(WAITING, Role::Participant);
    scene
}

/// The command's number. Whoever adds one is led here by the compiler, and from here to the table.
fn number(command: &Command) -> usize {
    match command {
        Command::Leave => 0,
        Command::Rename { .. } => 1,
        Command::Knock { .. } => 2,
        Command::Hand { .. } => 3,
        Command::LowerHand { .. } => 4,
        Command::Chat { .. } => 5,
        Command::DeleteChat { .. } => 6,
        Command::Source { .. } => 7,
        Command::Silence { .. } => 8,
        Command::Admit { .. } => 9,
        Command::Deny { .. } => 10,
        Command::LobbyMessage { .. } => 11,
        Command::Remove { .. } => 12,
        Command::ChangeRole { .. } => 13,
        Command::Lock { .. } => 14,
        Command::Policy { .. } => 15,
        Command::EndForAll => 16,
    }
}
const COMMANDS: usize = 17;

type Make = Box<dyn Fn(u8) -> Command>;

/// `+` done, `-` forbidden, `s` stale; one column for each of [`ACTORS`].
fn table() -> Vec<(&'static str, Make)> {
    let mut rows: Vec<(&'static str, Make)> = Vec::new();
    let mut row = |verdicts, make: Make| rows.push((verdicts, make));
    let name = || PersonName::parse("Neu").expect("name");
    row("-++++++-", Box::new(|_| Command::Leave));
    row("-++++++-", Box::new(move |_| Command::Rename { to: name() }));
    row("-+------", Box::new(|_| Command::Knock { text: KnockText::parse("ich").expect("text") }));
    row("--+++++-", Box::new(|_| Command::Hand { raised: false }));
    row("---++++-", Box::new(|_| chat(1_000, "x")));
    for (verdicts, source, on) in [
        ("---++++-", Source::Microphone, true),
        ("---++++-", Source::Camera, true),
        ("----+++-", Source::Screen, true),
        ("----+++-", Source::ScreenSound, true),
        ("--+++++-", Source::Microphone, false),
        ("--+++++-", Source::Screen, false),
    ] {
        row(verdicts, Box::new(move |_| Command::Source { source, on }));
    }
    row("---++++-", Box::new(|me| Command::DeleteChat { message: message(me.into()) }));
    row("----+++-", Box::new(|_| Command::DeleteChat { message: message(PARTICIPANT.into()) }));
    row("----sss-", Box::new(|_| Command::DeleteChat { message: message(9_999) }));
    row("----+++-", Box::new(|_| Command::LowerHand { participant: None }));
    row("--+++++-", Box::new(|me| Command::LowerHand { participant: Some(id(me)) }));
    for (verdicts, whom) in [
        ("----+++-", PARTICIPANT),
        ("----+++-", CO_TRAINER),
        ("----+++-", TRAINER),
        ("----+++-", ADMIN),
        ("----sss-", WAITING),
        ("----sss-", GONE),
    ] {
        row(verdicts, Box::new(move |_| Command::LowerHand { participant: Some(id(whom)) }));
    }
    let microphone = Source::Microphone;
    row("----+++-", Box::new(move |_| Command::Silence { participant: None, source: microphone }));
    row("--------", Box::new(move |me| Command::Silence { participant: Some(id(me)), source: microphone }));
    row("--------", Box::new(|me| Command::Remove { participant: id(me) }));
    for (verdicts, whom) in [
        ("----+++-", PARTICIPANT),
        ("----+++-", CO_TRAINER),
        ("-----++-", TRAINER),
        ("------+-", ADMIN),
        ("----sss-", WAITING),
        ("----sss-", GONE),
    ] {
        row(verdicts, Box::new(move |_| Command::Silence { participant: Some(id(whom)), source: microphone }));
        row(verdicts, Box::new(move |_| Command::Remove { participant: id(whom) }));
    }
    for (verdicts, whom) in [("----+++-", WAITING), ("----sss-", PARTICIPANT), ("----sss-", GONE)] {
        row(verdicts, Box::new(move |_| Command::Admit { participant: Some(id(whom)) }));
        row(verdicts, Box::new(move |_| Command::Deny { participant: id(whom) }));
    }
    row("----+++-", Box::new(|_| Command::Admit { participant: None }));
    row("----+++-", Box::new(|_| Command::LobbyMessage { text: LobbyText::parse("gleich").ok() }));
    row("--------", Box::new(|me| Command::ChangeRole { participant: id(me), role: Role::Trainer }));
    for (verdicts, whom) in [
        ("-----++-", PARTICIPANT),
        ("-----++-", CO_TRAINER),
        ("-----++-", TRAINER),
        ("--------", ADMIN),
        ("-----ss-", WAITING),
        ("-----ss-", GONE),
    ] {
        row(verdicts, Box::new(move |_| Command::ChangeRole { participant: id(whom), role: Role::ReadOnly }));
    }
    row("--------", Box::new(|_| Command::ChangeRole { participant: id(PARTICIPANT), role: Role::Admin }));
    row("----+++-", Box::new(|_| Command::Lock { locked: true }));
    row("----+++-", Box::new(|_| Command::Policy { policy: model::room::RoomPolicy::default() }));
    row("-----++-", Box::new(|_| Command::EndForAll));
    rows
}

#[test]
fn every_command_of_everybody_about_everything() {
    let scene = scene();
    let mut seen = BTreeSet::new();
    for (verdicts, make) in table() {
        for ((who, n), verdict) in ACTORS.into_iter().zip(verdicts.chars()) {
            let command = make(n);
            seen.insert(number(&command));
            // A copy for each case, so that no case sees what another did.
            let mut room = scene.room.clone();
            let mut now = scene.now();
            now.monotonic_ms += 60_000;
            let got = match room.handle(now, id(n), command.clone()) {
                Ok(_) => '+',
                Err(Refusal::Forbidden) => '-',
                Err(Refusal::Stale) => 's',
                Err(other) => panic!("{who}: {command:?}: {other}"),
            };
            assert_eq!(got, verdict, "{who}: {command:?}");
            room.check().expect("whole");
        }
    }
    assert_eq!(seen.len(), COMMANDS, "a command has no row");
}
