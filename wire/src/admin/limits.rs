//! Limits, as they are and as they are changed.

use std::num::{NonZeroU32, NonZeroU64};

use brigade_model::LoadLimits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::given::{GivenBytes, GivenCount, given_bytes, given_count};

/// Limits of a job or an endpoint; null is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Limits {
    /// Requests in flight at most.
    #[schema(required, value_type = Option<i64>, minimum = 1)]
    pub requests_in_flight: Option<u32>,
    /// Requests a second at most.
    #[schema(required, value_type = Option<i64>, minimum = 1)]
    pub requests_per_second: Option<u32>,
    /// Objects a second at most that requests are about: a request that deletes a thousand is a thousand.
    #[schema(required, value_type = Option<i64>, minimum = 1)]
    pub objects_per_second: Option<u32>,
    /// Bytes of objects a second at most.
    #[schema(required, minimum = 1)]
    pub bytes_per_second: Option<u64>,
}

impl From<LoadLimits> for Limits {
    fn from(limits: LoadLimits) -> Self {
        let LoadLimits { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second } = limits;
        Self { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second }
    }
}

/// A change of limits: a number sets one, null takes it away, what is not named stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct LimitsChange {
    /// Requests in flight at most.
    #[serde(default, deserialize_with = "given_count", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4294967295u64)]
    pub requests_in_flight: GivenCount,
    /// Requests a second at most.
    #[serde(default, deserialize_with = "given_count", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4294967295u64)]
    pub requests_per_second: GivenCount,
    /// Objects a second at most that requests are about: a request that deletes a thousand is a thousand.
    #[serde(default, deserialize_with = "given_count", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 4294967295u64)]
    pub objects_per_second: GivenCount,
    /// Bytes of objects a second at most.
    #[serde(default, deserialize_with = "given_bytes", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i64>, minimum = 1, maximum = 9007199254740991u64)]
    pub bytes_per_second: GivenBytes,
}

impl LimitsChange {
    /// The limits after the change.
    #[must_use]
    pub fn of(self, before: LoadLimits) -> LoadLimits {
        let changed = |change: GivenCount, before| change.map_or(before, |to| to.map(NonZeroU32::get));
        LoadLimits {
            requests_in_flight: changed(self.requests_in_flight, before.requests_in_flight),
            requests_per_second: changed(self.requests_per_second, before.requests_per_second),
            objects_per_second: changed(self.objects_per_second, before.objects_per_second),
            bytes_per_second: self.bytes_per_second.map_or(before.bytes_per_second, |to| to.map(NonZeroU64::get)),
        }
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
