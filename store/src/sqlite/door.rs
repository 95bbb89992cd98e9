//! The one door through which the process ends when its database fails.
//!
//! After an I/O error nobody knows what the disk holds: a failed fsync may have dropped pages
//! that a second fsync then reports as safe. The only state that is known is the one that
//! opening the database again recovers, so that is what happens: the process ends at once, and
//! whoever supervises it starts it again.

use std::fmt;
use std::sync::Arc;

use brigade_model::ports::job_store::StoreError;
use rusqlite::ErrorCode;

/// What happens when the database has failed for good; given a sentence that says why.
#[derive(Clone)]
pub(super) struct Door(Arc<dyn Fn(&str) + Send + Sync>);

impl Door {
    /// Ends the process at once: what `kill -9` leaves behind is what recovery expects.
    pub(super) fn abort() -> Self {
        Self(Arc::new(|why| {
            tracing::error!(why, "the process ends, since its database failed");
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

    /// What a caller is told of an error of the database; does not return when it is the end.
    pub(super) fn judge(&self, error: &rusqlite::Error) -> StoreError {
        if is_fatal(error) {
            self.end_process(&error.to_string());
        }
        StoreError(error.to_string())
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Door")
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
