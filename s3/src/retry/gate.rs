//! The gate of an endpoint: closed while the endpoint is away or refuses our credentials.

use std::fmt;

use brigade_model::Timestamp;
use brigade_model::ports::object_store::Verdict;
use tokio::sync::watch;

/// Why a gate is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// `Unavailable`, `CredentialsRefused`, or `Transient` when every recent answer failed.
    pub verdict: Verdict,
    /// The code of the error that closed it.
    pub code: String,
    /// What it said.
    pub message: String,
    /// Since when.
    pub since: Timestamp,
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.verdict {
            Verdict::CredentialsRefused => "the endpoint refuses the credentials",
            Verdict::Unavailable => "the endpoint cannot be reached",
            _ => "the endpoint fails every call",
        };
        write!(f, "{what}: {}: {}", self.code, self.message)
    }
}

/// A gate shared by everything that uses one endpoint with one pair of credentials.
#[derive(Debug)]
pub struct Gate {
    closed: watch::Sender<Option<Closed>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate.
    #[must_use]
    pub fn new() -> Self {
        Self { closed: watch::Sender::new(None) }
    }

    /// Why it is closed; `None` while it is open.
    #[must_use]
    pub fn reason(&self) -> Option<Closed> {
        self.closed.borrow().clone()
    }

    /// Follows it: the value changes whenever it closes or opens.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Option<Closed>> {
        self.closed.subscribe()
    }
}
