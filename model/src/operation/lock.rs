//! The parameters of legal holds and of retentions.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// Parameters of a legal hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHold {
    /// Whether each object is held from then on, or no more.
    pub is_held: bool,
}

/// Parameters of a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetRetention {
    /// How long each object is kept from then on; `None` lifts what keeps it.
    pub retention: Option<Retention>,
    /// Whether a retention in governance mode may be shortened or lifted.
    pub bypass_governance: bool,
}

/// How long an object is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retention {
    /// Whether it can be lifted.
    pub mode: RetentionMode,
    /// Until when.
    pub until: Timestamp,
}

/// What keeps a new object from being removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewLock {
    /// How long it is kept; not given means as its bucket has it.
    pub retention: Option<Retention>,
    /// Whether it is under legal hold; not given means as the store has it.
    pub is_held: Option<bool>,
}

/// Whether a retention can be lifted before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RetentionMode {
    /// By those who have the right to.
    Governance,
    /// By no one.
    Compliance,
}

impl RetentionMode {
    /// Both.
    pub const ALL: [RetentionMode; 2] = [RetentionMode::Governance, RetentionMode::Compliance];

    /// The name at stores and on every wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RetentionMode::Governance => "GOVERNANCE",
            RetentionMode::Compliance => "COMPLIANCE",
        }
    }
}
