//! How a task ends early, and the one function that makes an outcome of a failed call.

use brigade_model::Outcome;
use brigade_model::limits::OUTCOME_MESSAGE_BYTES_MAX;
use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, cut};
use brigade_model::ports::object_store::{CallError, Verdict};

/// The code of a copy whose source another writer changed while its parts were carried.
pub const SOURCE_CHANGED: &str = "SourceChanged";

/// Why a task ends before it is through.
#[derive(Debug)]
pub(crate) enum End {
    /// A call did not succeed.
    Call {
        /// What the call was for; empty for the operation's own call.
        doing: &'static str,
        /// What became of it.
        error: CallError,
    },
    /// The task cannot be done, whatever was attempted before: its row alone says so, or the
    /// outcome tells the effect already.
    Refused(Outcome),
    /// The task cannot be done as things are now; an attempt before may have found them otherwise.
    Rejected(Outcome),
    /// What the task waits for is not there yet.
    NotYet,
    /// The lease is lost, or the job store does not take our records: the task must not go on.
    LeaseLost,
}

impl End {
    /// Whether the task has no outcome of its own: the worker has to stop.
    pub(crate) fn is_stop(&self) -> bool {
        match self {
            End::Call { error, .. } => error.verdict == Verdict::Stopped,
            End::Refused(_) | End::Rejected(_) | End::NotYet => false,
            End::LeaseLost => true,
        }
    }
}

impl From<CallError> for End {
    fn from(error: CallError) -> Self {
        End::Call { doing: "", error }
    }
}

/// Says what a call was for, in the outcome of its failure.
pub(crate) trait Doing<T> {
    /// `what` reads as in "reading the source's tags: Access Denied".
    fn doing(self, what: &'static str) -> Result<T, End>;
}

impl<T> Doing<T> for Result<T, CallError> {
    fn doing(self, what: &'static str) -> Result<T, End> {
        self.map_err(|error| End::Call { doing: what, error })
    }
}

/// The end of a task whose row alone forbids it.
pub(crate) fn refuse(code: &str, http_status: Option<u16>, message: impl Into<String>) -> End {
    End::Refused(Outcome::failed(code, http_status, message))
}

/// The end of a task that the state of its objects, or of its role, forbids.
pub(crate) fn reject(code: &str, http_status: Option<u16>, message: impl Into<String>) -> End {
    End::Rejected(Outcome::failed(code, http_status, message))
}

/// The end of a task whose object another writer changed since a lost attempt, whose effect
/// nothing tells any more.
pub(crate) fn changed_since_attempt(what: &str) -> End {
    let message = format!(
        "an attempt's answer was lost, and {what} may have been written since by another; it was left as it is"
    );
    End::Refused(Outcome::failed(CHANGED_SINCE_ATTEMPT, None, message).of_unknown_effect())
}

/// The outcome of a task that failed while an attempt may have had its effect: the store's own
/// code stands in the message.
pub(crate) fn in_doubt(outcome: Outcome) -> Outcome {
    match outcome {
        Outcome::Failed(failure) => {
            Outcome::unconfirmed(failure.http_status, format!("{}: {}", failure.code, failure.message))
        }
        success => success,
    }
}

/// The outcome of a call that failed: the store's code and status, and a message that always
/// keeps the request's id and the number of attempts, however long the store's own words are.
pub(crate) fn outcome_of(doing: &str, error: &CallError) -> Outcome {
    let words = if doing.is_empty() { error.message.clone() } else { format!("{doing}: {}", error.message) };
    let trace = match &error.request_id {
        Some(id) => format!(" (request id {}, attempts {})", cut(id.clone(), 256), error.attempts),
        None => format!(" (attempts {})", error.attempts),
    };
    // Room for the code, which is put in front when the effect is in doubt.
    let words = cut(words, OUTCOME_MESSAGE_BYTES_MAX - trace.len() - error.code.len() - 2);
    Outcome::failed(error.code.clone(), error.http_status, words + &trace)
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::Effect;

    use super::*;

    fn denied(message: &str) -> CallError {
        CallError {
            http_status: Some(403),
            request_id: Some("4442587FB7D0A2F9".into()),
            attempts: 3,
            ..CallError::new(Verdict::Denied, Effect::None, "AccessDenied", message)
        }
    }

    #[test]
    fn a_failed_row_carries_the_request_id_and_the_number_of_attempts() {
        let outcome = outcome_of("reading the source's tags", &denied("Access Denied"));
        let expected = "reading the source's tags: Access Denied (request id 4442587FB7D0A2F9, attempts 3)";
        assert_eq!(outcome, Outcome::failed("AccessDenied", Some(403), expected));
        let unanswered = CallError::new(Verdict::Transient, Effect::Unknown, "RequestTimeout", "no answer in 30 s");
        assert_eq!(
            outcome_of("", &unanswered),
            Outcome::failed("RequestTimeout", None, "no answer in 30 s (attempts 1)")
        );
    }

    #[test]
    fn a_long_message_is_cut_before_the_request_id_is() {
        let Outcome::Failed(failure) = outcome_of("", &denied(&"é".repeat(4000))) else { panic!("a failure") };
        assert!(failure.message.len() <= OUTCOME_MESSAGE_BYTES_MAX);
        assert!(failure.message.ends_with("é (request id 4442587FB7D0A2F9, attempts 3)"));
    }
}
