//! Removing ended jobs, or their slices and outcomes alone, in bounded steps.
//!
//! A job's row goes first and its id is noted in `doomed`; its other rows follow, over as many
//! transactions as it takes. So nobody sees half a job, and a crash between two steps leaves a
//! note of what remains. Of a job that is noted there and has its row still, only slices and
//! outcomes go.

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::ports::job_store::{Due, Purged};
use rusqlite::{Connection, OptionalExtension, Row};

use super::accounts::{Excess, LET_BYTES_GO, UNCOUNT_JOB, find_excess};
use super::column::{Id, Service, Time};
use super::jobs::FIND_JOB;

/// Free pages given back to the file system after a step, at most: 4 MiB.
const VACUUM_PAGES_MAX: u32 = 1024;

/// No job reads the tasks of this one, to retry them.
macro_rules! is_not_retried {
    () => {
        "NOT EXISTS (SELECT 1 FROM job retry WHERE retry.retry_of = job.id AND retry.terminated IS NULL
                     AND retry.status IN ('New', 'Preparing'))"
    };
}
pub(super) use is_not_retried;

pub(super) const NEXT_DOOMED: &str = "SELECT job FROM doomed LIMIT 1";
pub(super) const NEXT_HIDDEN: &str =
    concat!("SELECT id FROM job WHERE is_visible = 0 AND ", is_not_retried!(), " LIMIT 1");
pub(super) const NEXT_ENDED: &str =
    concat!("SELECT id FROM job WHERE terminated IS NOT NULL AND since < ?1 AND ", is_not_retried!(), " LIMIT 1");
/// Each gives up its slices and outcomes.
pub(super) const NEXT_OLD_HOLDER: &str = concat!(
    "SELECT id FROM job
     WHERE terminated IS NOT NULL AND since < ?1 AND lacks_report = 0 AND holds_slices = 1 AND ",
    is_not_retried!(),
    " LIMIT 1"
);
pub(super) const DELETE_JOB: &str = "DELETE FROM job WHERE id = ?1";
const INSERT_DOOMED: &str = "INSERT OR IGNORE INTO doomed (job) VALUES (?1)";
const DELETE_DOOMED: &str = "DELETE FROM doomed WHERE job = ?1";

/// What the slices that are begun count enters the row, since they go.
pub(super) const GIVE_UP: &str = "UPDATE job SET holds_slices = 0, outcomes_removed = ?2,
        succeeded = succeeded + (SELECT coalesce(sum(s.succeeded), 0) FROM slice s INDEXED BY slice_begun
                                 WHERE s.job = ?1 AND s.is_done = 0 AND s.next_seq > 0),
        failed = failed + (SELECT coalesce(sum(s.failed), 0) FROM slice s INDEXED BY slice_begun
                           WHERE s.job = ?1 AND s.is_done = 0 AND s.next_seq > 0)
    WHERE id = ?1";
pub(super) const END_BEGUN: &str =
    "UPDATE slice INDEXED BY slice_begun SET is_done = 1 WHERE job = ?1 AND is_done = 0 AND next_seq > 0";

/// How many of [`DELETE_ROWS`] concern slices and outcomes.
const OF_SLICES: usize = 2;

/// What hangs on a job; each deletes at most `?2` rows of job `?1`.
pub(super) const DELETE_ROWS: [&str; 5] = [
    "DELETE FROM part WHERE job = ?1 AND (slice, seq) IN (SELECT slice, seq FROM part WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM slice WHERE job = ?1 AND number IN (SELECT number FROM slice WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM upload WHERE job = ?1 AND upload_id IN (SELECT upload_id FROM upload WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM report_file
        WHERE job = ?1 AND (kind, number) IN (SELECT kind, number FROM report_file WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM change WHERE job = ?1 AND id IN (SELECT id FROM change WHERE job = ?1 LIMIT ?2)",
];

pub(super) fn purge(connection: &Connection, due: &Due, rows_max: usize, now: Timestamp) -> rusqlite::Result<Purged> {
    let mut purged = Purged::default();
    let mut rows_left = rows_max.max(1);
    while rows_left > 0 {
        if let Some(job) = find_job(connection, NEXT_DOOMED, ())? {
            rows_left -= delete_rows(connection, job, rows_left)?;
            if rows_left > 0 {
                connection.prepare_cached(DELETE_DOOMED)?.execute((Id(job),))?;
                purged.jobs.push(job);
            }
        } else {
            match find_due(connection, due)? {
                Some(Excess::Job(job)) => doom(connection, job)?,
                Some(Excess::Outcomes(job)) => give_up(connection, job, now)?,
                None => break,
            }
            rows_left -= 1;
        }
    }
    purged.more = rows_left == 0;
    give_pages_back(connection)?;
    Ok(purged)
}

pub(super) fn find_job(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Option<JobId>> {
    let id = |row: &Row<'_>| Ok(row.get::<_, Id>(0)?.0);
    connection.prepare_cached(sql)?.query_row(parameters, id).optional()
}

fn find_due(connection: &Connection, due: &Due) -> rusqlite::Result<Option<Excess>> {
    if let Some(job) = find_job(connection, NEXT_HIDDEN, ())? {
        return Ok(Some(Excess::Job(job)));
    }
    if let Some(job) = find_job(connection, NEXT_ENDED, (Service(due.ended_before),))? {
        return Ok(Some(Excess::Job(job)));
    }
    if let Some(job) = find_job(connection, NEXT_OLD_HOLDER, (Service(due.outcomes_before),))? {
        return Ok(Some(Excess::Outcomes(job)));
    }
    find_excess(connection, &due.quotas)
}

/// A job's row goes; what hangs on it is noted.
pub(super) fn doom(connection: &Connection, job: JobId) -> rusqlite::Result<()> {
    for sql in [LET_BYTES_GO, UNCOUNT_JOB, DELETE_JOB, INSERT_DOOMED] {
        connection.prepare_cached(sql)?.execute((Id(job),))?;
    }
    Ok(())
}

/// A job holds its slices and outcomes no more; their rows are noted.
pub(super) fn give_up(connection: &Connection, job: JobId, now: Timestamp) -> rusqlite::Result<()> {
    connection.prepare_cached(LET_BYTES_GO)?.execute((Id(job),))?;
    connection.prepare_cached(GIVE_UP)?.execute((Id(job), Time(now)))?;
    for sql in [END_BEGUN, INSERT_DOOMED] {
        connection.prepare_cached(sql)?.execute((Id(job),))?;
    }
    Ok(())
}

/// Deletes rows of the job, or of its slices alone while it has its own; fewer than `rows_max` means
/// that none is left.
fn delete_rows(connection: &Connection, job: JobId, rows_max: usize) -> rusqlite::Result<usize> {
    let stays = connection.prepare_cached(FIND_JOB)?.exists((Id(job),))?;
    let mut deleted = 0;
    for sql in &DELETE_ROWS[..if stays { OF_SLICES } else { DELETE_ROWS.len() }] {
        let limit = i64::try_from(rows_max - deleted).unwrap_or(i64::MAX);
        deleted += connection.prepare_cached(sql)?.execute((Id(job), limit))?;
    }
    Ok(deleted)
}

fn give_pages_back(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma(None, "incremental_vacuum", VACUUM_PAGES_MAX, |_| Ok(()))
}
