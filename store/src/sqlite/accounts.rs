//! What each account keeps: counted in the transaction that changes it. When an account is above
//! its quota, its ended jobs give up their data, the one that ended first before the others.

use brigade_model::Timestamp;
use brigade_model::job::JobId;
use brigade_model::names::AccountId;
use brigade_model::quota::Quotas;
use rusqlite::{Connection, OptionalExtension, Row};

use super::column::{Count, Id, Text};
use super::removal::{doom, find_job, give_up, is_not_retried};

/// Jobs that give up their outcomes in one transaction, at most: an account far beyond a quota that was
/// lowered comes back below it in several.
const GIVE_UP_MAX: usize = 1000;

const COUNT_JOB: &str = "INSERT INTO account (name, jobs, bytes) VALUES (?1, 1, 0)
    ON CONFLICT (name) DO UPDATE SET jobs = jobs + 1 RETURNING jobs, bytes";

pub(super) const ADD_BYTES: &str = "UPDATE account SET bytes = bytes + ?2
    WHERE name = (SELECT account FROM job WHERE id = ?1) RETURNING name, bytes";

pub(super) const BYTES_OF: &str = "SELECT bytes FROM account WHERE name = ?1";

pub(super) const ACCOUNTS: &str = "SELECT name, jobs, bytes FROM account";

/// The job of an account that gives up its outcomes before the others.
pub(super) const NEXT_HOLDER: &str = concat!(
    "SELECT id FROM job WHERE account = ?1 AND terminated IS NOT NULL AND lacks_report = 0 AND holds_slices = 1 AND ",
    is_not_retried!(),
    " ORDER BY since LIMIT 1"
);

/// The job of an account that leaves the list before the others; those that are hidden come first.
pub(super) const NEXT_TO_LEAVE: &str = concat!(
    "SELECT id FROM job WHERE account = ?1 AND terminated IS NOT NULL AND lacks_report = 0 AND ",
    is_not_retried!(),
    " ORDER BY is_visible, since LIMIT 1"
);

/// What an account keeps.
pub(super) struct Kept {
    pub(super) jobs: u64,
    pub(super) bytes: u64,
}

/// Counts a new job; what its account keeps with it.
pub(super) fn count_job(connection: &Connection, account: &AccountId) -> rusqlite::Result<Kept> {
    let kept = |row: &Row<'_>| Ok(Kept { jobs: row.get::<_, Count>(0)?.0, bytes: row.get::<_, Count>(1)?.0 });
    connection.prepare_cached(COUNT_JOB)?.query_row((account.as_str(),), kept)
}

/// Counts bytes of a job that is there; whose they are, and what the account keeps with them.
pub(super) fn add_bytes(connection: &Connection, job: JobId, bytes: u64) -> rusqlite::Result<Option<(AccountId, u64)>> {
    let kept = |row: &Row<'_>| Ok((row.get::<_, Text<_>>(0)?.0, row.get::<_, Count>(1)?.0));
    connection.prepare_cached(ADD_BYTES)?.query_row((Id(job), Count(bytes)), kept).optional()
}

/// Ended jobs of the account give up their outcomes until it keeps no more than `bytes_max`; false
/// when none is left that may.
pub(super) fn make_room(
    connection: &Connection,
    account: &AccountId,
    bytes_max: u64,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    for _ in 0..GIVE_UP_MAX {
        let bytes =
            connection.prepare_cached(BYTES_OF)?.query_row((account.as_str(),), |row| row.get::<_, Count>(0))?;
        if bytes.0 <= bytes_max {
            return Ok(true);
        }
        let Some(job) = find_job(connection, NEXT_HOLDER, (account.as_str(),))? else { return Ok(false) };
        give_up(connection, job, now)?;
    }
    Ok(true)
}

/// One job of the account leaves the list; false when none may.
pub(super) fn drop_job(connection: &Connection, account: &AccountId) -> rusqlite::Result<bool> {
    let Some(job) = find_job(connection, NEXT_TO_LEAVE, (account.as_str(),))? else { return Ok(false) };
    doom(connection, job)?;
    Ok(true)
}

/// What an account beyond its quota can part with.
pub(super) enum Excess {
    /// A job.
    Job(JobId),
    /// A job's slices and outcomes.
    Outcomes(JobId),
}

/// What goes next of an account that keeps more than its quota.
pub(super) fn find_excess(connection: &Connection, quotas: &Quotas) -> rusqlite::Result<Option<Excess>> {
    let kept = |row: &Row<'_>| {
        let kept = Kept { jobs: row.get::<_, Count>(1)?.0, bytes: row.get::<_, Count>(2)?.0 };
        Ok((row.get::<_, Text<AccountId>>(0)?.0, kept))
    };
    let mut accounts = connection.prepare_cached(ACCOUNTS)?;
    for row in accounts.query_map((), kept)? {
        let (account, Kept { jobs, bytes }) = row?;
        let quota = quotas.of(&account);
        let of_account = (account.as_str(),);
        let leaving =
            if jobs > quota.jobs_listed_max { find_job(connection, NEXT_TO_LEAVE, of_account)? } else { None };
        let holding = if bytes > quota.bytes_max { find_job(connection, NEXT_HOLDER, of_account)? } else { None };
        if let Some(excess) = leaving.map(Excess::Job).or(holding.map(Excess::Outcomes)) {
            return Ok(Some(excess));
        }
    }
    Ok(None)
}
