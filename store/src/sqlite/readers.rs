//! The readers: a few connections, each used by one read at a time on a blocking thread; and one
//! for reads of a row, which the calling thread performs itself.
//!
//! A read is one short transaction, so that what it sees belongs together and no snapshot is
//! old enough to hold the write-ahead log back.
//!
//! A row costs some 20 us to read, and a blocking thread as much again to be woken and to wake the
//! task that asked. But a read may wait for the disk, and the calling threads carry the whole
//! service. So one of them at a time reads for itself, and concurrent reads go to blocking threads:
//! a disk that hangs takes one thread of several.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use brigade_model::ports::job_store::StoreError;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::sync::Semaphore;

use super::fail_stop::FailStop;
use super::opening::{DirectoryLock, STATEMENTS_MAX};

/// Reads at the same time: more would only queue for the same cores and pages.
const READERS: usize = 4;

/// The pool; clones are one pool.
#[derive(Debug, Clone)]
pub(super) struct Readers {
    /// For reads of a row.
    near: Arc<Mutex<Connection>>,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    fail_stop: FailStop,
    /// Held as long as a connection is.
    _lock: Arc<DirectoryLock>,
}

impl Readers {
    pub(super) fn open(file: &Path, lock: Arc<DirectoryLock>, fail_stop: FailStop) -> rusqlite::Result<Self> {
        let idle = (0..READERS).map(|_| open_reader(file)).collect::<rusqlite::Result<_>>()?;
        let (near, idle) = (Arc::new(Mutex::new(open_reader(file)?)), Arc::new(Mutex::new(idle)));
        Ok(Self { near, idle, free: Arc::new(Semaphore::new(READERS)), fail_stop, _lock: lock })
    }

    /// Performs a read that is one statement about one row.
    pub(super) async fn read_row<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        if let Some(near) = try_lock(&self.near) {
            return act(&near).map_err(|error| self.fail_stop.judge(&error));
        }
        self.read(|transaction| act(transaction)).await
    }

    pub(super) async fn read<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = self.free.clone().acquire_owned().await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
        let pool = self.clone();
        let read = move || {
            let _permit = permit;
            pool.read_now(act)
        };
        // It panicked: what it read is not what it expected.
        tokio::task::spawn_blocking(read).await.map_err(|e| StoreError::Broken(e.to_string()))?
    }

    fn read_now<T>(&self, act: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>) -> Result<T, StoreError> {
        let mut borrowed = Borrowed::of(&self.idle);
        let value = borrowed.connection().transaction().and_then(|transaction| act(&transaction));
        value.map_err(|error| self.fail_stop.judge(&error))
    }
}

/// The connection, unless another read uses it.
fn try_lock(connection: &Mutex<Connection>) -> Option<MutexGuard<'_, Connection>> {
    match connection.try_lock() {
        Ok(connection) => Some(connection),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

/// A connection that goes back to the pool, also when the read panics: its permit does.
struct Borrowed<'a> {
    connection: Option<Connection>,
    idle: &'a Mutex<Vec<Connection>>,
}

impl<'a> Borrowed<'a> {
    fn of(idle: &'a Mutex<Vec<Connection>>) -> Self {
        let connection = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self { connection, idle }
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection.as_mut().expect("there are as many connections as permits")
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).extend(self.connection.take());
    }
}

fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(connection)
}
