//! What a probe of an endpoint found out: for each capability, whether it was proved by its
//! effect, and what was seen.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::capability::Capability;
use crate::names::{BucketName, EndpointName};

/// Whether a capability was proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// It was used, and the effect was read back.
    Proved,
    /// It was refused, ignored, or did something else.
    Lacking,
    /// The bucket or the access key did not let it be tried.
    Untested,
}

impl Proof {
    /// The word in tables.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Proof::Proved => "yes",
            Proof::Lacking => "no",
            Proof::Untested => "untested",
        }
    }
}

/// What was found out about one capability.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Which.
    pub capability: Capability,
    /// Whether it was proved.
    pub proof: Proof,
    /// What was seen instead of a proof, for people; empty when it was proved.
    pub seen: String,
}

/// A probe of an endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Which endpoint.
    pub endpoint: EndpointName,
    /// In which bucket.
    pub bucket: BucketName,
    /// When.
    pub at: Timestamp,
    /// One for each capability that was known then.
    pub findings: Vec<Finding>,
}

impl Probe {
    /// What was found out about that capability.
    #[must_use]
    pub fn proof(&self, capability: Capability) -> Option<Proof> {
        self.findings.iter().find(|finding| finding.capability == capability).map(|finding| finding.proof)
    }
}
