//! Results, as their fixtures have them: SDKs read them in `tests/clients/s3control.py`.

use std::time::Duration;

use brigade_model::Status;
use brigade_wire::s3control::{
    arn, create_job, delete_job_tagging, describe_job, get_job_tagging, list_jobs, put_job_tagging,
    update_job_priority, update_job_status,
};

use crate::fixtures::case;
use crate::jobs;

#[test]
fn each_job_is_described_as_its_fixture_has_it() {
    let arn = arn::job_text("us-east-1", "123456789012", jobs::id());
    assert_eq!(arn, "arn:aws:s3:us-east-1:123456789012:job/021140d8-67ca-4e89-8089-0de9a1e40943");
    for name in ["suspended", "complete", "failed"] {
        let result = describe_job::encode_result(&jobs::described(name), &arn, Duration::from_millis(61_999));
        case("DescribeJobResult", name).expect(&result);
    }
}

#[test]
fn a_description_repeats_what_was_asked_element_by_element() {
    let sent = String::from_utf8(case("CreateJob", "boto3-copy-with-every-offered-parameter").sent().body).unwrap();
    let told = describe_job::encode_result(&jobs::described("suspended"), "arn", Duration::ZERO);
    let told = String::from_utf8(told).unwrap();
    let (_, operation) = sent.split_once("<S3PutObjectCopy>").unwrap();
    let (operation, _) = operation.split_once("</S3PutObjectCopy>").unwrap();
    for said in operation.split_inclusive('>').collect::<String>().split("</") {
        let Some((_, text)) = said.rsplit_once('>') else { continue };
        assert!(text == "false" || told.contains(&format!(">{text}<")), "{text}: {told}");
    }
}

#[test]
fn lists_and_small_results_are_written_as_their_fixtures_have_them() {
    let jobs = ["suspended", "complete"].map(|name| (jobs::described(name), Duration::from_secs(7)));
    case("ListJobsResult", "page").expect(&list_jobs::encode_result(&jobs, Some(jobs::id())));
    case("ListJobsResult", "empty").expect(&list_jobs::encode_result(&[], None));
    case("UpdateJobPriorityResult", "changed").expect(&update_job_priority::encode_result(jobs::id(), 42));
    let result = update_job_status::encode_result(jobs::id(), Status::Ready, "to do");
    case("UpdateJobStatusResult", "confirmed").expect(&result);
    case("UpdateJobStatusResult", "no-reason").expect(&update_job_status::encode_result(
        jobs::id(),
        Status::Cancelled,
        "",
    ));
    let tags = jobs::spec("boto3-tagging").tags;
    case("GetJobTaggingResult", "tags").expect(&get_job_tagging::encode_result(&tags));
    case("GetJobTaggingResult", "none").expect(&get_job_tagging::encode_result(&[]));
    case("PutJobTaggingResult", "done").expect(&put_job_tagging::encode_result());
    case("DeleteJobTaggingResult", "done").expect(&delete_job_tagging::encode_result());
}

#[test]
fn the_job_of_a_created_job_is_read_back() {
    assert_eq!(create_job::decode_result(&create_job::encode_result(jobs::id())).unwrap(), jobs::id());
    for body in [&b"<CreateJobResult/>"[..], b"<CreateJobResult><JobId>1</JobId></CreateJobResult>", b"<Other/>", b""] {
        assert!(create_job::decode_result(body).is_err());
    }
}
