//! The thirteen statuses of a job and the one table that moves it between them.
//!
//! [`next`] alone decides a status. Whatever is not a row of [`TABLE`] is illegal, and is the
//! dialect's own error on the wire. [`phase`] says which code owns a job now; recovery reads
//! the status and enters that stage, and has no path of its own. `docs/job-status.md` is
//! rendered from here. Names and moves are those of the references of the dialects, and ours where they
//! are silent.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Status {
    /// Created, not looked at yet.
    New,
    /// The manifest is being read.
    Preparing,
    /// Waits for the client's confirmation.
    Suspended,
    /// Waits for a slot.
    Ready,
    /// Tasks run.
    Active,
    /// Gives up its slot; tasks in flight end.
    Pausing,
    /// Waits for a slot again.
    Paused,
    /// Every task has an outcome; the report is being written.
    Completing,
    /// Every task was attempted. Final.
    Complete,
    /// Cancelled by the client; tasks in flight end, then the report is written.
    Cancelling,
    /// Final.
    Cancelled,
    /// Cannot go on; tasks in flight end, then the report is written.
    Failing,
    /// Final.
    Failed,
}

/// What happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Event {
    /// An engine took the job.
    PreparationStarted,
    /// Every row of the manifest is counted.
    ManifestRead,
    /// Every row is counted, and the client asked to confirm.
    ConfirmationNeeded,
    /// The client confirmed.
    Confirmed,
    /// The user did not confirm in time.
    ConfirmationExpired,
    /// The job may be Active.
    SlotGranted,
    /// A higher priority job needs the slot, the user pauses the job, the service holds it, or its round is
    /// over.
    Preempted,
    /// No lease of the job remains.
    Drained,
    /// Every task has an outcome.
    TasksExhausted,
    /// Too many tasks failed.
    FailureRateExceeded,
    /// A stage cannot go on: manifest, slice or role unusable.
    StageFailed,
    /// The client cancelled.
    CancelRequested,
    /// The report lies where it was asked for, or none was wanted.
    ReportWritten,
    /// The report could not be delivered.
    ReportFailed,
}

/// One legal move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// In this status ...
    pub from: Status,
    /// ... this event ...
    pub event: Event,
    /// ... leads here.
    pub to: Status,
    /// Because.
    pub because: &'static str,
}

const fn row(from: Status, event: Event, to: Status, because: &'static str) -> Row {
    Row { from, event, to, because }
}

/// Every legal move.
#[rustfmt::skip]
pub const TABLE: &[Row] = {
    use Event::*;
    use Status::*;
    &[
        row(New,        PreparationStarted,  Preparing,  "an engine took the job"),
        row(New,        Confirmed,           New,        "remembered: skips Suspended"),
        row(New,        CancelRequested,     Cancelled,  "nothing ran, nothing to report"),
        row(Preparing,  ManifestRead,        Ready,      "every row counted"),
        row(Preparing,  ConfirmationNeeded,  Suspended,  "counted, and the client asked to confirm"),
        row(Preparing,  StageFailed,         Failing,    "manifest unreadable or not as described"),
        row(Preparing,  Confirmed,           Preparing,  "remembered: skips Suspended"),
        row(Preparing,  CancelRequested,     Cancelled,  "nothing ran, nothing to report"),
        row(Suspended,  Confirmed,           Ready,      "the client requested Ready"),
        row(Suspended,  ConfirmationExpired, Failing,    "no confirmation in time (30 days by default)"),
        row(Suspended,  CancelRequested,     Cancelled,  "nothing ran, nothing to report"),
        row(Ready,      SlotGranted,         Active,     "highest priority waiting"),
        row(Ready,      CancelRequested,     Cancelled,  "nothing ran, nothing to report"),
        row(Active,     TasksExhausted,      Completing, "every task has an outcome"),
        row(Active,     Preempted,           Pausing,    "a higher priority job needs the slot"),
        row(Active,     FailureRateExceeded, Failing,    "too many tasks failed"),
        row(Active,     StageFailed,         Failing,    "slice unreadable, role gone, a slice revoked ten times"),
        row(Active,     CancelRequested,     Cancelling, "tasks ran, so a report is due"),
        row(Pausing,    Drained,             Paused,     "no lease of the job remains"),
        row(Pausing,    TasksExhausted,      Completing, "nothing left to pause"),
        row(Pausing,    FailureRateExceeded, Failing,    "too many tasks failed"),
        row(Pausing,    StageFailed,         Failing,    "slice unreadable, role gone, a slice revoked ten times"),
        row(Pausing,    CancelRequested,     Cancelling, "tasks ran, so a report is due"),
        row(Paused,     SlotGranted,         Active,     "the slot is free again"),
        row(Paused,     CancelRequested,     Cancelling, "tasks ran, so a report is due"),
        row(Completing, ReportWritten,       Complete,   "delivered, or no report was wanted"),
        row(Completing, ReportFailed,        Failed,     "the promise included a report"),
        row(Cancelling, CancelRequested,     Cancelling, "already cancelling"),
        row(Cancelling, ReportWritten,       Cancelled,  "delivered, or no report was wanted"),
        row(Cancelling, ReportFailed,        Cancelled,  "the reason records it"),
        row(Failing,    ReportWritten,       Failed,     "delivered, or no report was wanted"),
        row(Failing,    ReportFailed,        Failed,     "the reason records it"),
    ]
};

/// Where `event` takes a job in `status`; `None` when that is illegal.
#[must_use]
pub fn next(status: Status, event: Event) -> Option<Status> {
    TABLE.iter().find(|row| row.from == status && row.event == event).map(|row| row.to)
}

/// The code that owns a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Reads the manifest into slices.
    Prepare,
    /// Waits for a confirmation or a slot.
    Wait,
    /// Runs tasks.
    Execute,
    /// Waits until no lease remains.
    Drain,
    /// Drains, then writes the report.
    Report,
    /// Nothing more to do.
    End,
}

/// Which code owns a job in `status`.
#[must_use]
pub fn phase(status: Status) -> Phase {
    match status {
        Status::New | Status::Preparing => Phase::Prepare,
        Status::Suspended | Status::Ready | Status::Paused => Phase::Wait,
        Status::Active => Phase::Execute,
        Status::Pausing => Phase::Drain,
        Status::Completing | Status::Cancelling | Status::Failing => Phase::Report,
        Status::Complete | Status::Cancelled | Status::Failed => Phase::End,
    }
}

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Status; 13] = [
        Status::New,
        Status::Preparing,
        Status::Suspended,
        Status::Ready,
        Status::Active,
        Status::Pausing,
        Status::Paused,
        Status::Completing,
        Status::Complete,
        Status::Cancelling,
        Status::Cancelled,
        Status::Failing,
        Status::Failed,
    ];

    /// Whether nothing leads out of it.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        phase(self) == Phase::End
    }

    /// Whether tasks run in it or may still: what a pause and limits are about.
    #[must_use]
    pub fn has_tasks_ahead(self) -> bool {
        !matches!(phase(self), Phase::Report | Phase::End)
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Status::New => "New",
            Status::Preparing => "Preparing",
            Status::Suspended => "Suspended",
            Status::Ready => "Ready",
            Status::Active => "Active",
            Status::Pausing => "Pausing",
            Status::Paused => "Paused",
            Status::Completing => "Completing",
            Status::Complete => "Complete",
            Status::Cancelling => "Cancelling",
            Status::Cancelled => "Cancelled",
            Status::Failing => "Failing",
            Status::Failed => "Failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a status")]
pub struct UnknownStatus;

impl FromStr for Status {
    type Err = UnknownStatus;
    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Status::ALL.into_iter().find(|status| status.name() == text).ok_or(UnknownStatus)
    }
}

impl Event {
    /// Every event.
    pub const ALL: [Event; 14] = [
        Event::PreparationStarted,
        Event::ManifestRead,
        Event::ConfirmationNeeded,
        Event::Confirmed,
        Event::ConfirmationExpired,
        Event::SlotGranted,
        Event::Preempted,
        Event::Drained,
        Event::TasksExhausted,
        Event::FailureRateExceeded,
        Event::StageFailed,
        Event::CancelRequested,
        Event::ReportWritten,
        Event::ReportFailed,
    ];
}

#[cfg(test)]
mod tests;
