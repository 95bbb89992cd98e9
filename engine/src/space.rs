//! Free space of the spool's disk: which work must wait while it is nearly full.
//!
//! Not a status: nothing is stored, and the work continues as soon as there is room again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brigade_model::ports::Spool;

use crate::config::EngineConfig;

/// How much room is left, as last looked. Clones are one.
#[derive(Debug, Clone)]
pub struct Space {
    free: Arc<AtomicU64>,
    to_lease: u64,
    to_start: u64,
}

impl Space {
    pub(crate) fn new(config: &EngineConfig) -> Self {
        Self {
            free: Arc::new(AtomicU64::new(u64::MAX)),
            to_lease: config.free_bytes_to_lease,
            to_start: config.free_bytes_to_start,
        }
    }

    /// Reads the free space. Where it is unknown, there is room.
    pub(crate) async fn look(&self, spool: &dyn Spool) {
        match spool.bytes_free().await {
            Ok(free) => self.free.store(free.unwrap_or(u64::MAX), Ordering::Relaxed),
            Err(error) => tracing::warn!(%error, "cannot read free disk space; using the last value"),
        }
    }

    /// Whether slices may be prepared and leased.
    #[must_use]
    pub fn may_lease(&self) -> bool {
        self.free.load(Ordering::Relaxed) >= self.to_lease
    }

    /// Whether tasks may start.
    #[must_use]
    pub fn may_start(&self) -> bool {
        self.free.load(Ordering::Relaxed) >= self.to_start
    }

    /// Why nothing is leased, for people.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let free = self.free.load(Ordering::Relaxed);
        let mib = |bytes: u64| bytes / (1024 * 1024);
        (free < self.to_lease).then(|| {
            format!("low disk space: {} MiB are free, {} MiB are needed to go on", mib(free), mib(self.to_lease))
        })
    }
}
