//! `brigade job confirm`.

use brigade_wire::admin::ChangeReason;
use brigade_wire::cos::update_job_status::Requested;

use super::found::{self, AnsweredBy};
use super::job_arg::JobArg;
use super::output::Body;
use super::{CommandContext, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job
    job: JobArg,
    /// Why, for those who read the job later
    #[arg(long, value_name = "TEXT", default_value = "")]
    reason: String,
}

/// Does it.
///
/// # Errors
/// As the service answers.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, reason } = arguments;
    let client = context.client()?;
    let job = job.resolve(&client).await?;
    let why = ChangeReason { reason };
    let by_cos = client.update_job_status(job, Requested::Ready, &why.reason);
    let (status, body) = match found::ask(by_cos, client.confirm_job(job, &why)).await? {
        AnsweredBy::Cos(answer) => (answer.value.status.to_string(), Body::Xml(answer.body)),
        AnsweredBy::Operator(answer) => (answer.value.status, Body::Json(answer.body)),
    };
    output::print_body(context.output, &body, || format!("{job} is confirmed and now {status}"))
}
