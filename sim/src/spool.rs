//! The spool of a node: one disk for all nodes, which fills up and fails.

use std::sync::Arc;

use async_trait::async_trait;
use brigade_model::ports::Spool;
use brigade_model::ports::spool::SpoolError;
use bytes::Bytes;

use crate::cluster::SimulatedCluster;

/// Room on a disk that is not full.
const FREE_BYTES: u64 = 1 << 40;

/// The spool as one node has it.
pub(crate) struct NodeSpool(pub(crate) Arc<SimulatedCluster>);

impl NodeSpool {
    fn check(&self, name: &str) -> Result<(), SpoolError> {
        match self.0.fault_schedule.does_spool_fail(self.0.executor.now()) {
            true => Err(SpoolError::Io { name: name.to_owned(), problem: "broken, by the seed".to_owned() }),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Spool for NodeSpool {
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError> {
        self.check(name)?;
        if self.0.fault_schedule.is_disk_full(self.0.executor.now()) {
            return Err(SpoolError::Full(format!("{name} does not fit, by the seed")));
        }
        self.0.spool.write(name, bytes).await
    }

    async fn read(&self, name: &str) -> Result<Bytes, SpoolError> {
        self.check(name)?;
        self.0.spool.read(name).await
    }

    async fn remove(&self, name: &str) -> Result<(), SpoolError> {
        self.check(name)?;
        self.0.spool.remove(name).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError> {
        self.check(prefix)?;
        self.0.spool.list(prefix).await
    }

    async fn bytes_used(&self) -> Result<u64, SpoolError> {
        self.0.spool.bytes_used().await
    }

    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError> {
        self.check("")?;
        Ok(Some(if self.0.fault_schedule.is_disk_full(self.0.executor.now()) { 0 } else { FREE_BYTES }))
    }
}
