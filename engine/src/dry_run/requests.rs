//! The requests that a task would send, and the message of an outcome that tells them.

use std::collections::BTreeMap;
use std::fmt;

use brigade_model::Outcome;
use brigade_model::ports::object_store::CallKind;

/// How an outcome's message begins.
const MARK: &str = "dry run: would send ";
/// What ends the requests, where the message goes on.
const END: &str = "; ";
const NONE: &str = "nothing";

/// How many requests of each kind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests(BTreeMap<CallKind, u64>);

impl Requests {
    /// One more of that kind.
    pub fn add(&mut self, kind: CallKind) {
        *self.0.entry(kind).or_default() += 1;
    }

    /// Those of another, too.
    pub fn add_all(&mut self, other: &Self) {
        for (kind, count) in &other.0 {
            *self.0.entry(*kind).or_default() += count;
        }
    }

    /// How many in all.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }

    /// How many of each kind, by the names of the S3 API.
    #[must_use]
    pub fn by_name(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|(kind, count)| (kind.name().to_owned(), *count)).collect()
    }

    /// The outcome of a task that would send these.
    #[must_use]
    pub fn mark(&self, outcome: Outcome) -> Outcome {
        let message = |note: &str| match note {
            "" => format!("{MARK}{self}"),
            note => format!("{MARK}{self}{END}{note}"),
        };
        match outcome {
            Outcome::Succeeded => Outcome::SucceededWith { message: message("") },
            Outcome::SucceededWith { message: note } => Outcome::SucceededWith { message: message(&note) },
            Outcome::Failed(failure) => Outcome::failed(failure.code, failure.http_status, message(&failure.message)),
        }
    }

    /// What a marked outcome says would be sent; `None` of one that is not marked.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let message = match outcome {
            Outcome::Succeeded => return None,
            Outcome::SucceededWith { message } => message,
            Outcome::Failed(failure) => &failure.message,
        };
        let rest = message.strip_prefix(MARK)?;
        Self::parse(rest.split_once(END).map_or(rest, |(requests, _)| requests))
    }

    fn parse(text: &str) -> Option<Self> {
        if text == NONE {
            return Some(Self::default());
        }
        let entry = |text: &str| {
            let (count, name) = text.split_once(' ')?;
            let kind = CallKind::ALL.iter().find(|kind| kind.name() == name)?;
            Some((*kind, count.parse().ok()?))
        };
        text.split(", ").map(entry).collect::<Option<_>>().map(Self)
    }
}

impl fmt::Display for Requests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(NONE);
        }
        let mut separator = "";
        for (kind, count) in &self.0 {
            write!(f, "{separator}{count} {}", kind.name())?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_requests() -> impl Strategy<Value = Requests> {
        let kind = prop::sample::select(CallKind::ALL);
        prop::collection::btree_map(kind, 1..u64::MAX, 0..CallKind::ALL.len()).prop_map(Requests)
    }

    proptest! {
        #[test]
        fn what_an_outcome_says_would_be_sent_is_read_back(requests in any_requests(), note in "(?s).{0,1200}") {
            for outcome in [
                Outcome::Succeeded,
                Outcome::SucceededWith { message: note.clone() },
                Outcome::failed("NoSuchKey", Some(404), note.clone()),
            ] {
                prop_assert_eq!(Requests::of(&outcome).filter(|_| !note.starts_with(MARK)), None);
                let marked = requests.mark(outcome.clone());
                prop_assert_eq!(marked.is_success(), outcome.is_success());
                prop_assert_eq!(Requests::of(&marked), Some(requests.clone()));
            }
        }
    }

    #[test]
    fn a_message_reads_well() {
        let mut requests = Requests::default();
        assert_eq!(requests.to_string(), "nothing");
        for kind in [CallKind::CopyObject, CallKind::HeadObject, CallKind::CopyObject] {
            requests.add(kind);
        }
        let note = Outcome::SucceededWith { message: "copied under its own key".into() };
        let message = "dry run: would send 1 HeadObject, 2 CopyObject; copied under its own key".to_owned();
        assert_eq!(requests.mark(note), Outcome::SucceededWith { message });
    }
}
