//! `brigade job retry-failed`: a new job over what failed or was not attempted in an ended one.

use brigade_model::job::Unconfirmed;
use brigade_model::operation::OperationKind;
use brigade_wire::admin::RetryRequest;

use super::create::{consent, value};
use super::job_arg::JobArg;
use super::{CommandContext, found, output};

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Which job; it has ended
    job: JobArg,
    /// How urgent the new job is, from 0 [default: as urgent as the old one]
    #[arg(long, value_name = "NUMBER", value_parser = value::priority, allow_negative_numbers = true)]
    priority: Option<i32>,
    /// A text for people [default: the old job's]
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Wait, once the tasks are counted, until the job is confirmed
    #[arg(long)]
    confirm_first: bool,
    /// The request's own name, so that a repeat gives the same job [default: a fresh one]
    #[arg(long, value_name = "TEXT")]
    token: Option<String>,
    /// What to do with tasks whose effect is unknown: look first; act, whatever was written since; or
    /// look first and compare source and target by their bytes
    #[arg(long, value_name = "look|act|compare", default_value = "look")]
    unconfirmed: Unconfirmed,
    /// Do not ask when it deletes, or acts on what is unconfirmed
    #[arg(long)]
    yes: bool,
}

/// Does it.
///
/// # Errors
/// The service's refusal; a delete without consent.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { job, priority, description, confirm_first, token, unconfirmed, yes } = arguments;
    let client = context.client()?;
    let job = job.resolve(&client).await?;
    if !yes {
        let old = found::describe(&client, job).await?.job;
        let left = old.progress.total.saturating_sub(old.progress.succeeded);
        let has_left = old.status.is_terminal() && left > 0;
        if has_left && old.kind == Some(OperationKind::Delete) {
            consent::ask(&format!("job {job} left"), Some(left))?;
        } else if has_left && unconfirmed == Unconfirmed::Act {
            consent::ask_to_act(&format!("job {job} left"), left)?;
        }
    }
    let request = RetryRequest {
        client_request_token: Some(token.unwrap_or_else(|| context.tools.fresh_token())),
        priority,
        confirmation_required: confirm_first.then_some(true),
        description,
        unconfirmed: Some(unconfirmed.word().to_owned()),
    };
    let answer = client.retry_failed(job, &request).await?;
    output::print_document(context.output, &answer.body, || answer.value.job.clone())
}
