//! `brigade sandbox`: the embedded S3 server alone.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use brigade_config::UsageError;
use brigade_model::names::BucketName;
use brigade_model::ports::Clock;
use brigade_runtime::{SystemClock, SystemEntropy};
use brigade_s3::simulated::{Habit, OpenError, SimulatedConfig, SimulatedStore, Versioning};
use brigade_sandbox::{Credentials, is_bucket_name, serve};
use brigade_server::serve::cannot_listen;
use tokio::net::TcpListener;

use crate::printer::say;
use crate::signals::told_to_stop;

/// Open connections may finish their requests for this long when the sandbox ends.
const DRAIN: Duration = Duration::from_secs(5);

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Keep the buckets in this directory [default: in memory, gone with the process]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Create this bucket if it is not there; may be given several times.
    #[arg(long, value_name = "NAME")]
    bucket: Vec<BucketName>,
    /// The access key id [default: a fresh pair, which is printed]
    #[arg(long, value_name = "ID", requires = "secret_key", env = "BRIGADE_SANDBOX_ACCESS_KEY")]
    access_key: Option<String>,
    /// The secret access key [default: that of the fresh pair]
    #[arg(long, value_name = "SECRET", requires = "access_key", env = "BRIGADE_SANDBOX_SECRET_KEY")]
    #[arg(hide_env_values = true)]
    secret_key: Option<String>,
    /// Let it misbehave as a real store does, to see what a program makes of that; may be given
    /// several times. A wrong name lists all; docs/testing.md says what they do.
    #[arg(long, value_name = "HABIT")]
    habit: Vec<Habit>,
    /// How long a restore from the archive takes, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    restore_seconds: u64,
}

/// Does it.
///
/// # Errors
/// [`UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let clock = Arc::new(SystemClock::new());
    let store = open_store(&arguments, clock.clone())?;
    for bucket in &arguments.bucket {
        make_bucket(&store, bucket)?;
    }
    let credentials = credentials(&arguments);
    let listener =
        TcpListener::bind(arguments.listen).await.map_err(|why| cannot_listen(arguments.listen, &why, "--listen"))?;
    let told_to_stop = told_to_stop()?;
    say(greeting(listener.local_addr()?, &credentials, arguments.bucket.first()))?;

    let stop = Arc::new(tokio::sync::Notify::new());
    let stopped = stop.clone();
    let serving = serve(listener, store, credentials, async move { stopped.notified().await });
    tokio::pin!(serving);
    tokio::select! {
        served = &mut serving => return Ok(served?),
        () = told_to_stop => stop.notify_one(),
    }
    tokio::select! {
        served = serving => Ok(served?),
        () = clock.sleep(DRAIN) => Ok(()),
    }
}

fn open_store(arguments: &Arguments, clock: Arc<dyn Clock>) -> anyhow::Result<SimulatedStore> {
    let config = SimulatedConfig {
        restore_delay: Duration::from_secs(arguments.restore_seconds),
        logs_effects: false,
        habits: arguments.habit.iter().copied().collect(),
        ..SimulatedConfig::default()
    };
    let entropy = Arc::new(SystemEntropy::new());
    let Some(directory) = &arguments.data else { return Ok(SimulatedStore::new(config, clock, entropy)) };
    SimulatedStore::open(directory, config, clock, entropy).map_err(|error| match error {
        OpenError::InUse(_) => UsageError(format!("--data: {error}")).into(),
        OpenError::Io { .. } => anyhow::Error::new(error).context("--data"),
    })
}

fn make_bucket(store: &SimulatedStore, bucket: &BucketName) -> anyhow::Result<()> {
    if !is_bucket_name(bucket) {
        let rule = "3 to 63 lower-case letters, digits, '-' and '.'";
        return Err(UsageError(format!("--bucket {bucket}: S3 clients take names of {rule}")).into());
    }
    if store.versioning(bucket).is_err() {
        store.create_bucket(bucket, Versioning::Off)?;
    }
    Ok(())
}

/// The pair that was given, or a fresh one.
fn credentials(arguments: &Arguments) -> Credentials {
    match (&arguments.access_key, &arguments.secret_key) {
        (Some(id), Some(secret)) => Credentials::new(id, secret),
        _ => Credentials::fresh(&SystemEntropy::new()),
    }
}

/// The text that tells a user how to reach it.
fn greeting(address: SocketAddr, credentials: &Credentials, bucket: Option<&BucketName>) -> String {
    let endpoint = format!("http://{address}");
    let (id, secret) = (credentials.access_key(), credentials.secret_key());
    let example = match bucket {
        Some(bucket) => format!("aws --endpoint-url {endpoint} s3 ls s3://{bucket}"),
        None => format!("aws --endpoint-url {endpoint} s3 mb s3://my-bucket"),
    };
    format!(
        "S3 sandbox at {endpoint} (path-style, any region); ctrl-c ends it.\n\n  \
         export AWS_ACCESS_KEY_ID={id}\n  \
         export AWS_SECRET_ACCESS_KEY={secret}\n  \
         export AWS_DEFAULT_REGION=us-east-1\n  \
         {example}"
    )
}
