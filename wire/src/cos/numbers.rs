//! Numbers on this wire: decimal digits and nothing else.

/// A number of decimal digits and nothing else.
pub(super) fn parse_whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
