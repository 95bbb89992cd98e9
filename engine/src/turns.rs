//! Whose turn it is: the order in which Active jobs are offered a free worker.
//!
//! Accounts share an endpoint in turn; within an account the higher priority goes first, and
//! equal priorities alternate by slice.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use brigade_model::ports::job_store::JobHead;
use brigade_model::{AccountId, JobId};

/// Remembers who was served when.
#[derive(Debug, Default)]
pub(crate) struct Turns {
    served: u64,
    accounts: BTreeMap<AccountId, u64>,
    jobs: BTreeMap<JobId, u64>,
}

impl Turns {
    /// The jobs in the order of their right to the next slice.
    pub(crate) fn order<'a>(&self, jobs: &[&'a JobHead]) -> Vec<&'a JobHead> {
        let mut ordered = jobs.to_vec();
        ordered.sort_by_key(|job| {
            let account = self.accounts.get(&job.account).copied().unwrap_or(0);
            let served = self.jobs.get(&job.id).copied().unwrap_or(0);
            (account, job.account.clone(), Reverse(job.priority), served, job.id)
        });
        ordered
    }

    /// A slice of this job was leased.
    pub(crate) fn serve(&mut self, job: &JobHead) {
        self.served += 1;
        self.accounts.insert(job.account.clone(), self.served);
        self.jobs.insert(job.id, self.served);
    }

    /// Forgets the jobs and accounts that are not among these, which are in the order of their ids.
    pub(crate) fn keep(&mut self, jobs: &[JobHead]) {
        self.jobs.retain(|id, _| jobs.binary_search_by_key(id, |job| job.id).is_ok());
        self.accounts.retain(|account, _| jobs.iter().any(|job| job.account == *account));
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::{EndpointName, Status};

    use super::*;

    fn head(id: u128, account: &str, priority: i32) -> JobHead {
        JobHead {
            id: JobId::from_u128(id),
            account: AccountId::new(account).unwrap(),
            endpoint: EndpointName::new("e").unwrap(),
            status: Status::Active,
            priority,
            revision: 0,
            held_by_user: false,
            suspended: None,
            is_stage_leased: false,
        }
    }

    /// Who is served in `n` turns when everybody always has work.
    fn serve(jobs: &[JobHead], n: usize) -> Vec<u128> {
        let mut turns = Turns::default();
        let jobs: Vec<&JobHead> = jobs.iter().collect();
        (0..n)
            .map(|_| {
                let first = turns.order(&jobs)[0];
                turns.serve(first);
                u128::from_be_bytes(*first.id.as_bytes())
            })
            .collect()
    }

    #[test]
    fn equal_priorities_alternate_and_a_higher_one_goes_first() {
        assert_eq!(serve(&[head(1, "a", 5), head(2, "a", 5)], 4), [1, 2, 1, 2]);
        assert_eq!(serve(&[head(1, "a", 5), head(2, "a", 6)], 3), [2, 2, 2]);
    }

    #[test]
    fn accounts_share_in_turn_whatever_their_priorities() {
        assert_eq!(serve(&[head(1, "a", 9), head(2, "b", 1)], 4), [1, 2, 1, 2]);
    }
}
