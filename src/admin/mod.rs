//! Commands of whoever looks after the server: people, tokens, backups, `doctor`. They work on the data folder, beside a
//! running server where they can. Called by `cli` only.

pub mod backup;
pub mod doctor;
pub mod people;
pub mod tokens;

use std::path::Path;

use store::Store;

use crate::config::Config;
use crate::error::StartError;

/// Runs a command that needs the database.
///
/// # Errors
/// What the command says.
pub fn with_store<T>(
    config: &Config,
    command: impl AsyncFnOnce(&Store) -> Result<T, StartError>,
) -> Result<T, StartError> {
    run(async {
        let store = Store::open(folder(config)?).await?;
        let result = command(&store).await;
        store.close().await;
        result
    })
}

/// Runs a command to its end.
///
/// # Errors
/// What the command says.
pub fn run<T>(command: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// The data folder, which must be there: a command on an empty one is a slip of the finger.
fn folder(config: &Config) -> Result<&Path, StartError> {
    let folder = &config.server.data;
    if folder.is_dir() {
        Ok(folder)
    } else {
        Err(StartError::Command(format!("there is no data folder {}: name it with --data", folder.display())))
    }
}
