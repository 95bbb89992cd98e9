//! What the engine's loop remembers between passes: visits, workers, turns, pauses, what it said last.

use std::collections::{BTreeMap, BTreeSet};

use brigade_model::limits::{JOBS_ASIDE_MAX, SLICES_ASIDE_MAX};
use brigade_model::ports::Monotonic;
use brigade_model::{EndpointName, JobId};

use crate::config::EngineConfig;
use crate::execute::Aside;
use crate::fair_queue::FairQueue;
use crate::visits::Visits;

/// What the loop remembers between passes; all of it can be lost.
pub(crate) struct SchedulerState {
    pub(crate) visits: Visits,
    /// The slices that run, by a number of their own.
    pub(crate) workers: BTreeMap<u64, Worker>,
    pub(crate) turns: FairQueue,
    /// Jobs that wait after a failure that may pass.
    pub(crate) not_before: BTreeMap<JobId, Monotonic>,
    /// Active jobs whose predicates were tested on entering.
    pub(crate) entered: BTreeSet<JobId>,
    /// What was last said about an endpoint that is away, by job.
    pub(crate) noted: BTreeMap<JobId, String>,
    /// Active jobs whose rows said that their calls wait when this process first saw them. A worker that died
    /// with one of their slices had attempted nothing lately, so that is not counted against the slice.
    pub(crate) already_waiting: BTreeSet<JobId>,
    /// When a purge ended last.
    pub(crate) purged: Monotonic,
    pub(crate) is_purging: bool,
    /// Whether every folder of the spool belongs to a job; not known at first.
    pub(crate) is_spool_swept: bool,
}

/// A slice that runs.
pub(crate) struct Worker {
    pub(crate) endpoint: EndpointName,
    pub(crate) job: JobId,
    pub(crate) aside: Aside,
}

impl SchedulerState {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self {
            visits: Visits::new(config.stages),
            workers: BTreeMap::new(),
            turns: FairQueue::default(),
            not_before: BTreeMap::new(),
            entered: BTreeSet::new(),
            noted: BTreeMap::new(),
            already_waiting: BTreeSet::new(),
            purged: Monotonic::default(),
            is_purging: false,
            is_spool_swept: false,
        }
    }

    /// Workers of the endpoint that have a place there.
    pub(crate) fn workers_at(&self, endpoint: &EndpointName) -> usize {
        self.workers.values().filter(|worker| worker.endpoint == *endpoint && !worker.aside.is_set()).count()
    }

    /// Whether a worker is at the job, and does not only wait.
    pub(crate) fn works_on(&self, job: JobId) -> bool {
        self.workers.values().any(|worker| worker.job == job && !worker.aside.is_set())
    }

    /// Whether so much of the job only waits that no more of it is begun.
    pub(crate) fn has_many_aside(&self, job: JobId) -> bool {
        self.workers.values().filter(|worker| worker.job == job && worker.aside.is_set()).count() >= SLICES_ASIDE_MAX
    }

    /// Jobs of the endpoint of which everything that runs only waits.
    pub(crate) fn jobs_aside(&self, endpoint: &EndpointName) -> usize {
        let mut jobs: BTreeMap<JobId, bool> = BTreeMap::new();
        for worker in self.workers.values().filter(|worker| worker.endpoint == *endpoint) {
            *jobs.entry(worker.job).or_insert(true) &= worker.aside.is_set();
        }
        jobs.values().filter(|is_aside| **is_aside).count().min(JOBS_ASIDE_MAX)
    }

    /// Whether nothing runs beside the loop.
    pub(crate) fn is_idle(&self) -> bool {
        self.visits.is_empty() && !self.is_purging && self.workers.is_empty()
    }
}
