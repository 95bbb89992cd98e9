//! Requests about jobs: each fixture is routed, its signature verified, and its query or body decoded.

use brigade_model::Status;
use brigade_model::operation::Tag;
use brigade_wire::parse_query;
use brigade_wire::s3control::list_jobs::{self, ListQuery};
use brigade_wire::s3control::route::{Action, JobAction, route};
use brigade_wire::s3control::update_job_status::{self, Requested};
use brigade_wire::s3control::{describe_job, put_job_tagging, update_job_priority};
use brigade_wire::s3control_signature::{PRESIGNED_SECONDS_MAX, parse, verify};

use crate::fixtures::{Sent, case, cases};
use crate::jobs;

/// The request of a fixture, and its query.
fn asked(action: &str, name: &str) -> (Sent, Vec<(String, String)>) {
    let sent = case(action, name).sent();
    let query = parse_query(&sent.query);
    (sent, query)
}

const ACTIONS: [&str; 8] = [
    "CreateJob",
    "DescribeJob",
    "ListJobs",
    "UpdateJobPriority",
    "UpdateJobStatus",
    "PutJobTagging",
    "GetJobTagging",
    "DeleteJobTagging",
];

#[test]
fn each_request_of_a_real_client_finds_its_action_and_its_signature_is_verified() {
    let now = "2026-11-29T10:20:00Z".parse().unwrap();
    for name in ACTIONS {
        for case in cases(name) {
            let sent = case.sent();
            let action = route(&sent.method, &sent.path).unwrap();
            assert_eq!(action.name(), name, "{}", case.name);
            if let Action::OfJob(_, id) = &action {
                assert_eq!(id.id(), Some(jobs::id()));
            }
            let judged = |secret: &[u8]| {
                sent.with_parts(|parts| {
                    let claim = parse(parts)?;
                    verify(&claim, parts, secret, now, PRESIGNED_SECONDS_MAX).map(|()| claim)
                })
            };
            let claim = judged(b"photos-secret").unwrap_or_else(|error| panic!("{name}/{}: {error}", case.name));
            assert_eq!((claim.key_id.as_str(), claim.region.as_str()), ("AKIDPHOTOS", "us-east-1"));
            assert_eq!(claim.check_body(&sent.body), Ok(()));
            assert_eq!(claim.signs_body(), case.name != "boto3-presigned");
            assert!(claim.check_body(b"other").is_err() || !claim.signs_body());
            assert!(judged(b"another-secret").is_err());
        }
    }
}

#[test]
fn queries_and_tags_are_read_as_the_clients_meant_them() {
    let (_, query) = asked("ListJobs", "boto3");
    let statuses = vec![Status::Active, Status::Complete];
    let expected = ListQuery { statuses: statuses.clone(), max_results: 2, next: Some(jobs::id()) };
    assert_eq!(list_jobs::decode_query(&query), Ok(expected));
    let (_, query) = asked("ListJobs", "aws-cli");
    assert_eq!(list_jobs::decode_query(&query).unwrap().statuses, statuses);
    let (_, query) = asked("ListJobs", "boto3-plain");
    assert_eq!(list_jobs::decode_query(&query), Ok(ListQuery::default()));
    let (_, query) = asked("UpdateJobPriority", "boto3");
    assert_eq!(update_job_priority::decode_query(&query), Ok(42));
    let (_, query) = asked("UpdateJobStatus", "boto3");
    assert_eq!(update_job_status::decode_query(&query), Ok((Requested::Ready, "to do: a+b".into())));
    let (_, query) = asked("UpdateJobStatus", "aws-cli");
    assert_eq!(update_job_status::decode_query(&query), Ok((Requested::Cancelled, String::new())));
    let (_, query) = asked("DescribeJob", "boto3-presigned");
    assert_eq!(describe_job::decode_query(&query), Ok(()), "a signature in the query is not the action's");
    let tags = |name| put_job_tagging::decode_request(&asked("PutJobTagging", name).0.body);
    assert_eq!(tags("boto3"), Ok(vec![Tag { key: "a".into(), value: "b".into() }]));
    assert_eq!(tags("boto3-empty"), Ok(Vec::new()));
}

#[test]
fn a_wrong_parameter_is_an_error_of_the_action_that_names_it() {
    let told = |answer: Result<String, brigade_wire::s3control::S3ControlError>| {
        let error = answer.unwrap_err();
        format!("{} {}", error.code, error.message)
    };
    let list = |query: &str| told(list_jobs::decode_query(&parse_query(query)).map(|query| format!("{query:?}")));
    assert!(
        list("jobStatuses=Sleeping").starts_with("InvalidRequestException jobStatuses")
            || list("jobStatuses=Sleeping").contains("jobStatuses names no status")
    );
    for query in ["maxResults=1001", "maxResults=-1", "maxResults=1&maxResults=2", "maxResults=x"] {
        assert!(list(query).contains("maxResults must be one whole number from 0 to 1000"), "{query}");
    }
    assert!(list("nextToken=x").starts_with("InvalidNextTokenException"));
    assert!(list("dryRun=true").contains("Parameter dryRun is unknown"));
    assert_eq!(list_jobs::decode_query(&parse_query("maxResults=0")), Ok(ListQuery::default()));
    let priority = |query: &str| told(update_job_priority::decode_query(&parse_query(query)).map(|n| n.to_string()));
    for query in ["priority=-1", "priority=2147483648", "priority=x", "priority=1&priority=1"] {
        assert!(priority(query).contains("priority is invalid"), "{query}");
    }
    assert!(priority("").contains("lacks priority"));
    let status = |query: &str| told(update_job_status::decode_query(&parse_query(query)).map(|_| String::new()));
    assert!(status("").contains("lacks requestedJobStatus"));
    assert!(status("requestedJobStatus=Paused").contains("requestedJobStatus is invalid: must be Ready or Cancelled"));
    let long = format!("requestedJobStatus=Ready&statusUpdateReason={}", "x".repeat(257));
    assert!(status(&long).contains("statusUpdateReason is invalid"));
}

#[test]
fn a_set_of_tags_is_bounded_and_names_each_key_once() {
    let put = |tags: &str| {
        let body = format!("<PutJobTaggingRequest><Tags>{tags}</Tags></PutJobTaggingRequest>");
        put_job_tagging::decode_request(body.as_bytes())
    };
    let tag = |key: &str, value: &str| format!("<member><Key>{key}</Key><Value>{value}</Value></member>");
    let many = |n: usize| (0..n).map(|n| tag(&n.to_string(), "ü")).collect::<String>();
    assert_eq!(put(&many(50)).unwrap().len(), 50);
    assert_eq!(put(&many(51)).unwrap_err().code, "TooManyTagsException");
    assert!(put(&tag(&"ü".repeat(128), &"é".repeat(256))).is_ok());
    for wrong in [tag(&"ü".repeat(129), ""), tag("k", &"é".repeat(257)), tag("", "v"), tag("k", "1") + &tag("k", "2")]
    {
        assert_eq!(put(&wrong).unwrap_err().code, "BadRequestException", "{wrong}");
    }
    assert!(put_job_tagging::decode_request(b"<PutJobTaggingRequest/>").unwrap_err().message.contains("lacks Tags"));
    assert_eq!(JobAction::ALL.len(), 6);
}
