//! How fast a job goes, and how long the rest takes.

use std::collections::BTreeMap;

use brigade_model::rates::{Rates, Unknown};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How fast a job goes, by the tasks that got their outcome in the last 15 seconds in the process that answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RatesState {
    /// Tasks that get their outcome in a second; null when that is not known.
    #[schema(required)]
    pub objects_per_second: Option<f64>,
    /// Bytes that are copied or restored in a second; null when that is not known.
    #[schema(required)]
    pub bytes_per_second: Option<f64>,
    /// How long the rest takes at this pace; null when that is not known.
    #[schema(required)]
    pub seconds_left: Option<u64>,
    /// Why each of those that are null is not known, by its name.
    #[schema(example = json!({"seconds_left": "unknown while it waits"}))]
    pub unknown: BTreeMap<String, String>,
}

impl From<&Rates> for RatesState {
    fn from(rates: &Rates) -> Self {
        let Rates { objects_per_second, bytes_per_second, left } = rates;
        let names = [
            ("objects_per_second", objects_per_second.err()),
            ("bytes_per_second", bytes_per_second.err()),
            ("seconds_left", left.err()),
        ];
        let why = |(name, why): (&str, Option<Unknown>)| Some((name.to_owned(), why?.words().to_owned()));
        Self {
            objects_per_second: objects_per_second.ok().map(in_tenths),
            bytes_per_second: bytes_per_second.ok().map(in_tenths),
            seconds_left: left.ok().map(|left| left.as_secs()),
            unknown: names.into_iter().filter_map(why).collect(),
        }
    }
}

/// More would only seem exact.
fn in_tenths(rate: f64) -> f64 {
    (rate * 10.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_known_is_a_number_and_what_is_not_is_null_with_a_reason() {
        let rates = Rates {
            objects_per_second: Ok(33.333),
            bytes_per_second: Err(Unknown::Sizes),
            left: Ok(Duration::from_millis(2500)),
        };
        let shown = serde_json::to_value(RatesState::from(&rates)).unwrap();
        let expected = json!({
            "objects_per_second": 33.3, "bytes_per_second": null, "seconds_left": 2,
            "unknown": {"bytes_per_second": "unknown: the sizes of some objects are not known"},
        });
        assert_eq!(shown, expected);
    }
}
