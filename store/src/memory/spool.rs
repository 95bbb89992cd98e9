//! A spool in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use brigade_model::ports::spool::{Spool, SpoolError, check_name};
use bytes::Bytes;

/// Spool files in memory, without end or up to a capacity. Clones are one spool.
#[derive(Debug, Clone, Default)]
pub struct MemorySpool {
    files: Arc<Mutex<BTreeMap<String, Bytes>>>,
    capacity_bytes: Option<u64>,
}

impl MemorySpool {
    /// An empty spool that is never full.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty spool that holds that many bytes.
    #[must_use]
    pub fn with_capacity(capacity_bytes: u64) -> Self {
        Self { capacity_bytes: Some(capacity_bytes), ..Self::default() }
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn used_bytes(files: &BTreeMap<String, Bytes>) -> u64 {
    files.values().map(|bytes| bytes.len() as u64).sum()
}

fn bytes_after(files: &BTreeMap<String, Bytes>, name: &str, bytes: &Bytes) -> u64 {
    let before = files.get(name).map_or(0, |bytes| bytes.len() as u64);
    used_bytes(files) - before + bytes.len() as u64
}

#[async_trait]
impl Spool for MemorySpool {
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError> {
        check_name(name)?;
        let mut files = self.files();
        if self.capacity_bytes.is_some_and(|capacity| bytes_after(&files, name, &bytes) > capacity) {
            return Err(SpoolError::Full(format!("{name} does not fit in memory")));
        }
        files.insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn read(&self, name: &str) -> Result<Bytes, SpoolError> {
        check_name(name)?;
        self.files().get(name).cloned().ok_or_else(|| SpoolError::NotFound(name.to_owned()))
    }

    async fn remove(&self, name: &str) -> Result<(), SpoolError> {
        check_name(name)?;
        self.files().remove(name);
        Ok(())
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError> {
        Ok(self.files().keys().filter(|name| name.starts_with(prefix)).cloned().collect())
    }

    async fn bytes_used(&self) -> Result<u64, SpoolError> {
        Ok(used_bytes(&self.files()))
    }

    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError> {
        let used = used_bytes(&self.files());
        Ok(self.capacity_bytes.map(|capacity| capacity.saturating_sub(used)))
    }
}
