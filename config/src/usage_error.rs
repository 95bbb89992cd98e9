//! The error of a user, who can correct it himself.

/// What the user got wrong and what to do about it, in one line: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct UsageError(pub String);

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
