//! SIGHUP: the configuration is read again. What can change while the service runs takes effect at once; of everything
//! else that changed, the log says that it needs a restart.
//!
//! | setting | takes effect |
//! |---|---|
//! | `accounts.<name>.keys` | at once, for accounts that were there at the start: keys come, change and go |
//! | `server.log_filter` | at once |
//! | `client`, `profiles` | `serve` does not use them |
//! | every other one | at the next start |
//!
//! A configuration with a mistake changes nothing. Files of secrets and of the certificate are read again whenever they
//! change, without a signal.

use std::path::{Path, PathBuf};

use brigade_config::account::Account;
use brigade_config::given::Given;
use brigade_config::{Config, ConfigError};

use crate::api::Api;
use crate::log::SetFilter;

/// When a changed setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    AtOnce,
    AtRestart,
    Never,
}

/// The table above.
fn effect_of(setting: &str) -> Effect {
    match setting.split('.').collect::<Vec<_>>().as_slice() {
        ["accounts", _, "keys", ..] | ["server", "log_filter"] => Effect::AtOnce,
        ["client" | "profiles", ..] => Effect::Never,
        _ => Effect::AtRestart,
    }
}

/// What the service runs with, to compare the file with.
pub(crate) struct Reload {
    file: PathBuf,
    config: Config,
    /// The file at the start, and as it was taken last.
    started_with: Given,
    taken: Given,
    set_filter: SetFilter,
}

impl Reload {
    /// What the service starts with.
    ///
    /// # Errors
    /// When the file cannot be read any more.
    pub(crate) fn new(file: &Path, config: Config, set_filter: SetFilter) -> Result<Self, ConfigError> {
        let given = Given::read(file)?;
        Ok(Self { file: file.to_owned(), config, started_with: given.clone(), taken: given, set_filter })
    }

    /// Reads the file again, and logs what came of it.
    pub(crate) fn read_again(&mut self, api: &Api) {
        let file = self.file.display();
        let read = Config::load(&self.file).and_then(|(config, _)| Ok((config, Given::read(&self.file)?)));
        let (config, given) = match read {
            Ok(read) => read,
            Err(error) => {
                for mistake in error.to_string().lines() {
                    tracing::error!(mistake, "configuration not read again; the service keeps the last one");
                }
                return;
            }
        };
        if let Err(error) = self.take(api, &config, &given) {
            tracing::error!(%error, "configuration not taken; the service keeps the last one");
            return;
        }
        let names = |changed: Vec<String>, wanted| {
            let names = changed.into_iter().filter(|name| effect_of(name) == wanted);
            names.collect::<Vec<_>>().join(", ")
        };
        let at_once = names(self.taken.changed(&given), Effect::AtOnce);
        let at_restart = names(self.started_with.changed(&given), Effect::AtRestart);
        self.taken = given;
        tracing::info!(%file, changed = at_once, "configuration read again");
        if !at_restart.is_empty() {
            tracing::warn!(settings = at_restart, "changed settings need a restart");
        }
    }

    fn take(&self, api: &Api, config: &Config, given: &Given) -> anyhow::Result<()> {
        if self.taken.changed(given).iter().any(|name| name == "server.log_filter") {
            self.set_filter.set(&config.server.log_filter)?;
        }
        // Whose a key is, and what roles there are, stays as it was at the start.
        let with_keys_of = |(name, account): (&String, &Account)| {
            let keys = config.accounts.get(name).map(|account| account.keys.clone()).unwrap_or_default();
            (name.clone(), Account { keys, ..account.clone() })
        };
        api.keys.replace(&self.config.accounts.iter().map(with_keys_of).collect())?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use brigade_config::section::{Row, RowKind, Section};

    use super::*;

    /// The full names of all settings.
    fn settings(rows: &[Row], path: &str, into: &mut Vec<String>) {
        for row in rows {
            let name = format!("{path}{}", row.name);
            match &row.kind {
                RowKind::Setting { .. } | RowKind::Map(_) => into.push(name),
                RowKind::Secret => into.extend([format!("{name}_file"), name]),
                RowKind::Table(_, inner) => settings(inner, &format!("{name}."), into),
                RowKind::Named(_, inner) => settings(inner, &format!("{name}.NAME."), into),
                RowKind::List(_, inner) => settings(inner, &format!("{name}.1."), into),
            }
        }
    }

    #[test]
    fn keys_and_the_logs_filter_change_at_once_and_every_other_setting_at_a_restart() {
        let mut all = Vec::new();
        settings(&Config::rows(), "", &mut all);
        let at_once: Vec<_> = all.iter().filter(|name| effect_of(name) == Effect::AtOnce).collect();
        let wanted = [
            "server.log_filter",
            "accounts.NAME.keys.NAME.secret_file",
            "accounts.NAME.keys.NAME.secret",
            "accounts.NAME.keys.NAME.actions",
            "accounts.NAME.keys.NAME.security_token_file",
            "accounts.NAME.keys.NAME.security_token",
            "accounts.NAME.keys.NAME.security_token_expires",
        ];
        assert_eq!(at_once, wanted);
        let never = all.iter().filter(|name| effect_of(name) == Effect::Never);
        assert!(
            never.clone().count() > 5
                && never.clone().all(|name| ["client.", "profiles."].iter().any(|it| name.starts_with(it)))
        );
    }
}
