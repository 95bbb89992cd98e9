//! The use cases: what the service does for a caller, whichever API the request came by.
//!
//! A face (a dialect, the operator's API) authenticates the caller, decodes the request into the
//! model's words, calls one function here, and encodes the result. A refusal is a [`ServiceError`],
//! which says what is wrong and has no code: each face has one function that maps it to its own codes.

mod caller;
mod change_job;
mod check_places;
mod create_job;
mod derived;
mod endpoints;
mod engine_handle;
mod error;
mod left_uploads;
mod list_failures;
mod list_jobs;
mod lookup;
mod pace;
mod probe_endpoint;
mod retry_failed;
#[cfg(test)]
mod tests;
mod wait_for_restore;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use brigade_engine::Roles;
use brigade_model::ports::{Clock, Entropy, JobStore};
use brigade_model::{EndpointName, Live, Quotas};

pub use caller::{Caller, CallerAccount, Identity, Origin};
pub use check_places::{BucketFound, PlaceFound};
pub use endpoints::{EndpointRegistry, EndpointService, RegisteredEndpoint};
pub use engine_handle::EngineHandle;
pub use error::{JobAction, PlaceUse, ServiceError};
pub use left_uploads::left_uploads;
pub use list_jobs::{JobPage, ListRequest};
pub use pace::Pace;

/// What the configuration says about jobs.
#[derive(Debug, Clone)]
pub struct JobRules {
    /// What each account may take.
    pub quotas: Quotas,
    /// How long an ended job is shown.
    pub ended_jobs_listed: Duration,
    /// The failure threshold of jobs that set none, percent.
    pub threshold_percent: u8,
    /// Jobs of more tasks than this are watched, unless they say otherwise.
    pub threshold_tasks: u64,
    /// The regions of each endpoint that lists them.
    pub regions: BTreeMap<EndpointName, Vec<String>>,
}

impl JobRules {
    /// Whether a resource may name this region on that endpoint: any, where the endpoint lists none; an
    /// empty one always.
    pub(crate) fn knows_region(&self, endpoint: &EndpointName, region: &str) -> bool {
        region.is_empty() || self.regions.get(endpoint).is_none_or(|known| known.iter().any(|name| name == region))
    }
}

/// The use cases about jobs, and all that they need.
pub struct JobService {
    /// Where jobs lie.
    pub jobs: Arc<dyn JobStore>,
    /// What roles allow.
    pub roles: Arc<dyn Roles>,
    /// Who carries jobs out.
    pub engine: Arc<dyn EngineHandle>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// What the configuration says.
    pub rules: Live<JobRules>,
    /// How fast jobs are created.
    pub pace: Pace,
}
