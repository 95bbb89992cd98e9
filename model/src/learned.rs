//! What an endpoint's limit learned of how many requests it takes at once: kept among its settings,
//! so that the next process does not begin from nothing.

use std::cmp::Reverse;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::names::BucketName;
use crate::ports::object_store::CallClass;

/// The latest so many are kept of an endpoint: a role names its buckets, so there are rarely more than
/// a handful.
pub const LEARNED_MAX: usize = 64;
/// What was learned longer ago may be true of another store than today's.
pub const LEARNED_FOR: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Requests in flight that an endpoint was found to take of one class of calls about one bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedLimit {
    /// The bucket; `None` for all buckets beyond the number that is told apart.
    pub bucket: Option<BucketName>,
    /// The class of calls.
    pub class: CallClass,
    /// Requests in flight.
    pub limit: u32,
    /// When callers last used all of it.
    pub at: Timestamp,
}

impl LearnedLimit {
    /// Whether it is not too old. One that was learned well after `now` is of a clock that was wrong.
    #[must_use]
    pub fn is_of_use(&self, now: Timestamp) -> bool {
        now.duration_since(self.at).abs() <= LEARNED_FOR
    }

    /// Whether both are about the same calls.
    #[must_use]
    pub fn is_of_lane_of(&self, other: &LearnedLimit) -> bool {
        (&self.bucket, self.class) == (&other.bucket, other.class)
    }
}

/// Adds what was learned, in place of what was known of the same calls; the latest come first, and stay.
pub fn note_learned(kept: &mut Vec<LearnedLimit>, news: &[LearnedLimit], now: Timestamp) {
    kept.retain(|old| old.is_of_use(now) && !news.iter().any(|new| new.is_of_lane_of(old)));
    kept.extend_from_slice(news);
    kept.sort_by_key(|limit| Reverse(limit.at));
    kept.truncate(LEARNED_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn learned(bucket: &str, limit: u32, hour: i64) -> LearnedLimit {
        let at = Timestamp::from_second(1_767_225_600 + hour * 3600).unwrap();
        LearnedLimit { bucket: Some(bucket.parse().unwrap()), class: CallClass::Write, limit, at }
    }

    #[test]
    fn of_each_bucket_and_class_the_last_word_stays_and_of_all_the_latest() {
        let read = LearnedLimit { class: CallClass::Read, ..learned("photos", 7, 1) };
        let mut kept = vec![learned("photos", 100, 5), read.clone()];
        let now = learned("now", 0, 6).at;
        note_learned(&mut kept, &[learned("photos", 50, 3), learned("lists", 9, 4)], now);
        assert_eq!(kept, [learned("lists", 9, 4), learned("photos", 50, 3), read]);
        let many: Vec<_> = (0..100).map(|n| learned(&format!("bucket-{n}"), 1, n)).collect();
        note_learned(&mut kept, &many, now);
        assert_eq!(kept, many.into_iter().rev().take(LEARNED_MAX).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_learned_longer_ago_than_seven_days_is_of_no_use() {
        let week = 7 * 24;
        let old = learned("photos", 100, 0);
        for (hours, expected) in [(0, true), (week, true), (week + 1, false), (-week, true), (-week - 1, false)] {
            assert_eq!(old.is_of_use(learned("now", 0, hours).at), expected, "{hours} hours later");
        }
        let mut kept = vec![old];
        note_learned(&mut kept, &[], learned("now", 0, week + 1).at);
        assert_eq!(kept, []);
    }
}
