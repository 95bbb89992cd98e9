//! Numbers on every wire: decimal digits and nothing else.

/// A number of decimal digits and nothing else.
pub(crate) fn parse_whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A priority: decimal digits, from 0 to 2^31 - 1 (`PRIORITY_MAX`), which the type bounds.
pub(crate) fn parse_priority(text: &str) -> Option<i32> {
    parse_whole_number(text).and_then(|number| i32::try_from(number).ok())
}
