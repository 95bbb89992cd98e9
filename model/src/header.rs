//! What an HTTP header can carry unchanged: the data plane sends nothing else, and a job that asks for
//! it is refused when it is created.

/// What a value must be that [`is_value`] refuses.
pub const VALUE_RULE: &str = "must be visible ASCII characters, blanks and tabs, without blanks at its ends";

/// Whether a header carries this value unchanged: servers drop blanks at the ends, and disagree on bytes
/// beyond ASCII.
#[must_use]
pub fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) && text.trim() == text
}
