//! How plain values stand in columns: ids as 16 bytes, roles as small numbers, times as milliseconds.

use crate::StoreError;
use model::ids::{AccountId, InvitationId, KeyId, MessageId, OrganisationId, PadId, ParticipantId, RoomId, SessionId};
use model::role::{AccountRole, Role};

macro_rules! readers {
    ($($name:ident -> $type:ty;)*) => {$(
        pub(crate) fn $name(bytes: &[u8]) -> Result<$type, StoreError> {
            bytes.try_into().map(<$type>::from_bytes).map_err(|_| StoreError::Damaged(stringify!($name)))
        }
    )*};
}

readers! {
    account_id -> AccountId;
    invitation_id -> InvitationId;
    key_id -> KeyId;
    message_id -> MessageId;
    organisation_id -> OrganisationId;
    pad_id -> PadId;
    participant_id -> ParticipantId;
    room_id -> RoomId;
    session_id -> SessionId;
}

/// Numbers with gaps, so that a role between two others can come without touching rows.
pub(crate) fn role_number(role: Role) -> i64 {
    match role {
        Role::ReadOnly => 10,
        Role::Participant => 20,
        Role::CoTrainer => 30,
        Role::Trainer => 40,
        Role::Admin => 50,
    }
}

pub(crate) fn role(number: i64) -> Result<Role, StoreError> {
    Role::ALL.into_iter().find(|&role| role_number(role) == number).ok_or(StoreError::Damaged("role"))
}

pub(crate) fn account_role_number(role: AccountRole) -> i64 {
    match role {
        AccountRole::Trainer => 10,
        AccountRole::Admin => 20,
    }
}

pub(crate) fn account_role(number: i64) -> Result<AccountRole, StoreError> {
    [AccountRole::Admin, AccountRole::Trainer]
        .into_iter()
        .find(|&role| account_role_number(role) == number)
        .ok_or(StoreError::Damaged("account role"))
}

/// SQLite's integers are signed; a time or version beyond them does not occur and is kept at the end of the range.
pub(crate) fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(crate) fn unsigned(value: i64, what: &'static str) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_comes_back_and_rank_stays_rank() {
        for role_in in Role::ALL {
            assert_eq!(role(role_number(role_in)).ok(), Some(role_in));
        }
        assert!(Role::ALL.windows(2).all(|pair| role_number(pair[0]) < role_number(pair[1])));
        for role_in in [AccountRole::Admin, AccountRole::Trainer] {
            assert_eq!(account_role(account_role_number(role_in)).ok(), Some(role_in));
        }
        assert!(role(0).is_err());
        assert!(room_id(&[0; 15]).is_err());
    }
}
