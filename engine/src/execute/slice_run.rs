//! A slice to run, how its run ends, and giving it back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::ports::job_store::SliceLease;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{Job, JobFailure};

use crate::context::EngineContext;
use crate::stage_error::StageError;

/// How often a worker tries to release a slice's lease while the store fails, and the pause between
/// tries.
const RELEASE_TRIES: u32 = 60;
const RELEASE_PAUSE: Duration = Duration::from_secs(1);

/// How the run of a slice ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SliceEnd {
    /// Every task has its outcome, or the slice was given back for a reason that the job's
    /// status tells.
    Done,
    /// Something failed that may pass: not again at once.
    Again,
}

/// A slice to run.
#[derive(Clone, Copy)]
pub(crate) struct SliceRun<'a> {
    pub(crate) context: &'a EngineContext,
    pub(crate) job: &'a Job,
    pub(crate) lease: &'a SliceLease,
    pub(crate) cancel: &'a CancelToken,
    pub(crate) aside: &'a Aside,
}

/// Whether a slice only waits for tasks that are stuck, so that it needs no place. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aside(Arc<AtomicBool>);

impl Aside {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// Sets it; gives whether it was another before.
    pub(super) fn change(&self, is_set: bool) -> bool {
        self.0.swap(is_set, Ordering::SeqCst) != is_set
    }
}

/// What a worker leaves of the tasks that have no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// They are to run; whether the next holder must check effects before it acts.
    Unchecked { must_check: bool },
    /// They were looked at, and are to be looked at again in that round of the job.
    ForRound(u32),
}

/// Releases the slice. Retries for a while when the store fails, because a lease that expires
/// instead makes the next worker check the tasks; stops when the cancel token is killed.
pub(super) async fn release(run: SliceRun<'_>, left: Left) {
    let cut = run.cancel.for_cleanup();
    for _ in 0..RELEASE_TRIES {
        let jobs = &run.context.ports.jobs;
        let released = match left {
            Left::Unchecked { must_check } => jobs.release_slice(run.lease, must_check).await,
            Left::ForRound(round) => jobs.put_off_slice(run.lease, round).await,
        };
        match released {
            Ok(()) => return,
            Err(error) => tracing::warn!(job = %run.job.id, %error, "cannot release slice lease; retrying"),
        }
        tokio::select! {
            biased;
            () = cut.stopped() => return,
            () = run.context.ports.clock.sleep(RELEASE_PAUSE) => {}
        }
    }
}

/// Ends a slice that cannot start or continue.
pub(super) async fn end_by_error(run: SliceRun<'_>, stage_error: StageError) -> SliceEnd {
    match stage_error {
        StageError::Failed(why) => fail(run, why).await,
        StageError::Fenced | StageError::Stopped => SliceEnd::Done,
        StageError::Again(reason) => {
            tracing::warn!(job = %run.job.id, slice = run.lease.slice.index, %reason, "cannot run slice now; retrying");
            SliceEnd::Again
        }
    }
}

/// Fails the job; when the store refuses, the next worker of the slice finds the same failure.
async fn fail(run: SliceRun<'_>, why: JobFailure) -> SliceEnd {
    tracing::error!(job = %run.job.id, slice = run.lease.slice.index, reason = %why.reason, "cannot run slice; failing the job");
    match run.context.fail_job(run.job.id, why).await {
        Ok(()) => SliceEnd::Done,
        Err(error) => {
            tracing::warn!(job = %run.job.id, %error, "cannot record job failure; retrying");
            SliceEnd::Again
        }
    }
}
