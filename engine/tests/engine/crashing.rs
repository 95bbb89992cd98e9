//! A job store that fails at a chosen write: its process dies just before the write or just after
//! it with the answer lost, or the write fails before or after it happened, or the store is away
//! from then on for a while. It also counts writes, and the passes of the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::clock::Monotonic;
use brigade_model::ports::job_store::{ForwardJobStore, JobStoreCall, StoreError};
use brigade_model::ports::{Clock, JobStore};
use brigade_runtime::{Node, SimulatedClock};
use brigade_store::memory::MemoryStore;

/// More passes than any simulation needs: an engine that gets there spins.
pub(crate) const PASSES_MAX: u64 = 500_000;

/// What goes wrong, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mishap {
    /// At which write, from 1.
    pub(crate) write: u64,
    pub(crate) what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The process dies before the write happens.
    DiesBefore,
    /// The process dies after it has happened.
    DiesAfter,
    /// The store fails, and nothing has happened.
    FailsBefore,
    /// The store fails, and it has happened.
    FailsAfter,
    /// Every call fails from this one on, for so long.
    Away(Duration),
}

/// What is counted over all processes. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counted {
    pub(crate) writes: Arc<AtomicU64>,
    pub(crate) passes: Arc<AtomicU64>,
    /// Until when the store is away.
    away: Arc<std::sync::Mutex<Option<Monotonic>>>,
}

impl Counted {
    /// Writes and passes so far.
    pub(crate) fn now(&self) -> (u64, u64) {
        (self.writes.load(Ordering::SeqCst), self.passes.load(Ordering::SeqCst))
    }

    /// The store is away from now on, for so long.
    pub(crate) fn go_away(&self, clock: &SimulatedClock, duration: Duration) {
        *self.away.lock().unwrap() = Some(clock.monotonic().after(duration));
    }
}

/// The store of one process.
pub(crate) struct Crashing {
    pub(crate) inner: MemoryStore,
    pub(crate) node: Node,
    pub(crate) mishap: Option<Mishap>,
    pub(crate) counted: Counted,
    pub(crate) clock: Arc<SimulatedClock>,
}

impl Crashing {
    async fn write<T, E: From<StoreError>>(&self, write: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
        let number = self.counted.writes.fetch_add(1, Ordering::SeqCst) + 1;
        let what = self.mishap.filter(|mishap| mishap.write == number).map(|mishap| mishap.what);
        match what {
            Some(What::DiesBefore) => return self.die().await,
            Some(What::FailsBefore) => return Err(failure().into()),
            Some(What::Away(duration)) => self.counted.go_away(&self.clock, duration),
            Some(What::DiesAfter | What::FailsAfter) | None => {}
        }
        self.must_be_there()?;
        let answer = write.await;
        match what {
            Some(What::DiesAfter) => self.die().await,
            Some(What::FailsAfter) => Err(failure().into()),
            _ => answer,
        }
    }

    async fn read<T, E: From<StoreError>>(&self, read: impl Future<Output = Result<T, E>> + Send) -> Result<T, E> {
        self.must_be_there()?;
        read.await
    }

    fn must_be_there(&self) -> Result<(), StoreError> {
        let away = self.counted.away.lock().unwrap().is_some_and(|until| self.clock.monotonic() < until);
        if away { Err(failure()) } else { Ok(()) }
    }

    async fn die<T>(&self) -> T {
        self.node.crash();
        std::future::pending().await
    }

    fn count_pass(&self) {
        let passes = self.counted.passes.fetch_add(1, Ordering::SeqCst);
        assert!(passes < PASSES_MAX, "the engine spins");
    }
}

fn failure() -> StoreError {
    StoreError::Unavailable("away, for a test".to_owned())
}

#[async_trait]
impl ForwardJobStore for Crashing {
    fn inner(&self) -> &dyn JobStore {
        &self.inner
    }

    async fn around<T, E, A>(&self, call: JobStoreCall, answer: A) -> Result<T, E>
    where
        T: Send,
        E: From<StoreError> + Send,
        A: Future<Output = Result<T, E>> + Send,
    {
        if call.name == "open_jobs" {
            self.count_pass();
        }
        if call.is_read { self.read(answer).await } else { self.write(answer).await }
    }
}
