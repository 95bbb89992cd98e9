//! The error that is an exit code and no text.

/// The command did its work, and its exit code says more than "done"; nothing is printed.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub struct ExitWith(pub u8);
