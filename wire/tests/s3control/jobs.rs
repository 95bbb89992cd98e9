//! Jobs as the fixtures describe them.

use brigade_model::job::{Change, Prepared, failure};
use brigade_model::{AccountId, Dialect, EndpointName, Job, JobFailure, JobId, JobSpec, Progress, Timestamp};
use brigade_wire::s3control::create_job;

use crate::fixtures::case;

/// The job of every fixture.
pub(crate) fn id() -> JobId {
    "021140d8-67ca-4e89-8089-0de9a1e40943".parse().unwrap()
}

/// What a fixture of CreateJob asks for.
pub(crate) fn spec(create: &str) -> JobSpec {
    create_job::decode_request(&case("CreateJob", create).sent().body).unwrap()
}

/// A new job that is asked for so.
pub(crate) fn of_spec(mut spec: JobSpec) -> Job {
    spec.confirmation_required.get_or_insert(true);
    let account = AccountId::new("photos").unwrap();
    let endpoint = EndpointName::new("main").unwrap();
    let created: Timestamp = "2026-01-01T18:00:30.250Z".parse().unwrap();
    Job::new(id(), account, Dialect::S3Control, endpoint, spec, created)
}

/// The job that a case of DescribeJob shows.
pub(crate) fn described(case: &str) -> Job {
    let prepared = || Change::ManifestRead(Prepared { tasks: 10, slices: 1, ..Prepared::default() });
    let (start, go) = (|| Change::PreparationStarted, || Change::Confirmed("to do".into()));
    let ended = |how: Change| vec![start(), prepared(), go(), Change::SlotGranted, how, Change::ReportWritten];
    let (create, changes, succeeded, failed) = match case {
        "suspended" => ("boto3-copy-with-every-offered-parameter", vec![start(), prepared()], 0, 0),
        "complete" => ("boto3-restore", ended(Change::TasksExhausted), 9, 1),
        "failed" => {
            let why = JobFailure::new(failure::TASK_FAILURE_THRESHOLD_EXCEEDED, "6 of 10 tasks failed; 'a\u{1}b' & c");
            ("boto3-copy-that-drops-tags", ended(Change::FailureRateExceeded(why)), 0, 6)
        }
        other => panic!("no job for the case {other}"),
    };
    let mut job = of_spec(spec(create));
    for (minute, change) in (1..).zip(changes) {
        let at = Timestamp::from_second(job.created.as_second() + 60 * minute).unwrap();
        job.change(&change, at, Default::default()).unwrap();
    }
    job.progress = Progress { succeeded, failed, ..job.progress };
    job
}
