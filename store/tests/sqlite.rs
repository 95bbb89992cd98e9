//! The embedded store keeps the promises.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::{Clock, JobStore};
use brigade_store::conformance::{self, Bench, EmbeddedBench, ManualClock};
use brigade_store::sqlite::SqliteStore;
use tempfile::TempDir;

struct Embedded {
    clock: Arc<ManualClock>,
    directory: TempDir,
    /// `None` only while reopening.
    store: Option<Arc<SqliteStore>>,
}

impl Embedded {
    async fn set_up() -> Self {
        let clock = Arc::new(ManualClock::default());
        let directory = tempfile::tempdir().unwrap();
        Self { store: Some(open(directory.path(), &clock)), clock, directory }
    }
}

fn open(directory: &Path, clock: &Arc<ManualClock>) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(directory, clock.clone()).unwrap())
}

#[async_trait]
impl Bench for Embedded {
    fn store(&self) -> Arc<dyn JobStore> {
        self.store.clone().unwrap()
    }

    fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    async fn pass(&self, time: Duration) {
        self.clock.pass(time);
    }
}

#[async_trait]
impl EmbeddedBench for Embedded {
    async fn reopen(&mut self) {
        self.store = None;
        self.store = Some(open(self.directory.path(), &self.clock));
    }
}

brigade_store::job_store_conformance!(Embedded::set_up());
brigade_store::embedded_store_conformance!(Embedded::set_up());

#[test]
fn counters_are_the_sum_of_the_parts_whatever_happens() {
    conformance::counters_are_the_sum_of_the_parts_whatever_happens(16, Embedded::set_up);
}
