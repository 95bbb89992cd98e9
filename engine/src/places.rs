//! Where a role may act: endpoints with their stores, and the buckets it may touch there.

use std::sync::Arc;

use brigade_model::operation::{OperationKind, Side};
use brigade_model::ports::object_store::Caller;
use brigade_model::ports::{Function, Grantees, ObjectStore};
use brigade_model::{
    AccountId, BucketName, Capabilities, EndpointKind, EndpointName, JobId, LoadLimits, StoreClock, Timestamp, Waiting,
};

use crate::multipart_etag::MultipartEtag;

/// What a role may touch on one endpoint.
#[derive(Clone)]
pub struct Place {
    /// The endpoint.
    pub endpoint: EndpointName,
    /// What it is declared to be.
    pub kind: EndpointKind,
    /// Its store, with retries and limits around it. Two places with one `Arc` share endpoint
    /// and credentials, so the store can copy between them by itself.
    pub store: Arc<dyn ObjectStore>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Which buckets, and what they are called there.
    pub buckets: BucketRules,
    /// Who grants of a job mean there.
    pub grantees: Arc<dyn Grantees>,
    /// Why it does not work at the moment, if it does not.
    pub health: Arc<dyn Health>,
    /// What its completions have shown of the ETags of objects made of parts.
    pub multipart_etag: Arc<MultipartEtag>,
    /// What is known of the clock that stamps its objects: one for all places of an endpoint.
    pub stamps: Arc<StoreClock>,
}

/// Whether an endpoint works, and how fast.
pub trait Health: Send + Sync + 'static {
    /// Why calls wait at the moment, for people; `None` when they do not.
    fn reason(&self) -> Option<String>;

    /// The same with its cause, for those who ask why a job stands still.
    fn waiting(&self) -> Option<Waiting> {
        None
    }

    /// The call of a job that it has not answered for long; `None` while it answers the job.
    fn unanswered(&self, job: JobId) -> Option<Waiting> {
        let _ = job;
        None
    }

    /// What it refuses every call for, until a person changes something; `None` when it does not.
    fn refusal(&self) -> Option<Refusal> {
        None
    }

    /// How fast it lets requests go at the moment.
    fn speed(&self) -> LoadLimits {
        LoadLimits::default()
    }

    /// Whether the calls of further tasks of this caller would go to the store, rather than wait
    /// behind those of its own that wait already.
    fn has_room_for(&self, caller: Caller) -> bool {
        let _ = caller;
        true
    }
}

/// Why an endpoint refuses every call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The store's code.
    pub code: String,
    /// What the store said.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

/// An endpoint that always works.
#[derive(Debug, Clone, Copy, Default)]
pub struct AlwaysWell;

impl Health for AlwaysWell {
    fn reason(&self) -> Option<String> {
        None
    }
}

/// Which buckets a role may touch, and what they are called at the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BucketRules {
    /// Names as the store has them; one that ends with `*` stands for all that begin alike.
    pub allowed: Vec<String>,
    /// Taken off the end of a name before it goes to the store: `-1250000000`.
    pub strip_suffix: Option<String>,
}

impl BucketRules {
    /// Every bucket, under its own name.
    #[must_use]
    pub fn any() -> Self {
        Self { allowed: vec!["*".to_owned()], strip_suffix: None }
    }

    /// The store's own name of a bucket; `None` when the role may not touch it.
    #[must_use]
    pub fn resolve(&self, written: &BucketName) -> Option<BucketName> {
        let stripped = self.strip_suffix.as_deref().and_then(|suffix| written.as_str().strip_suffix(suffix));
        let name = match stripped {
            Some(text) => BucketName::new(text).ok()?,
            None => written.clone(),
        };
        let is_allowed = self.allowed.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.as_str().starts_with(prefix),
            None => name.as_str() == pattern,
        });
        is_allowed.then_some(name)
    }
}

/// What a role may do, and where.
#[derive(Clone)]
pub struct RolePlaces {
    /// The operations it may carry out.
    pub operations: Vec<OperationKind>,
    /// Where the objects of manifests lie.
    pub source: Place,
    /// Where copies go.
    pub target: Place,
    /// Where manifests lie.
    pub manifest: Place,
    /// Where reports go.
    pub report: Place,
}

impl RolePlaces {
    /// The endpoint whose slots a job of this kind takes: where its calls go.
    #[must_use]
    pub fn endpoint_of(&self, operation: OperationKind) -> &EndpointName {
        match operation.slots_at() {
            Side::Source => &self.source.endpoint,
            Side::Target => &self.target.endpoint,
        }
    }
}

/// The roles of the configuration, as they are now.
pub trait Roles: Send + Sync + 'static {
    /// What the role of an account allows; `None` when the account has no such role.
    fn places(&self, account: &AccountId, role: &str) -> Option<RolePlaces>;

    /// The function that the account's jobs may call by that name; `None` when they may call none.
    fn function(&self, account: &AccountId, name: &str) -> Option<Function> {
        let _ = (account, name);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_is_resolved_by_the_rules_or_refused() {
        let rules =
            BucketRules { allowed: vec!["photos".into(), "logs-*".into()], strip_suffix: Some("-1250000000".into()) };
        let resolve = |name: &str| rules.resolve(&BucketName::new(name).unwrap()).map(String::from);
        assert_eq!(resolve("photos-1250000000").as_deref(), Some("photos"));
        assert_eq!(resolve("photos").as_deref(), Some("photos"));
        assert_eq!(resolve("logs-2026").as_deref(), Some("logs-2026"));
        assert_eq!(resolve("photos2"), None);
        assert_eq!(resolve("-1250000000"), None, "nothing is left of the name");
        assert_eq!(BucketRules::default().resolve(&BucketName::new("photos").unwrap()), None);
    }
}
