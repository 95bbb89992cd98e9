//! Request lines: a method, a path and a query, each on a line.

use brigade_wire::cos::route::{Action, route};
use brigade_wire::cos::{list_jobs, update_job_priority, update_job_status};
use brigade_wire::{encode_query, parse_query};

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (method, path, query) = (line(), line(), parse_query(line()));
    assert_eq!(parse_query(&encode_query(&query)), query, "a query is not read as it was written");
    let Ok(action) = route(method, path) else { return };
    assert_eq!(route(action.method(), &action.path()).as_ref(), Ok(&action), "an action's own path leads elsewhere");
    match action {
        Action::ListJobs => {
            if let Ok(asked) = list_jobs::decode_query(&query) {
                assert_eq!(list_jobs::decode_query(&list_jobs::encode_query(&asked)), Ok(asked));
            }
        }
        Action::UpdateJobPriority(_) => {
            if let Ok(priority) = update_job_priority::decode_query(&query) {
                let written = update_job_priority::encode_query(priority);
                assert_eq!(update_job_priority::decode_query(&written), Ok(priority));
            }
        }
        Action::UpdateJobStatus(_) => {
            if let Ok((requested, reason)) = update_job_status::decode_query(&query) {
                let written = update_job_status::encode_query(requested, &reason);
                assert_eq!(update_job_status::decode_query(&written), Ok((requested, reason)));
            }
        }
        Action::CreateJob | Action::DescribeJob(_) | Action::DeleteJob(_) => {}
    }
}
