//! A spool in a directory keeps the promises.

use brigade_model::ports::spool::{Spool, SpoolError};
use brigade_store::directory::DirectorySpool;
use bytes::Bytes;
use tempfile::TempDir;

/// A spool and the directory that is removed with it.
struct Kept {
    _directory: TempDir,
    spool: DirectorySpool,
}

async fn set_up() -> Kept {
    let directory = tempfile::tempdir().expect("a temporary directory can be made");
    let spool = DirectorySpool::open(directory.path()).expect("an empty directory can be opened");
    Kept { _directory: directory, spool }
}

#[async_trait::async_trait]
impl Spool for Kept {
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError> {
        self.spool.write(name, bytes).await
    }
    async fn read(&self, name: &str) -> Result<Bytes, SpoolError> {
        self.spool.read(name).await
    }
    async fn remove(&self, name: &str) -> Result<(), SpoolError> {
        self.spool.remove(name).await
    }
    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError> {
        self.spool.list(prefix).await
    }
    async fn bytes_used(&self) -> Result<u64, SpoolError> {
        self.spool.bytes_used().await
    }
    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError> {
        self.spool.bytes_free().await
    }
}

brigade_store::spool_conformance!(set_up());
