//! Why something stands still, for people.

use brigade_wire::admin::WaitState;

/// What it waits for, who waits and since when, and what can be done: one line, the important thing first.
#[must_use]
pub(crate) fn to_text(waiting: &WaitState) -> String {
    let WaitState { who, what, since, advice, .. } = waiting;
    let since = since.as_ref().map(|at| format!(" since {at}")).unwrap_or_default();
    let advice = if advice.is_empty() { String::new() } else { format!("; {advice}") };
    let verb = if who == "calls" { "wait" } else { "waits" };
    format!("{what}{advice} ({who} {verb}{since})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_says_for_what_then_who_waits_and_what_to_do() {
        let waiting = WaitState {
            cause: "credentials".into(),
            who: "PutObject in bucket reports".into(),
            what: "endpoint main refuses the credentials: SignatureDoesNotMatch: no".into(),
            since: Some("2026-01-02T03:04:05Z".into()),
            advice: "correct the secret".into(),
        };
        assert_eq!(
            to_text(&waiting),
            "endpoint main refuses the credentials: SignatureDoesNotMatch: no; correct the secret \
             (PutObject in bucket reports waits since 2026-01-02T03:04:05Z)"
        );
        let turn =
            WaitState { who: "the job".into(), what: "its turn".into(), since: None, advice: String::new(), ..waiting };
        assert_eq!(to_text(&turn), "its turn (the job waits)");
    }
}
