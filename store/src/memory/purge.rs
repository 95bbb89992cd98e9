//! Removing ended jobs in bounded steps.

use std::collections::HashSet;

use brigade_model::job::{Job, JobId};
use brigade_model::ports::job_store::Purged;
use brigade_model::status::stage;
use brigade_model::{ServiceTime, Stage};

use super::jobs::{JobRecord, State};

impl State {
    /// First what remains of jobs that an earlier step began with, then the next job: it
    /// vanishes whole before what hangs on it does, so that nobody sees half of it.
    pub(super) fn purge(&mut self, ended_before: ServiceTime, rows_max: usize) -> Purged {
        let mut purged = Purged::default();
        let mut rows_left = rows_max.max(1);
        let retried = self.retried();
        let due = |record: &JobRecord| is_due(&record.job, ended_before) && !retried.contains(&record.job.id);
        let mut next: Vec<JobId> = self.jobs.values().filter(|r| due(r)).map(|r| r.job.id).collect();
        next.reverse();
        while rows_left > 0 {
            if let Some(mut doomed) = self.doomed.first_entry() {
                rows_left -= doomed.get_mut().remove_rows(rows_left);
                if doomed.get().rows() == 0 {
                    purged.jobs.push(doomed.remove().job.id);
                }
            } else if let Some(id) = next.pop() {
                rows_left -= 1;
                self.doom(id);
            } else {
                break;
            }
        }
        purged.more = !self.doomed.is_empty() || !next.is_empty();
        purged
    }

    /// Jobs whose tasks are still being read by a job that retries them.
    fn retried(&self) -> HashSet<JobId> {
        let open = self.open.iter().filter_map(|id| self.jobs.get(id));
        let preparing = open.filter(|record| stage(record.job.status) == Stage::Prepare);
        preparing.filter_map(|record| record.job.spec.retry_of).collect()
    }

    fn doom(&mut self, id: JobId) {
        if let Some(record) = self.jobs.remove(&id) {
            self.free_token(&record.job);
            self.doomed.insert(id, record);
        }
    }
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
