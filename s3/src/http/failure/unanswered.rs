//! The errors of calls without a whole answer, and what all errors of calls have in common.

use std::error::Error;

use brigade_model::limits::OUTCOME_MESSAGE_BYTES_MAX;
use brigade_model::ports::object_store::CallError;

use crate::credentials::NoCredentials;
use crate::http::not_connected::NotConnected;
use crate::verdict::{Loss, Seen, judge, lasting, own_code};

pub(super) fn error_of(seen: Seen<'_>, message: impl Into<String>) -> CallError {
    let ((verdict, effect), message) = (judge(seen), message.into());
    let lasting = lasting(seen, &message);
    CallError { lasting, ..CallError::new(verdict, effect, own_code(seen), cut(message)) }
}

/// There is no connection.
pub(crate) fn not_connected(cause: &NotConnected, url: &str) -> CallError {
    let message = format!("{url}: {}", cause.cause);
    CallError { attempts: 0, ..error_of(Seen::NotConnected(cause.step), message) }
}

/// There is nothing to sign with, so nothing was sent.
pub(crate) fn no_credentials(problem: &NoCredentials) -> CallError {
    CallError { attempts: 0, ..error_of(Seen::Unsigned, problem.to_string()) }
}

/// The connection broke.
pub(crate) fn lost(loss: Loss, error: &hyper::Error) -> CallError {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(": ");
        message.push_str(&cause.to_string());
        source = cause.source();
    }
    error_of(Seen::Lost(loss), message)
}

/// The time is over.
pub(crate) fn timed_out() -> CallError {
    error_of(Seen::Lost(Loss::TimedOut), "no answer in time")
}

fn cut(mut message: String) -> String {
    message.truncate(message.floor_char_boundary(OUTCOME_MESSAGE_BYTES_MAX));
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_cut_at_a_character() {
        assert_eq!(cut("é".repeat(OUTCOME_MESSAGE_BYTES_MAX)).len(), OUTCOME_MESSAGE_BYTES_MAX);
        assert_eq!(cut(format!("x{}", "é".repeat(OUTCOME_MESSAGE_BYTES_MAX))).len(), OUTCOME_MESSAGE_BYTES_MAX - 1);
    }
}
