//! The first step of a job's removal: deletes its row, or its slices and outcomes, counts that for
//! its account, and notes the job's other rows for the purge.

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{Id, Time};

/// No job reads the tasks of this one, to retry them.
macro_rules! is_not_retried {
    () => {
        "NOT EXISTS (SELECT 1 FROM job retry WHERE retry.retry_of = job.id AND retry.terminated IS NULL
                     AND retry.status IN ('New', 'Preparing'))"
    };
}
pub(super) use is_not_retried;

pub(super) const UNCOUNT_JOB: &str =
    "UPDATE account SET jobs = jobs - 1 WHERE name = (SELECT account FROM job WHERE id = ?1)";

/// A job that gave up its slices holds none, though some of their rows may still be there.
pub(super) const LET_BYTES_GO: &str = "UPDATE account
    SET bytes = bytes - (SELECT coalesce(sum(slice.bytes), 0) FROM slice WHERE slice.job = ?1)
    WHERE name = (SELECT account FROM job WHERE id = ?1 AND holds_slices = 1)";

pub(super) const DELETE_JOB: &str = "DELETE FROM job WHERE id = ?1";
const INSERT_DOOMED: &str = "INSERT OR IGNORE INTO doomed (job) VALUES (?1)";

/// What the slices that are begun count enters the row, since they go.
pub(super) const GIVE_UP: &str = "UPDATE job SET holds_slices = 0, outcomes_removed = ?2,
        succeeded = succeeded + (SELECT coalesce(sum(s.succeeded), 0) FROM slice s INDEXED BY slice_begun
                                 WHERE s.job = ?1 AND s.is_done = 0 AND s.next_seq > 0),
        failed = failed + (SELECT coalesce(sum(s.failed), 0) FROM slice s INDEXED BY slice_begun
                           WHERE s.job = ?1 AND s.is_done = 0 AND s.next_seq > 0)
    WHERE id = ?1";
pub(super) const END_BEGUN: &str =
    "UPDATE slice INDEXED BY slice_begun SET is_done = 1 WHERE job = ?1 AND is_done = 0 AND next_seq > 0";

pub(super) fn find_job(
    connection: &Connection,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> rusqlite::Result<Option<JobId>> {
    let id = |row: &Row<'_>| Ok(row.get::<_, Id>(0)?.0);
    connection.prepare_cached(sql)?.query_row(parameters, id).optional()
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
