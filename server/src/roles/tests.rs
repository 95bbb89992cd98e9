use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use brigade_model::{Capability, EndpointSettings, Finding, Probe, Proof, Timestamp};
use brigade_runtime::{SeededEntropy, SimulatedClock};

use super::*;

const CONFIG: &str = r#"
[endpoints.main]
url = "http://127.0.0.1:9"
access_key = "MAIN"
secret_key = "s"
strip_appid = true
[endpoints.second]
url = "http://127.0.0.1:10"
access_key = "SECOND"
secret_key_file = "SECRETS/second"
kind = "garage"
regions = ["west-1"]

[accounts.photos.cos]
appid = "1250000000"
uin = "1"
[accounts.photos.grantees]
"100000000002" = "5c8b"
[accounts.photos.keys.K]
secret = "s"
[accounts.photos.roles.one.source]
endpoint = "main"
buckets = ["photos", "logs-*"]
[accounts.photos.roles.two]
operations = ["copy"]
[accounts.photos.roles.two.source]
endpoint = "main"
access_key = "OWN"
secret_key = "own"
buckets = ["photos"]
[accounts.photos.roles.two.target]
endpoint = "second"
[accounts.photos.roles.two.manifest]
buckets = ["manifests"]
[accounts.photos.roles.two.report]
access_key = "REPORT"
secret_key = "r"
"#;

fn write_secret(folder: &Path, secret: &str) {
    let file = folder.join("second");
    std::fs::write(&file, secret).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

fn build(folder: &Path) -> (Config, ConfiguredRoles) {
    write_secret(folder, "first");
    let config = Config::from_text(&CONFIG.replace("SECRETS", folder.to_str().unwrap())).unwrap();
    let roles = build_from(&config);
    (config, roles)
}

fn build_from(config: &Config) -> ConfiguredRoles {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new());
    let metrics = Metrics::new(Arc::clone(&clock));
    let tools = Tools { clock, entropy: Arc::new(SeededEntropy::new(1)), metrics, idle: IdleConnections::default() };
    ConfiguredRoles::build(config, &tools).unwrap()
}

fn access_key_of(chain: &Chain) -> &str {
    match &chain.login {
        Login::Keys(pair, _) => &pair.access_key,
        Login::Fetched(_) => "fetched",
    }
}

fn places(roles: &ConfiguredRoles, role: &str) -> RolePlaces {
    roles.places(&AccountId::new("photos").unwrap(), role).unwrap()
}

fn resolve(place: &Place, bucket: &str) -> Option<String> {
    place.buckets.resolve(&BucketName::new(bucket).unwrap()).map(String::from)
}

#[tokio::test(start_paused = true)]
async fn a_place_that_says_nothing_is_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let (_, roles) = build(folder.path());
    let one = places(&roles, "one");
    for place in [&one.target, &one.manifest, &one.report] {
        assert!(Arc::ptr_eq(&place.store, &one.source.store));
        assert_eq!(place.buckets, one.source.buckets);
    }
    assert_eq!(resolve(&one.source, "photos-1250000000").as_deref(), Some("photos"), "the appid is stripped");
    assert_eq!(resolve(&one.source, "photos2"), None);
    assert_eq!(one.operations.len(), 5);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_the_places_own_or_the_sources_on_its_endpoint_or_the_endpoints() {
    let folder = tempfile::tempdir().unwrap();
    let (_, roles) = build(folder.path());
    let two = places(&roles, "two");
    let used: Vec<(&str, &str)> =
        roles.chains.iter().map(|chain| (chain.endpoint.as_str(), access_key_of(chain))).collect();
    assert_eq!(used, [("main", "MAIN"), ("main", "OWN"), ("second", "SECOND"), ("main", "REPORT")]);
    assert!(Arc::ptr_eq(&two.source.store, &two.manifest.store));
    assert!(!Arc::ptr_eq(&two.source.store, &two.report.store));
    assert_eq!(two.target.endpoint.as_str(), "second");
    assert!(!two.target.capabilities.has(Capability::Tagging), "as its kind is known");
    assert_eq!(resolve(&two.target, "photos").as_deref(), Some("photos"), "the source's buckets");
    assert_eq!(resolve(&two.manifest, "photos"), None);
    assert_eq!(roles.now().len(), 2, "one limit for each endpoint");
}

#[tokio::test(start_paused = true)]
async fn places_without_keys_of_their_own_share_what_their_endpoint_fetches_and_building_them_fetches_nothing() {
    let folder = tempfile::tempdir().unwrap();
    write_secret(folder.path(), "first");
    let keys = "access_key = \"MAIN\"\nsecret_key = \"s\"";
    let config = CONFIG.replace("SECRETS", folder.path().to_str().unwrap());
    let fetching = config.replacen(keys, "credentials = \"process\"\ncredential_process = \"/no/such/program\"", 1);
    let roles = build_from(&Config::from_text(&fetching).unwrap());
    let used: Vec<(&str, &str)> =
        roles.chains.iter().map(|chain| (chain.endpoint.as_str(), access_key_of(chain))).collect();
    assert_eq!(used, [("main", "fetched"), ("main", "OWN"), ("second", "SECOND"), ("main", "REPORT")]);
    let main = EndpointName::new("main").unwrap();
    let probe = &roles.probing[&main].login;
    assert!(matches!(probe, Login::Fetched(_)) && roles.chains[0].login.is_like(probe));
    roles.rotate();
}

#[tokio::test(start_paused = true)]
async fn others_latency_is_measured_at_the_first_bucket_that_a_role_names_without_a_pattern() {
    let folder = tempfile::tempdir().unwrap();
    write_secret(folder.path(), "first");
    let protected = CONFIG.replace("kind = \"garage\"", "protect_latency = \"50ms\"");
    let config = protected.replace("SECRETS", folder.path().to_str().unwrap());
    let roles = build_from(&Config::from_text(&config).unwrap());
    let now = |name: &str| roles.endpoint(name).unwrap().1.protection_now();
    let protection = now("second").unwrap();
    assert_eq!((protection.bucket.as_str(), protection.latency), ("photos", Duration::from_millis(50)));
    assert_eq!(now("main"), None);
    let patterns = config.replace("buckets = [\"photos\"]", "buckets = [\"photos-*\"]");
    let mistake = Config::from_text(&patterns).unwrap_err().to_string();
    assert!(mistake.contains("endpoints.second.protect_latency: needs a role that names a bucket"), "{mistake}");
}

#[tokio::test(start_paused = true)]
async fn roles_are_found_within_their_account_only() {
    let folder = tempfile::tempdir().unwrap();
    let (_, roles) = build(folder.path());
    assert!(roles.places(&AccountId::new("other").unwrap(), "one").is_none());
    assert!(roles.places(&AccountId::new("photos").unwrap(), "three").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_changed_signs_the_next_request() {
    let folder = tempfile::tempdir().unwrap();
    let (config, roles) = build(folder.path());
    let signed_with = || {
        let chain = roles.chains.iter().find(|chain| chain.endpoint.as_str() == "second").unwrap();
        chain.login.source().current().unwrap().secret.clone()
    };
    assert_eq!(signed_with(), "first");
    write_secret(folder.path(), "the second");
    for secret in config.secrets() {
        secret.refresh().unwrap();
    }
    roles.rotate();
    assert_eq!(signed_with(), "the second");
}

#[tokio::test(start_paused = true)]
async fn what_a_probe_found_out_takes_effect_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (_, roles) = build(folder.path());
    let has = || places(&roles, "two").target.capabilities.has(Capability::Tagging);
    assert!(!has(), "as its kind is known");
    let found = Finding { capability: Capability::Tagging, proof: Proof::Proved, seen: String::new() };
    let probe = Probe { bucket: BucketName::new("scratch").unwrap(), at: Timestamp::UNIX_EPOCH, findings: vec![found] };
    let settings = EndpointSettings { probe: Some(probe), ..EndpointSettings::default() };
    let endpoint = EndpointName::new("second").unwrap();
    roles.adopt(vec![EndpointRow { endpoint, revision: 1, settings }]);
    assert!(has(), "as it was probed");
}

#[tokio::test(start_paused = true)]
async fn grantees_of_cos_are_mapped_by_their_account_except_on_cos_itself() {
    let grantee = "qcs::cam::uin/1:uin/100000000002";
    let folder = tempfile::tempdir().unwrap();
    let (_, roles) = build(folder.path());
    assert_eq!(places(&roles, "two").target.grantees.resolve(grantee), Ok("5c8b"));
    write_secret(folder.path(), "first");
    let on_cos = CONFIG.replace("SECRETS", folder.path().to_str().unwrap()).replace("\"garage\"", "\"cos\"");
    let roles = build_from(&Config::from_text(&on_cos).unwrap());
    assert_eq!(places(&roles, "two").target.grantees.resolve(grantee), Ok(grantee));
}

#[test]
fn the_time_outs_of_an_endpoint_are_those_of_its_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let (config, _) = build(folder.path());
    assert_eq!(timeouts(&config.endpoints["main"]), Timeouts::default());
    let patient = r#"idle_timeout = "1m"
idle_timeout_per_mib = "1s"
copy_timeout = "15m"
strip_appid = true"#;
    let text = CONFIG.replace("SECRETS", folder.path().to_str().unwrap()).replace("strip_appid = true", patient);
    let config = Config::from_text(&text).unwrap();
    let expected = Timeouts {
        attempt: Duration::from_secs(60),
        per_mib: Duration::from_secs(1),
        copy: Duration::from_secs(900),
        ..Timeouts::default()
    };
    assert_eq!(timeouts(&config.endpoints["main"]), expected);
}
