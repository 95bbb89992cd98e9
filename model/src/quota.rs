//! What one account may use, so that no account starves another.

use std::collections::BTreeMap;

use crate::limits::{ACCOUNT_BYTES_MAX, JOBS_LISTED_MAX, JOBS_PER_MINUTE_MAX, OPEN_JOBS_MAX};
use crate::names::AccountId;

/// What an account may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    /// Jobs that have not ended.
    pub open_jobs_max: usize,
    /// Jobs that are kept, the ended ones included.
    pub jobs_listed_max: u64,
    /// Jobs created within a minute.
    pub jobs_per_minute_max: usize,
    /// Bytes that the slices of its jobs take in the spool, and their outcomes in the store.
    pub bytes_max: u64,
}

impl Quota {
    /// The default with another bound on open jobs.
    #[must_use]
    pub fn of_open_jobs(open_jobs_max: usize) -> Self {
        Self { open_jobs_max, ..Self::default() }
    }
}

impl Default for Quota {
    fn default() -> Self {
        Self {
            open_jobs_max: OPEN_JOBS_MAX,
            jobs_listed_max: JOBS_LISTED_MAX,
            jobs_per_minute_max: JOBS_PER_MINUTE_MAX,
            bytes_max: ACCOUNT_BYTES_MAX,
        }
    }
}

/// The quota of each account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Of those that have none of their own.
    pub default: Quota,
    /// Of those that have one of their own.
    pub of_accounts: BTreeMap<AccountId, Quota>,
}

impl Quotas {
    /// The account's.
    #[must_use]
    pub fn of(&self, account: &AccountId) -> &Quota {
        self.of_accounts.get(account).unwrap_or(&self.default)
    }
}
