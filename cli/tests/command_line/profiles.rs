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
    let text = "[client]\nurl = \"minio\"\nuin = \"1\"\nsecret_id = \"A\"\nrole_name = \"batch\"\naccount_id = \"12\"\n";
    write(&here.path().join("brigade.toml"), text);
    let (out, err, code) = told(&brigade(&["job", "list"]).current_dir(here.path()).output().unwrap());
    assert_eq!((out.as_str(), code), ("", Some(2)));
    let told: Vec<&str> = err.lines().collect();
    let settings = ["client.appid", "client.secret_key", "client.url", "client.role_name", "client.account_id"];
    assert_eq!(told.len(), settings.len(), "{err}");
    assert!(told[0].starts_with("error: brigade.toml:1: ") && told[2].starts_with("brigade.toml:2: "), "{err}");
    assert!(told.iter().zip(settings).all(|(line, setting)| line.contains(setting)), "{err}");
}
