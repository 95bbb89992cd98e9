//! The conformance suite of the port `ObjectStore`, on a real server by our HTTP client.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::capabilities::Capabilities;
use brigade_model::names::BucketName;
use brigade_runtime::SystemClock;
use brigade_s3::conformance::{NAMES, Subject, run};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::timeouts::Timeouts;
use brigade_tests::Server;
use futures::FutureExt;

/// Tests that a server is known to fail, each with the reason.
pub(crate) type Excuses = &'static [(&'static str, &'static str)];

/// The whole suite, each test in buckets of its own; all that fail are named.
pub(crate) fn hold_to(server: &Server, capabilities: &Capabilities, excuses: Excuses) {
    make_buckets(server);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut failed = Vec::new();
    for (n, name) in NAMES.iter().enumerate() {
        let subject = subject(server, n, capabilities, excuses);
        let done = runtime.block_on(AssertUnwindSafe(run(name, subject)).catch_unwind());
        if done.is_err() {
            failed.push(*name);
        }
    }
    assert!(failed.is_empty(), "{} fails, for the reasons above: {failed:#?}", server.title);
}

fn subject(server: &Server, n: usize, capabilities: &Capabilities, excused: Excuses) -> Subject {
    Subject {
        store: Arc::new(client(server)),
        bucket: BucketName::new(format!("suite-{n}-plain")).unwrap(),
        versioned: BucketName::new(format!("suite-{n}-versions")).unwrap(),
        capabilities: capabilities.clone(),
        denied: None,
        excused,
    }
}

/// Our client, without retries: what it says first is what counts.
pub(crate) fn client(server: &Server) -> HttpStore {
    let (key_id, secret) = (server.access_key.to_owned(), server.secret_key.to_owned());
    let config = HttpConfig {
        endpoint: server.url.clone(),
        region: "us-east-1".to_owned(),
        addressing: Addressing::Path,
        credentials: Arc::new(RotatingCredentials::new(Credentials { key_id, secret, token: None })),
        extra_ca: None,
        route: Default::default(),
        timeouts: Timeouts { attempt: Duration::from_secs(60), ..Timeouts::default() },
        idle: IDLE,
        requester_pays: false,
    };
    HttpStore::new(config, Arc::new(SystemClock::new())).unwrap()
}

/// With object lock, and so with versions, where the server has them.
fn make_buckets(server: &Server) {
    server.boto3(&format!(
        "
for n in range({}):
    s3.create_bucket(Bucket=f'suite-{{n}}-plain')
    s3.create_bucket(Bucket=f'suite-{{n}}-versions', ObjectLockEnabledForBucket=True)",
        NAMES.len()
    ));
}
