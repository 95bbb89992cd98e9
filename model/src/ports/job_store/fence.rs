//! Who holds a lease, and what a write under it names.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Who holds leases: one engine of one process, from its start to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OwnerId(pub Uuid);

/// Tells a lease from every other one, also from one with the same epoch: random, made up by the
/// taker of the lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub Uuid);

/// What a write under a lease names: what the unit must have for the write to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fence {
    /// How often a lease of the unit was taken or revoked.
    pub epoch: u64,
    /// Which of the leases of that epoch.
    pub token: LeaseToken,
}

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
