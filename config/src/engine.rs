//! `[engine]`: how jobs are carried out.

use std::time::Duration;

use crate::section::section;
use crate::value::Bytes;

section! {
    /// How jobs are carried out.
    pub struct Engine {
        /// Jobs that may be Active at once, for each endpoint.
        default active_jobs: usize = "4",
        /// Slices of jobs that run at once, for each endpoint.
        default slices_in_flight: usize = "16",
        /// Tasks of a job that run at once, at most: no more are started than the endpoint has room for.
        default tasks_in_flight: usize = "2048",
        /// Bytes of bodies that are held at once: parts of copies between stores and of reports, what is read ahead of
        /// inventories, deletes of many with their answers. The process takes some 200 MiB besides.
        default bytes_in_flight: Bytes = "256MiB",
        /// Jobs that are prepared at once; as many are drained, and as many reported.
        default stages_in_flight: usize = "8",
        /// How long the engine waits before it looks for work that no wake-up told it of.
        default poll: Duration = "1s",
        /// How long a job waits for its confirmation before it fails.
        default confirmation_patience: Duration = "30d",
        /// How long a job is held whose tasks fail by what a person must change, before it fails, unless the job says otherwise.
        default hold_patience: Duration = "15m",
        /// The first pause between two looks of a job that waits for restores; the pauses double up to twelve times this.
        default restore_look_every: Duration = "5m",
        /// How long the preparation of a job is tried before the job fails.
        default prepare_patience: Duration = "24h",
        /// How long the delivery of a report is tried before the job fails.
        default report_patience: Duration = "24h",
        /// How long an ended job is listed.
        default ended_jobs_listed: Duration = "90d",
        /// How long the slices and outcomes of an ended job are kept, unless its report could not be delivered: what is left undone can be retried until then.
        default outcomes_kept: Duration = "30d",
        /// Jobs of an account that have not ended, at most.
        default open_jobs_max: usize = "1000",
        /// Jobs of an account at most; for one more the one that ended first leaves the list.
        default jobs_listed_max: u64 = "100000",
        /// Jobs that an account creates within a minute, at most.
        default jobs_per_minute_max: usize = "6000",
        /// Bytes of an account's slices and outcomes, at most; beyond it the jobs that ended first give up theirs.
        default account_bytes_max: Bytes = "64GiB",
        /// A job fails when failures exceed this share of its outcomes, in percent, unless the job says otherwise.
        default threshold_percent: u8 = "50",
        /// Only jobs of more tasks than this are watched, once so many have an outcome, unless the job says otherwise.
        default threshold_tasks: u64 = "1000",
        /// With less free space than this nothing is prepared or leased, and no job is created.
        default free_space_to_lease: Bytes = "1GiB",
        /// With less free space than this no task starts.
        default free_space_to_start: Bytes = "256MiB",
    }
}
