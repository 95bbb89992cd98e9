mod stores;

use std::path::Path;

use brigade_client::{Client, ClientConfig};
use brigade_config::Explained;
use brigade_config::secret::Secret;
use brigade_config::value::{MetricsListen, Url};
use brigade_engine::EngineConfig;
use brigade_model::ports::object_store::{Answer, At, Call, CallError, CancelToken, HeadObject, ObjectStore, send};
use brigade_model::{JobOptions, Status};
use brigade_s3::limit::Limit;
use brigade_s3::timeouts::Timeouts;

use super::*;

/// A configuration whose store does not run: jobs wait for it.
fn config(folder: &Path) -> Config {
    let text = format!(
        r#"
[server]
metrics_listen = "127.0.0.1:0"
data_dir = "{}"
[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "A"
secret_key = "s"
[accounts.main.cos]
appid = "1250000000"
uin = "100000000001"
[accounts.main.keys.AKIDMAIN]
secret = "main-secret"
[accounts.main.roles.batch.source]
endpoint = "main"
buckets = ["*"]
[engine]
free_space_to_lease = "1MiB"
free_space_to_start = "1MiB"
"#,
        folder.display()
    );
    Config::from_text(&text).unwrap()
}

async fn start_in(folder: &Path) -> anyhow::Result<Running> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    start(config(folder), listener).await
}

fn client(running: &Running) -> Client {
    let config = ClientConfig {
        url: Url::parse(&format!("http://{}", running.address)).unwrap(),
        appid: "1250000000".to_owned(),
        uin: "100000000001".to_owned(),
        region: "r".to_owned(),
        secret_id: "AKIDMAIN".to_owned(),
        secret_key: Secret::new("main-secret"),
        security_token: None,
        ca: None,
    };
    Client::new(config, Arc::new(SystemClock::new())).unwrap()
}

/// A clock that tells no time any more once it is broken.
#[derive(Debug)]
struct Breakable {
    clock: SystemClock,
    is_broken: AtomicBool,
}

impl Breakable {
    fn check(&self) {
        assert!(!self.is_broken.load(Ordering::SeqCst), "for a test");
    }
}

impl Clock for Breakable {
    fn now(&self) -> brigade_model::Timestamp {
        self.check();
        self.clock.now()
    }

    fn monotonic(&self) -> brigade_model::ports::Monotonic {
        self.check();
        self.clock.monotonic()
    }

    fn sleep(&self, _: Duration) -> brigade_model::ports::clock::Sleep {
        Box::pin(std::future::pending())
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_whose_engine_panics_ends_with_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start_in(folder.path()).await.unwrap();
    running.engine.shut_down().await;
    let clock = Arc::new(Breakable { clock: SystemClock::new(), is_broken: AtomicBool::new(false) });
    let tools_of_broken = Ports {
        jobs: Arc::clone(&running.jobs),
        spool: Arc::clone(&running.api.spool),
        roles: Arc::clone(&running.api.roles) as _,
        clock: clock.clone(),
        entropy: Arc::new(SystemEntropy::new()),
        spawn: Arc::new(TokioSpawn),
        report_layouts: brigade_wire::report_layout,
        observer: Arc::clone(&running.api.metrics) as _,
    };
    running.engine = Engine::new(tools_of_broken, EngineConfig::default());
    clock.is_broken.store(true, Ordering::SeqCst);
    running.carrying = TokioSpawn.spawn("engine", Box::pin(Arc::clone(&running.engine).run()));
    let error = run_until(running, async || std::future::pending().await).await.unwrap_err();
    assert!(error.to_string().contains("the engine has failed"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_is_asked_to_stop_ends_without_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let running = start_in(folder.path()).await.unwrap();
    let mut wishes = 0;
    let once = async || {
        wishes += 1;
        if wishes > 1 {
            std::future::pending::<()>().await;
        }
    };
    run_until(running, once).await.unwrap();
}

const REQUEST: &str = "<CreateJobRequest><ClientRequestToken>t</ClientRequestToken>\
    <Manifest><Location><ETag>e</ETag><ObjectArn>qcs::cos:r::b/m.csv</ObjectArn></Location>\
    <Spec><Fields><member>Bucket</member><member>Key</member></Fields><Format>COSBatchOperations_CSV_V1</Format></Spec>\
    </Manifest><Operation><COSDeleteObject></COSDeleteObject></Operation><Priority>1</Priority>\
    <Report><Bucket>qcs::cos:r::b</Bucket><Enabled>true</Enabled><Format>Report_CSV_V1</Format>\
    <ReportScope>AllTasks</ReportScope></Report>\
    <RoleArn>qcs::cam::uin/100000000001:roleName/batch</RoleArn></CreateJobRequest>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_was_acknowledged_is_there_after_a_stop_and_a_start() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_in(folder.path()).await.unwrap();
    let id = client(&first).create_job(REQUEST.into(), &JobOptions::default()).await.unwrap().value;
    first.stop().await;

    let second = start_in(folder.path()).await.unwrap();
    let shown = client(&second).describe_job(id).await.unwrap().value;
    assert!(matches!(shown.status, Status::New | Status::Preparing), "{shown:?}");
    let again = client(&second).create_job(REQUEST.into(), &JobOptions::default()).await.unwrap_err();
    assert!(again.to_string().contains("ClientRequestToken"), "{again}");
    second.stop().await;
}

/// Answers every HeadObject at once.
struct AtOnce;

#[async_trait::async_trait]
impl ObjectStore for AtOnce {
    async fn call(&self, _: &CancelToken, _: Call) -> Result<Answer, CallError> {
        tokio::task::yield_now().await;
        Ok(Answer::HeadObject(Box::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_limits_learned_is_written_at_a_stop_and_the_next_start_begins_with_half_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_in(folder.path()).await.unwrap();
    let limit_of = |running: &Running| running.api.roles.endpoint("main").unwrap().1.limit().clone();
    let handle = limit_of(&first);
    let limit = Limit::sharing(Arc::new(AtOnce), &handle, Timeouts::default(), Arc::clone(&first.clock));
    let at = At { bucket: "photos".parse().unwrap(), key: "key".parse().unwrap() };
    let ask = async || {
        while handle.learned().is_empty() {
            send(&limit, &CancelToken::unbounded(), HeadObject { at: at.clone(), version: None }).await.unwrap();
        }
    };
    futures::future::join_all((0..1100).map(|_| ask())).await;
    let learned = handle.learned()[0].limit;
    drop(limit);
    first.stop().await;

    let second = start_in(folder.path()).await.unwrap();
    assert_eq!(limit_of(&second).expected(), learned / 2);
    second.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_service_on_the_same_data_directory_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let first = start_in(folder.path()).await.unwrap();
    let refused = start_in(folder.path()).await.err().expect("the directory is in use");
    assert!(format!("{refused:#}").contains("another process"), "{refused:#}");
    first.stop().await;
    start_in(folder.path()).await.unwrap().stop().await;
}

/// What is answered to a GET.
async fn get(address: SocketAddr, path: &str) -> String {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_have_an_address_of_their_own_or_none() {
    let folder = tempfile::tempdir().unwrap();
    let running = start_in(folder.path()).await.unwrap();
    let metrics = running.metrics_address.unwrap();
    assert!(metrics.ip().is_loopback());
    assert!(get(metrics, "/metrics").await.contains("brigade_build_info"));
    assert!(get(metrics, "/readyz").await.ends_with("ready\n"));
    assert!(get(running.address, "/metrics").await.starts_with("HTTP/1.1 400"));
    assert!(get(running.address, "/healthz").await.starts_with("HTTP/1.1 200"));

    let other = tempfile::tempdir().unwrap();
    let start_with = async |metrics_listen| {
        let mut config = config(other.path());
        config.server.metrics_listen = MetricsListen(metrics_listen);
        start(config, TcpListener::bind("127.0.0.1:0").await.unwrap()).await
    };
    let taken = start_with(Some(metrics)).await.err().expect("the address is in use");
    let mistake = taken.downcast_ref::<Explained>().expect("it does not help to start again");
    assert!(mistake.below[0].contains("server.metrics_listen"), "{mistake:?}");
    let without = start_with(None).await.unwrap();
    assert_eq!(without.metrics_address, None);
    assert!(get(without.address, "/healthz").await.starts_with("HTTP/1.1 200"));
    without.stop().await;
    running.stop().await;
    assert!(tokio::net::TcpStream::connect(metrics).await.is_err(), "nobody listens any more");
}
