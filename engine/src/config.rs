//! Settings of an engine, with their defaults.

use std::time::Duration;

use brigade_model::Quotas;
use brigade_model::limits::{
    BYTES_IN_FLIGHT, CONFIRMATION_PATIENCE, ENDED_JOBS_LISTED, HOLD_PATIENCE, OUTCOMES_KEPT, PREPARE_PATIENCE,
    REPORT_PATIENCE, RESTORE_LOOK_EVERY,
};

/// How an engine works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineConfig {
    /// Jobs that may be Active at once, for each endpoint.
    pub active_jobs: usize,
    /// Slices that this process runs at once, for each endpoint.
    pub slices: usize,
    /// Tasks of a job that this process runs at once, at most: no more are started than the endpoint has
    /// room for.
    pub tasks: usize,
    /// Bytes of bodies that this process holds at once.
    pub bytes_in_flight: u64,
    /// Jobs that this process prepares at once; as many are drained, and as many reported.
    pub stages: usize,
    /// How long the loop waits for a wake-up before it makes its next pass.
    pub poll: Duration,
    /// Beyond a lease's expiry, before another worker takes over.
    pub lease_grace: Duration,
    /// How long a stop waits for what is in flight to be recorded.
    pub stop_patience: Duration,
    /// How long a suspended job waits for its confirmation.
    pub confirmation_patience: Duration,
    /// How long a job is held whose tasks fail by what a person must change, unless it says otherwise.
    pub hold_patience: Duration,
    /// The first pause between two rounds of a job that waits for restores.
    pub restore_look_every: Duration,
    /// How long the preparation of a job is tried.
    pub prepare_patience: Duration,
    /// How long the delivery of a report is tried.
    pub report_patience: Duration,
    /// How long an ended job is kept.
    pub ended_jobs_kept: Duration,
    /// How long its slices and outcomes are.
    pub outcomes_kept: Duration,
    /// What each account may take.
    pub quotas: Quotas,
    /// Below so many free bytes nothing is prepared or leased.
    pub free_bytes_to_lease: u64,
    /// Below so many free bytes no task starts.
    pub free_bytes_to_start: u64,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            active_jobs: 4,
            slices: 16,
            tasks: 2048,
            bytes_in_flight: BYTES_IN_FLIGHT,
            stages: 8,
            poll: Duration::from_secs(1),
            lease_grace: Duration::from_secs(10),
            stop_patience: Duration::from_secs(30),
            confirmation_patience: CONFIRMATION_PATIENCE,
            hold_patience: HOLD_PATIENCE,
            restore_look_every: RESTORE_LOOK_EVERY,
            prepare_patience: PREPARE_PATIENCE,
            report_patience: REPORT_PATIENCE,
            ended_jobs_kept: ENDED_JOBS_LISTED,
            outcomes_kept: OUTCOMES_KEPT,
            quotas: Quotas::default(),
            free_bytes_to_lease: 1 << 30,
            free_bytes_to_start: 256 << 20,
        }
    }
}
