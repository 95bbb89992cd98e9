//! SIGHUP: the configuration is read again. What takes effect at once (the table in `config/src/effect.rs`) does; of every other
//! setting that changed, the log says that it needs a restart.
//!
//! A configuration with a mistake changes nothing. Files of secrets and of the certificate are read again whenever they
//! change, without a signal.

use std::path::{Path, PathBuf};

use brigade_config::config_source::variable;
use brigade_config::effect::Effect;
use brigade_config::given::Given;
use brigade_config::{Config, ConfigError};
use brigade_engine::Engine;

use crate::api::Api;
use crate::descriptors;
use crate::log::SetFilter;
use crate::settings::{engine_config, job_rules};

/// What the service runs with, to compare the file with.
pub(crate) struct Reload {
    file: PathBuf,
    running: Config,
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
        Ok(Self { file: file.to_owned(), running: config, started_with: given.clone(), taken: given, set_filter })
    }

    /// Reads the file again, and logs what came of it.
    pub(crate) fn read_again(&mut self, api: &Api, engine: &Engine) {
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
        if let Err(error) = self.take(api, engine, &config, &given) {
            tracing::error!(%error, "configuration not taken; the service keeps the last one");
            return;
        }
        self.tell(&config, &given);
        self.taken = given;
    }

    /// A line for each changed setting, and one for all.
    fn tell(&self, config: &Config, given: &Given) {
        let of_effect = |changed: Vec<String>, wanted| {
            let is_wanted = |name: &String| self.running.effect_of(name, config) == wanted;
            changed.into_iter().filter(is_wanted).collect::<Vec<_>>()
        };
        let at_once = of_effect(self.taken.changed(given), Effect::AtOnce);
        let at_restart = of_effect(self.started_with.changed(given), Effect::AtRestart);
        for setting in &at_once {
            let place = self.place(given, setting);
            match std::env::var_os(variable(std::slice::from_ref(setting))) {
                None => tracing::info!(setting, place, "changed setting taken"),
                Some(_) => tracing::warn!(setting, place, "changed setting not taken; the environment sets it"),
            }
        }
        for setting in &at_restart {
            tracing::warn!(setting, place = self.place(given, setting), "changed setting needs a restart");
        }
        let (file, taken, to_restart) = (self.file.display(), at_once.len(), at_restart.len());
        tracing::info!(%file, taken, to_restart, "configuration read again");
    }

    /// `brigade.toml:12`; the file alone, where it does not give the setting any more.
    fn place(&self, given: &Given, setting: &str) -> String {
        let line = given.line(setting).map(|line| format!(":{line}"));
        format!("{}{}", self.file.display(), line.unwrap_or_default())
    }

    fn take(&mut self, api: &Api, engine: &Engine, config: &Config, given: &Given) -> anyhow::Result<()> {
        let next = self.running.taking(config);
        let mut fitting = next.clone();
        descriptors::fit(&mut fitting, descriptors::raise());
        let rules = job_rules(&next)?;
        api.roles.reconfigure(&self.running, &fitting)?;
        api.keys.replace(&next.accounts)?;
        if self.taken.changed(given).iter().any(|name| name == "server.log_filter") {
            self.set_filter.set(&next.server.log_filter)?;
        }
        api.job_service.rules.set(rules);
        engine.set_config(engine_config(&next));
        self.running = next;
        Ok(())
    }
}
