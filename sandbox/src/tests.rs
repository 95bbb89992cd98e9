//! The suite of the port `ObjectStore` over HTTP: our client, S3's wire, the sandbox.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use brigade_model::capabilities::Capabilities;
use brigade_model::capability::Capability;
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::Spawn;
use brigade_model::ports::object_store::{
    At, CallError, CancelToken, CopyObject, DeleteObjects, DeleteResult, Effect, HeadObject, ObjectStore, Verdict, send,
};
use brigade_runtime::{SystemClock, SystemEntropy, TokioSpawn};
use brigade_s3::conformance::Subject;
use brigade_s3::credentials::{Credentials as Key, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::simulated::{Habit, Habits, ObjectLock, SimulatedConfig, SimulatedStore, Versioning};
use brigade_s3::timeouts::Timeouts;
use bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{Credentials, serve};

/// A sandbox on a free port; it ends with the sender.
async fn start(credentials: &Credentials) -> (SimulatedStore, SocketAddr, oneshot::Sender<()>) {
    let clock = Arc::new(SystemClock::new());
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, Arc::new(SystemEntropy::new()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let shutdown = async move { drop(stopped.await) };
    let serving = serve(listener, store.clone(), credentials.clone(), shutdown);
    TokioSpawn.spawn("sandbox", Box::pin(async move { serving.await.unwrap() }));
    (store, address, stop)
}

fn client(address: SocketAddr, key: &str, secret: &str) -> HttpStore {
    let key = Key { key_id: key.to_owned(), secret: secret.to_owned(), token: None };
    let config = HttpConfig {
        endpoint: format!("http://{address}"),
        region: "us-east-1".to_owned(),
        addressing: Addressing::Path,
        credentials: Arc::new(RotatingCredentials::new(key)),
        extra_ca: None,
        route: Default::default(),
        timeouts: Timeouts { attempt: Duration::from_secs(60), ..Timeouts::default() },
        idle: IDLE,
        requester_pays: false,
    };
    HttpStore::new(config, Arc::new(SystemClock::new())).unwrap()
}

async fn subject() -> Subject {
    let credentials = Credentials::fresh(&SystemEntropy::new());
    let (store, address, stop) = start(&credentials).await;
    // The sandbox lives as long as the test.
    std::mem::forget(stop);
    let [bucket, versioned] = ["plain", "versioned"].map(|name| BucketName::new(name).unwrap());
    store.create_bucket(&bucket, Versioning::Off).unwrap();
    store.create_bucket(&versioned, Versioning::Enabled).unwrap();
    store.set_lock(&versioned, ObjectLock::default()).unwrap();
    let denied = At { bucket: bucket.clone(), key: ObjectKey::new("denied").unwrap() };
    store.deny_key(&denied);
    Subject {
        store: Arc::new(client(address, credentials.access_key(), credentials.secret_key())),
        bucket,
        versioned,
        capabilities: Capabilities::proved(Capability::ALL),
        denied: Some(denied),
        excused: &[],
    }
}

brigade_s3::object_store_conformance!(subject());

async fn head(store: &dyn ObjectStore) -> CallError {
    let at = At { bucket: BucketName::new("plain").unwrap(), key: ObjectKey::new("a").unwrap() };
    send(store, &CancelToken::unbounded(), HeadObject { at, version: None }).await.unwrap_err()
}

#[tokio::test]
async fn a_wrong_key_or_secret_is_refused() {
    let credentials = Credentials::new("sandbox-key", "sandbox-secret");
    let (store, address, _stop) = start(&credentials).await;
    store.create_bucket(&BucketName::new("plain").unwrap(), Versioning::Off).unwrap();
    assert_eq!(head(&client(address, "sandbox-key", "sandbox-secret")).await.verdict, Verdict::Missing);
    let wrong_secret = head(&client(address, "sandbox-key", "another")).await;
    assert_eq!((wrong_secret.http_status, wrong_secret.verdict), (Some(403), Verdict::CredentialsRefused));
    let unknown_key = head(&client(address, "unknown-key", "sandbox-secret")).await;
    assert_eq!((unknown_key.http_status, unknown_key.verdict), (Some(403), Verdict::CredentialsRefused));
}

#[test]
fn a_fresh_pair_is_another_each_time_and_does_not_show_its_secret() {
    let [one, two] = [(), ()].map(|()| Credentials::fresh(&SystemEntropy::new()));
    assert_ne!((one.access_key(), one.secret_key()), (two.access_key(), two.secret_key()));
    assert_eq!((one.access_key().len(), one.secret_key().len()), (20, 40));
    assert!(!format!("{one:?}").contains(one.secret_key()));
}

#[test]
fn bytes_without_a_digest_are_refused_where_new_versions_are_kept_by_default() {
    let clock = Arc::new(SystemClock::new());
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, Arc::new(SystemEntropy::new()));
    let [plain, kept] = ["plain", "kept"].map(|name| BucketName::new(name).unwrap());
    store.create_bucket(&plain, Versioning::Off).unwrap();
    store.create_bucket(&kept, Versioning::Enabled).unwrap();
    let sandbox = super::store::Sandbox::new(store.clone());
    let check = |bucket: &BucketName, has_digest| super::locks::check_digest(&sandbox, bucket, has_digest);
    store.set_lock(&kept, ObjectLock::default()).unwrap();
    assert!(check(&kept, false).is_ok(), "nothing is kept by default");
    store.set_lock(&kept, ObjectLock { retention_days: Some(1) }).unwrap();
    assert!(check(&plain, false).is_ok() && check(&kept, true).is_ok());
    assert_eq!(check(&kept, false).unwrap_err().code().as_str(), "InvalidRequest");
}

#[tokio::test]
async fn a_habit_is_seen_on_the_wire_as_at_the_store() {
    let credentials = Credentials::fresh(&SystemEntropy::new());
    let (store, address, _stop) = start(&credentials).await;
    let http = client(address, credentials.access_key(), credentials.secret_key());
    let bucket = BucketName::new("plain").unwrap();
    store.create_bucket(&bucket, Versioning::Off).unwrap();
    let at = |key: &str| At { bucket: bucket.clone(), key: ObjectKey::new(key).unwrap() };
    ["a", "b", "c"].iter().for_each(|key| store.put(&at(key), Bytes::from("a").into()).unwrap());
    let copy = |habit, target: &str| {
        store.set_habits(Habits::from_iter([habit]));
        let copy = CopyObject::plain(at("a"), at(target));
        let (http, cancel) = (&http, CancelToken::unbounded());
        async move { send(http, &cancel, copy).await.unwrap_err() }
    };
    let lost = copy(Habit::LosesAnswerOfCopy, "lost").await;
    assert_eq!((lost.effect, lost.verdict), (Effect::Unknown, Verdict::Transient), "{lost:?}");
    assert!(["ConnectionReset", "IncompleteAnswer"].contains(&lost.code.as_str()), "{lost:?}");
    let empty = copy(Habit::CopyAnswersEmpty, "empty").await;
    assert_eq!((empty.http_status, empty.code.as_str()), (Some(200), "EmptyAnswer"), "{empty:?}");
    let inside = copy(Habit::CopyFailsThoughDone, "inside").await;
    assert_eq!((inside.http_status, inside.code.as_str()), (Some(200), "InternalError"), "{inside:?}");
    assert!(["lost", "empty", "inside"].iter().all(|key| store.object(&at(key)).is_some()));
    let not_done = copy(Habit::CopyFailsInside, "not done").await;
    assert_eq!((not_done.http_status, store.object(&at("not done")).is_some()), (Some(200), false));

    store.set_habits(Habits::from_iter([Habit::DeletesNameSome]));
    let objects = ["a", "b", "c"].map(|key| (at(key).key, None)).to_vec();
    let told = send(&http, &CancelToken::unbounded(), DeleteObjects { bucket: bucket.clone(), objects }).await.unwrap();
    assert!(
        matches!(told[..], [DeleteResult::Deleted(_), DeleteResult::Unnamed, DeleteResult::Deleted(_)]),
        "{told:?}"
    );
    assert!(store.object(&at("b")).is_none());
}
