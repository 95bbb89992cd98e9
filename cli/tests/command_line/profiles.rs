//! Which configuration the command line uses: of the working directory or of the user, and which profile of it.

use std::path::Path;

use crate::kept::{brigade, told};

const TEXT: &str = "[client]\nurl = \"http://127.0.0.1:1\"\nappid = \"1\"\nuin = \"11\"\nsecret_id = \"A\"\nsecret_key = \"s\"\n\
                    role = \"batch\"\nmanifest_to = \"s3://lists/\"\n\
                    [profiles.lab]\nurl = \"http://127.0.0.1:2\"\nappid = \"2\"\nuin = \"22\"\nsecret_id = \"B\"\n\
                    secret_key = \"t\"\nrole = \"batch\"\nmanifest_to = \"s3://lists/\"\n";

fn write(file: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The role of a request that is only printed, or the error.
fn role_of(here: &Path, environment: &[(&str, &Path)], arguments: &[&str]) -> String {
    let form = ["job", "create", "delete", "--yes", "--no-report", "--dry-print", "--manifest", "m.csv"];
    let mut command = brigade(&[&form[..], arguments].concat());
    command.env_remove("XDG_CONFIG_HOME").env("HOME", "/nonexistent").envs(environment.iter().copied());
    let (out, err, _) = told(&command.current_dir(here).output().unwrap());
    let role = out.lines().find_map(|line| line.trim().strip_prefix("<RoleArn>qcs::cam::uin/"));
    role.map_or(err, |role| role.split(':').next().unwrap().to_owned())
}

/// `brigade --profile lab job create ...`
#[test]
fn the_configuration_is_that_of_the_working_directory_else_the_users_and_a_profile_is_named() {
    let (here, home) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::write(here.path().join("m.csv"), "photos,a\n").unwrap();
    let none = role_of(here.path(), &[("HOME", home.path())], &[]);
    assert!(none.starts_with("error: there is no brigade.toml and no ") && none.contains("brigade init"), "{none}");

    write(&home.path().join(".config/brigade/brigade.toml"), &TEXT.replace("11", "33"));
    assert_eq!(role_of(here.path(), &[("HOME", home.path())], &[]), "33");
    write(&home.path().join("xdg/brigade/brigade.toml"), &TEXT.replace("11", "44"));
    let xdg = home.path().join("xdg");
    let user = [("HOME", home.path()), ("XDG_CONFIG_HOME", xdg.as_path())];
    assert_eq!(role_of(here.path(), &user, &[]), "44");
    write(&here.path().join("brigade.toml"), TEXT);
    assert_eq!(role_of(here.path(), &user, &[]), "11");

    assert_eq!(role_of(here.path(), &user, &["--profile", "lab"]), "22");
    assert_eq!(role_of(here.path(), &[("BRIGADE_PROFILE", Path::new("lab"))], &[]), "22");
    let unknown = role_of(here.path(), &user, &["--profile", "office"]);
    assert!(unknown.contains("profiles.office: is no profile: there is lab"), "{unknown}");
}

/// `brigade job list` of a client section with several mistakes
#[test]
fn every_mistake_in_the_section_of_the_command_line_stands_on_a_line_of_its_own() {
    let here = tempfile::tempdir().unwrap();
    let text =
        "[client]\nurl = \"minio\"\nuin = \"1\"\nsecret_id = \"A\"\nrole_name = \"batch\"\naccount_id = \"12\"\n";
    write(&here.path().join("brigade.toml"), text);
    let (out, err, code) = told(&brigade(&["job", "list"]).current_dir(here.path()).output().unwrap());
    assert_eq!((out.as_str(), code), ("", Some(2)));
    let told: Vec<&str> = err.lines().collect();
    let settings = ["client.appid", "client.secret_key", "client.url", "client.role_name", "client.account_id"];
    assert_eq!(told.len(), settings.len(), "{err}");
    assert!(told[0].starts_with("error: brigade.toml:1: ") && told[2].starts_with("brigade.toml:2: "), "{err}");
    assert!(told.iter().zip(settings).all(|(line, setting)| line.contains(setting)), "{err}");
}

/// Two stores, and a role for the objects of each.
const STORES: &str = r#"[client]
url = "http://127.0.0.1:1"
appid = "1"
uin = "11"
secret_id = "A"
secret_key = "s"
role = "batch"
no_report = 1
[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "MAIN"
secret_key = "s"
[endpoints.ceph-east]
url = "http://127.0.0.1:2/s3"
credentials = "profile"
[accounts.one.cos]
appid = "1"
uin = "11"
[accounts.one.roles.batch]
source = { endpoint = "main", buckets = ["*"] }
report = { endpoint = "ceph-east" }
[accounts.one.roles.east]
source = { endpoint = "ceph-east", buckets = ["*"] }
"#;

/// ```text
/// brigade store list
/// brigade job create tag main/photos/logs/ ...
/// brigade manifest list mian:photos/logs/
/// ```
#[test]
fn a_place_names_its_store_which_must_be_one_of_the_configuration_and_the_roles() {
    let here = tempfile::tempdir().unwrap();
    write(&here.path().join("brigade.toml"), &STORES.replace("no_report = 1\n", ""));
    let run = |arguments: &[&str]| told(&brigade(arguments).current_dir(here.path()).output().unwrap());
    let (out, err, _) = run(&["store", "list"]);
    assert_eq!(
        out,
        "STORE      URL                    CREDENTIALS  ROLES\n\
         ceph-east  http://127.0.0.1:2/s3  profile      batch: reports; east: objects, copies, manifests, reports\n\
         main       http://127.0.0.1:1     key MAIN     batch: objects, copies, manifests\n",
        "{err}"
    );
    let tag = ["job", "create", "tag", "--tag", "a=b", "--add", "--manifest-to", "s3://lists/"];
    for (arguments, wanted) in [
        (
            &["ceph-east/photos/logs/", "--no-report"][..],
            "error: ceph-east/photos/logs/: role batch has its objects on another store than ceph-east\n  \
             say --role with one that has them there: east\n",
        ),
        (
            &["main/photos/logs/", "--report", "main:reports/daily"],
            "error: main/reports/daily: role batch has its reports on another store than main\n  \
             no role has them there; see which store each role uses: brigade store list\n",
        ),
        (
            &["mian:photos/logs/", "--no-report"],
            "error: mian/photos/logs/: the configuration names no store mian; did you mean main?\n  \
             see which there are: brigade store list\n  if mian is a bucket: s3://mian/photos/logs/\n",
        ),
        (
            &["main/photos/logs/", "--no-report", "--endpoint", "ceph-east"],
            "error: main/photos/logs/ names the store main, and --endpoint names one, too\n  \
             leave out --endpoint, or write s3://photos/logs/\n",
        ),
    ] {
        let (out, err, code) = run(&[&tag[..], arguments].concat());
        assert_eq!((out.as_str(), err.as_str(), code), ("", wanted, Some(2)), "{arguments:?}");
    }
    // The store is asked, which is not there.
    for place in ["main/photos/logs/", "main:photos/logs/"] {
        let (_, err, code) = run(&["manifest", "list", place, "--out", "x.csv"]);
        assert!(err.contains("s3://photos/logs/") && err.contains("127.0.0.1:1") && code == Some(1), "{err}");
    }
    let (_, err, code) = run(&["manifest", "list", "photos", "--out", "x.csv"]);
    assert!(err.contains("must have the form s3://BUCKET/PREFIX, or STORE/BUCKET/PREFIX") && code == Some(2), "{err}");
}
