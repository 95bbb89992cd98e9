//! What fails in a job while it runs: each error code with its count and one key that failed so.
//!
//! Bounded: the first codes that a job meets have a place of their own, later ones are counted together. Recorded with
//! the outcomes, in their transaction, so that the sum is the counter of failed tasks.

use serde::{Deserialize, Serialize};

use crate::limits::FAILURE_CODES_MAX;
use crate::names::ObjectKey;

/// The codes of failed tasks, with their counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCounts {
    codes: Vec<FailureCount>,
    /// Failures with codes that found no place.
    #[serde(default, skip_serializing_if = "is_zero")]
    others: u64,
}

/// How often tasks failed with a code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// The code.
    pub code: String,
    /// How many tasks.
    pub count: u64,
    /// The key of the first of them, where it is known.
    pub example: Option<ObjectKey>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl FailureCounts {
    /// Whether nothing failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.codes.is_empty() && self.others == 0
    }

    /// A task failed.
    pub fn add(&mut self, code: &str, example: Option<&ObjectKey>) {
        self.add_many(code, 1, example);
    }

    /// Adds what failed elsewhere; whose examples came first stay.
    pub fn merge(&mut self, other: &Self) {
        for FailureCount { code, count, example } in &other.codes {
            self.add_many(code, *count, example.as_ref());
        }
        self.others = self.others.saturating_add(other.others);
    }

    fn add_many(&mut self, code: &str, count: u64, example: Option<&ObjectKey>) {
        if let Some(known) = self.codes.iter_mut().find(|known| known.code == code) {
            known.count = known.count.saturating_add(count);
            known.example = known.example.take().or_else(|| example.cloned());
        } else if self.codes.len() < FAILURE_CODES_MAX {
            self.codes.push(FailureCount { code: code.to_owned(), count, example: example.cloned() });
        } else {
            self.others = self.others.saturating_add(count);
        }
    }

    /// The codes, the most frequent first.
    #[must_use]
    pub fn by_frequency(&self) -> Vec<&FailureCount> {
        let mut codes: Vec<_> = self.codes.iter().collect();
        codes.sort_by(|one, other| other.count.cmp(&one.count).then_with(|| one.code.cmp(&other.code)));
        codes
    }

    /// Failures with codes that have no place of their own.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// All failures.
    #[must_use]
    pub fn sum(&self) -> u64 {
        self.codes.iter().fold(self.others, |sum, known| sum.saturating_add(known.count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ObjectKey {
        ObjectKey::new(text).unwrap()
    }

    #[test]
    fn codes_are_counted_the_most_frequent_first_each_with_the_key_that_failed_first() {
        let mut counts = FailureCounts::default();
        for (code, name) in [("NoSuchKey", "a"), ("AccessDenied", "b"), ("AccessDenied", "c")] {
            counts.add(code, Some(&key(name)));
        }
        let seen: Vec<_> =
            counts.by_frequency().iter().map(|one| (&*one.code, one.count, one.example.clone())).collect();
        assert_eq!(seen, [("AccessDenied", 2, Some(key("b"))), ("NoSuchKey", 1, Some(key("a")))]);
    }

    #[test]
    fn however_many_codes_there_are_the_counts_are_bounded_and_their_sum_is_right() {
        let mut counts = FailureCounts::default();
        for n in 0..1000 {
            counts.add(&format!("Code{n}"), None);
        }
        assert_eq!((counts.by_frequency().len(), counts.sum()), (FAILURE_CODES_MAX, 1000));
        let twice = counts.clone();
        counts.merge(&twice);
        assert_eq!((counts.by_frequency().len(), counts.sum()), (FAILURE_CODES_MAX, 2000));
        assert_eq!(counts.others(), 2 * (1000 - FAILURE_CODES_MAX as u64));
    }
}
