//! The configuration: a TOML file, each setting of which can also be an environment variable.
//!
//! Sections define their settings once ([`mod@section`]); reading, mistakes and the reference follow
//! from the definitions. What one setting cannot know of another stands in `check`.

#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use brigade_model::{Quota, Quotas};

pub mod account;
mod check;
pub mod client;
pub mod config_source;
pub mod credentials;
pub mod effect;
pub mod endpoint;
pub mod engine;
pub mod given;
pub mod nearest;
pub mod reference;
pub mod secret;
pub mod section;
pub mod server;
pub mod time_of_day;
mod usage_error;
pub mod value;
pub mod window;

use account::{Account, AccountOfClient, Role};
use client::Client;
use config_source::{ConfigMistake, ConfigSource, Source};
use endpoint::Endpoint;
use engine::Engine;
use secret::SecretSource;
use section::{Reader, Section, section};
use server::Server;

pub use usage_error::{Explained, UsageError};

/// Where a configuration is looked for when no path is given.
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
        /// What it signs them with instead when `--profile` names one: other services, or other accounts.
        named profiles: Client,
    }
}

/// What the command line needs: whom to talk to, and the stores that it lists and uploads to.
#[derive(Debug, Clone)]
pub struct ClientConfig {
    /// Whom to talk to.
    pub client: Client,
    /// The stores of the same file, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The client's roles by name, where the file has the service's own configuration, too.
    pub roles: BTreeMap<String, Role>,
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
                write!(f, "cannot read {}: {problem}", file.display())
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

/// The configuration of a command that names none: that of the working directory, else the user's; `None` when there is none.
#[must_use]
pub fn find_file() -> Option<PathBuf> {
    default_files().into_iter().find(|file| file.exists())
}

/// Where that is looked for, in this order.
#[must_use]
pub fn default_files() -> Vec<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let of_user = folder.map(|folder| folder.join("brigade").join(DEFAULT_FILE));
    [PathBuf::from(DEFAULT_FILE)].into_iter().chain(of_user).collect()
}

impl ClientConfig {
    /// Reads the sections of the command line only, and the process's environment over them. A
    /// default file that does not exist is an empty one: the environment may say it all.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn load(file: Option<&Path>, profile: Option<&str>) -> Result<Self, ConfigError> {
        let found = file.map(Path::to_path_buf).or_else(find_file);
        let text = found.as_deref().map_or_else(|| Ok(String::new()), read)?;
        let file = found.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        Self::parse(source(&file), &text, profile, std::env::vars())
    }

    /// Reads a text with an environment over it.
    ///
    /// # Errors
    /// [`ConfigError`] with every mistake at once.
    pub fn parse(
        source: Source,
        text: &str,
        profile: Option<&str>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let environment: Vec<_> = environment.into_iter().collect();
        let mut config_source = ConfigSource::new(source.clone(), text, environment.clone());
        if !config_source.is_clean() {
            return checked(None, config_source.finish(&[]));
        }
        let section =
            profile.map_or_else(|| vec!["client".to_owned()], |name| vec!["profiles".to_owned(), name.to_owned()]);
        if profile.is_some_and(|name| is_unknown_profile(name, &mut config_source)) {
            return checked(None, config_source.finish(&section));
        }
        let client = Client::read(&mut Reader::new(&mut config_source, section.clone()));
        let endpoints = Reader::new(&mut config_source, Vec::new()).named::<Endpoint>("endpoints");
        config_source.end_reading();
        if let Some(client) = &client {
            check::check_client(&section, client, &mut config_source);
        }
        let config = client.zip(endpoints).map(|(client, endpoints)| {
            let roles = roles_of(&client.appid, source, text, environment);
            Self { client, endpoints, roles }
        });
        checked(config, config_source.finish(&section))
    }
}

/// Whether there is no such profile; blames that.
fn is_unknown_profile(name: &str, config_source: &mut ConfigSource) -> bool {
    let path = ["profiles".to_owned(), name.to_owned()];
    if config_source.has_table(&path) {
        return false;
    }
    let known = config_source.names(&path[..1]);
    let known = if known.is_empty() { "there is none".to_owned() } else { format!("there is {}", known.join(", ")) };
    config_source.blame(&path, &format!("is no profile: {known}"));
    true
}

/// The roles of the account of that appid. What is wrong with accounts is the service's to tell: the file of a user may name
/// secrets that only the service can read.
fn roles_of(appid: &str, source: Source, text: &str, environment: Vec<(String, String)>) -> BTreeMap<String, Role> {
    let mut config_source = ConfigSource::new(source, text, environment);
    for (setting, section) in account::MOVED {
        config_source.accept_moved("accounts", setting, section);
    }
    let accounts = Reader::new(&mut config_source, Vec::new()).named::<AccountOfClient>("accounts");
    let own = accounts.into_iter().flatten().find(|(_, account)| account.cos.appid == appid);
    own.map(|(_, account)| account.roles).unwrap_or_default()
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
