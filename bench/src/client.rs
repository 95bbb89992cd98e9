//! Our own client of an object store, without decorators.

use std::sync::Arc;

use brigade_runtime::SystemClock;
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::timeouts::Timeouts;

/// A client of the store at this URL.
///
/// # Panics
/// When that is no URL of a store.
#[must_use]
pub fn open(url: &str, access_key: &str, secret_key: &str) -> HttpStore {
    let (key_id, secret) = (access_key.to_owned(), secret_key.to_owned());
    let config = HttpConfig {
        endpoint: url.to_owned(),
        region: "us-east-1".to_owned(),
        addressing: Addressing::Path,
        credentials: Arc::new(RotatingCredentials::new(Credentials { key_id, secret, token: None })),
        extra_ca: None,
        route: Default::default(),
        timeouts: Timeouts::default(),
        idle: IDLE,
        requester_pays: false,
    };
    HttpStore::new(config, Arc::new(SystemClock::new())).expect("it is the URL of a store")
}
