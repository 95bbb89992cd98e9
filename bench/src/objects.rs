//! Tiny objects on a server, and the manifest that names them.

use std::path::Path;

use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{At, Call, CancelToken, NewObject, PutObject};
use brigade_model::{BucketName, ObjectKey};
use brigade_s3::http::HttpStore;
use brigade_tests::Server;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::iter;

use crate::client::open;

/// More than any server here answers at once.
const IN_FLIGHT: usize = 64;

/// Objects `photos/2026/object-000000000.jpg` and so on, of one byte each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Objects {
    /// The bucket that they lie in.
    pub bucket: String,
    /// Their number.
    pub count: u64,
}

impl Objects {
    /// The first so many keys of a bucket.
    #[must_use]
    pub fn new(bucket: &str, count: u64) -> Self {
        Self { bucket: bucket.to_owned(), count }
    }

    /// The key of the n-th.
    #[must_use]
    pub fn key(n: u64) -> String {
        format!("photos/2026/object-{n:09}.jpg")
    }

    /// A row `bucket,key` for each.
    #[must_use]
    pub fn manifest(&self) -> String {
        (0..self.count).map(|n| format!("{},{}\n", self.bucket, Self::key(n))).collect()
    }

    /// Puts all of them.
    ///
    /// # Panics
    /// When one is not taken.
    pub fn put(&self, server: &Server) {
        let store = open(&server.url, server.access_key, server.secret_key);
        let put = async |n| put(&store, &self.bucket, &Self::key(n), Bytes::from_static(b"x")).await;
        block_on(iter(0..self.count).for_each_concurrent(IN_FLIGHT, put));
    }

    /// Puts the manifest into a bucket, and tells where it lies.
    ///
    /// # Panics
    /// When it is not taken.
    #[must_use]
    pub fn put_manifest(&self, server: &Server, bucket: &str) -> String {
        let key = format!("manifests/{}-{}.csv", self.bucket, self.count);
        block_on(put(&open(&server.url, server.access_key, server.secret_key), bucket, &key, self.manifest().into()));
        format!("s3://{bucket}/{key}")
    }

    /// Writes the manifest into a file.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn write_manifest(&self, file: &Path) {
        std::fs::write(file, self.manifest()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    }
}

async fn put(store: &HttpStore, bucket: &str, key: &str, body: Bytes) {
    let name = |error| panic!("{bucket}/{key}: {error}");
    let at = At {
        bucket: BucketName::new(bucket).unwrap_or_else(name),
        key: ObjectKey::new(key).unwrap_or_else(|error| panic!("{bucket}/{key}: {error}")),
    };
    let call = Call::PutObject(PutObject::new(at, body, NewObject::default()));
    if let Err(error) = store.call(&CancelToken::unbounded(), call).await {
        panic!("{bucket}/{key} cannot be put: {error}");
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made").block_on(work)
}
