//! Limits how fast accounts create jobs: counts in memory by monotonic time, so setting the clock
//! changes nothing. A restart forgets the count; the other quotas still bound what an account creates.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::AccountId;
use brigade_model::ports::Monotonic;

const MINUTE: Duration = Duration::from_secs(60);

/// When each account created its jobs of the last minute.
#[derive(Debug, Default)]
pub struct Pace(Mutex<BTreeMap<AccountId, VecDeque<Monotonic>>>);

impl Pace {
    /// Counts a job that is created now; false when the account created `jobs_max` within a minute.
    pub fn count(&self, account: &AccountId, jobs_max: usize, now: Monotonic) -> bool {
        let mut created = self.created();
        let times = created.entry(account.clone()).or_default();
        while times.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            times.pop_front();
        }
        let fits = times.len() < jobs_max;
        if fits {
            times.push_back(now);
        }
        fits
    }

    /// Forgets a job that was counted then and was not created.
    pub fn forget(&self, account: &AccountId, counted: Monotonic) {
        if let Some(times) = self.created().get_mut(account)
            && let Some(place) = times.iter().rposition(|at| *at == counted)
        {
            times.remove(place);
        }
    }

    fn created(&self) -> MutexGuard<'_, BTreeMap<AccountId, VecDeque<Monotonic>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
