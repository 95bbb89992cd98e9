//! Numbers on this wire, and what it answers to others.

use super::CosError;
use crate::numbers;
pub(super) use crate::numbers::parse_whole_number;

/// A priority.
pub(super) fn parse_priority(name: &str, text: &str) -> Result<i32, CosError> {
    numbers::parse_priority(text).ok_or_else(|| CosError::invalid_priority(name))
}
