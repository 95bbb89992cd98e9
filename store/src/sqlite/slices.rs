//! Slices: leased, worked on in parts, revoked.

use std::time::Duration;

use brigade_model::job::JobId;
use brigade_model::ports::job_store::{
    Fence, KnownLeases, LeaseError, LeaseToken, OutcomePart, OwnerId, SliceLease, SliceRow, StageLease,
};
use brigade_model::status::Status;
use brigade_model::{DoneBytes, FailureCounts};
use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, Row};

use super::accounts::add_bytes;
use super::column::{Count, Expiry, Id, Json, Name, Text, Time};
use super::stages::{job_status, lapsed, must_hold_stage};
use super::writer::{Acted, fenced_unless, refuse};
use crate::moment::Moment;

/// What [`read_slice`] reads.
macro_rules! slice_columns {
    () => {
        "number, first_task, tasks, spool_name, succeeded, failed, expires IS NOT NULL, must_look, revocations,
         first_leased, unsettled_since, round"
    };
}

/// When the first lease began that was not released cleanly, this one if it is that. It stays,
/// though the time of day goes back meanwhile: an earlier time of day is no earlier moment.
macro_rules! unsettled_since {
    () => {
        "coalesce(unsettled_since, leased_at)"
    };
}

/// What revoking a lease sets.
macro_rules! revoke {
    () => {
        concat!(
            "UPDATE slice SET epoch = epoch + 1, owner = NULL, expires = NULL, must_look = 1,
                revocations = revocations + 1, unsettled_since = ",
            unsettled_since!(),
            " WHERE "
        )
    };
}

pub(super) const SLICES: &str =
    concat!("SELECT ", slice_columns!(), " FROM slice WHERE job = ?1 AND number >= ?2 ORDER BY number LIMIT ?3");

/// The planner has no statistics and would walk all slices that are done before it. Only the one of the
/// earliest round is read: if that waits for a later round than the job's, so does every other.
pub(super) const FIRST_WAITING: &str = "SELECT number, round FROM slice INDEXED BY slice_waiting
    WHERE job = ?1 AND is_done = 0 AND expires IS NULL ORDER BY round, number LIMIT 1";

pub(super) const JOB_ROUND: &str = "SELECT status, round FROM job WHERE id = ?1";

pub(super) const LEASE_SLICE: &str = concat!(
    "UPDATE slice SET epoch = epoch + 1, token = ?6, owner = ?3, expires = ?4, leased_at = ?5,
         first_leased = coalesce(first_leased, ?5)
     WHERE job = ?1 AND number = ?2 AND is_done = 0 AND expires IS NULL
     RETURNING ",
    slice_columns!(),
    ", epoch, next_seq"
);

pub(super) const RENEW_SLICE: &str = "UPDATE slice SET expires = ?5
    WHERE job = ?1 AND number = ?2 AND epoch = ?3 AND token = ?4 AND expires IS NOT NULL";

pub(super) const RELEASE_SLICE: &str = concat!(
    "UPDATE slice SET owner = NULL, expires = NULL, must_look = max(must_look, ?5),
        unsettled_since = iif(?5, ",
    unsettled_since!(),
    ", unsettled_since)
     WHERE job = ?1 AND number = ?2 AND epoch = ?3 AND token = ?4 AND expires IS NOT NULL"
);

/// A slice that its workers look at, round after round, does not kill them; and nothing of it is in doubt.
pub(super) const PUT_OFF_SLICE: &str = "UPDATE slice SET owner = NULL, expires = NULL, round = ?5, revocations = 0,
        must_look = 0, unsettled_since = NULL
     WHERE job = ?1 AND number = ?2 AND epoch = ?3 AND token = ?4 AND expires IS NOT NULL";

pub(super) const LEASES_OF: &str = "SELECT number, epoch, token FROM slice INDEXED BY slice_leased
    WHERE job = ?1 AND expires IS NOT NULL AND owner = ?2";

pub(super) const REVOKE_ONE: &str = concat!(revoke!(), "job = ?1 AND number = ?2");

pub(super) const REVOKE_EXPIRED: &str = concat!(revoke!(), "job = ?1 AND expires IS NOT NULL AND expires <= ?2");

/// When a store is opened, no lease has a holder any more.
pub(super) const REVOKE_ALL: &str = concat!(revoke!(), "expires IS NOT NULL");

pub(super) const COUNT_LEASED: &str = "SELECT count(*) FROM slice WHERE job = ?1 AND expires IS NOT NULL";

/// The number, the epoch and the token fence; the sums keep outcomes from exceeding tasks; the last outcome
/// ends the lease.
pub(super) const COUNT_PART: &str = "UPDATE slice SET next_seq = next_seq + 1,
        succeeded = succeeded + ?5, failed = failed + ?6, bytes = bytes + ?8,
        is_done = succeeded + failed + ?5 + ?6 = tasks,
        owner = iif(succeeded + failed + ?5 + ?6 = tasks, NULL, owner),
        expires = iif(succeeded + failed + ?5 + ?6 = tasks, NULL, expires)
    WHERE job = ?1 AND number = ?2 AND epoch = ?3 AND token = ?7 AND next_seq = ?4
        AND expires IS NOT NULL AND succeeded + failed + ?5 + ?6 <= tasks
    RETURNING is_done, succeeded, failed";

/// This tells a slice that kills its workers from one that is kept waiting: the job of the latter
/// makes progress meanwhile. Only leased slices are read, which are few.
pub(super) const FORGIVE: &str = "UPDATE slice INDEXED BY slice_leased SET revocations = 0
    WHERE job = ?1 AND expires IS NOT NULL AND revocations > 0";

const INSERT_PART: &str = "INSERT INTO part (job, slice, seq, epoch, token, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

pub(super) const COUNT_SLICE: &str = "UPDATE job SET succeeded = succeeded + ?2, failed = failed + ?3 WHERE id = ?1";

pub(super) const FAILURE_COUNTS: &str = "SELECT failure_counts FROM job WHERE id = ?1";
pub(super) const COUNT_FAILURES: &str = "UPDATE job SET failure_counts = ?2 WHERE id = ?1";
pub(super) const COUNT_BYTES: &str = "UPDATE job SET done_bytes = done_bytes + ?2,
    tasks_of_unknown_size = tasks_of_unknown_size + ?3 WHERE id = ?1";

pub(super) const FIND_PART: &str = "SELECT 1 FROM part
    WHERE job = ?1 AND slice = ?2 AND seq = ?4 AND epoch = ?3 AND token = ?5
        AND (epoch, token) = (SELECT epoch, token FROM slice WHERE job = ?1 AND number = ?2)";

pub(super) const PARTS: &str = "SELECT seq, bytes FROM part WHERE job = ?1 AND slice = ?2 ORDER BY seq";

fn read_slice(row: &Row<'_>) -> rusqlite::Result<SliceRow> {
    Ok(SliceRow {
        index: row.get(0)?,
        first_task: row.get::<_, Count>(1)?.0,
        tasks: row.get(2)?,
        spool_name: row.get(3)?,
        succeeded: row.get(4)?,
        failed: row.get(5)?,
        is_leased: row.get(6)?,
        must_check: row.get(7)?,
        revocations: row.get(8)?,
        first_leased: row.get::<_, Option<Time>>(9)?.map(|time| time.0),
        must_check_since: row.get::<_, Option<Time>>(10)?.map(|time| time.0),
        round: row.get(11)?,
    })
}

pub(super) fn slices(connection: &Connection, job: JobId, from: u32, limit: usize) -> rusqlite::Result<Vec<SliceRow>> {
    connection.prepare_cached(SLICES)?.query_map((Id(job), from, Count(limit as u64)), read_slice)?.collect()
}

pub(super) fn lease_slice(
    connection: &Connection,
    job: JobId,
    owner: OwnerId,
    token: LeaseToken,
    ttl: Duration,
    now: Moment,
) -> rusqlite::Result<Option<SliceLease>> {
    let status = |row: &Row<'_>| Ok((row.get::<_, Text<Status>>(0)?.0, row.get(1)?));
    let status: Option<(Status, u32)> =
        connection.prepare_cached(JOB_ROUND)?.query_row((Id(job),), status).optional()?;
    let Some((Status::Active, round)) = status else { return Ok(None) };
    let mut waiting = connection.prepare_cached(FIRST_WAITING)?;
    let first = waiting.query_row((Id(job),), |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match first.filter(|(_, waits_for): &(u32, u32)| *waits_for <= round) {
        Some((number, _)) => lease_one(connection, (job, number), owner, token, ttl, now),
        None => Ok(None),
    }
}

pub(super) fn lease_slice_to_close(
    connection: &Connection,
    stage: &StageLease,
    slice: u32,
    token: LeaseToken,
    ttl: Duration,
    now: Moment,
) -> Acted<Option<SliceLease>, LeaseError> {
    must_hold_stage(connection, stage.job, stage.fence)?;
    Ok(lease_one(connection, (stage.job, slice), stage.owner, token, ttl, now)?)
}

/// Leases one slice, if it waits.
fn lease_one(
    connection: &Connection,
    (job, number): (JobId, u32),
    owner: OwnerId,
    token: LeaseToken,
    ttl: Duration,
    now: Moment,
) -> rusqlite::Result<Option<SliceLease>> {
    let lease = |row: &Row<'_>| {
        let fence = Fence { epoch: row.get::<_, Count>(12)?.0, token };
        let next_seq = row.get::<_, Count>(13)?.0;
        Ok(SliceLease { job, owner, fence, next_seq, leased_at: now.wall, slice: read_slice(row)? })
    };
    let expires = Expiry(now.monotonic.after(ttl));
    let mut statement = connection.prepare_cached(LEASE_SLICE)?;
    let taken = (Id(job), number, Name(owner.0), expires, Time(now.wall), Name(token.0));
    statement.query_row(taken, lease).optional()
}

pub(super) fn renew_slice(
    connection: &Connection,
    lease: &SliceLease,
    ttl: Duration,
    now: Moment,
) -> Acted<Status, LeaseError> {
    let expires = Expiry(now.monotonic.after(ttl));
    let Fence { epoch, token } = lease.fence;
    let unit = (Id(lease.job), lease.slice.index, Count(epoch), Name(token.0), expires);
    fenced_unless(connection.prepare_cached(RENEW_SLICE)?.execute(unit)?)?;
    job_status(connection, lease.job)
}

pub(super) fn release_slice(connection: &Connection, lease: &SliceLease, must_check: bool) -> rusqlite::Result<()> {
    let Fence { epoch, token } = lease.fence;
    let unit = (Id(lease.job), lease.slice.index, Count(epoch), Name(token.0), must_check);
    connection.prepare_cached(RELEASE_SLICE)?.execute(unit)?;
    Ok(())
}

pub(super) fn put_off_slice(connection: &Connection, lease: &SliceLease, round: u32) -> rusqlite::Result<()> {
    let Fence { epoch, token } = lease.fence;
    let unit = (Id(lease.job), lease.slice.index, Count(epoch), Name(token.0), round);
    connection.prepare_cached(PUT_OFF_SLICE)?.execute(unit)?;
    Ok(())
}

pub(super) fn revoke_lost(
    connection: &Connection,
    job: JobId,
    grace: Duration,
    known: Option<&KnownLeases>,
    now: Moment,
) -> rusqlite::Result<u64> {
    let expired = connection.prepare_cached(REVOKE_EXPIRED)?.execute((Id(job), lapsed(now, grace)))?;
    let unknown = known.map_or(Ok(0), |known| revoke_unknown(connection, job, known))?;
    Ok((expired + unknown) as u64)
}

/// Revokes the leases of an owner that it does not know of.
fn revoke_unknown(connection: &Connection, job: JobId, known: &KnownLeases) -> rusqlite::Result<usize> {
    let lease = |row: &Row<'_>| {
        let token = LeaseToken(row.get::<_, Name>(2)?.0);
        Ok((row.get::<_, u32>(0)?, Fence { epoch: row.get::<_, Count>(1)?.0, token }))
    };
    let mut leases = connection.prepare_cached(LEASES_OF)?;
    let held = leases.query_map((Id(job), Name(known.owner.0)), lease)?.collect::<rusqlite::Result<Vec<_>>>()?;
    let mut revoke = connection.prepare_cached(REVOKE_ONE)?;
    let mut revoked = 0;
    for (slice, _) in held.into_iter().filter(|(slice, fence)| known.lacks(known.owner, *slice, *fence)) {
        revoked += revoke.execute((Id(job), slice))?;
    }
    Ok(revoked)
}

pub(super) fn count_leased(connection: &Connection, job: JobId) -> rusqlite::Result<u64> {
    connection.prepare_cached(COUNT_LEASED)?.query_row((Id(job),), |row| Ok(row.get::<_, Count>(0)?.0))
}

pub(super) fn record_part(connection: &Connection, part: &OutcomePart) -> Acted<(), LeaseError> {
    let unit = (Id(part.job), part.slice, Count(part.fence.epoch), Count(part.seq), Name(part.fence.token.0));
    let counted = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
    let (job, slice, epoch, seq, token) = unit;
    let bytes = part.bytes.len() as u64;
    let mut count = connection.prepare_cached(COUNT_PART)?;
    let recorded = (job, slice, epoch, seq, part.succeeded, part.failed, token, Count(bytes));
    let row = count.query_row(recorded, counted).optional()?;
    let Some((is_done, succeeded, failed)): Option<(bool, u32, u32)> = row else {
        let was_recorded = connection.prepare_cached(FIND_PART)?.exists(unit)?;
        return if was_recorded { Ok(()) } else { refuse(LeaseError::Fenced) };
    };
    connection.prepare_cached(FORGIVE)?.execute((job,))?;
    connection.prepare_cached(INSERT_PART)?.execute((job, slice, seq, epoch, token, &part.bytes[..]))?;
    add_bytes(connection, part.job, bytes)?;
    count_for_job(connection, part)?;
    if is_done {
        connection.prepare_cached(COUNT_SLICE)?.execute((job, succeeded, failed))?;
    }
    Ok(())
}

/// Counts for the job what the part adds to that does not wait for the end of its slice: nothing, mostly.
fn count_for_job(connection: &Connection, part: &OutcomePart) -> rusqlite::Result<()> {
    let job = Id(part.job);
    if !part.failure_counts.is_empty() {
        let counts = |row: &Row<'_>| row.get::<_, Option<Json<FailureCounts>>>(0);
        let counted = connection.prepare_cached(FAILURE_COUNTS)?.query_row((job,), counts)?;
        let mut counts = counted.map(|counts| counts.0).unwrap_or_default();
        counts.merge(&part.failure_counts);
        connection.prepare_cached(COUNT_FAILURES)?.execute((job, Json(&counts)))?;
    }
    let DoneBytes { bytes, tasks_of_unknown_size } = part.done_bytes;
    if part.done_bytes != DoneBytes::default() {
        connection.prepare_cached(COUNT_BYTES)?.execute((job, Count(bytes), Count(tasks_of_unknown_size)))?;
    }
    Ok(())
}

pub(super) fn parts(connection: &Connection, job: JobId, slice: u32) -> rusqlite::Result<Vec<(u64, Bytes)>> {
    let part = |row: &Row<'_>| Ok((row.get::<_, Count>(0)?.0, Bytes::from(row.get::<_, Vec<u8>>(1)?)));
    connection.prepare_cached(PARTS)?.query_map((Id(job), slice), part)?.collect()
}
