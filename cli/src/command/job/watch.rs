//! `brigade job watch`: follows a job until it ends.
//!
//! Watching only reads: an interrupt ends it and leaves the job as it is. While the service does not
//! answer (a restart, a proxy) the command keeps trying for `PATIENCE`.

use std::sync::Arc;
use std::time::Duration;

use brigade_client::{Client, ClientError};
use brigade_model::ports::{Clock, Monotonic};
use brigade_model::status::Status;
use brigade_model::{JobId, Progress};
use brigade_wire::admin::JobState;

use super::found::{self, FoundAnswer, FoundJob};
use super::job_arg::JobArg;
use super::{CommandContext, describe, output};
use crate::exit::ExitWith;
use crate::printer::tell;
use crate::progress::{Beside, Look, Watcher};
use crate::waiting;

/// How often the service is asked: often enough for a bar that moves, and one cheap read for it.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(500);
/// Error codes that the line of counters has room for.
const CODES_SHOWN: usize = 2;
/// How long a service that does not answer is waited for.
const PATIENCE: Duration = Duration::from_secs(300);
/// Exit code when some tasks of a Complete job failed.
const SOME_FAILED: u8 = 3;
/// Exit code when the job is Failed or Cancelled.
const NOT_COMPLETE: u8 = 4;
/// Exit code after an interrupt, as shells have it.
pub(in crate::command) const INTERRUPTED: u8 = 130;

/// What the command takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 complete; 3 complete, and some tasks failed; 4 failed or cancelled; 130 interrupted \
    (the job goes on); 1 refused or unreachable; 2 a mistake on the command line"
)]
pub struct Arguments {
    /// Which job
    job: JobArg,
}

/// Does it.
///
/// # Errors
/// [`ExitWith`] with the exit code unless the job is Complete without a failed task.
pub async fn run(context: &CommandContext, arguments: Arguments) -> anyhow::Result<()> {
    let (client, clock) = (context.client()?, Arc::clone(&context.tools.clock));
    let job = arguments.job.resolve(&client).await?;
    let answer = tokio::select! {
        answer = follow(&client, clock, job, ASK_EVERY) => answer?,
        _ = tokio::signal::ctrl_c() => {
            // The terminal shows ^C on the line before.
            tell("");
            tell(format_args!("The job goes on; 'brigade job watch {job}' shows it again."));
            return Err(ExitWith(INTERRUPTED).into());
        }
    };
    let state = describe::state_of(&client, &answer.job).await;
    output::print_body(context.output, &answer.body, || describe::to_text(&answer.job, state.as_ref()))?;
    match exit_code(answer.job.status, answer.job.progress) {
        0 => Ok(()),
        code => Err(ExitWith(code).into()),
    }
}

/// Shows the job on standard error until it has ended, and gives its last description.
///
/// # Errors
/// [`ClientError`] that does not pass, or lasts longer than the patience.
pub async fn follow(
    client: &Client,
    clock: Arc<dyn Clock>,
    job: JobId,
    every: Duration,
) -> Result<FoundAnswer, ClientError> {
    let (mut watcher, mut has_operator_api) = (Watcher::on_stderr(), true);
    let mut trouble: Option<Monotonic> = None;
    let mut was_suspended = false;
    loop {
        let now = clock.monotonic();
        match found::describe(client, job).await {
            Ok(answer) => {
                trouble = None;
                let (status, progress, reason) =
                    (answer.job.status, answer.job.progress, &answer.job.status_update_reason);
                let state = if has_operator_api { Some(state_now(client, &answer.job).await) } else { None };
                // A key that may not ask is not asked for again; a service that restarts is.
                has_operator_api &= !matches!(&state, Some(Err(error)) if !error.is_passing());
                let beside = state.and_then(Result::ok).as_ref().map(beside).unwrap_or_default();
                watcher.show(clock.monotonic(), Look { status, progress }, &beside);
                if status.is_terminal() {
                    watcher.finish();
                    return Ok(answer);
                }
                if status == Status::Suspended && !was_suspended {
                    if !reason.is_empty() {
                        watcher.say(reason);
                    }
                    watcher.say(&format!("It waits for a confirmation: brigade job confirm {job}"));
                }
                was_suspended = status == Status::Suspended;
            }
            Err(error) if error.is_passing() && now.since(*trouble.get_or_insert(now)) < PATIENCE => {
                if trouble == Some(now) {
                    watcher.say(&format!("{error}; asking again"));
                }
            }
            Err(error) => {
                watcher.finish();
                return Err(error);
            }
        }
        clock.sleep(every).await;
    }
}

/// The job as the operator's API knows it.
async fn state_now(client: &Client, job: &FoundJob) -> Result<JobState, ClientError> {
    match &job.state {
        Some(state) => Ok(state.clone()),
        None => Ok(client.inspect_job(job.id).await?.value),
    }
}

/// What is shown of it beside the counters.
fn beside(state: &JobState) -> Beside {
    Beside {
        wait: state.waiting.as_ref().map(waiting::to_text).unwrap_or_default(),
        failing: describe::codes(&state.failure_counts, CODES_SHOWN),
        rates: state.rates.clone(),
    }
}

fn exit_code(status: Status, progress: Progress) -> u8 {
    match status {
        Status::Complete if progress.failed == 0 => 0,
        Status::Complete => SOME_FAILED,
        _ => NOT_COMPLETE,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use brigade_client::stub::Stub;
    use brigade_model::Timestamp;
    use brigade_model::ports::clock::Sleep;
    use brigade_runtime::SystemClock;

    use super::*;

    /// Time that passes in the short waits between two questions, and in no other.
    #[derive(Default)]
    struct Steps(AtomicU64);

    impl Clock for Steps {
        fn now(&self) -> Timestamp {
            SystemClock::new().now()
        }

        fn monotonic(&self) -> Monotonic {
            Monotonic(Duration::from_secs(self.0.load(Ordering::SeqCst)))
        }

        fn sleep(&self, duration: Duration) -> Sleep {
            if duration > ASK_EVERY {
                return Box::pin(std::future::pending());
            }
            self.0.fetch_add(60, Ordering::SeqCst);
            Box::pin(std::future::ready(()))
        }
    }

    const JOB: &str = "01978a00-0000-7000-8000-000000000001";

    fn described(status: &str) -> (u16, String) {
        let body = format!(
            "<DescribeJobResult><Job><ConfirmationRequired>false</ConfirmationRequired>\
             <CreationTime>2026-01-01T00:00:00Z</CreationTime><JobId>{JOB}</JobId><Manifest><Location>\
             <ETag>e</ETag><ObjectArn>qcs::cos:r::b/k</ObjectArn></Location><Spec><Fields><member>Bucket</member>\
             <member>Key</member></Fields><Format>COSBatchOperations_CSV_V1</Format></Spec></Manifest>\
             <Operation><COSDeleteObject/></Operation><Priority>1</Priority><ProgressSummary>\
             <NumberOfTasksFailed>1</NumberOfTasksFailed><NumberOfTasksSucceeded>2</NumberOfTasksSucceeded>\
             <TotalNumberOfTasks>3</TotalNumberOfTasks></ProgressSummary><Report><Enabled>false</Enabled>\
             <Format>Report_CSV_V1</Format></Report><RoleArn>qcs::cam::uin/1:roleName/x</RoleArn>\
             <Status>{status}</Status><StatusUpdateReason/></Job></DescribeJobResult>"
        );
        (200, body)
    }

    async fn follow_script(script: Vec<(u16, String)>) -> Result<FoundAnswer, ClientError> {
        let clock = Arc::new(Steps::default());
        let stub = Stub::scripted(script, Arc::clone(&clock) as Arc<dyn Clock>).await;
        follow(&stub.client, clock, JOB.parse().unwrap(), ASK_EVERY).await
    }

    #[tokio::test]
    async fn a_job_is_followed_through_a_restart_of_the_service_until_it_ends() {
        let away = (503, "<html>restarting</html>".to_owned());
        let script = vec![described("New"), away.clone(), away, described("Active"), described("Complete")];
        let ended = follow_script(script).await.unwrap().job;
        assert_eq!((ended.status, exit_code(ended.status, ended.progress)), (Status::Complete, SOME_FAILED));
    }

    #[tokio::test]
    async fn a_service_that_stays_away_ends_the_watching() {
        let script = vec![described("Active"), (503, "<html>restarting</html>".to_owned())];
        assert!(matches!(follow_script(script).await, Err(ClientError::NoErrorBody { status: 503, .. })));
    }

    #[tokio::test]
    async fn a_refusal_ends_the_watching_at_once() {
        let refusal = "<Error><Code>NoSuchJob</Code><Message>gone</Message></Error>".to_owned();
        let script = vec![described("Active"), described("Active"), (404, refusal), described("Complete")];
        assert!(matches!(follow_script(script).await, Err(ClientError::Refused { status: 404, .. })));
    }

    #[test]
    fn the_exit_code_says_how_the_job_ended() {
        let progress = |failed| Progress { total: 10, succeeded: 10 - failed, failed };
        assert_eq!(exit_code(Status::Complete, progress(0)), 0);
        assert_eq!(exit_code(Status::Complete, progress(1)), SOME_FAILED);
        for status in [Status::Failed, Status::Cancelled] {
            assert_eq!(exit_code(status, progress(0)), NOT_COMPLETE);
        }
    }
}
