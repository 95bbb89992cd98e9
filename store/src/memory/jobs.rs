//! Jobs: created, read, changed, scheduled.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use brigade_model::endpoint::EndpointRow;
use brigade_model::job::{Change, Dialect, Job, JobId};
use brigade_model::names::{AccountId, EndpointName};
use brigade_model::ports::job_store::{
    Apply, ApplyError, ChangeId, CreateJobError, JobHead, ListJobs, OpenUpload, ReportFile, StoreError,
};
use brigade_model::quota::Quota;
use brigade_model::slots::{self, Candidate, SlotMove};
use brigade_model::status::Status;

use super::lease::Lease;
use super::slices::Slice;
use crate::moment::Moment;

/// Everything that the store holds.
#[derive(Clone, Default)]
pub(super) struct State {
    pub(super) jobs: BTreeMap<JobId, JobRecord>,
    /// Jobs that have not ended.
    pub(super) open: BTreeSet<JobId>,
    /// Who has a token; deleted jobs have given theirs back.
    pub(super) tokens: HashMap<Token, JobId>,
    /// What remains of purged jobs.
    pub(super) doomed: BTreeMap<JobId, JobRecord>,
    /// Settings of endpoints, by name.
    pub(super) endpoints: BTreeMap<EndpointName, EndpointRow>,
}

/// What is unique among jobs that are not deleted.
pub(super) type Token = (AccountId, Dialect, String);

/// A job with all that hangs on it.
#[derive(Clone)]
pub(super) struct JobRecord {
    /// Its counters are those of all recorded parts.
    pub(super) job: Job,
    pub(super) stage: Lease,
    pub(super) applied: HashSet<ChangeId>,
    pub(super) slices: Vec<Slice>,
    /// Slices that are neither done nor leased.
    pub(super) waiting: BTreeSet<(u32, u32)>,
    /// By upload id: the slice (`None` for the report) and the upload.
    pub(super) uploads: BTreeMap<String, (Option<u32>, OpenUpload)>,
    pub(super) files: BTreeMap<(String, u32), ReportFile>,
}

impl JobRecord {
    pub(super) fn new(job: Job) -> Self {
        Self {
            job,
            stage: Lease::default(),
            applied: HashSet::new(),
            slices: Vec::new(),
            waiting: BTreeSet::new(),
            uploads: BTreeMap::new(),
            files: BTreeMap::new(),
        }
    }

    fn head(&self, now: Moment) -> JobHead {
        JobHead {
            id: self.job.id,
            account: self.job.account.clone(),
            endpoint: self.job.endpoint.clone(),
            status: self.job.status,
            priority: self.job.priority,
            revision: self.job.revision,
            held_by_user: self.job.held_by_user,
            held_until: self.job.held_until(),
            since: self.job.since,
            retry_of: self.job.spec.retry_of,
            is_stage_leased: self.stage.is_live(now.monotonic),
        }
    }

    fn candidate(&self) -> Candidate {
        Candidate {
            job: self.job.id,
            account: self.job.account.clone(),
            priority: self.job.priority,
            status: self.job.status,
            is_held: self.job.is_held(),
        }
    }
}

impl State {
    pub(super) fn create_job(&mut self, job: &Job, quota: &Quota, now: Moment) -> Result<(), CreateJobError> {
        let token = token_of(job);
        if let Some(other) = self.tokens.get(&token) {
            return Err(CreateJobError::TokenInUse(*other));
        }
        if let Some(retried) = job.spec.retry_of {
            let record = self.jobs.get(&retried).ok_or(CreateJobError::RetriedJobGone(retried))?;
            if let Some(at) = record.job.outcomes_removed {
                return Err(CreateJobError::RetriedOutcomesRemoved { job: retried, at });
            }
        }
        if self.jobs.contains_key(&job.id) || self.doomed.contains_key(&job.id) {
            return Err(StoreError::Conflict(format!("job {} exists already", job.id)).into());
        }
        self.tokens.insert(token.clone(), job.id);
        self.open.insert(job.id);
        let job = Job { since: now.service, ..job.clone() };
        self.jobs.insert(job.id, JobRecord::new(job.clone()));
        self.admit(&job.account, quota, now.wall).inspect_err(|_| {
            self.tokens.remove(&token);
            self.open.remove(&job.id);
            self.jobs.remove(&job.id);
        })
    }

    pub(super) fn list_jobs(&self, query: &ListJobs) -> Vec<Job> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = query.after.map_or(Unbounded, Excluded);
        let range = if query.is_newest_first { (Unbounded, after) } else { (after, Unbounded) };
        let jobs = self.jobs.range(range).map(|(_, record)| &record.job).filter(|job| is_listed(job, query));
        match query.is_newest_first {
            true => jobs.rev().take(query.limit).cloned().collect(),
            false => jobs.take(query.limit).cloned().collect(),
        }
    }

    pub(super) fn apply(&mut self, apply: &Apply, now: Moment) -> Result<Job, ApplyError> {
        let record = self.jobs.get_mut(&apply.job).ok_or(ApplyError::NotFound)?;
        if record.applied.contains(&apply.id) {
            return Ok(record.job.clone());
        }
        if apply.stage_fence.is_some_and(|fence| record.stage.check(fence).is_err()) {
            return Err(ApplyError::Fenced);
        }
        if record.job.revision != apply.revision {
            return Err(ApplyError::Lost);
        }
        record.job.change(&apply.change, now.wall, now.service)?;
        record.applied.insert(apply.id);
        let job = record.job.clone();
        self.note_end(&job);
        Ok(job)
    }

    /// A job that is deleted or has ended gives up what it holds.
    fn note_end(&mut self, job: &Job) {
        if job.is_deleted {
            self.free_token(job);
        }
        if job.status.is_terminal() {
            self.open.remove(&job.id);
            if let Some(record) = self.jobs.get_mut(&job.id) {
                record.stage.release();
            }
        }
    }

    pub(super) fn free_token(&mut self, job: &Job) {
        let token = token_of(job);
        if self.tokens.get(&token) == Some(&job.id) {
            self.tokens.remove(&token);
        }
    }

    pub(super) fn open_jobs(&self, now: Moment) -> Vec<JobHead> {
        self.open_records().map(|record| record.head(now)).collect()
    }

    pub(super) fn count_jobs(&self) -> Vec<(Status, u64)> {
        let mut counts = BTreeMap::new();
        for record in self.jobs.values().filter(|record| !record.job.is_deleted) {
            *counts.entry(record.job.status).or_default() += 1;
        }
        counts.into_iter().collect()
    }

    pub(super) fn reschedule(
        &mut self,
        endpoint: &EndpointName,
        slots: usize,
        now: Moment,
    ) -> Result<Vec<(JobId, SlotMove)>, StoreError> {
        let wants = |record: &&JobRecord| record.job.endpoint == *endpoint && slots::is_candidate(record.job.status);
        let candidates: Vec<_> = self.open_records().filter(wants).map(JobRecord::candidate).collect();
        let moves = slots::decide(&candidates, slots);
        for (job, slot_move) in &moves {
            if let Some(record) = self.jobs.get_mut(job) {
                let change = Change::from(*slot_move);
                record
                    .job
                    .change(&change, now.wall, now.service)
                    .map_err(|e| StoreError::Conflict(format!("job {job}: {e}")))?;
            }
        }
        Ok(moves)
    }

    fn open_records(&self) -> impl Iterator<Item = &JobRecord> {
        self.open.iter().filter_map(|id| self.jobs.get(id))
    }
}

fn token_of(job: &Job) -> Token {
    (job.account.clone(), job.dialect, job.spec.client_request_token.clone())
}

fn is_listed(job: &Job, query: &ListJobs) -> bool {
    job.account == query.account
        && job.dialect == query.dialect
        && job.is_visible()
        && (query.statuses.is_empty() || query.statuses.contains(&job.status))
        && (job.terminated.is_none() || job.since >= query.ended_since)
}
