//! What a failed call waits for before it is sent again.

use brigade_model::WaitCause;
use brigade_model::ports::object_store::Verdict;

/// The cause, by the verdict on the answer; a code tells a clock that is off from a wrong key.
pub(super) fn wait_cause(verdict: Verdict, code: &str) -> WaitCause {
    match verdict {
        Verdict::Throttled => WaitCause::Throttled,
        Verdict::Unavailable => WaitCause::Unreachable,
        Verdict::CredentialsRefused if code == "RequestTimeTooSkewed" => WaitCause::Clock,
        Verdict::CredentialsRefused => WaitCause::Credentials,
        Verdict::Transient
        | Verdict::Missing
        | Verdict::Denied
        | Verdict::Precondition
        | Verdict::Invalid
        | Verdict::Stopped => WaitCause::Failing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_for_the_time_of_day_is_about_clocks_and_not_about_keys() {
        let of = |code| wait_cause(Verdict::CredentialsRefused, code);
        assert_eq!(of("RequestTimeTooSkewed"), WaitCause::Clock);
        assert_eq!(of("SignatureDoesNotMatch"), WaitCause::Credentials);
        assert_eq!(wait_cause(Verdict::Throttled, "SlowDown"), WaitCause::Throttled);
    }
}
