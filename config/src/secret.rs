//! Secrets: never shown, and read again when their file changes.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use crate::config_source::is_world_readable;

/// A text that is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Keeps the text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// The text itself, for a signature and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<secret>")
    }
}

/// Why a secret's file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ReadSecretError {
    /// It cannot be read.
    #[error("cannot read {}: {problem}", file.display())]
    Unreadable {
        /// Which file.
        file: PathBuf,
        /// What the system said.
        problem: std::io::Error,
    },
    /// It is not for this purpose.
    #[error("{} can be read by everybody: chmod 600 {}", file.display(), file.display())]
    WorldReadable {
        /// Which file.
        file: PathBuf,
    },
    /// It holds nothing.
    #[error("{} holds no secret", file.display())]
    Empty {
        /// Which file.
        file: PathBuf,
    },
}

/// Where a secret comes from. Clones are one source.
#[derive(Clone)]
pub struct SecretSource(Arc<Kind>);

enum Kind {
    Inline(Secret),
    File { path: PathBuf, read: Mutex<Read> },
}

struct Read {
    stamp: Option<Stamp>,
    secret: Secret,
}

/// What changes when a file is written again, or another one is renamed over it.
type Stamp = (SystemTime, u64);

impl SecretSource {
    /// A secret that stands in the configuration.
    #[must_use]
    pub fn inline(secret: Secret) -> Self {
        Self(Arc::new(Kind::Inline(secret)))
    }

    /// A secret that stands in a file of its own; blanks around it are not part of it.
    ///
    /// # Errors
    /// [`ReadSecretError`] when the file cannot serve.
    pub fn open(path: PathBuf) -> Result<Self, ReadSecretError> {
        let stamp = stamp(&path);
        let secret = read(&path)?;
        Ok(Self(Arc::new(Kind::File { path, read: Mutex::new(Read { stamp, secret }) })))
    }

    /// The secret as it is now.
    #[must_use]
    pub fn current(&self) -> Secret {
        match &*self.0 {
            Kind::Inline(secret) => secret.clone(),
            Kind::File { read, .. } => read.lock().unwrap_or_else(PoisonError::into_inner).secret.clone(),
        }
    }

    /// Reads the file again if it changed. While it is of no use the last secret stays.
    ///
    /// # Errors
    /// [`ReadSecretError`], once for each change of the file.
    pub fn refresh(&self) -> Result<(), ReadSecretError> {
        let Kind::File { path, read: last } = &*self.0 else { return Ok(()) };
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = stamp(path);
        if now != last.stamp {
            last.stamp = now;
            last.secret = read(path)?;
        }
        Ok(())
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Inline(_) => f.write_str("<secret>"),
            Kind::File { path, .. } => write!(f, "<secret in {}>", path.display()),
        }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

fn read(path: &Path) -> Result<Secret, ReadSecretError> {
    let file = || path.to_path_buf();
    let text =
        std::fs::read_to_string(path).map_err(|problem| ReadSecretError::Unreadable { file: file(), problem })?;
    if is_world_readable(path) {
        return Err(ReadSecretError::WorldReadable { file: file() });
    }
    match text.trim() {
        "" => Err(ReadSecretError::Empty { file: file() }),
        secret => Ok(Secret::new(secret)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        std::fs::write(path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_secret_is_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, "hidden\n", 0o600);
        let shown =
            format!("{:?} {:?}", SecretSource::inline(Secret::new("hidden")), SecretSource::open(path).unwrap());
        assert!(!shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_secret_file_that_changed_is_read_again_and_a_useless_one_leaves_the_last_secret() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, "one\n", 0o600);
        let source = SecretSource::open(path.clone()).unwrap();
        assert_eq!(source.current().expose(), "one");
        write(&path, "second\n", 0o600);
        source.refresh().unwrap();
        assert_eq!(source.current().expose(), "second");
        write(&path, "", 0o600);
        assert!(matches!(source.refresh(), Err(ReadSecretError::Empty { .. })));
        source.refresh().expect("said once");
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(source.refresh(), Err(ReadSecretError::Unreadable { .. })));
        assert_eq!(source.current().expose(), "second");
    }

    #[test]
    fn a_secret_file_that_everybody_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        write(&path, "one", 0o644);
        assert!(SecretSource::open(path).unwrap_err().to_string().contains("chmod 600"));
    }
}
