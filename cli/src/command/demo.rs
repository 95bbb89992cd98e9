//! `brigade demo`: one process, nothing else installed, and a job over real requests.
//!
//! 1. A sandbox S3 server with a bucket full of objects, and the service with its embedded
//!    store, both on loopback ports with fresh keys (`stage`).
//! 2. The demo lists the bucket into a manifest, uploads it, and creates a copy job through the public
//!    interface, as any client would.
//! 3. It watches the job until the end.
//! 4. It reads the report row by row and compares it with the bucket: each object exactly once, and
//!    each one copied (`account`). Otherwise the demo fails.

use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use brigade_model::ports::Monotonic;
use brigade_model::status::Status;
use brigade_model::{JobId, Progress};
use brigade_wire::cos::create_job;

use crate::command::access::Tools;
use crate::command::job::describe;
use crate::command::job::found::FoundJob;
use crate::command::job::output::Body;
use crate::command::job::report::rows_to_text;
use crate::command::job::watch::{self, INTERRUPTED};
use crate::exit::ExitWith;
use crate::printer::say;
use crate::progress::{grouped, in_words};
use crate::signals::told_to_stop;
use crate::{document, report};

mod account;
mod invitation;
mod order;
mod stage;

use account::Account;
use stage::{SOURCE, Stage, TARGET};

/// How often the progress is asked for.
const ASK_EVERY: Duration = Duration::from_millis(200);

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// How many objects to copy
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..))]
    objects: u64,
    /// Leave everything running afterwards, and say how to use it
    #[arg(long)]
    keep: bool,
    /// End with what DescribeJob answers, as XML, and not with a table
    #[arg(long)]
    xml: bool,
    /// Where the service listens
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// Does it.
///
/// # Errors
/// When anything does not go as it must, down to a single object without its row.
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments { objects, keep, xml, listen } = arguments;
    let tools = Tools::of_system();
    // Before anything is written, so that no signal leaves the keys of the demo behind.
    let mut stop = pin!(told_to_stop().context("signals cannot be waited for")?);
    let began = tools.clock.monotonic();
    say(format_args!("Filling a bucket with {} objects; starting an S3 server and the service.\n", grouped(objects)))?;
    let stage = Stage::set(objects, listen, &tools).await?;
    let shown = show(&stage, &tools, began, Shown { keep, xml }, stop.as_mut()).await;
    // Whatever happened: the service must have stopped before its folder goes.
    stage.strike().await;
    shown
}

/// All that happens on the stage.
async fn show(
    stage: &Stage,
    tools: &Tools,
    began: Monotonic,
    shown: Shown,
    mut stop: Pin<&mut impl Future<Output = ()>>,
) -> anyhow::Result<()> {
    say(format_args!("  S3 server  {}  with s3://{SOURCE} and s3://{TARGET}, in memory", stage.sandbox_url()))?;
    say(format_args!("  service    {}  with its data in {}\n", stage.service_url(), stage.folder().display()))?;
    let job = tokio::select! {
        played = play(stage, tools, shown.xml) => played?,
        () = stop.as_mut() => return Err(ExitWith(INTERRUPTED).into()),
    };
    say(format_args!("Done in {}.", in_words(tools.clock.monotonic().since(began))))?;
    if shown.keep { invite(stage, job, stop).await } else { Ok(()) }
}

/// How it goes on at the end.
#[derive(Debug, Clone, Copy)]
struct Shown {
    keep: bool,
    xml: bool,
}

/// The play: list, create, follow, check.
async fn play(stage: &Stage, tools: &Tools, xml: bool) -> anyhow::Result<JobId> {
    let manifest = order::bring_manifest(stage).await?;
    let spec = order::request(stage, manifest, tools.fresh_token())?;
    let job = stage.client.create_job(create_job::encode_request(&spec), &spec.options).await?.value;
    say(format_args!("Created job {job}: copy them to s3://{TARGET}.\n"))?;

    let answer = watch::follow(&stage.client, Arc::clone(&tools.clock), job, ASK_EVERY).await?;
    let ended = &answer.job;
    ensure!(ended.status == Status::Complete, "the job is {}: {}", ended.status, ended.status_update_reason);
    let account = check_report(stage, ended).await?;
    say(format_args!("The first rows:\n\n{}\n", rows_to_text(&account.first)))?;
    match &answer.body {
        Body::Xml(body) if xml => say(format_args!("What DescribeJob says:\n\n{}", document::indent(body)?))?,
        _ => say(format_args!("The job:\n\n{}\n", describe::to_text(ended, ended.state.as_ref())))?,
    }
    Ok(job)
}

/// Reads the report and holds it, and what was copied, against the objects.
async fn check_report(stage: &Stage, job: &FoundJob) -> anyhow::Result<Account> {
    let at = report::place_of(job.id, &job.report)?.context("the job was created with a report")?;
    let (manifest, _) = report::read_manifest(&*stage.store, &at).await?;
    let keys = stage.keys_of(SOURCE)?;
    let account = account::check(&*stage.store, &manifest, &SOURCE.parse()?, &keys).await?;
    let Progress { succeeded, failed, .. } = job.progress;
    ensure!(
        (account.succeeded, account.failed) == (succeeded, failed),
        "the report counts {} succeeded and {} failed tasks, and the job {succeeded} and {failed}",
        account.succeeded,
        account.failed
    );
    ensure!(stage.keys_of(TARGET)? == keys || failed > 0, "s3://{TARGET} does not hold what was copied");
    let (succeeded, failed) = (grouped(succeeded), grouped(failed));
    say(format_args!("\nThe report names each object exactly once: {succeeded} succeeded, {failed} failed."))?;
    say(format_args!("  s3://{}/{}\n", at.bucket, at.key))?;
    Ok(account)
}

/// Says what to try, and waits until the user has.
async fn invite(stage: &Stage, job: JobId, stop: Pin<&mut impl Future<Output = ()>>) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("the path of this program")?;
    let programs = program.parent().context("the folder of this program")?;
    say(format_args!("\n{}", invitation::text(stage, programs, job)))?;
    stop.await;
    say("")
}
