//! Decides which learned limits of an endpoint are worth saving.

use brigade_model::LearnedLimit;
use brigade_model::ports::Monotonic;
use jiff::SignedDuration;

/// A limit that changed by less than one part in so many is no news ...
const NEWS_PART: u32 = 10;
/// ... unless the saved one is this old: the next process ignores old limits.
const NEWS_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// The limits of an endpoint that are saved already.
#[derive(Debug, Default)]
pub(super) struct Learning {
    pub(super) tried: Option<Monotonic>,
    /// By this process; the latest first.
    pub(super) written: Vec<LearnedLimit>,
}

impl Learning {
    /// The limits worth saving, compared with what this process wrote, else with what it found.
    pub(super) fn news(&self, learned: Vec<LearnedLimit>, found: &[LearnedLimit]) -> Vec<LearnedLimit> {
        let is_news = |new: &LearnedLimit| {
            let known = self.written.iter().chain(found).find(|known| known.is_of_lane_of(new));
            known.is_none_or(|known| {
                let has_changed = new.limit.abs_diff(known.limit).saturating_mul(NEWS_PART) > known.limit;
                has_changed || new.at.duration_since(known.at) > NEWS_AFTER
            })
        };
        learned.into_iter().filter(is_news).collect()
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::Timestamp;
    use brigade_model::ports::object_store::CallClass;

    use super::*;

    fn learned(bucket: &str, limit: u32, hour: i64) -> LearnedLimit {
        let at = Timestamp::from_second(1_767_225_600 + hour * 3600).unwrap();
        LearnedLimit { bucket: Some(bucket.parse().unwrap()), class: CallClass::Write, limit, at }
    }

    #[test]
    fn only_a_limit_that_changed_by_more_than_a_tenth_or_was_used_a_day_later_is_news() {
        let learning = Learning { tried: None, written: vec![learned("photos", 100, 0)] };
        let found = [learned("photos", 500, 0), learned("lists", 10, 0)];
        for (new, expected) in [
            (learned("photos", 110, 1), false),
            (learned("photos", 111, 1), true),
            (learned("photos", 90, 1), false),
            (learned("photos", 89, 1), true),
            (learned("photos", 500, 1), true),
            (learned("photos", 100, 24), false),
            (learned("photos", 100, 25), true),
            (learned("lists", 11, 1), false),
            (learned("lists", 12, 1), true),
            (learned("other", 1, 1), true),
            (LearnedLimit { class: CallClass::Read, ..learned("photos", 100, 1) }, true),
        ] {
            let news = learning.news(vec![new.clone()], &found);
            assert_eq!(news.len(), usize::from(expected), "{new:?}");
        }
    }
}
