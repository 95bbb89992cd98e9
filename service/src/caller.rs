//! The caller of a use case: an authenticated key of an account, its address, and its dialect.

use std::collections::BTreeMap;
use std::sync::Arc;

use brigade_model::resource::Owner;
use brigade_model::{AccountId, Dialect, Job, Operation, ServiceTime};

/// The account of a caller.
#[derive(Debug, Clone)]
pub struct CallerAccount {
    /// Its name in the configuration, and in jobs.
    pub name: AccountId,
    /// Who it is in each dialect that it may use.
    pub identities: BTreeMap<Dialect, Identity>,
}

/// Who an account is in a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its own id, which its requests and the names of its resources bear.
    pub account: String,
    /// The id of the user who holds it, in a dialect that has such ids.
    pub user: Option<String>,
}

impl CallerAccount {
    /// Whether this is what the dialect calls the account: a name that names no account is in reach of all.
    pub(crate) fn is_named(&self, owner: &Owner, dialect: Dialect) -> bool {
        let identity = self.identities.get(&dialect);
        match owner {
            Owner::Unnamed => true,
            Owner::Account(id) => identity.is_some_and(|identity| identity.account == *id),
            Owner::User(id) => identity.is_some_and(|identity| identity.user.as_ref() == Some(id)),
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

/// What a change changed, in words of the audit log; a part that it has not is `None`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changed {
    /// Why, in the caller's words.
    pub(crate) reason: Option<String>,
    /// What was before.
    pub(crate) old: Option<String>,
    /// What is now.
    pub(crate) new: Option<String>,
}

impl Changed {
    /// From one value to another.
    pub(crate) fn from_to(old: impl ToString, new: impl ToString) -> Self {
        Self { reason: None, old: Some(old.to_string()), new: Some(new.to_string()) }
    }

    /// The same, for that reason.
    pub(crate) fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }
}

/// The caller. The face has authenticated it and checked that the key may do the action.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The account.
    pub account: Arc<CallerAccount>,
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
        job.account == self.account.name
            && self.dialect.is_none_or(|dialect| dialect == job.dialect)
            && job.is_visible()
            && (!job.status.is_terminal() || job.since >= listed_since)
    }

    /// Who changed which job and how, for the log's readers of the target `audit`.
    pub(crate) fn audit_job(&self, action: &str, job: &Job, changed: &Changed) {
        let spec = &job.spec;
        let manifest = &spec.manifest.location.object;
        let target = match &spec.operation {
            Operation::Copy(copy) => Some(copy.target.bucket.as_str()),
            _ => None,
        };
        let source = job.prepared.as_ref().and_then(|prepared| prepared.source_bucket.as_ref());
        let report = spec.report.bucket.as_ref().filter(|_| spec.report.enabled);
        tracing::info!(
            target: "audit",
            action,
            job = %job.id,
            operation = spec.operation.kind().word(),
            manifest = %format_args!("s3://{}/{}", manifest.bucket, manifest.key),
            // Known once the manifest is read.
            source_bucket = source.map(|bucket| bucket.as_str()),
            target_bucket = target,
            report_bucket = report.map(|report| report.bucket.as_str()),
            reason = changed.reason.as_deref().filter(|reason| !reason.is_empty()),
            old = changed.old,
            new = changed.new,
            account = %self.account.name,
            key = self.key_id,
            address = self.origin.address,
            request = self.origin.request_id,
        );
    }

    /// Who changed which endpoint and how, for the same readers.
    pub(crate) fn audit_endpoint(&self, action: &str, endpoint: &str, changed: &Changed) {
        tracing::info!(
            target: "audit",
            action,
            endpoint,
            reason = changed.reason.as_deref().filter(|reason| !reason.is_empty()),
            old = changed.old,
            new = changed.new,
            account = %self.account.name,
            key = self.key_id,
            address = self.origin.address,
            request = self.origin.request_id,
        );
    }
}
