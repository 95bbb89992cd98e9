//! When a changed setting takes effect in a service that runs: as soon as it reads the configuration again, or at its next start.

use crate::Config;
use crate::endpoint::Endpoint;
use crate::engine::Engine;

/// When a changed setting takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// When the configuration is read again.
    AtOnce,
    /// At the next start.
    AtRestart,
    /// The service does not use it.
    Never,
}

/// What takes effect at once, by section: settings, or whole tables; `*` stands for a name. [`Config::taking`] takes it.
pub const AT_ONCE: [(&str, &[&str]); 4] = [
    ("server", &["log_filter"]),
    (
        "engine",
        &[
            "active_jobs",
            "slices_in_flight",
            "tasks_in_flight",
            "poll",
            "confirmation_patience",
            "hold_patience",
            "restore_look_every",
            "prepare_patience",
            "report_patience",
            "ended_jobs_listed",
            "outcomes_kept",
            "open_jobs_max",
            "jobs_listed_max",
            "jobs_per_minute_max",
            "account_bytes_max",
            "threshold_percent",
            "threshold_tasks",
        ],
    ),
    (
        "endpoints.*",
        &[
            "regions",
            "requests_in_flight",
            "adaptive",
            "requests_per_second",
            "objects_per_second",
            "bytes_in_flight",
            "bytes_per_second",
            "protect_latency",
            "windows",
        ],
    ),
    ("accounts.*", &["keys", "open_jobs_max", "jobs_listed_max", "jobs_per_minute_max", "account_bytes_max"]),
];

/// What only the command line reads.
const OF_THE_COMMAND_LINE: [&str; 2] = ["client", "profiles"];

/// When the setting of that full name takes effect, in a table that was there at the start.
#[must_use]
pub fn effect_of(setting: &str) -> Effect {
    let parts: Vec<&str> = setting.split('.').collect();
    let is_in = |(section, settings): &(&str, &[&str])| {
        let mut left = parts.iter();
        let is_its = section.split('.').all(|part| left.next().is_some_and(|given| part == "*" || part == *given));
        is_its && left.next().is_some_and(|name| settings.contains(name))
    };
    match parts.first() {
        Some(first) if OF_THE_COMMAND_LINE.contains(first) => Effect::Never,
        _ if AT_ONCE.iter().any(is_in) => Effect::AtOnce,
        _ => Effect::AtRestart,
    }
}

impl Config {
    /// This configuration with everything of a newer one that takes effect at once. Endpoints and accounts stay those that it
    /// has; one that the newer one lacks keeps its settings, but no access key.
    #[must_use]
    pub fn taking(&self, newer: &Self) -> Self {
        let mut taken = self.clone();
        taken.server.log_filter.clone_from(&newer.server.log_filter);
        taken.engine = Engine {
            bytes_in_flight: self.engine.bytes_in_flight,
            stages_in_flight: self.engine.stages_in_flight,
            free_space_to_lease: self.engine.free_space_to_lease,
            free_space_to_start: self.engine.free_space_to_start,
            ..newer.engine.clone()
        };
        for (name, endpoint) in &mut taken.endpoints {
            if let Some(newer) = newer.endpoints.get(name) {
                endpoint.take(newer);
            }
        }
        for (name, account) in &mut taken.accounts {
            let newer = newer.accounts.get(name);
            account.keys = newer.map(|newer| newer.keys.clone()).unwrap_or_default();
            if let Some(newer) = newer {
                account.open_jobs_max = newer.open_jobs_max;
                account.jobs_listed_max = newer.jobs_listed_max;
                account.jobs_per_minute_max = newer.jobs_per_minute_max;
                account.account_bytes_max = newer.account_bytes_max;
            }
        }
        taken
    }

    /// When a setting takes effect that a newer configuration gives otherwise: what belongs to a table that only one of the two
    /// has does so at a restart, but for keys that go.
    #[must_use]
    pub fn effect_of(&self, setting: &str, newer: &Self) -> Effect {
        let has = |config: &Self| match setting.split('.').collect::<Vec<_>>().as_slice() {
            ["endpoints", name, ..] => config.endpoints.contains_key(*name),
            ["accounts", name, ..] => config.accounts.contains_key(*name),
            _ => true,
        };
        let is_key = matches!(setting.split('.').nth(2), Some("keys"));
        match effect_of(setting) {
            Effect::AtOnce if has(self) && (has(newer) || is_key) => Effect::AtOnce,
            Effect::AtOnce => Effect::AtRestart,
            other => other,
        }
    }
}

impl Endpoint {
    fn take(&mut self, newer: &Self) {
        self.regions.clone_from(&newer.regions);
        self.requests_in_flight = newer.requests_in_flight;
        self.adaptive = newer.adaptive;
        self.requests_per_second = newer.requests_per_second;
        self.objects_per_second = newer.objects_per_second;
        self.bytes_in_flight = newer.bytes_in_flight;
        self.bytes_per_second = newer.bytes_per_second;
        self.protect_latency = newer.protect_latency;
        self.windows.clone_from(&newer.windows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config_source::{Source, variable};
    use crate::section::{Row, RowKind, Section};

    const TEXT: &str = r#"
[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "A"
secret_key = "s"
[[endpoints.main.windows]]
from = "08:00"
to = "18:00"
time_zone = "UTC"
requests_per_second = 5
[accounts.main]
open_jobs_max = 3
[accounts.main.cos]
appid = "1250000000"
uin = "1"
[accounts.main.s3control]
account_id = "123456789012"
[accounts.main.keys.main]
secret = "s"
[accounts.main.functions.main]
arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
url = "http://127.0.0.1:2"
[accounts.main.roles.main]
source = { endpoint = "main", buckets = ["photos"] }
target = { buckets = ["backup"] }
manifest = { buckets = ["lists"] }
report = { buckets = ["reports"] }
[client]
url = "http://127.0.0.1:3"
appid = "1250000000"
uin = "1"
secret_id = "main"
secret_key = "s"
[profiles.main]
url = "http://127.0.0.1:3"
appid = "1250000000"
uin = "1"
secret_id = "main"
secret_key = "s"
"#;

    /// One of these is another value for any setting but a secret and an address of its own.
    const VALUES: &[&str] = &[
        "7",
        "7s",
        "7MiB",
        "true",
        "false",
        "http://127.0.0.1:7",
        "127.0.0.1:7",
        "mon",
        "09:30",
        "Europe/Berlin",
        "ceph",
        "update-encryption",
        "environment",
        "virtual-hosted",
        "lenient",
        "json",
        "warn",
        "tag",
        "cos:CreateJob",
        "2030-01-31T12:00:00Z",
        "210987654321",
        "2",
        "none",
        "arn:aws:lambda:us-east-1:123456789012:function:g",
        "main",
        "Cargo.toml",
    ];

    fn read(environment: Option<(&str, &str)>) -> Option<Config> {
        let source = Source { name: "t".to_owned(), file: None, folder: env!("CARGO_MANIFEST_DIR").into() };
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::parse(source, TEXT, environment).ok().map(|(config, _)| config)
    }

    /// The full names of all settings but secrets.
    fn settings(rows: &[Row], path: &str, into: &mut Vec<String>) {
        for row in rows {
            let name = format!("{path}{}", row.name);
            match &row.kind {
                RowKind::Setting { .. } => into.push(name),
                RowKind::Secret | RowKind::Map(_) => {}
                RowKind::Table(_, inner) => settings(inner, &format!("{name}."), into),
                RowKind::Named(_, inner) => settings(inner, &format!("{name}.main."), into),
                RowKind::List(_, inner) => settings(inner, &format!("{name}.1."), into),
            }
        }
    }

    #[test]
    fn what_takes_effect_at_once_is_taken_and_nothing_else_is() {
        let running = read(None).unwrap();
        let shown = |config: &Config| format!("{config:?}");
        let mut names = Vec::new();
        settings(&Config::rows(), "", &mut names);
        let (mut at_once, mut unproven) = (0, Vec::new());
        for name in &names {
            let variable = variable(std::slice::from_ref(name));
            let others = VALUES.iter().filter_map(|value| read(Some((&variable, value))));
            let Some(newer) = others.into_iter().find(|newer| shown(newer) != shown(&running)) else {
                unproven.push(name.as_str());
                continue;
            };
            let taken = shown(&running.taking(&newer));
            match effect_of(name) {
                Effect::AtOnce => {
                    at_once += 1;
                    assert_eq!(taken, shown(&newer), "{name}");
                }
                Effect::AtRestart | Effect::Never => assert_eq!(taken, shown(&running), "{name}"),
            }
        }
        // A token goes with the time when it ends, a certificate with its key, credentials with what they need.
        assert!(at_once > 30 && unproven.len() < 20, "{at_once} {unproven:?}");
        assert!(!unproven.iter().any(|name| effect_of(name) == Effect::AtOnce && !name.contains("security_token")));
    }

    #[test]
    fn every_name_of_the_table_is_a_setting_or_a_table() {
        let mut names = Vec::new();
        settings(&Config::rows(), "", &mut names);
        for (section, inside) in AT_ONCE {
            for setting in inside {
                let full = format!("{}.{setting}", section.replace('*', "main"));
                assert!(names.iter().any(|name| *name == full || name.starts_with(&format!("{full}."))), "{full}");
            }
        }
    }

    #[test]
    fn a_table_that_comes_or_goes_needs_a_restart_but_keys_go_at_once() {
        let running = read(None).unwrap();
        let mut newer = running.clone();
        let account = newer.accounts.remove("main").unwrap();
        newer.accounts.insert("second".to_owned(), account);
        for (setting, effect) in [
            ("accounts.main.keys.main.secret", Effect::AtOnce),
            ("accounts.main.open_jobs_max", Effect::AtRestart),
            ("accounts.second.keys.main.secret", Effect::AtRestart),
            ("endpoints.main.requests_per_second", Effect::AtOnce),
            ("endpoints.main.url", Effect::AtRestart),
            ("client.url", Effect::Never),
        ] {
            assert_eq!(running.effect_of(setting, &newer), effect, "{setting}");
        }
        let taken = running.taking(&newer);
        assert!(taken.accounts["main"].keys.is_empty() && taken.accounts["main"].open_jobs_max == Some(3));
    }
}
