//! The reference bodies pass the suite that they are the reference for, and so does a decorator of one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::job_store::ForwardJobStore;
use brigade_model::ports::{Clock, JobStore};
use brigade_store::conformance::{
    Bench, EmbeddedBench, ManualClock, counters_are_the_sum_of_the_parts_whatever_happens,
};
use brigade_store::memory::{MemorySpool, MemoryStore};

struct Memory {
    clock: Arc<ManualClock>,
    store: MemoryStore,
    snapshot: Option<MemoryStore>,
    is_decorated: bool,
}

/// A decorator that does nothing.
struct Forwarding(MemoryStore);

impl ForwardJobStore for Forwarding {
    fn inner(&self) -> &dyn JobStore {
        &self.0
    }
}

impl Memory {
    async fn set_up() -> Self {
        let clock = Arc::new(ManualClock::default());
        Self { store: MemoryStore::new(clock.clone()), clock, snapshot: None, is_decorated: false }
    }

    async fn set_up_decorated() -> Self {
        Self { is_decorated: true, ..Self::set_up().await }
    }
}

#[async_trait]
impl Bench for Memory {
    fn store(&self) -> Arc<dyn JobStore> {
        let store = self.store.clone();
        if self.is_decorated { Arc::new(Forwarding(store)) } else { Arc::new(store) }
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
        self.snapshot = Some(self.store.snapshot());
    }

    async fn restore_snapshot(&mut self) {
        self.store = self.snapshot.take().expect("a snapshot was taken");
    }
}

#[async_trait]
impl EmbeddedBench for Memory {
    async fn reopen(&mut self) {
        self.store = self.store.clone();
        self.store.reopen();
    }
}

mod store {
    use super::Memory;

    brigade_store::job_store_conformance!(Memory::set_up());
    brigade_store::embedded_store_conformance!(Memory::set_up());

    #[test]
    fn counters_are_the_sum_of_the_parts_whatever_happens() {
        super::counters_are_the_sum_of_the_parts_whatever_happens(256, Memory::set_up);
    }
}

mod decorated_store {
    use super::Memory;

    brigade_store::job_store_conformance!(Memory::set_up_decorated());
}

mod spool {
    use brigade_model::ports::spool::{Spool, SpoolError};
    use bytes::Bytes;

    use super::MemorySpool;

    brigade_store::spool_conformance!(async { MemorySpool::new() });

    #[tokio::test]
    async fn a_spool_with_a_capacity_is_full_at_it_and_has_room_again_after_a_removal() {
        let spool = MemorySpool::with_capacity(10);
        spool.write("a", Bytes::from_static(&[0; 6])).await.unwrap();
        assert_eq!(spool.bytes_free().await.unwrap(), Some(4));
        let full = spool.write("b", Bytes::from_static(&[0; 5])).await;
        assert!(matches!(full, Err(SpoolError::Full(_))), "{full:?}");
        spool.write("a", Bytes::from_static(&[0; 10])).await.unwrap();
        spool.remove("a").await.unwrap();
        spool.write("b", Bytes::from_static(&[0; 5])).await.unwrap();
    }
}
