//! The stored form of a job: a column for each thing that queries ask for, two documents for the
//! rest.
//!
//! `spec` is what the client asked, written once; `life` is what changes and no query asks for.
//! Golden files pin both (`fixtures/store/`): data that was written once can always be read.

use brigade_model::job::{Hold, Job, JobFailure, JobSpec, Prepared, Rounds};
use brigade_model::operation::Tag;
use brigade_model::{DoneBytes, DryRun, LoadLimits, Progress, Timestamp};
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use super::column::{Count, Id, Json, Service, Text, Time, Wire};

/// The document `life`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    is_confirmed: bool,
    suspended_cause: Option<String>,
    status_update_reason: String,
    failures: Vec<JobFailure>,
    prepared: Option<Prepared>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dry_run: Option<DryRun>,
    /// `None` in data from before limits could be changed: those of the job's options.
    #[serde(default)]
    limits: Option<LoadLimits>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    restored_from: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hold: Option<Hold>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rounds: Option<Rounds>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag>,
    #[serde(default, skip_serializing_if = "is_zero")]
    active_ms: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Life {
    pub(super) fn of(job: &Job) -> Self {
        Self {
            is_confirmed: job.is_confirmed,
            suspended_cause: job.suspended_cause.clone(),
            status_update_reason: job.status_update_reason.clone(),
            failures: job.failures.clone(),
            prepared: job.prepared.clone(),
            dry_run: job.dry_run.clone(),
            limits: Some(job.limits),
            restored_from: job.restored_from,
            tags: job.tags.clone(),
            active_ms: job.active_ms,
            hold: job.hold.clone(),
            rounds: job.rounds,
        }
    }
}

/// What [`read_job`] reads, of a row of `job`. Slices that are done have entered the row; those
/// that are begun are few, and have an index of their own, which is named since the planner has no
/// statistics and would walk all slices of the job.
macro_rules! job_columns {
    () => {
        "id, account, dialect, endpoint, status, priority, revision, held_by_user, is_deleted, created, suspended,
         terminated, total,
         succeeded + (SELECT coalesce(sum(s.succeeded), 0) FROM slice s INDEXED BY slice_begun
                      WHERE s.job = job.id AND s.is_done = 0 AND s.next_seq > 0),
         failed + (SELECT coalesce(sum(s.failed), 0) FROM slice s INDEXED BY slice_begun
                   WHERE s.job = job.id AND s.is_done = 0 AND s.next_seq > 0),
         life, spec, since, lacks_report, outcomes_removed, failure_counts, done_bytes, tasks_of_unknown_size"
    };
}

pub(super) const READ_JOB: &str = concat!("SELECT ", job_columns!(), " FROM job WHERE id = ?1");

const INSERT_JOB: &str = "INSERT INTO job (id, account, dialect, token, endpoint, status, priority, revision,
        held_by_user, is_deleted, is_visible, created, suspended, terminated, total, life, spec,
        retry_of, since)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)
    ON CONFLICT DO NOTHING";

const UPDATE_JOB: &str = "UPDATE job SET status = ?2, priority = ?3, revision = ?4, held_by_user = ?5,
        is_deleted = ?6, is_visible = ?7, suspended = ?8, terminated = ?9, total = ?10, life = ?11, since = ?12,
        lacks_report = ?13, held_until = ?14, round = ?15,
        stage_owner = iif(?9 IS NULL, stage_owner, NULL), stage_expires = iif(?9 IS NULL, stage_expires, NULL)
    WHERE id = ?1";

/// The job of a row of `job_columns`.
pub(super) fn read_job(row: &Row<'_>) -> rusqlite::Result<Job> {
    let Json(life): Json<Life> = row.get(15)?;
    let Json(spec): Json<JobSpec> = row.get(16)?;
    Ok(Job {
        id: row.get::<_, Id>(0)?.0,
        account: row.get::<_, Text<_>>(1)?.0,
        dialect: row.get::<_, Wire>(2)?.0,
        endpoint: row.get::<_, Text<_>>(3)?.0,
        status: row.get::<_, Text<_>>(4)?.0,
        priority: row.get(5)?,
        revision: row.get::<_, Count>(6)?.0,
        held_by_user: row.get(7)?,
        is_deleted: row.get(8)?,
        created: row.get::<_, Time>(9)?.0,
        suspended: row.get::<_, Option<Time>>(10)?.map(|time| time.0),
        terminated: row.get::<_, Option<Time>>(11)?.map(|time| time.0),
        lacks_report: row.get(18)?,
        outcomes_removed: row.get::<_, Option<Time>>(19)?.map(|time| time.0),
        progress: Progress {
            total: row.get::<_, Count>(12)?.0,
            succeeded: row.get::<_, Count>(13)?.0,
            failed: row.get::<_, Count>(14)?.0,
        },
        failure_counts: row.get::<_, Option<Json<_>>>(20)?.map(|counts| counts.0).unwrap_or_default(),
        done_bytes: DoneBytes { bytes: row.get::<_, Count>(21)?.0, tasks_of_unknown_size: row.get::<_, Count>(22)?.0 },
        limits: life.limits.unwrap_or_else(|| spec.options.limits()),
        spec,
        since: row.get::<_, Service>(17)?.0,
        is_confirmed: life.is_confirmed,
        suspended_cause: life.suspended_cause,
        status_update_reason: life.status_update_reason,
        failures: life.failures,
        prepared: life.prepared,
        dry_run: life.dry_run,
        restored_from: life.restored_from,
        tags: life.tags,
        active_ms: life.active_ms,
        hold: life.hold,
        rounds: life.rounds,
    })
}

/// Inserts the row; false when its id or its token is taken.
pub(super) fn insert_job(connection: &Connection, job: &Job) -> rusqlite::Result<bool> {
    let rows = connection.prepare_cached(INSERT_JOB)?.execute(rusqlite::params![
        Id(job.id),
        job.account.as_str(),
        Wire(job.dialect),
        job.spec.client_request_token,
        job.endpoint.as_str(),
        Text(job.status),
        job.priority,
        Count(job.revision),
        job.held_by_user,
        job.is_deleted,
        job.is_visible(),
        Time(job.created),
        job.suspended.map(Time),
        job.terminated.map(Time),
        Count(job.progress.total),
        Json(Life::of(job)),
        Json(&job.spec),
        job.spec.retry_of.map(Id),
        Service(job.since),
    ])?;
    Ok(rows == 1)
}

/// Writes what a change can change: all but the counters, which belong to the parts. A job that
/// has ended has no stage any more.
pub(super) fn update_job(connection: &Connection, job: &Job) -> rusqlite::Result<()> {
    connection.prepare_cached(UPDATE_JOB)?.execute(rusqlite::params![
        Id(job.id),
        Text(job.status),
        job.priority,
        Count(job.revision),
        job.held_by_user,
        job.is_deleted,
        job.is_visible(),
        job.suspended.map(Time),
        job.terminated.map(Time),
        Count(job.progress.total),
        Json(Life::of(job)),
        Service(job.since),
        job.lacks_report,
        job.held_until().map(Service),
        job.rounds.map_or(0, |rounds| rounds.number),
    ])?;
    Ok(())
}
