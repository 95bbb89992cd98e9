//! Administration of a running service, by the command line and by a program that knows the API only
//! from its OpenAPI description.
#![allow(clippy::unwrap_used)]

use std::fs;

use brigade_tests::Scenario;
use brigade_tests::process::workspace;
use brigade_tests::scenario::text_of;

/// Makes the buckets, puts `n` objects into `photos`, lists them.
fn fill(scenario: &Scenario, n: usize) {
    let program = format!(
        "import boto3, os
s3 = boto3.client('s3', endpoint_url=os.environ['S3_URL'], region_name='us-east-1',
    aws_access_key_id=os.environ['S3_ACCESS_KEY'], aws_secret_access_key=os.environ['S3_SECRET_KEY'])
for bucket in ('photos', 'backup', 'batch'):
    s3.create_bucket(Bucket=bucket)
for i in range({n}):
    s3.put_object(Bucket='photos', Key=f'{{i:05}}.jpg', Body=b'x')"
    );
    let _ = scenario.python(&program);
    let _ = scenario.told(&["manifest", "list", "s3://photos/", "--out", "photos.csv"]);
}

/// Creates a job that takes long.
fn create(scenario: &Scenario, more: &[&str]) -> String {
    let places =
        ["--manifest", "photos.csv", "--manifest-to", "s3://batch/manifests", "--report", "s3://batch/reports"];
    let form = ["job", "create", "copy", "--to", "backup", "--requests-per-second-max", "1"];
    scenario.told(&[&form[..], &places[..], more].concat()).trim().to_owned()
}

/// Asks until the answer holds it; each question is a process of its own, so nothing spins.
fn ask_until(scenario: &Scenario, arguments: &[&str], expected: &str) -> String {
    let mut told = String::new();
    for _ in 0..600 {
        told = scenario.told(arguments);
        if told.contains(expected) {
            return told;
        }
    }
    panic!("brigade {} never says {expected:?}:\n{told}", arguments.join(" "));
}

#[test]
fn a_pause_a_limit_and_a_stop_survive_a_kill() {
    let mut scenario = Scenario::start();
    fill(&scenario, 60);
    let id = create(&scenario, &[]);
    ask_until(&scenario, &["job", "describe", &id], "Active");
    // brigade job limit JOB --in-flight-max 3 --bytes-per-second-max 1KiB
    let limited = scenario.told(&["job", "limit", &id, "--in-flight-max", "3", "--bytes-per-second-max", "1KiB"]);
    assert!(limited.contains("is now limited to 3 in flight, 1 requests/s, 1KiB/s"), "{limited}");
    // brigade job pause JOB
    let paused = scenario.told(&["job", "pause", &id]);
    assert!(paused.contains("pauses") || paused.contains("is paused"), "{paused}");
    // brigade endpoint stop main --reason "moving house"
    let stopped = scenario.told(&["endpoint", "stop", "main", "--reason", "moving house"]);
    assert!(stopped.contains("main is stopped"), "{stopped}");
    scenario.service.kill();
    scenario.restart();

    // brigade job describe JOB
    let described = ask_until(&scenario, &["job", "describe", &id], "Paused  ");
    assert!(described.contains("by its user, until it is resumed"), "{described}");
    assert!(described.contains("3 in flight, 1 requests/s, 1KiB/s"), "{described}");
    // brigade endpoint list
    let listed = scenario.told(&["endpoint", "list"]);
    assert!(listed.contains("stopped since") && listed.contains("moving house"), "{listed}");
    // brigade job resume JOB
    let _ = scenario.told(&["job", "resume", &id]);
    ask_until(&scenario, &["job", "describe", &id], "endpoint main is stopped by an operator since");
    // brigade endpoint start main
    let started = scenario.told(&["endpoint", "start", "main"]);
    assert_eq!(started.trim(), "main is started");
    // brigade job limit JOB --requests-per-second-max none --in-flight-max none --bytes-per-second-max none
    let none = ["--requests-per-second-max", "none", "--in-flight-max", "none", "--bytes-per-second-max", "none"];
    let lifted = scenario.told(&[&["job", "limit", &id], &none[..]].concat());
    assert!(lifted.contains("has no limits of its own now"), "{lifted}");
    // brigade job watch JOB
    assert!(scenario.told(&["job", "watch", &id]).contains("Complete"));
    // brigade job pause JOB
    let late = scenario.brigade(&["job", "pause", &id]);
    assert_eq!(late.status.code(), Some(1));
    assert!(text_of(&late).contains("The specified job is Complete and cannot be paused"), "{}", text_of(&late));
}

#[test]
fn an_endpoint_is_limited_within_the_configuration() {
    let scenario = Scenario::start();
    // brigade endpoint limit main --requests-per-second-max 50
    let limited = scenario.told(&["endpoint", "limit", "main", "--requests-per-second-max", "50"]);
    assert_eq!(limited.trim(), "main is now limited to 50 requests/s");
    let beyond = scenario.brigade(&["endpoint", "limit", "main", "--in-flight-max", "1025"]);
    assert!(text_of(&beyond).contains("the configuration allows 1024 at most"), "{}", text_of(&beyond));
    let unknown = scenario.brigade(&["endpoint", "stop", "../jobs"]);
    assert!(text_of(&unknown).contains("there is no endpoint ../jobs"), "{}", text_of(&unknown));
    // brigade endpoint list --output json
    let listed: serde_json::Value =
        serde_json::from_str(&scenario.told(&["endpoint", "list", "--output", "json"])).unwrap();
    assert_eq!(listed["endpoints"][0]["limits"]["requests_per_second"], 50);
}

/// target/venv/bin/python tests/clients/described.py
#[test]
fn the_operators_api_is_as_it_is_described() {
    let scenario = Scenario::start();
    fill(&scenario, 3);
    let jobs = [create(&scenario, &["--confirm-first"]), create(&scenario, &[])].join(",");
    let program = fs::read_to_string(workspace().join("tests/clients/described.py")).unwrap();
    let told = scenario.python(&format!("import os\nos.environ['JOBS'] = '{jobs}'\n{program}"));
    assert_eq!(told.lines().last(), Some("told"), "{told}");
}
