//! Removing ended jobs, or their slices and outcomes alone, in bounded steps.

use std::collections::HashSet;

use brigade_model::job::{Job, JobId};
use brigade_model::ports::job_store::{Due, Purged};
use brigade_model::status::phase;
use brigade_model::{Phase, ServiceTime, Timestamp};

use super::jobs::{JobRecord, State};

impl State {
    /// Removes first what remains of jobs that an earlier step began with, then the next job: its
    /// row goes before its slices and outcomes do, so that no reader sees half of it.
    pub(super) fn purge(&mut self, due: &Due, rows_max: usize, now: Timestamp) -> Purged {
        let mut purged = Purged::default();
        let mut rows_left = rows_max.max(1);
        while rows_left > 0 {
            if let Some(mut doomed) = self.doomed.first_entry() {
                rows_left -= doomed.get_mut().remove_rows(rows_left);
                if doomed.get().rows() == 0 {
                    purged.jobs.push(doomed.remove().job.id);
                }
            } else {
                match self.next_due(due) {
                    Some(Next::Job(job)) => self.doom(job),
                    Some(Next::Outcomes(job)) => self.give_up(job, now),
                    None => break,
                }
                rows_left -= 1;
            }
        }
        purged.more = rows_left == 0;
        purged
    }

    fn next_due(&self, due: &Due) -> Option<Next> {
        let retried = self.retried();
        let mut spared = self.jobs.values().filter(|record| !retried.contains(&record.job.id));
        if let Some(record) = spared.clone().find(|record| is_due(&record.job, due.ended_before)) {
            return Some(Next::Job(record.job.id));
        }
        let is_old = |record: &&JobRecord| {
            let Job { terminated, since, lacks_report, .. } = record.job;
            record.holds_slices() && !lacks_report && terminated.is_some() && since < due.outcomes_before
        };
        let old = spared.find(is_old).map(|record| Next::Outcomes(record.job.id));
        old.or_else(|| {
            let (leaving, giving) = self.excess(&due.quotas);
            leaving.first().copied().map(Next::Job).or(giving.first().copied().map(Next::Outcomes))
        })
    }

    /// Jobs whose tasks are still being read by a job that retries them.
    pub(super) fn retried(&self) -> HashSet<JobId> {
        let open = self.open.iter().filter_map(|id| self.jobs.get(id));
        let preparing = open.filter(|record| phase(record.job.status) == Phase::Prepare);
        preparing.filter_map(|record| record.job.spec.retry_of).collect()
    }

    pub(super) fn doom(&mut self, id: JobId) {
        if let Some(mut record) = self.jobs.remove(&id) {
            self.free_token(&record.job);
            record.slices.extend(self.doomed.remove(&id).into_iter().flat_map(|before| before.slices));
            self.doomed.insert(id, record);
        }
    }

    /// A job holds its slices and outcomes no more.
    pub(super) fn give_up(&mut self, id: JobId, now: Timestamp) {
        if let Some(record) = self.jobs.get_mut(&id) {
            record.job.outcomes_removed = Some(now);
            record.waiting.clear();
            let mut doomed = JobRecord::new(record.job.clone());
            doomed.slices = std::mem::take(&mut record.slices);
            self.doomed.insert(id, doomed);
        }
    }
}

/// What a purge removes next.
enum Next {
    Job(JobId),
    /// Its slices and outcomes.
    Outcomes(JobId),
}

fn is_due(job: &Job, ended_before: ServiceTime) -> bool {
    !job.is_visible() || job.terminated.is_some() && job.since < ended_before
}

impl JobRecord {
    fn rows(&self) -> usize {
        let slices: usize = self.slices.iter().map(|slice| slice.rows()).sum();
        slices + self.uploads.len() + self.files.len() + self.applied.len()
    }

    fn remove_rows(&mut self, rows_max: usize) -> usize {
        let removed = (0..rows_max).take_while(|_| self.remove_row()).count();
        let changes = (rows_max - removed).min(self.applied.len());
        let mut left = changes;
        self.applied.retain(|_| left.checked_sub(1).map(|fewer| left = fewer).is_none());
        removed + changes
    }

    /// Removes one row of any kind but changes.
    fn remove_row(&mut self) -> bool {
        match self.slices.last_mut() {
            Some(slice) => slice.forget_part() || self.slices.pop().is_some(),
            None => self.uploads.pop_first().is_some() || self.files.pop_first().is_some(),
        }
    }
}
