//! Counts rows that certainly fail, because their endpoint is not known to tell apart what they
//! name, before anything is done, so that a user who confirms the job knows.
//!
//! The table of `operation/capabilities.rs` says which rows these are; it refuses each row once
//! more when its task runs, since a probe may have proved the capability meanwhile.

use std::collections::BTreeMap;

use brigade_model::options::Separator;
use brigade_model::{Capability, EndpointName, ObjectKey, Operation, Standing};

use crate::manifest::row::Row;
use crate::operation::missing_for_row;
use crate::places::{Place, RolePlaces};

/// The rows of a job that are refused.
pub(super) struct Refused<'a> {
    places: &'a RolePlaces,
    operation: &'a Operation,
    /// By the blank that stands before keys: it is the separator's, or the key's.
    readings: [Count<'a>; 2],
}

/// How many rows are refused for the lack of a capability at an endpoint.
type Count<'a> = BTreeMap<(&'a EndpointName, Capability), u64>;

impl<'a> Refused<'a> {
    pub(super) fn new(operation: &'a Operation, places: &'a RolePlaces) -> Self {
        Self { places, operation, readings: [Count::new(), Count::new()] }
    }

    /// Takes a row of the manifest in.
    pub(super) fn see(&mut self, row: &Row) {
        if row.task.defect.is_some() {
            return;
        }
        let with_blank = row.is_behind_blank.then(|| ObjectKey::new(format!(" {}", row.task.key)).ok()).flatten();
        let has_version = row.task.version.is_some();
        for (reading, key) in [(0, with_blank.as_ref().unwrap_or(&row.task.key)), (1, &row.task.key)] {
            if let Some(lack) = self.lack_of(has_version, key) {
                *self.readings[reading].entry(lack).or_default() += 1;
            }
        }
    }

    fn lack_of(&self, has_version: bool, key: &ObjectKey) -> Option<(&'a EndpointName, Capability)> {
        let RolePlaces { source, target, .. } = self.places;
        let at = |place: &'a Place, has_version, key: &ObjectKey| {
            missing_for_row(has_version, key, &place.capabilities).map(|capability| (&place.endpoint, capability))
        };
        at(source, has_version, key).or_else(|| at(target, false, &self.target_of(key)?))
    }

    /// The key that it is copied to; `None` where nothing is copied.
    fn target_of(&self, key: &ObjectKey) -> Option<ObjectKey> {
        let Operation::Copy(copy) = self.operation else { return None };
        copy.target_of(key)
    }

    fn count(&self, separator: Separator) -> &Count<'a> {
        match separator {
            Separator::Comma => &self.readings[0],
            Separator::CommaBlank => &self.readings[1],
        }
    }

    /// How many rows are refused.
    pub(super) fn rows(&self, separator: Separator) -> u64 {
        self.count(separator).values().sum()
    }

    /// What the user should know, a note for each lack.
    pub(super) fn notes(&self, separator: Separator) -> Vec<String> {
        self.count(separator)
            .iter()
            .map(|((endpoint, capability), rows)| self.note(endpoint, *capability, *rows))
            .collect()
    }

    fn note(&self, endpoint: &EndpointName, capability: Capability, rows: u64) -> String {
        let name = capability.name();
        let what =
            if capability == Capability::Versions { "a version" } else { "a key that could be taken for another" };
        let place = if *endpoint == self.places.source.endpoint { &self.places.source } else { &self.places.target };
        if place.capabilities.standing(capability) == Standing::Lacking {
            return format!("{rows} rows fail: they name {what}, and endpoint {endpoint} lacks {name}");
        }
        let kind = if capability == Capability::Versions { ", a bucket with versions" } else { "" };
        format!(
            "{rows} rows fail: they name {what}, and {name} is unproven; brigade endpoint probe {endpoint} --bucket \
             SCRATCH{kind}"
        )
    }
}
