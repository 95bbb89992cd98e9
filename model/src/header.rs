//! What an HTTP header can carry: the data plane sends nothing else, and a job that asks for anything
//! else is refused when it is created.

/// What a value must be that [`is_value`] refuses.
pub const VALUE_RULE: &str = "must be visible ASCII characters, blanks and tabs, without blanks at its ends";

/// Whether a header carries this value unchanged: servers drop blanks at the ends, and disagree on bytes
/// beyond ASCII.
#[must_use]
pub fn is_value(text: &str) -> bool {
    text.bytes().all(|byte| byte == b'\t' || (b' '..=b'~').contains(&byte)) && text.trim() == text
}

/// What a value of user metadata must be that [`is_text`] refuses.
pub const TEXT_RULE: &str = "must not have control characters, nor blanks at its ends";

/// Whether user metadata can have this value: of what [`is_value`] takes every text, and more where a store is
/// proved to keep it.
#[must_use]
pub fn is_text(text: &str) -> bool {
    text.chars().all(|c| c == '\t' || !c.is_control()) && text.trim() == text
}
