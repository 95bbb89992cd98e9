//! Results: what we write for each fixture, and what a client reads from it.

use brigade_model::{Job, JobId, Status, Timestamp};
use brigade_wire::cos::describe_job::{self, DescribedJob};
use brigade_wire::cos::list_jobs::{self, ListedJob, ListedJobs};
use brigade_wire::cos::update_job_priority::{self, UpdatedPriority};
use brigade_wire::cos::update_job_status::{self, UpdatedStatus};
use brigade_wire::cos::words::operation_name;
use brigade_wire::cos::{CosError, delete_job};

use crate::fixtures::{case, cases};
use crate::jobs;

const DESCRIBED: [&str; 9] =
    ["new", "suspended", "active", "complete", "failed", "cancelled", "restore", "delete", "tagging"];

fn second(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap()
}

/// What the wire carries of a job.
pub(crate) fn carried(job: &Job) -> DescribedJob {
    DescribedJob {
        client_request_token: Some(job.spec.client_request_token.clone()),
        confirmation_required: job.spec.confirmation_required.unwrap_or(false),
        created: second(job.created),
        description: job.spec.description.clone(),
        failures: job.failures.clone(),
        id: job.id,
        manifest: job.spec.manifest.clone(),
        operation: job.spec.operation.clone(),
        priority: job.priority,
        progress: job.progress,
        report: job.spec.report.clone(),
        role: job.spec.role.clone(),
        status: job.status,
        status_update_reason: job.status_update_reason.clone(),
        suspended_cause: job.suspended_cause.clone(),
        suspended: job.suspended.map(second),
        terminated: job.terminated.map(second),
    }
}

/// What a list carries of a job.
pub(crate) fn listed(job: &Job) -> ListedJob {
    ListedJob {
        created: second(job.created),
        description: job.spec.description.clone(),
        is_dry_run: job.spec.options.is_dry_run(),
        id: job.id,
        operation: operation_name(job.spec.operation.kind()).to_owned(),
        priority: job.priority,
        progress: job.progress,
        status: job.status,
        terminated: job.terminated.map(second),
    }
}

#[test]
fn each_job_is_described_as_its_fixture_has_it() {
    for name in DESCRIBED {
        case("DescribeJob", name).expect(&describe_job::encode_result(&jobs::described(name)));
    }
}

#[test]
fn a_client_reads_a_description_back() {
    for name in DESCRIBED {
        let mut job = jobs::described(name);
        let read = describe_job::decode_result(&describe_job::encode_result(&job)).unwrap();
        for failure in &mut job.failures {
            failure.reason = failure.reason.replace('\u{1}', "\u{fffd}");
        }
        job.status_update_reason = job.status_update_reason.replace('\u{1}', "\u{fffd}");
        assert_eq!(read, carried(&job), "{name}");
    }
}

#[test]
fn a_client_reads_what_another_service_adds_or_leaves_out() {
    let ours = String::from_utf8(describe_job::encode_result(&jobs::described("delete"))).unwrap();
    let token = "<ClientRequestToken>8a2e9d0c-5f1b-4c0e-9d53-6a7b8c9d0e1f</ClientRequestToken>";
    let theirs = ours
        .replace(token, "<NewThing><a/></NewThing>")
        .replace("<ProgressSummary>", "<ProgressSummary><AutoManifestStatus>Failed</AutoManifestStatus>")
        .replace("<Spec>", "<Spec><Other/>");
    assert!(theirs.len() != ours.len() && theirs.contains("<Other/>"));
    let read = describe_job::decode_result(theirs.as_bytes()).unwrap();
    assert_eq!(read, DescribedJob { client_request_token: None, ..carried(&jobs::described("delete")) });
}

#[test]
fn the_known_clients_find_what_they_read_without_asking() {
    for name in DESCRIBED {
        let text = String::from_utf8(describe_job::encode_result(&jobs::described(name))).unwrap();
        for element in ["ConfirmationRequired", "Location", "Spec", "Operation", "ProgressSummary", "JobFailure"] {
            assert!(text.contains(&format!("<{element}>")), "{name} lacks {element}");
        }
    }
}

#[test]
fn lists_are_written_as_their_fixtures_have_them() {
    let jobs = [jobs::described("complete"), jobs::described("active")];
    let next = Some(jobs::id());
    case("ListJobs", "empty").expect(&list_jobs::encode_result(&[], None));
    case("ListJobs", "page").expect(&list_jobs::encode_result(&jobs, next));
    case("ListJobs", "last-page").expect(&list_jobs::encode_result(&jobs, None));
    for name in ["statuses-by-comma", "statuses-by-bar", "statuses-repeated", "empty-parameters"] {
        case("ListJobs", name).expect(&list_jobs::encode_result(&jobs[1..], None));
    }
    for next in [next, None] {
        let expected = ListedJobs { jobs: jobs.iter().map(listed).collect(), next };
        assert_eq!(list_jobs::decode_result(&list_jobs::encode_result(&jobs, next)), Ok(expected));
    }
    let nothing = ListedJobs { jobs: Vec::new(), next: None };
    assert_eq!(list_jobs::decode_result(&list_jobs::encode_result(&[], None)), Ok(nothing));
}

#[test]
fn a_dry_run_is_listed_as_one_and_another_job_s_member_says_nothing_of_it() {
    let mut jobs = [jobs::described("complete"), jobs::described("active")];
    jobs[0].spec.options.dry_run = Some(true);
    jobs[1].spec.options.dry_run = Some(false);
    let body = list_jobs::encode_result(&jobs, None);
    let read = list_jobs::decode_result(&body).unwrap().jobs;
    assert_eq!(read.iter().map(|job| job.is_dry_run).collect::<Vec<_>>(), [true, false]);
    assert_eq!(String::from_utf8(body).unwrap().matches("DryRun>").count(), 2, "one element");
}

#[test]
fn an_update_of_a_priority_says_what_it_is_now() {
    for (name, priority) in [("changed", 99), ("zero", 0)] {
        let result = update_job_priority::encode_result(jobs::id(), priority);
        case("UpdateJobPriority", name).expect(&result);
        assert_eq!(update_job_priority::decode_result(&result), Ok(UpdatedPriority { id: jobs::id(), priority }));
    }
}

#[test]
fn an_update_of_a_status_says_what_it_is_now_and_why() {
    let results = [
        ("confirmed", Status::Ready, "to do"),
        ("confirmed-by-the-go-client", Status::Ready, "to do"),
        ("cancelled", Status::Cancelled, ""),
        ("cancelling", Status::Cancelling, ""),
    ];
    for (name, status, reason) in results {
        let result = update_job_status::encode_result(jobs::id(), status, reason);
        case("UpdateJobStatus", name).expect(&result);
        let expected = UpdatedStatus { id: jobs::id(), status, reason: reason.to_owned() };
        assert_eq!(update_job_status::decode_result(&result), Ok(expected));
    }
}

#[test]
fn what_only_the_jobs_state_forbids_has_its_fixture_too() {
    case("UpdateJobStatus", "already-finished").expect_error(&CosError::already_finished());
    let illegal = CosError::illegal_status_change(Status::Completing, "Ready");
    case("UpdateJobStatus", "illegal-change").expect_error(&illegal);
}

#[test]
fn a_deletion_answers_without_a_body() {
    assert_eq!(delete_job::STATUS, 204);
    case("DeleteJob", "deleted").expect(b"");
}

#[test]
fn no_fixture_of_a_description_is_left_out() {
    let errors = ["no-id", "no-such-job", "not-an-id", "unknown-parameter", "wrong-method"];
    let mut known = [&DESCRIBED[..], &errors].concat();
    known.sort_unstable();
    let found: Vec<_> = cases("DescribeJob").into_iter().map(|case| case.name).collect();
    assert_eq!(found, known);
}

#[test]
fn a_result_of_another_action_is_not_read() {
    let result = update_job_priority::encode_result(JobId::from_u128(1), 1);
    assert!(update_job_status::decode_result(&result).is_err());
    assert!(describe_job::decode_result(&result).is_err());
    assert!(list_jobs::decode_result(&result).is_err());
    assert!(update_job_priority::decode_result(b"").is_err());
}
