//! Numbers on this wire: decimal digits and nothing else.

use super::CosError;

/// A number of decimal digits and nothing else.
pub(super) fn parse_whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A priority: decimal digits, from 0 to 2^31 - 1 (`PRIORITY_MAX`), which the type bounds.
pub(super) fn parse_priority(name: &str, text: &str) -> Result<i32, CosError> {
    let number = parse_whole_number(text).and_then(|number| i32::try_from(number).ok());
    number.ok_or_else(|| CosError::invalid_priority(name))
}
