//! Folders whose names survive a loss of power: a name is durable once the folder above it is synced.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::rights::new_folder;

/// Makes a folder and those above it that are missing; the name of each new one is durable.
pub(crate) fn make_folder(folder: &Path) -> io::Result<()> {
    match new_folder(folder) {
        Ok(()) => sync_parent(folder),
        Err(error) if error.kind() == ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let above = folder.parent().filter(|above| !above.as_os_str().is_empty()).ok_or(error)?;
            make_folder(above)?;
            make_folder(folder)
        }
        Err(error) => Err(error),
    }
}

/// Makes the names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Makes the name of a folder durable, wherever its path leads.
pub(crate) fn sync_parent(folder: &Path) -> io::Result<()> {
    fs::canonicalize(folder)?.parent().map_or(Ok(()), sync_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_made_with_those_above_it_and_one_that_is_there_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("a/b/c");
        make_folder(&deep).unwrap();
        fs::write(deep.join("file"), b"kept").unwrap();
        make_folder(&deep).unwrap();
        assert_eq!(fs::read(deep.join("file")).unwrap(), b"kept");
        assert!(make_folder(&deep.join("file")).is_err(), "a file is no folder");
        assert!(make_folder(&deep.join("file/below")).is_err());
    }
}
