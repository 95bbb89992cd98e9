//! How far a job is: its tasks, and those with an outcome.

use serde::{Deserialize, Serialize};

/// How far a job is. `succeeded + failed` never exceeds `total` once that is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Tasks in the manifest; 0 until it is read.
    pub total: u64,
    /// Tasks with a success recorded.
    pub succeeded: u64,
    /// Tasks with a failure recorded.
    pub failed: u64,
}

impl Progress {
    /// Whether every task has an outcome.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.succeeded + self.failed >= self.total
    }
}
