//! Calls through our own stores.

use std::net::SocketAddr;
use std::sync::Arc;

use brigade_model::operation::Tag;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{
    At, Call, CopyObject, DeleteObject, DeleteObjects, HeadObject, Leash, PutObjectTagging,
};
use brigade_model::{BucketName, ObjectKey};
use brigade_runtime::{SystemClock, SystemEntropy};
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore, IDLE};
use brigade_s3::limit::{Limit, LimitConfig};
use brigade_s3::retry::{Gate, Retry, RetryPolicy};
use brigade_s3::timeouts::Timeouts;
use futures::StreamExt;
use futures::stream::iter;

/// As many as an endpoint's own limit lets through.
pub(crate) const IN_FLIGHT: usize = 32;

/// Makes the n-th call of a row.
pub(crate) type Make = fn(u64) -> Call;

/// Makes so many calls, each of which must succeed.
pub(crate) async fn ask(store: &dyn ObjectStore, call: Make, calls: u64) {
    let leash = Leash::unbounded();
    iter(0..calls)
        .for_each_concurrent(IN_FLIGHT, async |number| drop(store.call(&leash, call(number)).await.unwrap()))
        .await;
}

pub(crate) fn http(server: SocketAddr) -> Arc<dyn ObjectStore> {
    let (key_id, secret) = ("AKIDTEST".to_owned(), "not-a-secret".to_owned());
    let config = HttpConfig {
        endpoint: format!("http://{server}"),
        region: "us-east-1".to_owned(),
        addressing: Addressing::Path,
        credentials: Arc::new(RotatingCredentials::new(Credentials { key_id, secret, token: None })),
        extra_ca: None,
        timeouts: Timeouts::default(),
        idle: IDLE,
        requester_pays: false,
    };
    Arc::new(HttpStore::new(config, Arc::new(SystemClock::new())).unwrap())
}

/// What stands around `http` in the service.
pub(crate) fn chain(server: SocketAddr) -> Arc<dyn ObjectStore> {
    let clock = Arc::new(SystemClock::new());
    let limit = Limit::new(http(server), LimitConfig::default(), clock.clone());
    let gate = Arc::new(Gate::default());
    Arc::new(Retry::new(Arc::new(limit), RetryPolicy::default(), gate, clock, Arc::new(SystemEntropy::new())))
}

pub(crate) fn calls() -> [(&'static str, Make); 4] {
    [
        ("CopyObject", |n| {
            Call::CopyObject(CopyObject {
                source: at("source", n),
                source_version: None,
                target: at("target", n),
                metadata: None,
                tags: None,
                canned_acl: None,
                storage_class: None,
                sse: None,
                source_if_match: None,
                size: None,
            })
        }),
        ("PutObjectTagging", |n| {
            let tags = vec![Tag { key: "a".into(), value: "b".into() }];
            Call::PutObjectTagging(PutObjectTagging { at: at("source", n), version: None, tags })
        }),
        ("DeleteObject", |n| Call::DeleteObject(DeleteObject { at: at("source", n), version: None, if_match: None })),
        ("HeadObject", |n| Call::HeadObject(HeadObject { at: at("source", n), version: None })),
    ]
}

/// A thousand keys at once.
pub(crate) fn delete_group(n: u64) -> Call {
    let objects = (n * 1000..(n + 1) * 1000).map(|n| (key(n), None)).collect();
    Call::DeleteObjects(DeleteObjects { bucket: BucketName::new("source").unwrap(), objects })
}

fn at(bucket: &str, n: u64) -> At {
    At { bucket: BucketName::new(bucket).unwrap(), key: key(n) }
}

fn key(n: u64) -> ObjectKey {
    ObjectKey::new(format!("photos/2026/0000/object-{n:012}.jpg")).unwrap()
}
