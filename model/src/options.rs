//! Job options: what a vendor's wire has no field for.
//!
//! One table names them; they come as signed `x-brigade-<name>` headers or as flags of the
//! command line. A name that the table does not hold is an error, never ignored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::LoadLimits;
use crate::limits::{THRESHOLD_FAILED_PERCENT, THRESHOLD_TASKS_MIN};

/// The options of a job; `None` means the default that each states.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct JobOptions {
    /// How keys are written in a manifest; the default is raw in a CSV, and what its writer does in
    /// an inventory.
    pub key_encoding: Option<KeyEncoding>,
    /// What separates the cells of a CSV manifest; by default a read from the store decides where
    /// both are possible.
    pub separator: Option<Separator>,
    /// Whether the first row of a manifest is a header; the default is auto.
    pub header: Option<Header>,
    /// What a row without a version means where others have one; the default is to fail it.
    pub empty_version: Option<EmptyVersion>,
    /// What becomes of a job two of whose rows are seen to be copied to one key; the default is to
    /// fail it.
    pub shared_targets: Option<SharedTargets>,
    /// What becomes of a job most of whose sampled objects do not exist; the default is to tell.
    pub preflight: Option<Preflight>,
    /// Failures above this share of the outcomes fail the job, in percent; the default is 50.
    pub threshold_percent: Option<u8>,
    /// Only jobs of more tasks than this, once so many have an outcome; the default is 1,000.
    pub threshold_tasks: Option<u64>,
    /// Requests in flight for this job at most.
    pub in_flight_max: Option<u32>,
    /// Requests a second for this job at most.
    pub requests_per_second_max: Option<u32>,
    /// Objects a second for this job at most: a request that deletes a thousand is a thousand.
    pub objects_per_second_max: Option<u32>,
    /// Bytes a second for this job at most.
    pub bytes_per_second_max: Option<u64>,
    /// Whether nothing is changed, and the report says what would be; the default is false.
    pub dry_run: Option<bool>,
    /// How long a job that the service holds is tried before it fails; the default is the service's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold_patience: Option<HoldPatience>,
    /// The column of a CSV manifest, from 1, that says what the checksum of each object must be; the default is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checksum_column: Option<u32>,
}

/// How keys are written in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyEncoding {
    /// As they are, in UTF-8.
    Raw,
    /// Percent-encoded; `+` is a plus.
    Url,
    /// Percent-encoded; `+` is a space.
    Form,
}

/// What stands between the cells of a CSV manifest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Separator {
    /// A comma; blanks belong to the cells.
    #[default]
    Comma,
    /// A comma and one blank.
    CommaBlank,
}

/// Whether the first row of a manifest is a header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Header {
    /// It is, whatever it says.
    Yes,
    /// It is a task, whatever it says.
    No,
    /// It is one when it names the columns.
    #[default]
    Auto,
}

/// What a row without a version means in a manifest whose other rows have one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EmptyVersion {
    /// The task fails.
    Fail,
    /// The latest version at the time of the task.
    Latest,
    /// The version `null`.
    Null,
}

/// What becomes of a job two of whose rows would be copied to one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SharedTargets {
    /// It fails before anything is copied.
    Fail,
    /// One of the two copies stays, whichever comes last.
    Allow,
}

/// What becomes of a job most of whose sampled objects do not exist before it may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Preflight {
    /// Its user is told.
    Tell,
    /// It fails, unless it deletes, retries another or comes from a backup.
    Fail,
}

/// How long a job that the service holds is tried before it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum HoldPatience {
    /// So many minutes.
    Minutes(u32),
    /// Until it can go on, or its user ends it.
    Unlimited,
}

/// Why an option was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// No row of [`OPTIONS`] has this name.
    #[error("unknown job option {0}")]
    Unknown(String),
    /// The value is not one that the option takes.
    #[error("job option {name} takes {takes}")]
    Invalid {
        /// The option's name.
        name: &'static str,
        /// What it takes.
        takes: &'static str,
    },
    /// The job is none for which the option means something.
    #[error("job option {name} {why}")]
    Unfit {
        /// The option's name.
        name: &'static str,
        /// What speaks against it.
        why: &'static str,
    },
}

/// One row of the table.
#[derive(Debug)]
pub struct OptionRow {
    /// The name, as in `x-brigade-<name>` and `--<name>`.
    pub name: &'static str,
    /// What it takes, for errors and help.
    pub takes: &'static str,
    /// The words that it takes, where they are a closed list.
    pub words: &'static [&'static str],
    /// What it does, for help.
    pub help: &'static str,
    /// What holds without it, for help.
    pub default: &'static str,
    /// What the flag means where it stands without a value; `None` when it needs one.
    pub implied: Option<&'static str>,
    set: fn(&mut JobOptions, &str) -> bool,
    get: fn(&JobOptions) -> Option<String>,
}

fn number<N: std::str::FromStr + PartialOrd + From<u8>>(text: &str, into: &mut Option<N>) -> bool {
    let value = text.parse::<N>().ok().filter(|n| *n > N::from(0));
    let is_valid = value.is_some();
    if is_valid {
        *into = value;
    }
    is_valid
}

/// The name of the option [`JobOptions::checksum_column`].
pub const CHECKSUM_COLUMN: &str = "checksum-column";

/// Every job option.
pub const OPTIONS: &[OptionRow] = &[
    OptionRow {
        name: "key-encoding",
        takes: "raw, url or form",
        words: &["raw", "url", "form"],
        help: "how keys are written in a manifest",
        default: "raw in a CSV, and what its writer does in an inventory",
        implied: None,
        set: |options, text| {
            options.key_encoding = Some(match text {
                "raw" => KeyEncoding::Raw,
                "url" => KeyEncoding::Url,
                "form" => KeyEncoding::Form,
                _ => return false,
            });
            true
        },
        get: |options| {
            options.key_encoding.map(|encoding| {
                match encoding {
                    KeyEncoding::Raw => "raw",
                    KeyEncoding::Url => "url",
                    KeyEncoding::Form => "form",
                }
                .to_owned()
            })
        },
    },
    OptionRow {
        name: "separator",
        takes: "comma or comma-blank",
        words: &["comma", "comma-blank"],
        help: "what stands between the cells of a CSV manifest",
        default: "comma, or what a read from the store decides",
        implied: None,
        set: |options, text| {
            options.separator = Some(match text {
                "comma" => Separator::Comma,
                "comma-blank" => Separator::CommaBlank,
                _ => return false,
            });
            true
        },
        get: |options| {
            options.separator.map(|separator| {
                match separator {
                    Separator::Comma => "comma",
                    Separator::CommaBlank => "comma-blank",
                }
                .to_owned()
            })
        },
    },
    OptionRow {
        name: "header",
        takes: "yes, no or auto",
        words: &["yes", "no", "auto"],
        help: "whether the first row of a manifest is a header",
        default: "auto",
        implied: None,
        set: |options, text| {
            options.header = Some(match text {
                "yes" => Header::Yes,
                "no" => Header::No,
                "auto" => Header::Auto,
                _ => return false,
            });
            true
        },
        get: |options| {
            options.header.map(|header| {
                match header {
                    Header::Yes => "yes",
                    Header::No => "no",
                    Header::Auto => "auto",
                }
                .to_owned()
            })
        },
    },
    OptionRow {
        name: "empty-version",
        takes: "fail, latest or null",
        words: &["fail", "latest", "null"],
        help: "what a row without a version means where others have one",
        default: "fail",
        implied: None,
        set: |options, text| {
            options.empty_version = Some(match text {
                "fail" => EmptyVersion::Fail,
                "latest" => EmptyVersion::Latest,
                "null" => EmptyVersion::Null,
                _ => return false,
            });
            true
        },
        get: |options| {
            options.empty_version.map(|meaning| {
                match meaning {
                    EmptyVersion::Fail => "fail",
                    EmptyVersion::Latest => "latest",
                    EmptyVersion::Null => "null",
                }
                .to_owned()
            })
        },
    },
    OptionRow {
        name: "shared-targets",
        takes: "fail or allow",
        words: &["fail", "allow"],
        help: "what becomes of a job two of whose rows would be copied to one key",
        default: "fail",
        implied: None,
        set: |options, text| {
            options.shared_targets = Some(match text {
                "fail" => SharedTargets::Fail,
                "allow" => SharedTargets::Allow,
                _ => return false,
            });
            true
        },
        get: |options| {
            options.shared_targets.map(|shared| {
                match shared {
                    SharedTargets::Fail => "fail",
                    SharedTargets::Allow => "allow",
                }
                .to_owned()
            })
        },
    },
    OptionRow {
        name: "preflight",
        takes: "tell or fail",
        words: &["tell", "fail"],
        help: "what becomes of a job most of whose sampled objects do not exist",
        default: "tell",
        implied: None,
        set: |options, text| {
            options.preflight = Some(match text {
                "tell" => Preflight::Tell,
                "fail" => Preflight::Fail,
                _ => return false,
            });
            true
        },
        get: |options| {
            options.preflight.map(|preflight| {
                match preflight {
                    Preflight::Tell => "tell",
                    Preflight::Fail => "fail",
                }
                .to_owned()
            })
        },
    },
    OptionRow {
        name: "threshold-percent",
        takes: "a whole number of percent from 1 to 100",
        words: &[],
        help: "failures above this share of the outcomes fail the job (100: never)",
        default: "the service's",
        implied: None,
        set: |options, text| {
            let mut value: Option<u8> = None;
            let text = text.strip_suffix('%').unwrap_or(text);
            let is_valid = number(text, &mut value) && value.is_some_and(|v| v <= 100);
            if is_valid {
                options.threshold_percent = value;
            }
            is_valid
        },
        get: |options| options.threshold_percent.map(|v| v.to_string()),
    },
    OptionRow {
        name: "threshold-tasks",
        takes: "a whole number above 0",
        words: &[],
        help: "the threshold looks at jobs of more tasks than this, once so many have an outcome",
        default: "the service's",
        implied: None,
        set: |options, text| number(text, &mut options.threshold_tasks),
        get: |options| options.threshold_tasks.map(|v| v.to_string()),
    },
    OptionRow {
        name: "in-flight-max",
        takes: "a whole number above 0",
        words: &[],
        help: "requests in flight for this job at most",
        default: "none",
        implied: None,
        set: |options, text| number(text, &mut options.in_flight_max),
        get: |options| options.in_flight_max.map(|v| v.to_string()),
    },
    OptionRow {
        name: "requests-per-second-max",
        takes: "a whole number above 0",
        words: &[],
        help: "requests a second for this job at most",
        default: "none",
        implied: None,
        set: |options, text| number(text, &mut options.requests_per_second_max),
        get: |options| options.requests_per_second_max.map(|v| v.to_string()),
    },
    OptionRow {
        name: "objects-per-second-max",
        takes: "a whole number above 0",
        words: &[],
        help: "objects a second for this job at most; a request that deletes a thousand is a thousand",
        default: "none",
        implied: None,
        set: |options, text| number(text, &mut options.objects_per_second_max),
        get: |options| options.objects_per_second_max.map(|v| v.to_string()),
    },
    OptionRow {
        name: "bytes-per-second-max",
        takes: crate::size::TAKES,
        words: &[],
        help: "bytes a second for this job at most",
        default: "none",
        implied: None,
        set: |options, text| {
            let value = crate::size::parse(text);
            options.bytes_per_second_max = value.or(options.bytes_per_second_max);
            value.is_some()
        },
        get: |options| options.bytes_per_second_max.map(|v| v.to_string()),
    },
    OptionRow {
        name: "dry-run",
        takes: "true or false",
        words: &["true", "false"],
        help: "change nothing and report what would be done",
        default: "false",
        implied: Some("true"),
        set: |options, text| {
            let value = text.parse().ok();
            options.dry_run = value.or(options.dry_run);
            value.is_some()
        },
        get: |options| options.dry_run.map(|v| v.to_string()),
    },
    OptionRow {
        name: "hold-patience",
        takes: "a whole number of minutes above 0, or unlimited",
        words: &[],
        help: "how long the job is held, when its tasks fail by what a person must change, before it fails",
        default: "the service's",
        implied: None,
        set: |options, text| {
            let mut minutes = None;
            let patience = match text {
                "unlimited" => Some(HoldPatience::Unlimited),
                _ => number(text, &mut minutes).then_some(minutes).flatten().map(HoldPatience::Minutes),
            };
            options.hold_patience = patience.or(options.hold_patience);
            patience.is_some()
        },
        get: |options| {
            options.hold_patience.map(|patience| match patience {
                HoldPatience::Minutes(minutes) => minutes.to_string(),
                HoldPatience::Unlimited => "unlimited".to_owned(),
            })
        },
    },
    OptionRow {
        name: CHECKSUM_COLUMN,
        takes: "a whole number above 0",
        words: &[],
        help: "the column of a CSV manifest, from 1, that has the checksum of each object: a row fails whose object has another",
        implied: None,
        default: "none",
        set: |options, text| number(text, &mut options.checksum_column),
        get: |options| options.checksum_column.map(|v| v.to_string()),
    },
];

impl JobOptions {
    /// Sets the option of that name.
    ///
    /// # Errors
    /// [`OptionError`] when the table has no such name or the option no such value.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), OptionError> {
        let row = OPTIONS
            .iter()
            .find(|row| row.name == name)
            .ok_or_else(|| OptionError::Unknown(crate::outcome::cut(name.to_owned(), 64)))?;
        if (row.set)(self, value.trim()) {
            Ok(())
        } else {
            Err(OptionError::Invalid { name: row.name, takes: row.takes })
        }
    }

    /// The options that were set, with their names.
    #[must_use]
    pub fn given(&self) -> Vec<(&'static str, String)> {
        OPTIONS.iter().filter_map(|row| (row.get)(self).map(|value| (row.name, value))).collect()
    }

    /// Whether the job changes nothing and reports what it would do.
    #[must_use]
    pub fn is_dry_run(&self) -> bool {
        self.dry_run == Some(true)
    }

    /// How long the job may be held, where a job that does not say may be for `default`; `None` for as
    /// long as it takes.
    #[must_use]
    pub fn hold_patience(&self, default: Duration) -> Option<Duration> {
        match self.hold_patience {
            None => Some(default),
            Some(HoldPatience::Minutes(minutes)) => Some(Duration::from_secs(60 * u64::from(minutes))),
            Some(HoldPatience::Unlimited) => None,
        }
    }

    /// The limits that a job begins with.
    #[must_use]
    pub fn limits(&self) -> LoadLimits {
        LoadLimits {
            requests_in_flight: self.in_flight_max,
            requests_per_second: self.requests_per_second_max,
            objects_per_second: self.objects_per_second_max,
            bytes_per_second: self.bytes_per_second_max,
        }
    }

    /// Whether failures have exceeded the threshold: a job of more tasks than the least,
    /// once that many have an outcome, and then a share of failures above the limit.
    #[must_use]
    pub fn threshold_exceeded(&self, total: u64, succeeded: u64, failed: u64) -> bool {
        let tasks_min = self.threshold_tasks.unwrap_or(THRESHOLD_TASKS_MIN);
        let percent = u128::from(self.threshold_percent.unwrap_or(THRESHOLD_FAILED_PERCENT));
        let outcomes = succeeded + failed;
        total > tasks_min && outcomes >= tasks_min && u128::from(failed) * 100 > u128::from(outcomes) * percent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_set_and_given_back() {
        let values = [
            "url",
            "comma-blank",
            "yes",
            "latest",
            "allow",
            "fail",
            "10",
            "500",
            "4",
            "100",
            "200",
            "1000000",
            "true",
            "90",
            "3",
        ];
        let mut options = JobOptions::default();
        for (row, value) in OPTIONS.iter().zip(values) {
            options.set(row.name, value).unwrap();
        }
        let given: Vec<_> = OPTIONS.iter().map(|row| row.name).zip(values.map(str::to_owned)).collect();
        assert_eq!(options.given(), given);
    }

    #[test]
    fn an_option_takes_each_of_its_words_and_its_refusal_tells_them() {
        for row in OPTIONS {
            let mut options = JobOptions::default();
            for word in row.words {
                options.set(row.name, word).unwrap();
                assert_eq!(options.given(), [(row.name, (*word).to_owned())]);
                assert!(row.takes.contains(word), "{}", row.name);
            }
        }
    }

    #[test]
    fn an_unknown_option_and_an_unknown_value_are_errors_and_set_nothing() {
        let mut options = JobOptions::default();
        assert_eq!(options.set("colour", "red"), Err(OptionError::Unknown("colour".into())));
        for row in OPTIONS {
            for value in ["", "-1", "0", "nonsense"] {
                assert!(options.set(row.name, value).is_err(), "{} {value}", row.name);
            }
        }
        assert!(options.set("threshold-percent", "101").is_err());
        assert_eq!(options, JobOptions::default());
    }

    #[test]
    fn a_job_is_held_for_as_long_as_it_says_or_as_the_service_does() {
        let (default, patience) = (Duration::from_secs(900), |given: Option<&str>| {
            let mut options = JobOptions::default();
            given.into_iter().for_each(|given| options.set("hold-patience", given).unwrap());
            options.hold_patience(Duration::from_secs(900))
        });
        assert_eq!(patience(None), Some(default));
        assert_eq!(patience(Some("90")), Some(Duration::from_secs(90 * 60)));
        assert_eq!(patience(Some("unlimited")), None);
    }

    #[test]
    fn the_threshold_needs_more_than_a_thousand_tasks_and_more_than_half_failing() {
        let options = JobOptions::default();
        assert!(!options.threshold_exceeded(1000, 0, 1000), "a job of 1,000 tasks is not watched");
        assert!(!options.threshold_exceeded(1001, 0, 999), "too few outcomes yet");
        assert!(options.threshold_exceeded(1001, 499, 501));
        assert!(!options.threshold_exceeded(2000, 500, 500), "exactly half is allowed");
        let never = JobOptions { threshold_percent: Some(100), ..JobOptions::default() };
        assert!(!never.threshold_exceeded(5000, 0, 5000));
    }
}
