//! The whole service on an S3 server, over HTTP: what only real requests can show of a job.

use std::os::unix::fs::PermissionsExt;

use brigade_model::names::{BucketName, ObjectKey};
use brigade_model::ports::object_store::{At, CancelToken, NewObject, PutObject, send};
use brigade_model::{ETag, JobId};
use brigade_s3::simulated::{ObjectLock, SimulatedConfig, SimulatedStore, Versioning};
use tokio::sync::oneshot;

use super::*;

fn bucket(name: &str) -> BucketName {
    BucketName::new(name).unwrap()
}

fn at(bucket_name: &str, key: &str) -> At {
    At { bucket: bucket(bucket_name), key: ObjectKey::new(key).unwrap() }
}

/// A sandbox with the buckets `photos` (which has objects), `copies`, `lists` and `reports`.
struct Scenario {
    store: SimulatedStore,
    address: SocketAddr,
    folder: tempfile::TempDir,
    sandbox: Option<(oneshot::Sender<()>, Box<dyn Spawned>)>,
}

async fn serve_store(
    store: &SimulatedStore,
    listener: TcpListener,
    secret: &str,
) -> (oneshot::Sender<()>, Box<dyn Spawned>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let credentials = brigade_sandbox::Credentials::new("STOREKEY", secret);
    let serving = brigade_sandbox::serve(listener, store.clone(), credentials, async move { drop(stopped.await) });
    (stop, TokioSpawn.spawn("sandbox", Box::pin(async move { serving.await.unwrap() })))
}

impl Scenario {
    async fn new(objects: usize) -> Self {
        let (clock, entropy) = (Arc::new(SystemClock::new()), Arc::new(SystemEntropy::new()));
        let store = SimulatedStore::new(SimulatedConfig::default(), clock, entropy);
        for name in ["photos", "copies", "lists", "reports"] {
            store.create_bucket(&bucket(name), Versioning::Off).unwrap();
        }
        store
            .fill(&bucket("photos"), objects as u64, |n| ObjectKey::new(format!("{n}")).unwrap(), &"x".into())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sandbox = Some(serve_store(&store, listener, "first-secret").await);
        let scenario = Self { store, address, folder: tempfile::tempdir().unwrap(), sandbox };
        scenario.write_secret("first-secret");
        scenario
    }

    fn write_secret(&self, secret: &str) {
        let path = self.folder.path().join("secret");
        std::fs::write(&path, secret).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// The service, with these lines in its endpoint.
    async fn start(&self, endpoint: &str) -> Running {
        let folder = self.folder.path().display();
        let text = format!(
            "[server]\nmetrics_listen = \"127.0.0.1:0\"\ndata_dir = \"{folder}/data\"\n\
             [endpoints.main]\nurl = \"http://{}\"\naccess_key = \"STOREKEY\"\nsecret_key_file = \"{folder}/secret\"\n\
             {endpoint}\n\
             [accounts.main.cos]\nappid = \"1250000000\"\nuin = \"100000000001\"\n\
             [accounts.main.keys.AKIDMAIN]\nsecret = \"main-secret\"\n\
             [accounts.main.roles.batch.source]\nendpoint = \"main\"\nbuckets = [\"*\"]\n\
             [engine]\nfree_space_to_lease = \"1MiB\"\nfree_space_to_start = \"1MiB\"\n",
            self.address
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        start(Config::from_text(&text).unwrap(), listener).await.unwrap()
    }

    /// A job that copies every object of `photos`.
    async fn create(&self, service: &Running, objects: usize, options: &JobOptions) -> JobId {
        let manifest: String = (0..objects).map(|n| format!("photos,{n}\n")).collect();
        let put = PutObject::new(at("lists", "m.csv"), manifest, NewObject::default());
        let etag: ETag = send(&self.store, &CancelToken::unbounded(), put).await.unwrap().etag;
        let request = REQUEST
            .replace("<ETag>e</ETag>", &format!("<ETag>{}</ETag>", etag.unquoted()))
            .replace("qcs::cos:r::b/m.csv", "qcs::cos:r::lists/m.csv")
            .replace(
                "<COSDeleteObject></COSDeleteObject>",
                "<COSPutObjectCopy><TargetResource>qcs::cos:r::copies</TargetResource></COSPutObjectCopy>",
            )
            .replace("<Bucket>qcs::cos:r::b</Bucket>", "<Bucket>qcs::cos:r::reports</Bucket>");
        client(service).create_job(request.into(), options).await.unwrap().value
    }
}

/// Waits until the job is as wanted, for a minute at most.
async fn wait(
    service: &Running,
    id: JobId,
    is_it: impl Fn(&brigade_wire::cos::describe_job::DescribedJob) -> bool,
) -> brigade_wire::cos::describe_job::DescribedJob {
    let clock = SystemClock::new();
    for _ in 0..600 {
        let job = client(service).describe_job(id).await.unwrap().value;
        if is_it(&job) {
            return job;
        }
        assert!(!job.status.is_terminal(), "it ended before: {job:#?}");
        clock.sleep(Duration::from_millis(100)).await;
    }
    panic!("it never happens: {:#?}", client(service).describe_job(id).await.unwrap().value);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_file_that_is_rotated_under_a_job_is_read_again_and_fails_nothing() {
    let mut scenario = Scenario::new(300).await;
    let service = scenario.start("").await;
    let options = JobOptions { requests_per_second_max: Some(50), ..JobOptions::default() };
    let id = scenario.create(&service, 300, &options).await;
    wait(&service, id, |job| job.progress.succeeded > 20).await;
    // The store takes another secret from now on, and the service does not know it yet.
    let (stop, ended) = scenario.sandbox.take().unwrap();
    stop.send(()).unwrap();
    ended.ended().await;
    let listener = TcpListener::bind(scenario.address).await.unwrap();
    scenario.sandbox = Some(serve_store(&scenario.store, listener, "the-next-secret").await);
    wait(&service, id, |job| job.status_update_reason.contains("refuses the credentials")).await;
    scenario.write_secret("the-next-secret");
    let job = wait(&service, id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 300), "{job:#?}");
    assert_eq!(scenario.store.keys(&bucket("copies")).len(), 300);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_whose_requester_pays_is_read_when_the_endpoint_says_that_we_pay() {
    for (endpoint, copied) in [("", 0), ("requester_pays = true", 3)] {
        let scenario = Scenario::new(3).await;
        scenario.store.set_requester_pays(&bucket("photos"), true).unwrap();
        let service = scenario.start(endpoint).await;
        let id = scenario.create(&service, 3, &JobOptions::default()).await;
        let job = wait(&service, id, |job| job.status.is_terminal()).await;
        assert_eq!((job.status, job.progress.succeeded), (Status::Complete, copied), "{endpoint}: {job:#?}");
        assert_eq!(scenario.store.keys(&bucket("copies")).len() as u64, copied);
        service.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_is_delivered_into_a_bucket_that_keeps_its_objects_by_default() {
    let scenario = Scenario::new(3).await;
    for name in ["reports", "copies"] {
        scenario.store.set_versioning(&bucket(name), Versioning::Enabled).unwrap();
        scenario.store.set_lock(&bucket(name), ObjectLock { retention_days: Some(1) }).unwrap();
    }
    let service = scenario.start("").await;
    let id = scenario.create(&service, 3, &JobOptions::default()).await;
    let job = wait(&service, id, |job| job.status.is_terminal()).await;
    assert_eq!((job.status, job.progress.succeeded), (Status::Complete, 3), "{job:#?}");
    let names: Vec<String> = scenario.store.keys(&bucket("reports")).iter().map(ToString::to_string).collect();
    assert!(names.iter().any(|name| name.ends_with("manifest.json")), "{names:?}");
    assert!(names.iter().any(|name| name.ends_with(".csv")), "{names:?}");
    service.stop().await;
}
