//! The suite on the simulated store.

use std::sync::Arc;

use brigade_model::capabilities::Capabilities;
use brigade_model::capability::Capability;
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::object_store::At;
use brigade_runtime::{SeededEntropy, SystemClock};

use super::Subject;
use crate::simulated::{ObjectLock, SimulatedConfig, SimulatedStore, Versioning};

async fn subject() -> Subject {
    let clock = Arc::new(SystemClock::new());
    let store = SimulatedStore::new(SimulatedConfig::default(), clock, Arc::new(SeededEntropy::new(1)));
    let [bucket, versioned] = ["plain", "versioned"].map(|name| BucketName::new(name).unwrap());
    store.create_bucket(&bucket, Versioning::Off).unwrap();
    store.create_bucket(&versioned, Versioning::Enabled).unwrap();
    store.set_lock(&versioned, ObjectLock::default()).unwrap();
    let denied = At { bucket: bucket.clone(), key: ObjectKey::new("denied").unwrap() };
    store.deny_key(&denied);
    Subject {
        store: Arc::new(store),
        bucket,
        versioned,
        capabilities: Capabilities::proved(Capability::ALL),
        denied: Some(denied),
        excused: &[],
    }
}

object_store_conformance!(subject());
