//! What a change does to a job besides its status.

use super::*;
use crate::limits::{FAILURE_REASON_BYTES_MAX, STATUS_UPDATE_REASON_BYTES_MAX};
use crate::operation::{Operation, Restore, RestoreTier, WaitForRestore};
use crate::{AccountId, EndpointName, LoadLimits, ServiceTime, Status, Timestamp, samples};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn job(confirmation_required: Option<bool>) -> Job {
    let spec = JobSpec { confirmation_required, priority: 7, ..samples::job_spec() };
    let account = AccountId::new("1").unwrap();
    let endpoint = EndpointName::new("e").unwrap();
    Job::new(JobId::from_u128(1), account, Dialect::Cos, endpoint, spec, at(0))
}

fn changed(mut job: Job, changes: &[Change]) -> Job {
    for (second, change) in changes.iter().enumerate() {
        job.change(change, at(1 + second as i64), ServiceTime::default()).unwrap();
    }
    job
}

fn prepared() -> Change {
    Change::ManifestRead(Prepared { tasks: 3, slices: 1, ..Prepared::default() })
}

#[test]
fn ids_sort_by_creation() {
    let early = JobId::new(at(1000), &[255; 10]);
    let late = JobId::new(at(1001), &[0; 10]);
    assert!(early < late);
    assert_eq!(early.to_string().parse(), Ok(early));
    assert_eq!("nonsense".parse::<JobId>(), Err(NotAJobId));
}

#[test]
fn a_job_that_wants_a_confirmation_waits_for_it_and_says_so() {
    let job = changed(job(Some(true)), &[Change::PreparationStarted, prepared()]);
    assert_eq!((job.status, job.suspended), (Status::Suspended, Some(at(2))));
    assert_eq!(job.suspended_cause.as_deref(), Some(SUSPENDED_CAUSE));
    let job = changed(job, &[Change::Confirmed("go".into())]);
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Ready, "go"));
    assert!(job.suspended.is_some(), "the wait is remembered");
}

#[test]
fn a_confirmation_changes_nothing_of_a_job_that_needs_none_and_is_refused_once_it_ends() {
    for asks in [None, Some(false)] {
        for life in [&[][..], &[Change::PreparationStarted]] {
            let mut job = changed(job(asks), life);
            let before = job.clone();
            assert_eq!(job.change(&Change::Confirmed("go".into()), at(9), ServiceTime::default()), Ok(()));
            assert_eq!(job, Job { revision: before.revision + 1, ..before });
        }
        let mut job = changed(job(asks), &[Change::CancelRequested(String::new())]);
        let refused = job.change(&Change::Confirmed("go".into()), at(9), ServiceTime::default());
        assert_eq!(refused, Err(IllegalChange { status: Status::Cancelled }));
    }
}

#[test]
fn a_confirmation_that_comes_early_is_remembered() {
    for early in [
        vec![Change::Confirmed(String::new()), Change::PreparationStarted, prepared()],
        vec![Change::PreparationStarted, Change::Confirmed(String::new()), prepared()],
    ] {
        let job = changed(job(Some(true)), &early);
        assert_eq!((job.status, job.suspended), (Status::Ready, None));
    }
}

#[test]
fn a_job_ends_with_its_time_and_its_reason() {
    let mut life = vec![Change::PreparationStarted, prepared(), Change::SlotGranted, Change::TasksExhausted];
    life.push(Change::ReportWritten);
    let done = changed(job(None), &life);
    assert_eq!((done.status, done.terminated), (Status::Complete, Some(at(5))));
    assert_eq!(done.status_update_reason, REASON_COMPLETE);
    assert_eq!(done.revision, 5);
}

#[test]
fn what_a_preparation_notes_is_said_before_the_confirmation_and_while_the_job_runs() {
    let noted = Prepared { tasks: 3, notes: vec!["two rows meet".into(), "so do two".into()], ..Prepared::default() };
    let waiting = changed(job(Some(true)), &[Change::PreparationStarted, Change::ManifestRead(noted)]);
    assert_eq!(
        (waiting.status, waiting.status_update_reason.as_str()),
        (Status::Suspended, "two rows meet; so do two")
    );
    let running = changed(waiting, &[Change::Confirmed("go".into()), Change::SlotGranted]);
    assert_eq!((running.status, running.status_update_reason.as_str()), (Status::Active, "two rows meet; so do two"));
}

#[test]
fn an_illegal_change_changes_nothing() {
    let mut new = job(None);
    let before = new.clone();
    assert_eq!(
        new.change(&Change::ReportWritten, at(9), ServiceTime::default()),
        Err(IllegalChange { status: Status::New })
    );
    assert_eq!(new, before);
    let mut ended = changed(new, &[Change::CancelRequested("no".into())]);
    let before = ended.clone();
    for change in [Change::PrioritySet(1), Change::Held, Change::Noted("x".into()), Change::CancelRequested("x".into())]
    {
        assert_eq!(
            ended.change(&change, at(9), ServiceTime::default()),
            Err(IllegalChange { status: Status::Cancelled })
        );
        assert_eq!(ended, before);
    }
}

#[test]
fn a_deleted_job_is_seen_until_it_has_ended() {
    let active = changed(job(None), &[Change::PreparationStarted, prepared(), Change::SlotGranted]);
    let deleted = changed(active, &[Change::DeleteRequested]);
    assert_eq!((deleted.status, deleted.is_visible()), (Status::Cancelling, true));
    let ended = changed(deleted, &[Change::ReportWritten]);
    assert_eq!((ended.status, ended.is_visible()), (Status::Cancelled, false));
}

#[test]
fn a_failure_is_kept_and_said_within_the_limits_of_the_wire() {
    let why = JobFailure::new(failure::INVALID_MANIFEST_CONTENT, "x".repeat(999));
    let job = changed(job(None), &[Change::PreparationStarted, Change::StageFailed(why)]);
    assert_eq!(job.status, Status::Failing);
    assert_eq!(job.failures[0].reason.len(), FAILURE_REASON_BYTES_MAX);
    assert!(job.status_update_reason.len() <= STATUS_UPDATE_REASON_BYTES_MAX);
}

#[test]
fn what_kept_a_job_waiting_is_not_its_last_word() {
    let waits = Change::Noted("the manifest cannot be read; trying again".into());
    let suspended = changed(job(Some(true)), &[Change::PreparationStarted, waits, prepared()]);
    assert_eq!((suspended.status, suspended.status_update_reason.as_str()), (Status::Suspended, ""));

    let late = Change::Noted("the report cannot be written; trying again".into());
    let failed = changed(suspended, &[Change::ConfirmationExpired, late, Change::ReportWritten]);
    assert_eq!(failed.status, Status::Failed);
    assert_eq!(failed.status_update_reason, "ConfirmationExpired: the job was not confirmed in time");
}

#[test]
fn whatever_may_still_start_tasks_is_held_in_a_backup_and_says_so_until_released() {
    let lives: [&[Change]; 5] = [
        &[],
        &[Change::PreparationStarted],
        &[Change::PreparationStarted, prepared()],
        &[Change::PreparationStarted, prepared(), Change::SlotGranted],
        &[Change::PreparationStarted, prepared(), Change::SlotGranted, Change::Preempted, Change::Drained],
    ];
    let held = "held after a restore from a backup of 1970-01-01T00:01:40Z: check it, then \
                brigade job resume 00000000-0000-0000-0000-000000000001";
    for life in lives {
        let mut job = changed(job(None), life);
        job.change(&Change::BackedUp(at(100)), at(101), ServiceTime::default()).unwrap();
        assert!(job.held_by_user && job.status != Status::Active, "{:?}", job.status);
        assert_eq!((job.restored_from, job.status_update_reason.as_str()), (Some(at(100)), held));
        job.change(&Change::Released, at(102), ServiceTime::default()).unwrap();
        assert_eq!((job.held_by_user, job.status_update_reason.as_str()), (false, ""));
        assert_eq!(job.restored_from, Some(at(100)), "what is unknown stays so");
    }
}

#[test]
fn a_job_that_is_held_after_a_restore_says_so_through_its_preparation_and_its_confirmation() {
    let mut job = changed(job(Some(true)), &[Change::PreparationStarted, Change::BackedUp(at(100))]);
    for change in [Change::Noted("the store is away".into()), prepared(), Change::Confirmed("go".into())] {
        job.change(&change, at(101), ServiceTime::default()).unwrap();
    }
    assert_eq!((job.status, job.held_by_user), (Status::Ready, true));
    assert!(job.status_update_reason.starts_with("held after a restore"), "{}", job.status_update_reason);
}

#[test]
fn a_job_that_only_ends_is_not_held_in_a_backup() {
    let to_report = [Change::PreparationStarted, prepared(), Change::SlotGranted, Change::TasksExhausted];
    for life in [&to_report[..], &[&to_report[..], &[Change::ReportWritten]].concat()] {
        let mut job = changed(job(None), life);
        let before = job.clone();
        assert!(job.change(&Change::BackedUp(at(100)), at(101), ServiceTime::default()).is_err());
        assert_eq!(job, before);
    }
}

#[test]
fn what_an_earlier_restore_left_unknown_still_is_after_a_second_one() {
    let job = changed(job(None), &[Change::BackedUp(at(100)), Change::Released, Change::BackedUp(at(200))]);
    assert_eq!(job.restored_from, Some(at(100)));
}

#[test]
fn a_paused_job_says_so_where_it_waits_and_no_more_when_it_goes_on() {
    let early = changed(job(None), &[Change::Held, Change::PreparationStarted, prepared()]);
    let late = changed(job(None), &[Change::PreparationStarted, prepared(), Change::Held]);
    let runs = [Change::PreparationStarted, prepared(), Change::SlotGranted, Change::Held, Change::Preempted];
    let paused = changed(changed(job(None), &runs), &[Change::Drained]);
    for (held, status) in [(early, Status::Ready), (late, Status::Ready), (paused, Status::Paused)] {
        assert_eq!((held.status, held.status_update_reason.as_str()), (status, REASON_PAUSED));
        assert_eq!(changed(held, &[Change::Released]).status_update_reason, "");
    }
}

#[test]
fn limits_are_the_options_until_they_are_changed_and_change_only_while_tasks_are_ahead() {
    let mut job = job(None);
    job.spec.options.in_flight_max = Some(3);
    let mut job = Job::new(job.id, job.account, job.dialect, job.endpoint, job.spec, job.created);
    assert_eq!(job.limits.requests_in_flight, Some(3));
    let limits = LoadLimits { bytes_per_second: Some(9), ..LoadLimits::default() };
    job = changed(job, &[Change::PreparationStarted, prepared(), Change::LimitsSet(limits), Change::SlotGranted]);
    assert_eq!((job.limits, job.spec.options.in_flight_max), (limits, Some(3)));
    job = changed(job, &[Change::TasksExhausted]);
    for change in [Change::LimitsSet(LoadLimits::default()), Change::Held, Change::Released] {
        assert_eq!(
            job.change(&change, at(9), ServiceTime::default()),
            Err(IllegalChange { status: Status::Completing })
        );
    }
    assert_eq!(job.limits, limits);
}

#[test]
fn a_job_stands_where_it_is_since_its_last_change_of_status() {
    let service = |second| ServiceTime(std::time::Duration::from_secs(second));
    let mut job = job(Some(true));
    let life = [
        (Change::PreparationStarted, 1),
        (Change::PrioritySet(3), 1),
        (prepared(), 3),
        (Change::Noted("it waits".into()), 3),
        (Change::CancelRequested("no".into()), 5),
        (Change::DeleteRequested, 5),
    ];
    for (second, (change, since)) in (1..).zip(life) {
        job.change(&change, at(9), service(second)).unwrap();
        assert_eq!(job.since, service(since), "{change:?}");
    }
}

fn service(second: u64) -> ServiceTime {
    ServiceTime(std::time::Duration::from_secs(second))
}

fn why(code: &str) -> JobFailure {
    JobFailure::new(code, "bucket photos: no")
}

/// A job that was held at second 100, and tried at each of these, in vain.
fn held(tries: &[u64]) -> Job {
    let mut job = changed(job(None), &[Change::PreparationStarted, prepared(), Change::SlotGranted]);
    job.change(&Change::HeldByService(why("NoSuchBucket")), at(100), service(100)).unwrap();
    job.change(&Change::Drained, at(101), service(101)).unwrap();
    for second in tries {
        let round =
            [Change::HoldTried, Change::SlotGranted, Change::HeldByService(why("NoSuchBucket")), Change::Drained];
        for change in round {
            job.change(&change, at(101), service(*second)).unwrap();
        }
    }
    job
}

#[test]
fn a_job_that_the_service_holds_waits_without_its_slot_and_says_why() {
    let job = held(&[]);
    assert_eq!((job.status, job.is_held(), job.held_until()), (Status::Paused, true, Some(service(160))));
    assert_eq!(job.status_update_reason, "held; a task is tried each minute: NoSuchBucket: bucket photos: no");
    let tried = changed(job, &[Change::HoldTried]);
    assert!(!tried.is_held() && tried.hold.is_some(), "it wants a slot, and is on trial");
}

#[test]
fn patience_with_a_held_job_counts_from_its_first_failure_by_that_code() {
    let mut job = held(&[160, 221]);
    assert_eq!(job.hold.as_ref().map(|hold| hold.since), Some(service(100)));
    assert_eq!(job.held_until(), Some(service(281)));
    for change in [Change::HoldTried, Change::SlotGranted, Change::HeldByService(why("AllAccessDisabled"))] {
        job.change(&change, at(101), service(300)).unwrap();
    }
    assert_eq!(job.hold.as_ref().map(|hold| hold.since), Some(service(300)), "that is another trouble");
}

#[test]
fn a_user_who_resumes_a_held_job_has_it_tried_at_once_and_its_patience_begins_anew() {
    for pauses in [false, true] {
        let mut job = held(&[160]);
        if pauses {
            job.change(&Change::Held, at(190), service(190)).unwrap();
            assert_eq!(job.status_update_reason, REASON_PAUSED);
        }
        job.change(&Change::Released, at(200), service(200)).unwrap();
        assert_eq!((job.is_held(), job.status_update_reason.as_str()), (false, ""));
        assert_eq!(job.hold, Some(Hold { why: why("NoSuchBucket"), since: service(200), next_try: None }));
    }
}

#[test]
fn a_hold_is_only_of_a_job_whose_tasks_run_and_ends_with_them() {
    for (life, is_legal) in [(&[][..], false), (&[Change::PreparationStarted, prepared()][..], false)] {
        let mut job = changed(job(None), life);
        let before = job.clone();
        let answer = job.change(&Change::HeldByService(why("NoSuchBucket")), at(9), service(9));
        assert_eq!((answer.is_ok(), &job), (is_legal, &before));
    }
    let cancelled = changed(held(&[]), &[Change::CancelRequested("enough".into())]);
    assert_eq!((cancelled.status, &cancelled.hold), (Status::Cancelling, &None));
    let trial = changed(held(&[]), &[Change::HoldTried, Change::SlotGranted, Change::StageFailed(why("NoSuchBucket"))]);
    assert_eq!((trial.status, &trial.hold), (Status::Failing, &None));
    assert_eq!(trial.failures, [why("NoSuchBucket")]);
}

#[test]
fn a_job_paused_by_its_user_says_so_though_the_service_holds_it_too() {
    let runs = [Change::PreparationStarted, prepared(), Change::SlotGranted, Change::Held];
    let job = changed(changed(job(None), &runs), &[Change::HeldByService(why("NoSuchBucket")), Change::Drained]);
    assert_eq!((job.status, job.status_update_reason.as_str()), (Status::Paused, REASON_PAUSED));
    assert!(job.held_by_user && job.held_until().is_some());
}

/// A job that waits for restores, Active since second 100.
fn waiting() -> Job {
    let mut job = job(None);
    job.spec.operation = Operation::WaitForRestore(WaitForRestore { hours: 1 });
    let mut job = changed(job, &[Change::PreparationStarted, prepared()]);
    job.change(&Change::SlotGranted, at(100), service(100)).unwrap();
    job
}

const FIRST_PAUSE: std::time::Duration = std::time::Duration::from_secs(300);

#[test]
fn a_job_between_two_rounds_waits_without_its_slot_and_says_how_far_it_is_and_when_it_looks_again() {
    let mut job = waiting();
    job.progress.succeeded = 2;
    job.change(&Change::RoundEnded(FIRST_PAUSE), at(110), service(110)).unwrap();
    assert_eq!((job.status, job.held_until()), (Status::Pausing, Some(service(410))));
    let reason = format!("waiting for restores: 2 of 3 readable; looks again at {:.0}", at(410));
    assert_eq!(job.status_update_reason, reason);
    job.change(&Change::Drained, at(111), service(111)).unwrap();
    assert_eq!((job.status, job.is_held()), (Status::Paused, true));
    for change in [Change::HoldTried, Change::SlotGranted] {
        job.change(&change, at(410), service(410)).unwrap();
    }
    let rounds = Rounds { number: 1, since: service(100), next: None, is_last: false };
    assert_eq!((job.status, job.rounds, job.is_held()), (Status::Active, Some(rounds), false));
    let cancelled = changed(job, &[Change::CancelRequested("enough".into())]);
    assert_eq!((cancelled.status, cancelled.rounds), (Status::Cancelling, None));
}

#[test]
fn the_round_that_begins_when_patience_is_over_is_the_last_and_a_user_who_resumes_has_the_next_begin_at_once() {
    let mut job = waiting();
    job.change(&Change::RoundEnded(FIRST_PAUSE), at(110), service(110)).unwrap();
    job.change(&Change::Drained, at(111), service(111)).unwrap();
    let mut resumed = job.clone();
    resumed.change(&Change::Released, at(200), service(200)).unwrap();
    assert_eq!((resumed.is_held(), resumed.rounds.map(|rounds| rounds.is_last)), (false, Some(false)));
    assert_eq!(resumed.status_update_reason, "");
    job.change(&Change::Held, at(112), service(112)).unwrap();
    assert_eq!(job.status_update_reason, REASON_PAUSED);
    job.change(&Change::Released, at(3700), service(3700)).unwrap();
    assert_eq!(job.rounds.map(|rounds| rounds.is_last), Some(true), "an hour has passed since its first look");
}

#[test]
fn only_a_job_that_works_in_rounds_and_is_active_ends_one() {
    for mut job in [changed(job(None), &[Change::PreparationStarted, prepared(), Change::SlotGranted]), {
        let mut job = waiting();
        job.change(&Change::Preempted, at(101), service(101)).unwrap();
        job
    }] {
        let before = job.clone();
        assert!(job.change(&Change::RoundEnded(FIRST_PAUSE), at(110), service(110)).is_err());
        assert_eq!(job, before);
    }
}

#[test]
fn a_retry_of_a_job_that_waits_takes_what_is_left_of_it_and_not_the_successes_again() {
    let mut restore = job(Some(true));
    restore.spec.operation = Operation::Restore(Restore { days: 1, tier: RestoreTier::Bulk });
    let follow =
        Follow { client_request_token: "w".into(), priority: None, description: None, wait: WaitForRestore::default() };
    let mut waiting = job(None);
    waiting.spec = restore.followed(follow);
    assert_eq!((waiting.spec.retry_of, waiting.spec.takes), (Some(restore.id), Taken::Succeeded));
    assert_eq!(waiting.spec.confirmation_required, Some(false), "it changes nothing that must be confirmed");
    assert_eq!(waiting.retried(Retry::default()).takes, Taken::Unfinished);
}
