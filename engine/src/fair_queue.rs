//! The order in which Active jobs are offered a free worker.
//!
//! Accounts share an endpoint in turn; within an account the higher priority goes first, and
//! equal priorities alternate by slice.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use brigade_model::ports::job_store::JobHead;
use brigade_model::{AccountId, EndpointName, JobId};

/// Remembers when each account and job was served.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    served: u64,
    /// By endpoint: what an account does elsewhere counts for nothing.
    accounts: BTreeMap<(EndpointName, AccountId), u64>,
    jobs: BTreeMap<JobId, u64>,
}

impl FairQueue {
    /// The jobs in the order of their right to the next slice.
    pub(crate) fn order<'a>(&self, jobs: &[&'a JobHead]) -> Vec<&'a JobHead> {
        let mut ordered = jobs.to_vec();
        ordered.sort_by_key(|job| {
            let account = self.accounts.get(&account_of(job)).copied().unwrap_or(0);
            let served = self.jobs.get(&job.id).copied().unwrap_or(0);
            (account, job.account.clone(), Reverse(job.priority), served, job.id)
        });
        ordered
    }

    /// A slice of this job was leased.
    pub(crate) fn serve(&mut self, job: &JobHead) {
        self.served += 1;
        self.accounts.insert(account_of(job), self.served);
        self.jobs.insert(job.id, self.served);
    }

    /// Forgets the jobs and accounts that are not among these, which are in the order of their ids.
    pub(crate) fn keep(&mut self, jobs: &[JobHead]) {
        self.jobs.retain(|id, _| jobs.binary_search_by_key(id, |job| job.id).is_ok());
        self.accounts.retain(|(endpoint, account), _| {
            jobs.iter().any(|job| job.endpoint == *endpoint && job.account == *account)
        });
    }
}

fn account_of(job: &JobHead) -> (EndpointName, AccountId) {
    (job.endpoint.clone(), job.account.clone())
}

#[cfg(test)]
mod tests;
