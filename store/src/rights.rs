//! Restricts a data directory or a backup to its owner: folders are 0700 and files 0600, whatever
//! the umask is and whatever was there before.
//!
//! Manifests, names of objects and what became of them are the accounts' own; and a user who can open the
//! lock can hold it, and so keep the service from starting.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

const FOLDER: u32 = 0o700;
const FILE: u32 = 0o600;
/// What a mode gives to others than the owner.
const OTHERS: u32 = 0o077;

/// Makes a folder in one that is there.
pub(crate) fn new_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().mode(FOLDER).create(folder)
}

/// Opens a file to write, which is made unless it is there.
pub(crate) fn open_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create(true).truncate(false).mode(FILE).open(file)
}

/// Makes a new file to write.
pub(crate) fn new_file(file: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(FILE).open(file)
}

/// Takes other users' rights away on a folder and on what lies directly in it under a name of ours.
/// Deeper entries are checked where their folder was open to others: elsewhere they never reached
/// them.
///
/// # Errors
/// When the system refuses, since then others may still use it.
pub(crate) fn close_folder(folder: &Path, is_ours: fn(&str) -> bool) -> io::Result<()> {
    let closed = u64::from(close(folder, &fs::metadata(folder)?)?) + close_contents(folder, is_ours)?;
    if closed > 0 {
        let folder = folder.display();
        tracing::warn!(%folder, closed, "files were accessible to other users; permissions restricted to the owner");
    }
    Ok(())
}

/// How many were open to others.
fn close_contents(folder: &Path, is_ours: fn(&str) -> bool) -> io::Result<u64> {
    let mut closed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !is_ours(&entry.file_name().to_string_lossy()) {
            continue;
        }
        let path = entry.path();
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            found => found?,
        };
        if close(&path, &metadata)? {
            closed += 1;
            closed += if metadata.is_dir() { close_contents(&path, |_| true)? } else { 0 };
        }
    }
    Ok(closed)
}

/// Whether it was open to others.
fn close(path: &Path, metadata: &Metadata) -> io::Result<bool> {
    let mode = match (metadata.is_dir(), metadata.is_file()) {
        (true, _) => FOLDER,
        (_, true) => FILE,
        // A link has no rights of its own, and nothing else is ours.
        _ => return Ok(false),
    };
    if metadata.permissions().mode() & OTHERS == 0 {
        return Ok(false);
    }
    match fs::set_permissions(path, Permissions::from_mode(mode)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io::Error::new(
            error.kind(),
            format!(
                "{} is open to others and cannot be closed ({error}): make this user its owner, or name another folder",
                path.display()
            ),
        )),
        Ok(()) => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::folders::make_folder;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn open(path: &Path) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b");
        make_folder(&deep).unwrap();
        let (opened, new) = (deep.join("opened"), deep.join("new"));
        open_file(&opened).unwrap();
        new_file(&new).unwrap();
        let modes = [&folder.path().join("a"), &deep, &opened, &new].map(|path| mode(path));
        assert_eq!(modes, [0o700, 0o700, 0o600, 0o600]);
    }

    #[test]
    fn what_cannot_be_closed_is_refused_with_a_word_on_what_to_do() {
        // The kernel keeps the mode of this folder, for any user.
        let refused = close_folder(Path::new("/proc/self"), |_| false).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::PermissionDenied);
        assert!(refused.to_string().contains("/proc/self is open to others and cannot be closed"), "{refused}");
    }

    #[test]
    fn what_was_open_to_others_is_closed_down_to_the_last_file_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        let (file, deep, elsewhere) = (root.join("file"), root.join("a/b/deep"), folder.path().join("elsewhere"));
        make_folder(deep.parent().unwrap()).unwrap();
        fs::write(&file, "x").unwrap();
        fs::write(&deep, "x").unwrap();
        fs::write(&elsewhere, "x").unwrap();
        fs::write(root.join("theirs"), "x").unwrap();
        std::os::unix::fs::symlink(&elsewhere, root.join("link")).unwrap();
        let ours = [root.clone(), root.join("a"), root.join("a/b"), file, deep];
        ours.iter().chain([&elsewhere, &root.join("theirs")]).for_each(|path| open(path));
        close_folder(&root, |name| name != "theirs").unwrap();
        assert_eq!(ours.map(|path| mode(&path)), [0o700, 0o700, 0o700, 0o600, 0o600]);
        assert_eq!((mode(&elsewhere), mode(&root.join("theirs"))), (0o644, 0o644));
    }
}
