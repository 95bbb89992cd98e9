//! The embedded store keeps the promises.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::{Clock, JobStore};
use brigade_store::conformance::{self, Bench, EmbeddedBench, ManualClock};
use brigade_store::sqlite::SqliteStore;
use rusqlite::Connection;
use tempfile::TempDir;

const DATABASE: &str = "brigade.db";
const SNAPSHOT: &str = "snapshot.db";

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

/// What each account keeps, as it is counted and as its rows have it.
const SUMS: &str = "SELECT job.account, count(*), total(kept.bytes), account.jobs, account.bytes
    FROM job JOIN account ON account.name = job.account LEFT JOIN (
        SELECT slice.job, sum(slice.bytes) AS bytes FROM slice JOIN job ON job.id = slice.job
        WHERE job.outcomes_removed IS NULL GROUP BY slice.job
    ) kept ON kept.job = job.id
    GROUP BY job.account";

/// Whatever a test did, the sums that the store keeps are those of its rows.
impl Drop for Embedded {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let database = Connection::open(self.directory.path().join(DATABASE)).unwrap();
        let mut sums = database.prepare(SUMS).unwrap();
        let mut sums = sums.query(()).unwrap();
        while let Some(row) = sums.next().unwrap() {
            let account: String = row.get(0).unwrap();
            let (jobs, bytes): (i64, f64) = (row.get(1).unwrap(), row.get(2).unwrap());
            let counted: (i64, i64) = (row.get(3).unwrap(), row.get(4).unwrap());
            assert_eq!((jobs, bytes as i64), counted, "{account}");
        }
        let parts = "SELECT count(*) FROM slice WHERE bytes < (
            SELECT coalesce(sum(length(part.bytes)), 0) FROM part WHERE part.job = slice.job AND part.slice = slice.number)";
        let too_small: i64 = database.query_row(parts, (), |row| row.get(0)).unwrap();
        assert_eq!(too_small, 0, "a slice counts its parts");
    }
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

    fn set_clock(&self, by_s: i64) {
        self.clock.set(by_s);
    }

    async fn take_snapshot(&mut self) {
        let copy = self.directory.path().join(SNAPSHOT);
        let database = Connection::open(self.directory.path().join(DATABASE)).unwrap();
        database.execute("VACUUM INTO ?1", (copy.to_str(),)).unwrap();
    }

    async fn restore_snapshot(&mut self) {
        self.store = None;
        let (directory, of_database) = (self.directory.path(), |name: &str| name.starts_with(DATABASE));
        // What is left of the log belongs to the state that goes.
        for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
            if entry.file_name().to_str().is_some_and(of_database) {
                fs::remove_file(entry.path()).unwrap();
            }
        }
        fs::rename(directory.join(SNAPSHOT), directory.join(DATABASE)).unwrap();
        self.store = Some(open(directory, &self.clock));
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
