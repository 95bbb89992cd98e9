use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;

use async_trait::async_trait;
use brigade_config::ClientConfig;
use brigade_config::value::Action;
use brigade_model::ports::object_store::{Answer, Call, Effect, ListPage};
use brigade_runtime::SeededEntropy;
use brigade_s3::simulated::{SimulatedConfig, SimulatedStore, Versioning};
use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

fn arguments(more: &[&str]) -> Arguments {
    let line = ["init", "--endpoint", "http://127.0.0.1:9000/", "--access-key", "AK", "--secret-key", "s\"3\\cret"];
    Line::try_parse_from(line.iter().chain(more)).unwrap().arguments
}

#[test]
fn what_is_written_is_what_serve_and_the_client_read() {
    let text = render(&arguments(&["--bucket", "photos", "--bucket", "logs-*"]), &SeededEntropy::new(1)).unwrap();
    let config = read_back(Path::new("brigade.toml"), &text).unwrap();
    let endpoint = &config.endpoints["main"];
    assert_eq!(endpoint.url.as_str(), "http://127.0.0.1:9000");
    assert_eq!(endpoint.secret_key.as_ref().unwrap().current().expose(), "s\"3\\cret");
    let source = &config.accounts["main"].roles["batch"].source;
    assert_eq!(source.buckets, Some(vec!["photos".to_owned(), "logs-*".to_owned()]));

    let whole = Source { name: String::new(), file: None, folder: PathBuf::new() };
    let client = ClientConfig::parse(whole, &text, None, []).unwrap().client;
    let key = &config.accounts["main"].keys[&client.secret_id];
    assert_eq!(key.secret.as_ref().unwrap().current(), client.secret_key.unwrap().current());
    assert_eq!(client.role.as_deref(), Some("batch"));
    let missing: Vec<_> = Action::ALL.iter().filter(|action| action.concerns_all_accounts()).collect();
    assert!(missing.iter().all(|action| key.actions.contains(action)), "whoever runs init operates the service");
}

#[test]
fn keys_are_fresh_each_time() {
    let text = |seed| render(&arguments(&[]), &SeededEntropy::new(seed)).unwrap();
    assert_ne!(text(1), text(2));
}

#[test]
fn a_missing_credential_is_told_with_the_ways_to_give_it() {
    let mut without = arguments(&[]);
    without.secret_key = None;
    assert!(render(&without, &SeededEntropy::new(1)).unwrap_err().0.contains("AWS_SECRET_ACCESS_KEY"));
}

#[test]
fn the_file_is_for_its_owner_and_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("brigade.toml");
    write(&out, "first").unwrap();
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let again = write(&out, "second").unwrap_err();
    assert!(again.is::<UsageError>() && again.to_string().contains("exists already"));
    assert_eq!(std::fs::read_to_string(&out).unwrap(), "first");
}

/// Answers every listing alike, and remembers the buckets.
struct Store(Option<Verdict>, Mutex<Vec<String>>);

#[async_trait]
impl ObjectStore for Store {
    async fn call(&self, _cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        self.1.lock().unwrap().push(call.bucket().to_string());
        match self.0 {
            None => Ok(Answer::ListObjectsV2(ListPage::default())),
            Some(verdict) => Err(CallError::new(verdict, Effect::None, "SomeCode", "said so")),
        }
    }
}

async fn tried(verdict: Option<Verdict>, more: &[&str]) -> (Result<String, String>, Vec<String>) {
    let store = Store(verdict, Mutex::default());
    let in_lines = |error: anyhow::Error| match error.downcast::<Explained>() {
        Ok(Explained { what, below }) => format!("{what}\n{}", below.join("\n")),
        Err(error) => error.to_string(),
    };
    let told = try_credentials(&store, &arguments(more)).await.map_err(in_lines);
    (told, store.1.into_inner().unwrap())
}

#[tokio::test]
async fn every_named_bucket_is_listed() {
    let (told, listed) = tried(None, &["--bucket", "a", "--bucket", "b"]).await;
    assert_eq!((told.unwrap().as_str(), listed), ("the credentials work on a, b", vec!["a".into(), "b".to_owned()]));
}

#[tokio::test]
async fn a_refusal_says_what_to_do() {
    for (verdict, advice) in [
        (Verdict::Missing, "create the bucket"),
        (Verdict::Denied, "let the access key list"),
        (Verdict::CredentialsRefused, "check --access-key"),
        (Verdict::Unavailable, "check --endpoint"),
    ] {
        let told = tried(Some(verdict), &["--bucket", "a"]).await.0.unwrap_err();
        let (what, way_out) = told.split_once('\n').unwrap();
        assert!(what.contains("SomeCode: said so") && way_out.starts_with(advice), "{told}");
    }
}

#[tokio::test]
async fn a_store_that_gives_no_answer_is_told_in_a_sentence_that_reads_well() {
    let arguments = arguments(&[]);
    let told = |code, message| {
        let error = CallError::new(Verdict::Unavailable, Effect::None, code, message);
        let Explained { what, below } = refused(&arguments, None, &error);
        (what.0, below.join("\n"))
    };
    let (what, way_out) = told("TlsFailed", "https://h: the certificate of h:443 has expired; renew it there");
    assert_eq!(
        what,
        "http://127.0.0.1:9000 gives no answer: TlsFailed: https://h: the certificate of h:443 has expired; renew it there"
    );
    assert_eq!(way_out, "");
    let (what, way_out) = told("ConnectFailed", "http://h: refused");
    assert_eq!(what, "http://127.0.0.1:9000 gives no answer: ConnectFailed: http://h: refused");
    assert_eq!(way_out, "check --endpoint, whether it begins with http:// or https://, and that the store runs");
}

#[tokio::test]
async fn without_a_bucket_a_store_that_knows_the_key_is_enough() {
    assert!(tried(Some(Verdict::Missing), &[]).await.0.is_ok());
    assert!(tried(Some(Verdict::Denied), &[]).await.0.unwrap().contains("--bucket"));
    assert!(tried(Some(Verdict::CredentialsRefused), &[]).await.0.is_err());
}

#[tokio::test]
async fn what_a_probe_finds_out_is_told_and_kept_for_the_service() {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let store = SimulatedStore::new(SimulatedConfig::default(), Arc::clone(&clock), Arc::new(SeededEntropy::new(1)));
    let bucket: BucketName = "scratch".parse().unwrap();
    store.create_bucket(&bucket, Versioning::Off).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("brigade.toml");
    let text = render(&arguments(&[]), &SeededEntropy::new(1)).unwrap();
    let config = read_back(&out, &text).unwrap();
    let told = probe_and_keep(&store, &config, &bucket, &SeededEntropy::new(2), Arc::clone(&clock)).await.unwrap();
    assert!(told.contains("tagging-on-copy") && told.contains("rows that name a version fail"), "{told}");

    let jobs = SqliteStore::open(&config.server.data_dir, clock).unwrap();
    let row = jobs.endpoints().await.unwrap().remove(0);
    let known = Capabilities::known(EndpointKind::Other, row.settings.probe.as_ref());
    assert!(
        row.endpoint.as_str() == "main" && known.has(Capability::TaggingOnCopy) && !known.has(Capability::Versions)
    );
}

#[test]
fn without_a_probe_it_is_said_what_is_unproven_and_what_that_means() {
    let told = say_what_is_unproven(EndpointKind::Other);
    let all = Capability::ALL.len();
    assert!(told.starts_with(&format!("{all} of {all} capabilities of the store are unproven")), "{told}");
    assert!(told.contains("rows that name a version fail") && told.contains("--probe-bucket"), "{told}");
    assert!(!say_what_is_unproven(EndpointKind::Aws).contains("unproven"));
}
