//! The command line: `serve`, `config check` and the commands of whoever looks after the server.
//!
//! Called by `main` only. It parses and starts; the work itself stands in the module that each command names.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::admin::{self, backup, doctor, people, tokens};
use crate::config::{Config, Overrides};
use crate::error::StartError;
use crate::serve;

/// A self-hosted server for online workshops: video rooms and shared pads.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is stopped (Ctrl-C or SIGTERM)
    Serve(Settings),
    /// Look at the settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// People with accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Tokens for programs
    #[command(subcommand)]
    Token(TokenCommand),
    /// Write a backup; the server may run
    Backup {
        #[command(flatten)]
        backup: backup::BackupTo,
        #[command(flatten)]
        settings: Settings,
    },
    /// Fill an empty data folder from a backup
    Restore {
        #[command(flatten)]
        restore: backup::RestoreFrom,
        #[command(flatten)]
        settings: Settings,
    },
    /// Look whether everything is as it should be
    Doctor(Settings),
}

#[derive(Debug, Subcommand)]
enum UserCommand {
    /// Make an account; the password is read from the standard input
    Add {
        #[command(flatten)]
        user: people::AddUser,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Make a token and print it
    Create {
        #[command(flatten)]
        token: tokens::CreateToken,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Say whether the settings can be used, and what they are
    Check(Settings),
}

/// Where the settings come from, for every command that needs them.
#[derive(Debug, clap::Args)]
pub struct Settings {
    /// The settings' file (TOML); without it the defaults hold
    #[arg(long, env = "WERKRAUM_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

impl Settings {
    fn load(self) -> Result<Config, StartError> {
        Ok(Config::load(self.config.as_deref(), self.overrides)?)
    }
}

impl Cli {
    /// Does what the command line says; returns when it is done.
    ///
    /// # Errors
    /// One sentence for the person at the terminal, with an exit code.
    pub fn run(self) -> Result<(), StartError> {
        match self.command {
            Command::Serve(settings) => serve::run(settings.load()?),
            Command::User(UserCommand::Add { user, settings }) => {
                let config = settings.load()?;
                admin::with_store(&config, async |store| people::add(store, &config, user).await)
            }
            Command::Token(TokenCommand::Create { token, settings }) => {
                admin::with_store(&settings.load()?, async |store| tokens::create(store, token).await)
            }
            Command::Backup { backup: wanted, settings } => {
                admin::with_store(&settings.load()?, async |store| backup::backup(store, wanted).await)
            }
            Command::Restore { restore: wanted, settings } => {
                admin::run(backup::restore(&settings.load()?.server.data, wanted))
            }
            Command::Doctor(settings) => admin::run(doctor::examine(&settings.load()?)),
            Command::Config(ConfigCommand::Check(settings)) => {
                let config = settings.load()?;
                println!("{}\nThe settings can be used.", config.shown());
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        // Names of arguments and groups must not meet; clap looks only where a command is used.
        <Cli as clap::CommandFactory>::command().debug_assert();
    }
}
