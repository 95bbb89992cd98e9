//! Limits on the load of a job or an endpoint; an operator sets them at run time.

use serde::{Deserialize, Serialize};

/// Limits of a load; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadLimits {
    /// Requests in flight, at least 1.
    pub requests_in_flight: Option<u32>,
    /// Requests a second, at least 1.
    pub requests_per_second: Option<u32>,
    /// Objects a second that requests are about, at least 1: a request that deletes a thousand is a thousand.
    pub objects_per_second: Option<u32>,
    /// Bytes a second, at least 1.
    pub bytes_per_second: Option<u64>,
}

impl LoadLimits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}
