//! The outcome of a task, and what is known of its effect.

use crate::limits::OUTCOME_MESSAGE_BYTES_MAX;
use crate::ports::object_store::Effect;

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
    /// Whether an attempt may have had its effect, or a part of it.
    pub effect: Effect,
}

/// What is known of a task's effect on the store: retries, effect checks and restores act by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TaskEffect {
    /// It is there.
    Done,
    /// Certainly none: a repeat cannot meet the effect of this attempt.
    None,
    /// An attempt may have had its effect, or a part of it: a repeat checks first.
    Unknown,
}

/// The code of a task whose effect is unknown and that no look could settle.
pub const UNCONFIRMED: &str = "Unconfirmed";
/// The code of a task whose object another writer changed between a lost attempt and its repeat.
pub const CHANGED_SINCE_ATTEMPT: &str = "ChangedSinceAttempt";

/// What the row says of a restore that another request began. The store leaves it its days.
pub const UNDER_WAY: &str = "already being restored; the copy stays as long as the earlier request says";

/// What the row says of a restore that was done before.
pub const RESTORED: &str = "already restored; the copy stays as long as this job says, counted anew";

/// What the row says of an object that was waited for, and is readable without a restore.
pub const RESTORE_NOT_NEEDED: &str = "readable without a restore";

impl Outcome {
    /// Whether the task is done.
    #[must_use]
    pub fn is_success(&self) -> bool {
        !matches!(self, Outcome::Failed(_))
    }

    /// What is known of its effect.
    #[must_use]
    pub fn effect(&self) -> TaskEffect {
        match self {
            Outcome::Succeeded | Outcome::SucceededWith { .. } => TaskEffect::Done,
            Outcome::Failed(TaskFailure { effect: Effect::None, .. }) => TaskEffect::None,
            Outcome::Failed(TaskFailure { effect: Effect::Unknown, .. }) => TaskEffect::Unknown,
        }
    }

    /// A failure that certainly had no effect; an over-long message is cut at a character.
    #[must_use]
    pub fn failed(code: impl Into<String>, http_status: Option<u16>, message: impl Into<String>) -> Self {
        Outcome::Failed(TaskFailure {
            code: code.into(),
            http_status,
            message: cut(message.into(), OUTCOME_MESSAGE_BYTES_MAX),
            effect: Effect::None,
        })
    }

    /// The same outcome; if it is a failure, one that may have had an effect.
    #[must_use]
    pub fn of_unknown_effect(self) -> Self {
        match self {
            Outcome::Failed(failure) => Outcome::Failed(TaskFailure { effect: Effect::Unknown, ..failure }),
            success => success,
        }
    }

    /// A failure of which it is unknown whether the task was carried out, with the reason.
    #[must_use]
    pub fn unconfirmed(http_status: Option<u16>, message: impl Into<String>) -> Self {
        Outcome::failed(UNCONFIRMED, http_status, message).of_unknown_effect()
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
