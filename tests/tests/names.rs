//! Ways by which `<account id>.<host>`, which every client of S3 Control asks for, leads to the service: each row of the
//! table in docs/s3control.md. What a way needs of the machine it is given in a mount namespace of its own; a test
//! says so and passes where that cannot be had.
#![allow(clippy::unwrap_used)]

use std::net::UdpSocket;
use std::path::Path;
use std::process::Command;

use brigade_tests::process::python_program;
use brigade_tests::scenario::{ACCOUNT_ID, text_of};
use brigade_tests::{Scenario, Server};

/// As root, or as the root of a user namespace.
const NAMESPACES: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
/// Where Debian keeps the modules of its resolver.
const MODULES: [&str; 2] = ["/lib/x86_64-linux-gnu", "/lib/aarch64-linux-gnu"];

/// Files of /etc that the clients of a way see instead of the machine's.
type Files<'a> = &'a [(&'a str, &'a str)];

fn service() -> Scenario {
    Scenario::on(Server::sandbox())
}

fn port(scenario: &Scenario) -> &str {
    scenario.url.rsplit(':').next().unwrap()
}

/// The program that starts another one under these files; `None` where no namespace can be made.
fn under(files: Files<'_>, folder: &Path) -> Option<Command> {
    let is_there =
        |way: &&&[&str]| Command::new("unshare").args(**way).arg("true").output().is_ok_and(|o| o.status.success());
    let way = NAMESPACES.iter().find(is_there)?;
    let mut command = Command::new("unshare");
    // Each pair is a file and its place; what follows `--` is started.
    let script = "while [ \"$1\" != -- ]; do mount --bind \"$1\" \"$2\" || exit; shift 2; done; shift; exec \"$@\"";
    command.args(*way).args(["sh", "-c", script, "sh"]);
    for (name, text) in files {
        let file = folder.join(name);
        std::fs::write(&file, text).unwrap();
        command.arg(file).arg(format!("/etc/{name}"));
    }
    command.arg("--");
    Some(command)
}

/// `aws s3control list-jobs --account-id 123456789012 --endpoint-url URL`, which must reach the service by itself.
fn list_jobs(scenario: &Scenario, url: &str, files: Files<'_>) -> Result<(), String> {
    let mut command = under(files, scenario.directory.path()).ok_or("no mount namespace can be made here")?;
    let client = scenario.client();
    let listed = command
        .arg(python_program("aws").get_program())
        .args(["s3control", "list-jobs", "--account-id", ACCOUNT_ID, "--endpoint-url", url])
        .args(["--region", "us-east-1", "--output", "json"])
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .env("AWS_MAX_ATTEMPTS", "1")
        .env("AWS_ACCESS_KEY_ID", client["secret_id"].as_str().unwrap())
        .env("AWS_SECRET_ACCESS_KEY", client["secret_key"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", text_of(&listed));
    Ok(())
}

/// Says why a way was not tried.
fn tried(result: Result<(), String>) {
    if let Err(why) = result {
        eprintln!("not tried: {why}");
    }
}

/// HTTP_PROXY=http://127.0.0.1:8080 aws s3control list-jobs --endpoint-url http://batch.internal
#[test]
fn a_client_reaches_the_service_by_naming_it_as_its_proxy() {
    let scenario = service();
    let client = scenario.client();
    let listed = python_program("aws")
        .args(["s3control", "list-jobs", "--account-id", ACCOUNT_ID, "--endpoint-url", "http://batch.internal"])
        .args(["--region", "us-east-1"])
        .env("HTTP_PROXY", &scenario.url)
        .env("AWS_ACCESS_KEY_ID", client["secret_id"].as_str().unwrap())
        .env("AWS_SECRET_ACCESS_KEY", client["secret_key"].as_str().unwrap())
        .output()
        .unwrap();
    assert!(listed.status.success(), "{}", text_of(&listed));
}

/// aws s3control list-jobs --endpoint-url http://batch.internal:8080, with a line of /etc/hosts
#[test]
fn a_client_reaches_the_service_by_an_entry_of_hosts() {
    let scenario = service();
    let url = format!("http://batch.internal:{}", port(&scenario));
    let hosts = format!("127.0.0.1 localhost\n127.0.0.1 {ACCOUNT_ID}.batch.internal\n");
    tried(list_jobs(&scenario, &url, &[("hosts", &hosts), ("nsswitch.conf", "hosts: files\n")]));
}

/// aws s3control list-jobs --endpoint-url http://localhost:8080, with libnss-myhostname
#[test]
fn a_client_reaches_the_service_below_localhost_by_libnss_myhostname() {
    if !MODULES.iter().any(|folder| Path::new(folder).join("libnss_myhostname.so.2").exists()) {
        return tried(Err("libnss-myhostname is not installed; ./check installs it".to_owned()));
    }
    let scenario = service();
    let url = format!("http://localhost:{}", port(&scenario));
    tried(list_jobs(&scenario, &url, &[("nsswitch.conf", "hosts: files myhostname\n")]));
}

/// aws s3control list-jobs --endpoint-url http://batch.example.com:8080, with a record of *.batch.example.com
#[test]
fn a_client_reaches_the_service_by_wildcard_dns() {
    const ADDRESS: &str = "127.0.0.53";
    let server = match UdpSocket::bind((ADDRESS, 53)) {
        Ok(server) => server,
        Err(why) => return tried(Err(format!("no name server can listen on {ADDRESS}:53: {why}"))),
    };
    std::thread::spawn(move || answer_for_all_names(&server));
    let scenario = service();
    let url = format!("http://batch.example.com:{}", port(&scenario));
    let resolv = format!("nameserver {ADDRESS}\n");
    tried(list_jobs(&scenario, &url, &[("resolv.conf", &resolv), ("nsswitch.conf", "hosts: dns\n")]));
}

/// A name server (RFC 1035) to which every name below `batch.example.com` has the address 127.0.0.1 and no other record.
fn answer_for_all_names(server: &UdpSocket) {
    let mut asked = [0; 512];
    while let Ok((length, from)) = server.recv_from(&mut asked) {
        let query = &asked[..length];
        // The header has 12 bytes; the name ends with an empty label, and type and class follow.
        let Some(end) = query.get(12..).and_then(|name| name.iter().position(|byte| *byte == 0)) else { continue };
        let Some(question) = query.get(12..12 + end + 5) else { continue };
        let is_below = question.windows(5).any(|label| label == b"batch");
        let is_address = is_below && question[end + 1..end + 3] == [0, 1];
        let mut answer = query[..2].to_vec();
        answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_address), 0, 0, 0, 0]);
        answer.extend(question);
        if is_address {
            // The name of the question, an A of the Internet, for a minute, of four bytes.
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]);
        }
        // Who has gone waits for no answer.
        let _ = server.send_to(&answer, from);
    }
}
