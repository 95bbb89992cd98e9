//! What is kept of an endpoint beside the configuration: what an operator set while the service
//! runs, and holds until it is taken back, what a probe found out, and what is known of its clock.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::load::LoadLimits;
use crate::names::EndpointName;
use crate::probe::Probe;
use crate::store_clock::KnownOffset;

/// An endpoint that is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// Since when.
    pub since: Timestamp,
    /// Why, in the operator's words; may be empty.
    pub reason: String,
}

/// The settings of an endpoint. Stored as a document: a field that comes later has a default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSettings {
    /// Limits under the configuration's own.
    pub limits: LoadLimits,
    /// Whether no request to it begins.
    pub stopped: Option<Stopped>,
    /// What the last probe found out.
    pub probe: Option<Probe>,
    /// What is known of the clock that stamps its objects, the oldest first.
    pub clock: Vec<KnownOffset>,
}

/// An endpoint's settings as the store has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointRow {
    /// Which endpoint.
    pub endpoint: EndpointName,
    /// Raised by every write: what a write is compared with. 0 while nothing was stored.
    pub revision: u64,
    /// The settings.
    pub settings: EndpointSettings,
}

impl EndpointRow {
    /// The row of an endpoint for which nothing was stored.
    #[must_use]
    pub fn unset(endpoint: EndpointName) -> Self {
        Self { endpoint, revision: 0, settings: EndpointSettings::default() }
    }
}
