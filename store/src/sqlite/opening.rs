//! Opens a data directory: lets one process in at a time, brings the schema up to date, and revokes
//! every lease, since its holder is gone.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::slices::REVOKE_ALL;
use crate::directory::SPOOL;
use crate::folders::{make_folder, sync_folder, sync_parent};
use crate::rights::{close_folder, open_file};

pub(crate) const DATABASE: &str = "brigade.db";
/// What the database is called until a restore is whole.
pub(crate) const RESTORING: &str = "brigade.db.restoring";
pub(crate) const LOCK: &str = "lock";
/// Statements that a connection keeps prepared: more than there are.
pub(super) const STATEMENTS_MAX: usize = 96;
/// The write-ahead log is cut back to this after a burst.
const WAL_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Changes of the schema, in their order; the number of those that were made is the data's
/// version. A change that was released never changes.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema/001.sql"),
    include_str!("schema/002.sql"),
    include_str!("schema/003.sql"),
    include_str!("schema/004.sql"),
    include_str!("schema/005.sql"),
    include_str!("schema/006.sql"),
    include_str!("schema/007.sql"),
    include_str!("schema/008.sql"),
    include_str!("schema/009.sql"),
    include_str!("schema/010.sql"),
    include_str!("schema/011.sql"),
    include_str!("schema/012.sql"),
];

/// Why a data directory was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("data directory {} is in use by another process: stop that one, or name another directory", .0.display())]
    InUse(PathBuf),
    /// It was written by a newer version of this program.
    #[error(
        "data directory {} has version {found}, and this program knows versions up to {known}: run a newer program",
        directory.display()
    )]
    Newer {
        /// The directory.
        directory: PathBuf,
        /// The version of what lies there.
        found: usize,
        /// The newest version known.
        known: usize,
    },
    /// A restore began there, and did not end.
    #[error("data directory {} holds half a restore: empty it and run 'brigade restore' again", .0.display())]
    HalfRestored(PathBuf),
    /// The file system refused.
    #[error("data directory {}: {problem}", directory.display())]
    Io {
        /// The directory.
        directory: PathBuf,
        /// What the system said.
        problem: String,
    },
    /// The database refused.
    #[error("database in {}: {problem}", directory.display())]
    Database {
        /// The directory.
        directory: PathBuf,
        /// What the database said.
        problem: String,
    },
}

/// The right to a data directory, until dropped or until the process ends, however it does.
#[derive(Debug)]
pub(crate) struct DirectoryLock {
    _file: File,
}

/// A data directory that this process has for itself.
pub(super) struct Opened {
    pub(super) lock: DirectoryLock,
    pub(super) file: PathBuf,
    pub(super) connection: Connection,
}

/// Takes the directory, which is made if it is missing, and brings its database up to date.
pub(super) fn open_directory(directory: &Path) -> Result<Opened, OpenError> {
    let lock = lock_directory(directory)?;
    if directory.join(RESTORING).exists() {
        return Err(OpenError::HalfRestored(directory.to_owned()));
    }
    let file = directory.join(DATABASE);
    let in_database =
        |error: rusqlite::Error| OpenError::Database { directory: directory.to_owned(), problem: error.to_string() };
    // SQLite gives what it writes beside a database the database's own rights.
    open_file(&file).map_err(|error| in_directory(directory, &error))?;
    let mut connection = Connection::open(&file).map_err(in_database)?;
    // Asked first: the settings of a writer are written into the file.
    let found = version(&connection).map_err(in_database)?;
    let known = MIGRATIONS.len();
    if found > known {
        return Err(OpenError::Newer { directory: directory.to_owned(), found, known });
    }
    prepare_writer(&connection).map_err(in_database)?;
    migrate(&mut connection, found).map_err(in_database)?;
    revoke_all_leases(&mut connection).map_err(in_database)?;
    make_durable(directory).map_err(|error| in_directory(directory, &error))?;
    Ok(Opened { lock, file, connection })
}

fn in_directory(directory: &Path, error: &std::io::Error) -> OpenError {
    OpenError::Io { directory: directory.to_owned(), problem: error.to_string() }
}

/// What a data directory holds of ours; other things in it are left as they are.
fn is_ours(name: &str) -> bool {
    name == LOCK || name == SPOOL || name.starts_with(DATABASE)
}

/// Takes the directory, which is made if it is missing.
pub(crate) fn lock_directory(directory: &Path) -> Result<DirectoryLock, OpenError> {
    let open = || {
        make_folder(directory)?;
        // Before the lock is asked for: a user who may open it could hold it for ever.
        close_folder(directory, is_ours)?;
        open_file(&directory.join(LOCK))
    };
    let file = open().map_err(|error| in_directory(directory, &error))?;
    match file.try_lock() {
        Ok(()) => Ok(DirectoryLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(directory.to_owned())),
        Err(TryLockError::Error(error)) => Err(in_directory(directory, &error)),
    }
}

/// `auto_vacuum` comes first: it cannot be set once the file has a page.
fn prepare_writer(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update_and_check(None, "journal_size_limit", WAL_BYTES_MAX, |_| Ok(()))?;
    Ok(())
}

pub(super) fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}

/// Brings the schema up to date, whole or not at all: a crash leaves it to the old program.
pub(super) fn migrate(connection: &mut Connection, found: usize) -> rusqlite::Result<()> {
    if found >= MIGRATIONS.len() {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    for migration in MIGRATIONS.iter().skip(found) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(None, "user_version", u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX))?;
    transaction.commit()
}

fn revoke_all_leases(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute(REVOKE_ALL, ())?;
    transaction.execute(
        "UPDATE job SET stage_epoch = stage_epoch + 1, stage_owner = NULL, stage_expires = NULL
         WHERE stage_expires IS NOT NULL",
        (),
    )?;
    transaction.commit()
}

/// The names of the directory and of what lies in it survive a crash too.
pub(crate) fn make_durable(directory: &Path) -> std::io::Result<()> {
    sync_folder(directory)?;
    sync_parent(directory)
}
