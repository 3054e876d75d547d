//! `werkraum backup` and `werkraum restore`: many generations of data, of keys only the newest, so that what was deleted
//! stays deleted (docs/adr/0002-storage-made-for-deletion.md).

use std::path::PathBuf;

use store::{KEY_FILE, Store};

use crate::clock;
use crate::error::StartError;

/// Where `backup` writes.
#[derive(Debug, clap::Args)]
pub struct BackupTo {
    /// Folder; gets data/werkraum-TIME.db (each time a new one) and keys/keys (replaced)
    #[arg(long, value_name = "FOLDER")]
    to: PathBuf,
}

/// What `restore` reads.
#[derive(Debug, clap::Args)]
pub struct RestoreFrom {
    /// A database from a backup
    #[arg(long, value_name = "FILE")]
    from_data: PathBuf,
    /// The newest key file
    #[arg(long, value_name = "FILE")]
    from_keys: PathBuf,
}

/// Writes a backup while the server may run.
///
/// # Errors
/// What the disk says.
pub async fn backup(store: &Store, wanted: BackupTo) -> Result<(), StartError> {
    let (data, keys) = (wanted.to.join("data"), wanted.to.join("keys"));
    for folder in [&data, &keys] {
        std::fs::create_dir_all(folder)?;
    }
    let now = jiff::Timestamp::from_millisecond(i64::try_from(clock::now_ms()).unwrap_or(i64::MAX));
    let now = now.map_err(|why| StartError::Command(format!("the clock is wrong: {why}")))?;
    let file = data.join(format!("werkraum-{}.db", now.strftime("%Y-%m-%dT%H-%M-%S%.3f")));
    // Keys last: a room made in between has its key in the backup, and one deleted in between has not.
    store.backup_data(&file).await?;
    store.backup_keys(&keys.join(KEY_FILE)).await?;
    println!("{}", file.display());
    Ok(())
}

/// Fills an empty data folder from a backup.
///
/// # Errors
/// When the folder is not empty or the backup is damaged.
pub async fn restore(folder: &std::path::Path, wanted: RestoreFrom) -> Result<(), StartError> {
    std::fs::create_dir_all(folder)?;
    store::restore_keys(&wanted.from_keys, folder)?;
    store::restore(&wanted.from_data, folder).await?;
    // Opens it once: brings the schema up to date and forgets rooms whose key was destroyed since the backup.
    Store::open_for_server(folder).await?.close().await;
    println!("restored; start the server");
    Ok(())
}
