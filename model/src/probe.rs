//! What a probe of an endpoint found: for each capability, whether its effect proved it, and what
//! the probe saw.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use crate::Timestamp;
use crate::capability::Capability;
use crate::names::BucketName;

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
    /// In which bucket.
    pub bucket: BucketName,
    /// When.
    pub at: Timestamp,
    /// One for each capability that was known then; one that is not known any more is left out.
    #[serde(deserialize_with = "known")]
    pub findings: Vec<Finding>,
}

impl Probe {
    /// This probe with what an earlier one found out where this one could not try it: another
    /// bucket (one without versions, say) takes nothing away that was proved.
    #[must_use]
    pub fn after(mut self, earlier: Option<&Probe>) -> Self {
        for finding in self.findings.iter_mut().filter(|finding| finding.proof == Proof::Untested) {
            let before =
                earlier.and_then(|probe| probe.findings.iter().find(|old| old.capability == finding.capability));
            if let Some(before) = before {
                finding.clone_from(before);
            }
        }
        self
    }

    /// What was found out about that capability.
    #[must_use]
    pub fn proof(&self, capability: Capability) -> Option<Proof> {
        self.findings.iter().find(|finding| finding.capability == capability).map(|finding| finding.proof)
    }
}

/// What a later program stored and this one does not know is left out.
pub(crate) fn known<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored<T> {
        Known(T),
        Unknown(IgnoredAny),
    }
    let stored: Vec<Stored<T>> = Vec::deserialize(deserializer)?;
    let known = stored.into_iter().filter_map(|stored| match stored {
        Stored::Known(known) => Some(known),
        Stored::Unknown(_) => None,
    });
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_probe_could_not_try_is_as_an_earlier_one_found_it() {
        let probe = |of: [(Capability, Proof); 3]| {
            let finding = |(capability, proof)| Finding { capability, proof, seen: format!("{proof:?}") };
            let findings = of.into_iter().map(finding).collect();
            Probe { bucket: BucketName::new("scratch").unwrap(), at: Timestamp::UNIX_EPOCH, findings }
        };
        let of = |versions, tagging, restore| {
            probe([(Capability::Versions, versions), (Capability::Tagging, tagging), (Capability::Restore, restore)])
        };
        let earlier = of(Proof::Proved, Proof::Lacking, Proof::Untested);
        let later = of(Proof::Untested, Proof::Untested, Proof::Untested);
        assert_eq!(later.clone().after(Some(&earlier)), earlier);
        assert_eq!(later.clone().after(None), later);
        let other = of(Proof::Lacking, Proof::Proved, Proof::Proved);
        assert_eq!(other.clone().after(Some(&earlier)), other, "what was tried counts");
    }

    #[test]
    fn a_finding_about_what_this_program_does_not_know_is_left_out() {
        let text = r#"{"bucket": "scratch", "at": "2026-01-31T12:00:00Z", "findings": [
            {"capability": "time-travel", "proof": "proved", "seen": ""},
            {"capability": "tagging-on-copy", "proof": "lacking", "seen": "dropped"}]}"#;
        let probe: Probe = serde_json::from_str(text).unwrap();
        assert_eq!(probe.findings.len(), 1);
        assert_eq!(probe.proof(Capability::TaggingOnCopy), Some(Proof::Lacking));
        assert_eq!(probe.proof(Capability::Tagging), None);
        assert_eq!(serde_json::from_str::<Probe>(&serde_json::to_string(&probe).unwrap()).unwrap(), probe);
    }
}
