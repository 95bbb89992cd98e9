//! A test service: the program `brigade serve` on a sandbox of this process, with a client for each of
//! its two accounts.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use brigade_client::{Client, ClientConfig};
use brigade_config::secret::Secret;
use brigade_config::value::Url;
use brigade_model::ports::object_store::At;
use brigade_model::ports::{Clock, Spawn};
use brigade_model::{BucketName, JobId, JobOptions, ObjectKey, Progress, Status};
use brigade_runtime::{SystemClock, SystemEntropy, TokioSpawn};
use brigade_s3::simulated::{SimulatedConfig, SimulatedStore, Versioning};
use brigade_sandbox::Credentials;
use brigade_wire::admin::{FailureReason, JobState};
use brigade_wire::cos::describe_job::DescribedJob;
use bytes::Bytes;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Longer than anything takes on a slow machine; what takes longer never happens.
pub(crate) const LOOKS_MAX: usize = 6000;
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A service and its store.
pub(crate) struct TestService {
    folder: TempDir,
    /// The disk under its data directory, where that is one of its own.
    pub(crate) disk: Option<Disk>,
    /// The sandbox's buckets: `photos`, `backup`, `lists`, `reports` and `private`.
    pub(crate) bucket: SimulatedStore,
    pub(crate) process: Child,
    /// Where the service listens: `127.0.0.1:PORT`.
    pub(crate) address: String,
    /// Where its metrics are.
    pub(crate) metrics: String,
    pub(crate) clock: Arc<SystemClock>,
    log: Log,
}

/// What the service has said since it was started.
type Log = Arc<Mutex<Vec<String>>>;

impl TestService {
    /// A test service with these settings besides the ones that it needs.
    pub(crate) async fn start(settings: &str) -> Self {
        Self::start_on(settings, None).await
    }

    /// A test service whose data directory is a disk of so many mebibytes.
    pub(crate) async fn start_on(settings: &str, disk_mib: Option<u64>) -> Self {
        let clock = Arc::new(SystemClock::new());
        let bucket = make_buckets(&clock);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sandbox = listener.local_addr().unwrap();
        let serving = brigade_sandbox::serve(listener, bucket.clone(), credentials(), std::future::pending());
        let serve = async move { serving.await.unwrap() };
        TokioSpawn.spawn("sandbox", Box::pin(serve));
        Self::open(clock, bucket, &format!("http://{sandbox}"), settings, disk_mib)
    }

    /// A test service on buckets that the test serves at that URL.
    pub(crate) fn open(
        clock: Arc<SystemClock>,
        bucket: SimulatedStore,
        url: &str,
        settings: &str,
        disk_mib: Option<u64>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        write_private(&folder, &config_text(url, settings));
        let disk = disk_mib.map(|mib| Disk::mount(&folder.path().join("data"), mib));
        let (process, metrics, address, log) = serve_in(folder.path(), &under(disk.as_ref()), &[]);
        Self { folder, disk, bucket, process, address, metrics, clock, log }
    }

    /// The folder with its configuration.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Ends the service where it stands, and starts it again with these variables.
    pub(crate) fn restart(&mut self, environment: &[(&str, &str)]) {
        let under = under(self.disk.as_ref());
        self.restart_under(&under, environment);
    }

    /// Ends the service where it stands, and lets this program start it again.
    pub(crate) fn restart_under(&mut self, program: &[String], environment: &[(&str, &str)]) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        (self.process, self.metrics, self.address, self.log) = serve_in(self.folder.path(), program, environment);
    }

    /// What the service has said since it was started.
    pub(crate) fn said(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// A client of the first account.
    pub(crate) fn client(&self) -> Client {
        self.client_of("1250000000", "AKIDONE", "one-secret")
    }

    pub(crate) fn client_of(&self, appid: &str, key_id: &str, secret: &str) -> Client {
        let config = ClientConfig {
            url: Url::parse(&format!("http://{}", self.address)).unwrap(),
            appid: appid.to_owned(),
            uin: "100000000001".to_owned(),
            region: "r".to_owned(),
            secret_id: key_id.to_owned(),
            secret_key: Secret::new(secret),
            security_token: None,
            ca: None,
        };
        Client::new(config, self.clock.clone()).unwrap()
    }

    /// Puts `count` objects `k0`, `k1`, ... into `photos`.
    pub(crate) fn fill(&self, count: u64) {
        let key_of = |n| ObjectKey::new(format!("k{n}")).unwrap();
        self.bucket.fill(&BucketName::new("photos").unwrap(), count, key_of, &Bytes::from_static(b"x")).unwrap();
    }

    /// Puts a manifest into `lists` and gives its ETag.
    pub(crate) fn put_manifest(&self, rows: &str) -> String {
        let at = at("lists", "m.csv");
        self.bucket.put(&at, Bytes::from(rows.to_owned()).into()).unwrap();
        self.bucket.object(&at).unwrap().head.etag.unwrap().to_string()
    }

    /// Creates a job that tags the first `rows` keys of `photos`, at so many requests a second.
    pub(crate) async fn tag(&self, token: &str, rows: u64, per_second: Option<u32>) -> JobId {
        let manifest: String = (0..rows).map(|n| format!("photos,k{n}\n")).collect();
        let etag = self.put_manifest(&manifest);
        let options = JobOptions { requests_per_second_max: per_second, ..JobOptions::default() };
        self.client().create_job(request(token, &etag).into(), &options).await.unwrap().value
    }

    /// Creates a job of the S3 Control dialect that does this to the rows of `lists/m.csv`, in that role.
    ///
    /// # Errors
    /// The answer that refuses it.
    pub(crate) async fn create_s3control(
        &self,
        operation: &str,
        role: &str,
        token: &str,
        etag: &str,
        options: &[(&str, &str)],
    ) -> Result<JobId, String> {
        let body = s3control_request(operation, role, token, etag);
        let options = options.iter().map(|(name, value)| (format!("x-brigade-{name}"), (*value).to_owned()));
        let account = ("x-amz-account-id".to_owned(), ACCOUNT_ID.to_owned());
        let mut headers: Vec<(String, String)> = options.chain([account]).collect();
        let identity = aws_credential_types::Credentials::new("AKIDONE", "one-secret", None, None, "test").into();
        let time = UNIX_EPOCH + Duration::from_secs(self.clock.now().as_second().unsigned_abs());
        let params = SigningParams::builder().identity(&identity).region("us-east-1").name("s3").time(time);
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let params = params.settings(settings).build().unwrap().into();
        let url = format!("http://{}/v20180820/jobs", self.address);
        let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let request = SignableRequest::new("POST", &url, named, SignableBody::Bytes(body.as_bytes())).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let added = instructions.into_parts().0;
        headers.extend(added.iter().map(|header| (header.name().to_owned(), header.value().to_owned())));
        let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let (host, length) = (&self.address, body.len());
        let text = format!(
            "POST /v20180820/jobs HTTP/1.1\r\nhost: {host}\r\ncontent-length: {length}\r\nconnection: close\r\n\
             {headers}\r\n{body}"
        );
        let mut connection = TcpStream::connect(host).await.unwrap();
        connection.write_all(text.as_bytes()).await.unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).await.unwrap();
        let id = answer.split_once("<JobId>").and_then(|(_, rest)| rest.split_once('<'));
        // What it lacks may be refused; who asks may not.
        assert!(!answer.starts_with("HTTP/1.1 403"), "{answer}");
        id.map(|(id, _)| id.parse().unwrap()).ok_or(answer)
    }

    /// A job of any dialect.
    pub(crate) async fn look(&self, id: JobId) -> SeenJob {
        SeenJob::of(id, &self.client().inspect_job(id).await.unwrap().value)
    }

    pub(crate) async fn describe(&self, id: JobId) -> DescribedJob {
        self.client().describe_job(id).await.unwrap().value
    }

    /// Looks at a job until it is as wanted.
    pub(crate) async fn wait(&self, id: JobId, is_it: impl Fn(&DescribedJob) -> bool) -> DescribedJob {
        for _ in 0..LOOKS_MAX {
            let job = self.describe(id).await;
            if is_it(&job) {
                return job;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        panic!("it never happens: {:#?}", self.describe(id).await);
    }

    /// Looks at the rest of the world until it is so.
    pub(crate) async fn until(&self, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        for _ in 0..LOOKS_MAX {
            if is_so().await {
                return;
            }
            self.clock.sleep(LOOK_EVERY).await;
        }
        panic!("it never happens: {what}; the service said:\n{}", self.said());
    }

    /// Looks at a job until it has ended.
    pub(crate) async fn end(&self, id: JobId) -> DescribedJob {
        self.wait(id, |job| job.status.is_terminal()).await
    }

    /// The text of an object; `None` when there is none.
    pub(crate) fn text(&self, bucket: &str, key: &str) -> Option<String> {
        let object = self.bucket.object(&at(bucket, key))?;
        Some(String::from_utf8(object.body.to_bytes().to_vec()).unwrap())
    }

    /// The `manifest.json` of a job's report.
    pub(crate) fn report(&self, id: JobId) -> serde_json::Value {
        let text = self.text("reports", &format!("job-{id}/manifest.json")).expect("a report");
        serde_json::from_str(&text).unwrap()
    }

    /// How many rows the report of a job has.
    pub(crate) fn report_rows(&self, id: JobId) -> usize {
        let report = self.report(id);
        let files = report["Results"].as_array().unwrap().iter();
        files.map(|file| self.text("reports", file["Key"].as_str().unwrap()).unwrap().lines().count()).sum()
    }

    /// The memory of the service, bytes.
    pub(crate) fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for TestService {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A job of any dialect, as its users see it.
#[derive(Debug, Clone)]
pub(crate) struct SeenJob {
    pub(crate) id: JobId,
    pub(crate) status: Status,
    pub(crate) progress: Progress,
    pub(crate) failures: Vec<FailureReason>,
}

impl SeenJob {
    pub(crate) fn of(id: JobId, job: &JobState) -> Self {
        let JobState { status, progress, failures, .. } = job.clone();
        Self { id, status: status.parse().unwrap(), progress: progress.into(), failures }
    }
}

/// Operations as the S3 Control dialect has them.
pub(crate) mod s3control {
    pub(crate) const ADD_TAGS: &str = "<BrigadeAddObjectTagging xmlns=\"urn:bucket-brigade:s3control:2026\"><TagSet>\
        <member><Key>a</Key><Value>new</Value></member><member><Key>b</Key><Value>new</Value></member>\
        </TagSet></BrigadeAddObjectTagging>";
    pub(crate) const REMOVE_TAGS: &str = "<BrigadeRemoveObjectTagging xmlns=\"urn:bucket-brigade:s3control:2026\">\
        <Keys><member>a</member></Keys></BrigadeRemoveObjectTagging>";
    pub(crate) const UNTAG: &str = "<S3DeleteObjectTagging/>";
    pub(crate) const ACL: &str = "<S3PutObjectAcl><AccessControlPolicy><CannedAccessControlList>public-read\
        </CannedAccessControlList></AccessControlPolicy></S3PutObjectAcl>";
    pub(crate) const LEGAL_HOLD: &str =
        "<S3PutObjectLegalHold><LegalHold><Status>ON</Status></LegalHold></S3PutObjectLegalHold>";
    /// Until when it keeps objects.
    pub(crate) const RETAINED_UNTIL: &str = "2099-01-01T00:00:00Z";
    pub(crate) const RETENTION: &str = "<S3PutObjectRetention><Retention>\
        <RetainUntilDate>2099-01-01T00:00:00Z</RetainUntilDate><Mode>GOVERNANCE</Mode></Retention>\
        </S3PutObjectRetention>";
    pub(crate) const CHECKSUM: &str =
        "<S3ComputeObjectChecksum><ChecksumAlgorithm>MD5</ChecksumAlgorithm></S3ComputeObjectChecksum>";
    pub(crate) const CHECKSUM_OF_PARTS: &str = "<S3ComputeObjectChecksum><ChecksumAlgorithm>MD5</ChecksumAlgorithm>\
        <ChecksumType>COMPOSITE</ChecksumType></S3ComputeObjectChecksum>";
    pub(crate) const RESTORE: &str = "<S3InitiateRestoreObject><ExpirationInDays>3</ExpirationInDays>\
        <GlacierJobTier>BULK</GlacierJobTier></S3InitiateRestoreObject>";
    pub(crate) const WAIT_FOR_RESTORE: &str =
        r#"<BrigadeWaitForRestore xmlns="urn:bucket-brigade:s3control:2026"></BrigadeWaitForRestore>"#;
    /// The key that objects are encrypted with afterwards.
    pub(crate) const KEY: &str = "arn:aws:kms:us-east-1:123456789012:key/other";
    pub(crate) const ENCRYPTION: &str = "<S3UpdateObjectEncryption><ObjectEncryption><SSE-KMS>\
        <KMSKeyArn>arn:aws:kms:us-east-1:123456789012:key/other</KMSKeyArn></SSE-KMS></ObjectEncryption>\
        </S3UpdateObjectEncryption>";
    pub(crate) const INVOKE: &str = "<LambdaInvoke>\
        <FunctionArn>arn:aws:lambda:us-east-1:123456789012:function:faces</FunctionArn></LambdaInvoke>";
}

/// The first account's id in the S3 Control dialect.
const ACCOUNT_ID: &str = "123456789012";

fn s3control_request(operation: &str, role: &str, token: &str, etag: &str) -> String {
    format!(
        "<CreateJobRequest xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\">\
         <ConfirmationRequired>false</ConfirmationRequired><Operation>{operation}</Operation>\
         <Report><Bucket>arn:aws:s3:::reports</Bucket><Format>Report_CSV_20180820</Format><Enabled>true</Enabled>\
         <ReportScope>AllTasks</ReportScope></Report><ClientRequestToken>{token}</ClientRequestToken>\
         <Manifest><Spec><Format>S3BatchOperations_CSV_20180820</Format><Fields><member>Bucket</member>\
         <member>Key</member></Fields></Spec><Location><ObjectArn>arn:aws:s3:::lists/m.csv</ObjectArn>\
         <ETag>{}</ETag></Location></Manifest><Priority>1</Priority>\
         <RoleArn>arn:aws:iam::{ACCOUNT_ID}:role/{role}</RoleArn></CreateJobRequest>",
        etag.replace('"', "&quot;")
    )
}

/// Empty buckets: `photos`, `backup`, `lists`, `reports` and `private`.
pub(crate) fn make_buckets(clock: &Arc<SystemClock>) -> SimulatedStore {
    make_buckets_of(clock, SimulatedConfig::default())
}

/// The same of a store with that configuration.
pub(crate) fn make_buckets_of(clock: &Arc<SystemClock>, config: SimulatedConfig) -> SimulatedStore {
    let bucket = SimulatedStore::new(config, clock.clone(), Arc::new(SystemEntropy::new()));
    for name in ["photos", "backup", "lists", "reports", "private"] {
        bucket.create_bucket(&BucketName::new(name).unwrap(), Versioning::Off).unwrap();
    }
    bucket
}

/// What the service signs its requests with.
pub(crate) fn credentials() -> Credentials {
    Credentials::new("S3KEY", "s3-secret")
}

pub(crate) fn at(bucket: &str, key: &str) -> At {
    At { bucket: BucketName::new(bucket).unwrap(), key: ObjectKey::new(key).unwrap() }
}

/// A CreateJob that tags the rows of `lists/m.csv`, in the role `batch`.
pub(crate) fn request(token: &str, etag: &str) -> String {
    let tag = "<COSPutObjectTagging><TaggingDirective>Replaced</TaggingDirective>\
               <TagSet><COSTag><Key>a</Key><Value>b</Value></COSTag></TagSet></COSPutObjectTagging>";
    request_to(tag, &["Bucket", "Key"], token, etag)
}

/// A CreateJob that does this to the rows of `lists/m.csv`, which have these fields, in the role `batch`.
pub(crate) fn request_to(operation: &str, fields: &[&str], token: &str, etag: &str) -> String {
    let fields: String = fields.iter().map(|field| format!("<member>{field}</member>")).collect();
    format!(
        "<CreateJobRequest><ClientRequestToken>{token}</ClientRequestToken>\
         <Manifest><Location><ETag>{}</ETag><ObjectArn>qcs::cos:r::lists/m.csv</ObjectArn></Location>\
         <Spec><Fields>{fields}</Fields>\
         <Format>COSBatchOperations_CSV_V1</Format></Spec></Manifest>\
         <Operation>{operation}</Operation>\
         <Priority>1</Priority><Report><Bucket>qcs::cos:r::reports</Bucket><Enabled>true</Enabled>\
         <Format>Report_CSV_V1</Format><ReportScope>AllTasks</ReportScope></Report>\
         <RoleArn>qcs::cam::uin/100000000001:roleName/batch</RoleArn></CreateJobRequest>",
        etag.replace('"', "&quot;")
    )
}

fn config_text(sandbox: &str, settings: &str) -> String {
    format!(
        r#"
[server]
listen = "127.0.0.1:0"
metrics_listen = "127.0.0.1:0"
data_dir = "data"
log_format = "text"
log_filter = "info"
{settings}

[endpoints.sandbox]
url = "{sandbox}"
kind = "aws"
access_key = "S3KEY"
secret_key = "s3-secret"

[endpoints.nowhere]
url = "http://127.0.0.1:1"
access_key = "S3KEY"
secret_key = "s3-secret"

[accounts.one.cos]
appid = "1250000000"
uin = "100000000001"
[accounts.one.s3control]
account_id = "{ACCOUNT_ID}"
[accounts.one.keys.AKIDONE]
secret = "one-secret"
[accounts.one.keys.AKIDREADER]
secret = "reader-secret"
actions = ["cos:DescribeJob", "cos:ListJobs"]
[accounts.one.roles.batch]
source = {{ endpoint = "sandbox", buckets = ["photos"] }}
target = {{ buckets = ["backup"] }}
manifest = {{ buckets = ["lists"] }}
report = {{ buckets = ["reports"] }}
[accounts.one.roles.whole]
operations = [
    "tag", "untag", "acl", "legal-hold", "retention", "checksum", "restore", "wait-for-restore", "update-encryption",
    "invoke",
]
source = {{ endpoint = "sandbox", buckets = ["photos"] }}
manifest = {{ buckets = ["lists"] }}
report = {{ buckets = ["reports"] }}
[accounts.one.roles.waits]
source = {{ endpoint = "nowhere", buckets = ["*"] }}

[accounts.two.cos]
appid = "1250000001"
uin = "100000000002"
[accounts.two.keys.AKIDTWO]
secret = "two-secret"
[accounts.two.roles.theirs]
source = {{ endpoint = "sandbox", buckets = ["*"] }}
"#
    )
}

fn write_private(folder: &TempDir, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.path().join("brigade.toml");
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The program under which the service sees its disk, if it has one of its own.
fn under(disk: Option<&Disk>) -> Vec<String> {
    disk.map_or_else(Vec::new, |disk| disk.entry.clone())
}

/// `brigade serve --config brigade.toml`, started by another program if one is named; and the
/// addresses that it says: of its metrics, and its own.
fn serve_in(folder: &Path, under: &[String], environment: &[(&str, &str)]) -> (Child, String, String, Log) {
    let words: Vec<&str> = under.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_brigade")]).collect();
    let mut command = Command::new(words[0]);
    command.args(&words[1..]);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("BRIGADE_")) {
        command.env_remove(name);
    }
    command.args(["serve", "--config"]).arg(folder.join("brigade.toml")).envs(environment.iter().copied());
    let mut process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(process.stderr.take().unwrap()).lines().map_while(Result::ok);
    let mut heard = Vec::new();
    let mut address_at = |word: &str| {
        let address = lines.by_ref().find_map(|line| {
            let port = line.contains(word).then(|| line.split("127.0.0.1:").nth(1)).flatten();
            let port: Option<String> = port.map(|port| port.chars().take_while(char::is_ascii_digit).collect());
            heard.push(line);
            port
        });
        let port = address.unwrap_or_else(|| panic!("it does not serve:\n{}", heard.join("\n")));
        format!("127.0.0.1:{port}")
    };
    let (metrics, address) = (address_at("metrics listening"), address_at("API listening"));
    let log = Log::new(Mutex::new(heard));
    let said = log.clone();
    // A process stops when its pipe is full, so the test keeps reading.
    std::thread::spawn(move || lines.for_each(|line| said.lock().unwrap().push(line)));
    (process, metrics, address, log)
}

/// A small disk, mounted in a world of its own: only programs that it starts see it.
pub(crate) struct Disk {
    /// Holds the world, and so the disk, for as long as this lives.
    holder: Child,
    /// The program that enters it, with its arguments.
    entry: Vec<String>,
    /// The disk as this process sees it.
    path: PathBuf,
}

impl Disk {
    fn mount(at: &Path, mib: u64) -> Self {
        std::fs::create_dir_all(at).unwrap();
        // As root, or else as the root of a user namespace.
        let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
        let mounted = ways.iter().find_map(|way| Self::try_mount(at, mib, way));
        mounted.expect("a disk cannot be mounted here: this needs root, or user namespaces that anybody may make")
    }

    fn try_mount(at: &Path, mib: u64, way: &[&str]) -> Option<Self> {
        let script = format!("mount -t tmpfs -o size={mib}m tmpfs \"$1\" && echo mounted && exec cat");
        let mut unshare = Command::new("unshare");
        unshare.args(way).args(["sh", "-c", &script, "sh"]).arg(at);
        let mut holder = unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        if line.trim() != "mounted" {
            holder.wait().unwrap();
            return None;
        }
        let id = holder.id().to_string();
        let mut entry = ["nsenter", "--mount", "--target", &id].map(str::to_owned).to_vec();
        if way.len() > 1 {
            entry.extend(["--user", "--preserve-credentials"].map(str::to_owned));
        }
        entry.push("--".to_owned());
        let path = PathBuf::from(format!("/proc/{id}/root")).join(at.strip_prefix("/").unwrap());
        Some(Self { holder, entry, path })
    }

    /// Fills it up but for so many bytes.
    pub(crate) fn fill_up_to(&self, free: u64) {
        let now = rustix::fs::statvfs(&self.path).unwrap();
        let bytes = (now.f_bavail * now.f_frsize).saturating_sub(free);
        let written = std::fs::write(self.path.join("filler"), vec![0; usize::try_from(bytes).unwrap()]);
        // Another process may have taken the last of it meanwhile.
        assert!(written.is_ok() || free == 0, "{written:?}");
    }

    /// Makes room again.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.path.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

/// Status and code of a refusal of the dialect.
pub(crate) fn refused<T: std::fmt::Debug>(answer: Result<T, brigade_client::ClientError>) -> (u16, String, String) {
    match answer {
        Err(brigade_client::ClientError::Refused { status, code, message, .. }) => (status, code, message),
        other => panic!("{other:?}"),
    }
}

/// Whether a job is at work.
pub(crate) fn is_at_work(job: &DescribedJob) -> bool {
    job.status == Status::Active && job.progress.succeeded > 0
}
