//! `brigade job list`.

use brigade_client::Client;
use brigade_model::operation::OperationKind;
use brigade_model::status::Status;
use brigade_wire::cos::list_jobs::{ListQuery, ListedJob};
use brigade_wire::cos::words::operation_name;
use serde_json::{Value, json};

use super::CommandContext;
use super::output::{Format, print_json, print_xml};
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
    let pages = fetch(&context.client()?, arguments).await?;
    match context.output {
        Format::Table if pages.jobs.is_empty() => say("no jobs")?,
        Format::Table => say(to_text(&pages.jobs))?,
        Format::Json => print_json(&merged(&pages.bodies)?)?,
        Format::Xml => pages.bodies.iter().try_for_each(|body| print_xml(body))?,
    }
    if pages.has_more {
        tell("There are more jobs: --all lists them too.");
    }
    Ok(())
}

#[derive(Default)]
struct Pages {
    jobs: Vec<ListedJob>,
    bodies: Vec<bytes::Bytes>,
    has_more: bool,
}

async fn fetch(client: &Client, arguments: Arguments) -> anyhow::Result<Pages> {
    let mut query = ListQuery { statuses: arguments.statuses, ..ListQuery::default() };
    let mut pages = Pages::default();
    loop {
        let answer = client.list_jobs(&query).await?;
        // A service that names the same page again would be asked for ever.
        let is_new = answer.value.next > query.next;
        pages.jobs.extend(answer.value.jobs);
        pages.bodies.push(answer.body);
        if !(is_new && arguments.all) {
            pages.has_more = answer.value.next.is_some() && is_new;
            return Ok(pages);
        }
        query.next = answer.value.next;
    }
}

fn merged(bodies: &[bytes::Bytes]) -> anyhow::Result<Value> {
    let mut jobs = Vec::new();
    for body in bodies {
        if let Some(Value::Array(page)) = document::to_json(body)?.get_mut("Jobs").map(Value::take) {
            jobs.extend(page);
        }
    }
    Ok(json!({ "Jobs": jobs }))
}

fn to_text(jobs: &[ListedJob]) -> String {
    const HEADER: [&str; 8] = ["job", "status", "operation", "done", "total", "failed", "created", "description"];
    table::columns(&HEADER, &["done", "total", "failed"], &jobs.iter().map(row).collect::<Vec<_>>())
}

fn row(job: &ListedJob) -> Vec<String> {
    let progress = job.progress;
    vec![
        job.id.to_string(),
        job.status.to_string(),
        match job.is_dry_run {
            false => operation_word(&job.operation),
            true => format!("{} (dry run)", operation_word(&job.operation)),
        },
        grouped(progress.succeeded + progress.failed),
        grouped(progress.total),
        grouped(progress.failed),
        job.created.to_string(),
        job.description.clone().unwrap_or_default(),
    ]
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
        fetch(&stub.client, Arguments { statuses: Vec::new(), all }).await.unwrap()
    }

    #[tokio::test]
    async fn all_pages_are_asked_for_only_when_all_are_wanted() {
        let script = || vec![page(1, true), page(2, true), page(3, false)];
        let pages = fetch_script(script(), true).await;
        assert_eq!((pages.jobs.len(), pages.has_more), (3, false));
        assert_eq!(merged(&pages.bodies).unwrap()["Jobs"].as_array().map(Vec::len), Some(3));
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
        insta::assert_snapshot!(to_text(&pages.jobs));
    }

    #[tokio::test]
    async fn a_dry_run_is_marked_in_its_row_and_in_its_json() {
        let (status, body) = page(2, false);
        let dry = (status, body.replace("<JobId>", "<DryRun>true</DryRun><JobId>"));
        let pages = fetch_script(vec![page(1, true), dry], true).await;
        let text = to_text(&pages.jobs);
        let marked: Vec<_> = text.lines().skip(1).map(|line| line.contains("delete (dry run)")).collect();
        assert_eq!(marked, [false, true], "{text}");
        let json = merged(&pages.bodies).unwrap();
        assert_eq!((&json["Jobs"][0]["DryRun"], &json["Jobs"][1]["DryRun"]), (&Value::Null, &json!(true)));
    }
}
