//! Opens the data folder: SQLite in WAL mode with `synchronous=FULL` (an answer given is on the disk, R-01), one
//! connection that writes, several that read, embedded migrations, and the key file.

use crate::keyring::{Keyring, replace};
use crate::seal::Key;
use crate::{Secret, StoreError};
use model::ids::{KeyId, RoomId};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Row, SqlSafeStr, Sqlite, Transaction};
use std::borrow::Cow;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The database's name in the data folder.
pub const DATABASE_FILE: &str = "werkraum.db";
/// The key file's name in the data folder.
pub const KEY_FILE: &str = "keys";
const LOCK_FILE: &str = "werkraum.lock";
const READERS_MAX: u32 = 4;
/// Waiting for the writer longer than this means that the disk is gone, not that it is slow.
const WAIT: Duration = Duration::from_secs(30);

/// Migrations in their order; a released one is never changed, only followed.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "base", include_str!("../migrations/0001_base.sql")),
    (2, "pads", include_str!("../migrations/0002_pads.sql")),
];

/// The open data folder.
pub struct Store {
    pub(crate) writer: SqlitePool,
    pub(crate) readers: SqlitePool,
    pub(crate) keys: Arc<Keyring>,
    pub(crate) folder: PathBuf,
    _lock: Option<File>,
}

impl Store {
    /// Opens the folder for the server: alone, brought up to date, with what a crash left half deleted removed.
    ///
    /// # Errors
    /// [`StoreError::InUse`] when another server has it; else what the disk or SQLite says.
    pub async fn open_for_server(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        let lock = File::options().create(true).append(true).open(folder.join(LOCK_FILE))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(StoreError::InUse),
            Err(std::fs::TryLockError::Error(error)) => return Err(error.into()),
        }
        let store = Self::open_with(folder, Some(lock)).await?;
        store.finish_deletions().await?;
        Ok(store)
    }

    /// Opens the folder beside a running server, for the command line.
    ///
    /// # Errors
    /// What the disk or SQLite says.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(folder)?;
        Self::open_with(folder, None).await
    }

    async fn open_with(folder: &Path, lock: Option<File>) -> Result<Self, StoreError> {
        let (database, key_file) = (folder.join(DATABASE_FILE), folder.join(KEY_FILE));
        if database.exists() && !key_file.exists() {
            // Never paper over lost keys with fresh ones: everything would look empty and the backup forgotten.
            return Err(StoreError::KeyFileDamaged);
        }
        let keys = Arc::new(blocking(move || Keyring::open(&key_file)).await?);
        let options = SqliteConnectOptions::new()
            .filename(&database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            // Deleted content is overwritten in the file; temporary tables never reach the disk.
            .pragma("secure_delete", "ON")
            .pragma("temp_store", "MEMORY");
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .acquire_timeout(WAIT)
            // Only here: SQLite notes this mode in the file again for each connection that names it, so readers would write.
            .connect_with(options.clone().auto_vacuum(SqliteAutoVacuum::Incremental))
            .await?;
        migrator().run(&writer).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .acquire_timeout(WAIT)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        Ok(Self { writer, readers, keys, folder: folder.to_owned(), _lock: lock })
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The key that seals what is written in a room.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for no such room, [`StoreError::KeyDestroyed`].
    pub async fn room_key(&self, room: RoomId) -> Result<Arc<Key>, StoreError> {
        let row = sqlx::query("SELECT key_id FROM rooms WHERE id = $1")
            .bind(&room.as_bytes()[..])
            .fetch_optional(&self.readers)
            .await?
            .ok_or(StoreError::NotFound)?;
        self.keys.get(crate::codec::key_id(row.try_get(0)?)?)
    }

    /// Bytes that stay the same for this data folder and that only it has (HMAC-SHA256 by the server's key). The
    /// seed of the key that signs tokens comes from here, so that it is never a file of its own.
    ///
    /// # Errors
    /// [`StoreError::KeyDestroyed`].
    pub fn derive(&self, purpose: &'static str) -> Result<[u8; 32], StoreError> {
        self.keys.keyed_hash(purpose, b"")
    }

    /// Starts a transaction that may write. `IMMEDIATE`: it never has to give up half way because another one wrote.
    pub(crate) async fn write(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Makes a fresh key, durable before anything is sealed with it.
    pub(crate) async fn create_key(&self, id: KeyId) -> Result<Arc<Key>, StoreError> {
        let keys = Arc::clone(&self.keys);
        blocking(move || keys.create(id)).await
    }

    /// Destroys the keys that deletions have left, then wipes the write-ahead log. Safe to call at any time.
    ///
    /// # Errors
    /// [`StoreError::LogBusy`] when a reader kept the log open; the keys are destroyed all the same.
    pub async fn finish_deletions(&self) -> Result<(), StoreError> {
        let rows = sqlx::query("SELECT key_id FROM keys_to_destroy").fetch_all(&self.readers).await?;
        if !rows.is_empty() {
            let mut ids = Vec::with_capacity(rows.len());
            for row in &rows {
                ids.push(crate::codec::key_id(row.try_get(0)?)?);
            }
            let keys = Arc::clone(&self.keys);
            let gone = ids.clone();
            blocking(move || keys.destroy(&gone)).await?;
            let mut write = self.write().await?;
            for id in ids {
                sqlx::query("DELETE FROM keys_to_destroy WHERE key_id = $1")
                    .bind(&id.as_bytes()[..])
                    .execute(&mut *write)
                    .await?;
            }
            write.commit().await?;
        }
        self.forget_rooms_without_key().await?;
        self.wipe_log().await
    }

    /// An older database beside the newest keys (a restored backup) has rooms that were deleted since: forget them again.
    async fn forget_rooms_without_key(&self) -> Result<(), StoreError> {
        for row in sqlx::query("SELECT key_id FROM rooms").fetch_all(&self.readers).await? {
            let id: KeyId = crate::codec::key_id(row.try_get(0)?)?;
            if matches!(self.keys.get(id), Err(StoreError::KeyDestroyed)) {
                let mut write = self.write().await?;
                sqlx::query("DELETE FROM rooms WHERE key_id = $1")
                    .bind(&id.as_bytes()[..])
                    .execute(&mut *write)
                    .await?;
                write.commit().await?;
            }
        }
        Ok(())
    }

    /// Moves everything from the write-ahead log into the database and cuts the log to nothing.
    pub(crate) async fn wipe_log(&self) -> Result<(), StoreError> {
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&self.writer).await?;
        if row.try_get::<i64, _>(0)? == 0 { Ok(()) } else { Err(StoreError::LogBusy) }
    }

    /// Ends all connections after what they are doing, and merges the log.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Whether a small write reaches the disk, for `doctor`: writes and removes a file like the key file.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn probe_folder(folder: &Path) -> Result<Duration, StoreError> {
        let path = folder.join("probe");
        let secret = Secret::draw(32)?;
        let start = std::time::Instant::now();
        replace(&path, secret.expose().as_bytes())?;
        let took = start.elapsed();
        std::fs::remove_file(path)?;
        Ok(took)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(…)")
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|&(version, description, sql)| {
        let description = Cow::Borrowed(description);
        Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
    });
    Migrator::with_migrations(migrations.collect())
}

/// Runs what waits for the disk without an async call, off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(StoreError::Io(std::io::Error::other("the disk task was cancelled or panicked"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn opens_durable_and_alone() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open_for_server(folder.path()).await.expect("opens");
        for (pragma, value) in [("synchronous", 2), ("secure_delete", 1), ("foreign_keys", 1)] {
            let sql = sqlx::AssertSqlSafe(format!("PRAGMA {pragma}"));
            let row = sqlx::query(sql).fetch_one(&store.writer).await.expect("row");
            assert_eq!(row.get::<i64, _>(0), value, "{pragma}");
        }
        let row = sqlx::query("PRAGMA journal_mode").fetch_one(&store.writer).await.expect("row");
        assert_eq!(row.get::<String, _>(0), "wal");
        assert!(sqlx::query("DELETE FROM audit").execute(&store.readers).await.is_err(), "readers must not write");

        assert!(matches!(Store::open_for_server(folder.path()).await, Err(StoreError::InUse)));
        let tool = Store::open(folder.path()).await.expect("the command line opens beside it");
        assert_eq!(tool.derive("a").expect("seed"), store.derive("a").expect("seed"));
        assert_ne!(store.derive("a").expect("seed"), store.derive("b").expect("seed"));
    }

    #[tokio::test]
    async fn lost_keys_are_not_replaced() {
        let folder = tempfile::tempdir().expect("folder");
        let store = Store::open_for_server(folder.path()).await.expect("opens");
        store.close().await;
        drop(store);
        std::fs::remove_file(folder.path().join(KEY_FILE)).expect("removed");
        assert!(matches!(Store::open_for_server(folder.path()).await, Err(StoreError::KeyFileDamaged)));
    }
}
