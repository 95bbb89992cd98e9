//! DescribeJob: `GET /v20180820/jobs/<id>`.
//!
//! Elements come in the order of the service model, and only where they say something: SDKs bound their lengths
//! from one up. `ManifestGenerator` and `GeneratedManifestDescriptor` would follow at the end; no job has them yet.

use std::time::Duration;

use brigade_model::Job;

use super::parameters::Parameters;
use super::{S3ControlError, document, manifest, operation, progress, report};
use crate::xml::Writer;
use crate::{spelling, times};

/// Reads the query: the action has no parameters.
///
/// # Errors
/// Names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), S3ControlError> {
    Parameters::none(query)
}

/// Writes a result: the job with its ARN, and how long it has been Active in all.
#[must_use]
pub fn encode_result(job: &Job, arn: &str, active: Duration) -> Vec<u8> {
    document("DescribeJobResult", |w| w.within("Job", |w| write_job(w, job, arn, active)))
}

fn write_job(w: &mut Writer, job: &Job, arn: &str, active: Duration) {
    let spec = &job.spec;
    w.leaf("JobId", job.id);
    w.leaf("ConfirmationRequired", spec.confirmation_required.unwrap_or(false));
    w.leaf_if("Description", spec.description.as_ref());
    w.leaf("JobArn", arn);
    w.leaf("Status", job.status);
    manifest::write(w, &spec.manifest);
    spelling::write(w, &spec.spelling, |w| operation::write(w, &spec.operation));
    w.leaf("Priority", job.priority);
    progress::write(w, &job.progress, active);
    w.leaf_if("StatusUpdateReason", Some(&job.status_update_reason).filter(|reason| !reason.is_empty()));
    if !job.failures.is_empty() {
        w.within("FailureReasons", |w| {
            for failure in &job.failures {
                w.within("member", |w| {
                    w.leaf("FailureCode", &failure.code);
                    w.leaf("FailureReason", &failure.reason);
                });
            }
        });
    }
    report::write(w, &spec.report);
    w.leaf("CreationTime", times::iso(job.created));
    w.leaf_if("TerminationDate", job.terminated.map(times::iso));
    w.leaf("RoleArn", &spec.role.text);
    w.leaf_if("SuspendedDate", job.suspended.map(times::iso));
    w.leaf_if("SuspendedCause", job.suspended_cause.as_ref());
}
