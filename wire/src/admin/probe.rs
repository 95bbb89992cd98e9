//! A probe, and what it found out.

use brigade_model::{Finding, Probe};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which bucket to probe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProbeRequest {
    /// A bucket to write to; it is left as it was.
    #[schema(min_length = 3, max_length = 63, example = "scratch")]
    pub bucket: String,
}

/// What a probe found out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeResult {
    /// The endpoint's name in the configuration.
    pub endpoint: String,
    /// The bucket that was probed.
    pub bucket: String,
    /// When.
    #[schema(format = DateTime)]
    pub probed: String,
    /// One for each capability.
    pub findings: Vec<ProbeFinding>,
}

/// What was found out about a capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProbeFinding {
    /// The capability's name.
    #[schema(example = "tagging-on-copy")]
    pub capability: String,
    /// What holds of a server that has it.
    pub promise: String,
    /// `yes`, `no` or `untested`.
    #[schema(example = "no")]
    pub proved: String,
    /// What was seen instead of a proof; empty when it was proved.
    pub seen: String,
}

impl ProbeResult {
    /// Of that endpoint.
    #[must_use]
    pub fn new(endpoint: &str, probe: &Probe) -> Self {
        let finding = |finding: &Finding| ProbeFinding {
            capability: finding.capability.name().to_owned(),
            promise: finding.capability.promise().to_owned(),
            proved: finding.proof.word().to_owned(),
            seen: finding.seen.clone(),
        };
        Self {
            endpoint: endpoint.to_owned(),
            bucket: probe.bucket.to_string(),
            probed: format!("{:.0}", probe.at),
            findings: probe.findings.iter().map(finding).collect(),
        }
    }
}
