//! The configuration: a TOML file, each setting of which can also be an environment variable.
//!
//! Sections define their settings once ([`mod@section`]); reading, mistakes and the reference follow
//! from the definitions. What one setting cannot know of another stands in `check`.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::fmt;
use std::path::{Path, PathBuf};

use brigade_model::{Quota, Quotas};

pub mod account;
mod check;
pub mod client;
pub mod config_source;
pub mod credentials;
pub mod endpoint;
pub mod engine;
pub mod given;
pub mod reference;
pub mod secret;
pub mod section;
pub mod server;
pub mod time_of_day;
mod usage_error;
pub mod value;
pub mod window;

use account::Account;
use client::Client;
use config_source::{ConfigMistake, ConfigSource, Source};
use endpoint::Endpoint;
use engine::Engine;
use secret::SecretSource;
use section::{Reader, Section, section};
use server::Server;

pub use usage_error::UsageError;

/// Where a configuration is looked for when nobody says.
pub const DEFAULT_FILE: &str = "brigade.toml";

section! {
    /// A configuration is one TOML file. A name in angle brackets is yours to choose. Relative
    /// paths start from the folder of the file. An unknown setting is a mistake, and so is a
    /// secret that everybody can read.
    pub struct Config {
        /// The listener and the process.
        table server: Server,
        /// How jobs are carried out.
        table engine: Engine,
        /// The object stores that the service may call.
        named endpoints: Endpoint,
        /// Who may create jobs.
        named accounts: Account,
        /// What the command line signs its requests with.
        maybe client: Client,
    }
}

/// What the command line needs: whom to talk to, and the stores that it lists and uploads to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Whom to talk to.
    pub client: Client,
    /// The stores of the same file, by name.
    pub endpoints: std::collections::BTreeMap<String, Endpoint>,
}

/// Why a configuration cannot be used.
#[derive(Debug)]
pub enum ConfigError {
    /// The file cannot be read.
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        problem: std::io::Error,
    },
    /// It says something wrong, in these places; one line each.
    Wrong(Vec<ConfigMistake>),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable { file, problem } => {
                write!(f, "cannot read {}: {problem} (make one with 'brigade init')", file.display())
            }
            ConfigError::Wrong(mistakes) => {
                let lines: Vec<String> = mistakes.iter().map(ConfigMistake::to_string).collect();
                f.write_str(&lines.join("\n"))
            }
        }
    }
}

impl std::error::Error for ConfigError {}

impl Config {
    /// What each account may take.
    #[must_use]
    pub fn quotas(&self) -> Quotas {
        let Engine { open_jobs_max, jobs_listed_max, jobs_per_minute_max, account_bytes_max, .. } = self.engine;
        let default = Quota { open_jobs_max, jobs_listed_max, jobs_per_minute_max, bytes_max: account_bytes_max.0 };
        // A name that no account can have belongs to none; `check` says so.
        let own =
            self.accounts.iter().filter_map(|(name, account)| Some((name.parse().ok()?, account.quota(&default))));
        Quotas { default, of_accounts: own.collect() }
    }

    /// Reads the file, and the process's environment over it. Gives the warnings beside it, which
    /// the caller shows.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn load(file: &Path) -> Result<(Self, Vec<ConfigMistake>), ConfigError> {
        let text = read(file)?;
        Self::parse(source(file), &text, std::env::vars())
    }

    /// Reads a text that is no file, without any environment. It has no warnings: no user wrote it.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn from_text(text: &str) -> Result<Self, ConfigError> {
        let source = Source { name: "configuration".to_owned(), file: None, folder: PathBuf::new() };
        Self::parse(source, text, []).map(|(config, _)| config)
    }

    /// Reads a text with an environment over it. Gives the warnings beside it.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn parse(
        source: Source,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<(Self, Vec<ConfigMistake>), ConfigError> {
        let mut config_source = ConfigSource::new(source, text, environment);
        if !config_source.is_clean() {
            return checked(None, config_source.finish(&[]));
        }
        for (setting, section) in account::MOVED {
            config_source.accept_moved("accounts", setting, section);
        }
        let config = Config::read(&mut Reader::new(&mut config_source, Vec::new()));
        config_source.end_reading();
        if let Some(config) = &config {
            check::check(config, &mut config_source);
        }
        let warnings = config_source.take_warnings();
        checked(config.map(|config| (config, warnings)), config_source.finish(&[]))
    }

    /// Every secret, to be refreshed.
    #[must_use]
    pub fn secrets(&self) -> Vec<SecretSource> {
        let endpoints = self.endpoints.values().flat_map(|endpoint| [&endpoint.secret_key, &endpoint.session_token]);
        let accounts = self.accounts.values().flat_map(Account::secrets);
        endpoints.chain(accounts).flatten().cloned().collect()
    }
}

impl ClientConfig {
    /// Reads the sections of the command line only, and the process's environment over them. A
    /// default file that does not exist is an empty one: the environment may say it all.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigError> {
        let (file, must_exist) = file.map_or((Path::new(DEFAULT_FILE), false), |file| (file, true));
        let text = if must_exist || file.exists() { read(file)? } else { String::new() };
        Self::parse(source(file), &text, std::env::vars())
    }

    /// Reads a text with an environment over it.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn parse(
        source: Source,
        text: &str,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut config_source = ConfigSource::new(source, text, environment);
        if !config_source.is_clean() {
            return checked(None, config_source.finish(&[]));
        }
        let mut reader = Reader::new(&mut config_source, Vec::new());
        let (client, endpoints) = (reader.table::<Client>("client"), reader.named::<Endpoint>("endpoints"));
        config_source.end_reading();
        if let Some(client) = &client {
            check::check_client(client, &mut config_source);
        }
        let config = client.zip(endpoints).map(|(client, endpoints)| Self { client, endpoints });
        checked(config, config_source.finish(&["client".to_owned()]))
    }
}

impl Server {
    /// Reads the section of the process only, for commands that need nothing else, and the
    /// process's environment over it.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn load(file: &Path) -> Result<Self, ConfigError> {
        let text = read(file)?;
        let mut config_source = ConfigSource::new(source(file), &text, std::env::vars());
        let server = Reader::new(&mut config_source, Vec::new()).table::<Server>("server");
        checked(server, config_source.finish(&["server".to_owned()]))
    }
}

fn checked<T>(config: Option<T>, mistakes: Vec<ConfigMistake>) -> Result<T, ConfigError> {
    match config {
        Some(config) if mistakes.is_empty() => Ok(config),
        _ => Err(ConfigError::Wrong(mistakes)),
    }
}

fn read(file: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(file).map_err(|problem| ConfigError::Unreadable { file: file.to_path_buf(), problem })
}

fn source(file: &Path) -> Source {
    let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
    Source { name: file.display().to_string(), file: file.exists().then(|| file.to_path_buf()), folder }
}

#[cfg(test)]
mod tests;
