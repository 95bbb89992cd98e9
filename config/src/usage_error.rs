//! The error of a user, who can correct it himself.

/// What the user got wrong and what to do about it, in one line: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);
