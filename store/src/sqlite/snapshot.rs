//! Copies the database as it is at one moment, while the service uses it, for a backup.
//!
//! The copy is read in steps within one read transaction. Without it every commit of the service
//! would begin the copy anew, and beside a busy one it would never end. Meanwhile the service reads
//! and writes as ever; its write-ahead log grows until the copy is made, and is cut back after
//! that.
//!
//! In the copy every job that may still start tasks is held, and says so: however it is restored,
//! it repeats nothing unasked that was done since.

use std::path::Path;

use brigade_model::job::{Change, JobId};
use brigade_model::{ServiceTime, Timestamp};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, Row};

use super::column::{Count, Id};
use super::job_row::update_job;
use super::jobs::find_job;
use super::opening::{MIGRATIONS, migrate, version};
use super::service_clock;
use crate::rights::new_file;

/// Pages copied in a step: 1 MiB.
const STEP_PAGES: i32 = 256;

const OPEN_JOBS: &str = "SELECT id FROM job WHERE terminated IS NULL ORDER BY id";
const COUNT_JOBS: &str = "SELECT count(*), coalesce(sum(terminated IS NULL AND held_by_user), 0) FROM job";
/// Slices of jobs that are purged in part have no files any more.
const SPOOL_NAMES: &str = "SELECT spool_name FROM slice WHERE job IN (SELECT id FROM job)";

/// What a copy holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    /// Jobs, the ended ones included.
    pub(crate) jobs: u64,
    /// Those that are held until their users release them.
    pub(crate) held: u64,
}

/// Why a database was not copied or is no good.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// A newer program wrote it.
    #[error("it has version {found}, and this program knows versions up to {known}: run a newer program")]
    Newer { found: usize, known: usize },
    /// The database is damaged.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// The database refused.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// The file system refused.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// Copies the database as it is now into a new file, of this program's version, with its jobs
/// held. `made` is a time before the call.
pub(crate) fn copy_database(from: &Path, to: &Path, made: Timestamp) -> Result<(), SnapshotError> {
    let source = open_read_only(from)?;
    refuse_newer(&source)?;
    new_file(to)?;
    let mut copy = Connection::open(to)?;
    copy_pages(&source, &mut copy)?;
    // One file, with nothing beside it.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
    let found = version(&copy)?;
    migrate(&mut copy, found)?;
    hold_jobs(&mut copy, made)?;
    copy.close().map_err(|(_, error)| error)?;
    Ok(())
}

/// Checks a database that no process uses; returns what it holds.
pub(crate) fn check_database(file: &Path) -> Result<Held, SnapshotError> {
    let connection = open_read_only(file)?;
    refuse_newer(&connection)?;
    let said: String = connection.query_row("PRAGMA integrity_check(1)", (), |row| row.get(0))?;
    if said != "ok" {
        return Err(SnapshotError::Damaged(said));
    }
    let held = |row: &Row<'_>| Ok(Held { jobs: row.get::<_, Count>(0)?.0, held: row.get::<_, Count>(1)?.0 });
    Ok(connection.query_row(COUNT_JOBS, (), held)?)
}

/// The names of the spool files that the database needs.
pub(crate) fn spool_names(file: &Path) -> Result<Vec<String>, SnapshotError> {
    let connection = open_read_only(file)?;
    let mut names = connection.prepare(SPOOL_NAMES)?;
    Ok(names.query_map((), |row| row.get(0))?.collect::<rusqlite::Result<_>>()?)
}

fn open_read_only(file: &Path) -> rusqlite::Result<Connection> {
    Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)
}

fn refuse_newer(connection: &Connection) -> Result<(), SnapshotError> {
    let (found, known) = (version(connection)?, MIGRATIONS.len());
    if found > known { Err(SnapshotError::Newer { found, known }) } else { Ok(()) }
}

fn copy_pages(source: &Connection, copy: &mut Connection) -> rusqlite::Result<()> {
    // The first read fixes what the transaction sees.
    let moment = source.unchecked_transaction()?;
    version(&moment)?;
    let steps = Backup::new(source, copy)?;
    while steps.step(STEP_PAGES)? != StepResult::Done {}
    drop(steps);
    moment.finish()
}

fn hold_jobs(copy: &mut Connection, made: Timestamp) -> rusqlite::Result<()> {
    let transaction = copy.transaction()?;
    let stored = service_clock::stored(&transaction)?;
    let service = stored.map_or_else(|| ServiceTime::beginning(made), |stored| stored.service);
    let id = |row: &Row<'_>| Ok(row.get::<_, Id>(0)?.0);
    let open: Vec<JobId> = transaction.prepare(OPEN_JOBS)?.query_map((), id)?.collect::<rusqlite::Result<_>>()?;
    for id in open {
        let Some(mut job) = find_job(&transaction, id)? else { continue };
        // One that only ends starts nothing, and goes on to its end.
        if job.change(&Change::BackedUp(made), made, service).is_ok() {
            update_job(&transaction, &job)?;
        }
    }
    transaction.commit()
}
