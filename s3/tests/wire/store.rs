//! The store under test.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::ports::clock::{Clock, Monotonic, Sleep};
use brigade_model::ports::object_store::{CallError, Leash, Request, send};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::timeouts::Timeouts;
use tokio::sync::watch;

/// A clock whose timers end when the test says so.
pub(crate) struct HeldClock {
    pub(crate) monotonic: Mutex<Duration>,
    over: watch::Sender<bool>,
}

impl HeldClock {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { monotonic: Mutex::default(), over: watch::Sender::new(false) })
    }

    /// Ends every timer, those to come too.
    pub(crate) fn end_timers(&self) {
        self.over.send_replace(true);
    }
}

impl Clock for HeldClock {
    fn now(&self) -> Timestamp {
        Timestamp::constant(1_795_489_200, 0)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(*self.monotonic.lock().unwrap())
    }

    fn sleep(&self, _: Duration) -> Sleep {
        let mut over = self.over.subscribe();
        Box::pin(async move {
            let _ = over.wait_for(|over| *over).await;
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
    send(store, &Leash::unbounded(), request).await
}
