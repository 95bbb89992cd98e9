//! Slices: leased, worked on in parts, revoked.

use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::ports::job_store::{
    Fence, KnownLeases, LeaseError, LeaseToken, NewSlice, OutcomePart, OwnerId, SliceLease, SliceRow, StageLease,
};
use brigade_model::status::Status;
use bytes::Bytes;

use super::jobs::{JobRecord, State};
use super::lease::Lease;
use crate::moment::Moment;

/// A slice with its lease and its parts.
#[derive(Clone)]
pub(super) struct Slice {
    new: NewSlice,
    pub(super) lease: Lease,
    succeeded: u32,
    failed: u32,
    must_check: bool,
    revocations: u32,
    /// The round of its job that it waits for.
    round: u32,
    first_leased: Option<Timestamp>,
    /// When its last lease began.
    leased_at: Option<Timestamp>,
    must_check_since: Option<Timestamp>,
    /// By seq; each with the fence of the lease that recorded it.
    parts: Vec<(Fence, Bytes)>,
}

impl Slice {
    pub(super) fn new(new: NewSlice) -> Self {
        Self {
            new,
            lease: Lease::default(),
            succeeded: 0,
            failed: 0,
            must_check: false,
            revocations: 0,
            round: 0,
            first_leased: None,
            leased_at: None,
            must_check_since: None,
            parts: Vec::new(),
        }
    }

    /// How many rows of a table it would be.
    pub(super) fn rows(&self) -> usize {
        1 + self.parts.len()
    }

    /// What its file in the spool and its parts take.
    fn bytes(&self) -> u64 {
        self.new.bytes + self.parts.iter().map(|(_, part)| part.len() as u64).sum::<u64>()
    }

    /// Forgets its last part; false when it has none.
    pub(super) fn forget_part(&mut self) -> bool {
        self.parts.pop().is_some()
    }

    fn row(&self) -> SliceRow {
        SliceRow {
            index: self.new.index,
            first_task: self.new.first_task,
            tasks: self.new.tasks,
            spool_name: self.new.spool_name.clone(),
            succeeded: self.succeeded,
            failed: self.failed,
            is_leased: self.lease.is_held(),
            must_check: self.must_check,
            revocations: self.revocations,
            round: self.round,
            first_leased: self.first_leased,
            must_check_since: self.must_check_since,
        }
    }

    /// Its place among the slices that wait for a lease.
    fn turn(&self) -> (u32, u32) {
        (self.round, self.new.index)
    }

    fn is_done(&self) -> bool {
        self.left() == 0
    }

    /// Tasks without an outcome.
    fn left(&self) -> u64 {
        u64::from(self.new.tasks).saturating_sub(u64::from(self.succeeded) + u64::from(self.failed))
    }

    fn was_recorded(&self, part: &OutcomePart) -> bool {
        let place = usize::try_from(part.seq).ok();
        self.lease.has(part.fence) && place.and_then(|at| self.parts.get(at)).is_some_and(|p| p.0 == part.fence)
    }

    /// What its last holder attempted may be without an outcome.
    fn mark_must_check(&mut self) {
        self.must_check = true;
        self.must_check_since = self.must_check_since.or(self.leased_at);
    }

    fn revoke(&mut self) {
        self.lease.revoke();
        self.mark_must_check();
        self.revocations += 1;
    }
}

impl JobRecord {
    /// What its slices and outcomes take.
    pub(super) fn bytes(&self) -> u64 {
        self.slices.iter().map(Slice::bytes).sum()
    }

    pub(super) fn holds_slices(&self) -> bool {
        !self.slices.is_empty()
    }

    pub(super) fn slice(&mut self, index: u32) -> Option<&mut Slice> {
        self.slices.get_mut(index as usize)
    }

    fn lease_slice(
        &mut self,
        index: u32,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
        now: Moment,
    ) -> Option<SliceLease> {
        let job = self.job.id;
        let slice = self.slices.get_mut(index as usize)?;
        self.waiting.remove(&slice.turn());
        slice.first_leased.get_or_insert(now.wall);
        slice.leased_at = Some(now.wall);
        let fence = slice.lease.take(owner, token, now.monotonic.after(ttl));
        let next_seq = slice.parts.len() as u64;
        Some(SliceLease { job, owner, fence, next_seq, leased_at: now.wall, slice: slice.row() })
    }

    /// Revokes the leases that `is_lost` names; returns how many.
    fn revoke_slices(&mut self, is_lost: impl Fn(u32, &Lease) -> bool) -> u64 {
        let mut count = 0;
        for slice in self.slices.iter_mut().filter(|slice| is_lost(slice.new.index, &slice.lease)) {
            slice.revoke();
            self.waiting.insert(slice.turn());
            count += 1;
        }
        count
    }
}

impl State {
    pub(super) fn slices(&self, job: JobId, from: u32, limit: usize) -> Vec<SliceRow> {
        let slices = self.jobs.get(&job).map_or(&[][..], |record| &record.slices);
        slices.iter().skip(from as usize).take(limit).map(Slice::row).collect()
    }

    pub(super) fn lease_slice(
        &mut self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
        now: Moment,
    ) -> Option<SliceLease> {
        let record = self.jobs.get_mut(&job).filter(|record| record.job.status == Status::Active)?;
        let round = record.job.rounds.map_or(0, |rounds| rounds.number);
        let (_, first) = record.waiting.first().filter(|(waits_for, _)| *waits_for <= round)?;
        record.lease_slice(*first, owner, token, ttl, now)
    }

    pub(super) fn lease_slice_to_close(
        &mut self,
        stage: &StageLease,
        slice: u32,
        token: LeaseToken,
        ttl: Duration,
        now: Moment,
    ) -> Result<Option<SliceLease>, LeaseError> {
        let record = self.held_stage(stage)?;
        let turn = record.slice(slice).map(|slice| slice.turn());
        if turn.is_none_or(|turn| !record.waiting.contains(&turn)) {
            return Ok(None);
        }
        Ok(record.lease_slice(slice, stage.owner, token, ttl, now))
    }

    pub(super) fn renew_slice(&mut self, lease: &SliceLease, ttl: Duration, now: Moment) -> Result<Status, LeaseError> {
        let record = self.jobs.get_mut(&lease.job).ok_or(LeaseError::Fenced)?;
        let slice = record.slice(lease.slice.index).ok_or(LeaseError::Fenced)?;
        slice.lease.renew(lease.fence, now.monotonic.after(ttl))?;
        Ok(record.job.status)
    }

    pub(super) fn release_slice(&mut self, lease: &SliceLease, must_check: bool) {
        let Some(record) = self.jobs.get_mut(&lease.job) else { return };
        let Some(slice) = record.slice(lease.slice.index) else { return };
        if slice.lease.check(lease.fence).is_ok() {
            slice.lease.release();
            if must_check {
                slice.mark_must_check();
            }
            let turn = slice.turn();
            record.waiting.insert(turn);
        }
    }

    pub(super) fn put_off_slice(&mut self, lease: &SliceLease, round: u32) {
        let Some(record) = self.jobs.get_mut(&lease.job) else { return };
        let Some(slice) = record.slice(lease.slice.index) else { return };
        if slice.lease.check(lease.fence).is_ok() {
            slice.lease.release();
            (slice.round, slice.revocations) = (round, 0);
            (slice.must_check, slice.must_check_since) = (false, None);
            let turn = slice.turn();
            record.waiting.insert(turn);
        }
    }

    pub(super) fn revoke_lost(&mut self, job: JobId, grace: Duration, known: Option<&KnownLeases>, now: Moment) -> u64 {
        let is_lost = |slice: u32, lease: &Lease| {
            let is_unknown =
                lease.holder().zip(known).is_some_and(|((owner, fence), known)| known.lacks(owner, slice, fence));
            is_unknown || lease.may_be_revoked(now.monotonic, grace)
        };
        self.jobs.get_mut(&job).map_or(0, |record| record.revoke_slices(is_lost))
    }

    pub(super) fn revoke_all_leases(&mut self) {
        for record in self.jobs.values_mut() {
            record.revoke_slices(|_, lease| lease.is_held());
            if record.stage.is_held() {
                record.stage.revoke();
            }
        }
    }

    pub(super) fn count_leased(&self, job: JobId) -> u64 {
        let slices = self.jobs.get(&job).map_or(&[][..], |record| &record.slices);
        slices.iter().filter(|slice| slice.lease.is_held()).count() as u64
    }

    pub(super) fn record_part(&mut self, part: OutcomePart) -> Result<(), LeaseError> {
        let record = self.jobs.get_mut(&part.job).ok_or(LeaseError::Fenced)?;
        let slice = record.slices.get_mut(part.slice as usize).ok_or(LeaseError::Fenced)?;
        if slice.was_recorded(&part) {
            return Ok(());
        }
        slice.lease.check(part.fence)?;
        let outcomes = u64::from(part.succeeded) + u64::from(part.failed);
        if part.seq != slice.parts.len() as u64 || outcomes > slice.left() {
            return Err(LeaseError::Fenced);
        }
        slice.parts.push((part.fence, part.bytes));
        slice.succeeded += part.succeeded;
        slice.failed += part.failed;
        if slice.is_done() {
            slice.lease.release();
        }
        record.slices.iter_mut().filter(|slice| slice.lease.is_held()).for_each(|slice| slice.revocations = 0);
        record.job.progress.succeeded += u64::from(part.succeeded);
        record.job.progress.failed += u64::from(part.failed);
        record.job.failure_counts.merge(&part.failure_counts);
        record.job.done_bytes.merge(part.done_bytes);
        Ok(())
    }

    pub(super) fn parts(&self, job: JobId, slice: u32) -> Vec<(u64, Bytes)> {
        let slice = self.jobs.get(&job).and_then(|record| record.slices.get(slice as usize));
        let parts = slice.map_or(&[][..], |slice| &slice.parts);
        (0..).zip(parts).map(|(seq, (_, bytes))| (seq, bytes.clone())).collect()
    }
}
