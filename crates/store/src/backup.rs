//! Backup while the server runs, and restore. Data and keys go separately: of data many generations may be kept, of
//! keys only the newest, so that what was deleted stays deleted (docs/adr/0002-storage-made-for-deletion.md).

use crate::keyring::{parse, replace};
use crate::open::blocking;
use crate::{DATABASE_FILE, KEY_FILE, Store, StoreError};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row};
use std::fs::File;
use std::path::Path;

impl Store {
    /// Writes a consistent copy of the database to a new file and checks that it opens. Holds everything answered
    /// before the call.
    ///
    /// # Errors
    /// [`StoreError::Io`] when the file exists or cannot be written.
    pub async fn backup_data(&self, to: &Path) -> Result<(), StoreError> {
        if to.exists() {
            return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "the backup file exists already").into());
        }
        let name = to.to_str().ok_or_else(|| std::io::Error::other("the backup file's name is no UTF-8"))?;
        sqlx::query("VACUUM INTO $1").bind(name).execute(&self.writer).await?;
        check(to).await?;
        File::open(to)?.sync_all()?;
        Ok(())
    }

    /// Writes the key file's newest state to `to`, in place of an older one.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub async fn backup_keys(&self, to: &Path) -> Result<(), StoreError> {
        let (from, to) = (self.folder.join(KEY_FILE), to.to_owned());
        blocking(move || replace(&to, &zeroize::Zeroizing::new(std::fs::read(from)?))).await
    }
}

/// Puts a backed-up database into an empty data folder.
///
/// # Errors
/// [`StoreError::Io`] when the folder holds a database, [`StoreError::Database`] when the copy is damaged.
pub async fn restore(data: &Path, folder: &Path) -> Result<(), StoreError> {
    check(data).await?;
    std::fs::create_dir_all(folder)?;
    let to = folder.join(DATABASE_FILE);
    if to.exists() {
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "the data folder holds a database").into());
    }
    let part = folder.join("restoring");
    std::fs::copy(data, &part)?;
    File::open(&part)?.sync_all()?;
    std::fs::rename(part, to)?;
    File::open(folder)?.sync_all()?;
    Ok(())
}

/// Puts a backed-up key file into an empty data folder. What was deleted after `keys` was written would become
/// readable again with an older data backup: take the newest.
///
/// # Errors
/// [`StoreError::KeyFileDamaged`]; [`StoreError::Io`] when the folder has keys.
pub fn restore_keys(keys: &Path, folder: &Path) -> Result<(), StoreError> {
    let bytes = zeroize::Zeroizing::new(std::fs::read(keys)?);
    parse(&bytes)?;
    let to = folder.join(KEY_FILE);
    if to.exists() {
        return Err(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "the data folder holds keys").into());
    }
    replace(&to, &bytes)
}

async fn check(database: &Path) -> Result<(), StoreError> {
    let mut connection = SqliteConnectOptions::new().filename(database).read_only(true).connect().await?;
    let verdict: String = sqlx::query("PRAGMA integrity_check").fetch_one(&mut connection).await?.try_get(0)?;
    connection.close().await?;
    if verdict == "ok" { Ok(()) } else { Err(StoreError::Damaged("database copy")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[tokio::test]
    async fn a_restored_server_has_everything() {
        let (store, folder) = testing::store().await;
        let room = testing::room(&store, 1).await;
        let (backup, fresh) = (tempfile::tempdir().expect("folder"), tempfile::tempdir().expect("folder"));
        let (data, keys) = (backup.path().join("monday.db"), backup.path().join("keys"));
        store.backup_data(&data).await.expect("backed up");
        assert!(store.backup_data(&data).await.is_err(), "never over an older generation");
        store.backup_keys(&keys).await.expect("backed up");
        store.backup_keys(&keys).await.expect("of keys only the newest");
        restore(&data, fresh.path()).await.expect("restored");
        restore_keys(&keys, fresh.path()).expect("restored");
        let again = Store::open_for_server(fresh.path()).await.expect("opens");
        assert_eq!(again.room(room.id).await.expect("read"), Some(room));
        assert!(restore(&data, folder.path()).await.is_err(), "never over a living database");
        assert!(restore_keys(&keys, folder.path()).is_err(), "never over living keys");

        let broken = backup.path().join("broken.db");
        let mut bytes = std::fs::read(&data).expect("read");
        for byte in bytes.iter_mut().skip(4096).take(8192) {
            *byte = 0xAA;
        }
        std::fs::write(&broken, bytes).expect("written");
        let third = tempfile::tempdir().expect("folder");
        assert!(restore(&broken, third.path()).await.is_err());
    }
}
