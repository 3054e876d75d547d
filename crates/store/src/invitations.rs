//! Invitation links of rooms: found by the secret's hash, shown again from the sealed secret to those who manage them.

use crate::codec::{invitation_id, number, role, role_number, room_id, unsigned};
use crate::{Audit, Context, Secret, SecretHash, Store, StoreError};
use model::ids::{InvitationId, RoomId};
use model::limits::INVITATION_SECRET_BYTES;
use model::role::Role;
use sqlx::Row;

const SECRET: &str = "invitations.secret";

/// An invitation link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationRecord {
    /// Which.
    pub id: InvitationId,
    /// Into which room.
    pub room: RoomId,
    /// As what.
    pub role: Role,
    /// When it ends, in milliseconds since 1970.
    pub expires_ms: Option<u64>,
}

/// An invitation to be made or given a new secret.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// The link.
    pub invitation: InvitationRecord,
    /// What opens it.
    pub secret: Secret,
}

impl Store {
    /// Makes a link.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn create_invitation(&self, new: &NewInvitation, audit: Audit) -> Result<(), StoreError> {
        let NewInvitation { invitation, secret } = new;
        let id = invitation.id.as_bytes();
        let sealed =
            self.room_key(invitation.room).await?.seal(Context::new(SECRET, id), secret.expose().as_bytes())?;
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO invitations (id, room, role, secret_hash, secret_sealed, created_ms, expires_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(&id[..])
        .bind(&invitation.room.as_bytes()[..])
        .bind(role_number(invitation.role))
        .bind(secret.hash().as_bytes())
        .bind(sealed.as_bytes())
        .bind(number(audit.at_ms))
        .bind(invitation.expires_ms.map(number))
        .execute(&mut *write)
        .await?;
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// The links of a room with their secrets, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn invitations(&self, room: RoomId) -> Result<Vec<NewInvitation>, StoreError> {
        let key = self.room_key(room).await?;
        let rows = sqlx::query(
            "SELECT id, role, expires_ms, secret_sealed FROM invitations WHERE room = $1 ORDER BY created_ms, id",
        )
        .bind(&room.as_bytes()[..])
        .fetch_all(&self.readers)
        .await?;
        rows.iter()
            .map(|row| {
                let id = invitation_id(row.try_get(0)?)?;
                let secret = key.open_text(Context::new(SECRET, id.as_bytes()), row.try_get(3)?)?;
                Ok(NewInvitation {
                    invitation: InvitationRecord {
                        id,
                        room,
                        role: role(row.try_get(1)?)?,
                        expires_ms: expiry(row.try_get(2)?)?,
                    },
                    secret: Secret::parse(&secret, INVITATION_SECRET_BYTES)
                        .ok_or(StoreError::Damaged("invitation secret"))?,
                })
            })
            .collect()
    }

    /// What a secret opens, expired or not; revoked links are unknown.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn invitation_by_secret(&self, secret: &SecretHash) -> Result<Option<InvitationRecord>, StoreError> {
        let row = sqlx::query("SELECT id, room, role, expires_ms FROM invitations WHERE secret_hash = $1")
            .bind(secret.as_bytes())
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(InvitationRecord {
            id: invitation_id(row.try_get(0)?)?,
            room: room_id(row.try_get(1)?)?,
            role: role(row.try_get(2)?)?,
            expires_ms: expiry(row.try_get(3)?)?,
        }))
    }

    /// Revokes a link: its secret opens nothing from now on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is no link of this room.
    pub async fn revoke_invitation(&self, room: RoomId, id: InvitationId, audit: Audit) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        let done = sqlx::query("DELETE FROM invitations WHERE id = $1 AND room = $2")
            .bind(&id.as_bytes()[..])
            .bind(&room.as_bytes()[..])
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Gives a link a new secret; the old one is dead from the commit on (S-08).
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is no link of this room.
    pub async fn renew_invitation(
        &self,
        room: RoomId,
        id: InvitationId,
        secret: &Secret,
        audit: Audit,
    ) -> Result<InvitationRecord, StoreError> {
        let key = self.room_key(room).await?;
        let sealed = key.seal(Context::new(SECRET, id.as_bytes()), secret.expose().as_bytes())?;
        let mut write = self.write().await?;
        let row = sqlx::query(
            "UPDATE invitations SET secret_hash = $3, secret_sealed = $4 WHERE id = $1 AND room = $2
             RETURNING role, expires_ms",
        )
        .bind(&id.as_bytes()[..])
        .bind(&room.as_bytes()[..])
        .bind(secret.hash().as_bytes())
        .bind(sealed.as_bytes())
        .fetch_optional(&mut *write)
        .await?
        .ok_or(StoreError::NotFound)?;
        let record = InvitationRecord { id, room, role: role(row.try_get(0)?)?, expires_ms: expiry(row.try_get(1)?)? };
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(record)
    }
}

fn expiry(stored: Option<i64>) -> Result<Option<u64>, StoreError> {
    stored.map(|ms| unsigned(ms, "invitation expiry")).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn revoked_and_renewed_links_are_dead() {
        let (store, _folder) = testing::store().await;
        let (room, other) = (testing::room(&store, 1).await, testing::room(&store, 2).await);
        let new = testing::invitation(&store, room.id, 1, Role::Trainer).await;
        let found = store.invitation_by_secret(&new.secret.hash()).await.expect("read");
        assert_eq!(found.as_ref(), Some(&new.invitation));
        let listed = store.invitations(room.id).await.expect("read");
        assert_eq!(listed.len(), 1);
        assert_eq!((&listed[0].invitation, &listed[0].secret), (&new.invitation, &new.secret));

        let fresh = Secret::draw(INVITATION_SECRET_BYTES).expect("random");
        let audit = testing::audit("x");
        assert!(store.renew_invitation(other.id, new.invitation.id, &fresh, audit).await.is_err(), "not its room");
        store.renew_invitation(room.id, new.invitation.id, &fresh, audit).await.expect("renewed");
        assert_eq!(store.invitation_by_secret(&new.secret.hash()).await.expect("read"), None);
        assert_eq!(store.invitation_by_secret(&fresh.hash()).await.expect("read"), found);

        assert!(store.revoke_invitation(other.id, new.invitation.id, audit).await.is_err(), "not its room");
        store.revoke_invitation(room.id, new.invitation.id, audit).await.expect("revoked");
        assert_eq!(store.invitation_by_secret(&fresh.hash()).await.expect("read"), None);
    }
}
