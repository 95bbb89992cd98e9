//! Ends the process when its database fails.
//!
//! After an I/O error it is unknown what the disk holds: a failed fsync may have dropped pages that
//! a second fsync then reports as safe. The only known state is the one that opening the database
//! again recovers, so the process ends at once, and its supervisor starts it again.

use std::fmt;
use std::sync::Arc;

use brigade_model::ports::job_store::StoreError;
use rusqlite::ErrorCode;

/// What happens when the database has failed for good; given a sentence that says why.
#[derive(Clone)]
pub(super) struct FailStop(Arc<dyn Fn(&str) + Send + Sync>);

impl FailStop {
    /// Ends the process at once: what `kill -9` leaves behind is what recovery expects.
    pub(super) fn abort() -> Self {
        Self(Arc::new(|why| {
            tracing::error!(why, "database failed; aborting the process");
            std::process::abort();
        }))
    }

    /// Tells a test instead.
    #[cfg(test)]
    pub(super) fn told(tell: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(super) fn end_process(&self, why: &str) {
        (self.0)(why);
    }

    /// The error that a caller gets for an error of the database; does not return when it is fatal.
    pub(super) fn judge(&self, error: &rusqlite::Error) -> StoreError {
        if is_fatal(error) {
            self.end_process(&error.to_string());
        }
        classify(error)
    }
}

impl fmt::Debug for FailStop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FailStop")
    }
}

/// The error that a caller gets. Any error that does not pass comes from the stored data, or from
/// the code that reads it: commands check for contradictions before they write.
pub(super) fn classify(error: &rusqlite::Error) -> StoreError {
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::DiskFull
            | ErrorCode::OperationAborted
            | ErrorCode::OperationInterrupted
            | ErrorCode::OutOfMemory,
        ) => StoreError::Unavailable(error.to_string()),
        _ => StoreError::Broken(error.to_string()),
    }
}

/// Whether the database can no longer be trusted. A full disk is not among the reasons: the
/// transaction is rolled back, the caller is told, and room may come back.
fn is_fatal(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(
            ErrorCode::SystemIoFailure
                | ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                | ErrorCode::CannotOpen
                | ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::FileLockingProtocolFailed
        )
    )
}
