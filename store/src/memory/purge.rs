//! Removing ended jobs in bounded steps.

use brigade_model::Timestamp;
use brigade_model::job::{Job, JobId};
use brigade_model::ports::job_store::Purged;

use super::jobs::{JobRecord, State};

impl State {
    /// First what remains of jobs that an earlier step began with, then the next job: it
    /// vanishes whole before what hangs on it does, so that nobody sees half of it.
    pub(super) fn purge(&mut self, ended_before: Timestamp, rows_max: usize) -> Purged {
        let mut purged = Purged::default();
        let mut rows_left = rows_max.max(1);
        let due = |record: &JobRecord| is_due(&record.job, ended_before);
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

    fn doom(&mut self, id: JobId) {
        if let Some(record) = self.jobs.remove(&id) {
            self.free_token(&record.job);
            self.doomed.insert(id, record);
        }
    }
}

fn is_due(job: &Job, ended_before: Timestamp) -> bool {
    !job.is_visible() || job.terminated.is_some_and(|ended| ended < ended_before)
}

impl JobRecord {
    fn rows(&self) -> usize {
        let slices: usize = self.slices.iter().map(|slice| slice.rows()).sum();
        slices + self.uploads.len() + self.files.len() + self.applied.len()
    }

    /// Removes whole slices while they fit, then the rest; at least one unit a call.
    fn remove_rows(&mut self, rows_max: usize) -> usize {
        let mut removed = 0;
        while removed < rows_max {
            if let Some(slice) = self.slices.pop() {
                removed += slice.rows();
            } else if self.uploads.pop_first().is_some() || self.files.pop_first().is_some() {
                removed += 1;
            } else {
                removed += std::mem::take(&mut self.applied).len();
                break;
            }
        }
        removed.min(rows_max)
    }
}
