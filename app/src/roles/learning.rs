//! What the limits of an endpoint learn, written among its settings, so that the next process does not
//! begin from nothing; and what an earlier process wrote, handed to the limits.
//!
//! What is written is compared with what this process wrote before, not with what stands there: so two
//! processes that learned different things do not overwrite each other in turn for ever.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::learned::note_learned;
use brigade_model::ports::job_store::{SetEndpointError, StoreError};
use brigade_model::ports::{JobStore, Monotonic};
use brigade_model::{EndpointRow, LearnedLimit, Timestamp};
use brigade_s3::limit::Learned;
use jiff::SignedDuration;

use super::endpoint::ActiveEndpoint;

/// Nothing is written more often, but at the end of the process.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// A limit that changed by less than one part of so many is no news ...
const NEWS_PART: u32 = 10;
/// ... unless it went on being true for so long: what is old is not used.
const NEWS_AFTER: SignedDuration = SignedDuration::from_hours(24);
/// An operator may set something at the same moment; then the settings are read again.
const WRITE_TRIES: u32 = 5;

/// What of an endpoint's limits is written already.
#[derive(Debug, Default)]
pub(super) struct Learning {
    tried: Option<Monotonic>,
    /// By this process; the latest first.
    written: Vec<LearnedLimit>,
}

impl Learning {
    /// What is worth to be written, beside what this process wrote and else what it found.
    fn news(&self, learned: Vec<LearnedLimit>, found: &[LearnedLimit]) -> Vec<LearnedLimit> {
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

impl ActiveEndpoint {
    /// Lets limits that are still to come begin with what was learned, as far as it is not too old.
    pub(super) fn begin_with(&self, learned: &[LearnedLimit]) {
        let now = self.stamps().now();
        let of_use = learned.iter().filter(|learned| learned.is_of_use(now));
        self.limit().begin_with(of_use.map(|learned| (learned.bucket.clone(), learned.class, learned.limit)));
    }

    /// Writes what the limits have learned where it is news, at most once a minute unless it is the last
    /// time. What an operator sets meanwhile stays.
    ///
    /// # Errors
    /// When the job store fails; the next call tries again.
    pub async fn keep_learned(&self, jobs: &dyn JobStore, is_last: bool) -> Result<(), StoreError> {
        let settings = self.settings();
        self.begin_with(&settings.learned);
        let (now, monotonic) = (self.stamps().now(), self.stamps().ours().monotonic());
        let learned = self.limit().learned().into_iter().map(|learned| dated(learned, now, monotonic)).collect();
        let news = {
            let mut learning = self.learning();
            let is_early = learning.tried.is_some_and(|tried| monotonic.since(tried) < WRITE_EVERY);
            let news = learning.news(learned, &settings.learned);
            if news.is_empty() || (is_early && !is_last) {
                return Ok(());
            }
            learning.tried = Some(monotonic);
            news
        };
        let name = self.name();
        for _ in 0..WRITE_TRIES {
            let rows = jobs.endpoints().await?;
            let row = rows.into_iter().find(|row| row.endpoint == name);
            let mut row = row.unwrap_or_else(|| EndpointRow::unset(name.clone()));
            note_learned(&mut row.settings.learned, &news, now);
            match jobs.set_endpoint(&row).await {
                Ok(row) => {
                    self.adopt(row);
                    note_learned(&mut self.learning().written, &news, now);
                    break;
                }
                Err(SetEndpointError::Lost) => {}
                Err(SetEndpointError::Store(error)) => return Err(error),
            }
        }
        Ok(())
    }

    fn learning(&self) -> MutexGuard<'_, Learning> {
        self.learning.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By the time of day, which another process can read.
fn dated(learned: Learned, now: Timestamp, monotonic: Monotonic) -> LearnedLimit {
    let Learned { bucket, class, limit, at } = learned;
    let ago = SignedDuration::try_from(monotonic.since(at)).unwrap_or(SignedDuration::MAX);
    LearnedLimit { bucket, class, limit, at: now.saturating_sub(ago).unwrap_or(Timestamp::MIN) }
}

#[cfg(test)]
mod tests {
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
