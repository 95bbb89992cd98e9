//! The lease of a job's stage, and what is written under it.

use std::time::Duration;

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::ports::job_store::{
    AddSlicesError, Fence, LeaseError, LeaseToken, LeftUploads, NewSlice, OpenUpload, OwnerId, ReportFile, StageLease,
    StoreError, UploadScope, UploadsOf,
};
use brigade_model::status::Status;
use rusqlite::{Connection, OptionalExtension, Row};

use super::accounts::{add_bytes, make_room};
use super::column::{Count, Expiry, Id, Json, Name, Text};
use super::jobs::holds_stage;
use super::writer::{Acted, fenced_unless, refuse};
use crate::moment::Moment;

/// `?4` is the latest expiry that may be taken over: now less the grace.
pub(super) const LEASE_STAGE: &str =
    "UPDATE job SET stage_epoch = stage_epoch + 1, stage_token = ?5, stage_owner = ?2, stage_expires = ?3
    WHERE id = ?1 AND terminated IS NULL AND (stage_expires IS NULL OR stage_expires <= ?4)
    RETURNING stage_epoch";

pub(super) const RENEW_STAGE: &str = "UPDATE job SET stage_expires = ?4
    WHERE id = ?1 AND stage_epoch = ?2 AND stage_token = ?3 AND stage_expires IS NOT NULL";

pub(super) const RELEASE_STAGE: &str = "UPDATE job SET stage_owner = NULL, stage_expires = NULL
    WHERE id = ?1 AND stage_epoch = ?2 AND stage_token = ?3";

pub(super) const JOB_STATUS: &str = "SELECT status FROM job WHERE id = ?1";

pub(super) const COUNT_SLICES: &str = "SELECT coalesce(max(number) + 1, 0) FROM slice WHERE job = ?1";

const INSERT_SLICE: &str =
    "INSERT INTO slice (job, number, first_task, tasks, spool_name, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) const HOLD_SLICES: &str = "UPDATE job SET holds_slices = 1 WHERE id = ?1 AND holds_slices = 0";

pub(super) const CHECK_SLICE: &str =
    "SELECT 1 FROM slice WHERE job = ?1 AND number = ?2 AND epoch = ?3 AND token = ?4 AND expires IS NOT NULL";

const RECORD_UPLOAD: &str =
    "INSERT OR REPLACE INTO upload (job, upload_id, slice, bucket, key, completing) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) const FORGET_UPLOAD: &str = "DELETE FROM upload WHERE job = ?1 AND upload_id = ?2";

pub(super) const UPLOADS: &str =
    "SELECT upload_id, bucket, key, completing FROM upload WHERE job = ?1 AND slice IS ?2 ORDER BY upload_id";
pub(super) const UPLOADS_OF_SLICES: &str =
    "SELECT upload_id, bucket, key, completing FROM upload WHERE job = ?1 AND slice IS NOT NULL ORDER BY upload_id";

pub(super) const FIRST_UPLOADS: &str =
    "SELECT upload_id, bucket, key, completing FROM upload WHERE job = ?1 ORDER BY upload_id LIMIT ?2";

pub(super) const COUNT_UPLOADS: &str = "SELECT count(*) FROM upload WHERE job = ?1";

const RECORD_FILE: &str =
    "INSERT OR REPLACE INTO report_file (job, kind, number, key, md5, rows) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) const FILES: &str =
    "SELECT kind, number, key, md5, rows FROM report_file WHERE job = ?1 ORDER BY kind, number";

pub(super) fn lease_stage(
    connection: &Connection,
    job: JobId,
    owner: OwnerId,
    token: LeaseToken,
    ttl: Duration,
    grace: Duration,
    now: Moment,
) -> rusqlite::Result<Option<StageLease>> {
    let expires = Expiry(now.monotonic.after(ttl));
    let mut statement = connection.prepare_cached(LEASE_STAGE)?;
    let lease = |row: &Row<'_>| {
        let fence = Fence { epoch: row.get::<_, Count>(0)?.0, token };
        Ok(StageLease { job, owner, fence })
    };
    let taken = (Id(job), Name(owner.0), expires, lapsed(now, grace), Name(token.0));
    statement.query_row(taken, lease).optional()
}

/// The latest expiry that is at least `grace` ago; before the clock's origin there was none.
pub(super) fn lapsed(now: Moment, grace: Duration) -> Option<Expiry> {
    now.monotonic.0.checked_sub(grace).map(|at| Expiry(brigade_model::ports::Monotonic(at)))
}

pub(super) fn renew_stage(
    connection: &Connection,
    lease: &StageLease,
    ttl: Duration,
    now: Moment,
) -> Acted<(), LeaseError> {
    let expires = Expiry(now.monotonic.after(ttl));
    let Fence { epoch, token } = lease.fence;
    let held = (Id(lease.job), Count(epoch), Name(token.0), expires);
    fenced_unless(connection.prepare_cached(RENEW_STAGE)?.execute(held)?)
}

pub(super) fn release_stage(connection: &Connection, lease: &StageLease) -> rusqlite::Result<()> {
    let Fence { epoch, token } = lease.fence;
    connection.prepare_cached(RELEASE_STAGE)?.execute((Id(lease.job), Count(epoch), Name(token.0)))?;
    Ok(())
}

pub(super) fn must_hold_stage<E: From<LeaseError>>(connection: &Connection, job: JobId, fence: Fence) -> Acted<(), E> {
    if holds_stage(connection, job, fence)? { Ok(()) } else { refuse(LeaseError::Fenced) }
}

/// The job's status; a lease of a job that is gone is lost.
pub(super) fn job_status<E: From<LeaseError>>(connection: &Connection, job: JobId) -> Acted<Status, E> {
    let status = |row: &Row<'_>| Ok(row.get::<_, Text<Status>>(0)?.0);
    let found = connection.prepare_cached(JOB_STATUS)?.query_row((Id(job),), status).optional()?;
    found.map_or_else(|| refuse(LeaseError::Fenced), Ok)
}

pub(super) fn add_slices(
    connection: &Connection,
    lease: &StageLease,
    slices: &[NewSlice],
    bytes_max: u64,
    now: Timestamp,
) -> Acted<(), AddSlicesError> {
    must_hold_stage(connection, lease.job, lease.fence)?;
    if job_status(connection, lease.job)? != Status::Preparing {
        return refuse(AddSlicesError::Fenced);
    }
    let known: u32 = connection.prepare_cached(COUNT_SLICES)?.query_row((Id(lease.job),), |row| row.get(0))?;
    let mut insert = connection.prepare_cached(INSERT_SLICE)?;
    let mut added = 0;
    for (next, slice) in (known..).zip(slices.iter().filter(|slice| slice.index >= known)) {
        if slice.index != next {
            return refuse(StoreError::Conflict(format!("slice {} of job {} leaves a gap", slice.index, lease.job)));
        }
        let NewSlice { index, first_task, tasks, spool_name, bytes } = slice;
        insert.execute((Id(lease.job), index, Count(*first_task), tasks, spool_name, Count(*bytes)))?;
        added += slice.bytes;
    }
    connection.prepare_cached(HOLD_SLICES)?.execute((Id(lease.job),))?;
    match add_bytes(connection, lease.job, added)? {
        Some((account, bytes)) if added > 0 && bytes > bytes_max => {
            if make_room(connection, &account, bytes_max, now)? { Ok(()) } else { refuse(AddSlicesError::OverQuota) }
        }
        _ => Ok(()),
    }
}

pub(super) fn record_upload(
    connection: &Connection,
    job: JobId,
    scope: &UploadScope,
    upload: &OpenUpload,
) -> Acted<(), LeaseError> {
    let slice = match scope {
        UploadScope::Slice { slice, fence } => {
            let unit = (Id(job), slice, Count(fence.epoch), Name(fence.token.0));
            fenced_unless(usize::from(connection.prepare_cached(CHECK_SLICE)?.exists(unit)?))?;
            Some(slice)
        }
        UploadScope::Stage { fence } => {
            must_hold_stage(connection, job, *fence)?;
            None
        }
    };
    let completing = upload.completing.as_ref().map(Json);
    let row = (Id(job), &upload.upload_id, slice, upload.bucket.as_str(), upload.key.as_str(), completing);
    connection.prepare_cached(RECORD_UPLOAD)?.execute(row)?;
    Ok(())
}

pub(super) fn forget_upload(connection: &Connection, job: JobId, upload_id: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(FORGET_UPLOAD)?.execute((Id(job), upload_id))?;
    Ok(())
}

pub(super) fn uploads(connection: &Connection, job: JobId, of: UploadsOf) -> rusqlite::Result<Vec<OpenUpload>> {
    let of_one = |slice: Option<u32>| -> rusqlite::Result<Vec<OpenUpload>> {
        connection.prepare_cached(UPLOADS)?.query_map((Id(job), slice), upload)?.collect()
    };
    match of {
        UploadsOf::Slice(slice) => of_one(Some(slice)),
        UploadsOf::Report => of_one(None),
        UploadsOf::Slices => connection.prepare_cached(UPLOADS_OF_SLICES)?.query_map((Id(job),), upload)?.collect(),
    }
}

/// The read of a moment: the caller has a transaction.
pub(super) fn left_uploads(connection: &Connection, job: JobId, uploads_max: usize) -> rusqlite::Result<LeftUploads> {
    let total = connection.prepare_cached(COUNT_UPLOADS)?.query_row((Id(job),), |row| row.get::<_, Count>(0))?.0;
    let mut first = connection.prepare_cached(FIRST_UPLOADS)?;
    let first = first.query_map((Id(job), Count(uploads_max as u64)), upload)?.collect::<rusqlite::Result<_>>()?;
    Ok(LeftUploads { total, first })
}

fn upload(row: &Row<'_>) -> rusqlite::Result<OpenUpload> {
    let (bucket, key) = (row.get::<_, Text<_>>(1)?.0, row.get::<_, Text<_>>(2)?.0);
    let completing = row.get::<_, Option<Json<_>>>(3)?.map(|completing| completing.0);
    Ok(OpenUpload { bucket, key, upload_id: row.get(0)?, completing })
}

pub(super) fn record_report_file(
    connection: &Connection,
    lease: &StageLease,
    file: &ReportFile,
) -> Acted<(), LeaseError> {
    must_hold_stage(connection, lease.job, lease.fence)?;
    let row = (Id(lease.job), &file.kind, file.number, file.key.as_str(), &file.md5, Count(file.rows));
    connection.prepare_cached(RECORD_FILE)?.execute(row)?;
    Ok(())
}

pub(super) fn report_files(connection: &Connection, job: JobId) -> rusqlite::Result<Vec<ReportFile>> {
    let file = |row: &Row<'_>| {
        Ok(ReportFile {
            kind: row.get(0)?,
            number: row.get(1)?,
            key: row.get::<_, Text<_>>(2)?.0,
            md5: row.get(3)?,
            rows: row.get::<_, Count>(4)?.0,
        })
    };
    connection.prepare_cached(FILES)?.query_map((Id(job),), file)?.collect()
}
