//! Who may work on what: owners, fences and leases.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::slice::SliceRow;
use crate::Timestamp;
use crate::job::JobId;

/// Who holds leases: one engine of one process, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnerId(pub Uuid);

/// Tells a lease from every other one, also from one with the same epoch: random, made up by the
/// taker of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub Uuid);

/// What a write under a lease names: what the unit must have for the write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// How often a lease of the unit was taken or revoked.
    pub epoch: u64,
    /// Which of the leases of that epoch.
    pub token: LeaseToken,
}

/// The right to prepare, drain or report a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageLease {
    /// Which job.
    pub job: JobId,
    /// Who.
    pub owner: OwnerId,
    /// What every write under it names.
    pub fence: Fence,
}

/// The right to run the tasks of a slice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceLease {
    /// Which job.
    pub job: JobId,
    /// Who.
    pub owner: OwnerId,
    /// What every write under it names.
    pub fence: Fence,
    /// The number of the next outcome part.
    pub next_seq: u64,
    /// When the lease was taken, by the store's clock.
    pub leased_at: Timestamp,
    /// The slice as it stood when the lease was taken; `first_leased` is set.
    pub slice: SliceRow,
}

/// The slices of a job that an owner knows it works on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownLeases {
    /// Who.
    pub owner: OwnerId,
    /// Slices, each with the fence of its lease.
    pub slices: Vec<(u32, Fence)>,
}

impl KnownLeases {
    /// Whether a lease of that owner, if it is this one's, is none that it knows of.
    #[must_use]
    pub fn lacks(&self, owner: OwnerId, slice: u32, fence: Fence) -> bool {
        self.owner == owner && !self.slices.contains(&(slice, fence))
    }
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
