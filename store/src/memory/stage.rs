//! The lease of a job's stage, and what is written under it.

use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::ports::job_store::{
    AddSlicesError, LeaseError, LeaseToken, LeftUploads, NewSlice, OpenUpload, OwnerId, ReportFile, StageLease,
    StoreError, UploadScope, UploadsOf,
};
use brigade_model::status::Status;

use super::jobs::{JobRecord, State};
use super::slices::Slice;
use crate::moment::Moment;

impl State {
    pub(super) fn lease_stage(
        &mut self,
        job: JobId,
        owner: OwnerId,
        token: LeaseToken,
        ttl: Duration,
        grace: Duration,
        now: Moment,
    ) -> Option<StageLease> {
        let record = self.jobs.get_mut(&job).filter(|record| !record.job.status.is_terminal())?;
        if record.stage.is_held() && !record.stage.may_be_revoked(now.monotonic, grace) {
            return None;
        }
        let fence = record.stage.take(owner, token, now.monotonic.after(ttl));
        Some(StageLease { job, owner, fence })
    }

    pub(super) fn renew_stage(&mut self, lease: &StageLease, ttl: Duration, now: Moment) -> Result<(), LeaseError> {
        self.held_stage(lease)?.stage.renew(lease.fence, now.monotonic.after(ttl))
    }

    pub(super) fn release_stage(&mut self, lease: &StageLease) {
        if let Ok(record) = self.held_stage(lease) {
            record.stage.release();
        }
    }

    /// The job whose stage is held under this lease.
    pub(super) fn held_stage(&mut self, lease: &StageLease) -> Result<&mut JobRecord, LeaseError> {
        let record = self.jobs.get_mut(&lease.job).ok_or(LeaseError::Fenced)?;
        record.stage.check(lease.fence)?;
        Ok(record)
    }

    pub(super) fn add_slices(
        &mut self,
        lease: &StageLease,
        slices: Vec<NewSlice>,
        bytes_max: u64,
        now: Timestamp,
    ) -> Result<(), AddSlicesError> {
        let record = self.held_stage(lease)?;
        if record.job.status != Status::Preparing {
            return Err(AddSlicesError::Fenced);
        }
        let known = record.slices.len();
        let new: Vec<_> = slices.into_iter().filter(|slice| slice.index as usize >= known).collect();
        if let Some((gap, _)) = new.iter().zip(known..).find(|(slice, next)| slice.index as usize != *next) {
            return Err(StoreError::Conflict(format!("slice {} of job {} leaves a gap", gap.index, lease.job)).into());
        }
        let (account, added) = (record.job.account.clone(), new.iter().map(|slice| slice.bytes).sum::<u64>());
        let fits = added == 0
            || bytes_max.checked_sub(added).is_some_and(|others_max| self.make_room(&account, others_max, now));
        if !fits {
            return Err(AddSlicesError::OverQuota);
        }
        let record = self.held_stage(lease)?;
        record.waiting.extend(new.iter().map(|slice| (0, slice.index)));
        record.slices.extend(new.into_iter().map(Slice::new));
        Ok(())
    }

    pub(super) fn record_upload(
        &mut self,
        job: JobId,
        scope: &UploadScope,
        upload: &OpenUpload,
    ) -> Result<(), LeaseError> {
        let record = self.jobs.get_mut(&job).ok_or(LeaseError::Fenced)?;
        let slice = match scope {
            UploadScope::Slice { slice, fence } => {
                record.slice(*slice).ok_or(LeaseError::Fenced)?.lease.check(*fence)?;
                Some(*slice)
            }
            UploadScope::Stage { fence } => {
                record.stage.check(*fence)?;
                None
            }
        };
        record.uploads.insert(upload.upload_id.clone(), (slice, upload.clone()));
        Ok(())
    }

    pub(super) fn forget_upload(&mut self, job: JobId, upload_id: &str) {
        if let Some(record) = self.jobs.get_mut(&job) {
            record.uploads.remove(upload_id);
        }
    }

    pub(super) fn uploads(&self, job: JobId, of: UploadsOf) -> Vec<OpenUpload> {
        let uploads = self.jobs.get(&job).into_iter().flat_map(|record| record.uploads.values());
        let is_meant = |slice: Option<u32>| match of {
            UploadsOf::Slice(one) => slice == Some(one),
            UploadsOf::Slices => slice.is_some(),
            UploadsOf::Report => slice.is_none(),
        };
        uploads.filter(|(slice, _)| is_meant(*slice)).map(|(_, upload)| upload.clone()).collect()
    }

    pub(super) fn left_uploads(&self, job: JobId, uploads_max: usize) -> LeftUploads {
        let Some(record) = self.jobs.get(&job) else { return LeftUploads::default() };
        let first = record.uploads.values().take(uploads_max).map(|(_, upload)| upload.clone()).collect();
        LeftUploads { total: record.uploads.len() as u64, first }
    }

    pub(super) fn record_report_file(&mut self, lease: &StageLease, file: &ReportFile) -> Result<(), LeaseError> {
        let files = &mut self.held_stage(lease)?.files;
        files.insert((file.kind.clone(), file.number), file.clone());
        Ok(())
    }

    pub(super) fn report_files(&self, job: JobId) -> Vec<ReportFile> {
        self.jobs.get(&job).into_iter().flat_map(|record| record.files.values()).cloned().collect()
    }
}
