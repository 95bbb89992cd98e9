//! `brigade job list`.

use brigade_client::Client;
use brigade_model::job::Dialect;
use brigade_model::operation::OperationKind;
use brigade_model::status::Status;
use brigade_wire::admin::{JobQuery, JobSummary};
use brigade_wire::cos::list_jobs::{ListQuery, ListedJob};
use brigade_wire::cos::words::operation_name;
use brigade_wire::s3control;
use serde_json::{Value, json};

use super::output::{Format, print_json, print_xml};
use super::{CommandContext, found};
use crate::printer::{say, tell};
use crate::progress::grouped;
use crate::{document, table};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Only jobs of this status; may be repeated
    #[arg(long = "status", value_name = "STATUS", value_parser = status)]
    statuses: Vec<Status>,
    /// Every page, not the first 1,000 jobs only
    #[arg(long)]
    all: bool,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let client = context.client()?;
    let pages = match context.output {
        // There is no XML that has jobs of another dialect.
        Format::Xml => fetch_cos(&client, &arguments).await?,
        Format::Table | Format::Json => fetch(&client, &arguments).await?,
    };
    match context.output {
        Format::Table if pages.jobs.is_empty() && pages.others.is_empty() => say("no jobs")?,
        Format::Table => say(to_text(&pages))?,
        Format::Json => print_json(&merged(&pages)?)?,
        Format::Xml => pages.bodies.iter().try_for_each(|body| print_xml(body))?,
    }
    if pages.has_more {
        tell("There are more jobs: --all lists them too.");
    }
    Ok(())
}

#[derive(Default)]
struct Pages {
    /// The jobs of the COS dialect.
    jobs: Vec<ListedJob>,
    bodies: Vec<bytes::Bytes>,
    /// Those of the other dialects.
    others: Vec<JobSummary>,
    /// The last job up to which the list is whole; `None` when it is whole.
    end: Option<String>,
    has_more: bool,
}

/// The jobs of every dialect.
async fn fetch(client: &Client, arguments: &Arguments) -> anyhow::Result<Pages> {
    let mut pages = fetch_cos(client, arguments).await?;
    let (others, next) = fetch_others(client, arguments).await?;
    // Where the list of one dialect breaks off, that of the other would seem to go on.
    pages.end = pages.end.into_iter().chain(next).min();
    pages.has_more = pages.end.is_some();
    pages.others = others.into_iter().filter(|job| is_within(&job.job, pages.end.as_ref())).collect();
    pages.jobs.retain(|job| is_within(&job.id.to_string(), pages.end.as_ref()));
    Ok(pages)
}

fn is_within(id: &str, end: Option<&String>) -> bool {
    end.is_none_or(|end| id <= end.as_str())
}

/// The jobs of other dialects than COS, and the last one when there are more of them.
async fn fetch_others(client: &Client, arguments: &Arguments) -> anyhow::Result<(Vec<JobSummary>, Option<String>)> {
    let dialect = Some(Dialect::S3Control);
    let mut query = JobQuery { dialect, statuses: arguments.statuses.clone(), ..JobQuery::default() };
    let mut jobs = Vec::new();
    loop {
        let page = match client.list_jobs_of_dialects(&query).await {
            Ok(answer) => answer.value,
            Err(error) if found::is_denied(&error) => {
                tell(format_args!("Only jobs of the COS dialect are listed: {error}"));
                return Ok((jobs, None));
            }
            // Another service has no such API.
            Err(error) if !found::has_such_api(&error) => return Ok((jobs, None)),
            Err(error) => return Err(error.into()),
        };
        jobs.extend(page.jobs);
        let next = page.next.as_deref().map(str::parse).transpose();
        let next = next.map_err(|_| anyhow::anyhow!("the service names a next page that is none"))?;
        // A service that names the same page again would be asked for ever.
        if next <= query.after {
            return Ok((jobs, None));
        }
        if !arguments.all {
            return Ok((jobs, page.next));
        }
        query.after = next;
    }
}

/// The jobs of the COS dialect.
async fn fetch_cos(client: &Client, arguments: &Arguments) -> anyhow::Result<Pages> {
    let mut query = ListQuery { statuses: arguments.statuses.clone(), ..ListQuery::default() };
    let mut pages = Pages::default();
    loop {
        let answer = client.list_jobs(&query).await?;
        // A service that names the same page again would be asked for ever.
        let is_new = answer.value.next > query.next;
        pages.jobs.extend(answer.value.jobs);
        pages.bodies.push(answer.body);
        if !(is_new && arguments.all) {
            pages.end = answer.value.next.filter(|_| is_new).map(|next| next.to_string());
            pages.has_more = pages.end.is_some();
            return Ok(pages);
        }
        query.next = answer.value.next;
    }
}

/// All jobs, with the names of elements that both dialects have; a job of another dialect than COS says so.
fn merged(pages: &Pages) -> anyhow::Result<Value> {
    let mut jobs = Vec::new();
    for body in &pages.bodies {
        if let Some(Value::Array(page)) = document::to_json(body)?.get_mut("Jobs").map(Value::take) {
            jobs.extend(page);
        }
    }
    let id = |job: &Value| job["JobId"].as_str().unwrap_or_default().to_owned();
    jobs.retain(|job| is_within(&id(job), pages.end.as_ref()));
    jobs.extend(pages.others.iter().map(element));
    jobs.sort_by_key(id);
    Ok(json!({ "Jobs": jobs }))
}

fn element(job: &JobSummary) -> Value {
    let name = found::kind_of(&job.operation).map(s3control::words::operation_name);
    let given = [
        ("CreationTime", json!(job.created)),
        ("Description", json!(job.description)),
        ("Dialect", json!(job.dialect)),
        ("DryRun", json!(job.is_dry_run.then_some(true))),
        ("JobId", json!(job.job)),
        ("Operation", json!(name.unwrap_or(&job.operation))),
        ("Priority", json!(job.priority)),
        (
            "ProgressSummary",
            json!({
                "NumberOfTasksFailed": job.progress.failed,
                "NumberOfTasksSucceeded": job.progress.succeeded,
                "TotalNumberOfTasks": job.progress.total,
            }),
        ),
        ("Status", json!(job.status)),
        ("TerminationDate", json!(job.terminated)),
    ];
    given.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The dialects have a column only where there is another one than COS.
fn to_text(pages: &Pages) -> String {
    const HEADER: [&str; 9] =
        ["job", "dialect", "status", "operation", "done", "total", "failed", "created", "description"];
    let mut rows: Vec<_> = pages.jobs.iter().map(row).chain(pages.others.iter().map(other_row)).collect();
    rows.sort_by(|one, other| one[0].cmp(&other[0]));
    let mut header = HEADER.to_vec();
    if pages.others.is_empty() {
        header.remove(1);
        rows.iter_mut().for_each(|row| drop(row.remove(1)));
    }
    table::columns(&header, &["done", "total", "failed"], &rows)
}

fn row(job: &ListedJob) -> Vec<String> {
    let progress = job.progress;
    vec![
        job.id.to_string(),
        Dialect::Cos.word().to_owned(),
        job.status.to_string(),
        marked(operation_word(&job.operation), job.is_dry_run),
        grouped(progress.succeeded + progress.failed),
        grouped(progress.total),
        grouped(progress.failed),
        job.created.to_string(),
        job.description.clone().unwrap_or_default(),
    ]
}

fn other_row(job: &JobSummary) -> Vec<String> {
    let progress = job.progress;
    vec![
        job.job.clone(),
        job.dialect.clone(),
        job.status.clone(),
        marked(job.operation.clone(), job.is_dry_run),
        grouped(progress.succeeded + progress.failed),
        grouped(progress.total),
        grouped(progress.failed),
        job.created.clone(),
        job.description.clone().unwrap_or_default(),
    ]
}

fn marked(operation: String, is_dry_run: bool) -> String {
    if is_dry_run { format!("{operation} (dry run)") } else { operation }
}

/// The word that `job create` has for it; what it does not have stays as the service says it.
fn operation_word(element: &str) -> String {
    let known = OperationKind::ALL.into_iter().find(|kind| operation_name(*kind) == element);
    known.map_or_else(|| element.to_owned(), |kind| kind.word().to_owned())
}

/// A status by its name, in any case.
fn status(text: &str) -> Result<Status, String> {
    Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names = Status::ALL.map(Status::name);
        format!("must be one of {}", names.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use brigade_client::stub::Stub;
    use brigade_runtime::SystemClock;

    use super::*;

    fn page(job: u8, next: bool) -> (u16, String) {
        let id = format!("01978a00-0000-7000-8000-00000000000{job}");
        let token = if next { format!("<NextToken>{id}</NextToken>") } else { String::new() };
        let body = format!(
            "<ListJobsResult><Jobs><member><CreationTime>2026-01-01T00:00:00Z</CreationTime>\
             <Description>nightly</Description><JobId>{id}</JobId><Operation>COSDeleteObject</Operation>\
             <Priority>1</Priority><ProgressSummary><NumberOfTasksFailed>7</NumberOfTasksFailed>\
             <NumberOfTasksSucceeded>123456</NumberOfTasksSucceeded><TotalNumberOfTasks>1000000</TotalNumberOfTasks>\
             </ProgressSummary><Status>Active</Status></member></Jobs>{token}</ListJobsResult>"
        );
        (200, body)
    }

    async fn fetch_script(script: Vec<(u16, String)>, all: bool) -> Pages {
        let stub = Stub::scripted(script, Arc::new(SystemClock::new())).await;
        fetch(&stub.client, &Arguments { statuses: Vec::new(), all }).await.unwrap()
    }

    #[tokio::test]
    async fn all_pages_are_asked_for_only_when_all_are_wanted() {
        let script = || vec![page(1, true), page(2, true), page(3, false)];
        let pages = fetch_script(script(), true).await;
        assert_eq!((pages.jobs.len(), pages.has_more), (3, false));
        assert_eq!(merged(&pages).unwrap()["Jobs"].as_array().map(Vec::len), Some(3));
        let pages = fetch_script(script(), false).await;
        assert_eq!((pages.jobs.len(), pages.has_more), (1, true));
    }

    #[tokio::test]
    async fn a_service_that_names_the_same_page_again_is_not_asked_for_ever() {
        assert_eq!(fetch_script(vec![page(1, true)], true).await.jobs.len(), 2);
    }

    #[tokio::test]
    async fn jobs_are_a_row_each() {
        let pages = fetch_script(vec![page(1, true), page(2, false)], true).await;
        insta::assert_snapshot!(to_text(&pages));
    }

    /// A page of the operator's API with one job.
    fn other(job: u8, next: bool) -> (u16, String) {
        let id = format!("01978a00-0000-7000-8000-00000000000{job}");
        let job = json!({
            "job": id, "dialect": "s3control", "description": "weekly", "operation": "tag", "is_dry_run": false,
            "status": "Active", "priority": 1, "progress": {"total": 10, "succeeded": 3, "failed": 1},
            "created": "2026-01-02T00:00:00Z", "terminated": null,
        });
        (200, json!({"jobs": [job], "next": next.then_some(id)}).to_string())
    }

    #[tokio::test]
    async fn jobs_of_another_dialect_stand_among_the_others_and_then_dialects_have_a_column() {
        let pages = fetch_script(vec![page(1, true), page(3, false), other(2, true), other(4, false)], true).await;
        let text = to_text(&pages);
        let dialects: Vec<_> = text.lines().map(|line| line.split_whitespace().nth(1).unwrap()).collect();
        assert_eq!(dialects[1..], ["cos", "s3control", "cos", "s3control"], "{text}");
        let json = merged(&pages).unwrap();
        assert_eq!(json["Jobs"][1]["Operation"], "S3PutObjectTagging");
        assert_eq!(json["Jobs"][1]["ProgressSummary"]["TotalNumberOfTasks"], 10);
    }

    #[tokio::test]
    async fn a_list_ends_where_the_first_page_of_either_dialect_does() {
        let pages = fetch_script(vec![page(3, true), other(2, true)], false).await;
        assert_eq!((pages.jobs.len(), pages.others.len(), pages.has_more), (0, 1, true));
        let pages = fetch_script(vec![page(1, true), other(2, false)], false).await;
        assert_eq!((pages.jobs.len(), pages.others.len(), pages.has_more), (1, 0, true));
        assert_eq!(merged(&pages).unwrap()["Jobs"].as_array().map(Vec::len), Some(1));
    }

    #[tokio::test]
    async fn a_key_that_may_not_list_every_job_lists_those_of_cos_and_trouble_is_told() {
        let refusal =
            |code: &str, message: &str| json!({"code": code, "message": message, "request_id": "R"}).to_string();
        let denied = (403, refusal("AccessDenied", "the key may not do brigade:ListJobs"));
        assert_eq!(fetch_script(vec![page(1, false), denied], false).await.jobs.len(), 1);
        let trouble = (500, refusal("ServiceUnavailable", "the store is locked"));
        let stub = Stub::scripted(vec![page(1, false), trouble], Arc::new(SystemClock::new())).await;
        assert!(fetch(&stub.client, &Arguments { statuses: Vec::new(), all: false }).await.is_err());
    }

    #[tokio::test]
    async fn a_dry_run_is_marked_in_its_row_and_in_its_json() {
        let (status, body) = page(2, false);
        let dry = (status, body.replace("<JobId>", "<DryRun>true</DryRun><JobId>"));
        let pages = fetch_script(vec![page(1, true), dry], true).await;
        let text = to_text(&pages);
        let marked: Vec<_> = text.lines().skip(1).map(|line| line.contains("delete (dry run)")).collect();
        assert_eq!(marked, [false, true], "{text}");
        let json = merged(&pages).unwrap();
        assert_eq!((&json["Jobs"][0]["DryRun"], &json["Jobs"][1]["DryRun"]), (&Value::Null, &json!(true)));
    }
}
