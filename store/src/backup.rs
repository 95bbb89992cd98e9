//! Backups: copies a data directory, in use or not, and restores it.
//!
//! A backup is a folder:
//!
//! ```text
//! backup.json     what it is and what it holds: the last thing written
//! brigade.db      the database at one moment, its jobs held (`sqlite::snapshot`)
//! spool/          every file that the database needs
//! ```
//!
//! A file is in the spool before a row names it, and goes after the row. So every file that the
//! snapshot needs is there when the snapshot is fixed; and from before it until the files are
//! copied the backup holds the spool's lock, under which the service removes none.
//!
//! Backup and restore write under a temporary name, make everything durable, check it, and rename
//! last: half a backup is none, and half a restore is not served.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use brigade_model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::directory::{SPOOL, lock_for_backup};
use crate::folders::{make_folder, sync_folder};
use crate::rights::{close_folder, new_file};
use crate::sqlite::OpenError;
use crate::sqlite::opening::{DATABASE, LOCK, RESTORING, lock_directory, make_durable};
use crate::sqlite::snapshot::{Held, SnapshotError, check_database, copy_database, spool_names};

const ABOUT: &str = "backup.json";
/// The form that this program writes.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The form of the backup.
    format: u32,
    /// When it was made: nothing in it is younger.
    pub made: Timestamp,
    /// Jobs, the ended ones included.
    pub jobs: u64,
    /// Those that are held until their users release them.
    pub held: u64,
    /// Files of the spool.
    pub files: u64,
    /// Bytes of those.
    pub bytes: u64,
}

/// Why a backup was not made or not brought back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// There is no database to copy.
    #[error("{} is no data directory: it holds no brigade.db", .0.display())]
    NoData(PathBuf),
    /// Nothing is overwritten.
    #[error("{} exists already: name a new folder for the backup", .0.display())]
    TargetExists(PathBuf),
    /// A backup protects from the loss of what it lies in.
    #[error("{} lies in the data directory: name a folder elsewhere, best on another disk", .0.display())]
    TargetInside(PathBuf),
    /// Another process writes the same backup.
    #[error("another process is making the backup {}", .0.display())]
    TargetInUse(PathBuf),
    /// It holds no `backup.json`, or not one that is a backup's.
    #[error("{} is no whole backup: {problem}", folder.display())]
    NoBackup {
        /// The folder.
        folder: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// Nothing is overwritten.
    #[error("data directory {} is not empty (it holds {found}): name or make an empty one", directory.display())]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
        /// The name of something in it.
        found: String,
    },
    /// The database needs a file that is missing.
    #[error("{} is missing, and the database needs it", .0.display())]
    Incomplete(PathBuf),
    /// The data directory is in use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The database cannot be copied or is no good.
    #[error("database {}: {problem}", file.display())]
    Database {
        /// Which.
        file: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The file system refused.
    #[error("{}: {problem}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// What the system said.
        problem: io::Error,
    },
}

impl BackupError {
    /// Whether the place that was named is the wrong one, rather than something having failed.
    #[must_use]
    pub fn is_mistake(&self) -> bool {
        use BackupError::{NoBackup, NoData, NotEmpty, TargetExists, TargetInside};
        matches!(self, NoData(_) | TargetExists(_) | TargetInside(_) | NoBackup { .. } | NotEmpty { .. })
    }
}

type Done<T> = Result<T, BackupError>;

/// Makes a backup of `data` in the new folder `target`, beside a service that may run. `now` is
/// the time before the call. Blocks for as long as the disks take.
///
/// # Errors
/// [`BackupError`]; then there is no `target`.
pub fn back_up(data: &Path, target: &Path, now: Timestamp) -> Done<About> {
    if !data.join(DATABASE).is_file() {
        return Err(BackupError::NoData(data.to_owned()));
    }
    let draft = PartialBackup::begin(data, target)?;
    let about = fill(data, &draft.folder, now).inspect_err(|_| draft.discard())?;
    draft.publish(target)?;
    Ok(about)
}

/// The folder of a backup that is not whole yet: `.NAME.partial`, beside what it becomes.
struct PartialBackup {
    folder: PathBuf,
    _lock: File,
}

impl PartialBackup {
    /// A new one; what a process that died left there is removed.
    fn begin(data: &Path, target: &Path) -> Done<Self> {
        let name = target.file_name().ok_or_else(|| BackupError::TargetExists(target.to_owned()))?;
        if target.symlink_metadata().is_ok() {
            return Err(BackupError::TargetExists(target.to_owned()));
        }
        let parent = parent_of(target);
        let (inside, outside) = (absolute(&parent)?, absolute(data)?);
        if inside.starts_with(outside) {
            return Err(BackupError::TargetInside(target.to_owned()));
        }
        let folder = parent.join(format!(".{}.partial", name.to_string_lossy()));
        let made = || {
            make_folder(&folder)?;
            close_folder(&folder, |_| true)?;
            File::open(&folder)
        };
        let lock = made().map_err(in_path(&folder))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(BackupError::TargetInUse(target.to_owned())),
            Err(TryLockError::Error(error)) => return Err(in_path(&folder)(error)),
        }
        empty(&folder).map_err(in_path(&folder))?;
        Ok(Self { folder, _lock: lock })
    }

    fn discard(&self) {
        // The backup has failed already; the next one of this name removes what remains.
        let _ = fs::remove_dir_all(&self.folder);
    }

    fn publish(self, target: &Path) -> Done<()> {
        fs::rename(&self.folder, target).map_err(in_path(target)).inspect_err(|_| self.discard())?;
        sync_folder(&parent_of(target)).map_err(in_path(target))
    }
}

fn fill(data: &Path, folder: &Path, now: Timestamp) -> Done<About> {
    let (from, to) = (data.join(SPOOL), folder.join(SPOOL));
    make_folder(&to).map_err(in_path(&to))?;
    let lock = if from.exists() { Some(lock_for_backup(&from).map_err(in_path(&from))?) } else { None };
    let (source, copy) = (data.join(DATABASE), folder.join(DATABASE));
    copy_database(&source, &copy, now).map_err(in_database(&source))?;
    let (files, bytes) = copy_spool(&copy, &from, &to)?;
    drop(lock);
    let Held { jobs, held } = check_database(&copy).map_err(in_database(&copy))?;
    let about = About { format: FORMAT, made: now, jobs, held, files, bytes };
    write_about(folder, &about).and_then(|()| sync_tree(folder)).map_err(in_path(folder))?;
    Ok(about)
}

/// Brings a backup back into `data`, which is made if it is missing and must be empty. Blocks for
/// as long as the disks take.
///
/// # Errors
/// [`BackupError`]; what was written by then is not served.
pub fn restore(backup: &Path, data: &Path) -> Done<About> {
    let about = read_about(backup)?;
    let source = backup.join(DATABASE);
    check_database(&source).map_err(in_database(&source))?;
    make_folder(data).map_err(in_path(data))?;
    must_be_empty(data)?;
    let _lock = lock_directory(data)?;
    let (copy, spool) = (data.join(RESTORING), data.join(SPOOL));
    copy_file(&source, &copy).map_err(in_path(&source))?;
    let (files, bytes) = copy_spool(&copy, &backup.join(SPOOL), &spool)?;
    if (files, bytes) != (about.files, about.bytes) {
        let problem = format!("its spool has {bytes} bytes in {files} files, not {} in {}", about.bytes, about.files);
        return Err(BackupError::NoBackup { folder: backup.to_owned(), problem });
    }
    check_database(&copy).map_err(in_database(&copy))?;
    sync_tree(data).map_err(in_path(data))?;
    fs::rename(&copy, data.join(DATABASE)).and_then(|()| make_durable(data)).map_err(in_path(data))?;
    Ok(about)
}

/// What a new file system may hold, and what was left by a service that never began.
fn must_be_empty(data: &Path) -> Done<()> {
    for entry in fs::read_dir(data).map_err(in_path(data))? {
        let found = entry.map_err(in_path(data))?.file_name().to_string_lossy().into_owned();
        if found != LOCK && found != "lost+found" {
            return Err(BackupError::NotEmpty { directory: data.to_owned(), found });
        }
    }
    Ok(())
}

/// Copies the spool files that a database needs; says how many, and their bytes.
fn copy_spool(database: &Path, from: &Path, to: &Path) -> Done<(u64, u64)> {
    let (mut files, mut bytes) = (0, 0);
    for name in spool_names(database).map_err(in_database(database))? {
        let (source, target) = (from.join(&name), to.join(&name));
        make_folder(target.parent().unwrap_or(to)).map_err(in_path(&target))?;
        bytes += copy_file(&source, &target).map_err(|error| match error.kind() {
            ErrorKind::NotFound => BackupError::Incomplete(source.clone()),
            _ => in_path(&source)(error),
        })?;
        files += 1;
    }
    Ok((files, bytes))
}

/// Copies one file, durably and whole; returns its bytes. One file at a time, so that the service
/// never waits for a disk that a backup keeps busy.
fn copy_file(from: &Path, to: &Path) -> io::Result<u64> {
    let (mut source, mut target) = (File::open(from)?, new_file(to)?);
    let bytes = io::copy(&mut source, &mut target)?;
    target.sync_all()?;
    Ok(bytes)
}

fn write_about(folder: &Path, about: &About) -> io::Result<()> {
    let text = serde_json::to_string_pretty(about).map_err(io::Error::other)? + "\n";
    let path = folder.join(ABOUT);
    let mut file = new_file(&path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn read_about(folder: &Path) -> Done<About> {
    let no_backup = |problem: String| BackupError::NoBackup { folder: folder.to_owned(), problem };
    let text = fs::read_to_string(folder.join(ABOUT)).map_err(|error| no_backup(format!("{ABOUT}: {error}")))?;
    let about: About = serde_json::from_str(&text).map_err(|error| no_backup(format!("{ABOUT}: {error}")))?;
    if about.format != FORMAT {
        let problem = format!("it has form {}, and this program knows {FORMAT}: run a newer program", about.format);
        return Err(no_backup(problem));
    }
    Ok(about)
}

/// Makes the names of all files below a folder durable; the files are.
fn sync_tree(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        }
    }
    sync_folder(folder)
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() { fs::remove_dir_all(entry.path())? } else { fs::remove_file(entry.path())? }
    }
    Ok(())
}

/// The folder that a path lies in; that of a bare name is the current one.
fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

fn absolute(path: &Path) -> Done<PathBuf> {
    fs::canonicalize(path).map_err(in_path(path))
}

fn in_path(path: &Path) -> impl Fn(io::Error) -> BackupError {
    move |problem| BackupError::Io { path: path.to_owned(), problem }
}

fn in_database(file: &Path) -> impl Fn(SnapshotError) -> BackupError {
    move |problem| BackupError::Database { file: file.to_owned(), problem: problem.to_string() }
}
