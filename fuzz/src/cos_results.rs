//! Bodies of the service's answers, as the command line reads them from any service of the
//! dialect.

use brigade_wire::cos::{create_job, decode_error, describe_job, list_jobs, update_job_priority, update_job_status};

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(id) = create_job::decode_result(bytes) {
        assert_eq!(create_job::decode_result(&create_job::encode_result(id)), Ok(id));
    }
    let _ = describe_job::decode_result(bytes);
    let _ = list_jobs::decode_result(bytes);
    let _ = update_job_priority::decode_result(bytes);
    let _ = update_job_status::decode_result(bytes);
    let _ = decode_error(bytes);
}
