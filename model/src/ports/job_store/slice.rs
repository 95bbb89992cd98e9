//! Slices of a job and the outcomes of their tasks.

use bytes::Bytes;

use super::fence::Fence;
use crate::Timestamp;
use crate::failure_counts::FailureCounts;
use crate::job::JobId;
use crate::progress::DoneBytes;

/// A slice to add: consecutive tasks, whose rows lie in the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSlice {
    /// Its number in the job, from 0 without a gap.
    pub index: u32,
    /// The number of its first task.
    pub first_task: u64,
    /// How many tasks, at least one.
    pub tasks: u32,
    /// The file in the spool.
    pub spool_name: String,
    /// The bytes of that file.
    pub bytes: u64,
}

/// A slice as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SliceRow {
    /// Its number in the job.
    pub index: u32,
    /// The number of its first task.
    pub first_task: u64,
    /// How many tasks.
    pub tasks: u32,
    /// The file in the spool.
    pub spool_name: String,
    /// Successes recorded.
    pub succeeded: u32,
    /// Failures recorded.
    pub failed: u32,
    /// Whether it has a holder, expired or not.
    pub is_leased: bool,
    /// Whether tasks without an outcome may have been attempted: a lease was revoked, or was
    /// released with `must_check`.
    pub must_check: bool,
    /// How often a lease of it was revoked since the job got on: since an outcome of this slice,
    /// or of another one while this was leased, was recorded.
    pub revocations: u32,
    /// The round of its job that it waits for; it can be leased from that round on.
    pub round: u32,
    /// When it was first leased, by the store's clock.
    pub first_leased: Option<Timestamp>,
    /// When the oldest lease began that was revoked or was released with `must_check`, by the
    /// store's clock: what was attempted before has an outcome. Set exactly when `must_check` is.
    pub must_check_since: Option<Timestamp>,
}

impl SliceRow {
    /// Whether every task has an outcome.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.succeeded + self.failed >= self.tasks
    }
}

/// Outcomes of some tasks of a slice, in one piece. Its bytes never change once sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomePart {
    /// Which job.
    pub job: JobId,
    /// Which slice.
    pub slice: u32,
    /// Under which lease.
    pub fence: Fence,
    /// Its number in the slice, from [`SliceLease::next_seq`](super::SliceLease::next_seq) without a gap.
    pub seq: u64,
    /// Successes in it.
    pub succeeded: u32,
    /// Failures in it.
    pub failed: u32,
    /// What the failures in it are, for the job's counts.
    pub failure_counts: FailureCounts,
    /// What the successes in it copied or restored.
    pub done_bytes: DoneBytes,
    /// The outcomes, encoded by the engine; the store does not look inside.
    pub bytes: Bytes,
}
