//! Removing ended jobs, or their slices and outcomes alone, in bounded steps.
//!
//! A job's row goes first and its id is noted in `doomed`; its other rows follow, over as many
//! transactions as it takes. So no reader sees half a job, and a crash between two steps leaves a
//! note of what remains. Of a job that is noted there and still has its row, only slices and
//! outcomes go.

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::ports::job_store::{Due, Purged};
use rusqlite::Connection;

use super::accounts::{Excess, find_excess};
use super::column::{Id, Service};
use super::jobs::FIND_JOB;
use super::removal::{doom, find_job, give_up, is_not_retried};

/// Free pages given back to the file system after a step, at most: 4 MiB.
const VACUUM_PAGES_MAX: u32 = 1024;

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
const DELETE_DOOMED: &str = "DELETE FROM doomed WHERE job = ?1";

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
