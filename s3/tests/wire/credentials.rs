//! Credentials that are fetched, from stand-ins of those who give them.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials as SdkCredentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use brigade_model::Timestamp;
use brigade_model::ports::object_store::{CancelToken, DeleteObject, Verdict, send};
use brigade_runtime::{SeededEntropy, SystemClock, TokioSpawn};
use brigade_s3::credentials::cloud::{CloudConfig, CloudCredentials, Origin};
use brigade_s3::credentials::refreshed::{FetchCredentials, Fetched, RefreshedCredentials};
use brigade_s3::credentials::{CredentialSource, Credentials, NoCredentials};
use brigade_s3::fail_fast::FailFast;
use brigade_s3::http::{HttpConfig, HttpStore};
use brigade_s3::retry::{CircuitBreaker, Retry, RetryPolicy};
use tempfile::TempDir;

use crate::store::{call, config, credentials, store_of};
use crate::stub::{Recorded, Stub, answer};

const ROLE: &str = "arn:aws:iam::123456789012:role/batch";
const ENDS: &str = "2099-11-09T13:34:41Z";
const KEYS: &str =
    r#""AccessKeyId":"ASIAFETCHED00000000","SecretAccessKey":"fetched-secret","Expiration":"2099-11-09T13:34:41Z""#;

fn variables(pairs: &[(&str, String)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn cloud_config(origin: Origin) -> CloudConfig {
    CloudConfig {
        origin,
        session_name: None,
        region: "eu-west-1".into(),
        sts_url: None,
        route: Default::default(),
        extra_ca: None,
    }
}

fn cloud(config: CloudConfig, environment: &[(&str, String)]) -> CloudCredentials {
    CloudCredentials::new(config, variables(environment), Arc::new(SystemClock::new())).unwrap()
}

async fn fetch(origin: Origin, environment: &[(&str, String)]) -> Result<Fetched, String> {
    let fetched = cloud(cloud_config(origin), environment).fetch().await;
    fetched.map_err(|NoCredentials(problem)| problem)
}

/// The same, with STS there.
async fn fetch_by(sts: &Stub, origin: Origin, environment: &[(&str, String)]) -> Result<Fetched, String> {
    let config = CloudConfig { sts_url: Some(sts.url()), ..cloud_config(origin) };
    cloud(config, environment).fetch().await.map_err(|NoCredentials(problem)| problem)
}

fn assert_fetched(fetched: Result<Fetched, String>, token: &str) {
    let fetched = fetched.unwrap();
    let expected = Credentials {
        key_id: "ASIAFETCHED00000000".into(),
        secret: "fetched-secret".into(),
        token: Some(token.into()),
    };
    assert!(fetched.credentials == expected, "{:?}", fetched.credentials);
    assert_eq!(fetched.ends, Some(ENDS.parse::<Timestamp>().unwrap()));
    assert!(!format!("{fetched:?}").contains("secret"));
}

fn of_sts(action: &str, token: &str) -> String {
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result><Credentials>\
         <AccessKeyId>ASIAFETCHED00000000</AccessKeyId><SecretAccessKey>fetched-secret</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>{ENDS}</Expiration></Credentials></{action}Result>\
         <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{action}Response>"
    )
}

fn refusal_of_sts(code: &str, message: &str) -> String {
    format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    )
}

fn keys() -> Origin {
    Origin::Keys(Arc::new(|| Credentials {
        key_id: "AKIDSOURCE000000000".into(),
        secret: "source-secret".into(),
        token: Some("source-token".into()),
    }))
}

fn assume(with: Origin) -> Origin {
    Origin::AssumeRole { role_arn: ROLE.into(), external_id: Some("agreed:1".into()), with: Box::new(with) }
}

/// The parameters of a form or a query.
fn parameter(text: &str, name: &str) -> Option<String> {
    let value = text.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
    Some(percent_decoded(value))
}

fn percent_decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap().to_owned();
    for part in parts {
        decoded.push(char::from(u8::from_str_radix(&part[..2], 16).unwrap()));
        decoded.push_str(&part[2..]);
    }
    decoded
}

fn script(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("credentials.sh");
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    path.display().to_string()
}

fn metadata_service(token: &str) -> [crate::stub::Reply; 3] {
    let keys = format!(r#"{{"Code":"Success","Type":"AWS-HMAC",{KEYS},"Token":"{token}"}}"#);
    [answer(200, &[], "IMDS-TOKEN"), answer(200, &[], "instance-role"), answer(200, &[], &keys)]
}

#[tokio::test]
async fn a_machine_s_metadata_service_is_asked_by_its_second_version_and_for_a_new_token_each_time() {
    let imds = Stub::scripted(metadata_service("one").into_iter().chain(metadata_service("two"))).await;
    let cloud = cloud(cloud_config(Origin::MachineMetadata), &[("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url())]);
    for token in ["one", "two"] {
        assert_fetched(cloud.fetch().await.map_err(|problem| problem.0), token);
    }
    let requests = imds.recorded();
    let lines: Vec<_> = requests[..3].iter().map(|r| (r.method.as_str(), r.target.as_str())).collect();
    let list = "/latest/meta-data/iam/security-credentials/";
    assert_eq!(lines, [("PUT", "/latest/api/token"), ("GET", list), ("GET", &format!("{list}instance-role"))]);
    assert_eq!(requests[0].header("x-aws-ec2-metadata-token-ttl-seconds"), Some("21600"));
    for request in &requests[1..3] {
        assert_eq!(request.header("x-aws-ec2-metadata-token"), Some("IMDS-TOKEN"));
    }
    assert_eq!(requests[3].method, "PUT");
}

#[tokio::test]
async fn a_metadata_service_without_a_role_says_so_and_one_that_is_off_is_not_asked() {
    let imds = Stub::scripted([answer(200, &[], "IMDS-TOKEN"), answer(404, &[], "IMDS-TOKEN is not to be told")]).await;
    let at = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url());
    let problem = fetch(Origin::MachineMetadata, std::slice::from_ref(&at)).await.unwrap_err();
    assert!(problem.contains("instance metadata not found") && !problem.contains("IMDS-TOKEN"), "{problem}");
    let off = fetch(Origin::MachineMetadata, &[at, ("AWS_EC2_METADATA_DISABLED", "true".into())]).await.unwrap_err();
    assert!(off.contains("unset AWS_EC2_METADATA_DISABLED"), "{off}");
    assert_eq!(imds.recorded().len(), 2);
}

#[tokio::test]
async fn a_container_s_agent_is_asked_with_the_token_of_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "agent-token\n").unwrap();
    let agent = Stub::scripted([
        answer(200, &[], &format!(r#"{{{KEYS},"Token":"of-agent","RoleArn":"{ROLE}"}}"#)),
        answer(403, &[], "agent-token may not"),
    ])
    .await;
    let environment = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials?id=7", agent.url())),
        ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.display().to_string()),
    ];
    assert_fetched(fetch(Origin::Container, &environment).await, "of-agent");
    let request = &agent.recorded()[0];
    assert_eq!((request.method.as_str(), request.target.as_str()), ("GET", "/v1/credentials?id=7"));
    assert_eq!(request.header("authorization"), Some("agent-token"));
    let refused = fetch(Origin::Container, &environment).await.unwrap_err();
    assert!(refused.contains("not authorized") && refused.contains("[secret] may not"), "{refused}");
    assert!(!refused.contains("agent-token"), "{refused}");
}

#[tokio::test]
async fn an_agent_elsewhere_is_not_asked_in_plain_http_and_none_says_how_to_name_one() {
    let elsewhere = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://10.1.2.3/keys".to_owned())];
    let problem = fetch(Origin::Container, &elsewhere).await.unwrap_err();
    assert!(problem.contains("only this machine"), "{problem}");
    let none = fetch(Origin::Container, &[]).await.unwrap_err();
    assert!(none.contains("set AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"), "{none}");
}

#[tokio::test]
async fn sts_gives_credentials_for_the_token_of_a_pod_and_reads_the_file_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "jwt-1").unwrap();
    let given = answer(200, &[], &of_sts("AssumeRoleWithWebIdentity", "of-sts"));
    let refused = refusal_of_sts("InvalidIdentityToken", "the token jwt-3 has no issuer");
    let sts = Stub::scripted([given.clone(), given, answer(400, &[], &refused)]).await;
    let environment = [("AWS_ROLE_ARN", ROLE.to_owned()), ("AWS_WEB_IDENTITY_TOKEN_FILE", file.display().to_string())];
    let of_environment = Origin::WebIdentity { role_arn: None, token_file: None };
    assert_fetched(fetch_by(&sts, of_environment.clone(), &environment).await, "of-sts");
    std::fs::write(&file, "jwt-2").unwrap();
    let configured = Origin::WebIdentity { role_arn: Some("arn:other".into()), token_file: Some(file.clone()) };
    let named = ("AWS_ROLE_SESSION_NAME", "nightly".to_owned());
    assert_fetched(fetch_by(&sts, configured, &[named]).await, "of-sts");
    std::fs::write(&file, "jwt-3").unwrap();
    let problem = fetch_by(&sts, of_environment, &environment).await.unwrap_err();
    assert!(problem.contains("InvalidIdentityToken") && !problem.contains("jwt-3"), "{problem}");

    let requests = sts.recorded();
    let form = |request: &Recorded| String::from_utf8(request.body.clone()).unwrap();
    let asked = |request: &Recorded| {
        let form = form(request);
        ["Action", "RoleArn", "WebIdentityToken", "RoleSessionName"].map(|name| parameter(&form, name).unwrap())
    };
    assert_eq!(asked(&requests[0]), ["AssumeRoleWithWebIdentity", ROLE, "jwt-1", "bucket-brigade"]);
    assert_eq!(asked(&requests[1]), ["AssumeRoleWithWebIdentity", "arn:other", "jwt-2", "nightly"]);
    assert_eq!((requests[0].method.as_str(), requests[0].target.as_str()), ("POST", "/"));
    assert_eq!(requests[0].header("host"), Some(format!("127.0.0.1:{}", sts.port).as_str()));
    assert_eq!(requests[0].header("authorization"), None);
    let lacking = fetch(Origin::WebIdentity { role_arn: None, token_file: None }, &[]).await.unwrap_err();
    assert!(lacking.contains("AWS_WEB_IDENTITY_TOKEN_FILE, which EKS sets"), "{lacking}");
}

/// What another implementation signs such a request with.
fn expected_authorization(sts: &Stub, request: &Recorded, keys: &Credentials) -> String {
    let date: Timestamp = {
        let text = request.header("x-amz-date").unwrap();
        let (d, t) = (&text[..8], &text[9..15]);
        format!("{}-{}-{}T{}:{}:{}Z", &d[..4], &d[4..6], &d[6..], &t[..2], &t[2..4], &t[4..]).parse().unwrap()
    };
    let identity = SdkCredentials::new(&keys.key_id, &keys.secret, keys.token.clone(), None, "test").into();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(date.as_second()).unwrap());
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("sts")
        .time(time)
        .settings(SigningSettings::default())
        .build()
        .unwrap();
    let url = format!("{}{}", sts.url(), request.target);
    let signed = ["content-type", "x-amz-content-sha256"].map(|name| (name, request.header(name).unwrap()));
    let signable = SignableRequest::new("GET", url, signed.into_iter(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(signable, &parameters.into()).unwrap().into_parts();
    let authorization = instructions.headers().find(|(name, _)| *name == "authorization").unwrap().1;
    authorization.to_owned()
}

#[tokio::test]
async fn a_role_is_assumed_by_a_request_that_is_signed_for_the_sts_that_is_asked() {
    let refused = refusal_of_sts("AccessDenied", "not authorized to perform sts:AssumeRole");
    let sts = Stub::scripted([answer(200, &[], &of_sts("AssumeRole", "of-role")), answer(403, &[], &refused)]).await;
    assert_fetched(fetch_by(&sts, assume(keys()), &[]).await, "of-role");
    let request = &sts.recorded()[0];
    let query = request.target.split_once('?').unwrap().1;
    let asked = ["Action", "RoleArn", "RoleSessionName", "ExternalId", "DurationSeconds"];
    let asked = asked.map(|name| parameter(query, name).unwrap());
    assert_eq!(asked, ["AssumeRole", ROLE, "bucket-brigade", "agreed:1", "3600"]);
    assert_eq!(request.header("x-amz-security-token"), Some("source-token"));
    let Origin::Keys(source) = keys() else { unreachable!() };
    let authorization = request.header("authorization").unwrap();
    assert_eq!(authorization, expected_authorization(&sts, request, &source()));
    let problem = fetch_by(&sts, assume(keys()), &[]).await.unwrap_err();
    assert!(problem.starts_with("AccessDenied: not authorized"), "{problem}");
}

#[tokio::test]
async fn a_role_may_be_assumed_with_what_the_machine_gives_and_each_step_says_its_own_failure() {
    let imds = Stub::scripted(metadata_service("of-machine")).await;
    let sts = Stub::scripted([answer(200, &[], &of_sts("AssumeRole", "of-role"))]).await;
    let environment = [("AWS_EC2_METADATA_SERVICE_ENDPOINT", imds.url())];
    assert_fetched(fetch_by(&sts, assume(Origin::MachineMetadata), &environment).await, "of-role");
    let request = &sts.recorded()[0];
    assert_eq!(request.header("x-amz-security-token"), Some("of-machine"));
    let nothing = fetch_by(&sts, assume(Origin::Environment), &[]).await.unwrap_err();
    assert!(nothing.starts_with("the environment: it has none: set AWS_ACCESS_KEY_ID"), "{nothing}");
    let away = CloudConfig { sts_url: Some("http://127.0.0.1:1".into()), ..cloud_config(assume(keys())) };
    let NoCredentials(problem) = cloud(away, &[]).fetch().await.unwrap_err();
    assert!(problem.contains("http://127.0.0.1:1") && problem.contains("refused"), "{problem}");
}

#[tokio::test]
async fn a_process_prints_credentials_and_its_failure_is_told_without_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let output = format!(r#"{{"Version":1,{KEYS},"SessionToken":"'"$1"'"}}"#);
    let command = script(&folder, &format!("echo '{output}'"));
    assert_fetched(fetch(Origin::Process(format!("{command} of-process")), &[]).await, "of-process");
    let failing = script(&folder, "echo locked >&2; exit 3");
    let problem = fetch(Origin::Process(failing), &[]).await.unwrap_err();
    assert!(problem.contains("status 3") && problem.contains("run it by hand"), "{problem}");
    assert!(!problem.contains("locked"), "what a program says may be a secret: {problem}");
    let missing = fetch(Origin::Process("/no/such/program".into()), &[]).await.unwrap_err();
    assert!(missing.contains("/no/such/program: No such file"), "{missing}");
}

#[tokio::test]
async fn a_profile_is_read_from_the_shared_files_each_time() {
    let folder = tempfile::tempdir().unwrap();
    let (shared, other) = (folder.path().join("credentials"), folder.path().join("config"));
    let of = |key: &str| format!("aws_access_key_id = {key}\naws_secret_access_key = s\naws_session_token = t\n");
    std::fs::write(&shared, format!("[default]\n{}[batch]\n{}", of("ONE"), of("TWO"))).unwrap();
    std::fs::write(&other, format!("[profile other]\n{}[profile role]\nrole_arn = {ROLE}\n", of("THREE"))).unwrap();
    let files = [
        ("AWS_SHARED_CREDENTIALS_FILE", shared.display().to_string()),
        ("AWS_CONFIG_FILE", other.display().to_string()),
    ];
    let key_of = |profile: Option<&str>, more: &[(&'static str, String)]| {
        let (origin, all) = (Origin::Profile(profile.map(str::to_owned)), [&files[..], more].concat());
        async move { fetch(origin, &all).await.map(|fetched| fetched.credentials.key_id) }
    };
    let named = [("AWS_PROFILE", "batch".to_owned())];
    assert_eq!(key_of(None, &[]).await.as_deref(), Ok("ONE"));
    assert_eq!(key_of(None, &named).await.as_deref(), Ok("TWO"));
    assert_eq!(key_of(Some("other"), &named).await.as_deref(), Ok("THREE"));
    let role = key_of(Some("role"), &[]).await.unwrap_err();
    assert!(role.contains("give the profile aws_access_key_id") && role.contains("is not followed"), "{role}");
    std::fs::write(&shared, format!("[default]\n{}", of("NEXT"))).unwrap();
    assert_eq!(key_of(None, &[]).await.as_deref(), Ok("NEXT"));
}

#[tokio::test]
async fn a_profile_that_somebody_has_signed_on_with_is_given_credentials_until_the_token_ends() {
    let folder = tempfile::tempdir().unwrap();
    let (cache, config) = (folder.path().join(".aws/sso/cache"), folder.path().join("config"));
    std::fs::create_dir_all(&cache).unwrap();
    let profile = "[profile nightly]\nsso_start_url = https://portal.example.com/start\nsso_region = eu-west-1\n\
                   sso_account_id = 123456789012\nsso_role_name = batch\n[profile plain]\nregion = eu-west-1\n";
    std::fs::write(&config, profile).unwrap();
    // The SHA-1 of the URL.
    let token = cache.join("f99d968d2b4037e9fb98a14ff5546d9ef0c014b8.json");
    let sign_on = |ends: &str| {
        let text = format!(r#"{{"accessToken":"of-sign-on","expiresAt":"{ends}"}}"#);
        std::fs::write(&token, text).unwrap();
    };
    let given = r#"{"roleCredentials":{"accessKeyId":"ASIAFETCHED00000000","secretAccessKey":"fetched-secret",
        "sessionToken":"of-portal","expiration":4102444800000}}"#;
    let portal = Stub::scripted([answer(200, &[], given), answer(401, &[], "signed off")]).await;
    let environment = [
        ("HOME", folder.path().display().to_string()),
        ("AWS_CONFIG_FILE", config.display().to_string()),
        ("AWS_SSO_ENDPOINT", portal.url()),
    ];
    let origin = |profile: &str| Origin::SignedOn(Some(profile.to_owned()));
    let fetched = async |profile: &str| fetch(origin(profile), &environment).await;
    assert!(fetched("plain").await.unwrap_err().contains("give the profile sso_start_url"));
    assert!(fetched("nightly").await.unwrap_err().contains("aws sso login"), "no one has signed on");
    sign_on("2020-01-01T00:00:00Z");
    assert!(fetched("nightly").await.unwrap_err().contains("aws sso login"), "the token has ended");
    assert_eq!(portal.recorded().len(), 0);
    sign_on("2099-01-01T00:00:00Z");
    let fetched_now = fetched("nightly").await.unwrap();
    assert_eq!(fetched_now.credentials.token.as_deref(), Some("of-portal"));
    assert_eq!(fetched_now.ends, Some("2100-01-01T00:00:00Z".parse().unwrap()));
    let asked = &portal.recorded()[0];
    assert_eq!(asked.header("x-amz-sso_bearer_token"), Some("of-sign-on"));
    assert!(fetched("nightly").await.unwrap_err().contains("401"));
}

#[tokio::test]
async fn the_environment_is_no_reason_to_ask_anybody_else() {
    let unasked = Stub::scripted([]).await;
    let others = [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", unasked.url()),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", unasked.url()),
        ("AWS_ENDPOINT_URL_STS", unasked.url()),
        ("HTTP_PROXY", unasked.url()),
    ];
    let own = [
        ("AWS_ACCESS_KEY_ID", "AKIDENV".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "s".to_owned()),
        ("AWS_SESSION_TOKEN", "t".to_owned()),
    ];
    let fetched = fetch(Origin::Environment, &[&own[..], &others].concat()).await.unwrap();
    assert_eq!((fetched.credentials.key_id.as_str(), fetched.credentials.token.as_deref()), ("AKIDENV", Some("t")));
    let none = fetch(Origin::Environment, &others).await.unwrap_err();
    assert!(none.contains("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"), "{none}");
    fetch(Origin::Profile(None), &others).await.unwrap_err();
    assert_eq!(unasked.recorded().len(), 0);
}

/// A store that signs with what the process prints; the clock is the system's.
fn refreshed(command: String) -> Arc<dyn CredentialSource> {
    let cloud = cloud(cloud_config(Origin::Process(command)), &[]);
    Arc::new(RefreshedCredentials::new("main", cloud, Arc::new(SystemClock::new()), Arc::new(TokioSpawn)))
}

fn delete() -> DeleteObject {
    DeleteObject { at: crate::calls::at("key"), version: None, if_match: None }
}

#[tokio::test]
async fn fetched_credentials_sign_with_their_token() {
    let folder = tempfile::tempdir().unwrap();
    let command = script(&folder, &format!(r#"echo '{{"Version":1,{KEYS},"SessionToken":"of-process"}}'"#));
    let stub = Stub::scripted([answer(204, &[], ""), answer(204, &[], "")]).await;
    let store = store_of(HttpConfig { credentials: refreshed(command), ..config(&stub.url()) });
    for _ in 0..2 {
        call(&store, delete()).await.unwrap();
    }
    for request in stub.recorded() {
        let authorization = request.header("authorization").unwrap();
        assert!(
            authorization.contains("Credential=ASIAFETCHED00000000/") && authorization.contains("x-amz-security-token")
        );
        assert_eq!(request.header("x-amz-security-token"), Some("of-process"));
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_sent_and_the_error_says_what_to_do() {
    let stub = Stub::scripted([]).await;
    let store = store_of(HttpConfig { credentials: refreshed("/no/such/program".into()), ..config(&stub.url()) });
    let error = call(&store, delete()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str(), error.attempts), (Verdict::CredentialsRefused, "NoCredentials", 0));
    assert!(error.message.starts_with("no credentials from the credential process: /no/such/program"), "{error}");
    assert_eq!(stub.recorded().len(), 0);
}

#[tokio::test]
async fn calls_wait_while_there_are_no_credentials_and_a_person_is_told_at_once() {
    let stub = Stub::scripted([]).await;
    let http = HttpConfig { credentials: refreshed("/no/such/program".into()), ..config(&stub.url()) };
    let (clock, breaker) = (Arc::new(SystemClock::new()), Arc::new(CircuitBreaker::new()));
    let http = HttpStore::new(http, clock.clone()).unwrap();
    let entropy = Arc::new(SeededEntropy::new(1));
    let retry = Retry::new(Arc::new(http), RetryPolicy::default(), Arc::clone(&breaker), clock, entropy);
    let person = FailFast { inner: Arc::new(retry), breaker: Arc::clone(&breaker) };
    let error = send(&person, &CancelToken::unbounded(), delete()).await.unwrap_err();
    assert!(error.message.contains("/no/such/program"), "{error}");
    let reason = breaker.reason().unwrap().to_string();
    let expected =
        "there are no credentials for the endpoint: NoCredentials: no credentials from the credential process";
    assert!(reason.starts_with(expected), "{reason}");
    assert_eq!(stub.recorded().len(), 0);
}

/// A source with others at hand once the first were refused.
struct Renewed(std::sync::Mutex<Vec<Credentials>>);

#[async_trait::async_trait]
impl CredentialSource for Renewed {
    fn current(&self) -> Option<Arc<Credentials>> {
        self.0.lock().unwrap().last().cloned().map(Arc::new)
    }

    async fn obtain(&self) -> Result<Arc<Credentials>, NoCredentials> {
        Ok(self.current().unwrap())
    }

    fn renew(&self, refused: &Arc<Credentials>) -> bool {
        let mut left = self.0.lock().unwrap();
        if left.len() > 1 && left.last() == Some(refused) {
            left.pop();
            return true;
        }
        false
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_and_the_call_repeated_with_the_new_one() {
    let refusal = "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>";
    let stub = Stub::scripted([answer(400, &[], refusal), answer(204, &[], "")]).await;
    let new = Credentials { token: Some("new-token".into()), ..credentials() };
    let source = Arc::new(Renewed(vec![new, credentials()].into()));
    let clock = Arc::new(SystemClock::new());
    let http = HttpStore::new(HttpConfig { credentials: source, ..config(&stub.url()) }, clock.clone()).unwrap();
    let policy = RetryPolicy { attempts_max: 2, ..RetryPolicy::default() };
    let entropy = Arc::new(SeededEntropy::new(1));
    let retry = Retry::new(Arc::new(http), policy, Arc::new(CircuitBreaker::new()), clock, entropy);
    send(&retry, &CancelToken::unbounded(), delete()).await.unwrap();
    let tokens: Vec<_> =
        stub.recorded().iter().map(|request| request.header("x-amz-security-token").unwrap().to_owned()).collect();
    assert_eq!(tokens, ["token-of-test", "new-token"]);
}

#[tokio::test]
async fn a_refusal_of_credentials_that_have_no_others_stays_one_and_so_does_that_of_a_wrong_clock() {
    let refusal = |code: &str| answer(403, &[], &format!("<Error><Code>{code}</Code></Error>"));
    let stub = Stub::scripted([refusal("ExpiredToken"), refusal("RequestTimeTooSkewed")]).await;
    let alone = Arc::new(Renewed(vec![credentials()].into()));
    let store = store_of(HttpConfig { credentials: alone, ..config(&stub.url()) });
    assert_eq!(call(&store, delete()).await.unwrap_err().verdict, Verdict::CredentialsRefused);
    let two = Arc::new(Renewed(vec![credentials(), credentials()].into()));
    let store = store_of(HttpConfig { credentials: two.clone(), ..config(&stub.url()) });
    assert_eq!(call(&store, delete()).await.unwrap_err().verdict, Verdict::CredentialsRefused);
    assert_eq!(two.0.lock().unwrap().len(), 2, "others would be refused, too");
}
