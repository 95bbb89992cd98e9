//! Many jobs at once: pages of a list, the heads of open jobs, counts.
//!
//! The store finds a page by its keys alone, in an index, and only then reads it: so it costs the
//! same wherever it begins. With statuses it is the merge of one short walk for each.

use brigade_model::job::{Job, JobId};
use brigade_model::ports::Monotonic;
use brigade_model::ports::job_store::{JobHead, ListJobs};
use brigade_model::status::Status;
use rusqlite::types::Value;
use rusqlite::{Connection, Row, ToSql};

use super::column::{Count, Expiry, Id, Service, Text, Wire};
use super::jobs::find_job;

/// The length of an id.
const ID_BYTES: usize = 16;

pub(super) const PAGE: &str = "SELECT id FROM job
    WHERE account = ?1 AND dialect = ?2 AND is_visible = 1 AND id > ?3
        AND (terminated IS NULL OR since >= ?4)
    ORDER BY id LIMIT ?5";

pub(super) const PAGE_OF_STATUS: &str = "SELECT id FROM job
    WHERE account = ?1 AND dialect = ?2 AND status = ?6 AND is_visible = 1 AND id > ?3
        AND (terminated IS NULL OR since >= ?4)
    ORDER BY id LIMIT ?5";

pub(super) const NEWEST: &str = "SELECT id FROM job
    WHERE account = ?1 AND dialect = ?2 AND is_visible = 1 AND id < ?3
        AND (terminated IS NULL OR since >= ?4)
    ORDER BY id DESC LIMIT ?5";

pub(super) const NEWEST_OF_STATUS: &str = "SELECT id FROM job
    WHERE account = ?1 AND dialect = ?2 AND status = ?6 AND is_visible = 1 AND id < ?3
        AND (terminated IS NULL OR since >= ?4)
    ORDER BY id DESC LIMIT ?5";

pub(super) const OPEN_JOBS: &str = "SELECT id, account, endpoint, status, priority, revision, held_by_user, since,
        coalesce(stage_expires > ?1, 0), held_until, retry_of
    FROM job WHERE terminated IS NULL ORDER BY id";

pub(super) const COUNT_JOBS: &str = "SELECT status, count(*) FROM job WHERE is_deleted = 0 GROUP BY status";

pub(super) fn list_jobs(connection: &Connection, query: &ListJobs) -> rusqlite::Result<Vec<Job>> {
    let ids = page(connection, query)?;
    ids.into_iter().filter_map(|id| find_job(connection, id).transpose()).collect()
}

fn page(connection: &Connection, query: &ListJobs) -> rusqlite::Result<Vec<JobId>> {
    if query.statuses.is_empty() {
        return walk(connection, query, None);
    }
    let mut ids = Vec::new();
    for status in &query.statuses {
        ids.extend(walk(connection, query, Some(*status))?);
    }
    ids.sort_unstable();
    if query.is_newest_first {
        ids.reverse();
    }
    ids.dedup();
    ids.truncate(query.limit);
    Ok(ids)
}

fn walk(connection: &Connection, query: &ListJobs, status: Option<Status>) -> rusqlite::Result<Vec<JobId>> {
    // Nothing is the least of all blobs, so the first page is after nothing; and no id is as long as what the newest
    // are before.
    let start = if query.is_newest_first { vec![u8::MAX; ID_BYTES + 1] } else { Vec::new() };
    let after = Value::Blob(query.after.map_or(start, |id| id.as_bytes().to_vec()));
    let (limit, status_text) = (Count(query.limit as u64), status.map(Text));
    let mut parameters: Vec<&dyn ToSql> = Vec::with_capacity(6);
    let (account, dialect, since) = (query.account.as_str(), Wire(query.dialect), Service(query.ended_since));
    parameters.extend([&account as &dyn ToSql, &dialect, &after, &since, &limit]);
    parameters.extend(status_text.as_ref().map(|text| text as &dyn ToSql));
    let sql = match (query.is_newest_first, status.is_some()) {
        (false, false) => PAGE,
        (false, true) => PAGE_OF_STATUS,
        (true, false) => NEWEST,
        (true, true) => NEWEST_OF_STATUS,
    };
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_map(&parameters[..], |row| Ok(row.get::<_, Id>(0)?.0))?.collect()
}

pub(super) fn open_jobs(connection: &Connection, now: Monotonic) -> rusqlite::Result<Vec<JobHead>> {
    connection.prepare_cached(OPEN_JOBS)?.query_map((Expiry(now),), head)?.collect()
}

fn head(row: &Row<'_>) -> rusqlite::Result<JobHead> {
    Ok(JobHead {
        id: row.get::<_, Id>(0)?.0,
        account: row.get::<_, Text<_>>(1)?.0,
        endpoint: row.get::<_, Text<_>>(2)?.0,
        status: row.get::<_, Text<_>>(3)?.0,
        priority: row.get(4)?,
        revision: row.get::<_, Count>(5)?.0,
        held_by_user: row.get(6)?,
        since: row.get::<_, Service>(7)?.0,
        is_stage_leased: row.get(8)?,
        held_until: row.get::<_, Option<Service>>(9)?.map(|moment| moment.0),
        retry_of: row.get::<_, Option<Id>>(10)?.map(|id| id.0),
    })
}

pub(super) fn count_jobs(connection: &Connection) -> rusqlite::Result<Vec<(Status, u64)>> {
    let mut statement = connection.prepare_cached(COUNT_JOBS)?;
    let count = |row: &Row<'_>| Ok((row.get::<_, Text<_>>(0)?.0, row.get::<_, Count>(1)?.0));
    statement.query_map((), count)?.collect()
}
