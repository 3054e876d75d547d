//! A room with people for the engine's tests: virtual time, ids from numbers, effects kept by kind.
#![allow(dead_code, unreachable_pub)] // each test file uses its part

use model::ids::{AccountId, InvitationId, MessageId, OrganisationId, PadId, ParticipantId, RoomId};
use model::name::{ChatText, PersonName, RoomName};
use model::role::Role;
use model::room::RoomSettings;
use workshop::{Closing, Comer, Command, Effect, Event, Facts, MediaEffect, Now, Refusal, Room, Welcome};

pub const START_UTC_MS: u64 = 1_800_000_000_000;

pub fn id(n: u8) -> ParticipantId {
    ParticipantId::from_random([n; 16])
}

pub fn link(n: u8) -> InvitationId {
    InvitationId::from_random([n; 16])
}

pub fn message(n: u32) -> MessageId {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&n.to_be_bytes());
    MessageId::from_random(bytes)
}

pub fn facts(lobby: bool) -> Facts {
    let mut settings = RoomSettings::named(RoomName::parse("Raum").expect("name"));
    settings.lobby = lobby;
    Facts {
        room: RoomId::from_random([1; 16]),
        organisation: OrganisationId::from_random([1; 16]),
        owner: AccountId::from_random([1; 16]),
        settings,
        pad: Some(PadId::from_random([1; 16])),
    }
}

/// The link by which guests come unless a test says otherwise.
pub const GUESTS: u8 = 200;

/// A room, its clock and the next connection's number.
pub struct Scene {
    pub room: Room,
    pub ms: u64,
    pub connection: u64,
}

impl Scene {
    pub fn new(lobby: bool) -> Self {
        let mut scene = Self { room: Room::open(at(0), facts(lobby)), ms: 0, connection: 0 };
        scene.room.check().expect("whole");
        scene.ms = 1;
        scene
    }

    pub fn now(&self) -> Now {
        at(self.ms)
    }

    pub fn comer(&mut self, n: u8, role: Role, via: Option<u8>) -> Comer {
        self.connection += 1;
        let name = PersonName::parse(&format!("Person {n}")).expect("name");
        Comer { participant: id(n), name, role, via: via.map(link), connection: self.connection }
    }

    pub fn try_come(&mut self, n: u8, role: Role, via: Option<u8>) -> Result<Vec<Effect>, Refusal> {
        let comer = self.comer(n, role, via);
        let before = self.room.clone();
        let result = self.room.come(self.now(), comer);
        if result.is_err() {
            assert_eq!(before.save().expect("state"), self.room.save().expect("state"), "a refusal changed something");
        }
        self.room.check().expect("whole");
        result
    }

    /// A trainer by account, or a guest by the usual link.
    pub fn come(&mut self, n: u8, role: Role) -> Vec<Effect> {
        let via = (!role.leads()).then_some(GUESTS);
        self.try_come(n, role, via).expect("comes")
    }

    pub fn try_command(&mut self, n: u8, command: Command) -> Result<Vec<Effect>, Refusal> {
        // Far enough apart not to meet the limits on rate, which have tests of their own.
        self.ms += 1_000;
        let before = self.room.clone();
        let result = self.room.handle(self.now(), id(n), command);
        if result.is_err() {
            assert_eq!(before.save().expect("state"), self.room.save().expect("state"), "a refusal changed something");
        }
        self.room.check().expect("whole");
        result
    }

    pub fn command(&mut self, n: u8, command: Command) -> Vec<Effect> {
        self.try_command(n, command).expect("carried out")
    }

    pub fn lose(&mut self, n: u8, connection: u64) -> Vec<Effect> {
        let effects = self.room.lost(self.now(), id(n), connection);
        self.room.check().expect("whole");
        effects
    }

    pub fn wait(&mut self, ms: u64) -> Vec<Effect> {
        self.ms += ms;
        let effects = self.room.tick(self.now());
        self.room.check().expect("whole");
        effects
    }

    /// As after kill -9: only what was saved is left.
    pub fn restart(&mut self, chat: Vec<workshop::ChatLine>) -> Vec<Effect> {
        let saved = self.room.save().expect("saved");
        let facts = facts(true);
        self.ms = 5;
        let (room, effects) = Room::restore(self.now(), facts, &saved, chat).expect("restored");
        self.room = room;
        effects
    }

    pub fn welcome(&self, n: u8) -> Welcome {
        self.room.welcome(id(n)).expect("in")
    }
}

pub fn at(ms: u64) -> Now {
    Now { monotonic_ms: ms, utc_ms: START_UTC_MS + ms }
}

pub fn chat(n: u32, text: &str) -> Command {
    Command::Chat { message: message(n), text: ChatText::parse(text).expect("text") }
}

/// Who is closed, and why.
pub fn closed(effects: &[Effect]) -> Vec<(ParticipantId, Closing)> {
    let pick = |effect: &Effect| match effect {
        Effect::Close { participant, why, .. } => Some((*participant, *why)),
        _ => None,
    };
    effects.iter().filter_map(pick).collect()
}

/// Who is told this kind of event.
pub fn told(effects: &[Effect], kind: impl Fn(&Event) -> bool) -> Vec<ParticipantId> {
    let pick = |effect: &Effect| match effect {
        Effect::Send { to, event } if kind(event) => Some(to.clone()),
        _ => None,
    };
    effects.iter().filter_map(pick).flatten().collect()
}

pub fn media(effects: &[Effect]) -> Vec<MediaEffect> {
    let pick = |effect: &Effect| match effect {
        Effect::Media(media) => Some(media.clone()),
        _ => None,
    };
    effects.iter().filter_map(pick).collect()
}

pub fn saved_first(effects: &[Effect]) -> bool {
    effects.contains(&Effect::SaveState)
}
