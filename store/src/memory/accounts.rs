//! What each account keeps, and how its ended jobs make room, the one that ended first before the
//! others. It counts anew each time and keeps no counter, so other stores are measured by it.

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::names::AccountId;
use brigade_model::ports::job_store::CreateJobError;
use brigade_model::quota::Quota;

use super::jobs::{JobRecord, State};

impl State {
    /// Jobs of the account.
    fn kept_by<'a>(&'a self, account: &'a AccountId) -> impl Iterator<Item = &'a JobRecord> {
        self.jobs.values().filter(move |record| record.job.account == *account)
    }

    /// Makes room for a new job, which is inserted already.
    pub(super) fn admit(&mut self, account: &AccountId, quota: &Quota, now: Timestamp) -> Result<(), CreateJobError> {
        let open = self.kept_by(account).filter(|record| !record.job.status.is_terminal()).count();
        if open > quota.open_jobs_max {
            return Err(CreateJobError::TooManyJobs);
        }
        let leaving = (self.jobs_kept(account) > quota.jobs_listed_max).then(|| self.next_to_leave(account));
        if leaving == Some(None) {
            return Err(CreateJobError::TooManyListed);
        }
        if !self.make_room(account, quota.bytes_max.saturating_sub(1), now) {
            return Err(CreateJobError::DiskQuotaFull);
        }
        if let Some(job) = leaving.flatten() {
            self.doom(job);
        }
        Ok(())
    }

    fn jobs_kept(&self, account: &AccountId) -> u64 {
        self.kept_by(account).count() as u64
    }

    fn bytes_kept(&self, account: &AccountId) -> u64 {
        self.kept_by(account).map(JobRecord::bytes).sum()
    }

    /// Jobs of the account that may leave or give up what they hold, in the order in which they do.
    fn may_yield<'a>(&'a self, account: &'a AccountId) -> Vec<&'a JobRecord> {
        let retried = self.retried();
        let yields = |record: &&JobRecord| {
            record.job.terminated.is_some() && !record.job.lacks_report && !retried.contains(&record.job.id)
        };
        let mut yielding: Vec<_> = self.kept_by(account).filter(yields).collect();
        yielding.sort_by_key(|record| record.job.since);
        yielding
    }

    fn next_to_leave(&self, account: &AccountId) -> Option<JobId> {
        let mut yielding = self.may_yield(account);
        yielding.sort_by_key(|record| record.job.is_visible());
        yielding.first().map(|record| record.job.id)
    }

    /// Ended jobs of the account give up their outcomes until it keeps no more than `bytes_max`;
    /// false, and nothing is given up, when that is not enough.
    pub(super) fn make_room(&mut self, account: &AccountId, bytes_max: u64, now: Timestamp) -> bool {
        let mut kept = self.bytes_kept(account);
        let mut giving = Vec::new();
        for record in self.may_yield(account).into_iter().filter(|record| record.holds_slices()) {
            if kept <= bytes_max {
                break;
            }
            kept -= record.bytes();
            giving.push(record.job.id);
        }
        if kept > bytes_max {
            return false;
        }
        giving.into_iter().for_each(|job| self.give_up(job, now));
        true
    }

    /// Jobs that go, and jobs that give up what they hold, because their accounts keep too much.
    pub(super) fn excess(&self, quotas: &brigade_model::Quotas) -> (Vec<JobId>, Vec<JobId>) {
        let (mut leaving, mut giving) = (Vec::new(), Vec::new());
        let accounts: std::collections::BTreeSet<_> = self.jobs.values().map(|record| &record.job.account).collect();
        for account in accounts {
            let quota = quotas.of(account);
            if self.jobs_kept(account) > quota.jobs_listed_max {
                leaving.extend(self.next_to_leave(account));
            }
            if self.bytes_kept(account) > quota.bytes_max {
                let holder = self.may_yield(account).into_iter().find(|record| record.holds_slices());
                giving.extend(holder.map(|record| record.job.id));
            }
        }
        (leaving, giving)
    }
}
