//! What a configuration file gives, setting by setting: which ones changed since it was read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::ConfigError;
use crate::config_source::{ConfigSource, Raw, Source};

/// The settings that a file gives, by their full names, each with its line. Secrets are among them, so it shows no values.
#[derive(Clone, Default)]
pub struct Given(BTreeMap<String, (usize, Raw)>);

impl std::fmt::Debug for Given {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl Given {
    /// Reads the file.
    ///
    /// # Errors
    /// [`ConfigError`] when it cannot be read.
    pub fn read(file: &Path) -> Result<Self, ConfigError> {
        Ok(Self::from_text(&crate::read(file)?))
    }

    /// The settings of a text; none where it is no TOML, which reading the configuration tells.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let source = Source { name: String::new(), file: None, folder: PathBuf::new() };
        Self(ConfigSource::new(source, text, []).into_given())
    }

    /// The names of settings that `newer` gives otherwise, or not at all, or that it alone gives.
    #[must_use]
    pub fn changed(&self, newer: &Self) -> Vec<String> {
        let names = self.0.keys().chain(newer.0.keys().filter(|name| !self.0.contains_key(*name)));
        let value = |given: &Self, name: &String| given.0.get(name).map(|(_, raw)| raw.clone());
        let mut changed: Vec<String> = names.filter(|name| value(self, name) != value(newer, name)).cloned().collect();
        changed.sort();
        changed
    }

    /// The line of a setting; `None` when the file does not give it.
    #[must_use]
    pub fn line(&self, setting: &str) -> Option<usize> {
        self.0.get(setting).map(|(line, _)| *line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_changed_added_or_taken_away_is_named_and_no_secret_is_shown() {
        let old = Given::from_text("[server]\nlisten = 'a'\nlog_filter = 'b'\n[e.main]\nsecret_key = 'hush'\n");
        let new = Given::from_text("[server]\nlog_filter = 'c'\n[e.main]\nsecret_key = 'hush'\nregion = 'r'\n");
        assert_eq!(old.changed(&new), ["e.main.region", "server.listen", "server.log_filter"]);
        assert_eq!(old.changed(&old), [""; 0]);
        let moved = Given::from_text("[e.main]\nsecret_key = 'hush'\n[server]\nlisten = 'a'\nlog_filter = 'b'\n");
        assert_eq!(old.changed(&moved), [""; 0]);
        assert_eq!((moved.line("server.log_filter"), moved.line("server.x")), (Some(5), None));
        assert!(!format!("{old:?}").contains("hush"));
    }

    #[test]
    fn a_window_that_changes_is_named_by_its_number() {
        let old = Given::from_text("[[e.main.windows]]\nfrom = '1'\n[[e.main.windows]]\nfrom = '2'\n");
        let new = Given::from_text("[[e.main.windows]]\nfrom = '1'\n[[e.main.windows]]\nfrom = '3'\n");
        assert_eq!(old.changed(&new), ["e.main.windows.2.from"]);
    }
}
