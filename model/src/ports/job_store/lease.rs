//! Who may work on what: leases.

use super::fence::{Fence, OwnerId};
use super::slice::SliceRow;
use crate::Timestamp;
use crate::job::JobId;

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
