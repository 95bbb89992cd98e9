//! Jobs: created, read and changed.

use brigade_model::job::{Change, Dialect, Job, JobId};
use brigade_model::names::{AccountId, EndpointName};
use brigade_model::ports::job_store::{Apply, ApplyError, CreateJobError, Fence, StoreError};
use brigade_model::quota::Quota;
use brigade_model::slots::{self, Candidate, SlotMove};
use rusqlite::{Connection, OptionalExtension, Row};

use super::accounts::{Kept, count_job, drop_job, make_room};
use super::column::{Count, Id, Name, Text, Time, Wire};
use super::job_row::{READ_JOB, insert_job, read_job, update_job};
use super::service_clock;
use super::writer::{Acted, refuse};
use crate::moment::Moment;

pub(super) const FIND_TOKEN: &str =
    "SELECT id FROM job WHERE account = ?1 AND dialect = ?2 AND token = ?3 AND is_deleted = 0";

/// Counts no further than it has to.
pub(super) const COUNT_OPEN: &str =
    "SELECT count(*) FROM (SELECT 1 FROM job WHERE account = ?1 AND terminated IS NULL LIMIT ?2)";

pub(super) const FIND_JOB: &str = "SELECT 1 FROM job WHERE id = ?1";

pub(super) const FIND_REMOVAL: &str = "SELECT outcomes_removed FROM job WHERE id = ?1";

pub(super) const FIND_CHANGE: &str = "SELECT 1 FROM change WHERE job = ?1 AND id = ?2";

const INSERT_CHANGE: &str = "INSERT INTO change (job, id) VALUES (?1, ?2)";

pub(super) const CHECK_STAGE: &str =
    "SELECT 1 FROM job WHERE id = ?1 AND stage_epoch = ?2 AND stage_token = ?3 AND stage_expires IS NOT NULL";

pub(super) const CANDIDATES: &str = "SELECT id, account, priority, status,
        held_by_user OR held_until IS NOT NULL FROM job
    WHERE endpoint = ?1 AND terminated IS NULL AND status IN ('Ready', 'Active', 'Pausing', 'Paused') ORDER BY id";

/// The insert decides who has the token; what it makes one too many is rolled back.
pub(super) fn create_job(connection: &Connection, job: &Job, quota: &Quota, now: Moment) -> Acted<(), CreateJobError> {
    let job = &Job { since: now.service, ..job.clone() };
    service_clock::store(connection, now)?;
    if !insert_job(connection, job)? {
        let token = &job.spec.client_request_token;
        return match job_of_token(connection, &job.account, job.dialect, token)? {
            Some(other) => refuse(CreateJobError::TokenInUse(other)),
            None => refuse(StoreError::Conflict(format!("job {} exists already", job.id))),
        };
    }
    if let Some(retried) = job.spec.retry_of {
        must_hold_outcomes(connection, retried)?;
    }
    let open_max = Count(quota.open_jobs_max as u64);
    let limit = Count(open_max.0.saturating_add(1));
    let open: Count =
        connection.prepare_cached(COUNT_OPEN)?.query_row((job.account.as_str(), limit), |row| row.get(0))?;
    if open.0 > open_max.0 {
        return refuse(CreateJobError::TooManyJobs);
    }
    let Kept { jobs, bytes } = count_job(connection, &job.account)?;
    if jobs > quota.jobs_listed_max && !drop_job(connection, &job.account)? {
        return refuse(CreateJobError::TooManyListed);
    }
    let room_begins = quota.bytes_max.saturating_sub(1);
    if bytes > room_begins && !make_room(connection, &job.account, room_begins, now.wall)? {
        return refuse(CreateJobError::DiskQuotaFull);
    }
    Ok(())
}

/// The job that a new one retries must be there, and what became of its tasks.
fn must_hold_outcomes(connection: &Connection, job: JobId) -> Acted<(), CreateJobError> {
    let removed = |row: &Row<'_>| Ok(row.get::<_, Option<Time>>(0)?.map(|time| time.0));
    match connection.prepare_cached(FIND_REMOVAL)?.query_row((Id(job),), removed).optional()? {
        None => refuse(CreateJobError::RetriedJobGone(job)),
        Some(Some(at)) => refuse(CreateJobError::RetriedOutcomesRemoved { job, at }),
        Some(None) => Ok(()),
    }
}

pub(super) fn job_of_token(
    connection: &Connection,
    account: &AccountId,
    dialect: Dialect,
    token: &str,
) -> rusqlite::Result<Option<JobId>> {
    let token = (account.as_str(), Wire(dialect), token);
    connection.prepare_cached(FIND_TOKEN)?.query_row(token, |row| Ok(row.get::<_, Id>(0)?.0)).optional()
}

pub(super) fn find_job(connection: &Connection, id: JobId) -> rusqlite::Result<Option<Job>> {
    connection.prepare_cached(READ_JOB)?.query_row((Id(id),), read_job).optional()
}

pub(super) fn apply(connection: &Connection, apply: &Apply, now: Moment) -> Acted<Job, ApplyError> {
    let Some(mut job) = find_job(connection, apply.job)? else {
        return refuse(ApplyError::NotFound);
    };
    let name = (Id(apply.job), Name(apply.id.0));
    if connection.prepare_cached(FIND_CHANGE)?.exists(name)? {
        return Ok(job);
    }
    if let Some(fence) = apply.stage_fence
        && !holds_stage(connection, apply.job, fence)?
    {
        return refuse(ApplyError::Fenced);
    }
    if job.revision != apply.revision {
        return refuse(ApplyError::Lost);
    }
    if let Err(illegal) = job.change(&apply.change, now.wall, now.service) {
        return refuse(illegal);
    }
    update_job(connection, &job)?;
    service_clock::store(connection, now)?;
    connection.prepare_cached(INSERT_CHANGE)?.execute(name)?;
    Ok(job)
}

/// Whether the job's stage is held under this fence.
pub(super) fn holds_stage(connection: &Connection, job: JobId, fence: Fence) -> rusqlite::Result<bool> {
    connection.prepare_cached(CHECK_STAGE)?.exists((Id(job), Count(fence.epoch), Name(fence.token.0)))
}

pub(super) fn reschedule(
    connection: &Connection,
    endpoint: &EndpointName,
    slots: usize,
    now: Moment,
) -> Acted<Vec<(JobId, SlotMove)>, StoreError> {
    let mut statement = connection.prepare_cached(CANDIDATES)?;
    let candidates: Vec<_> = statement.query_map((endpoint.as_str(),), candidate)?.collect::<rusqlite::Result<_>>()?;
    let moves = slots::decide(&candidates, slots);
    for (id, slot_move) in &moves {
        let Some(mut job) = find_job(connection, *id)? else { continue };
        if let Err(illegal) = job.change(&Change::from(*slot_move), now.wall, now.service) {
            return refuse(StoreError::Conflict(format!("job {id}: {illegal}")));
        }
        update_job(connection, &job)?;
        service_clock::store(connection, now)?;
    }
    Ok(moves)
}

fn candidate(row: &Row<'_>) -> rusqlite::Result<Candidate> {
    Ok(Candidate {
        job: row.get::<_, Id>(0)?.0,
        account: row.get::<_, Text<_>>(1)?.0,
        priority: row.get(2)?,
        status: row.get::<_, Text<_>>(3)?.0,
        is_held: row.get(4)?,
    })
}
