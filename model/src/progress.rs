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

/// The bytes of objects that tasks copied or restored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoneBytes {
    /// Those of objects whose size is known: by the manifest, or by an answer that the task needed anyway.
    pub bytes: u64,
    /// Successes whose objects' size is not.
    pub tasks_of_unknown_size: u64,
}

impl DoneBytes {
    /// A task succeeded with an object of that size.
    pub fn add(&mut self, size: Option<u64>) {
        match size {
            Some(size) => self.bytes = self.bytes.saturating_add(size),
            None => self.tasks_of_unknown_size += 1,
        }
    }

    /// Adds what was done elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.tasks_of_unknown_size = self.tasks_of_unknown_size.saturating_add(other.tasks_of_unknown_size);
    }
}

impl Progress {
    /// Whether every task has an outcome.
    #[must_use]
    pub fn is_exhausted(&self) -> bool {
        self.succeeded + self.failed >= self.total
    }
}
