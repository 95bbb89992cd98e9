//! Keeps the lease of a slice while it runs: renews it, and reads whether the job may still run.
//!
//! The job's status is read three times in `limits::NOTICE_MAX`, and the cancel token starts no task when the last
//! read is older than that.

use brigade_model::Phase;
use brigade_model::limits::NOTICE_MAX;
use brigade_model::ports::clock::Sleep;
use brigade_model::ports::job_store::{LeaseError, StoreError};
use brigade_model::status::phase;
use futures::FutureExt;
use futures::future::BoxFuture;

use super::or_never::or_never;
use super::slice_run::SliceRun;

/// The timers and calls that keep a lease.
pub(super) struct LeaseKeeper<'a> {
    run: SliceRun<'a>,
    renew_timer: Sleep,
    renewing: Option<BoxFuture<'a, Result<(), LeaseError>>>,
    look_timer: Sleep,
    looking: Option<BoxFuture<'a, Result<(), StoreError>>>,
}

/// What is known of a lease after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LeaseState {
    /// The slice is this worker's, as far as it knows.
    Held,
    /// It is another worker's.
    Fenced,
}

impl<'a> LeaseKeeper<'a> {
    pub(super) fn new(run: SliceRun<'a>) -> Self {
        Self {
            run,
            renew_timer: renew_timer(run),
            renewing: None,
            look_timer: look_timer(run),
            // Opening the slice may have taken long.
            looking: Some(look(run)),
        }
    }

    /// Waits until a timer or a call ends, and acts on it; begins no call unless the lease is to be kept. What is
    /// dropped before it ends is waited for again by the next step.
    pub(super) async fn step(&mut self, is_kept: bool) -> LeaseState {
        tokio::select! {
            biased;
            renewed = or_never(&mut self.renewing) => return self.note_renewal(renewed),
            () = &mut self.renew_timer, if self.renewing.is_none() && is_kept => self.renewing = Some(renew(self.run)),
            looked = or_never(&mut self.looking) => self.note_look(looked),
            () = &mut self.look_timer, if self.looking.is_none() && is_kept => self.looking = Some(look(self.run)),
        }
        LeaseState::Held
    }

    fn note_renewal(&mut self, renewed: Result<(), LeaseError>) -> LeaseState {
        self.renew_timer = renew_timer(self.run);
        match renewed {
            Ok(()) => LeaseState::Held,
            Err(LeaseError::Fenced) => {
                self.run.cancel.kill();
                LeaseState::Fenced
            }
            // The lease lasts until its expiry; the cancel token ends all work by then.
            Err(LeaseError::Store(error)) => {
                tracing::warn!(job = %self.run.job.id, %error, "cannot renew slice lease; the slice runs until it expires");
                LeaseState::Held
            }
        }
    }

    fn note_look(&mut self, looked: Result<(), StoreError>) {
        self.look_timer = look_timer(self.run);
        if let Err(error) = looked {
            tracing::warn!(job = %self.run.job.id, %error, "cannot read job status; starting no tasks");
        }
    }
}

fn renew_timer(run: SliceRun<'_>) -> Sleep {
    run.context.ports.clock.sleep(run.job.spec.operation.kind().lease_ttl() / 3)
}

fn renew(run: SliceRun<'_>) -> BoxFuture<'_, Result<(), LeaseError>> {
    async move {
        let ttl = run.job.spec.operation.kind().lease_ttl();
        let before = run.context.ports.clock.monotonic();
        let status = run.context.ports.jobs.renew_slice(run.lease, ttl).await?;
        run.cancel.prolong(before.after(ttl));
        if phase(status) != Phase::Execute {
            run.cancel.stop();
        }
        Ok(())
    }
    .boxed()
}

fn look_timer(run: SliceRun<'_>) -> Sleep {
    run.context.ports.clock.sleep(NOTICE_MAX / 3)
}

/// Reads whether the job may run, and stops the cancel token when it may not.
fn look(run: SliceRun<'_>) -> BoxFuture<'_, Result<(), StoreError>> {
    async move {
        let before = run.context.ports.clock.monotonic();
        let job = run.context.ports.jobs.job(run.job.id).await?;
        match job.is_some_and(|job| phase(job.status) == Phase::Execute) {
            true => run.cancel.begin_until(before.after(NOTICE_MAX)),
            false => run.cancel.stop(),
        }
        Ok(())
    }
    .boxed()
}
