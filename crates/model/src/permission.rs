//! The one place that says who may do what (S-01).
//!
//! [`authorize`] is the only maker of a [`Permit`]; a handler takes the permit of its ability by value, so a handler
//! that forgot to ask does not compile. Facts about the actor come from the server's session, never from a message
//! (S-02).

use crate::ids::{AccountId, OrganisationId, ParticipantId, RoomId};
use crate::role::{AccountRole, Role};
use crate::room::RoomPolicy;

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Nobody we know.
    Anonymous,
    /// Somebody in a room's lobby.
    Waiting {
        /// The room before which they wait.
        room: RoomId,
    },
    /// Somebody admitted to a room.
    Participant {
        /// The room.
        room: RoomId,
        /// Who in it.
        participant: ParticipantId,
        /// As what.
        role: Role,
    },
    /// A signed-in person, outside any room.
    Account {
        /// Who.
        account: AccountId,
        /// Whose.
        organisation: OrganisationId,
        /// As what.
        role: AccountRole,
    },
    /// Somebody who was removed from a room, or whose session has ended.
    Removed,
}

/// On what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object {
    /// The server as a whole.
    Server,
    /// An organisation.
    Organisation(OrganisationId),
    /// A room and what is in it (chat, lobby, pad, publications).
    Room {
        /// Which.
        room: RoomId,
        /// Whose.
        organisation: OrganisationId,
        /// Who made it.
        owner: AccountId,
        /// What its trainer lets people do.
        policy: RoomPolicy,
    },
    /// A person in a room.
    Person {
        /// The room.
        room: RoomId,
        /// Who.
        participant: ParticipantId,
        /// As what.
        role: Role,
    },
}

/// The answer "no", for a reason that may be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not allowed")]
pub struct Denied;

/// Something that can be done; a zero-sized type for each, so that permits cannot be mixed up.
pub trait Ability: Copy {
    /// The row of the table.
    const ACTION: Action;
}

/// Proof that [`authorize`] said yes to `A`. Not `Clone`: one question, one deed.
#[derive(Debug)]
#[must_use]
pub struct Permit<A: Ability> {
    _ability: A,
}

macro_rules! abilities {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// Everything that can be asked for: the rows of the permission table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Action { $($(#[$doc])* $name,)* }

        impl Action {
            /// All of them, for tests that walk the table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];
        }

        /// The abilities as types, one for each [`Action`].
        pub mod ability {
            use super::{Ability, Action};
            $($(#[$doc])* #[derive(Clone, Copy, Debug)] pub struct $name;
            impl Ability for $name { const ACTION: Action = Action::$name; })*
        }
    };
}

abilities! {
    /// See and change the organisation's data, people and all its rooms.
    AdministerOrganisation;
    /// Invite people with accounts.
    InviteAccounts;
    /// Make a room.
    CreateRoom;
    /// See a room's settings, links and state from outside.
    ReadRoomSettings;
    /// Change a room's settings.
    ChangeRoomSettings;
    /// Make and revoke invitation links of a room.
    ManageInvitations;
    /// Delete a room with all that was written in it.
    DeleteRoom;
    /// Go in as the room's trainer without a link.
    HostRoom;
    /// Be in the room: receive its events, pictures and sound.
    Attend;
    /// Leave the lobby, say one's name, knock (S-06).
    WaitInLobby;
    /// Send sound from the microphone.
    Speak;
    /// Send a picture from the camera.
    Show;
    /// Send a screen with its sound.
    Share;
    /// Write in the chat.
    Chat;
    /// Delete one's own chat message.
    DeleteOwnChat;
    /// Delete anybody's chat message.
    DeleteAnyChat;
    /// Raise and lower one's own hand.
    RaiseHand;
    /// Lower the hand of somebody else.
    LowerHand;
    /// Read the room's pad.
    ReadPad;
    /// Comment in the room's pad.
    CommentPad;
    /// Write in the room's pad.
    WritePad;
    /// Admit and deny waiting people, write the message to them.
    ManageLobby;
    /// Switch off somebody's microphone, camera or share. There is no ability to switch one on (P-06).
    Silence;
    /// Take somebody out of the room (S-08).
    Remove;
    /// Give somebody another role.
    ChangeRole;
    /// Lock and unlock the room, change who may do what while it is open.
    ModerateRoom;
    /// End the meeting for all.
    EndForAll;
}

/// Whether `actor` may do `A` to `object`.
///
/// # Errors
/// [`Denied`], without telling why: what is not there and what is not allowed look the same from outside (S-07).
pub fn authorize<A: Ability>(actor: &Actor, ability: A, object: &Object) -> Result<Permit<A>, Denied> {
    if may(actor, A::ACTION, object) { Ok(Permit { _ability: ability }) } else { Err(Denied) }
}

/// The permission table itself, for asking without doing (what a client shows as possible).
#[must_use]
pub fn may(actor: &Actor, action: Action, object: &Object) -> bool {
    match (actor, object) {
        (Actor::Account { organisation, role, .. }, Object::Organisation(of)) if organisation == of => match action {
            Action::AdministerOrganisation | Action::InviteAccounts => *role == AccountRole::Admin,
            Action::CreateRoom => true,
            _ => false,
        },
        (Actor::Account { account, organisation, role }, Object::Room { organisation: of, owner, .. })
            if organisation == of =>
        {
            let own = account == owner || *role == AccountRole::Admin;
            own && matches!(
                action,
                Action::ReadRoomSettings
                    | Action::ChangeRoomSettings
                    | Action::ManageInvitations
                    | Action::DeleteRoom
                    | Action::HostRoom
                    | Action::ReadPad
                    | Action::CommentPad
                    | Action::WritePad
            )
        }
        (Actor::Waiting { room }, Object::Room { room: of, .. }) if room == of => action == Action::WaitInLobby,
        (Actor::Participant { room, role, .. }, Object::Room { room: of, policy, .. }) if room == of => {
            in_room(*role, action, policy)
        }
        (
            Actor::Participant { room, participant, role },
            Object::Person { room: of, participant: other, role: theirs },
        ) if room == of => {
            let oneself = participant == other;
            match action {
                Action::LowerHand => role.leads() || oneself,
                // Nobody silences or removes somebody of higher rank; oneself one mutes by stopping to send.
                Action::Silence | Action::Remove => role.leads() && !oneself && theirs <= role,
                Action::ChangeRole => *role >= Role::Trainer && !oneself && *theirs != Role::Admin,
                _ => false,
            }
        }
        _ => false,
    }
}

fn in_room(role: Role, action: Action, policy: &RoomPolicy) -> bool {
    match action {
        Action::Attend | Action::RaiseHand | Action::ReadPad => true,
        Action::Speak => policy.speak.includes(role),
        Action::Show => policy.show.includes(role),
        Action::Share => policy.share.includes(role),
        Action::Chat => policy.chat.includes(role),
        Action::DeleteOwnChat => role >= Role::Participant,
        Action::WritePad | Action::CommentPad => policy.write.includes(role),
        Action::ManageLobby | Action::DeleteAnyChat | Action::ModerateRoom | Action::LowerHand => role.leads(),
        Action::ManageInvitations | Action::EndForAll | Action::ReadRoomSettings | Action::ChangeRoomSettings => {
            role >= Role::Trainer
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(n: u8) -> Object {
        Object::Room {
            room: RoomId::from_random([n; 16]),
            organisation: OrganisationId::from_random([n; 16]),
            owner: AccountId::from_random([n; 16]),
            policy: RoomPolicy::default(),
        }
    }

    fn someone(n: u8, role: Role) -> Actor {
        Actor::Participant {
            room: RoomId::from_random([n; 16]),
            participant: ParticipantId::from_random([1; 16]),
            role,
        }
    }

    #[test]
    fn strangers_and_the_removed_may_nothing() {
        for &action in Action::ALL {
            for object in [room(1), Object::Server, Object::Organisation(OrganisationId::from_random([1; 16]))] {
                assert!(!may(&Actor::Anonymous, action, &object), "{action:?}");
                assert!(!may(&Actor::Removed, action, &object), "{action:?}");
            }
        }
    }

    #[test]
    fn the_waiting_may_only_wait() {
        let waiting = Actor::Waiting { room: RoomId::from_random([1; 16]) };
        for &action in Action::ALL {
            assert_eq!(may(&waiting, action, &room(1)), action == Action::WaitInLobby, "{action:?}");
            assert!(!may(&waiting, action, &room(2)), "{action:?}");
        }
    }

    #[test]
    fn nobody_reaches_into_another_room() {
        for role in Role::ALL {
            for &action in Action::ALL {
                assert!(!may(&someone(1, role), action, &room(2)), "{role:?} {action:?}");
            }
        }
    }

    #[test]
    fn read_only_people_send_nothing_but_a_hand() {
        let allowed: Vec<_> =
            Action::ALL.iter().filter(|&&action| may(&someone(1, Role::ReadOnly), action, &room(1))).copied().collect();
        assert_eq!(allowed, [Action::Attend, Action::RaiseHand, Action::ReadPad]);
    }

    #[test]
    fn rank_protects_against_removal() {
        let person = |role| Object::Person {
            room: RoomId::from_random([1; 16]),
            participant: ParticipantId::from_random([2; 16]),
            role,
        };
        assert!(may(&someone(1, Role::CoTrainer), Action::Remove, &person(Role::Participant)));
        assert!(!may(&someone(1, Role::CoTrainer), Action::Remove, &person(Role::Trainer)));
        assert!(!may(&someone(1, Role::Participant), Action::Silence, &person(Role::Participant)));
    }

    #[test]
    fn other_organisations_see_nothing() {
        let admin = Actor::Account {
            account: AccountId::from_random([9; 16]),
            organisation: OrganisationId::from_random([9; 16]),
            role: AccountRole::Admin,
        };
        for &action in Action::ALL {
            assert!(!may(&admin, action, &room(1)), "{action:?}");
        }
    }
}
