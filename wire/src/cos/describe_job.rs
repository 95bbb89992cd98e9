//! DescribeJob: `GET /jobs/<id>`.
//!
//! Elements come in the order of the specification's page. `ConfirmationRequired`, `Manifest`,
//! `Operation`, `ProgressSummary` and `FailureReasons` are always there, the last with empty
//! children when nothing failed: known clients read them without asking. No page lists codes of failures; they are
//! the model's own (resolution U-30).

use brigade_model::limits::{CLIENT_REQUEST_TOKEN_BYTES_MAX, DESCRIPTION_BYTES_MAX};
use brigade_model::resource::RoleRef;
use brigade_model::{Job, JobFailure, JobId, ManifestSpec, Operation, Progress, ReportSpec, Status, Timestamp};

use super::fields::Fields;
use super::parameters::Parameters;
use super::{CosError, DecodeError, manifest, operation, qcs, report, result, spelling, times};
use crate::xml::Writer;

const RESULT: &str = "DescribeJobResult";

/// Reads the query: the action has no parameters.
///
/// # Errors
/// `InvalidArgument` names a parameter that is unknown.
pub fn decode_query(query: &[(String, String)]) -> Result<(), CosError> {
    Parameters::read(query, &[]).map(|_| ())
}

/// Writes a result.
#[must_use]
pub fn encode_result(job: &Job) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.within(RESULT, |w| w.within("Job", |w| write_job(w, job)));
    writer.finish()
}

fn write_job(w: &mut Writer, job: &Job) {
    let spec = &job.spec;
    w.leaf("ClientRequestToken", &spec.client_request_token);
    w.leaf("ConfirmationRequired", spec.confirmation_required.unwrap_or(false));
    w.leaf("CreationTime", times::iso(job.created));
    w.leaf_if("Description", spec.description.as_ref());
    write_failures(w, &job.failures);
    w.leaf("JobId", job.id);
    manifest::write(w, &spec.manifest);
    spelling::write(w, &spec.spelling, |w| operation::write(w, &spec.operation));
    w.leaf("Priority", job.priority);
    result::write_progress(w, &job.progress);
    report::write(w, &spec.report);
    w.leaf("RoleArn", &spec.role.text);
    w.leaf("Status", job.status);
    w.leaf("StatusUpdateReason", &job.status_update_reason);
    w.leaf_if("SuspendedCause", job.suspended_cause.as_ref());
    w.leaf_if("SuspendedDate", job.suspended.map(times::iso));
    w.leaf_if("TerminationDate", job.terminated.map(times::iso));
}

fn write_failures(writer: &mut Writer, failures: &[JobFailure]) {
    let none = [JobFailure { code: String::new(), reason: String::new() }];
    writer.within("FailureReasons", |w| {
        for failure in if failures.is_empty() { &none } else { failures } {
            w.within("JobFailure", |w| {
                w.leaf("FailureCode", &failure.code);
                w.leaf("FailureReason", &failure.reason);
            });
        }
    });
}

/// A job as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribedJob {
    /// The token it was created with, where the service tells it.
    pub client_request_token: Option<String>,
    /// Whether it waits for a confirmation.
    pub confirmation_required: bool,
    /// When it was created.
    pub created: Timestamp,
    /// A text for people.
    pub description: Option<String>,
    /// Why it failed; empty when it did not.
    pub failures: Vec<JobFailure>,
    /// Its name.
    pub id: JobId,
    /// Which objects.
    pub manifest: ManifestSpec,
    /// What is done to them.
    pub operation: Operation,
    /// How urgent it is now.
    pub priority: i32,
    /// How far it is.
    pub progress: Progress,
    /// What is reported.
    pub report: ReportSpec,
    /// With which rights.
    pub role: RoleRef,
    /// Where it stands.
    pub status: Status,
    /// Why the status is what it is.
    pub status_update_reason: String,
    /// Why it waits or waited.
    pub suspended_cause: Option<String>,
    /// When it began to wait for a confirmation.
    pub suspended: Option<Timestamp>,
    /// When it ended.
    pub terminated: Option<Timestamp>,
}

/// Reads a result.
///
/// # Errors
/// [`DecodeError`] when the body is none.
pub fn decode_result(body: &[u8]) -> Result<DescribedJob, DecodeError> {
    let root = result::parse(body, RESULT)?;
    let mut described = Fields::lenient(&root)?;
    let job = described.container("Job")?;
    read_job(described.required("Job", job)?)
}

fn read_job(mut job: Fields<'_>) -> Result<DescribedJob, DecodeError> {
    let manifest = job.container("Manifest")?;
    let operation = job.container("Operation")?;
    let report = job.container("Report")?;
    let role = job.named("RoleArn", qcs::parse_role)?;
    Ok(DescribedJob {
        client_request_token: filled(job.bounded("ClientRequestToken", CLIENT_REQUEST_TOKEN_BYTES_MAX)?),
        confirmation_required: job.boolean("ConfirmationRequired")?.unwrap_or(false),
        created: result::created(&mut job)?,
        description: filled(job.bounded("Description", DESCRIPTION_BYTES_MAX)?),
        failures: job.container("FailureReasons")?.map(read_failures).transpose()?.unwrap_or_default(),
        id: result::job_id(&mut job)?,
        manifest: manifest::read(job.required("Manifest", manifest)?)?,
        operation: operation::read(job.required("Operation", operation)?)?,
        priority: result::priority(&mut job)?,
        progress: result::progress(&mut job)?,
        report: report::read(job.required("Report", report)?)?,
        role: job.required("RoleArn", role)?,
        status: result::status(&mut job)?,
        status_update_reason: job.text("StatusUpdateReason")?.unwrap_or_default().to_owned(),
        suspended_cause: filled(job.text("SuspendedCause")?.map(str::to_owned)),
        suspended: job.time("SuspendedDate")?,
        terminated: job.time("TerminationDate")?,
    })
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn read_failures(mut reasons: Fields<'_>) -> Result<Vec<JobFailure>, DecodeError> {
    let mut failures = Vec::new();
    for mut failure in reasons.each("JobFailure")? {
        let code = failure.text("FailureCode")?.unwrap_or_default().to_owned();
        let reason = failure.text("FailureReason")?.unwrap_or_default().to_owned();
        failures.push(JobFailure { code, reason });
    }
    failures.retain(|failure| !(failure.code.is_empty() && failure.reason.is_empty()));
    Ok(failures)
}
