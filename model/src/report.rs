//! The report that a job must write, and what its dialect says in it.

use serde::{Deserialize, Serialize};

use crate::job::Dialect;
use crate::operation::Operation;
use crate::resource::BucketRef;

/// The report that a job was asked for. Its form is the only one that the dialect has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportSpec {
    /// Whether one is written at all; the other fields are kept for the echo.
    pub enabled: bool,
    /// Where it goes; a disabled report may name none.
    pub bucket: Option<BucketRef>,
    /// What its keys begin with, as it was given; `None` when it was not.
    pub prefix: Option<String>,
    /// Which tasks it lists; a disabled report may say nothing.
    pub scope: Option<ReportScope>,
}

/// Which tasks a report lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReportScope {
    /// Every task with an outcome.
    AllTasks,
    /// Failed tasks only.
    FailedTasksOnly,
}

impl ReportScope {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ReportScope::AllTasks => "AllTasks",
            ReportScope::FailedTasksOnly => "FailedTasksOnly",
        }
    }
}

/// What the reports of a dialect's jobs say in words of the dialect. All else is the same in every report.
#[derive(Debug, Clone, Copy)]
pub struct ReportLayout {
    /// The name of the form, as `manifest.json` states it.
    pub format: &'static str,
    /// The operation with the parameters that were given, as `manifest.json` has them.
    pub operation: fn(&Operation) -> serde_json::Value,
}

/// The layout of each dialect; `None` for one in which no reports can be written.
pub type ReportLayouts = fn(Dialect) -> Option<ReportLayout>;
