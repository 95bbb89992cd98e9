//! Removes what has outlived its retention: beside the loop, in bounded steps.

use std::collections::BTreeSet;

use brigade_model::JobId;
use brigade_model::ports::job_store::{Due, StoreError};
use brigade_model::ports::object_store::CancelToken;

use crate::context::EngineContext;
use crate::pace::{Pace, ROW_BYTES};

/// Rows that one step of a purge removes.
const PURGE_ROWS: usize = 1000;

/// Removes jobs that ended long ago, and deleted ones, with their files; and the slices and
/// outcomes of ended jobs whose retention is over. Returns whether every folder of the spool
/// belongs to a job that holds it, which was so before if `is_spool_swept`.
pub(crate) async fn purge(context: &EngineContext, cancel: &CancelToken, is_spool_swept: bool) -> bool {
    let mut purge = Purge { context, cancel, is_spool_swept };
    if let Err(error) = purge.work().await {
        tracing::warn!(%error, "cannot purge ended jobs; retrying");
    }
    purge.is_spool_swept
}

struct Purge<'a> {
    context: &'a EngineContext,
    cancel: &'a CancelToken,
    is_spool_swept: bool,
}

impl Purge<'_> {
    async fn work(&mut self) -> Result<(), StoreError> {
        if !self.is_spool_swept {
            self.is_spool_swept = self.sweep_spool().await?;
        }
        while !self.cancel.is_stopped() && self.step().await? {}
        Ok(())
    }

    /// Removes some rows, and the files that no row names after that; whether more is left.
    async fn step(&mut self) -> Result<bool, StoreError> {
        let ports = &self.context.ports;
        let (now, config) = (ports.jobs.service_time().await?, self.context.config.now());
        let due = Due {
            ended_before: now.before(config.ended_jobs_kept),
            outcomes_before: now.before(config.outcomes_kept),
            quotas: config.quotas.clone(),
        };
        let purged = ports.jobs.purge(&due, PURGE_ROWS).await;
        // Without an answer it is unknown which jobs are gone.
        self.is_spool_swept &= purged.is_ok();
        let purged = purged?;
        for job in &purged.jobs {
            self.is_spool_swept &= self.empty_spool(*job).await;
        }
        Ok(purged.more)
    }

    /// Removes spool files that earlier purges could not remove, of jobs that are gone or gave up
    /// their outcomes; whether none is left.
    async fn sweep_spool(&self) -> Result<bool, StoreError> {
        let Some(names) = self.list_spool("").await else { return Ok(false) };
        // Listed before the store is asked: the files of a job come after its row.
        let (mut folders, mut pace) = (BTreeSet::<JobId>::new(), Pace::default());
        for name in names {
            folders.extend(name.split_once('/').and_then(|(folder, _)| folder.parse::<JobId>().ok()));
            pace.work(name.len() + ROW_BYTES).await;
        }
        let mut is_swept = true;
        for job in folders {
            if self.cancel.is_stopped() {
                return Ok(false);
            }
            let is_in_use = match self.context.ports.jobs.job(job).await? {
                Some(kept) if kept.outcomes_removed.is_none() => true,
                Some(_) => !self.context.ports.jobs.slices(job, 0, 1).await?.is_empty(),
                None => false,
            };
            if !is_in_use {
                is_swept &= self.empty_spool(job).await;
            }
        }
        Ok(is_swept)
    }

    /// Removes the spool files of a job that holds no slices; whether none is left.
    async fn empty_spool(&self, job: JobId) -> bool {
        let Some(names) = self.list_spool(&format!("{job}/")).await else { return false };
        let mut is_empty = true;
        for name in names {
            if self.cancel.is_stopped() {
                return false;
            }
            if let Err(error) = self.context.ports.spool.remove(&name).await {
                if is_empty {
                    tracing::warn!(%job, %error, "cannot remove spool files of a purged job; retrying");
                }
                is_empty = false;
            }
        }
        is_empty
    }

    async fn list_spool(&self, prefix: &str) -> Option<Vec<String>> {
        let listed = self.context.ports.spool.list(prefix).await;
        listed.inspect_err(|error| tracing::warn!(%error, "cannot list spool; retrying the purge")).ok()
    }
}
