//! What the embedded store promises beyond the port: how it commits, what it costs, how it ends.

mod costs;
mod endings;
mod groups;
mod stored_forms;

use std::path::Path;
use std::sync::Arc;

use brigade_model::ports::job_store::StoreError;
use rusqlite::Connection;
use tempfile::TempDir;

use super::SqliteStore;
use super::fail_stop::FailStop;
use super::writer::Stopped;
use crate::conformance::ManualClock;

fn clock() -> Arc<ManualClock> {
    Arc::default()
}

/// A store whose end is told to `tell`, in a directory that is removed with it.
fn open_telling(tell: impl Fn(&str) + Send + Sync + 'static) -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with_fail_stop(directory.path(), clock(), FailStop::told(tell)).unwrap();
    (directory, store)
}

/// A store whose end fails the test.
fn open() -> (TempDir, SqliteStore) {
    open_telling(|why| panic!("the process would have ended: {why}"))
}

fn open_again(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, clock()).unwrap()
}

/// Does something with the writer's connection.
async fn with_writer<T: Send + 'static>(
    store: &SqliteStore,
    act: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, StoreError> {
    store.writer.write(move |connection| act(connection).map_err(Stopped::Broken)).await
}
