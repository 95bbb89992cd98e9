//! The changes of a job, and the one function that applies them.
//!
//! [`Job::change`] is pure: each change has a function, which first asks the status table whether
//! it is legal, and then sets what goes with it (times, reasons, failures). Stores call it inside
//! their transaction, so that every body of `JobStore` moves jobs alike.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::failure::{self, JobFailure};
use super::hold::Hold;
use super::rounds::Rounds;
use super::state::{Job, Prepared};
use crate::Timestamp;
use crate::dry_run::DryRun;
use crate::limits::{HOLD_TRY_EVERY, STATUS_UPDATE_REASON_BYTES_MAX};
use crate::load::LoadLimits;
use crate::operation::Tag;
use crate::outcome::cut;
use crate::progress::Progress;
use crate::service_clock::ServiceTime;
use crate::status::{self, Event, Phase, Status};

/// What a waiting job says, with `SuspendedDate`.
pub const SUSPENDED_CAUSE: &str = "The job is awaiting confirmation";
/// What a job says that its user paused.
pub const REASON_PAUSED: &str = "paused by its user";
/// What a job says between two rounds.
pub const REASON_ROUND: &str = "waiting for restores";
/// What a finished job says, as the documentation's example does.
pub const REASON_COMPLETE: &str = "Job complete";

/// Something that happens to a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// An engine took it.
    PreparationStarted,
    /// Its manifest is read; the job waits for a confirmation if one is wanted and missing.
    ManifestRead(Prepared),
    /// The client confirms, with its reason; changes nothing of a job that needs no confirmation.
    Confirmed(String),
    /// The user did not confirm in time.
    ConfirmationExpired,
    /// It may run.
    SlotGranted,
    /// It gives up its slot.
    Preempted,
    /// No lease of it remains.
    Drained,
    /// Every task has an outcome.
    TasksExhausted,
    /// Too many tasks failed.
    FailureRateExceeded(JobFailure),
    /// A stage cannot go on.
    StageFailed(JobFailure),
    /// The client cancels, with its reason.
    CancelRequested(String),
    /// What a dry run found is summed, before its report is written.
    DryRunSummed(DryRun),
    /// The report is written.
    ReportWritten,
    /// The report could not be written.
    ReportFailed(JobFailure),
    /// Another priority; legal until the job has ended.
    PrioritySet(i32),
    /// Its user pauses it; legal while it has tasks ahead.
    Held,
    /// Its user lets it go on; legal while it has tasks ahead.
    Released,
    /// Its tasks fail alike by what a person must change: the service holds it. Legal while tasks run.
    HeldByService(JobFailure),
    /// It is time to try a task of a job that the service holds, or to begin the next round.
    HoldTried,
    /// Every open task was looked at in this round: the job waits for the next one, the first time this
    /// long.
    RoundEnded(Duration),
    /// A task that was tried shows that the service need not hold the job any more.
    HoldLifted,
    /// Other limits; legal while it has tasks ahead.
    LimitsSet(LoadLimits),
    /// Other tags, also of a job that has ended.
    TagsSet(Vec<Tag>),
    /// The job is in a backup made at that time: a restore must find it held until its user
    /// releases it. Legal while tasks of it may still start.
    BackedUp(Timestamp),
    /// Its user deletes it: cancelled where that is legal, hidden once it has ended.
    DeleteRequested,
    /// Something that a person should know now, such as a store that is away; legal until the
    /// job has ended.
    Noted(String),
}

/// A change that the table does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job that is {status} cannot do that")]
pub struct IllegalChange {
    /// The status that forbids it.
    pub status: Status,
}

impl Job {
    /// Applies a change that happens at `at`, which is `service` by the service clock; raises the
    /// revision.
    ///
    /// # Errors
    /// [`IllegalChange`] when the table has no such row; the job is then unchanged.
    pub fn change(&mut self, change: &Change, at: Timestamp, service: ServiceTime) -> Result<(), IllegalChange> {
        let from = self.status;
        let active = self.active_for(service);
        self.make(change, at, service)?;
        if self.status != from {
            self.active_ms = u64::try_from(active.as_millis()).unwrap_or(u64::MAX);
            self.since = service;
        }
        self.revision += 1;
        Ok(())
    }

    fn make(&mut self, change: &Change, at: Timestamp, service: ServiceTime) -> Result<(), IllegalChange> {
        match change {
            Change::PreparationStarted => self.step(Event::PreparationStarted, at),
            Change::ManifestRead(prepared) => self.finish_preparation(prepared, at),
            Change::Confirmed(reason) => self.confirm(reason, at),
            Change::ConfirmationExpired => {
                let why = JobFailure::new(failure::CONFIRMATION_EXPIRED, "the job was not confirmed in time");
                self.step_and_fail(Event::ConfirmationExpired, &why, at)
            }
            Change::SlotGranted => self.take_slot(at, service),
            Change::Preempted => self.give_up_slot(at),
            Change::Drained => self.step(Event::Drained, at),
            Change::TasksExhausted => self.step(Event::TasksExhausted, at),
            Change::FailureRateExceeded(why) => self.step_and_fail(Event::FailureRateExceeded, why, at),
            Change::StageFailed(why) => self.step_and_fail(Event::StageFailed, why, at),
            Change::CancelRequested(reason) => self.cancel(reason, at),
            Change::DryRunSummed(sum) => self.note_dry_run(sum),
            Change::ReportWritten => self.end_reported(at),
            Change::ReportFailed(why) => self.end_unreported(why, at),
            Change::PrioritySet(priority) => self.set_priority(*priority),
            Change::Held => self.hold(),
            Change::Released => self.release(service),
            Change::HeldByService(why) => self.hold_by_service(why, at, service),
            Change::HoldTried => self.try_hold(service),
            Change::RoundEnded(first_pause) => self.end_round(*first_pause, at, service),
            Change::HoldLifted => self.lift_hold(),
            Change::LimitsSet(limits) => self.set_limits(*limits),
            Change::TagsSet(tags) => {
                self.tags.clone_from(tags);
                Ok(())
            }
            Change::BackedUp(at_backup) => self.hold_for_restore(*at_backup, at),
            Change::DeleteRequested => self.delete(at),
            Change::Noted(reason) => self.note(reason),
        }
    }

    fn finish_preparation(&mut self, prepared: &Prepared, at: Timestamp) -> Result<(), IllegalChange> {
        let must_wait = self.spec.confirmation_required == Some(true) && !self.is_confirmed;
        self.step(if must_wait { Event::ConfirmationNeeded } else { Event::ManifestRead }, at)?;
        self.progress.total = prepared.tasks;
        self.prepared = Some(prepared.clone());
        if let Some(reason) = self.reason_restored() {
            self.say(&reason);
        } else if self.held_by_user && self.status == Status::Ready {
            self.say(REASON_PAUSED);
        } else if !self.is_confirmed {
            // What kept the preparation waiting does so no more.
            self.say(&self.notes());
        }
        Ok(())
    }

    fn confirm(&mut self, reason: &str, at: Timestamp) -> Result<(), IllegalChange> {
        let waits = self.spec.confirmation_required == Some(true) && !self.is_confirmed;
        if !waits && (self.status.has_tasks_ahead() || self.status == Status::Completing) {
            // Clients say Ready of each job that they want to run: this one does already.
            return Ok(());
        }
        self.must_ask_for_confirmation()?;
        self.step(Event::Confirmed, at)?;
        self.is_confirmed = true;
        self.say(&self.reason_restored().unwrap_or_else(|| reason.to_owned()));
        Ok(())
    }

    fn take_slot(&mut self, at: Timestamp, now: ServiceTime) -> Result<(), IllegalChange> {
        self.step(Event::SlotGranted, at)?;
        if self.spec.operation.patience().is_some() {
            self.rounds.get_or_insert_with(|| Rounds::begin(now));
        }
        self.say(&self.notes());
        Ok(())
    }

    fn give_up_slot(&mut self, at: Timestamp) -> Result<(), IllegalChange> {
        self.step(Event::Preempted, at)?;
        self.say(if self.held_by_user { REASON_PAUSED } else { "a job of higher priority needs the slot" });
        Ok(())
    }

    /// Takes the slot at once: no other pass has to, and no task starts in between.
    fn hold_by_service(&mut self, why: &JobFailure, at: Timestamp, now: ServiceTime) -> Result<(), IllegalChange> {
        if !matches!(status::phase(self.status), Phase::Execute | Phase::Drain) {
            return Err(IllegalChange { status: self.status });
        }
        if status::next(self.status, Event::Preempted).is_some() {
            self.step(Event::Preempted, at)?;
        }
        let since = self.hold.as_ref().filter(|hold| hold.why.code == why.code).map_or(now, |hold| hold.since);
        let hold = Hold { why: why.clone(), since, next_try: Some(now.after(HOLD_TRY_EVERY)) };
        self.say(if self.held_by_user { REASON_PAUSED.to_owned() } else { hold.sentence() }.as_str());
        self.hold = Some(hold);
        Ok(())
    }

    fn try_hold(&mut self, now: ServiceTime) -> Result<(), IllegalChange> {
        self.must_have_tasks_ahead()?;
        self.begin_round(now);
        if let Some(hold) = &mut self.hold {
            hold.next_try = None;
        }
        Ok(())
    }

    fn begin_round(&mut self, now: ServiceTime) {
        if let (Some(rounds), Some(patience)) = (&mut self.rounds, self.spec.operation.patience())
            && rounds.next.is_some()
        {
            rounds.begin_next(now, patience);
        }
    }

    fn end_round(&mut self, first: Duration, at: Timestamp, now: ServiceTime) -> Result<(), IllegalChange> {
        let illegal = IllegalChange { status: self.status };
        let (mut rounds, patience) = self.rounds.zip(self.spec.operation.patience()).ok_or(illegal)?;
        if self.status != Status::Active {
            return Err(illegal);
        }
        self.step(Event::Preempted, at)?;
        let next = rounds.end(now, first, patience);
        self.rounds = Some(rounds);
        let next = at.checked_add(next.since(now)).unwrap_or(at);
        let Progress { total, succeeded, .. } = self.progress;
        let waits = format!("{REASON_ROUND}: {succeeded} of {total} readable; looks again at {next:.0}");
        self.say(if self.held_by_user { REASON_PAUSED } else { &waits });
        Ok(())
    }

    fn lift_hold(&mut self) -> Result<(), IllegalChange> {
        self.must_have_tasks_ahead()?;
        self.hold = None;
        Ok(())
    }

    fn cancel(&mut self, reason: &str, at: Timestamp) -> Result<(), IllegalChange> {
        let was_asked = self.status == Status::Cancelling;
        self.step(Event::CancelRequested, at)?;
        if !was_asked || !reason.is_empty() {
            self.say(reason);
        }
        Ok(())
    }

    fn note_dry_run(&mut self, sum: &DryRun) -> Result<(), IllegalChange> {
        self.must_be_open()?;
        self.dry_run = Some(sum.clone());
        Ok(())
    }

    fn end_reported(&mut self, at: Timestamp) -> Result<(), IllegalChange> {
        self.step(Event::ReportWritten, at)?;
        match (self.status, self.failures.last()) {
            (Status::Complete, _) => match &self.dry_run {
                None => self.say(REASON_COMPLETE),
                Some(dry_run) => self.say(&dry_run.sentence(&self.progress)),
            },
            (Status::Failed, Some(why)) => self.say(&why.sentence()),
            _ => {}
        }
        Ok(())
    }

    fn end_unreported(&mut self, why: &JobFailure, at: Timestamp) -> Result<(), IllegalChange> {
        self.step_and_fail(Event::ReportFailed, why, at)?;
        self.lacks_report = true;
        Ok(())
    }

    fn set_priority(&mut self, priority: i32) -> Result<(), IllegalChange> {
        self.must_be_open()?;
        self.priority = priority;
        Ok(())
    }

    fn hold(&mut self) -> Result<(), IllegalChange> {
        self.must_have_tasks_ahead()?;
        self.held_by_user = true;
        if status::phase(self.status) == Phase::Wait && self.status != Status::Suspended {
            self.say(REASON_PAUSED);
        }
        Ok(())
    }

    /// A job that the service holds is tried at once, and has its whole patience again: its user may have
    /// changed what was wrong. One that waits for its next round begins it.
    fn release(&mut self, now: ServiceTime) -> Result<(), IllegalChange> {
        self.must_have_tasks_ahead()?;
        let said = &self.status_update_reason;
        let is_said = said == REASON_PAUSED || self.reason_restored().is_some_and(|reason| reason == *said);
        if is_said || self.held_until().is_some() {
            self.say("");
        }
        self.held_by_user = false;
        self.begin_round(now);
        if let Some(hold) = &mut self.hold {
            (hold.since, hold.next_try) = (now, None);
        }
        Ok(())
    }

    fn set_limits(&mut self, limits: LoadLimits) -> Result<(), IllegalChange> {
        self.must_have_tasks_ahead()?;
        self.limits = limits;
        Ok(())
    }

    fn hold_for_restore(&mut self, backup: Timestamp, at: Timestamp) -> Result<(), IllegalChange> {
        self.must_have_tasks_ahead()?;
        if self.status == Status::Active {
            self.step(Event::Preempted, at)?;
        }
        self.held_by_user = true;
        // What an earlier restore left unknown still is.
        self.restored_from = Some(self.restored_from.map_or(backup, |earlier| earlier.min(backup)));
        self.say(&self.reason_restored().unwrap_or_default());
        Ok(())
    }

    fn delete(&mut self, at: Timestamp) -> Result<(), IllegalChange> {
        if status::next(self.status, Event::CancelRequested).is_some() {
            self.step(Event::CancelRequested, at)?;
            self.say("deleted by its user");
        }
        self.is_deleted = true;
        Ok(())
    }

    fn note(&mut self, reason: &str) -> Result<(), IllegalChange> {
        self.must_be_open()?;
        self.say(reason);
        Ok(())
    }

    /// Moves the job by that event, which is a failure of it.
    fn step_and_fail(&mut self, event: Event, why: &JobFailure, at: Timestamp) -> Result<(), IllegalChange> {
        self.step(event, at)?;
        self.fail(why.clone());
        Ok(())
    }

    fn step(&mut self, event: Event, at: Timestamp) -> Result<(), IllegalChange> {
        let next = status::next(self.status, event).ok_or(IllegalChange { status: self.status })?;
        self.status = next;
        if self.status == Status::Suspended {
            self.suspended = Some(at);
            self.suspended_cause = Some(SUSPENDED_CAUSE.to_owned());
        }
        if !self.status.has_tasks_ahead() {
            (self.hold, self.rounds) = (None, None);
        }
        if self.status.is_terminal() {
            self.terminated = Some(at);
        }
        Ok(())
    }

    fn must_have_tasks_ahead(&self) -> Result<(), IllegalChange> {
        if self.status.has_tasks_ahead() { Ok(()) } else { Err(IllegalChange { status: self.status }) }
    }

    fn must_ask_for_confirmation(&self) -> Result<(), IllegalChange> {
        let asks = self.spec.confirmation_required == Some(true);
        if asks { Ok(()) } else { Err(IllegalChange { status: self.status }) }
    }

    fn must_be_open(&self) -> Result<(), IllegalChange> {
        if self.status.is_terminal() { Err(IllegalChange { status: self.status }) } else { Ok(()) }
    }

    /// Why it is held, if it came back with a backup.
    fn reason_restored(&self) -> Option<String> {
        let backup = self.restored_from.filter(|_| self.held_by_user)?;
        let (backup, id) = (format!("{backup:.0}"), self.id);
        Some(format!("held after a restore from a backup of {backup}: check it, then brigade job resume {id}"))
    }

    /// What its preparation wants its user to know.
    fn notes(&self) -> String {
        self.prepared.as_ref().map_or_else(String::new, |prepared| prepared.notes.join("; "))
    }

    fn say(&mut self, reason: &str) {
        self.status_update_reason = cut(reason.to_owned(), STATUS_UPDATE_REASON_BYTES_MAX);
    }

    fn fail(&mut self, why: JobFailure) {
        self.say(&why.sentence());
        self.failures.push(why);
    }
}
