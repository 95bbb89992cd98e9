//! Everything through which the engine reaches the outside world.

use std::sync::Arc;

use brigade_model::operation::OperationKind;
use brigade_model::ports::{Clock, Entropy, JobStore, Spawn, Spool};
use brigade_model::{JobId, ReportLayouts, Status};

use crate::places::Roles;

/// The ports of an engine.
#[derive(Clone)]
pub struct Ports {
    /// Jobs, leases, slices and outcomes.
    pub jobs: Arc<dyn JobStore>,
    /// The bytes of slices.
    pub spool: Arc<dyn Spool>,
    /// What roles allow.
    pub roles: Arc<dyn Roles>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Concurrency.
    pub spawn: Arc<dyn Spawn>,
    /// What reports say in words of their job's dialect.
    pub report_layouts: ReportLayouts,
    /// Is told what happens.
    pub observer: Arc<dyn Observer>,
}

/// Is told what happens, after it has been recorded. Must not block.
pub trait Observer: Send + Sync + 'static {
    /// Outcomes were committed.
    fn tasks_ended(&self, operation: OperationKind, succeeded: u64, failed: u64) {
        let _ = (operation, succeeded, failed);
    }

    /// A job changed its status.
    fn job_moved(&self, job: JobId, status: Status) {
        let _ = (job, status);
    }
}

/// Does not want to know.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {}
