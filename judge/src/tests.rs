//! Each sentence holds of a run that is as it should be, and says what is wrong where one thing is not.

use std::collections::BTreeSet;

use brigade_engine::outcomes::PartBuilder;
use brigade_model::limits::WINDOW_TASKS;
use brigade_model::ports::job_store::SliceRow;
use brigade_model::ports::object_store::{CallKind, Effect};
use brigade_model::{AccountId, Dialect, ETag, EndpointName, Job, JobId, Outcome, Status, Timestamp, samples};
use serde_json::json;

use super::*;

fn etag(text: &str) -> Option<ETag> {
    ETag::new(text).ok()
}

/// An act that arrived one entry after it was sent and returned one later: the object of `before` became `after`.
fn act(sent: Moment, before: &str, after: &str) -> CallHistory {
    let (before, after) = (etag(before), etag(after));
    let done = Done { moment: sent + 1, is_refused: false, has_effect: before != after, before, after };
    CallHistory {
        kind: Some(CallKind::CopyObject),
        bucket: samples::bucket("target"),
        sender: 1,
        sent,
        done: Some(done),
        returned: Some((sent + 2, None)),
    }
}

/// The same, whose sender never learned what it did.
fn lost_act(sent: Moment, before: &str, after: &str) -> CallHistory {
    CallHistory { returned: None, ..act(sent, before, after) }
}

fn look(sent: Moment) -> CallHistory {
    CallHistory { kind: Some(CallKind::HeadObject), ..act(sent, "ours", "ours") }
}

fn foreign(moment: Moment) -> Foreign {
    Foreign { moment, bucket: samples::bucket("target"), etag: etag("theirs") }
}

fn task(number: u64, outcome: Option<Outcome>, calls: Vec<CallHistory>) -> TaskHistory<()> {
    TaskHistory {
        number,
        name: format!("task {number}"),
        key: format!("k{number}"),
        is_missing: false,
        outcome,
        calls,
        foreign: Vec::new(),
        object: (),
    }
}

fn failed(code: &str) -> Option<Outcome> {
    Some(Outcome::failed(code, None, "for a test"))
}

/// A Complete job of two tasks: the first succeeded, the second failed.
fn complete() -> (Records, Vec<TaskHistory<()>>, Result<Report, String>) {
    let tasks =
        vec![task(0, Some(Outcome::Succeeded), vec![act(10, "", "ours")]), task(1, failed("NoSuchKey"), vec![])];
    let (account, endpoint) = (AccountId::new("1").unwrap(), EndpointName::new("e").unwrap());
    let id = JobId::from_u128(1);
    let mut job = Job::new(id, account, Dialect::Cos, endpoint, samples::job_spec(), Timestamp::UNIX_EPOCH);
    job.status = Status::Complete;
    (job.progress.total, job.progress.succeeded, job.progress.failed) = (2, 1, 1);
    job.prepared = Some(brigade_model::job::Prepared { tasks: 2, slices: 1, ..Default::default() });
    let mut part = PartBuilder::default();
    for (offset, task) in (0..).zip(&tasks) {
        part.add(offset, task.outcome.clone().unwrap());
    }
    let slice = SliceRow {
        index: 0,
        first_task: 0,
        tasks: 2,
        spool_name: "0".into(),
        succeeded: 1,
        failed: 1,
        is_leased: false,
        must_check: false,
        revocations: 0,
        round: 0,
        first_leased: None,
        must_check_since: None,
    };
    let records = Records { job, slices: vec![slice], parts: vec![vec![(0, part.finish().bytes)]], leased: 0 };
    let manifest = json!({
        "Tasks": { "Total": 2, "Succeeded": 1, "Failed": 1, "NotAttempted": 0 },
        "Results": [
            { "TaskExecutionStatus": "succeeded", "Key": "succeeded.csv" },
            { "TaskExecutionStatus": "failed", "Key": "failed.csv" },
        ],
    });
    let report = Report::read(&manifest.to_string(), |key| match key {
        "succeeded.csv" => Some("photos,k0,,succeeded,,200,Successful\n".to_owned()),
        "failed.csv" => Some("photos,k1,,failed,NoSuchKey,404,for a test\n".to_owned()),
        _ => None,
    });
    (records, tasks, report)
}

/// What the sentence says of a job that is complete but for that change.
fn accounted(change: impl FnOnce(&mut Records, &mut Vec<TaskHistory<()>>, &mut Report)) -> String {
    let (mut records, mut tasks, report) = complete();
    let mut report = report.unwrap();
    change(&mut records, &mut tasks, &mut report);
    accounting::every_outcome_is_counted_once_and_is_one_row(&records, &tasks, Some(&Ok(report)), true).join("; ")
}

#[test]
fn an_outcome_that_is_not_counted_or_is_no_row_is_told() {
    assert_eq!(accounted(|_, _, _| ()), "");
    assert_eq!(complete().0.outcomes().len(), 2);
    assert_eq!((complete().0.slice_of(1), complete().0.slice_of(0)), (Some(0), Some(0)));
    let cases: [(&str, String); 9] = [
        ("slice 0 counts (2, 1)", accounted(|records, _, _| records.slices[0].succeeded = 2)),
        ("the job counts", accounted(|records, _, _| records.job.progress.failed = 0)),
        ("1 leases remain", accounted(|records, _, _| records.leased = 1)),
        ("2 tasks are counted as", accounted(|records, _, _| records.job.progress.total = 3)),
        ("3 rows name 2 objects", accounted(|_, _, report| report.rows.push(report.rows[0].clone()))),
        ("not in the report: Some(Row { key: \"k1\"", accounted(|_, _, report| report.rows.truncate(1))),
        ("not recorded: Some(Row { key: \"k1\"", accounted(|_, tasks, _| tasks[1].outcome = None)),
        ("said: \"another\"", accounted(|_, _, report| report.rows[0].said = "another".to_owned())),
        ("manifest.json tells", accounted(|_, _, report| report.manifest["Tasks"]["Failed"] = json!(7))),
    ];
    for (expected, told) in cases {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let (records, tasks, _) = complete();
    let judge =
        |report, is_due| accounting::every_outcome_is_counted_once_and_is_one_row(&records, &tasks, report, is_due);
    assert_eq!(judge(None, true), ["it has no report"]);
    assert_eq!(judge(None, false), [""; 0]);
    assert_eq!(judge(Some(&Err("torn".to_owned())), true), ["its report cannot be read: torn"]);
}

#[test]
fn a_row_in_the_file_of_the_other_kind_makes_a_report_unreadable() {
    let manifest = json!({ "Results": [{ "TaskExecutionStatus": "succeeded", "Key": "a.csv" }] }).to_string();
    let read = |text: Option<&str>| Report::read(&manifest, |_| text.map(str::to_owned)).map(|report| report.rows);
    let row = Row { key: "a b".into(), is_success: true, code: String::new(), said: "50% done".into() };
    assert_eq!(read(Some("photos,a%20b,,succeeded,,200,50%25 done\n")), Ok(vec![row]));
    assert!(read(Some("photos,a,,failed,NoSuchKey,404,\n")).is_err());
    assert!(read(Some("photos,a,,succeeded\n")).is_err());
    assert_eq!(read(None), Err("a.csv is not there".to_owned()));
}

#[test]
fn an_effect_that_is_not_reported_is_told() {
    let judge = |outcome| effects::every_effect_is_reported(&[task(0, outcome, vec![act(1, "", "ours")])]).len();
    assert_eq!(judge(Some(Outcome::Succeeded)), 0);
    assert_eq!((judge(failed("NoSuchKey")), judge(None)), (1, 1));
    let mut shared = task(0, failed("PreconditionFailed"), vec![act(1, "", "ours")]);
    shared.foreign.push(foreign(3));
    assert_eq!(effects::every_effect_is_reported(&[shared]), [""; 0]);
}

#[test]
fn a_success_without_its_effect_is_told() {
    let judge = |task: TaskHistory<()>, is_as_wanted, is_proved| {
        successes::every_success_is_an_effect(&[task], |_| is_as_wanted, |_| is_proved).len()
    };
    let success = || task(0, Some(Outcome::Succeeded), vec![]);
    assert_eq!([judge(success(), true, true), judge(success(), false, true), judge(success(), true, false)], [0, 1, 1]);
    assert_eq!(judge(task(0, failed("NoSuchKey"), vec![]), false, false), 0);
}

#[test]
fn a_failure_for_no_cause_is_told() {
    let judge = |task: TaskHistory<()>, ended, is_excused| {
        failures::every_failure_has_its_cause(&[task], ended, |_, _| is_excused).len()
    };
    let task = |code| task(0, failed(code), vec![]);
    let missing = TaskHistory { is_missing: true, ..task("NoSuchKey") };
    let shared = TaskHistory { foreign: vec![foreign(1)], ..task("PreconditionFailed") };
    assert_eq!((judge(missing, Status::Complete, false), judge(shared, Status::Complete, false)), (0, 0));
    assert_eq!(judge(task("NoSuchKey"), Status::Complete, false), 1);
    assert_eq!(judge(task("PreconditionFailed"), Status::Complete, false), 1);
    assert_eq!(judge(task("Unconfirmed"), Status::Complete, false), 1);
    assert_eq!(judge(task("Unconfirmed"), Status::Cancelled, false), 0);
    assert_eq!(judge(task("AccessDenied"), Status::Complete, true), 0);
}

#[test]
fn a_repeat_that_destroys_what_another_writer_wrote_is_told() {
    let judge = |calls, is_excused| {
        let task = TaskHistory { foreign: vec![foreign(20)], ..task(0, Some(Outcome::Succeeded), calls) };
        others::what_others_wrote_after_a_lost_attempt_is_left(&[task], |_, _, _| is_excused).len()
    };
    let (lost, repeat) = (|| lost_act(10, "", "ours"), || act(30, "theirs", "ours"));
    assert_eq!(judge(vec![lost(), repeat()], false), 1, "no look");
    assert_eq!(judge(vec![lost(), repeat()], true), 0);
    assert_eq!(judge(vec![lost(), look(25), repeat()], false), 1, "the look saw it");
    assert_eq!(judge(vec![lost(), look(15), repeat()], false), 0, "it was written after the look");
    assert_eq!(judge(vec![repeat()], false), 0, "nothing was lost");
    let refused = CallHistory { returned: Some((12, Some(Effect::None))), ..lost() };
    assert_eq!(judge(vec![refused, repeat()], false), 0, "it had no effect, and its sender knew that");
    assert_eq!(judge(vec![lost(), act(18, "theirs", "ours")], false), 0, "it was in flight");
    let elsewhere = CallHistory { bucket: samples::bucket("source"), ..repeat() };
    assert_eq!(judge(vec![lost(), elsewhere], false), 0);
}

#[test]
fn a_call_for_a_job_that_has_ended_is_told() {
    let judge = |call| ended::nothing_is_attempted_once_a_job_has_ended(&[task(0, None, vec![call])], 20).len();
    assert_eq!((judge(act(19, "", "ours")), judge(act(21, "", "ours")), judge(look(21))), (0, 1, 1));
    let abort = CallHistory { kind: Some(CallKind::AbortMultipartUpload), ..act(21, "", "") };
    assert_eq!(judge(abort), 0, "a worker that was frozen cleans up");
}

#[test]
fn a_task_that_starts_after_its_cancel_is_told() {
    let judge = |calls: Vec<CallHistory>, is_excused| {
        cancelled::no_task_starts_after_a_cancel_is_answered(&[task(0, None, calls)], 20, |_| is_excused).len()
    };
    let late = || act(21, "", "ours");
    assert_eq!((judge(vec![late()], false), judge(vec![late()], true)), (1, 0));
    assert_eq!(judge(vec![act(19, "", "ours")], false), 0);
    assert_eq!(judge(vec![lost_act(10, "", "ours"), late()], false), 0, "it had begun");
    let by_other = CallHistory { sender: 2, ..late() };
    assert_eq!(judge(vec![lost_act(10, "", "ours"), by_other], false), 1, "another process began it");
    assert_eq!(judge(vec![look(10), late()], false), 1, "a look is no beginning");
}

#[test]
fn more_repeats_than_a_window_are_told() {
    let judge = |tasks: u32, holders: &[u64]| {
        let attempts = (0..tasks).map(|_| (3, holders.iter().copied().collect::<BTreeSet<u64>>()));
        repeats::no_more_than_a_window_is_repeated(attempts).len()
    };
    assert_eq!((judge(WINDOW_TASKS, &[1, 2]), judge(WINDOW_TASKS + 1, &[1, 2])), (0, 1));
    assert_eq!(judge(WINDOW_TASKS + 1, &[1]), 0);
}
