//! What became of a task.

use crate::limits::OUTCOME_MESSAGE_BYTES_MAX;

/// The end of a task: recorded once, reported as one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Done, nothing to add.
    Succeeded,
    /// Done, with something to say in the report (a note, a value).
    SucceededWith {
        /// What the report's `ResultMessage` says.
        message: String,
    },
    /// Not done.
    Failed(TaskFailure),
}

/// Why a task failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The store's error code, or one of ours.
    pub code: String,
    /// The store's HTTP status, when it answered.
    pub http_status: Option<u16>,
    /// What happened, with the store's request id and the number of attempts.
    pub message: String,
}

/// The code of a task whose effect is unknown because its worker died.
pub const UNCONFIRMED: &str = "Unconfirmed";
/// The code of a task whose object somebody changed between a lost attempt and its repeat.
pub const CHANGED_SINCE_ATTEMPT: &str = "ChangedSinceAttempt";

impl Outcome {
    /// Whether the task is done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        !matches!(self, Outcome::Failed(_))
    }

    /// A failure; an over-long message is cut at a character.
    #[must_use]
    pub fn failed(code: impl Into<String>, http_status: Option<u16>, message: impl Into<String>) -> Self {
        Outcome::Failed(TaskFailure {
            code: code.into(),
            http_status,
            message: cut(message.into(), OUTCOME_MESSAGE_BYTES_MAX),
        })
    }
}

/// Cuts a text to at most `bytes` bytes, at a character.
#[must_use]
pub fn cut(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let end = (0..=bytes).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
        text.truncate(end);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_at_a_character() {
        assert_eq!(cut("aéb".into(), 2), "a");
        assert_eq!(cut("aéb".into(), 3), "aé");
        assert_eq!(cut("aéb".into(), 9), "aéb");
    }
}
