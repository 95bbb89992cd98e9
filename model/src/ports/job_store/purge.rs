//! What a purge removes.

use crate::job::JobId;
use crate::quota::Quotas;
use crate::service_clock::ServiceTime;

/// What a purge removes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// Jobs that ended before this go.
    pub ended_before: ServiceTime,
    /// Jobs that ended before this give up their slices and outcomes.
    pub outcomes_before: ServiceTime,
    /// Of an account that takes more, the job that ended first gives up its own, or goes.
    pub quotas: Quotas,
}

impl Due {
    /// Jobs that ended before this go, and nothing else does.
    #[must_use]
    pub fn ended_before(ended_before: ServiceTime) -> Self {
        Self { ended_before, outcomes_before: ServiceTime::default(), quotas: Quotas::default() }
    }
}

/// What a step of a purge removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Purged {
    /// Jobs whose spool files (`<job id>/...`) no row names any more: they are gone now, or
    /// gave up their outcomes.
    pub jobs: Vec<JobId>,
    /// Whether more remains to be purged.
    pub more: bool,
}
