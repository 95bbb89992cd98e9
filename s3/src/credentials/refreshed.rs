//! Credentials that end: fetched when a request needs some, and again in the background before they end.
//!
//! Requests drive it: the first one after the time for it starts a refresh and goes on with the credentials
//! that are at hand. An endpoint that gets no requests asks no one. A request waits only where there are none.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::Timestamp;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::{Clock, Spawn};
use tokio::sync::Notify;

use super::{CredentialSource, Credentials, NoCredentials};

/// A refresh begins so long before the end; of credentials that live for less than twice as long, at the half of
/// what remains.
const REFRESH_BEFORE_END: Duration = Duration::from_secs(5 * 60);
/// A failed refresh is repeated after this long, and what a store refuses is not fetched again before.
const RETRY_DELAY: Duration = Duration::from_secs(15);
/// A refresh ends after this long.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// Credentials as they were fetched.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// What to sign with.
    pub credentials: Credentials,
    /// When they end, if they do.
    pub ends: Option<Timestamp>,
}

/// Where credentials are fetched.
#[async_trait]
pub trait FetchCredentials: Send + Sync + 'static {
    /// What is asked, for people.
    fn place(&self) -> &'static str;

    /// Asks once.
    ///
    /// # Errors
    /// [`NoCredentials`].
    async fn fetch(&self) -> Result<Fetched, NoCredentials>;
}

/// See the module's documentation. Clones are one.
#[derive(Clone)]
pub struct RefreshedCredentials(Arc<Inner>);

struct Inner {
    /// Whose they are, for the log.
    endpoint: String,
    fetch: Box<dyn FetchCredentials>,
    clock: Arc<dyn Clock>,
    spawn: Arc<dyn Spawn>,
    state: Mutex<State>,
    /// A refresh is over.
    refreshed: Notify,
}

#[derive(Default)]
struct State {
    current: Option<Current>,
    is_refreshing: bool,
    /// No refresh begins before.
    next: Option<Monotonic>,
    /// Why the last refresh brought nothing.
    problem: Option<NoCredentials>,
}

struct Current {
    credentials: Arc<Credentials>,
    ends: Option<Timestamp>,
    fetched: Monotonic,
}

impl fmt::Debug for RefreshedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshedCredentials").field("place", &self.0.fetch.place()).finish_non_exhaustive()
    }
}

impl RefreshedCredentials {
    /// Asks no one before the first request.
    #[must_use]
    pub fn new(endpoint: &str, fetch: impl FetchCredentials, clock: Arc<dyn Clock>, spawn: Arc<dyn Spawn>) -> Self {
        let (state, refreshed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Inner { endpoint: endpoint.to_owned(), fetch: Box::new(fetch), clock, spawn, state, refreshed }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The credentials that have not ended; begins a refresh when it is time for one.
    fn look(&self, state: &mut State) -> Option<Arc<Credentials>> {
        let Inner { clock, spawn, .. } = &*self.0;
        let is_due = state.next.is_none_or(|next| next <= clock.monotonic());
        if is_due && !state.is_refreshing {
            state.is_refreshing = true;
            let all = self.clone();
            // It goes on when the request that began it is given up: others wait for it.
            drop(spawn.spawn("refresh of credentials", Box::pin(async move { all.refresh().await })));
        }
        let valid = |current: &&Current| current.ends.is_none_or(|ends| ends > clock.now());
        state.current.as_ref().filter(valid).map(|current| Arc::clone(&current.credentials))
    }

    async fn refresh(&self) {
        let Inner { endpoint, fetch, clock, .. } = &*self.0;
        let fetched = tokio::select! {
            biased;
            fetched = fetch.fetch() => fetched,
            () = clock.sleep(FETCH_TIMEOUT) => Err(NoCredentials(format!("no answer in {FETCH_TIMEOUT:?}"))),
        };
        let place = fetch.place();
        let (now, monotonic) = (clock.now(), clock.monotonic());
        let fetched = fetched.and_then(|fetched| match fetched.ends {
            Some(ends) if ends <= now => {
                Err(NoCredentials(format!("what it gave ended at {ends}; compare this machine's clock, at {now}")))
            }
            _ => Ok(fetched),
        });
        let mut state = self.state();
        match fetched {
            Ok(Fetched { credentials, ends }) => {
                let until = ends.map_or_else(|| "no end is known".to_owned(), |ends| ends.to_string());
                tracing::info!(endpoint, place, access_key = credentials.key_id, until, "store credentials fetched");
                state.next = Some(monotonic.after(ends.map_or(Duration::MAX, |ends| refresh_after(ends, now))));
                state.current = Some(Current { credentials: Arc::new(credentials), ends, fetched: monotonic });
                state.problem = None;
            }
            Err(problem) => {
                let until = state.current.as_ref().and_then(|current| current.ends).map(|ends| ends.to_string());
                tracing::warn!(endpoint, place, %problem, valid_until = until, retry_in = ?RETRY_DELAY, "cannot fetch store credentials");
                state.next = Some(monotonic.after(RETRY_DELAY));
                state.problem = Some(NoCredentials(format!("no credentials from {place}: {problem}")));
            }
        }
        state.is_refreshing = false;
        drop(state);
        self.0.refreshed.notify_waiters();
    }
}

/// How long after `now` credentials that end then are refreshed.
fn refresh_after(ends: Timestamp, now: Timestamp) -> Duration {
    let remaining = Duration::try_from(ends.duration_since(now)).unwrap_or_default();
    remaining.saturating_sub(REFRESH_BEFORE_END).max(remaining / 2)
}

#[async_trait]
impl CredentialSource for RefreshedCredentials {
    fn current(&self) -> Option<Arc<Credentials>> {
        self.look(&mut self.state())
    }

    async fn obtain(&self) -> Result<Arc<Credentials>, NoCredentials> {
        loop {
            let refreshed = self.0.refreshed.notified();
            {
                let mut state = self.state();
                if let Some(credentials) = self.look(&mut state) {
                    return Ok(credentials);
                }
                if !state.is_refreshing {
                    let unknown = || NoCredentials(format!("no credentials from {}", self.0.fetch.place()));
                    return Err(state.problem.clone().unwrap_or_else(unknown));
                }
            }
            refreshed.await;
        }
    }

    /// Fetches others, unless these were fetched a moment ago and have not ended: then the store refuses new ones, too.
    fn renew(&self, refused: &Arc<Credentials>) -> bool {
        let mut state = self.state();
        match &state.current {
            Some(current) if current.credentials != *refused => true,
            Some(current) => {
                let clock = &self.0.clock;
                let is_fresh = current.ends.is_none_or(|ends| ends > clock.now())
                    && current.fetched.after(RETRY_DELAY) > clock.monotonic();
                if !is_fresh {
                    tracing::info!(endpoint = self.0.endpoint, "the store refuses the credentials; fetching others");
                    (state.current, state.next) = (None, None);
                }
                !is_fresh
            }
            None => true,
        }
    }
}

#[cfg(test)]
mod tests;
