//! The same requests through our own store client, without a job.

use std::sync::Arc;

use brigade_bench::client::open;
use brigade_engine::places::Health;
use brigade_model::operation::Tag;
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, Call, Caller, CancelToken, CopyObject, PutObjectTagging};
use brigade_model::{BucketName, ObjectKey};
use brigade_runtime::{SystemClock, SystemEntropy};
use brigade_s3::limit::{Caps, Limit, LimitConfig, LimitHandle};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use futures::StreamExt;
use futures::stream::iter;

/// As many as the limit lets through here.
pub(crate) const IN_FLIGHT: usize = 32;

/// Makes so many calls, each of which must succeed.
pub(crate) async fn ask(store: &dyn ObjectStore, operation: &str, calls: u64) {
    let cancel = CancelToken::unbounded();
    let call = if operation == "copy" { copy } else { tagging };
    iter(0..calls)
        .for_each_concurrent(IN_FLIGHT, async |number| drop(store.call(&cancel, call(number)).await.unwrap()))
        .await;
}

/// Whether an endpoint has room for further tasks, as its limit tells: so many start in the service.
pub(crate) struct Room(LimitHandle);

impl Health for Room {
    fn reason(&self) -> Option<String> {
        None
    }

    fn has_room_for(&self, caller: Caller) -> bool {
        self.0.has_room_for(caller)
    }
}

/// What stands around a client in the service.
pub(crate) fn chain(url: &str) -> (Arc<dyn ObjectStore>, Arc<dyn Health>) {
    let clock = Arc::new(SystemClock::new());
    let caps = Caps { requests: IN_FLIGHT as u32, is_adaptive: false, ..Caps::default() };
    let config = LimitConfig { caps, ..LimitConfig::default() };
    let limit = Limit::new(Arc::new(open(url, "stubkey", "stubsecret")), config, clock.clone());
    let (breaker, room) = (Arc::new(CircuitBreaker::default()), Room(limit.handle()));
    let entropy = Arc::new(SystemEntropy::new());
    (Arc::new(Retry::new(Arc::new(limit), RetryPolicy::default(), breaker, clock, entropy)), Arc::new(room))
}

fn copy(n: u64) -> Call {
    Call::CopyObject(CopyObject::plain(at("source", n), at("target", n)))
}

fn tagging(n: u64) -> Call {
    let tags = vec![Tag { key: "a".into(), value: "b".into() }];
    Call::PutObjectTagging(PutObjectTagging { at: at("source", n), version: None, tags })
}

fn at(bucket: &str, n: u64) -> At {
    let key = ObjectKey::new(format!("photos/2026/0000/object-{n:012}.jpg")).unwrap();
    At { bucket: BucketName::new(bucket).unwrap(), key }
}
