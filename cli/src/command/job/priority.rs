//! `brigade job priority`.

use brigade_wire::admin::PriorityChange;

use super::create::value;
use super::found::{self, AnsweredBy};
use super::job_arg::JobArg;
use super::output::Body;
use super::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobArg,
    /// How urgent, from 0; larger is more urgent
    #[arg(value_parser = value::priority, allow_negative_numbers = true)]
    priority: i32,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, priority } = arguments;
    let client = context.client()?;
    let job = job.resolve(&client).await?;
    let change = PriorityChange { priority };
    let by_cos = client.update_job_priority(job, priority);
    let (priority, body) = match found::ask(by_cos, client.set_job_priority(job, &change)).await? {
        AnsweredBy::Cos(answer) => (answer.value.priority, Body::Xml(answer.body)),
        AnsweredBy::Operator(answer) => (answer.value.priority, Body::Json(answer.body)),
    };
    output::print_body(context.output, &body, || format!("{job} now has priority {priority}"))
}
