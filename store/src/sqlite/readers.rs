//! The readers: a few connections, each used by one read at a time on a blocking thread; and a few
//! for reads of a row, which the calling thread performs itself.
//!
//! A read is one short transaction, so that what it sees belongs together and no snapshot is
//! old enough to hold the write-ahead log back.
//!
//! A row costs some 20 us to read, and a blocking thread as much again to be woken and to wake the
//! task that asked. But a read may wait for the disk, and the calling threads carry the whole
//! service. So they read for themselves, each by a connection of its own, while such reads are quick; once
//! one has lasted [`QUICK`], others go to blocking threads until it ends: a disk that hangs takes the
//! threads that asked it in the same moment, and of many never more than [`NEAR_READERS_MAX`].

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use brigade_model::ports::clock::{Clock, Monotonic};
use brigade_model::ports::job_store::StoreError;
use rusqlite::{Connection, OpenFlags, Transaction};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::fail_stop::FailStop;
use super::opening::{DirectoryLock, STATEMENTS_MAX};

/// Reads at the same time: more would only queue for the same cores and pages.
const READERS: usize = 4;

/// Threads that read rows for themselves at the same time.
const NEAR_READERS_MAX: usize = 4;

/// How long a read of a row may last before others take it for one that waits for the disk: some time slices of a thread
/// on a busy machine. ours
pub(super) const QUICK: Duration = Duration::from_millis(10);

/// The pool; clones are one pool.
#[derive(Clone)]
pub(super) struct Readers {
    /// For reads of a row.
    near: Arc<[Near]>,
    clock: Arc<dyn Clock>,
    idle: Arc<Mutex<Vec<Connection>>>,
    free: Arc<Semaphore>,
    fail_stop: FailStop,
    /// Held as long as a connection is.
    _lock: Arc<DirectoryLock>,
}

impl Readers {
    pub(super) fn open(
        file: &Path,
        lock: Arc<DirectoryLock>,
        fail_stop: FailStop,
        clock: Arc<dyn Clock>,
    ) -> rusqlite::Result<Self> {
        let idle = (0..READERS).map(|_| open_reader(file)).collect::<rusqlite::Result<_>>()?;
        let near = (0..near_readers()).map(|_| Near::open(file));
        let (near, idle) = (near.collect::<rusqlite::Result<_>>()?, Arc::new(Mutex::new(idle)));
        Ok(Self { near, clock, idle, free: Arc::new(Semaphore::new(READERS)), fail_stop, _lock: lock })
    }

    /// Performs a read that is one statement about one row.
    pub(super) async fn read_row<T: Send + 'static>(
        &self,
        act: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let now = self.clock.monotonic();
        if self.near.iter().all(|near| near.is_quick(now))
            && let Some(reading) = self.near.iter().find_map(|near| near.begin(now))
        {
            return act(&reading.connection).map_err(|error| self.fail_stop.judge(&error));
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

/// As many as there are threads that carry the service.
fn near_readers() -> usize {
    Handle::try_current().map_or(1, |runtime| runtime.metrics().num_workers()).min(NEAR_READERS_MAX)
}

/// A connection for the calling threads.
#[derive(Debug)]
struct Near {
    connection: Mutex<Connection>,
    /// When the read under way began, ns of monotonic time; or [`NOT_READING`].
    began_ns: AtomicU64,
}

const NOT_READING: u64 = u64::MAX;

impl Near {
    fn open(file: &Path) -> rusqlite::Result<Self> {
        Ok(Self { connection: Mutex::new(open_reader(file)?), began_ns: AtomicU64::new(NOT_READING) })
    }

    /// Whether no read is under way that has lasted too long.
    fn is_quick(&self, now: Monotonic) -> bool {
        let began = self.began_ns.load(Ordering::Relaxed);
        began == NOT_READING || now.since(Monotonic(Duration::from_nanos(began))) < QUICK
    }

    /// The connection, unless another read uses it.
    fn begin(&self, now: Monotonic) -> Option<Reading<'_>> {
        let connection = match self.connection.try_lock() {
            Ok(connection) => connection,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        self.began_ns.store(u64::try_from(now.0.as_nanos()).unwrap_or(NOT_READING), Ordering::Relaxed);
        Some(Reading { connection, began_ns: &self.began_ns })
    }
}

/// A read under way, until dropped: also when it panics.
struct Reading<'a> {
    connection: MutexGuard<'a, Connection>,
    began_ns: &'a AtomicU64,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.began_ns.store(NOT_READING, Ordering::Relaxed);
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
