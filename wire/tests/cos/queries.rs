//! Requests without a body: each fixture is routed, its query decoded, and what is wrong is
//! answered by its error.

use brigade_model::{JobId, Status};
use brigade_wire::cos::list_jobs::{self, ListQuery};
use brigade_wire::cos::route::{Action, route};
use brigade_wire::cos::update_job_status::{self, Requested};
use brigade_wire::cos::{CosError, create_job, delete_job, describe_job, update_job_priority};
use brigade_wire::parse_query;

use crate::fixtures::{Case, case, cases};
use crate::jobs;

/// What a request asks for.
#[derive(Debug, Clone, PartialEq)]
enum Asked {
    Describe,
    List(ListQuery),
    Priority(i32),
    Status(Requested, String),
    Delete,
}

/// Routes and decodes a request as a handler does; a job that is not the fixtures' is unknown.
fn decode(case: &Case) -> Result<Asked, CosError> {
    let (method, path, query) = case.request_line();
    let query = parse_query(&query);
    let action = route(&method, &path)?;
    let asked = match &action {
        Action::ListJobs => return list_jobs::decode_query(&query).map(Asked::List),
        Action::DescribeJob(_) => describe_job::decode_query(&query).map(|()| Asked::Describe),
        Action::UpdateJobPriority(_) => update_job_priority::decode_query(&query).map(Asked::Priority),
        Action::UpdateJobStatus(_) => update_job_status::decode_query(&query).map(|(to, why)| Asked::Status(to, why)),
        Action::DeleteJob(_) => delete_job::decode_query(&query).map(|()| Asked::Delete),
        Action::CreateJob => panic!("{}: is a CreateJob", case.name),
    }?;
    let (Action::DescribeJob(id) | Action::UpdateJobPriority(id) | Action::UpdateJobStatus(id) | Action::DeleteJob(id)) =
        &action
    else {
        unreachable!("the others returned")
    };
    if id.id() == Some(jobs::id()) { Ok(asked) } else { Err(action.no_such_job()) }
}

fn accepted(action: &str, name: &str) -> Asked {
    decode(&case(action, name)).unwrap()
}

#[test]
fn each_wrong_request_gets_its_error() {
    for action in ["DescribeJob", "ListJobs", "UpdateJobPriority", "UpdateJobStatus", "DeleteJob"] {
        for case in cases(action) {
            if let Err(error) = decode(&case) {
                case.expect_error(&error);
            }
        }
    }
}

#[test]
fn a_list_is_asked_for_in_every_documented_way() {
    let both = vec![Status::Active, Status::Ready];
    for case in ["statuses-by-comma", "statuses-by-bar", "statuses-repeated"] {
        assert_eq!(
            accepted("ListJobs", case),
            Asked::List(ListQuery { statuses: both.clone(), ..ListQuery::default() })
        );
    }
    for case in ["empty", "empty-parameters"] {
        assert_eq!(accepted("ListJobs", case), Asked::List(ListQuery::default()));
    }
    let page = ListQuery { max_results: 2, next: Some(jobs::id()), ..ListQuery::default() };
    assert_eq!(accepted("ListJobs", "last-page"), Asked::List(page));
}

#[test]
fn a_priority_and_a_status_are_read() {
    assert_eq!(accepted("UpdateJobPriority", "changed"), Asked::Priority(99));
    assert_eq!(accepted("UpdateJobPriority", "zero"), Asked::Priority(0));
    for case in ["confirmed", "confirmed-by-the-go-client"] {
        assert_eq!(accepted("UpdateJobStatus", case), Asked::Status(Requested::Ready, "to do".into()));
    }
    for case in ["cancelled", "cancelling"] {
        assert_eq!(accepted("UpdateJobStatus", case), Asked::Status(Requested::Cancelled, String::new()));
    }
}

#[test]
fn what_we_send_is_what_we_read() {
    let queries = [
        ListQuery::default(),
        ListQuery { statuses: Status::ALL.to_vec(), max_results: 1, next: Some(JobId::from_u128(7)) },
    ];
    for query in queries {
        assert_eq!(list_jobs::decode_query(&list_jobs::encode_query(&query)), Ok(query));
    }
    for priority in [0, 1, i32::MAX] {
        let query = update_job_priority::encode_query(priority);
        assert_eq!(update_job_priority::decode_query(&query), Ok(priority));
    }
    for (requested, reason) in [(Requested::Ready, "to do"), (Requested::Cancelled, "")] {
        let query = update_job_status::encode_query(requested, reason);
        assert_eq!(update_job_status::decode_query(&query), Ok((requested, reason.to_owned())));
    }
}

#[test]
fn a_parameter_that_an_action_does_not_have_is_named() {
    let query = parse_query("dryRun=true");
    let unknown = CosError::unknown_parameter("dryRun");
    assert_eq!(create_job::decode_query(&query), Err(unknown.clone()));
    assert_eq!(describe_job::decode_query(&query), Err(unknown.clone()));
    assert_eq!(delete_job::decode_query(&query), Err(unknown));
}

#[test]
fn a_signature_in_the_query_is_not_the_actions() {
    let query = parse_query("maxResults=2&q-sign-algorithm=sha1&q-ak=a&x-cos-security-token=t");
    assert_eq!(list_jobs::decode_query(&query).unwrap().max_results, 2);
    assert_eq!(describe_job::decode_query(&query[1..]), Ok(()));
}
