//! The demo's environment: a sandbox with full buckets, a configuration with fresh keys, and the
//! service, all in this process and gone with it.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use brigade_client::Client;
use brigade_config::Config;
use brigade_model::Dialect;
use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::{ObjectStore, Spawn};
use brigade_runtime::TokioSpawn;
use brigade_s3::simulated::{SimulatedConfig, SimulatedStore, Versioning};
use brigade_sandbox::Credentials;
use brigade_server::serve;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::command::access::{Tools, open_client, open_endpoint};
use crate::command::job::create::flags::Names;

/// The bucket with the objects.
pub(super) const SOURCE: &str = "photos";
/// The bucket for their copies.
pub(super) const TARGET: &str = "backup";
/// The bucket for manifests.
pub(super) const LISTS: &str = "lists";
/// The bucket for reports.
pub(super) const REPORTS: &str = "reports";

/// The stage, set.
pub(super) struct Stage {
    /// Holds the configuration and the service's data; removed in the end.
    folder: TempDir,
    sandbox: SocketAddr,
    /// Dropping it ends the sandbox.
    _stop_sandbox: oneshot::Sender<()>,
    service: serve::Running,
    bucket: SimulatedStore,
    /// Keys of the sandbox.
    pub(super) store_keys: Credentials,
    /// Keys of the service.
    pub(super) service_keys: Credentials,
    /// The objects, as a program with the sandbox's keys reaches them.
    pub(super) store: Arc<dyn ObjectStore>,
    /// The service, as a program with the account's keys reaches it.
    pub(super) client: Client,
    /// Who the account is.
    pub(super) names: Names,
}

impl Stage {
    /// Sets the stage with that many objects.
    pub(super) async fn set(objects: u64, listen: SocketAddr, tools: &Tools) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("brigade-demo-").tempdir().context("no temporary folder")?;
        let store_keys = Credentials::fresh(&*tools.entropy);
        let other = Credentials::fresh(&*tools.entropy);
        let service_keys = Credentials::new(&other.access_key().replace("SBOX", "DEMO"), other.secret_key());

        let bucket = fill_buckets(objects, tools)?;
        let (sandbox, stop_sandbox) = start_sandbox(bucket.clone(), store_keys.clone()).await?;

        let listener = bind(listen).await?;
        let text = config_text(listener.local_addr()?, sandbox, &store_keys, &service_keys);
        write_config(&folder.path().join(CONFIG_FILE), &text)?;
        // Without the environment: the demo is the same whatever is set around it.
        let config = Config::from_text(&text.replace(DATA_DIR, &folder.path().join(DATA_DIR).display().to_string()))?;
        let endpoint = config.endpoints.get(ENDPOINT).context("the demo's configuration has its endpoint")?;
        let store = open_endpoint(ENDPOINT, endpoint, tools)?;
        let client = config.client.clone().context("the demo's configuration has a client")?;
        let names = Names::of(&client, Dialect::Cos)?;
        let client = open_client(client, tools)?;
        let service = serve::start(config, listener).await?;
        Ok(Self {
            folder,
            sandbox,
            _stop_sandbox: stop_sandbox,
            service,
            bucket,
            store_keys,
            service_keys,
            store,
            client,
            names,
        })
    }

    /// Where the sandbox is.
    pub(super) fn sandbox_url(&self) -> String {
        format!("http://{}", self.sandbox)
    }

    /// Where the service is.
    pub(super) fn service_url(&self) -> String {
        format!("http://{}", self.service.address)
    }

    /// Where the service's metrics are.
    pub(super) fn metrics_url(&self) -> Option<String> {
        self.service.metrics_address.map(|address| format!("http://{address}/metrics"))
    }

    /// The folder with everything that is written down.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The keys that a bucket really holds, not asked through any interface.
    pub(super) fn keys_of(&self, bucket: &str) -> anyhow::Result<Vec<ObjectKey>> {
        Ok(self.bucket.keys(&BucketName::new(bucket)?))
    }

    /// Stops everything and removes what was written.
    pub(super) async fn strike(self) {
        self.service.stop().await;
    }
}

const CONFIG_FILE: &str = "brigade.toml";
const DATA_DIR: &str = "brigade-data";
const ENDPOINT: &str = "sandbox";

async fn bind(address: SocketAddr) -> anyhow::Result<TcpListener> {
    let listening = TcpListener::bind(address).await;
    listening.map_err(|why| serve::cannot_listen(address, &why, "--listen").into())
}

async fn start_sandbox(store: SimulatedStore, keys: Credentials) -> anyhow::Result<(SocketAddr, oneshot::Sender<()>)> {
    let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = brigade_sandbox::serve(listener, store, keys, async move { drop(stopped.await) });
    TokioSpawn.spawn("sandbox", Box::pin(async move { drop(serving.await) }));
    Ok((address, stop))
}

fn fill_buckets(objects: u64, tools: &Tools) -> anyhow::Result<SimulatedStore> {
    let config = SimulatedConfig { logs_effects: false, ..SimulatedConfig::default() };
    let store = SimulatedStore::new(config, Arc::clone(&tools.clock), Arc::clone(&tools.entropy));
    for bucket in [SOURCE, TARGET, LISTS, REPORTS] {
        store.create_bucket(&BucketName::new(bucket)?, Versioning::Off)?;
    }
    let photo = Bytes::from(vec![0x5a; 1024]);
    store.fill(&BucketName::new(SOURCE)?, objects, key_of, &photo)?;
    Ok(store)
}

/// Keys as people make them: most are plain, one in a hundred is not.
fn key_of(number: u64) -> ObjectKey {
    let (year, month) = (2016 + number % 10, 1 + number / 10 % 12);
    let key = match number % 100 {
        99 => format!("{year}/{month:02}/Zürich, \"Day {number}\".jpg"),
        _ => format!("{year}/{month:02}/img-{number:07}.jpg"),
    };
    ObjectKey::new(key).expect("it is short and not empty")
}

fn write_config(file: &Path, text: &str) -> anyhow::Result<()> {
    let unwritable = || format!("cannot write {}", file.display());
    let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).with_context(unwritable)?;
    open.write_all(text.as_bytes()).with_context(unwritable)
}

fn config_text(service: SocketAddr, sandbox: SocketAddr, store: &Credentials, account: &Credentials) -> String {
    let (store_id, store_secret) = (store.access_key(), store.secret_key());
    let (id, secret) = (account.access_key(), account.secret_key());
    format!(
        r#"# The configuration of a demo: everything in it is gone when the demo ends.

[server]
listen = "{service}"
metrics_listen = "127.0.0.1:0"
data_dir = "{DATA_DIR}"

[endpoints.{ENDPOINT}]
url = "http://{sandbox}"
kind = "aws"
access_key = "{store_id}"
secret_key = "{store_secret}"

[accounts.demo.cos]
appid = "1250000000"
uin = "100000000001"
[accounts.demo.s3control]
account_id = "123456789012"

[accounts.demo.keys.{id}]
secret = "{secret}"
actions = ["*", "brigade:ListEndpoints", "brigade:LimitEndpoint", "brigade:StopEndpoint", "brigade:StartEndpoint",
    "brigade:ProbeEndpoint"]

[accounts.demo.roles.batch]
operations = ["copy", "restore", "wait-for-restore", "delete", "tag", "untag", "acl", "legal-hold", "retention", "checksum"]
source = {{ endpoint = "{ENDPOINT}", buckets = ["{SOURCE}", "{TARGET}"] }}
target = {{ buckets = ["{SOURCE}", "{TARGET}"] }}
manifest = {{ buckets = ["{LISTS}"] }}
report = {{ buckets = ["{REPORTS}"] }}

[client]
url = "http://{service}"
appid = "1250000000"
uin = "100000000001"
account_id = "123456789012"
secret_id = "{id}"
secret_key = "{secret}"
region = "local"
role = "batch"
endpoint = "{ENDPOINT}"
manifest_to = "s3://{LISTS}/"
report = "s3://{REPORTS}/"
"#
    )
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_demos_configuration_is_sound() {
        let keys = |name: &str| Credentials::new(&format!("AKID{name}"), &format!("{name}-secret"));
        let text = config_text(
            "127.0.0.1:1".parse().unwrap(),
            "127.0.0.1:2".parse().unwrap(),
            &keys("store"),
            &keys("account"),
        );
        let config = Config::from_text(&text).unwrap();
        assert_eq!(config.client.unwrap().role.as_deref(), Some("batch"));
    }

    #[test]
    fn every_object_has_a_key_of_its_own() {
        let keys: HashSet<_> = (0..5000).map(key_of).collect();
        assert_eq!(keys.len(), 5000);
    }
}
