//! Who is who in a room: a session is one participant of a room, over reloads, reconnects and restarts.
//!
//! The name is sealed with the room's key. Whether somebody was removed stands here, so that their browser is refused
//! for the event (S-08) even when the room is not running.

use crate::codec::{account_id, invitation_id, number, participant_id, role, role_number, room_id, session_id};
use crate::{Context, Store, StoreError};
use model::ids::{AccountId, InvitationId, ParticipantId, RoomId, SessionId};
use model::name::PersonName;
use model::role::Role;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const NAME: &str = "participants.name";
const COLUMNS: &str = "id, room, session, account, invitation, name_sealed, role, standing";

/// How somebody stands with a room (S-06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Came by a link and was not let in yet.
    Outside,
    /// Was let in; comes back without waiting again.
    Admitted,
    /// Was taken out: this browser is refused for this event.
    Removed,
}

/// One person in one room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParticipantRecord {
    /// Who.
    pub id: ParticipantId,
    /// Where.
    pub room: RoomId,
    /// Whose browser.
    pub session: Option<SessionId>,
    /// Whose account, if they came without a link.
    pub account: Option<AccountId>,
    /// By which link they came.
    pub invitation: Option<InvitationId>,
    /// How they want to be called.
    pub name: PersonName,
    /// As what.
    pub role: Role,
    /// How they stand with the room.
    pub standing: Standing,
}

/// Somebody who comes through the door.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The id they get if this browser is new in the room.
    pub fresh_id: ParticipantId,
    /// Which room.
    pub room: RoomId,
    /// Whose browser.
    pub session: SessionId,
    /// Whose account, if they come without a link.
    pub account: Option<AccountId>,
    /// By which link they come.
    pub invitation: Option<InvitationId>,
    /// How they want to be called.
    pub name: PersonName,
    /// As what the link or the account lets them in.
    pub role: Role,
    /// Whether they are in without waiting (people with accounts).
    pub admitted: bool,
}

impl Standing {
    fn number(self) -> i64 {
        match self {
            Self::Outside => 0,
            Self::Admitted => 1,
            Self::Removed => 2,
        }
    }

    fn read(number: i64) -> Result<Self, StoreError> {
        [Self::Outside, Self::Admitted, Self::Removed]
            .into_iter()
            .find(|standing| standing.number() == number)
            .ok_or(StoreError::Damaged("standing"))
    }
}

impl Store {
    /// Notes that somebody comes. The same browser stays the same person and takes the new name; a role given to them
    /// in the room stays, unless they come by another link (or their account) that gives more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn enter(&self, entry: &Entry, now_ms: u64) -> Result<ParticipantRecord, StoreError> {
        let key = self.room_key(entry.room).await?;
        let mut write = self.write().await?;
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM participants WHERE room = $1 AND session = $2"));
        let known = sqlx::query(sql)
            .bind(&entry.room.as_bytes()[..])
            .bind(&entry.session.as_bytes()[..])
            .fetch_optional(&mut *write)
            .await?;
        let record = match known {
            None => ParticipantRecord {
                id: entry.fresh_id,
                room: entry.room,
                session: Some(entry.session),
                account: entry.account,
                invitation: entry.invitation,
                name: entry.name.clone(),
                role: entry.role,
                standing: if entry.admitted { Standing::Admitted } else { Standing::Outside },
            },
            Some(row) => {
                let known = self.opened_participant(&row, &key)?;
                let other_way = (known.account, known.invitation) != (entry.account, entry.invitation);
                let role = if other_way { known.role.max(entry.role) } else { known.role };
                let admitted = entry.admitted && known.standing == Standing::Outside;
                ParticipantRecord {
                    account: entry.account.or(known.account),
                    invitation: entry.invitation.or(known.invitation),
                    name: entry.name.clone(),
                    role,
                    standing: if admitted { Standing::Admitted } else { known.standing },
                    ..known
                }
            }
        };
        let name = key.seal(Context::new(NAME, record.id.as_bytes()), record.name.expose().as_bytes())?;
        sqlx::query(
            "INSERT INTO participants (id, room, session, account, invitation, name_sealed, role, standing, seen_ms)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
             ON CONFLICT (id) DO UPDATE SET account = $4, invitation = $5, name_sealed = $6, role = $7, standing = $8,
                 seen_ms = $9",
        )
        .bind(&record.id.as_bytes()[..])
        .bind(&record.room.as_bytes()[..])
        .bind(record.session.map(|id| id.as_bytes().to_vec()))
        .bind(record.account.map(|id| id.as_bytes().to_vec()))
        .bind(record.invitation.map(|id| id.as_bytes().to_vec()))
        .bind(name.as_bytes())
        .bind(role_number(record.role))
        .bind(record.standing.number())
        .bind(number(now_ms))
        .execute(&mut *write)
        .await?;
        write.commit().await?;
        Ok(record)
    }

    /// Who this browser is in a room.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn participant_of(
        &self,
        room: RoomId,
        session: SessionId,
    ) -> Result<Option<ParticipantRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM participants WHERE room = $1 AND session = $2"));
        let row = sqlx::query(sql)
            .bind(&room.as_bytes()[..])
            .bind(&session.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?;
        let Some(row) = row else { return Ok(None) };
        self.opened_participant(&row, &*self.room_key(room).await?).map(Some)
    }

    /// Who has this id.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn participant(&self, id: ParticipantId) -> Result<Option<ParticipantRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM participants WHERE id = $1"));
        let row = sqlx::query(sql).bind(&id.as_bytes()[..]).fetch_optional(&self.readers).await?;
        let Some(row) = row else { return Ok(None) };
        let key = self.room_key(room_id(row.try_get(1)?)?).await?;
        self.opened_participant(&row, &key).map(Some)
    }

    /// Notes how somebody stands with the room from now on.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn set_standing(&self, id: ParticipantId, standing: Standing) -> Result<(), StoreError> {
        sqlx::query("UPDATE participants SET standing = $2 WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .bind(standing.number())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Notes somebody's role from now on.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn set_participant_role(&self, id: ParticipantId, role: Role) -> Result<(), StoreError> {
        sqlx::query("UPDATE participants SET role = $2 WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .bind(role_number(role))
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// Notes somebody's new name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when the room is gone.
    pub async fn rename_participant(
        &self,
        room: RoomId,
        id: ParticipantId,
        name: &PersonName,
    ) -> Result<(), StoreError> {
        let key = self.room_key(room).await?;
        let sealed = key.seal(Context::new(NAME, id.as_bytes()), name.expose().as_bytes())?;
        sqlx::query("UPDATE participants SET name_sealed = $2 WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .bind(sealed.as_bytes())
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    /// The event is over: nobody is admitted or removed any more, guests' names are forgotten (P-03).
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn end_event(&self, room: RoomId) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM participants WHERE room = $1")
            .bind(&room.as_bytes()[..])
            .execute(&self.writer)
            .await?;
        Ok(())
    }

    fn opened_participant(&self, row: &SqliteRow, key: &crate::Key) -> Result<ParticipantRecord, StoreError> {
        let id = participant_id(row.try_get(0)?)?;
        let name = key.open_text(Context::new(NAME, id.as_bytes()), row.try_get(5)?)?;
        Ok(ParticipantRecord {
            id,
            room: room_id(row.try_get(1)?)?,
            session: row.try_get::<Option<&[u8]>, _>(2)?.map(session_id).transpose()?,
            account: row.try_get::<Option<&[u8]>, _>(3)?.map(account_id).transpose()?,
            invitation: row.try_get::<Option<&[u8]>, _>(4)?.map(invitation_id).transpose()?,
            name: PersonName::parse(&name).map_err(|_| StoreError::Damaged("participant name"))?,
            role: role(row.try_get(6)?)?,
            standing: Standing::read(row.try_get(7)?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, AT_MS};

    #[tokio::test]
    async fn the_same_browser_stays_the_same_person() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let session = testing::guest(&store, 1).await;
        let name = |text| PersonName::parse(text).expect("name");
        let by = |n: u8, role, text| Entry {
            fresh_id: ParticipantId::from_random([n; 16]),
            room: room.id,
            session,
            account: None,
            invitation: Some(InvitationId::from_random([n; 16])),
            name: name(text),
            role,
            admitted: false,
        };
        let first = store.enter(&by(1, Role::Participant, "Mo"), AT_MS).await.expect("in");
        assert_eq!(first.standing, Standing::Outside);
        store.set_standing(first.id, Standing::Admitted).await.expect("set");
        store.set_participant_role(first.id, Role::ReadOnly).await.expect("set");

        let returning = Entry { fresh_id: ParticipantId::from_random([7; 16]), ..by(1, Role::Participant, "Moe") };
        let again = store.enter(&returning, AT_MS).await.expect("in");
        assert_eq!(
            (again.id, again.name.expose(), again.role),
            (first.id, "Moe", Role::ReadOnly),
            "a role given stays"
        );
        assert_eq!(again.standing, Standing::Admitted);

        let better = store.enter(&by(2, Role::Trainer, "Moe"), AT_MS).await.expect("in");
        assert_eq!((better.id, better.role), (first.id, Role::Trainer), "another link that gives more counts");
        store.rename_participant(room.id, first.id, &name("Mina")).await.expect("renamed");
        let read = store.participant_of(room.id, session).await.expect("read").expect("there");
        assert_eq!(
            (read.name.expose(), store.participant(first.id).await.expect("read")),
            ("Mina", Some(read.clone()))
        );
        let stranger = testing::guest(&store, 2).await;
        assert_eq!(store.participant_of(room.id, stranger).await.expect("read"), None);
        store.end_event(room.id).await.expect("ended");
        assert_eq!(store.participant(first.id).await.expect("read"), None);
    }

    #[tokio::test]
    async fn removed_stays_removed_whatever_link_is_followed() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let session = testing::guest(&store, 1).await;
        let mut entry = Entry {
            fresh_id: ParticipantId::from_random([1; 16]),
            room: room.id,
            session,
            account: None,
            invitation: None,
            name: PersonName::parse("Mo").expect("name"),
            role: Role::Participant,
            admitted: false,
        };
        let id = store.enter(&entry, AT_MS).await.expect("in").id;
        store.set_standing(id, Standing::Removed).await.expect("set");
        entry.invitation = Some(InvitationId::from_random([2; 16]));
        entry.admitted = true;
        assert_eq!(store.enter(&entry, AT_MS).await.expect("in").standing, Standing::Removed);
    }
}
