//! The store of slice files: too large for a database row, written once and read whole.

use async_trait::async_trait;
use bytes::Bytes;

/// Why the spool did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// No file of that name.
    #[error("spool file {0} does not exist")]
    NotFound(String),
    /// The name would leave the spool, or is not one that [`check_name`] allows.
    #[error("spool file name {0} is not allowed")]
    BadName(String),
    /// No room is left.
    #[error("the spool is full: {0}")]
    Full(String),
    /// The medium failed.
    #[error("spool file {name}: {problem}")]
    Io {
        /// Which file.
        name: String,
        /// What the medium said.
        problem: String,
    },
}

/// Checks a name, as every body does before it acts: parts of `a-z`, `0-9` and `-` joined by
/// `/`, of which the last may have extensions, such as `<job id>/slice-7.zst`.
///
/// # Errors
/// [`SpoolError::BadName`], which repeats the name.
pub fn check_name(name: &str) -> Result<(), SpoolError> {
    let is_word = |word: &str| {
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let (folders, file) = name.rsplit_once('/').map_or((None, name), |(folders, file)| (Some(folders), file));
    let is_name = folders.is_none_or(|folders| folders.split('/').all(is_word)) && file.split('.').all(is_word);
    if is_name && name.len() <= NAME_BYTES_MAX { Ok(()) } else { Err(SpoolError::BadName(name.to_owned())) }
}

/// A name is at most this long: what every file system takes for one part of a path.
const NAME_BYTES_MAX: usize = 255;

/// A flat set of named files. Contract of every body:
///
/// - after `write` returned, the file survives a crash, whole; before that every reader finds it
///   whole or absent, never partial;
/// - writing a name again replaces the file (writers of one name write the same bytes);
/// - `remove` of what does not exist succeeds;
/// - every method that takes a name refuses one that [`check_name`] refuses;
/// - `list` sees every file whose `write` returned before it was called.
#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// Writes a file and makes it durable.
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError>;

    /// Reads a file whole; `NotFound` when it does not exist.
    async fn read(&self, name: &str) -> Result<Bytes, SpoolError>;

    /// Removes a file.
    async fn remove(&self, name: &str) -> Result<(), SpoolError>;

    /// Names of the files that begin with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError>;

    /// Bytes in use by all files.
    async fn bytes_used(&self) -> Result<u64, SpoolError>;

    /// Bytes that can still be written; `None` where unknown.
    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_leave_the_spool_is_refused() {
        for name in ["a", "a/b-0", "0198-a/slice-7.zst", "a.tar.zst"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let long = "a".repeat(256);
        for name in ["", ".", "..", "/a", "a/", "a//b", "../a", "a/../b", "a.b/c", ".a", "a.", "A", "a b", "a\0", &long]
        {
            assert!(check_name(name).is_err(), "{name:?}");
        }
    }
}
