//! `brigade init`: a first configuration for one S3-compatible store, tried before it is written.
//!
//! Steps: make keys, render the configuration, read it back as `serve` would, make one real call
//! with the store's credentials, write the file for its owner alone. When one of these fails it
//! writes nothing. Then, if a bucket is named for it, it probes the store and saves the findings where
//! `serve` reads them; without a probe it says what remains unproved.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use brigade_config::config_source::Source;
use brigade_config::value::{Addressing, Scalar, StoreUrl};
use brigade_config::{Config, DEFAULT_FILE, Explained, UsageError};
use brigade_model::ports::object_store::{CallError, CancelToken, ListObjectsV2, Verdict, send};
use brigade_model::ports::{Clock, Entropy, JobStore, ObjectStore};
use brigade_model::{BucketName, Capabilities, Capability, EndpointKind, EndpointName, EndpointRow, Probe, Standing};
use brigade_runtime::{SystemClock, SystemEntropy};
use brigade_s3::probe::probe;
use brigade_server::roles;
use brigade_store::sqlite::SqliteStore;
use brigade_wire::admin::ProbeResult;

use crate::command::endpoint::probe::to_text as findings_to_text;
use crate::printer::say;
use crate::proof;

/// What the command takes.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// The store: scheme, host and port, and its path if it has one, such as http://127.0.0.1:9000.
    #[arg(long, value_parser = scalar::<StoreUrl>)]
    endpoint: StoreUrl,
    /// The region that requests to the store are signed for.
    #[arg(long, default_value = "us-east-1", env = "AWS_REGION")]
    region: String,
    /// How the bucket stands in a request: path or virtual-hosted.
    #[arg(long, default_value = "path", value_parser = scalar::<Addressing>)]
    addressing: Addressing,
    /// What the store is: aws, cos, ceph, minio, garage or other.
    #[arg(long, default_value = "other", value_parser = scalar::<EndpointKind>)]
    kind: EndpointKind,
    /// The store's access key.
    #[arg(long, env = "AWS_ACCESS_KEY_ID")]
    access_key: Option<String>,
    /// The access key's secret; safer in the environment or in a file.
    #[arg(long, env = "AWS_SECRET_ACCESS_KEY", hide_env_values = true, conflicts_with = "secret_key_file")]
    secret_key: Option<String>,
    /// A file that holds the secret; the configuration then names the file.
    #[arg(long)]
    secret_key_file: Option<PathBuf>,
    /// Certificates in PEM form to trust besides the system's: of authorities, or the store's own.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    /// A bucket that jobs may use; may be repeated [default: all buckets]
    #[arg(long)]
    bucket: Vec<String>,
    /// A bucket to find out with what the store can do; it is left as it was. One with versions and object lock tells most
    #[arg(long, value_name = "BUCKET", value_parser = scalar_bucket)]
    probe_bucket: Option<BucketName>,
    /// Where the service will listen.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The file to write.
    #[arg(long, default_value = DEFAULT_FILE)]
    out: PathBuf,
}

fn scalar_bucket(text: &str) -> Result<BucketName, String> {
    BucketName::new(text).map_err(|error| error.to_string())
}

fn scalar<T: Scalar>(text: &str) -> Result<T, String> {
    T::from_text(text).ok_or_else(|| T::refusal(text))
}

/// Does it.
///
/// # Errors
/// [`UsageError`] for what the user got wrong (exit code 2), anything else for what failed (1).
pub async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let text = render(&arguments, &SystemEntropy::new())?;
    let config = read_back(&arguments.out, &text)?;
    let store = open(&config, Arc::clone(&clock))?;
    let tried = try_credentials(&store, &arguments).await?;
    write(&arguments.out, &text)?;
    let out = arguments.out.display();
    say(tried)?;
    say(format_args!("wrote {out}, for you alone: it holds secrets"))?;
    match &arguments.probe_bucket {
        Some(bucket) => say(probe_and_keep(&store, &config, bucket, &SystemEntropy::new(), clock).await?)?,
        None => say(say_what_is_unproven(arguments.kind))?,
    }
    say(format_args!("next: brigade serve --config {out}"))
}

/// Finds out what the store can do, and keeps it in the data directory, as `serve` would.
async fn probe_and_keep(
    store: &dyn ObjectStore,
    config: &Config,
    bucket: &BucketName,
    entropy: &dyn Entropy,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<String> {
    let mut random = [0; 16];
    entropy.fill(&mut random);
    let found = probe(store, &CancelToken::unbounded(), bucket, &hex::encode(random)).await;
    let findings = found.context("the configuration is written, but the store could not be probed")?;
    let mut probe = Probe { bucket: bucket.clone(), at: clock.now(), findings };
    let jobs = SqliteStore::open(&config.server.data_dir, clock).context("what was found out cannot be kept")?;
    let endpoint = EndpointName::new(ENDPOINT)?;
    let stored = jobs.endpoints().await?.into_iter().find(|row| row.endpoint == endpoint);
    let mut row = stored.unwrap_or_else(|| EndpointRow::unset(endpoint));
    probe = probe.after(row.settings.probe.as_ref());
    row.settings.probe = Some(probe.clone());
    jobs.set_endpoint(&row).await.context("what was found out cannot be kept")?;
    let known = Capabilities::known(config.endpoints[ENDPOINT].kind, Some(&probe));
    let table = findings_to_text(&ProbeResult::new(ENDPOINT, &probe));
    Ok(format!("probed {bucket}, which is as it was:\n\n{table}\n\n{}\n", proof::consequences(&known)))
}

fn say_what_is_unproven(kind: EndpointKind) -> String {
    let known = Capabilities::known(kind, None);
    let (unproven, all) = (known.names(Standing::Unproven).len(), Capability::ALL.len());
    if unproven == 0 {
        return "the store is trusted for all that its kind is known to do".to_owned();
    }
    let way_out = "name a bucket for it with --probe-bucket, or run: brigade endpoint probe main --bucket BUCKET";
    let table = proof::consequences(&known);
    format!("{unproven} of {all} capabilities of the store are unproven until it is probed: {way_out}\n\n{table}\n")
}

/// The name of the endpoint.
const ENDPOINT: &str = "main";

/// The store of the endpoint `main`.
fn open(config: &Config, clock: Arc<dyn Clock>) -> anyhow::Result<impl ObjectStore + use<>> {
    let endpoint = config.endpoints.get(ENDPOINT).expect("init names its endpoint main");
    roles::open_endpoint(endpoint, clock)
}

/// The configuration as text.
fn render(arguments: &Arguments, entropy: &dyn Entropy) -> Result<String, UsageError> {
    let access_key = arguments.access_key.as_deref().ok_or_else(no_credentials)?;
    let secret = match (&arguments.secret_key, &arguments.secret_key_file) {
        (Some(secret), None) => format!("secret_key = {}", quoted(secret)),
        (None, Some(file)) => format!("secret_key_file = {}", quoted(&absolute(file)?)),
        _ => return Err(no_credentials()),
    };
    let (key_id, key_secret) = (format!("AKID{}", word(entropy, 32)), word(entropy, 40));
    let mut endpoint = vec![
        format!("url = {}", quoted(arguments.endpoint.as_str())),
        format!("region = {}", quoted(&arguments.region)),
        format!("addressing = {}", quoted(arguments.addressing.word())),
        format!("kind = {}", quoted(kind_word(arguments.kind))),
        format!("access_key = {}", quoted(access_key)),
        secret,
    ];
    if let Some(file) = &arguments.ca_file {
        endpoint.push(format!("ca_file = {}", quoted(&absolute(file)?)));
    }
    let buckets: Vec<String> = match arguments.bucket.as_slice() {
        [] => vec![quoted("*")],
        named => named.iter().map(|name| quoted(name)).collect(),
    };
    Ok(format!(
        r#"# Written by `brigade init`. Every setting: `brigade config reference`.

[server]
listen = "{listen}"
data_dir = "brigade-data"

# The object store.
[endpoints.main]
{endpoint}

# Who may create jobs: programs sign with this key and send this appid.
[accounts.main.cos]
appid = "{APPID}"
uin = "{UIN}"
# The same account for programs written for S3 Batch Operations.
[accounts.main.s3control]
account_id = "{ACCOUNT_ID}"

[accounts.main.keys.{key_id}]
secret = "{key_secret}"
# What concerns all accounts is not in `*`: take it out of keys that do not operate the service.
actions = ["*", "brigade:ListEndpoints", "brigade:LimitEndpoint", "brigade:StopEndpoint", "brigade:StartEndpoint",
    "brigade:ProbeEndpoint"]

# What jobs of the role `batch` may touch.
[accounts.main.roles.batch.source]
endpoint = "main"
buckets = [{buckets}]

# What `brigade job` and `brigade manifest` use.
[client]
url = "http://{listen}"
appid = "{APPID}"
uin = "{UIN}"
account_id = "{ACCOUNT_ID}"
secret_id = "{key_id}"
secret_key = "{key_secret}"
region = {region}
role = "batch"
"#,
        listen = arguments.listen,
        endpoint = endpoint.join("\n"),
        buckets = buckets.join(", "),
        region = quoted(&arguments.region),
    ))
}

/// Any appid and uin will do outside Tencent Cloud; these have the usual length.
const APPID: &str = "1250000000";
const UIN: &str = "100000000001";
/// Any 12 digits will do outside AWS.
const ACCOUNT_ID: &str = "123456789012";

fn no_credentials() -> UsageError {
    UsageError(
        "no credentials: give --access-key and --secret-key-file, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
            .to_owned(),
    )
}

fn kind_word(kind: EndpointKind) -> &'static str {
    EndpointKind::ALL.into_iter().find(|(other, _)| *other == kind).map_or("other", |(_, word)| word)
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

fn absolute(file: &Path) -> Result<String, UsageError> {
    let path = std::path::absolute(file).map_err(|error| UsageError(format!("{}: {error}", file.display())))?;
    path.into_os_string().into_string().map_err(|_| UsageError(format!("{} is not UTF-8", file.display())))
}

/// Random letters and digits: 40 of them hold 238 bits.
fn word(entropy: &dyn Entropy, length: usize) -> String {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    (0..length).map(|_| char::from(LETTERS[usize::try_from(entropy.below(62)).unwrap_or(0)])).collect()
}

/// Reads the text as `serve` would read the file.
fn read_back(out: &Path, text: &str) -> Result<Config, UsageError> {
    let folder = out.parent().unwrap_or(Path::new("")).to_path_buf();
    let source = Source { name: out.display().to_string(), file: None, folder };
    Config::parse(source, text, []).map(|(config, _)| config).map_err(|error| UsageError(error.to_string()))
}

/// One listing in each named bucket; without one, of a bucket that hardly exists, because the
/// store looks at credentials first.
async fn try_credentials(store: &dyn ObjectStore, arguments: &Arguments) -> anyhow::Result<String> {
    for name in &arguments.bucket {
        let name = name.trim_end_matches('*');
        let bucket = BucketName::new(name).map_err(|error| UsageError(format!("--bucket {name:?}: {error}")))?;
        list(store, bucket).await.map_err(|error| refused(arguments, Some(name), &error))?;
    }
    if !arguments.bucket.is_empty() {
        return Ok(format!("the credentials work on {}", arguments.bucket.join(", ")));
    }
    let bucket = BucketName::new("brigade-init-looks-for-nothing").expect("a bucket's name");
    match list(store, bucket).await {
        Ok(()) => Ok("the credentials work".to_owned()),
        Err(error) if error.verdict == Verdict::Missing => Ok("the credentials work".to_owned()),
        Err(error) if error.verdict == Verdict::Denied => {
            Ok("the store knows the credentials; name a --bucket to see what they may do".to_owned())
        }
        Err(error) => Err(refused(arguments, None, &error).into()),
    }
}

async fn list(store: &dyn ObjectStore, bucket: BucketName) -> Result<(), CallError> {
    let request = ListObjectsV2 { bucket, prefix: String::new(), continuation_token: None, max_keys: 1 };
    send(store, &CancelToken::unbounded(), request).await.map(drop)
}

fn refused(arguments: &Arguments, bucket: Option<&str>, error: &CallError) -> Explained {
    let is_unanswered =
        matches!(error.verdict, Verdict::Unavailable | Verdict::Transient) && error.http_status.is_none();
    let advice = match error.verdict {
        Verdict::Missing => "create the bucket, or name another with --bucket",
        Verdict::Denied => "let the access key list the bucket",
        Verdict::CredentialsRefused => "check --access-key, its secret, --region and the clock",
        // What is wrong with TLS or with a proxy says itself what to do.
        Verdict::Unavailable if ["TlsFailed", "ProxyFailed"].contains(&error.code.as_str()) => "",
        _ if is_unanswered => "check --endpoint, whether it begins with http:// or https://, and that the store runs",
        _ => "see what the store says about it",
    };
    let store = arguments.endpoint.as_str();
    let asked = match bucket {
        _ if is_unanswered => format!("{store} gives no answer"),
        Some(bucket) => format!("{store} does not list {bucket}"),
        None => format!("{store} refuses a listing"),
    };
    let advice = (!advice.is_empty()).then(|| advice.to_owned());
    Explained::new(UsageError(format!("{asked}: {error}")), advice)
}

/// Writes a new file for its owner alone.
fn write(out: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(out).map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            UsageError(format!("{} exists already: remove it, or choose another with --out", out.display()))
        }
        _ => UsageError(format!("cannot write {}: {error}", out.display())),
    })?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}

#[cfg(test)]
mod tests;
