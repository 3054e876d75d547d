//! Changes of rooms from outside: permit, apply, store and audit in one transaction, then tell the running room, which
//! computes the consequences. Called by `http/api`; reads no HTTP and decides no right of its own.

use model::ids::{AccountId, InvitationId, KeyId, PadId, RoomId};
use model::limits::INVITATION_SECRET_BYTES;
use model::permission::{Ability, Actor, Denied, Object, Permit, ability, authorize};
use model::role::Role;
use model::room::RoomSettings;
use std::sync::Arc;
use store::{Audit, InvitationRecord, NewInvitation, NewRoom, RoomRecord, Secret, Store, StoreError};

use super::Rooms;
use crate::pads::Pads;
use crate::{clock, random};

/// Why a change was not made.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Not there, or not for the one who asks: the two look the same (S-07).
    #[error("not found")]
    NotFound,
    /// Edited from a version that is no longer the newest.
    #[error("conflict")]
    Conflict,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

impl From<Denied> for ServiceError {
    fn from(_: Denied) -> Self {
        Self::NotFound
    }
}

impl From<StoreError> for ServiceError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict => Self::Conflict,
            other => Self::Store(other),
        }
    }
}

type Result<T> = std::result::Result<T, ServiceError>;

/// The rooms as their makers change them. Cheap to clone.
#[derive(Clone)]
pub struct RoomService {
    store: Arc<Store>,
    live: Rooms,
    pads: Pads,
}

/// As the permission table knows a room.
#[must_use]
pub fn object(room: &RoomRecord) -> Object {
    Object::Room { room: room.id, organisation: room.organisation, owner: room.owner, policy: room.settings.policy }
}

impl RoomService {
    /// Over the store, the running rooms and their pads.
    #[must_use]
    pub fn new(store: Arc<Store>, live: Rooms, pads: Pads) -> Self {
        Self { store, live, pads }
    }

    /// Makes a room with default settings.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn create(&self, actor: &Actor, settings: RoomSettings) -> Result<RoomRecord> {
        let Actor::Account { account, organisation, .. } = *actor else { return Err(ServiceError::NotFound) };
        let _permit = authorize(actor, ability::CreateRoom, &Object::Organisation(organisation))?;
        let room = RoomRecord {
            id: random::id(RoomId::from_random),
            organisation,
            owner: account,
            pad: random::id(PadId::from_random),
            settings,
            version: 1,
        };
        let new = NewRoom { room: room.clone(), key: random::id(KeyId::from_random) };
        self.store.create_room(&new, audit(&room, actor, "room_made")).await?;
        Ok(room)
    }

    /// The rooms that the actor may configure: an admin all of the organisation, a trainer their own.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn list(&self, actor: &Actor) -> Result<Vec<RoomRecord>> {
        let Actor::Account { organisation, .. } = *actor else { return Err(ServiceError::NotFound) };
        let mut rooms = self.store.rooms_of(organisation, None).await?;
        rooms.retain(|room| authorize(actor, ability::ReadRoomSettings, &object(room)).is_ok());
        Ok(rooms)
    }

    /// A room, for whoever may do `ability` to it.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn permitted<A: Ability>(
        &self,
        actor: &Actor,
        ability: A,
        id: RoomId,
    ) -> Result<(RoomRecord, Permit<A>)> {
        let room = self.store.room(id).await?.ok_or(ServiceError::NotFound)?;
        let permit = authorize(actor, ability, &object(&room))?;
        Ok((room, permit))
    }

    /// Replaces the settings, if `version` is still the newest (HOUSE: "A room setting").
    ///
    /// # Errors
    /// [`ServiceError::Conflict`] and others.
    pub async fn change(&self, actor: &Actor, id: RoomId, version: u64, settings: RoomSettings) -> Result<RoomRecord> {
        let (room, _permit) = self.permitted(actor, ability::ChangeRoomSettings, id).await?;
        let version = self.store.change_room(id, version, &settings, audit(&room, actor, "room_changed")).await?;
        self.live.settings_changed(id).await;
        Ok(RoomRecord { settings, version, ..room })
    }

    /// Deletes a room with all that was written in it; who is in is sent away first.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn delete(&self, actor: &Actor, id: RoomId) -> Result<()> {
        let (room, _permit) = self.permitted(actor, ability::DeleteRoom, id).await?;
        self.live.room_deleted(id).await;
        let deleted = self.store.delete_room(id, audit(&room, actor, "room_deleted")).await;
        // After the rows: whoever opens the pad now finds none, and whoever has it open is put out.
        self.pads.deleted(room.pad).await;
        match deleted {
            Err(StoreError::LogBusy) => {
                tracing::warn!("deleted content is still in the write-ahead log; housekeeping wipes it");
                Ok(())
            }
            done => Ok(done?),
        }
    }

    /// The links of a room.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn invitations(&self, actor: &Actor, id: RoomId) -> Result<Vec<NewInvitation>> {
        let (room, _permit) = self.permitted(actor, ability::ManageInvitations, id).await?;
        Ok(self.store.invitations(room.id).await?)
    }

    /// Makes a link.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn invite(
        &self,
        actor: &Actor,
        id: RoomId,
        role: Role,
        expires_ms: Option<u64>,
    ) -> Result<NewInvitation> {
        let (room, _permit) = self.permitted(actor, ability::ManageInvitations, id).await?;
        let invitation =
            InvitationRecord { id: random::id(InvitationId::from_random), room: room.id, role, expires_ms };
        let new = NewInvitation { invitation, secret: Secret::draw(INVITATION_SECRET_BYTES)? };
        self.store.create_invitation(&new, audit(&room, actor, "invitation_made")).await?;
        Ok(new)
    }

    /// Revokes a link.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn revoke(&self, actor: &Actor, id: RoomId, invitation: InvitationId) -> Result<()> {
        let (room, _permit) = self.permitted(actor, ability::ManageInvitations, id).await?;
        self.store.revoke_invitation(id, invitation, audit(&room, actor, "invitation_revoked")).await?;
        self.live.link_gone(id, invitation).await;
        Ok(())
    }

    /// Gives a link a new secret; the old one is dead (S-08).
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn renew(&self, actor: &Actor, id: RoomId, invitation: InvitationId) -> Result<NewInvitation> {
        let (room, _permit) = self.permitted(actor, ability::ManageInvitations, id).await?;
        let secret = Secret::draw(INVITATION_SECRET_BYTES)?;
        let audit = audit(&room, actor, "invitation_renewed");
        let invitation = self.store.renew_invitation(id, invitation, &secret, audit).await?;
        self.live.link_gone(id, invitation.id).await;
        Ok(NewInvitation { invitation, secret })
    }
}

fn audit(room: &RoomRecord, actor: &Actor, deed: &'static str) -> Audit {
    let actor: Option<AccountId> = match actor {
        Actor::Account { account, .. } => Some(*account),
        _ => None,
    };
    Audit { at_ms: clock::now_ms(), organisation: Some(room.organisation), actor, room: Some(room.id), deed }
}
