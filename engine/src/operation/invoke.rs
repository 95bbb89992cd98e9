//! LambdaInvoke: calls a function for each object, and believes what it answers.
//!
//! The function owns its effects, so nothing can be checked here: an invocation whose answer is lost is made
//! again, with the task's same id, by which the function knows the repeat. [`read`] says what an answer, or its
//! absence, means: its verdict decides whether the task is invoked again, how soon, and how often at most.

use std::time::Duration;

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::limits::OUTCOME_MESSAGE_BYTES_MAX;
use brigade_model::operation::{InvocationSchema, Invoke};
use brigade_model::outcome::cut;
use brigade_model::ports::function::{FunctionAnswer, Invocation, NotAnswered};
use brigade_model::ports::object_store::{At, CallError, Effect, Shared, Verdict};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use uuid::Builder;

use super::ObjectOperation;
use super::capabilities::Need;
use super::effect_check::jitter;
use super::failure::{End, reject};
use super::task_context::{Acted, TaskContext};

/// Invocations of a task that fail for a reason that may pass.
const ATTEMPTS_MAX: u32 = 5;
/// Invocations of a task that find no room, or no function: with their pauses they last some ten minutes.
const WAITS_MAX: u32 = 30;
/// The first pause; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// No pause is longer, unless the function asks for it ...
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// ... and then none longer than this.
const ASKED_PAUSE_MAX: Duration = Duration::from_secs(60);
/// As much of an answer that is none of the contract is told.
const EXCERPT_BYTES_MAX: usize = 200;

/// Keys are encoded but for the characters of RFC 3986's `unreserved` and the slash: so a `+` stands for itself
/// however a function decodes it.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

#[async_trait]
impl ObjectOperation for Invoke {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let at = context.find_row()?;
        let function = context.slice.function.as_ref();
        let function = function.ok_or_else(|| reject("NoSuchFunction", None, "the account has no such function"))?;
        let task = format!("{}/{}", context.slice.job, context.task.number);
        let (mut attempts, mut failures, mut waits) = (0, 0, 0);
        loop {
            let slot = context.until_stopped(function.slots.acquire()).await?;
            context.may_begin(function.timeout)?;
            attempts += 1;
            let invocation = Invocation { task: task.clone(), body: request(self, context, &at, &task).into() };
            let call = async { read(&task, function.invoker.invoke(invocation).await) };
            let (_, said) = context.act(call, |(acted, _)| *acted).await?;
            drop(slot);
            let error = match said {
                Ok(said) => return Ok(succeeded(&said, attempts)),
                Err(error) => CallError { attempts, ..error },
            };
            let (count, max) = match error.verdict {
                Verdict::Transient => (&mut failures, ATTEMPTS_MAX),
                Verdict::Throttled | Verdict::Unavailable => (&mut waits, WAITS_MAX),
                _ => return Err(error.into()),
            };
            *count += 1;
            if *count >= max {
                return Err(error.into());
            }
            let pause = pause(*count, error.retry_after_seconds);
            context.pause_after(error, pause / 2 + jitter(&*context.slice.entropy, pause / 2)).await?;
        }
    }

    /// It asks nothing of a store.
    fn needs(&self) -> Vec<Need> {
        Vec::new()
    }
}

/// How long to wait after so many failures.
fn pause(failures: u32, asked_seconds: Option<u32>) -> Duration {
    let own = PAUSE.saturating_mul(2_u32.saturating_pow(failures - 1)).min(PAUSE_MAX);
    // Up to a half is taken off at random.
    let asked = asked_seconds.map(|seconds| Duration::from_secs(u64::from(seconds)).min(ASKED_PAUSE_MAX) * 2);
    own.max(asked.unwrap_or_default())
}

/// The request, as the schema has it.
fn request(invoke: &Invoke, context: &TaskContext<'_>, at: &At, task: &str) -> String {
    let mut random = [0; 16];
    context.slice.entropy.fill(&mut random);
    let mut job = json!({"id": context.slice.job.to_string()});
    let mut row = json!({
        "taskId": task,
        "s3Key": utf8_percent_encode(at.key.as_str(), ENCODED).to_string(),
        "s3VersionId": context.task.version.as_ref().map(|version| version.as_str()),
    });
    match invoke.schema {
        InvocationSchema::V1 => row["s3BucketArn"] = json!(format!("arn:aws:s3:::{}", at.bucket)),
        InvocationSchema::V2 => {
            row["s3Bucket"] = json!(at.bucket.as_str());
            let argument = |(key, value): &(String, String)| (key.clone(), json!(value));
            job["userArguments"] = Value::Object(invoke.arguments.iter().map(argument).collect::<Map<_, _>>());
        }
    }
    let request = json!({
        "invocationSchemaVersion": invoke.schema.name(),
        "invocationId": Builder::from_random_bytes(random).into_uuid().to_string(),
        "job": job,
        "tasks": [row],
    });
    request.to_string()
}

/// The outcome of a success: what the function said, and how many invocations it took where that was not one.
fn succeeded(said: &str, attempts: u32) -> Outcome {
    let trace = if attempts > 1 { format!("(attempts {attempts})") } else { String::new() };
    let said = cut(said.to_owned(), OUTCOME_MESSAGE_BYTES_MAX - trace.len() - 1);
    match (said.is_empty(), trace.is_empty()) {
        (true, true) => Outcome::Succeeded,
        (false, true) => Outcome::SucceededWith { message: said },
        (true, false) => Outcome::SucceededWith { message: trace },
        (false, false) => Outcome::SucceededWith { message: format!("{said} {trace}") },
    }
}

/// What a status says of the function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    /// It answered.
    Answer,
    /// It has no room at the moment.
    Busy,
    /// It failed.
    Failed,
    /// What stands before it lost it.
    Lost,
    /// It will not take this request.
    Refused,
    /// It will take none, until a person changes something.
    Misconfigured,
}

impl Status {
    /// The table.
    fn of(http_status: u16) -> Self {
        match http_status {
            200..=299 => Status::Answer,
            429 | 503 => Status::Busy,
            502 | 504 => Status::Lost,
            408 | 425 | 500..=599 => Status::Failed,
            // Nothing is sent elsewhere, so a redirection is one of these, too.
            300..=399 | 401 | 403 | 404 | 405 | 407 | 410 => Status::Misconfigured,
            _ => Status::Refused,
        }
    }
}

/// What an invocation says: of the function's work, and of the task. A success is what the function says of it.
fn read(task: &str, answered: Result<FunctionAnswer, NotAnswered>) -> (Acted, Result<String, CallError>) {
    let answer = match answered {
        Ok(answer) => answer,
        Err(NotAnswered { effect: Effect::None, message }) => {
            let error = CallError::new(Verdict::Unavailable, Effect::None, "FunctionUnreachable", message);
            return (Acted::No, Err(error));
        }
        Err(NotAnswered { effect: Effect::Unknown, message }) => {
            let error = CallError::new(Verdict::Transient, Effect::Unknown, "FunctionAnswerLost", message);
            return (Acted::Unknown, Err(error));
        }
    };
    let http_status = Some(answer.http_status);
    let told = || format!("the function answered {}: {}", answer.http_status, excerpt(&answer.body));
    let failed = |verdict, effect, code| CallError { http_status, ..CallError::new(verdict, effect, code, told()) };
    match Status::of(answer.http_status) {
        Status::Answer => {
            let said = read_result(task, &answer.body);
            (Acted::Answered, said.map_err(|error| CallError { http_status, ..error }))
        }
        Status::Busy => {
            let error = failed(Verdict::Throttled, Effect::None, "SlowDown");
            (Acted::No, Err(CallError { retry_after_seconds: answer.retry_after_seconds, ..error }))
        }
        Status::Failed => (Acted::Answered, Err(failed(Verdict::Transient, Effect::Unknown, "FunctionError"))),
        Status::Lost => (Acted::Unknown, Err(failed(Verdict::Transient, Effect::Unknown, "FunctionError"))),
        Status::Refused => (Acted::No, Err(failed(Verdict::Invalid, Effect::None, "FunctionRefused"))),
        Status::Misconfigured => {
            let error = failed(Verdict::Denied, Effect::None, "FunctionRefused");
            (Acted::No, Err(CallError { lasting: Some(Shared::Endpoint), ..error }))
        }
    }
}

fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(EXCERPT_BYTES_MAX)]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the contract's answer says of the task.
fn read_result(task: &str, body: &[u8]) -> Result<String, CallError> {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    let treat_missing_as = answer["treatMissingKeysAs"].as_str();
    if !answer.is_object() {
        return missing(None, format!("the answer is none of the contract: {}", excerpt(body)));
    }
    let Some(results) = answer["results"].as_array() else {
        return missing(treat_missing_as, "the answer has no results".to_owned());
    };
    let mut named = results.iter().filter(|result| result["taskId"] == task);
    let result = match (named.next(), named.next()) {
        (Some(result), None) => result,
        (Some(_), Some(_)) => return missing(treat_missing_as, "the answer names the task twice".to_owned()),
        (None, _) => return missing(treat_missing_as, "the answer does not name the task".to_owned()),
    };
    let said = match &result["resultString"] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let code = result["resultCode"].as_str().unwrap_or_default();
    by_code(code, said).unwrap_or_else(|_| {
        missing(treat_missing_as, format!("the answer's resultCode is none of the contract: {}", result["resultCode"]))
    })
}

/// What a code of the contract says; gives the text back where it is none.
fn by_code(code: &str, said: String) -> Result<Result<String, CallError>, String> {
    let error = |verdict| CallError::new(verdict, Effect::Unknown, code, said.clone());
    match code {
        "Succeeded" => Ok(Ok(said)),
        "TemporaryFailure" => Ok(Err(error(Verdict::Transient))),
        "PermanentFailure" => Ok(Err(error(Verdict::Invalid))),
        _ => Err(said),
    }
}

/// What is said of a task of which the answer says nothing, and why.
fn missing(treat_as: Option<&str>, why: String) -> Result<String, CallError> {
    let treated = treat_as.and_then(|code| by_code(code, format!("{why}; treatMissingKeysAs is {code}")).ok());
    treated.unwrap_or_else(|| Err(CallError::new(Verdict::Transient, Effect::Unknown, "InvalidFunctionAnswer", why)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_says_something_of_the_function() {
        let statuses = |wanted: Status| (100..=599).filter(|http_status| Status::of(*http_status) == wanted).count();
        let counted = [
            (Status::Answer, 100),
            (Status::Busy, 2),
            (Status::Lost, 2),
            (Status::Failed, 99),
            (Status::Misconfigured, 106),
            (Status::Refused, 191),
        ];
        assert_eq!(counted.map(|(status, _)| (status, statuses(status))), counted);
    }

    #[test]
    fn what_an_answer_says_of_its_task_is_read_by_this_table() {
        let own = |code: &str| format!(r#"{{"taskId": "j/1", "resultCode": "{code}", "resultString": "said"}}"#);
        let answer =
            |treat: &str, results: &str| format!(r#"{{"treatMissingKeysAs": "{treat}", "results": {results}}}"#);
        let list = |results: &[String]| format!("[{}]", results.join(", "));
        let other = r#"{"taskId": "j/2", "resultCode": "Succeeded"}"#.to_owned();
        for (body, expected) in [
            (answer("PermanentFailure", &list(&[other.clone(), own("Succeeded")])), "said"),
            (answer("Succeeded", &list(&[own("TemporaryFailure")])), "TemporaryFailure: said"),
            (answer("Succeeded", &list(&[own("PermanentFailure")])), "PermanentFailure: said"),
            (
                answer("Succeeded", &list(std::slice::from_ref(&other))),
                "the answer does not name the task; treatMissingKeysAs is Succeeded",
            ),
            (
                answer("TemporaryFailure", "null"),
                "TemporaryFailure: the answer has no results; treatMissingKeysAs is TemporaryFailure",
            ),
            (
                answer("PermanentFailure", &list(&[own("Fine")])),
                "PermanentFailure: the answer's resultCode is none of the contract: \"Fine\"; treatMissingKeysAs is \
                 PermanentFailure",
            ),
            (
                answer("Succeeded", &list(&[own("Succeeded"), own("PermanentFailure")])),
                "the answer names the task twice; treatMissingKeysAs is Succeeded",
            ),
            (answer("Whatever", "[]"), "InvalidFunctionAnswer: the answer does not name the task"),
            ("{}".to_owned(), "InvalidFunctionAnswer: the answer has no results"),
            ("[1]".to_owned(), "InvalidFunctionAnswer: the answer is none of the contract: [1]"),
            ("hello\nyou".to_owned(), "InvalidFunctionAnswer: the answer is none of the contract: hello you"),
        ] {
            let said = read_result("j/1", body.as_bytes()).unwrap_or_else(|error| error.to_string());
            assert_eq!(said, expected, "{body}");
        }
    }

    #[test]
    fn pauses_double_up_to_a_bound_and_are_as_long_as_the_function_asks() {
        let seconds = |failures, asked| pause(failures, asked).as_secs();
        assert_eq!([1, 2, 3, 5, 6, 30].map(|failures| seconds(failures, None)), [1, 2, 4, 16, 30, 30]);
        // Half of it at least is waited.
        assert_eq!([(1, Some(10)), (6, Some(1)), (1, Some(9999))].map(|(n, asked)| seconds(n, asked)), [20, 30, 120]);
    }
}
