//! A job of any dialect: the COS dialect is asked first, which other services speak, too, and the operator's API for
//! what that does not know.

use brigade_client::{Answer, Client, ClientError};
use brigade_model::job::{Dialect, JobFailure};
use brigade_model::operation::OperationKind;
use brigade_model::report::{ReportScope, ReportSpec};
use brigade_model::resource::{BucketRef, Owner};
use brigade_model::{BucketName, JobId, Progress, Status, Timestamp};
use brigade_wire::admin::{self, JobState, PREFIX, ReportPlace};
use brigade_wire::cos::describe_job::DescribedJob;
use serde_json::Value;

use super::operation_text::operation_text;
use super::output::Body;

/// Who answered.
pub enum AnsweredBy<T, U> {
    /// The COS dialect.
    Cos(Answer<T>),
    /// The operator's API.
    Operator(Answer<U>),
}

/// What the COS dialect answers; where it knows no such job, what the operator's API does.
///
/// # Errors
/// Of the two refusals the one that says more.
pub async fn ask<T, U>(
    cos: impl Future<Output = Result<Answer<T>, ClientError>>,
    operator: impl Future<Output = Result<Answer<U>, ClientError>>,
) -> Result<AnsweredBy<T, U>, ClientError> {
    let first = match cos.await {
        Ok(answer) => return Ok(AnsweredBy::Cos(answer)),
        Err(error) if may_be_of_another_dialect(&error) => error,
        Err(error) => return Err(error),
    };
    let answer = operator.await.map_err(|error| if has_such_api(&error) { error } else { first })?;
    Ok(AnsweredBy::Operator(answer))
}

/// No dialect tells its callers of the jobs of another.
fn may_be_of_another_dialect(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { code, .. } if code == "NoSuchJob" || code == "AccessDenied")
}

/// Whether the operator's API is where that came from, and says more than that there is no such job.
pub(super) fn has_such_api(error: &ClientError) -> bool {
    match error {
        ClientError::Refused { status: 404 | 405, .. } | ClientError::Unreadable { .. } => false,
        ClientError::Refused { status: 403, .. } => is_denied(error),
        ClientError::NoErrorBody { status, .. } => *status >= 500,
        _ => true,
    }
}

/// Whether the key may not use the operator's API for it: only that API names such a permission.
pub(super) fn is_denied(error: &ClientError) -> bool {
    matches!(error, ClientError::Refused { status: 403, message, .. } if message.contains("brigade:"))
}

/// A job of any dialect, as commands read it.
#[derive(Debug, Clone)]
pub struct FoundJob {
    /// Its name.
    pub id: JobId,
    /// The dialect that it was created in.
    pub dialect: Dialect,
    /// A text for people.
    pub description: Option<String>,
    /// Where it stands.
    pub status: Status,
    /// Why the status is what it is.
    pub status_update_reason: String,
    /// Why it failed.
    pub failures: Vec<JobFailure>,
    /// How far it is.
    pub progress: Progress,
    /// What is done to the objects; `None` for what this program does not know.
    pub kind: Option<OperationKind>,
    /// The same with its parameters, for people.
    pub operation: String,
    /// Where its manifest lies.
    pub manifest: String,
    /// What is reported.
    pub report: ReportSpec,
    /// The name of its role.
    pub role: String,
    /// How urgent it is now.
    pub priority: i32,
    /// When it was created.
    pub created: Timestamp,
    /// When it began to wait for a confirmation.
    pub suspended: Option<Timestamp>,
    /// When it ended.
    pub terminated: Option<Timestamp>,
    /// What the operator's API said, if that was asked.
    pub state: Option<JobState>,
}

/// A job and the answer that it was read from.
pub struct FoundAnswer {
    /// The job.
    pub job: FoundJob,
    /// The answer's body.
    pub body: Body,
}

/// Describes a job.
///
/// # Errors
/// [`ClientError`].
pub async fn describe(client: &Client, id: JobId) -> Result<FoundAnswer, ClientError> {
    Ok(match ask(client.describe_job(id), client.inspect_job(id)).await? {
        AnsweredBy::Cos(answer) => FoundAnswer { job: answer.value.into(), body: Body::Xml(answer.body) },
        AnsweredBy::Operator(answer) => {
            let unreadable = |problem| ClientError::Unreadable { url: format!("{PREFIX}jobs/{id}"), problem };
            FoundAnswer { job: answer.value.try_into().map_err(unreadable)?, body: Body::Json(answer.body) }
        }
    })
}

impl From<DescribedJob> for FoundJob {
    fn from(job: DescribedJob) -> Self {
        let location = &job.manifest.location.object;
        Self {
            id: job.id,
            dialect: Dialect::Cos,
            kind: Some(job.operation.kind()),
            operation: operation_text(&job.operation),
            manifest: format!("s3://{}/{}", location.bucket, location.key),
            role: job.role.name,
            description: job.description,
            status: job.status,
            status_update_reason: job.status_update_reason,
            failures: job.failures,
            progress: job.progress,
            report: job.report,
            priority: job.priority,
            created: job.created,
            suspended: job.suspended,
            terminated: job.terminated,
            state: None,
        }
    }
}

impl TryFrom<JobState> for FoundJob {
    type Error = String;

    fn try_from(job: JobState) -> Result<Self, String> {
        let time = |text: &String| text.parse().map_err(|_| format!("{text:?} is no time"));
        let failure = |why: &admin::FailureReason| JobFailure::new(&why.code, why.reason.clone());
        Ok(Self {
            id: job.job.parse().map_err(|_| format!("{:?} is no id of a job", job.job))?,
            dialect: admin::dialect_of(&job.dialect).ok_or_else(|| format!("{:?} is no dialect", job.dialect))?,
            description: job.description.clone(),
            status: job.status.parse().map_err(|_| format!("{:?} is no status", job.status))?,
            status_update_reason: job.status_update_reason.clone(),
            failures: job.failures.iter().map(failure).collect(),
            progress: job.progress.into(),
            kind: kind_of(&job.operation),
            operation: parameters_text(&job.operation, &job.parameters),
            manifest: format!("s3://{}/{}", job.manifest.bucket, job.manifest.key),
            report: report_of(job.report.as_ref())?,
            role: job.role.clone(),
            priority: job.priority,
            created: time(&job.created)?,
            suspended: job.suspended.as_ref().map(time).transpose()?,
            terminated: job.terminated.as_ref().map(time).transpose()?,
            state: Some(job),
        })
    }
}

/// The operation of that word.
pub(super) fn kind_of(word: &str) -> Option<OperationKind> {
    OperationKind::ALL.into_iter().find(|kind| kind.word() == word)
}

/// The operation's word and what it was given, as its dialect has it: `tag: TagSet=[{"Key":"k","Value":"v"}]`.
fn parameters_text(word: &str, parameters: &Value) -> String {
    let given = parameters.as_object().and_then(|named| named.values().next()).and_then(Value::as_object);
    let pair = |(name, value): (&String, &Value)| match value {
        Value::String(text) => format!("{name}={text}"),
        value => format!("{name}={value}"),
    };
    let pairs: Vec<_> = given.into_iter().flatten().map(pair).collect();
    if pairs.is_empty() { word.to_owned() } else { format!("{word}: {}", pairs.join(", ")) }
}

fn report_of(place: Option<&ReportPlace>) -> Result<ReportSpec, String> {
    let Some(ReportPlace { bucket, prefix, scope }) = place else {
        return Ok(ReportSpec { enabled: false, bucket: None, prefix: None, scope: None });
    };
    let bucket = BucketRef {
        text: bucket.clone(),
        region: String::new(),
        owner: Owner::Unnamed,
        bucket: BucketName::new(bucket).map_err(|why| why.to_string())?,
    };
    let scopes = [ReportScope::AllTasks, ReportScope::FailedTasksOnly];
    let scope = scopes.into_iter().find(|known| scope.as_deref() == Some(known.name()));
    Ok(ReportSpec { enabled: true, bucket: Some(bucket), prefix: prefix.clone(), scope })
}
