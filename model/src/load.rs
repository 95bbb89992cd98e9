//! Limits on the load of a job or an endpoint; an operator sets them at run time.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Limits of a load; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadLimits {
    /// Requests in flight, at least 1.
    pub requests_in_flight: Option<u32>,
    /// Requests a second, at least 1.
    pub requests_per_second: Option<u32>,
    /// Objects a second that requests are about, at least 1: a request that deletes a thousand is a thousand.
    pub objects_per_second: Option<u32>,
    /// Bytes a second, at least 1.
    pub bytes_per_second: Option<u64>,
}

impl LoadLimits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for LoadLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LoadLimits { requests_in_flight, requests_per_second, objects_per_second, bytes_per_second } = *self;
        let limits = [
            ("requests_in_flight", requests_in_flight.map(u64::from)),
            ("requests_per_second", requests_per_second.map(u64::from)),
            ("objects_per_second", objects_per_second.map(u64::from)),
            ("bytes_per_second", bytes_per_second),
        ];
        let mut separator = "";
        for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
            write!(f, "{separator}{name} {limit}")?;
            separator = ", ";
        }
        if separator.is_empty() { f.write_str("none") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_told_by_their_names_and_none_is_told_too() {
        assert_eq!(LoadLimits::default().to_string(), "none");
        let limits = LoadLimits { requests_in_flight: Some(4), bytes_per_second: Some(9), ..LoadLimits::default() };
        assert_eq!(limits.to_string(), "requests_in_flight 4, bytes_per_second 9");
    }
}
