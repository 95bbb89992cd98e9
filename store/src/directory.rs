//! A spool in a directory that one process uses alone.
//!
//! A file is written under a temporary name, fsynced, renamed, and its folder fsynced: so it is
//! there whole or not at all, whatever crashes, and once `write` returned it stays. Temporary
//! files lie in a folder of their own (`.partial`, which no spool name can name); what a crash
//! left there is removed on opening.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use brigade_model::ports::spool::{Spool, SpoolError, check_name};
use bytes::Bytes;

use crate::folders::{make_folder, sync_folder, sync_parent};
use crate::rights::{close_folder, new_file};

/// The folder of the spool, in a data directory and in a backup.
pub const SPOOL: &str = "spool";
const PARTIAL: &str = ".partial";

/// Spool files in a directory. Cheap to clone; clones are one spool.
#[derive(Debug, Clone)]
pub struct DirectorySpool(Arc<Root>);

#[derive(Debug)]
struct Root {
    directory: PathBuf,
    /// Numbers temporary files.
    next: AtomicU64,
    /// Bytes of all files; locked while a file comes or goes.
    used_bytes: Mutex<u64>,
}

impl DirectorySpool {
    /// Opens the spool in `directory`, which is made if it is missing. Blocks while it looks at
    /// every file's size.
    ///
    /// # Errors
    /// [`SpoolError::Io`] when the file system refuses.
    pub fn open(directory: &Path) -> Result<Self, SpoolError> {
        let named = |error| spool_error(&directory.display().to_string(), error);
        make_folder(directory).map_err(named)?;
        clear_folder(&directory.join(PARTIAL)).map_err(named)?;
        close_folder(directory, |_| true).map_err(named)?;
        // The process that made them may have died before it came to that.
        sync_folder(directory).and_then(|()| sync_parent(directory)).map_err(named)?;
        let mut used_bytes = 0;
        visit_files(directory, "", &mut |_, metadata| used_bytes += metadata.len()).map_err(named)?;
        let root =
            Root { directory: directory.to_owned(), next: AtomicU64::new(0), used_bytes: Mutex::new(used_bytes) };
        Ok(Self(Arc::new(root)))
    }

    /// File work blocks, so it is done on a thread that may.
    async fn blocking<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Root, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, SpoolError> {
        let (root, name) = (self.0.clone(), name.to_owned());
        let done = move || work(&root, &name).map_err(|error| spool_error(&name, error));
        tokio::task::spawn_blocking(done)
            .await
            .map_err(|error| SpoolError::Io { name: String::new(), problem: error.to_string() })?
    }
}

#[async_trait]
impl Spool for DirectorySpool {
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError> {
        check_name(name)?;
        self.blocking(name, move |root, name| root.write(name, &bytes)).await
    }

    async fn read(&self, name: &str) -> Result<Bytes, SpoolError> {
        check_name(name)?;
        let found = self.blocking(name, |root, name| absent_as_none(fs::read(root.path(name)))).await?;
        found.map(Bytes::from).ok_or_else(|| SpoolError::NotFound(name.to_owned()))
    }

    async fn remove(&self, name: &str) -> Result<(), SpoolError> {
        check_name(name)?;
        self.blocking(name, Root::remove).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError> {
        self.blocking(prefix, Root::list).await
    }

    async fn bytes_used(&self) -> Result<u64, SpoolError> {
        Ok(*self.0.used_bytes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError> {
        let free = |root: &Root, _: &str| {
            let disk = rustix::fs::statvfs(&root.directory)?;
            Ok(Some(disk.f_bavail.saturating_mul(disk.f_frsize)))
        };
        self.blocking("", free).await
    }
}

impl Root {
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::SeqCst);
        let partial = self.directory.join(PARTIAL).join(number.to_string());
        let written = write_durably(&partial, bytes).and_then(|()| self.put(&partial, &self.path(name), bytes));
        if written.is_err() {
            // The write has failed already; what cannot be removed is removed on opening.
            let _ = fs::remove_file(&partial);
        }
        written
    }

    /// Renames the file to its place. A removal beside may take the folder, once it is empty,
    /// between its making and the rename; then it is made again.
    fn put(&self, partial: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
        let folder = target.parent().unwrap_or(&self.directory);
        loop {
            make_folder(folder)?;
            match self.rename(partial, target, bytes.len() as u64) {
                Err(error) if error.kind() == ErrorKind::NotFound && !folder.exists() => {}
                Err(error) => return Err(error),
                Ok(()) => return self.sync_folders(folder),
            }
        }
    }

    /// Makes the file's name durable, and its folder's: the writer that made the folder may not
    /// have synced it yet.
    fn sync_folders(&self, folder: &Path) -> io::Result<()> {
        folder.ancestors().take_while(|folder| folder.starts_with(&self.directory)).try_for_each(sync_folder)
    }

    fn rename(&self, partial: &Path, target: &Path, bytes: u64) -> io::Result<()> {
        let mut used_bytes = self.used_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let replaced = fs::metadata(target).map_or(0, |metadata| metadata.len());
        fs::rename(partial, target)?;
        *used_bytes = (*used_bytes + bytes).saturating_sub(replaced);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let target = self.path(name);
        let mut used_bytes = self.used_bytes.lock().unwrap_or_else(PoisonError::into_inner);
        let _no_backup = lock_against_backup(&self.directory)?;
        let removed = fs::metadata(&target).and_then(|metadata| {
            fs::remove_file(&target)?;
            Ok(metadata.len())
        });
        match removed {
            Ok(bytes) => *used_bytes = used_bytes.saturating_sub(bytes),
            Err(error) if is_absence(&error) => return Ok(()),
            Err(error) => return Err(error),
        }
        self.remove_empty_folder(&target);
        Ok(())
    }

    /// The last file of a job takes its folder along; a folder with files stays, by itself.
    fn remove_empty_folder(&self, target: &Path) {
        if let Some(folder) = target.parent().filter(|folder| *folder != self.directory) {
            let _ = fs::remove_dir(folder);
        }
    }

    fn list(&self, prefix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        visit_files(&self.directory, prefix, &mut |name, _| names.push(name.to_owned()))?;
        names.sort_unstable();
        Ok(names)
    }
}

/// Keeps the files of a spool where they are, until dropped or until the process ends: a backup
/// copies them beside the process that has the spool, which removes none meanwhile.
pub(crate) fn lock_for_backup(directory: &Path) -> io::Result<File> {
    let folder = File::open(directory)?;
    folder.lock_shared()?;
    Ok(folder)
}

fn lock_against_backup(directory: &Path) -> io::Result<File> {
    let folder = File::open(directory)?;
    match folder.try_lock() {
        Ok(()) => Ok(folder),
        Err(TryLockError::WouldBlock) => Err(io::Error::new(ErrorKind::ResourceBusy, "a backup is being made")),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = new_file(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn clear_folder(folder: &Path) -> io::Result<()> {
    make_folder(folder)?;
    fs::read_dir(folder)?.try_for_each(|entry| fs::remove_file(entry?.path()))
}

/// Shows every file whose name begins with `prefix`, looking only into folders that may hold one.
fn visit_files(directory: &Path, prefix: &str, visit: &mut dyn FnMut(&str, &fs::Metadata)) -> io::Result<()> {
    // What the prefix names as a folder holds all of them; beside it there may be a hundred thousand others.
    match prefix.rsplit_once('/').filter(|(folder, _)| check_name(folder).is_ok()) {
        Some((folder, _)) => visit_folder(&directory.join(folder), &format!("{folder}/"), prefix, visit),
        None => visit_folder(directory, "", prefix, visit),
    }
}

fn visit_folder(folder: &Path, name: &str, prefix: &str, visit: &mut dyn FnMut(&str, &fs::Metadata)) -> io::Result<()> {
    for entry in absent_as_none(fs::read_dir(folder))?.into_iter().flatten() {
        let entry = entry?;
        let name = format!("{name}{}", entry.file_name().to_string_lossy());
        let Some(metadata) = absent_as_none(entry.metadata())? else { continue };
        if metadata.is_dir() {
            let name = format!("{name}/");
            let may_hold = name.starts_with(prefix) || prefix.starts_with(&name);
            if may_hold && entry.file_name() != PARTIAL {
                visit_folder(&entry.path(), &name, prefix, visit)?;
            }
        } else if name.starts_with(prefix) {
            visit(&name, &metadata);
        }
    }
    Ok(())
}

/// A file removed during a read counts as absent.
fn absent_as_none<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Err(error) if is_absence(&error) => Ok(None),
        found => found.map(Some),
    }
}

/// Whether a file of that name does not exist: a part of its path may be missing, or be a file,
/// and what has the name may be a folder.
fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory)
}

fn spool_error(name: &str, error: io::Error) -> SpoolError {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => SpoolError::Full(format!("{name}: {error}")),
        _ => SpoolError::Io { name: name.to_owned(), problem: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_as_full() {
        let mut full = File::options().write(true).open("/dev/full").unwrap();
        let error = full.write_all(b"x").unwrap_err();
        assert!(matches!(spool_error("a", error), SpoolError::Full(_)));
    }

    #[tokio::test]
    async fn what_a_crash_left_half_written_is_removed_on_opening_and_never_listed() {
        let directory = tempfile::tempdir().unwrap();
        let spool = DirectorySpool::open(directory.path()).unwrap();
        spool.write("j/a", Bytes::from_static(b"whole")).await.unwrap();
        let left = directory.path().join(PARTIAL).join("7");
        fs::write(&left, b"hal").unwrap();
        assert_eq!(spool.list("").await.unwrap(), ["j/a"]);

        let spool = DirectorySpool::open(directory.path()).unwrap();
        assert!(!left.exists());
        assert_eq!(spool.list("").await.unwrap(), ["j/a"]);
        assert_eq!(spool.bytes_used().await.unwrap(), 5);
        assert_eq!(spool.read("j/a").await.unwrap(), "whole");
    }

    #[tokio::test]
    async fn a_write_that_fails_leaves_nothing_behind() {
        let directory = tempfile::tempdir().unwrap();
        let spool = DirectorySpool::open(directory.path()).unwrap();
        spool.write("a", Bytes::from_static(b"a file")).await.unwrap();
        let failed = spool.write("a/b", Bytes::from_static(b"in a file")).await;
        assert!(matches!(failed, Err(SpoolError::Io { .. })), "{failed:?}");
        assert_eq!(fs::read_dir(directory.path().join(PARTIAL)).unwrap().count(), 0);
        assert_eq!(spool.bytes_used().await.unwrap(), 6);
    }

    #[tokio::test]
    async fn a_folder_goes_with_its_last_file_and_comes_back_with_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let spool = DirectorySpool::open(directory.path()).unwrap();
        for _ in 0..2 {
            spool.write("j/a", Bytes::new()).await.unwrap();
            spool.remove("j/a").await.unwrap();
            assert!(!directory.path().join("j").exists());
        }
    }

    #[tokio::test]
    async fn a_file_that_a_backup_may_still_copy_is_not_removed() {
        let directory = tempfile::tempdir().unwrap();
        let spool = DirectorySpool::open(directory.path()).unwrap();
        spool.write("j/a", Bytes::new()).await.unwrap();
        let backups = [(); 2].map(|()| lock_for_backup(directory.path()).unwrap());
        let refused = spool.remove("j/a").await.unwrap_err();
        assert!(refused.to_string().contains("backup"), "{refused}");
        spool.write("j/b", Bytes::new()).await.unwrap();
        drop(backups);
        spool.remove("j/a").await.unwrap();
        assert_eq!(spool.list("").await.unwrap(), ["j/b"]);
    }

    #[tokio::test]
    async fn the_room_that_is_left_is_that_of_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let spool = DirectorySpool::open(directory.path()).unwrap();
        assert!(spool.bytes_free().await.unwrap().is_some_and(|bytes| bytes > 0));
    }
}
