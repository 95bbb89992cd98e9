//! One node in production, as processes: backup and restore, upgrade, what the supervisor sees.
//! Each test's comments are the command lines that it proves.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use brigade_tests::Scenario;
use brigade_tests::process::{Process, brigade, workspace};
use brigade_tests::scenario::text_of;

/// A delete of them takes four requests.
const OBJECTS: usize = 600;

/// Opens the scenario's store in Python.
const S3: &str = "import boto3, os
s3 = boto3.client('s3', endpoint_url=os.environ['S3_URL'], region_name='us-east-1',
    aws_access_key_id=os.environ['S3_ACCESS_KEY'], aws_secret_access_key=os.environ['S3_SECRET_KEY'])
";

fn make_buckets(scenario: &Scenario) {
    let program = format!("{S3}\nfor bucket in ('photos', 'backup', 'batch'):\n    s3.create_bucket(Bucket=bucket)");
    let _ = scenario.python(&program);
}

/// Puts `n` objects into `photos`, or puts them anew.
fn fill(scenario: &Scenario, n: usize) {
    let put = "s3.put_object(Bucket='photos', Key=f'p/{i:05}.jpg', Body=b'x')";
    let _ = scenario.python(&format!("{S3}\nfor i in range({n}):\n    {put}"));
}

fn count(scenario: &Scenario, bucket: &str) -> usize {
    let told = scenario.python(&format!("{S3}print(s3.list_objects_v2(Bucket='{bucket}')['KeyCount'])"));
    told.trim().parse().unwrap()
}

/// Asks until the job's description is as wanted; each question is a process of its own, so nothing
/// spins.
fn wait_for(scenario: &Scenario, job: &str, is_wanted: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
    for _ in 0..2000 {
        let told = scenario.told(&["job", "describe", job, "--output", "json"]);
        let described: serde_json::Value = serde_json::from_str(&told).unwrap();
        if is_wanted(&described["Job"]) {
            return described["Job"].clone();
        }
    }
    panic!("it never is as wanted: {}", scenario.told(&["job", "describe", job]));
}

fn number(job: &serde_json::Value, name: &str) -> usize {
    let value = &job["ProgressSummary"][name];
    value.as_u64().map_or_else(|| value.as_str().unwrap().parse().unwrap(), |number| number as usize)
}

fn is(job: &serde_json::Value, status: &str) -> bool {
    job["Status"] == status
}

#[test]
fn a_delete_job_that_is_restored_deletes_nothing_until_it_is_resumed_and_nothing_that_was_written_anew() {
    let mut scenario = Scenario::start();
    make_buckets(&scenario);
    fill(&scenario, OBJECTS);
    let _ = scenario.told(&["manifest", "list", "s3://photos/p/", "--out", "photos.csv"]);
    let places =
        ["--manifest", "photos.csv", "--manifest-to", "s3://batch/manifests", "--report", "s3://batch/reports"];
    let slowly = ["job", "create", "delete", "--yes", "--requests-per-second-max", "1"];
    let job = scenario.told(&[&slowly[..], &places].concat()).trim().to_owned();
    wait_for(&scenario, &job, |job| number(job, "NumberOfTasksSucceeded") > 0);
    // brigade backup /backups/monday
    let backed_up = scenario.told(&["backup", "monday"]);
    assert!(backed_up.contains("jobs 1 (held 1), spool files 4"), "{backed_up}");
    let again = scenario.brigade(&["backup", "monday"]);
    assert!(again.status.code() == Some(2) && text_of(&again).contains("exists already"), "{}", text_of(&again));

    wait_for(&scenario, &job, |job| is(job, "Complete"));
    assert_eq!(count(&scenario, "photos"), 0);
    fill(&scenario, OBJECTS);
    // brigade restore /backups/monday, beside the service that runs
    let refused = scenario.brigade(&["restore", "monday"]);
    assert!(refused.status.code() == Some(2) && text_of(&refused).contains("is not empty"), "{}", text_of(&refused));
    assert!(scenario.service.terminate().success());
    fs::remove_dir_all(scenario.directory.path().join("brigade-data")).unwrap();
    // brigade restore /backups/monday
    let restored = scenario.told(&["restore", "monday"]);
    assert!(restored.contains("jobs 1 (held 1)") && restored.contains("brigade job resume"), "{restored}");
    scenario.restart();

    let held = wait_for(&scenario, &job, |job| is(job, "Paused"));
    let recorded = number(&held, "NumberOfTasksSucceeded");
    assert!(recorded > 0 && recorded < OBJECTS, "the backup was made in the middle: {recorded}");
    let reason = held["StatusUpdateReason"].as_str().unwrap();
    assert!(reason.contains("held after a restore") && reason.contains(&job), "{reason}");
    assert_eq!(count(&scenario, "photos"), OBJECTS, "nothing is deleted while it is held");
    // Each task first checks the effect, with a request of its own.
    let _ = scenario.told(&["job", "limit", &job, "--requests-per-second-max", "10000"]);
    // brigade job resume JOB
    let _ = scenario.told(&["job", "resume", &job]);
    let ended = wait_for(&scenario, &job, |job| is(job, "Complete"));
    assert_eq!(number(&ended, "NumberOfTasksFailed"), OBJECTS - recorded);
    assert_eq!(count(&scenario, "photos"), OBJECTS, "what was written anew is left as it is");
    let report = scenario.told(&["job", "report", &job, "--failed"]);
    assert!(report.contains("ChangedSinceAttempt"), "{report}");
}

/// Puts the data directory of version 1 in the place of the scenario's own.
fn bring_version_1(scenario: &Scenario) {
    let (data, fixture) =
        (scenario.directory.path().join("brigade-data"), workspace().join("fixtures/store/data-version-1"));
    fs::remove_dir_all(&data).unwrap();
    fs::create_dir(&data).unwrap();
    let copied = Command::new("cp").arg("-r").args([fixture.join("spool"), data.clone()]).status().unwrap();
    assert!(copied.success());
    let database = rusqlite::Connection::open(data.join("brigade.db")).unwrap();
    database.execute_batch(&fs::read_to_string(fixture.join("brigade.sql")).unwrap()).unwrap();
}

#[test]
fn jobs_that_an_older_program_left_go_on_after_an_upgrade() {
    const ACTIVE: &str = "01a21639-8306-7d60-ab0f-f4920da3cafd";
    const SUSPENDED: &str = "01a21639-847e-7bbd-9f26-607c41ecedbb";
    let mut scenario = Scenario::start();
    make_buckets(&scenario);
    fill(&scenario, 100);
    assert!(scenario.service.terminate().success());
    // However long ago the older program ran.
    let mut config = fs::read_to_string(scenario.config()).unwrap();
    config.push_str("\n[engine]\nconfirmation_patience = \"36500d\"\nended_jobs_listed = \"36500d\"\n");
    fs::write(scenario.config(), config).unwrap();
    bring_version_1(&scenario);
    scenario.restart();
    // It was created to go slowly, so that the older program could be stopped in its middle.
    let _ = scenario.told(&["job", "limit", ACTIVE, "--requests-per-second-max", "none"]);
    let copied = wait_for(&scenario, ACTIVE, |job| is(job, "Complete"));
    assert_eq!((number(&copied, "NumberOfTasksSucceeded"), number(&copied, "NumberOfTasksFailed")), (100, 0));
    assert_eq!(count(&scenario, "backup"), 95, "five were copied and recorded before, into another store");
    let _ = scenario.told(&["job", "confirm", SUSPENDED]);
    wait_for(&scenario, SUSPENDED, |job| is(job, "Complete"));
    assert_eq!(count(&scenario, "photos"), 0);
}

fn serve(scenario: &Scenario) -> Command {
    let mut command = brigade();
    command.current_dir(scenario.directory.path()).arg("serve").arg("--config").arg(scenario.config());
    command
}

#[test]
fn data_of_a_newer_program_is_refused_with_a_word_on_what_to_do() {
    let mut scenario = Scenario::start();
    assert!(scenario.service.terminate().success());
    let data = scenario.directory.path().join("brigade-data");
    let database = rusqlite::Connection::open(data.join("brigade.db")).unwrap();
    database.pragma_update(None, "user_version", 1000).unwrap();
    drop(database);
    let before = fs::read(data.join("brigade.db")).unwrap();
    // brigade serve --config brigade.toml
    let refused = serve(&scenario).output().unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("has version 1000") && told.contains("run a newer program"), "{told}");
    assert_eq!(fs::read(data.join("brigade.db")).unwrap(), before);
    let backup = scenario.brigade(&["backup", "b"]);
    assert!(!backup.status.success() && text_of(&backup).contains("run a newer program"), "{}", text_of(&backup));
}

#[test]
fn the_supervisor_is_told_when_the_service_answers_and_when_it_stops() {
    let mut scenario = Scenario::start();
    assert!(scenario.service.terminate().success());
    let path = scenario.directory.path().join("notify");
    let supervisor = UnixDatagram::bind(&path).unwrap();
    let told = || {
        let mut bytes = [0; 256];
        let length = supervisor.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    };
    let mut service = Process::start(serve(&scenario).env("NOTIFY_SOCKET", &path));
    assert_eq!(told().trim(), "READY=1");
    service.wait_for(|line| line.contains("API listening").then_some(()));
    assert!(service.terminate().success());
    assert_eq!(told().trim(), "STOPPING=1");
}

#[test]
fn the_service_leaves_no_core_dump_that_could_hold_a_secret() {
    let scenario = Scenario::start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", scenario.service.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().filter(|word| *word == "0").count(), 2, "{core}");
}

/// What systemd says of a unit; nothing, when all is well.
fn verify(folder: &Path) -> String {
    let verified = Command::new("systemd-analyze").arg("verify").arg(folder.join("brigade.service")).output();
    let verified = verified.expect("systemd-analyze is missing: run ./check once, it installs it");
    let told = String::from_utf8_lossy(&verified.stderr).into_owned();
    if verified.status.success() { told } else { format!("{}\n{told}", verified.status) }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_unit_and_little_that_it_leaves_open() {
    let folder = tempfile::tempdir().unwrap();
    let unit = fs::read_to_string(workspace().join("deploy/brigade.service")).unwrap();
    assert!(unit.contains("ExecStart=/usr/local/bin/brigade serve "));
    // Where it is installed is where this test's program lies.
    let program = brigade().get_program().to_owned().into_string().unwrap();
    let unit = unit.replace("/usr/local/bin/brigade", &program);
    fs::write(folder.path().join("brigade.service"), &unit).unwrap();
    // systemd-analyze verify brigade.service
    assert_eq!(verify(folder.path()), "");
    // The drop-in with a secret, too.
    let drop_ins = folder.path().join("brigade.service.d");
    fs::create_dir(&drop_ins).unwrap();
    fs::copy(workspace().join("deploy/store-secret.conf"), drop_ins.join("store-secret.conf")).unwrap();
    assert_eq!(verify(folder.path()), "");
    // systemd-analyze security --offline=true --threshold=20 brigade.service
    let exposed = Command::new("systemd-analyze")
        .args(["security", "--offline=true", "--threshold=20", "--no-pager"])
        .arg(folder.path().join("brigade.service"))
        .output()
        .unwrap();
    assert!(exposed.status.success(), "{}", text_of(&exposed));
    fs::write(folder.path().join("brigade.service"), unit.replace("Restart=on-failure", "Restart=sometimes")).unwrap();
    assert_ne!(verify(folder.path()), "", "a mistake in the unit is found");
}

#[test]
fn the_image_is_built_stripped_with_the_toolchain_that_the_workspace_needs_and_runs_as_nobody_in_particular() {
    let read = |name: &str| fs::read_to_string(workspace().join(name)).unwrap();
    let cargo: toml::Table = read("Cargo.toml").parse().unwrap();
    let version = cargo["workspace"]["package"]["rust-version"].as_str().unwrap().to_owned();
    let image = read("deploy/Dockerfile");
    assert!(image.contains(&format!("FROM rust:{version}-")), "{image}");
    let user = image.lines().rfind(|line| line.starts_with("USER ")).unwrap();
    assert!(user.split([' ', ':']).skip(1).all(|id| id.parse::<u32>().unwrap() > 0), "{user}");
    assert!(read(".dockerignore").lines().any(|line| line == "target"));
    let built = ["cargo build --profile dist ", "/src/target/dist/brigade "];
    assert!(built.iter().all(|part| image.contains(part)), "{image}");
    let dist = &cargo["profile"]["dist"];
    assert_eq!((dist["inherits"].as_str(), dist["strip"].as_str()), (Some("release"), Some("symbols")));
}
