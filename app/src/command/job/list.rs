//! `brigade job list`.

use brigade_model::status::Status;
use brigade_wire::cos::list_jobs::{ListQuery, ListedJob};
use serde_json::{Value, json};

use super::Desk;
use super::output::{Format, print_json};
use crate::client::Client;
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
pub async fn run(desk: &Desk, arguments: Arguments) -> anyhow::Result<()> {
    let pages = fetch(&desk.client()?, arguments).await?;
    match desk.output {
        Format::Table if pages.jobs.is_empty() => println!("no jobs"),
        Format::Table => println!("{}", to_text(&pages.jobs)),
        Format::Json => print_json(&merged(&pages.bodies)?),
        Format::Xml => {
            for body in &pages.bodies {
                print!("{}", document::indent(body)?);
            }
        }
    }
    if pages.has_more {
        eprintln!("There are more jobs: --all lists them too.");
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
    table::columns(&HEADER, &["done", "total", "failed"], jobs.iter().map(row))
}

fn row(job: &ListedJob) -> Vec<String> {
    let progress = job.progress;
    vec![
        job.id.to_string(),
        job.status.to_string(),
        job.operation.clone(),
        grouped(progress.succeeded + progress.failed),
        grouped(progress.total),
        grouped(progress.failed),
        job.created.to_string(),
        job.description.clone().unwrap_or_default(),
    ]
}

/// A status by its name, in any case.
fn status(text: &str) -> Result<Status, String> {
    Status::ALL.into_iter().find(|status| status.name().eq_ignore_ascii_case(text)).ok_or_else(|| {
        let names = Status::ALL.map(Status::name);
        format!("must be one of {}", names.join(", "))
    })
}
