//! What can go wrong in the store. Messages name no content and no path of a person's machine beyond the data folder.

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// SQLite said no.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// The database's schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The data folder could not be read or written.
    #[error("data folder: {0}")]
    Io(#[from] std::io::Error),
    /// Another server holds the data folder.
    #[error("the data folder is in use by another server")]
    InUse,
    /// The key was destroyed, so the content is gone.
    #[error("the key of this content was destroyed")]
    KeyDestroyed,
    /// Bytes that do not open with their key and context: changed, or moved to another row.
    #[error("sealed content does not open")]
    Unsealing,
    /// The key file is not one of ours, or was cut or changed.
    #[error("the key file is damaged")]
    KeyFileDamaged,
    /// A stored value is not what its type says.
    #[error("stored value of {0} is damaged")]
    Damaged(&'static str),
    /// Nothing is there under this id.
    #[error("not found")]
    NotFound,
    /// It was edited from a version that is no longer the newest.
    #[error("edited from an older version")]
    Conflict,
    /// Something with this unique value exists.
    #[error("already taken")]
    Taken,
    /// The operating system gave no randomness.
    #[error("no randomness")]
    Randomness,
    /// A limit of the store is reached.
    #[error("limit reached: {0}")]
    Limit(&'static str),
    /// Deleted content could not yet be wiped from the write-ahead log, because a reader was at it; done at the next
    /// deletion or start.
    #[error("write-ahead log is busy")]
    LogBusy,
}

impl StoreError {
    /// Turns a violated UNIQUE constraint into [`StoreError::Taken`].
    pub(crate) fn unique(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(database) if database.is_unique_violation() => Self::Taken,
            _ => Self::Database(error),
        }
    }
}
