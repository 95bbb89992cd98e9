use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use super::*;
use crate::credentials::CredentialsFrom;
use crate::section::{Row, RowKind};

const SOUND: &str = r#"
[server]
listen = "127.0.0.1:0"

[endpoints.main]
url = "http://127.0.0.1:9000"
access_key = "AKIDSTORE"
secret_key = "store-secret"

[accounts.photos.cos]
appid = 1250000000
uin = 100000000001

[accounts.photos.keys.AKIDPHOTOS]
secret = "photos-secret"

[accounts.photos.roles.batch.source]
endpoint = "main"
buckets = ["photos", "logs-*"]
"#;

fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
    let source = Source { name: "brigade.toml".to_owned(), file: None, folder: PathBuf::from("/etc/brigade") };
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::parse(source, text, environment).map(|(config, warnings)| {
        assert!(warnings.is_empty(), "{warnings:?}");
        config
    })
}

fn mistakes(text: &str, environment: &[(&str, &str)]) -> String {
    parse(text, environment).expect_err("there are mistakes").to_string()
}

#[test]
fn a_sound_configuration_is_read_with_its_defaults() {
    let config = parse(SOUND, &[]).unwrap();
    assert_eq!(config.accounts["photos"].cos.appid, "1250000000");
    assert_eq!(config.server.data_dir, Path::new("/etc/brigade/brigade-data"), "paths start from the file's folder");
    assert_eq!(config.engine.confirmation_patience, Duration::from_secs(30 * 86_400));
    assert_eq!(config.endpoints["main"].requests_in_flight, 1024);
    assert!(config.client.is_none());
}

#[test]
fn a_configuration_never_shows_its_secrets() {
    let shown = format!("{:?}", parse(SOUND, &[]).unwrap());
    assert!(!shown.contains("store-secret") && !shown.contains("photos-secret"), "{shown}");
}

#[test]
fn the_environment_wins_over_the_file() {
    let environment = [
        ("BRIGADE_SERVER_LISTEN", "0.0.0.0:80"),
        ("BRIGADE_ENDPOINTS_MAIN_URL", "https://s3.example.com"),
        ("BRIGADE_ACCOUNTS_PHOTOS_ROLES_BATCH_SOURCE_BUCKETS", "a, b"),
        ("BRIGADE_CLIENT_URL", "http://127.0.0.1:8080"),
        ("BRIGADE_CLIENT_APPID", "1250000000"),
        ("BRIGADE_CLIENT_UIN", "100000000001"),
        ("BRIGADE_CLIENT_SECRET_ID", "AKIDPHOTOS"),
        ("BRIGADE_CLIENT_SECRET_KEY", "photos-secret"),
        ("HOME", "/root"),
    ];
    let config = parse(SOUND, &environment).unwrap();
    assert_eq!(config.server.listen.port(), 80);
    assert_eq!(config.endpoints["main"].url.as_str(), "https://s3.example.com");
    assert_eq!(config.accounts["photos"].roles["batch"].source.buckets, Some(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(config.client.unwrap().secret_id, "AKIDPHOTOS");
}

#[test]
fn every_mistake_is_told_at_once_with_its_line_and_its_setting() {
    let text = r#"
[server]
listen = "localhost"
log_format = ["text"]
tls_cert_file = "cert.pem"
lisen = "127.0.0.1:1"

[engine]
active_jobs = 0
confirmation_patience = 30

[endpoints.main]
region = "r"
kind = "swift"

[endpoints.other]
url = "http://127.0.0.1:9000/path?query"
secret_key = "s"
secret_key_file = "also"

[accounts.photos.cos]
appid = 1
uin = "a"
colour = { red = 1 }

[accounts.photos.keys.AKID]
actions = ["cos:Fly"]

[accounts.photos.roles.batch.source]
endpoint = "elsewhere"
"#;
    insta::assert_snapshot!(mistakes(text, &[]));
}

#[test]
fn what_does_not_fit_together_is_told_beside_what_cannot_be_read() {
    let text = r#"
[server]
listen = "localhost"
tls_key_file = "absent.pem"

[endpoints.main]
url = "nowhere"
access_key = "A"

[accounts.photos.keys.AKID]
secret_file = "absent"
actions = "all"

[accounts.photos.roles.batch.source]
endpoint = "mian"
buckets = ["*"]

[client]
url = "http://127.0.0.1:8080"
"#;
    insta::assert_snapshot!(mistakes(text, &[]));
}

#[test]
fn every_line_that_is_no_toml_is_told_at_once() {
    let text = "[server]\nlisten = 127.0.0.1:8080\n\n[endpoints.main\nurl = \"http://a\"\nregion = 'r\n";
    insta::assert_snapshot!(mistakes(text, &[]));
}

#[test]
fn every_type_of_a_required_setting_has_a_stand_in() {
    fn required(rows: &[Row], path: &str, lacking: &mut Vec<String>) {
        for row in rows {
            let name = format!("{path}.{}", row.name);
            match &row.kind {
                RowKind::Setting { is_required: true, has_stand_in: false, .. } => lacking.push(name),
                RowKind::Table(_, inner) | RowKind::Named(_, inner) | RowKind::List(_, inner) => {
                    required(inner, &name, lacking);
                }
                RowKind::Setting { .. } | RowKind::Secret | RowKind::Map(_) => {}
            }
        }
    }
    let mut lacking = Vec::new();
    required(&Config::rows(), "", &mut lacking);
    assert_eq!(lacking, [""; 0]);
}

#[test]
fn what_does_not_fit_together_is_a_mistake() {
    let text = r#"
[server]
tls_key_file = "key.pem"
log_filter = "info,,=x="

[engine]
free_space_to_start = "2GiB"

[endpoints."ma in"]
url = "http://127.0.0.1:9000"
access_key = "A"

[endpoints.open]
url = "http://127.0.0.1:9001"
ca_file = "absent.pem"

[accounts.photos.cos]
appid = "1250000000"
uin = "me"
[accounts.photos.s3control]
account_id = "1234"
[accounts.photos.keys.AKID]
secret = "s"
security_token = "t"
[accounts.photos.roles.batch.source]
endpoint = "elsewhere"
[accounts.photos.roles.copy.source]
endpoint = "open"
buckets = ["*"]

[accounts.other.cos]
appid = "1250000000"
uin = "2"
[accounts.other.keys.AKID]

[accounts.none.cos]
appid = "125-1"
uin = "3"
"#;
    insta::assert_snapshot!(mistakes(text, &[]));
}

#[test]
fn an_account_may_have_a_quota_of_its_own() {
    let text = format!("{SOUND}\n[engine]\nopen_jobs_max = 7\naccount_bytes_max = \"1GiB\"\n");
    let text =
        text.replace("[accounts.photos.cos]", "[accounts.photos]\naccount_bytes_max = \"3MiB\"\n[accounts.photos.cos]");
    let quotas = parse(&text, &[]).unwrap().quotas();
    let default = brigade_model::Quota { open_jobs_max: 7, bytes_max: 1 << 30, ..Default::default() };
    assert_eq!(quotas.default, default);
    assert_eq!(*quotas.of(&"photos".parse().unwrap()), brigade_model::Quota { bytes_max: 3 << 20, ..default });
    assert_eq!(*quotas.of(&"others".parse().unwrap()), default);
}

/// An account as it was written before its dialects had sections: what it says of itself, on lines 11 to 13.
fn in_old_form() -> String {
    SOUND.replace("[accounts.photos.cos]\n", "[accounts.photos]\naccount_id = \"123456789012\"\n")
}

fn with_warnings(text: &str, environment: &[(&str, &str)]) -> (Config, String) {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let (config, warnings) = Config::parse(source(Path::new("brigade.toml")), text, environment).unwrap();
    let lines: Vec<String> = warnings.iter().map(ConfigMistake::to_string).collect();
    (config, lines.join("\n"))
}

fn identities(config: &Config) -> (&str, &str, Option<&str>) {
    let account = &config.accounts["photos"];
    let account_id = account.s3control.as_ref().map(|s3control| s3control.account_id.as_str());
    (&account.cos.appid, &account.cos.uin, account_id)
}

#[test]
fn the_old_form_of_an_account_is_read_with_a_warning_for_each_setting() {
    let (config, warnings) = with_warnings(&in_old_form(), &[]);
    assert_eq!(identities(&config), ("1250000000", "100000000001", Some("123456789012")));
    insta::assert_snapshot!(warnings, @"
    brigade.toml:12: accounts.photos.appid: is the old name of accounts.photos.cos.appid: rename it
    brigade.toml:13: accounts.photos.uin: is the old name of accounts.photos.cos.uin: rename it
    brigade.toml:11: accounts.photos.account_id: is the old name of accounts.photos.s3control.account_id: rename it
    ");
}

#[test]
fn the_old_variables_of_an_account_are_read_with_a_warning_for_each() {
    let environment = [("BRIGADE_ACCOUNTS_PHOTOS_APPID", "1"), ("BRIGADE_ACCOUNTS_PHOTOS_ACCOUNT_ID", "210987654321")];
    let (config, warnings) = with_warnings(&in_old_form(), &environment);
    assert_eq!(identities(&config), ("1", "100000000001", Some("210987654321")), "they win over the file");
    insta::assert_snapshot!(warnings, @"
    environment: BRIGADE_ACCOUNTS_PHOTOS_APPID: is the old name of BRIGADE_ACCOUNTS_PHOTOS_COS_APPID: rename it
    brigade.toml:12: accounts.photos.appid: is the old name of accounts.photos.cos.appid: rename it
    brigade.toml:13: accounts.photos.uin: is the old name of accounts.photos.cos.uin: rename it
    environment: BRIGADE_ACCOUNTS_PHOTOS_ACCOUNT_ID: is the old name of BRIGADE_ACCOUNTS_PHOTOS_S3CONTROL_ACCOUNT_ID: rename it
    brigade.toml:11: accounts.photos.account_id: is the old name of accounts.photos.s3control.account_id: rename it
    ");
}

#[test]
fn the_new_form_of_an_account_is_read_from_the_file_and_from_variables_without_a_warning() {
    let environment =
        [("BRIGADE_ACCOUNTS_PHOTOS_COS_APPID", "1"), ("BRIGADE_ACCOUNTS_PHOTOS_S3CONTROL_ACCOUNT_ID", "210987654321")];
    let (config, warnings) = with_warnings(SOUND, &environment);
    assert_eq!(identities(&config), ("1", "100000000001", Some("210987654321")));
    assert_eq!(warnings, "");
    let bare = SOUND.replace("[accounts.photos.cos]\nappid = 1250000000\nuin = 100000000001\n", "");
    let both = [("BRIGADE_ACCOUNTS_PHOTOS_COS_APPID", "1"), ("BRIGADE_ACCOUNTS_PHOTOS_COS_UIN", "2")];
    assert_eq!(identities(&parse(&bare, &both).unwrap()), ("1", "2", None), "variables alone say who the account is");
}

#[test]
fn a_setting_in_its_old_and_its_new_form_is_a_mistake() {
    let text = in_old_form().replace("[accounts.photos.keys", "[accounts.photos.cos]\nuin = 2\n[accounts.photos.keys");
    let environment = [
        ("BRIGADE_ACCOUNTS_PHOTOS_COS_APPID", "1"),
        ("BRIGADE_ACCOUNTS_PHOTOS_ACCOUNT_ID", "210987654321"),
        ("BRIGADE_ACCOUNTS_PHOTOS_S3CONTROL_ACCOUNT_ID", "210987654321"),
    ];
    insta::assert_snapshot!(mistakes(&text, &environment), @"
    brigade.toml:11: accounts.photos.account_id: is the old name of accounts.photos.s3control.account_id, and BRIGADE_ACCOUNTS_PHOTOS_S3CONTROL_ACCOUNT_ID is given too: keep the new one
    brigade.toml:12: accounts.photos.appid: is the old name of accounts.photos.cos.appid, and BRIGADE_ACCOUNTS_PHOTOS_COS_APPID is given too: keep the new one
    brigade.toml:13: accounts.photos.uin: is the old name of accounts.photos.cos.uin, and accounts.photos.cos.uin is given too: keep the new one
    environment: BRIGADE_ACCOUNTS_PHOTOS_ACCOUNT_ID: is the old name of BRIGADE_ACCOUNTS_PHOTOS_S3CONTROL_ACCOUNT_ID, and BRIGADE_ACCOUNTS_PHOTOS_S3CONTROL_ACCOUNT_ID is given too: keep the new one
    ");
}

#[test]
fn a_mistake_in_the_old_form_is_told_as_it_is_written() {
    let text = in_old_form().replace("uin = 100000000001", "uin = \"me\"").replace("123456789012", "1234");
    insta::assert_snapshot!(mistakes(&text, &[("BRIGADE_ACCOUNTS_PHOTOS_APPID", "1-2")]), @"
    brigade.toml:11: accounts.photos.account_id: takes 12 digits in quotes
    brigade.toml:13: accounts.photos.uin: takes digits
    environment: BRIGADE_ACCOUNTS_PHOTOS_APPID: takes 1 to 64 letters and digits
    ");
}

#[test]
fn an_account_without_its_cos_section_is_told_which_section_is_missing() {
    let text = SOUND.replace("[accounts.photos.cos]\nappid = 1250000000\nuin = 100000000001\n", "[accounts.photos]\n");
    insta::assert_snapshot!(mistakes(&text, &[]), @"brigade.toml:10: accounts.photos.cos: is missing: add [accounts.photos.cos] with appid and uin");
}

#[test]
fn grantees_are_ids_by_uin() {
    let with = |line: &str| format!("{SOUND}\n[accounts.photos.grantees]\n{line}\n");
    let config = parse(&with("100000000001 = \"5c8b\"\n\"100000000002\" = \"79a5\""), &[]).unwrap();
    let grantees: Vec<(&str, &str)> =
        config.accounts["photos"].grantees.iter().map(|(uin, id)| (uin.as_str(), id.as_str())).collect();
    assert_eq!(grantees, [("100000000001", "5c8b"), ("100000000002", "79a5")]);
    assert!(mistakes(&with("you = \"5c8b\""), &[]).contains("accounts.photos.grantees.you: is no uin"));
    assert!(mistakes(&with("1 = \"\""), &[]).contains("accounts.photos.grantees.1: takes a text"));
    assert!(mistakes(&with("1 = [[1]]"), &[]).contains("accounts.photos.grantees.1"));
}

#[test]
fn an_empty_configuration_says_what_is_missing() {
    insta::assert_snapshot!(mistakes("", &[]));
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    insta::assert_snapshot!(mistakes("[server]\nlisten = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"\n", &[]));
}

#[test]
fn a_variable_that_sets_nothing_is_a_mistake() {
    let environment =
        [("BRIGADE_SERVER_LISEN", "x"), ("BRIGADE_ENDPOINTS_SECOND_URL", "http://a"), ("BRIGADE_SERVER_LISTEN", "y")];
    insta::assert_snapshot!(mistakes(SOUND, &environment));
}

#[test]
fn a_file_with_secrets_that_everybody_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    std::fs::write(&file, SOUND).unwrap();
    let load = |mode| {
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        Config::parse(source(&file), SOUND, [])
    };
    load(0o600).unwrap();
    let mistake = load(0o644).unwrap_err().to_string();
    assert!(mistake.contains("chmod 600") && mistake.contains(".secret"), "{mistake}");
}

#[test]
fn a_proxy_with_a_password_makes_a_file_secret_and_one_without_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    let elsewhere = [("BRIGADE_ENDPOINTS_MAIN_SECRET_KEY", "s"), ("BRIGADE_ACCOUNTS_A_KEYS_K_SECRET", "s")];
    let load = |proxy: &str| {
        let text = format!(
            "[endpoints.main]\nurl = 'https://h'\naccess_key = 'a'\nproxy = '{proxy}'\n\
             [accounts.a.cos]\nappid = '1'\nuin = '2'\n[accounts.a.keys.K]\n"
        );
        std::fs::write(&file, &text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        let environment = elsewhere.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Config::parse(source(&file), &text, environment).map(drop).map_err(|error| error.to_string())
    };
    assert_eq!(load("none"), Ok(()));
    assert_eq!(load("http://me@p:3128"), Ok(()));
    let mistake = load("http://me:hush@p:3128").unwrap_err();
    assert!(mistake.contains("endpoints.main.proxy: is a secret in a file that everybody can read"), "{mistake}");
}

#[test]
fn the_client_needs_its_own_section_only() {
    let text = "[client]\nurl = \"http://127.0.0.1:8080\"\nappid = \"1\"\nuin = \"2\"\nsecret_id = \"A\"\n";
    let source = || Source { name: "brigade.toml".to_owned(), file: None, folder: PathBuf::new() };
    let environment = [("BRIGADE_CLIENT_SECRET_KEY".to_owned(), "s".to_owned())];
    let config = ClientConfig::parse(source(), &format!("{text}[server]\nnonsense = 1\n"), None, environment).unwrap();
    assert_eq!(config.client.secret_key.unwrap().current().expose(), "s");
    insta::assert_snapshot!(ClientConfig::parse(source(), text, None, []).unwrap_err().to_string());
}

/// The sections of the command line: two profiles, the roles of two accounts.
const PROFILES: &str = "
[client]
url = 'http://127.0.0.1:1'
appid = '1'
uin = '2'
secret_id = 'A'
secret_key = 's'
[profiles.lab]
url = 'http://127.0.0.1:2'
appid = '3'
uin = '4'
secret_id = 'B'
secret_key = 't'
account_id = '123456789012'
[profiles.broken]
url = 'http://127.0.0.1:3'
[accounts.one.cos]
appid = '1'
uin = '2'
[accounts.one.roles.batch.source]
endpoint = 'near'
[accounts.one.keys.A]
secret_file = '/nowhere'
[accounts.three.cos]
appid = '3'
uin = '4'
[accounts.three.roles.batch.source]
endpoint = 'far'
";

#[test]
fn a_profile_is_another_client_and_the_roles_are_those_of_its_account() {
    let source = || Source { name: "brigade.toml".to_owned(), file: None, folder: PathBuf::new() };
    let read = |profile| ClientConfig::parse(source(), PROFILES, profile, []);
    let of = |config: ClientConfig| (config.client.secret_id, config.roles["batch"].source.endpoint.clone().unwrap());
    assert_eq!(of(read(None).unwrap()), ("A".to_owned(), "near".to_owned()));
    assert_eq!(of(read(Some("lab")).unwrap()), ("B".to_owned(), "far".to_owned()));
    let refused = |profile| read(Some(profile)).unwrap_err().to_string();
    assert!(
        refused("office").contains("profiles.office: is no profile: there is broken, lab"),
        "{}",
        refused("office")
    );
    assert!(refused("broken").contains("profiles.broken.appid: is missing"), "{}", refused("broken"));
    let environment = [("BRIGADE_PROFILES_LAB_ACCOUNT_ID".to_owned(), "12".to_owned())];
    let short = ClientConfig::parse(source(), PROFILES, Some("lab"), environment).unwrap_err().to_string();
    assert!(short.contains("takes 12 digits in quotes"), "{short}");
}

#[test]
fn windows_are_a_list_of_tables_and_their_mistakes_are_told_with_their_lines() {
    let windows = "
[[endpoints.main.windows]]
days = ['mon', 'fri']
from = '08:00'
to = '18:00'
time_zone = 'Europe/Berlin'
requests_in_flight = 4
[[endpoints.main.windows]]
from = '22:00'
to = '06:00'
time_zone = 'UTC'
bytes_per_second = '1MiB'
";
    let config = parse(&format!("{SOUND}{windows}"), &[("BRIGADE_ENDPOINTS_MAIN_WINDOWS_2_TO", "07:00")]).unwrap();
    let read = &config.endpoints["main"].windows;
    assert_eq!((read.len(), read[0].requests_in_flight, read[1].requests_in_flight), (2, Some(4), None));
    assert_eq!((read[0].from.to_string(), read[1].to.to_string()), ("08:00".to_owned(), "07:00".to_owned()));
    let unread = "
[[endpoints.main.windows]]
days = ['monday']
from = '8:00'
to = '12:60'
time_zone = '+02:00'
request_per_second = 4
";
    insta::assert_snapshot!(mistakes(&format!("{SOUND}{unread}"), &[]), @r#"
    brigade.toml:22: endpoints.main.windows.1.days: "monday" is not mon, tue, wed, thu, fri, sat or sun; did you mean mon?
    brigade.toml:23: endpoints.main.windows.1.from: takes a time of the day such as 08:30, or 24:00
    brigade.toml:24: endpoints.main.windows.1.to: takes a time of the day such as 08:30, or 24:00
    brigade.toml:25: endpoints.main.windows.1.time_zone: takes the name of a time zone such as Europe/Berlin or UTC
    brigade.toml:26: endpoints.main.windows.1.request_per_second: is not a setting; did you mean requests_per_second? (see 'brigade config reference')
    "#);
    let unfit = "
[[endpoints.main.windows]]
from = '24:00'
to = '08:00'
time_zone = 'UTC'
requests_in_flight = 4
[[endpoints.main.windows]]
from = '08:00'
to = '08:00'
time_zone = 'UTC'
";
    insta::assert_snapshot!(mistakes(&format!("{SOUND}{unfit}"), &[]), @r"
    brigade.toml:22: endpoints.main.windows.1.from: must be before 24:00
    brigade.toml:27: endpoints.main.windows.2.from: begins a window that limits nothing: give it requests_in_flight, requests_per_second, objects_per_second or bytes_per_second
    brigade.toml:28: endpoints.main.windows.2.to: must be another time than from: a whole day is from 00:00 to 24:00
    ");
    let no_list = format!("{SOUND}[endpoints.main.windows]\nfrom = '08:00'\n");
    insta::assert_snapshot!(mistakes(&no_list, &[]), @r"
    brigade.toml:20: endpoints.main.windows: must be a list of tables: [[endpoints.main.windows]]
    brigade.toml:21: endpoints.main.windows.from: is not a setting (see 'brigade config reference')
    ");
}

#[test]
fn every_default_can_be_read() {
    // Reading an empty table reads every default of a section, and panics where one is wrong.
    let mut config_source = ConfigSource::new(source(Path::new("none.toml")), "[a]\n[b]\n[c]\n", []);
    server::Server::read(&mut Reader::new(&mut config_source, vec!["a".to_owned()])).unwrap();
    engine::Engine::read(&mut Reader::new(&mut config_source, vec!["b".to_owned()])).unwrap();
    let place = ["c".to_owned()];
    for read in [
        |reader: &mut Reader<'_>| drop(endpoint::Endpoint::read(reader)),
        |reader: &mut Reader<'_>| drop(account::AccessKey::read(reader)),
        |reader: &mut Reader<'_>| drop(account::Role::read(reader)),
        |reader: &mut Reader<'_>| drop(client::Client::read(reader)),
    ] {
        read(&mut Reader::new(&mut config_source, place.to_vec()));
    }
}

/// Two settings of one name in the environment would be set together.
#[test]
fn no_two_settings_share_a_variable() {
    fn variables(path: &[String], rows: Vec<Row>, all: &mut Vec<String>) {
        for row in rows {
            let here: Vec<String> = path.iter().cloned().chain([row.name.to_owned()]).collect();
            match row.kind {
                RowKind::Setting { .. } => all.push(config_source::variable(&here)),
                RowKind::Secret => {
                    all.push(config_source::variable(&here));
                    all.push(format!("{}_FILE", config_source::variable(&here)));
                }
                // Its names are not ours.
                RowKind::Map(_) => {}
                RowKind::Table(_, rows) => variables(&here, rows, all),
                RowKind::List(_, rows) => variables(&[here, vec!["n".to_owned()]].concat(), rows, &mut *all),
                RowKind::Named(_, rows) => {
                    variables(&[here, vec!["name".to_owned()]].concat(), rows, all);
                }
            }
        }
    }
    let mut all = Vec::new();
    variables(&[], Config::rows(), &mut all);
    let count = all.len();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn the_reference_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    if std::env::var_os("BRIGADE_RENDER").is_some() {
        std::fs::write(&page, reference::render()).unwrap();
    }
    let stored = std::fs::read_to_string(&page).unwrap_or_default();
    assert_eq!(stored, reference::render(), "stale: run the tests with BRIGADE_RENDER=1");
}

/// The samples of a page: the text of each of its blocks of TOML.
fn samples(page: &str) -> Vec<String> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(page);
    let text = std::fs::read_to_string(page).unwrap();
    let blocks = text.split("```toml\n").skip(1);
    blocks.map(|block| block.split("```").next().unwrap_or_default().to_owned()).collect()
}

#[test]
fn each_sample_of_the_page_on_stores_is_a_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let samples = samples("stores.md");
    let (accounts, stores) = samples.split_first().expect("samples");
    assert!(stores.len() >= 10, "each store has one");
    for store in stores {
        let text = format!("{store}\n{accounts}");
        for line in text.lines() {
            // The files that a sample names hold something, and only their owner reads them.
            if let Some((name, file)) = line.split_once(" = \"")
                && name.ends_with("_file")
            {
                let file = folder.path().join(file.trim_end_matches('"'));
                std::fs::write(&file, "word").unwrap();
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let source = Source { name: "sample".to_owned(), file: None, folder: folder.path().to_owned() };
        if let Err(error) = Config::parse(source, &text, []) {
            panic!("{error}:\n{text}");
        }
    }
}

#[test]
fn the_body_of_a_job_must_be_signed_under_strict_or_where_it_is_said() {
    let requires = |settings: &str| {
        let text = SOUND.replace("[server]\n", &format!("[server]\n{settings}\n"));
        parse(&text, &[]).unwrap().server.requires_content_md5()
    };
    assert!(!requires(""));
    assert!(!requires("signature_strictness = \"lenient\""));
    assert!(requires("signature_strictness = \"strict\""));
    assert!(!requires("signature_strictness = \"strict\"\nrequire_content_md5 = false"));
    assert!(requires("require_content_md5 = true"));
}

/// `SOUND` with these settings instead of the endpoint's keys.
fn with_credentials(settings: &str) -> String {
    SOUND.replace("access_key = \"AKIDSTORE\"\nsecret_key = \"store-secret\"", settings)
}

#[test]
fn each_way_to_credentials_takes_its_own_settings_and_no_others() {
    use CredentialsFrom::{AssumeRole, Keys, Process, Profile, Sso, WebIdentity};
    let keys = "access_key = \"AKIDSTORE\"\nsecret_key = \"store-secret\"";
    let settings: [(&str, &[CredentialsFrom]); 9] = [
        (keys, &[Keys, AssumeRole]),
        ("profile = \"batch\"", &[Profile, Sso]),
        ("role_arn = \"arn:aws:iam::123456789012:role/batch\"", &[WebIdentity, AssumeRole]),
        ("role_session_name = \"nightly\"", &[WebIdentity, AssumeRole]),
        ("external_id = \"agreed\"", &[AssumeRole]),
        ("assume_role_with = \"imds\"", &[AssumeRole]),
        ("web_identity_token_file = \"token\"", &[WebIdentity]),
        ("sts_url = \"https://sts.example.com\"", &[WebIdentity, AssumeRole]),
        ("credential_process = \"vault-keys batch\"", &[Process]),
    ];
    for way in CredentialsFrom::ALL {
        let needed = match way {
            AssumeRole => vec![settings[2].0, settings[5].0],
            Process => vec![settings[8].0],
            _ => vec![],
        };
        for (setting, takers) in settings {
            let needed =
                needed.iter().filter(|needed| **needed != setting && (setting != keys || !needed.contains("with")));
            let all: Vec<&str> = needed.copied().chain([setting]).collect();
            let text = with_credentials(&format!("credentials = \"{}\"\n{}", way.word(), all.join("\n")));
            match (parse(&text, &[]), takers.contains(&way)) {
                (Ok(config), true) => assert_eq!(config.endpoints["main"].credentials, way),
                (Err(error), false) => assert!(error.to_string().contains("has an effect only with"), "{error}"),
                (parsed, _) => panic!("{way:?} {setting}: {:?}", parsed.map_err(|error| error.to_string())),
            }
        }
    }
}

#[test]
fn a_way_to_credentials_says_what_it_lacks() {
    let lacks = |settings: &str| mistakes(&with_credentials(settings), &[]);
    assert!(lacks("credentials = \"process\"").contains("endpoints.main.credentials: needs credential_process"));
    let role = lacks("credentials = \"assume-role\"");
    assert!(role.contains("needs role_arn beside it") && role.contains("needs access_key and secret_key"), "{role}");
    let circle = "credentials = \"assume-role\"\nrole_arn = \"a\"\nassume_role_with = \"assume-role\"";
    assert!(lacks(circle).contains("assume_role_with: takes another way than assume-role"));
    assert!(lacks("credentials = \"metadata\"").contains("takes keys, environment, profile, sso, web-identity"));
}

#[test]
fn functions_of_an_account_are_told_apart_and_none_may_take_longer_than_a_lease_allows() {
    let function = |name: &str, arn: &str, more: &str| {
        format!("[accounts.photos.functions.{name}]\narn = \"{arn}\"\nurl = \"http://127.0.0.1:9100/f\"\n{more}\n")
    };
    let (f, g) = ("arn:aws:lambda:r:1:function:f", "arn:aws:lambda:r:1:function:g");
    let sound = format!("{SOUND}\n{}", function("f", f, "secret = \"hidden\""));
    let config = parse(&sound, &[]).unwrap();
    let read = &config.accounts["photos"].functions["f"];
    assert_eq!((read.timeout.as_secs(), read.concurrency, read.url.as_str()), (60, 64, "http://127.0.0.1:9100/f"));
    assert!(!format!("{config:?}").contains("hidden"));
    assert!(config.secrets().len() > parse(SOUND, &[]).unwrap().secrets().len(), "it is read again when it changes");
    for (other, told) in [
        (function("g", f, ""), "accounts.photos.functions.g.arn"),
        (function("g", "lambda:g", ""), "is no ARN of a function"),
        (function("g", g, "timeout = \"11m\""), "must not be longer than 10m"),
        (function("g", g, "ca_file = \"absent.pem\""), "cannot read"),
    ] {
        let mistakes = mistakes(&format!("{sound}{other}"), &[]);
        assert!(mistakes.contains(told), "{mistakes}");
    }
}
