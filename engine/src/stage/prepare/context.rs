//! What a preparation needs, whatever its tasks are made from.

use brigade_model::Job;
use brigade_model::ports::job_store::StageLease;
use brigade_model::ports::object_store::CancelToken;
use brigade_model::ports::{JobStore, Spool};

use crate::byte_budget::ByteBudget;
use crate::places::RolePlaces;
use crate::slice::slicer::Slicing;

/// What a preparation needs.
#[derive(Clone, Copy)]
pub(crate) struct Prepare<'a> {
    /// The job, Preparing.
    pub(crate) job: &'a Job,
    /// Its stage, held.
    pub(crate) lease: &'a StageLease,
    /// Where slices are recorded.
    pub(crate) jobs: &'a dyn JobStore,
    /// Where their files go.
    pub(crate) spool: &'a dyn Spool,
    /// Where the job's role may act.
    pub(crate) places: &'a RolePlaces,
    /// What the slices and outcomes of its account may take, in bytes.
    pub(crate) bytes_max: u64,
    /// How long it may go on.
    pub(crate) cancel: &'a CancelToken,
    /// The bytes of bodies that this process holds.
    pub(crate) bytes: &'a ByteBudget,
}

impl<'a> Prepare<'a> {
    /// What the cutting of its tasks into slices needs.
    pub(super) fn slicing(&self) -> Slicing<'a> {
        let &Self { job, lease, jobs, spool, bytes_max, cancel, .. } = self;
        Slicing { job, lease, jobs, spool, bytes_max, cancel }
    }
}
