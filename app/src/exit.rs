//! The errors that decide the exit code of the process.

/// What the user got wrong and what to do about it, in one line: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

/// The command did its work, and its exit code says more than "done"; nothing is printed.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub struct ExitWith(pub u8);
