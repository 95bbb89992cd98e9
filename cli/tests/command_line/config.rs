//! What `brigade config` says of a configuration.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command};

use crate::kept::{brigade, interrupt, told};

/// A configuration of a release whose accounts had no sections for their dialects.
const IN_OLD_FORM: &str = r#"[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "A"
secret_key = "s"
[accounts.main]
appid = "1250000000"
uin = "1"
[accounts.main.keys.AKID]
secret = "s"
"#;

#[test]
fn a_check_warns_of_a_setting_in_its_old_form_and_finds_the_configuration_sound() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    std::fs::write(&file, IN_OLD_FORM).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let mut check = brigade(&["config", "check", "--config", "brigade.toml"]);
    let (out, err, code) = told(&check.current_dir(folder.path()).output().unwrap());
    assert_eq!((out.as_str(), code), ("brigade.toml is sound: endpoints 1, accounts 1\n", Some(0)));
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 2, "{err}");
    assert!(
        lines[0]
            .starts_with("warning: brigade.toml:6: accounts.main.appid: is the old name of accounts.main.cos.appid")
    );
    assert!(
        lines[1].starts_with("warning: brigade.toml:7: accounts.main.uin: is the old name of accounts.main.cos.uin")
    );
}

fn write(file: &Path, text: &str) {
    std::fs::write(file, text).unwrap();
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
}

/// The log's lines, up to the first one with that text.
fn lines_until(log: &mut impl BufRead, wanted: &str) -> String {
    let mut lines = String::new();
    while !lines.contains(wanted) {
        assert_ne!(log.read_line(&mut lines).unwrap(), 0, "the service ended: {lines}");
    }
    lines
}

fn hang_up(process: &Child) {
    assert!(Command::new("kill").args(["-HUP", &process.id().to_string()]).status().unwrap().success());
}

/// `kill -HUP`, after the file changed: soundly, with a mistake, and back
#[test]
fn a_hangup_takes_what_it_can_of_the_file_says_what_needs_a_restart_and_keeps_all_over_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    let text = |keys: &str, more: &str| {
        format!(
            r#"[server]
listen = "127.0.0.1:0"
metrics_listen = "off"
log_format = "text"
{more}
[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "A"
secret_key = "s"
[accounts.main.cos]
appid = "1250000000"
uin = "1"
{keys}
"#
        )
    };
    let key = |id: &str| format!("[accounts.main.keys.{id}]\nsecret = \"s\"\n");
    write(&file, &text(&key("OLD"), ""));
    let mut serve = brigade(&["serve", "--config", "brigade.toml"]);
    let mut process = serve.current_dir(folder.path()).spawn().unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let started = lines_until(&mut log, "API listening");
    let address = started.rsplit_once("address=").unwrap().1.trim().to_owned();
    let list = |id: &str| {
        let mut command = brigade(&["job", "list"]);
        command.current_dir(std::env::temp_dir()).env("BRIGADE_CLIENT_URL", format!("http://{address}"));
        for (name, value) in [("APPID", "1250000000"), ("UIN", "1"), ("SECRET_ID", id), ("SECRET_KEY", "s")] {
            command.env(format!("BRIGADE_CLIENT_{name}"), value);
        }
        told(&command.output().unwrap())
    };
    assert_eq!((list("OLD").2, list("NEW").2), (Some(0), Some(1)));

    write(&file, &text(&key("NEW"), "stop_timeout = \"5s\""));
    hang_up(&process);
    let said = lines_until(&mut log, "configuration read again").replace('"', "");
    for told in [
        "changed setting taken setting=accounts.main.keys.NEW.secret place=brigade.toml:14",
        "changed setting taken setting=accounts.main.keys.OLD.secret place=brigade.toml\n",
        "changed setting needs a restart setting=server.stop_timeout place=brigade.toml:5",
        "file=brigade.toml taken=2 to_restart=1",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert_eq!((list("OLD").2, list("NEW").2), (Some(1), Some(0)));

    write(&file, &text("", "listen = 1"));
    hang_up(&process);
    assert!(lines_until(&mut log, "keeps the last one").contains("brigade.toml:"));
    assert_eq!(list("NEW").2, Some(0));

    interrupt(&process);
    log.read_to_string(&mut String::new()).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

/// A file with `{more}` in the endpoint, on a port of its own choice; its key may steer endpoints.
fn of_an_operator(engine: &str, endpoint: &str, account: &str) -> String {
    format!(
        r#"[server]
listen = "127.0.0.1:0"
metrics_listen = "off"
log_format = "text"
[engine]
{engine}
[accounts.main]
{account}
[accounts.main.cos]
appid = "1250000000"
uin = "1"
[accounts.main.keys.KEY]
secret = "s"
actions = ["*", "brigade:ListEndpoints"]
[accounts.main.roles.batch.source]
endpoint = "main"
buckets = ["photos"]
[endpoints.main]
url = "http://127.0.0.1:1"
access_key = "A"
secret_key = "s"
{endpoint}
"#
    )
}

/// What `endpoint list` says of the only endpoint.
fn endpoint_of(address: &str) -> serde_json::Value {
    let mut command = brigade(&["endpoint", "list", "--output", "json"]);
    command.current_dir(std::env::temp_dir()).env("BRIGADE_CLIENT_URL", format!("http://{address}"));
    for (name, value) in [("APPID", "1250000000"), ("UIN", "1"), ("SECRET_ID", "KEY"), ("SECRET_KEY", "s")] {
        command.env(format!("BRIGADE_CLIENT_{name}"), value);
    }
    let (out, err, _) = told(&command.output().unwrap());
    let document: serde_json::Value = serde_json::from_str(&out).expect(&err);
    document["endpoints"][0].clone()
}

/// `kill -HUP`, after limits, a window, the protected latency, patience and quotas changed
#[test]
fn a_hangup_takes_limits_windows_and_the_protected_latency_of_endpoints_while_they_serve() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("brigade.toml");
    write(&file, &of_an_operator("", "requests_per_second = 100", ""));
    let mut serve = brigade(&["serve", "--config", "brigade.toml"]);
    serve.env("BRIGADE_ENGINE_REPORT_PATIENCE", "1h");
    let mut process = serve.current_dir(folder.path()).spawn().unwrap();
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let started = lines_until(&mut log, "API listening");
    let address = started.rsplit_once("address=").unwrap().1.trim().to_owned();
    let before = endpoint_of(&address);
    assert_eq!((&before["configured"]["requests_per_second"], &before["protection"]), (&100.into(), &().into()));

    let endpoint = "requests_per_second = 50\nrequests_in_flight = 7\nprotect_latency = \"40ms\"\nregion = \"r\"\n\
                    [[endpoints.main.windows]]\nfrom = \"00:00\"\nto = \"24:00\"\ntime_zone = \"UTC\"\n\
                    objects_per_second = 3";
    write(&file, &of_an_operator("hold_patience = \"1m\"\nreport_patience = \"2h\"", endpoint, "open_jobs_max = 2"));
    hang_up(&process);
    let said = lines_until(&mut log, "configuration read again").replace('"', "");
    for (setting, line) in [
        ("accounts.main.open_jobs_max", 9),
        ("endpoints.main.protect_latency", 25),
        ("endpoints.main.requests_in_flight", 24),
        ("endpoints.main.requests_per_second", 23),
        ("endpoints.main.windows.1.objects_per_second", 31),
        ("engine.hold_patience", 6),
    ] {
        assert!(said.contains(&format!("taken setting={setting} place=brigade.toml:{line}\n")), "{setting}: {said}");
    }
    assert!(said.contains("needs a restart setting=endpoints.main.region place=brigade.toml:26\n"), "{said}");
    let overridden = "not taken; the environment sets it setting=engine.report_patience place=brigade.toml:7\n";
    assert!(said.contains(overridden), "{said}");
    let now = endpoint_of(&address);
    assert_eq!(
        (&now["configured"]["requests_per_second"], &now["configured"]["requests_in_flight"]),
        (&50.into(), &7.into())
    );
    assert_eq!(now["windows"][0]["limits"]["objects_per_second"], 3, "{now}");
    assert_eq!(now["protection"]["protect_latency_ms"], 40.0, "{now}");

    write(&file, &of_an_operator("", "requests_per_second = 100", ""));
    hang_up(&process);
    lines_until(&mut log, "configuration read again");
    assert_eq!(endpoint_of(&address), before);

    interrupt(&process);
    log.read_to_string(&mut String::new()).unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
}
