//! The errors that say how the program ends: with a code and no text, or with lines below the first.

use brigade_config::UsageError;

/// The command did its work, and its exit code says more than "done"; nothing is printed.
#[derive(Debug, thiserror::Error)]
#[error("exit code {0}")]
pub struct ExitWith(pub u8);

/// What the user got wrong, and below it, a line each, what helps to do it right.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Explained {
    /// What is wrong.
    pub what: UsageError,
    /// What helps.
    pub below: Vec<String>,
}

impl Explained {
    /// A mistake with the lines below it.
    pub fn new(what: UsageError, below: impl IntoIterator<Item = String>) -> Self {
        Self { what, below: below.into_iter().collect() }
    }
}
