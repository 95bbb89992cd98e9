//! The caller of a use case: an authenticated key of an account, its address, and its dialect.

use std::sync::Arc;

use brigade_model::{AccountId, Dialect, Job, JobId, ServiceTime};

/// An account, as a use case sees it.
#[derive(Debug, Clone)]
pub struct Owner {
    /// Its name in the configuration, and in jobs.
    pub account: AccountId,
    /// What its requests say in `x-cos-appid`.
    pub appid: String,
    /// Its number in names of roles.
    pub uin: String,
    /// Its number of 12 digits in the S3 Control dialect, if it may use that.
    pub account_id: Option<String>,
}

impl Owner {
    /// Whether that is the account's own number in that dialect.
    pub(crate) fn is_account(&self, number: &str, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Cos => number == self.appid,
            Dialect::S3Control => self.account_id.as_deref() == Some(number),
        }
    }
}

/// Where a request comes from, for the audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The address.
    pub address: String,
    /// Names the request in the log and in its answer.
    pub request_id: String,
}

/// The caller. The face has authenticated it and checked that the key may do the action.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub owner: Arc<Owner>,
    /// The id of the key.
    pub key_id: String,
    /// Where the request comes from.
    pub origin: Origin,
    /// The only dialect whose jobs the caller sees; `None` for the jobs of every dialect.
    pub dialect: Option<Dialect>,
}

impl Caller {
    /// Whether the caller sees the job. A job of another account or dialect, or one hidden by now, is as
    /// if it never was.
    pub(crate) fn sees(&self, job: &Job, listed_since: ServiceTime) -> bool {
        job.account == self.owner.account
            && self.dialect.is_none_or(|dialect| dialect == job.dialect)
            && job.is_visible()
            && (!job.status.is_terminal() || job.since >= listed_since)
    }

    /// Who changed which job, for the log's readers of the target `audit`.
    pub(crate) fn audit_job(&self, action: &str, job: JobId) {
        tracing::info!(
            target: "audit",
            action,
            %job,
            account = %self.owner.account,
            key = self.key_id,
            address = self.origin.address,
            request = self.origin.request_id,
        );
    }

    /// Who changed which endpoint, for the same readers.
    pub(crate) fn audit_endpoint(&self, action: &str, endpoint: &str) {
        tracing::info!(
            target: "audit",
            action,
            endpoint,
            account = %self.owner.account,
            key = self.key_id,
            address = self.origin.address,
            request = self.origin.request_id,
        );
    }
}
