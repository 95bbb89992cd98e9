//! Files of a report.

use serde::{Deserialize, Serialize};

use crate::names::ObjectKey;

/// A finished file of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportFile {
    /// Which tasks: `succeeded` or `failed`.
    pub kind: String,
    /// Its number within the kind, from 0.
    pub number: u32,
    /// The key it was written to.
    pub key: ObjectKey,
    /// MD5 of its bytes, in lower-case hex.
    pub md5: String,
    /// Its rows.
    pub rows: u64,
}
