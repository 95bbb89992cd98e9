//! The store under test.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::clock::{Clock, Monotonic, Sleep};
use brigade_model::ports::object_store::{CallError, CancelToken, Request, send};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::timeouts::Timeouts;
use tokio::sync::watch;

/// A clock that goes on when the test says so.
pub(crate) struct HeldClock {
    now: watch::Sender<Duration>,
    /// How often the time was asked for.
    looks: watch::Sender<u64>,
    /// When those that sleep wake.
    sleepers: Arc<watch::Sender<Vec<Duration>>>,
}

/// One that sleeps, or does not care any more.
struct Sleeper(Arc<watch::Sender<Vec<Duration>>>, Duration);

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.0.send_modify(|sleepers| {
            let at = sleepers.iter().position(|until| *until == self.1).unwrap();
            sleepers.swap_remove(at);
        });
    }
}

impl HeldClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { now: watch::Sender::default(), looks: watch::Sender::default(), sleepers: Arc::default() })
    }

    /// Goes on by that long, and lets all wake that slept until then.
    pub(crate) async fn advance(&self, duration: Duration) {
        self.now.send_modify(|now| *now += duration);
        let now = *self.now.borrow();
        let mut sleepers = self.sleepers.subscribe();
        sleepers.wait_for(|sleepers| sleepers.iter().all(|until| *until > now)).await.unwrap();
    }

    /// Runs `act`, and waits until the store has read the clock since.
    pub(crate) async fn until_looked_at(&self, act: impl FnOnce()) {
        let mut looks = self.looks.subscribe();
        let before = *looks.borrow_and_update();
        act();
        looks.wait_for(|looks| *looks > before).await.unwrap();
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp::constant(1_795_489_200, 0)
    }

    fn monotonic(&self) -> Monotonic {
        self.looks.send_modify(|looks| *looks += 1);
        Monotonic(*self.now.borrow())
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let (mut now, until) = (self.now.subscribe(), *self.now.borrow() + duration);
        self.sleepers.send_modify(|sleepers| sleepers.push(until));
        let sleeper = Sleeper(Arc::clone(&self.sleepers), until);
        Box::pin(async move {
            let _ = now.wait_for(|now| *now >= until).await;
            drop(sleeper);
        })
    }
}

pub(crate) fn credentials() -> Credentials {
    Credentials { key_id: "AKIDTEST".into(), secret: "secret-of-test".into(), token: Some("token-of-test".into()) }
}

pub(crate) fn config(url: &str) -> HttpConfig {
    HttpConfig {
        endpoint: url.to_owned(),
        region: "eu-west-1".into(),
        addressing: Addressing::Path,
        credentials: Arc::new(RotatingCredentials::new(credentials())),
        extra_ca: None,
        route: Default::default(),
        timeouts: Timeouts::default(),
        idle: IDLE,
        requester_pays: false,
    }
}

pub(crate) fn store_of(config: HttpConfig) -> HttpStore {
    HttpStore::new(config, HeldClock::new()).unwrap()
}

pub(crate) fn store(url: &str) -> HttpStore {
    store_of(config(url))
}

pub(crate) async fn call<R: Request>(store: &HttpStore, request: R) -> Result<R::Answer, CallError> {
    send(store, &CancelToken::unbounded(), request).await
}
