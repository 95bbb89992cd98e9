//! The cancel tokens of all work that runs for a job in this process, so that a cancel takes effect
//! here before the service answers it; and the slices that this process works on, so that it finds
//! a lease of its own that has lost its worker.
//!
//! A worker takes its cancel token *before* it asks for a lease. The service stores a cancel
//! *before* it stops the job's tokens. So either the worker's token is stopped, or the store
//! refuses its lease, because the cancel came first.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use brigade_model::ports::Monotonic;
use brigade_model::ports::job_store::Fence;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::{JobId, WaitCause, Waiting};

/// All cancel tokens of an engine. Clones are one.
#[derive(Debug, Clone, Default)]
pub(crate) struct CancelRegistry(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    next: u64,
    is_closed: bool,
    held: BTreeMap<(Option<JobId>, u64), Entry>,
}

#[derive(Debug)]
struct Entry {
    cancel: CancelToken,
    /// The job whose stage it is, of work that no cancel ends.
    stage_of: Option<JobId>,
    /// The slice and the fence of its lease; `None` before there is one.
    lease: Option<(u32, Fence)>,
}

/// A cancel token in use; dropping this removes it from the registry.
#[derive(Debug)]
pub(crate) struct RegisteredToken {
    cancels: CancelRegistry,
    at: (Option<JobId>, u64),
    pub(crate) cancel: CancelToken,
}

impl CancelRegistry {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A cancel token for work that a cancel of that job ends (`Some`), or that no cancel ends
    /// (`None`).
    pub(crate) fn take(&self, job: Option<JobId>) -> RegisteredToken {
        self.take_for(job, None)
    }

    /// A cancel token for the stage of a job, which no cancel of the job ends.
    pub(crate) fn take_for_stage(&self, job: JobId) -> RegisteredToken {
        self.take_for(None, Some(job))
    }

    fn take_for(&self, job: Option<JobId>, stage_of: Option<JobId>) -> RegisteredToken {
        let cancel = CancelToken::unbounded();
        let mut state = self.state();
        if state.is_closed {
            cancel.stop();
        }
        let at = (job, state.next);
        state.next += 1;
        state.held.insert(at, Entry { cancel: cancel.clone(), stage_of, lease: None });
        RegisteredToken { cancels: self.clone(), at, cancel }
    }

    /// Stops every cancel token of a job.
    pub(crate) fn stop(&self, job: JobId) {
        self.state().held.range((Some(job), 0)..=(Some(job), u64::MAX)).for_each(|(_, entry)| entry.cancel.stop());
    }

    /// The leases of slices of a job under which this process works; `None` while it asks for
    /// another, which it may have already.
    pub(crate) fn leases(&self, job: JobId) -> Option<Vec<(u32, Fence)>> {
        self.state().held.range((Some(job), 0)..=(Some(job), u64::MAX)).map(|(_, entry)| entry.lease).collect()
    }

    /// Why tasks of the job wait for long in this process; `None` when none does.
    pub(crate) fn why_stuck(&self, job: JobId) -> Option<String> {
        self.state().held.range((Some(job), 0)..=(Some(job), u64::MAX)).find_map(|(_, entry)| entry.cancel.why_stuck())
    }

    /// The call that has stood still for longest, of the slices and the stage of the job in this process.
    pub(crate) fn longest_wait(&self, job: JobId) -> Option<(Monotonic, Waiting)> {
        let state = self.state();
        let its = state.held.iter().filter(|((of, _), entry)| *of == Some(job) || entry.stage_of == Some(job));
        its.filter_map(|(_, entry)| entry.cancel.longest_wait())
            .min_by_key(|(since, waiting)| (waiting.cause == WaitCause::Answer, *since))
    }

    /// Stops every cancel token, and each one taken from now on.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.held.values().for_each(|entry| entry.cancel.stop());
    }

    /// Kills every cancel token: what has begun ends now.
    pub(crate) fn kill(&self) {
        self.state().held.values().for_each(|entry| entry.cancel.kill());
    }
}

impl RegisteredToken {
    /// From now on the work is on this slice, under a lease with this fence.
    pub(crate) fn note_lease(&self, slice: u32, fence: Fence) {
        if let Some(entry) = self.cancels.state().held.get_mut(&self.at) {
            entry.lease = Some((slice, fence));
        }
    }
}

impl Drop for RegisteredToken {
    fn drop(&mut self) {
        self.cancels.state().held.remove(&self.at);
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::job_store::LeaseToken;

    use super::*;

    #[test]
    fn a_stop_reaches_every_leash_of_the_job_and_no_other() {
        let cancels = CancelRegistry::default();
        let (one, two) = (JobId::from_u128(1), JobId::from_u128(2));
        let (a, b, other) = (cancels.take(Some(one)), cancels.take(Some(one)), cancels.take(Some(two)));
        cancels.stop(one);
        assert!(a.cancel.is_stopped() && b.cancel.is_stopped() && !other.cancel.is_stopped());
        drop((a, b));
        assert_eq!(cancels.state().held.len(), 1);
        cancels.close();
        assert!(other.cancel.is_stopped() && cancels.take(None).cancel.is_stopped());
    }

    #[test]
    fn the_leases_of_a_job_are_known_unless_one_is_being_asked_for() {
        let cancels = CancelRegistry::default();
        let job = JobId::from_u128(1);
        assert_eq!(cancels.leases(job), Some(vec![]));
        let held = cancels.take(Some(job));
        assert_eq!(cancels.leases(job), None, "it may be granted at this moment");
        let fence = Fence { epoch: 3, token: LeaseToken(uuid::Uuid::nil()) };
        held.note_lease(7, fence);
        assert_eq!(cancels.leases(job), Some(vec![(7, fence)]));
        drop(held);
        assert_eq!(cancels.leases(job), Some(vec![]), "nobody works under it any more");
    }
}
