//! Saves what an endpoint's limits learn among its settings, so that the next process does not begin
//! from nothing; and hands the limits what an earlier process saved.
//!
//! A process compares what it learned with what it wrote before, not with what is stored: so two
//! processes that learn different things do not overwrite each other for ever.

use std::sync::{MutexGuard, PoisonError};
use std::time::Duration;

use brigade_model::learned::note_learned;
use brigade_model::ports::job_store::{SetEndpointError, StoreError};
use brigade_model::ports::{JobStore, Monotonic};
use brigade_model::{EndpointRow, LearnedLimit, Timestamp};
use brigade_s3::limit::Learned;
use jiff::SignedDuration;

use super::endpoint::ActiveEndpoint;
use super::news::Learning;

/// The least time between two writes, except at the end of the process.
const WRITE_EVERY: Duration = Duration::from_secs(60);
/// Tries of a write: when an operator sets something at the same moment, it reads the settings again.
const WRITE_TRIES: u32 = 5;

impl ActiveEndpoint {
    /// Lets new limits begin with what was learned, unless it is too old.
    pub(super) fn begin_with(&self, learned: &[LearnedLimit]) {
        let now = self.stamps().now();
        let of_use = learned.iter().filter(|learned| learned.is_of_use(now));
        self.limit().begin_with(of_use.map(|learned| (learned.bucket.clone(), learned.class, learned.limit)));
    }

    /// Saves what the limits have newly learned, at most once a minute unless `is_last`. What an operator
    /// sets meanwhile stays.
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
