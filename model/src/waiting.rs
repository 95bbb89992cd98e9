//! Why work stands still: who waits, for what, since when, and what a person can do.
//!
//! The process that carries a job out knows it, and keeps it in memory: it changes by the second, and a restart
//! finds it out again. What must outlive the process stands in the job's row: a pause, a hold, the last reason.

use crate::Timestamp;

/// Something that stands still.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Who waits: the job, or one of its calls.
    pub who: String,
    /// For what kind of thing.
    pub cause: WaitCause,
    /// For what, in words.
    pub what: String,
    /// Since when; `None` when no one counts it.
    pub since: Option<Timestamp>,
    /// The name that the advice needs: of a job, of an endpoint.
    pub name: String,
}

impl Waiting {
    /// What a person can do, if anything.
    #[must_use]
    pub fn advice(&self) -> String {
        self.cause.advice(&self.name)
    }

    /// What and who, for a job's reason.
    #[must_use]
    pub fn sentence(&self) -> String {
        if self.who == JOB { self.what.clone() } else { format!("{} ({} waits)", self.what, self.who) }
    }
}

/// Who waits, where it is no single call.
pub const JOB: &str = "the job";

/// What work waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WaitCause {
    /// Its user's confirmation.
    Confirmation,
    /// Its user paused it.
    Pause,
    /// The service holds it: its tasks fail by what a person must change.
    Hold,
    /// Its next look at objects that are being restored.
    Restore,
    /// Another job has the endpoint's slot.
    Slot,
    /// Other jobs are being prepared or reported.
    Turn,
    /// Room on the service's disk.
    DiskSpace,
    /// An operator stopped the endpoint.
    EndpointStopped,
    /// The endpoint refuses the credentials, or there are none.
    Credentials,
    /// The clocks of the service and of the store differ too much.
    Clock,
    /// The endpoint cannot be reached.
    Unreachable,
    /// The endpoint answers with errors.
    Failing,
    /// The endpoint asks to slow down.
    Throttled,
    /// The endpoint has not answered yet.
    Answer,
    /// A stage failed by something that may pass, and begins again.
    Retry,
    /// Tasks that have begun must end first.
    TasksInFlight,
}

impl WaitCause {
    /// Every cause.
    pub const ALL: [WaitCause; 16] = [
        WaitCause::Confirmation,
        WaitCause::Pause,
        WaitCause::Hold,
        WaitCause::Restore,
        WaitCause::Slot,
        WaitCause::Turn,
        WaitCause::DiskSpace,
        WaitCause::EndpointStopped,
        WaitCause::Credentials,
        WaitCause::Clock,
        WaitCause::Unreachable,
        WaitCause::Failing,
        WaitCause::Throttled,
        WaitCause::Answer,
        WaitCause::Retry,
        WaitCause::TasksInFlight,
    ];

    /// One word for programs.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            WaitCause::Confirmation => "confirmation",
            WaitCause::Pause => "pause",
            WaitCause::Hold => "hold",
            WaitCause::Restore => "restore",
            WaitCause::Slot => "slot",
            WaitCause::Turn => "turn",
            WaitCause::DiskSpace => "disk_space",
            WaitCause::EndpointStopped => "endpoint_stopped",
            WaitCause::Credentials => "credentials",
            WaitCause::Clock => "clock",
            WaitCause::Unreachable => "unreachable",
            WaitCause::Failing => "failing",
            WaitCause::Throttled => "throttled",
            WaitCause::Answer => "answer",
            WaitCause::Retry => "retry",
            WaitCause::TasksInFlight => "tasks_in_flight",
        }
    }

    /// Whether only the running process knows it, so that no job's row says it already.
    #[must_use]
    pub fn is_live(self) -> bool {
        match self {
            WaitCause::DiskSpace
            | WaitCause::EndpointStopped
            | WaitCause::Credentials
            | WaitCause::Clock
            | WaitCause::Unreachable
            | WaitCause::Failing
            | WaitCause::Throttled
            | WaitCause::Answer => true,
            WaitCause::Confirmation
            | WaitCause::Pause
            | WaitCause::Hold
            | WaitCause::Restore
            | WaitCause::Slot
            | WaitCause::Turn
            | WaitCause::Retry
            | WaitCause::TasksInFlight => false,
        }
    }

    /// What a person can do; empty when it passes by itself.
    fn advice(self, name: &str) -> String {
        match self {
            WaitCause::Confirmation => format!("brigade job confirm {name}"),
            WaitCause::Pause => format!("brigade job resume {name}"),
            WaitCause::Hold => format!("correct what it names, then brigade job resume {name}"),
            WaitCause::Restore => format!("brigade job resume {name} looks at once"),
            WaitCause::Slot => format!("wait, or brigade job priority {name} NUMBER, or raise active_jobs"),
            WaitCause::DiskSpace => "free disk space for the service".to_owned(),
            WaitCause::EndpointStopped => format!("brigade endpoint start {name}"),
            WaitCause::Credentials => "correct the endpoint's access_key and secret_key".to_owned(),
            WaitCause::Clock => "set the clocks of the service and of the store".to_owned(),
            WaitCause::Unreachable => "start the store, or correct the endpoint's url".to_owned(),
            WaitCause::Failing => "look at the store's own log".to_owned(),
            WaitCause::Throttled => "wait, or brigade endpoint limit with lower limits".to_owned(),
            WaitCause::Retry => "correct what it names; the service tries again by itself".to_owned(),
            WaitCause::Turn | WaitCause::Answer | WaitCause::TasksInFlight => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_word_of_its_own() {
        let mut words: Vec<_> = WaitCause::ALL.iter().map(|cause| cause.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), WaitCause::ALL.len());
        assert!(WaitCause::ALL.is_sorted(), "each stands there once");
    }
}
