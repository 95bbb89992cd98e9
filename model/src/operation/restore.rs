//! The parameters of a restore.

use serde::{Deserialize, Serialize};

/// Parameters of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// How long the temporary copy stays, 1 to 365 days.
    pub days: u32,
    /// How fast it comes.
    pub tier: RestoreTier,
}

/// How fast an archived object is read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RestoreTier {
    /// Cheapest and slowest.
    Bulk,
    /// The usual one.
    Standard,
}

impl RestoreTier {
    /// The name at stores and on every wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            RestoreTier::Bulk => "Bulk",
            RestoreTier::Standard => "Standard",
        }
    }
}
