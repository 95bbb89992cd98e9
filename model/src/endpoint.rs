//! What the job store keeps of an endpoint beside the configuration: what an operator set at run
//! time (it holds until the operator takes it back), what a probe found, what is known of its
//! clock, and what its limits learned.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::learned::LearnedLimit;
use crate::load::LoadLimits;
use crate::names::EndpointName;
use crate::probe::{Probe, known};
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
    /// How many requests it was found to take, the latest first; what a later program learned of calls
    /// that this one does not know is left out.
    #[serde(deserialize_with = "known")]
    pub learned: Vec<LearnedLimit>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_an_earlier_and_of_a_later_program_are_read() {
        let earlier: EndpointSettings = serde_json::from_str(r#"{"limits": {"requests_in_flight": 3}}"#).unwrap();
        assert_eq!((earlier.limits.requests_in_flight, earlier.learned), (Some(3), vec![]));
        let later = r#"{"learned": [
            {"bucket": "photos", "class": "thought", "limit": 9, "at": "2026-01-31T12:00:00Z"},
            {"bucket": null, "class": "read", "limit": 64, "at": "2026-01-31T12:00:00Z"}], "moods": []}"#;
        let later: EndpointSettings = serde_json::from_str(later).unwrap();
        assert_eq!(later.learned.iter().map(|learned| learned.limit).collect::<Vec<_>>(), [64]);
        let text = serde_json::to_string(&later).unwrap();
        assert_eq!(serde_json::from_str::<EndpointSettings>(&text).unwrap(), later);
    }
}
