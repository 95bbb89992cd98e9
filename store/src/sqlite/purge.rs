//! Removing ended jobs in bounded steps.
//!
//! A job's row goes first and its id is noted in `doomed`; its other rows follow, over as many
//! transactions as it takes. So nobody sees half a job, and a crash between two steps leaves a
//! note of what remains.

use brigade_model::ServiceTime;
use brigade_model::job::JobId;
use brigade_model::ports::job_store::Purged;
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{Id, Service};

/// Free pages given back to the file system after a step, at most: 4 MiB.
const VACUUM_PAGES_MAX: u32 = 1024;

/// No job reads the tasks of this one, to retry them.
macro_rules! is_not_retried {
    () => {
        "NOT EXISTS (SELECT 1 FROM job retry WHERE retry.retry_of = job.id AND retry.terminated IS NULL
                     AND retry.status IN ('New', 'Preparing'))"
    };
}

pub(super) const NEXT_DOOMED: &str = "SELECT job FROM doomed LIMIT 1";
pub(super) const NEXT_HIDDEN: &str =
    concat!("SELECT id FROM job WHERE is_visible = 0 AND ", is_not_retried!(), " LIMIT 1");
pub(super) const NEXT_ENDED: &str =
    concat!("SELECT id FROM job WHERE terminated IS NOT NULL AND since < ?1 AND ", is_not_retried!(), " LIMIT 1");
pub(super) const DELETE_JOB: &str = "DELETE FROM job WHERE id = ?1";
const INSERT_DOOMED: &str = "INSERT INTO doomed (job) VALUES (?1)";
const DELETE_DOOMED: &str = "DELETE FROM doomed WHERE job = ?1";

/// What hangs on a job; each deletes at most `?2` rows of job `?1`.
pub(super) const DELETE_ROWS: [&str; 5] = [
    "DELETE FROM part WHERE job = ?1 AND (slice, seq) IN (SELECT slice, seq FROM part WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM slice WHERE job = ?1 AND number IN (SELECT number FROM slice WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM upload WHERE job = ?1 AND upload_id IN (SELECT upload_id FROM upload WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM report_file
        WHERE job = ?1 AND (kind, number) IN (SELECT kind, number FROM report_file WHERE job = ?1 LIMIT ?2)",
    "DELETE FROM change WHERE job = ?1 AND id IN (SELECT id FROM change WHERE job = ?1 LIMIT ?2)",
];

pub(super) fn purge(connection: &Connection, ended_before: ServiceTime, rows_max: usize) -> rusqlite::Result<Purged> {
    let mut purged = Purged::default();
    let mut rows_left = rows_max.max(1);
    while rows_left > 0 {
        if let Some(job) = find_job(connection, NEXT_DOOMED, ())? {
            rows_left -= delete_rows(connection, job, rows_left)?;
            if rows_left > 0 {
                connection.prepare_cached(DELETE_DOOMED)?.execute((Id(job),))?;
                purged.jobs.push(job);
            }
        } else if let Some(job) = find_due(connection, ended_before)? {
            rows_left -= connection.prepare_cached(DELETE_JOB)?.execute((Id(job),))?;
            connection.prepare_cached(INSERT_DOOMED)?.execute((Id(job),))?;
        } else {
            break;
        }
    }
    purged.more = rows_left == 0;
    give_pages_back(connection)?;
    Ok(purged)
}

fn find_job(connection: &Connection, sql: &str, parameters: impl rusqlite::Params) -> rusqlite::Result<Option<JobId>> {
    let id = |row: &Row<'_>| Ok(row.get::<_, Id>(0)?.0);
    connection.prepare_cached(sql)?.query_row(parameters, id).optional()
}

fn find_due(connection: &Connection, ended_before: ServiceTime) -> rusqlite::Result<Option<JobId>> {
    match find_job(connection, NEXT_HIDDEN, ())? {
        Some(job) => Ok(Some(job)),
        None => find_job(connection, NEXT_ENDED, (Service(ended_before),)),
    }
}

/// Deletes rows of the job; fewer than `rows_max` means that none is left.
fn delete_rows(connection: &Connection, job: JobId, rows_max: usize) -> rusqlite::Result<usize> {
    let mut deleted = 0;
    for sql in DELETE_ROWS {
        let limit = i64::try_from(rows_max - deleted).unwrap_or(i64::MAX);
        deleted += connection.prepare_cached(sql)?.execute((Id(job), limit))?;
    }
    Ok(deleted)
}

fn give_pages_back(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma(None, "incremental_vacuum", VACUUM_PAGES_MAX, |_| Ok(()))
}
