//! The parameters of a wait for restores.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::limits::RESTORE_WAIT_HOURS;

/// Parameters of a wait for restores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitForRestore {
    /// How long it looks at objects that are not readable yet, in hours: 1 to 720.
    pub hours: u32,
}

impl WaitForRestore {
    /// The same as a duration.
    #[must_use]
    pub fn patience(self) -> Duration {
        Duration::from_secs(u64::from(self.hours) * 3600)
    }
}

impl Default for WaitForRestore {
    fn default() -> Self {
        Self { hours: RESTORE_WAIT_HOURS }
    }
}
