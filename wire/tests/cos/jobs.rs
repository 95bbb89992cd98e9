//! Jobs as the fixtures describe them.

use brigade_model::job::{Change, Prepared, failure};
use brigade_model::{AccountId, Dialect, EndpointName, Job, JobFailure, JobId, JobSpec, Progress, Timestamp};
use brigade_wire::cos::create_job;

use crate::fixtures::case;

/// The job of every fixture.
pub(crate) fn id() -> JobId {
    "021140d8-67ca-4e89-8089-0de9a1e40943".parse().unwrap()
}

/// What a fixture of CreateJob asks for.
pub(crate) fn spec(create: &str) -> JobSpec {
    create_job::decode_request(&case("CreateJob", create).body()).unwrap()
}

/// A job that one of CreateJob's fixtures asks for, after these changes, one a minute.
pub(crate) fn job(create: &str, changes: &[Change]) -> Job {
    let mut job = of_spec(spec(create));
    for (minute, change) in (1..).zip(changes) {
        let at = Timestamp::from_second(job.created.as_second() + 60 * minute).unwrap();
        job.change(change, at, Default::default()).unwrap();
    }
    job
}

/// A new job that is asked for so.
pub(crate) fn of_spec(spec: JobSpec) -> Job {
    let account = AccountId::new("1250000000").unwrap();
    let endpoint = EndpointName::new("main").unwrap();
    let created: Timestamp = "2019-12-19T18:00:30.250Z".parse().unwrap();
    Job::new(id(), account, Dialect::Cos, endpoint, spec, created)
}

/// The job that a case of DescribeJob shows.
pub(crate) fn described(case: &str) -> Job {
    let prepared = || Change::ManifestRead(Prepared { tasks: 10, slices: 1, ..Prepared::default() });
    let active = || vec![Change::PreparationStarted, prepared(), Change::SlotGranted];
    let ended = |how: Change| [active(), vec![how, Change::ReportWritten]].concat();
    let complete = |create| with_progress(job(create, &ended(Change::TasksExhausted)), 9, 1);
    match case {
        "new" => job("copy-with-every-parameter", &[]),
        "suspended" => job("copy-with-every-parameter", &[Change::PreparationStarted, prepared()]),
        "active" => with_progress(
            job("as-the-go-client-writes-it", &[vec![Change::Confirmed("go".into())], active()].concat()),
            4,
            0,
        ),
        "complete" => complete("as-terraform-writes-it"),
        "restore" | "delete" | "tagging" => complete(case),
        "failed" => {
            let why = JobFailure::new(
                failure::TASK_FAILURE_THRESHOLD_EXCEEDED,
                "6 of 10 tasks failed; key 'a\u{1}b' & others",
            );
            with_progress(job("delete", &ended(Change::FailureRateExceeded(why))), 0, 6)
        }
        "cancelled" => with_progress(job("delete", &ended(Change::CancelRequested("not needed\r\n".into()))), 2, 0),
        other => panic!("no job for the case {other}"),
    }
}

fn with_progress(mut job: Job, succeeded: u64, failed: u64) -> Job {
    job.progress = Progress { succeeded, failed, ..job.progress };
    job
}
