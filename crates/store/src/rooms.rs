//! Rooms: settings (title included) sealed with the room's own key, changed by version, deleted with their key.

use crate::codec::{account_id, key_id, number, organisation_id, pad_id, room_id, unsigned};
use crate::seal::Key;
use crate::{Audit, Context, Store, StoreError};
use model::ids::{AccountId, KeyId, OrganisationId, PadId, RoomId};
use model::room::RoomSettings;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

const SETTINGS: &str = "rooms.settings";
const COLUMNS: &str = "id, organisation, owner, key_id, pad, settings_sealed, version";

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomRecord {
    /// Which.
    pub id: RoomId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Who made it.
    pub owner: AccountId,
    /// Its pad; it exists even while the settings hide it.
    pub pad: PadId,
    /// What is set for it.
    pub settings: RoomSettings,
    /// Rises with every change.
    pub version: u64,
}

/// A room to be made.
#[derive(Clone, Debug)]
pub struct NewRoom {
    /// The room; its version is 1 whatever stands here.
    pub room: RoomRecord,
    /// The fresh id of its key.
    pub key: KeyId,
}

impl Store {
    /// Makes a room with a key of its own.
    ///
    /// # Errors
    /// What the disk or SQLite says.
    pub async fn create_room(&self, new: &NewRoom, audit: Audit) -> Result<(), StoreError> {
        let NewRoom { room, key } = new;
        let settings = seal_settings(&*self.create_key(*key).await?, room.id, &room.settings)?;
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO rooms (id, organisation, owner, key_id, pad, settings_sealed, version, created_ms)
             VALUES ($1, $2, $3, $4, $5, $6, 1, $7)",
        )
        .bind(&room.id.as_bytes()[..])
        .bind(&room.organisation.as_bytes()[..])
        .bind(&room.owner.as_bytes()[..])
        .bind(&key.as_bytes()[..])
        .bind(&room.pad.as_bytes()[..])
        .bind(settings)
        .bind(number(audit.at_ms))
        .execute(&mut *write)
        .await?;
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(())
    }

    /// Reads a room.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn room(&self, id: RoomId) -> Result<Option<RoomRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM rooms WHERE id = $1"));
        let row = sqlx::query(sql).bind(&id.as_bytes()[..]).fetch_optional(&self.readers).await?;
        row.map(|row| self.opened_room(&row)).transpose()
    }

    /// Reads the room of a pad.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn room_of_pad(&self, pad: PadId) -> Result<Option<RoomRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!("SELECT {COLUMNS} FROM rooms WHERE pad = $1"));
        let row = sqlx::query(sql).bind(&pad.as_bytes()[..]).fetch_optional(&self.readers).await?;
        row.map(|row| self.opened_room(&row)).transpose()
    }

    /// The rooms of an organisation, newest first; only those of one person with `owner`.
    ///
    /// # Errors
    /// What SQLite says.
    pub async fn rooms_of(
        &self,
        organisation: OrganisationId,
        owner: Option<AccountId>,
    ) -> Result<Vec<RoomRecord>, StoreError> {
        let sql = sqlx::AssertSqlSafe(format!(
            "SELECT {COLUMNS} FROM rooms WHERE organisation = $1 AND ($2 IS NULL OR owner = $2)
             ORDER BY created_ms DESC, id"
        ));
        let rows = sqlx::query(sql)
            .bind(&organisation.as_bytes()[..])
            .bind(owner.map(|id| id.as_bytes().to_vec()))
            .fetch_all(&self.readers)
            .await?;
        rows.iter().map(|row| self.opened_room(row)).collect()
    }

    /// Replaces a room's settings, if `version` is still the newest. Returns the new version.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when somebody else was faster, [`StoreError::NotFound`] when the room is gone.
    pub async fn change_room(
        &self,
        id: RoomId,
        version: u64,
        settings: &RoomSettings,
        audit: Audit,
    ) -> Result<u64, StoreError> {
        let settings = seal_settings(&*self.room_key(id).await?, id, settings)?;
        let mut write = self.write().await?;
        let sql = "UPDATE rooms SET settings_sealed = $3, version = version + 1 WHERE id = $1 AND version = $2";
        let done =
            sqlx::query(sql).bind(&id.as_bytes()[..]).bind(number(version)).bind(settings).execute(&mut *write).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::Conflict);
        }
        audit.record(&mut write).await?;
        write.commit().await?;
        Ok(version + 1)
    }

    /// Deletes a room with all that was written in it: rows, then the key, then the write-ahead log. A crash in
    /// between is finished at the next start.
    ///
    /// # Errors
    /// [`StoreError::NotFound`]; [`StoreError::LogBusy`] when the log could not be cut yet (all else is done).
    pub async fn delete_room(&self, id: RoomId, audit: Audit) -> Result<(), StoreError> {
        let mut write = self.write().await?;
        sqlx::query("INSERT OR IGNORE INTO keys_to_destroy (key_id) SELECT key_id FROM rooms WHERE id = $1")
            .bind(&id.as_bytes()[..])
            .execute(&mut *write)
            .await?;
        let done = sqlx::query("DELETE FROM rooms WHERE id = $1").bind(&id.as_bytes()[..]).execute(&mut *write).await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound);
        }
        audit.record(&mut write).await?;
        write.commit().await?;
        self.finish_deletions().await
    }

    fn opened_room(&self, row: &SqliteRow) -> Result<RoomRecord, StoreError> {
        let id = room_id(row.try_get(0)?)?;
        let key = self.keys.get(key_id(row.try_get(3)?)?)?;
        let settings = key.open(Context::new(SETTINGS, id.as_bytes()), row.try_get(5)?)?;
        Ok(RoomRecord {
            id,
            organisation: organisation_id(row.try_get(1)?)?,
            owner: account_id(row.try_get(2)?)?,
            pad: pad_id(row.try_get(4)?)?,
            settings: serde_json::from_slice(&settings).map_err(|_| StoreError::Damaged("room settings"))?,
            version: unsigned(row.try_get(6)?, "room version")?,
        })
    }
}

fn seal_settings(key: &Key, id: RoomId, settings: &RoomSettings) -> Result<Vec<u8>, StoreError> {
    let json = serde_json::to_vec(settings).map_err(|_| StoreError::Damaged("room settings"))?;
    Ok(key.seal(Context::new(SETTINGS, id.as_bytes()), &json)?.as_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::KEY_FILE;
    use crate::testing;
    use model::ids::MessageId;
    use model::name::RoomName;

    #[tokio::test]
    async fn the_second_of_two_editors_is_told() {
        let (store, _folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let mut settings = room.settings.clone();
        settings.lobby = false;
        assert_eq!(store.change_room(room.id, 1, &settings, testing::audit("x")).await.expect("changed"), 2);
        let late = store.change_room(room.id, 1, &room.settings, testing::audit("x")).await;
        assert!(matches!(late, Err(StoreError::Conflict)));
        let read = store.room(room.id).await.expect("read").expect("there");
        assert_eq!((read.version, read.settings), (2, settings));
        assert_eq!(store.room_of_pad(room.pad).await.expect("read").map(|room| room.id), Some(room.id));
    }

    #[tokio::test]
    async fn rooms_are_listed_by_organisation_and_owner() {
        let (store, _folder) = testing::store().await;
        let (one, two) = (testing::room(&store, 1).await, testing::room(&store, 2).await);
        let ids = |rooms: Vec<RoomRecord>| rooms.into_iter().map(|room| room.id).collect::<Vec<_>>();
        assert_eq!(ids(store.rooms_of(one.organisation, None).await.expect("read")), [one.id]);
        assert_eq!(ids(store.rooms_of(two.organisation, Some(two.owner)).await.expect("read")), [two.id]);
        assert_eq!(ids(store.rooms_of(one.organisation, Some(two.owner)).await.expect("read")), []);
    }

    /// P-11 and the promise of ADR 0002: after deletion nothing of the content is in the folder, and an older copy of
    /// the database is unreadable beside the newest keys.
    #[tokio::test]
    async fn deleting_leaves_nothing_in_the_folder_and_nothing_in_older_backups() {
        let (store, folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let kept = testing::room(&store, 2).await;
        let mut settings = room.settings.clone();
        settings.name = RoomName::parse("Quittengelee").expect("name");
        store.change_room(room.id, 1, &settings, testing::audit("x")).await.expect("changed");
        let message = MessageId::from_random([77; 16]);
        let chat = [(message, b"Mirabellenmus".to_vec())];
        store.commit_room(room.id, Some(b"Zwetschgenknoedel"), &chat, &[]).await.expect("kept");
        let backup = tempfile::tempdir().expect("folder");
        store.backup_data(&backup.path().join("werkraum.db")).await.expect("backed up");

        store.delete_room(room.id, testing::audit("room_deleted")).await.expect("deleted");
        assert!(matches!(store.room_key(room.id).await, Err(StoreError::NotFound)));
        assert!(store.room(room.id).await.expect("read").is_none());
        assert!(store.room(kept.id).await.expect("read").is_some());
        for word in ["Quittengelee", "Mirabellenmus", "Zwetschgenknoedel"] {
            testing::assert_absent(folder.path(), word.as_bytes());
        }
        // The rows' own ciphertext is gone too, not only unreadable.
        testing::assert_absent(folder.path(), message.as_bytes());
        assert!(matches!(store.delete_room(room.id, testing::audit("x")).await, Err(StoreError::NotFound)));

        std::fs::copy(folder.path().join(KEY_FILE), backup.path().join(KEY_FILE)).expect("newest keys");
        let restored = Store::open_for_server(backup.path()).await.expect("opens");
        assert!(restored.room(room.id).await.expect("read").is_none(), "a deleted room came back");
        assert!(restored.room(kept.id).await.expect("read").is_some());
    }

    #[tokio::test]
    async fn a_deletion_that_a_crash_cut_short_is_finished_at_the_next_start() {
        let (store, folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let mut write = store.write().await.expect("begins");
        sqlx::query("INSERT INTO keys_to_destroy (key_id) SELECT key_id FROM rooms")
            .execute(&mut *write)
            .await
            .expect("x");
        sqlx::query("DELETE FROM rooms").execute(&mut *write).await.expect("x");
        write.commit().await.expect("committed");
        let key = KeyId::from_random([1; 16]);
        assert!(store.keys.get(key).is_ok());
        store.close().await;
        drop(store);
        let store = Store::open_for_server(folder.path()).await.expect("opens");
        assert!(matches!(store.keys.get(key), Err(StoreError::KeyDestroyed)));
        assert!(store.room(room.id).await.expect("read").is_none());
    }
}
