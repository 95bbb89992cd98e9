//! Where slices lie: files too large for a database row, written once and read whole.

use async_trait::async_trait;
use bytes::Bytes;

/// Why the spool did not do it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpoolError {
    /// No file of that name.
    #[error("spool file {0} does not exist")]
    NotFound(String),
    /// The name would leave the spool: names are `[a-z0-9-]+` parts joined by `/`, with an
    /// optional extension.
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

/// A flat set of named files. Contract of every body:
///
/// - after `write` returned, the file survives a crash, whole; before that it is either whole
///   or absent, never partial, whoever looks;
/// - writing a name again replaces the file (writers of one name write the same bytes);
/// - `remove` of what does not exist succeeds;
/// - `list` sees every file whose `write` returned before it was called.
#[async_trait]
pub trait Spool: Send + Sync + 'static {
    /// Writes a file and makes it durable.
    async fn write(&self, name: &str, bytes: Bytes) -> Result<(), SpoolError>;

    /// Reads a file whole.
    async fn read(&self, name: &str) -> Result<Bytes, SpoolError>;

    /// Removes a file.
    async fn remove(&self, name: &str) -> Result<(), SpoolError>;

    /// Names of the files that begin with `prefix`, sorted.
    async fn list(&self, prefix: &str) -> Result<Vec<String>, SpoolError>;

    /// Bytes in use by all files.
    async fn bytes_used(&self) -> Result<u64, SpoolError>;

    /// Bytes that can still be written; `None` where nobody knows.
    async fn bytes_free(&self) -> Result<Option<u64>, SpoolError>;
}
