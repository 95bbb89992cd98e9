//! The embedded store and processes: one at a time, and what a killed one had acknowledged.
//!
//! The other process is this test program itself, told by its environment which part to play.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use brigade_model::Quota;
use brigade_model::job::{Change, Job, Prepared};
use brigade_model::ports::JobStore;
use brigade_model::ports::job_store::{Apply, ChangeId, LeaseToken, NewSlice, OutcomePart, OwnerId};
use brigade_model::ports::spool::Spool;
use brigade_store::conformance::{ManualClock, sample_job};
use brigade_store::directory::DirectorySpool;
use brigade_store::sqlite::SqliteStore;
use bytes::Bytes;
use uuid::Uuid;

/// Names the data directory to the other process.
const DATA: &str = "BRIGADE_TEST_DATA";
/// How a line of the other process that concerns the test begins.
const MARK: &str = "acknowledged ";

fn open(directory: &Path) -> SqliteStore {
    SqliteStore::open(directory, Arc::new(ManualClock::default())).unwrap()
}

/// Starts this program again to run one of its ignored tests on a data directory.
fn start(part: &str, data: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "--nocapture", part])
        .env(DATA, data)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// What the other process says, line by line, as long as it runs.
fn said(process: &mut Child) -> impl Iterator<Item = String> + use<> {
    let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
    lines.filter_map(|line| line.split_once(MARK).map(|(_, what)| what.to_owned()))
}

fn say(what: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{MARK}{what}").unwrap();
    out.flush().unwrap();
}

fn given_directory() -> Option<std::path::PathBuf> {
    env::var_os(DATA).map(Into::into)
}

#[test]
#[ignore = "a part that another test gives to another process"]
fn opens_and_says_how_that_went() {
    let Some(directory) = given_directory() else { return };
    match SqliteStore::open(&directory, Arc::new(ManualClock::default())) {
        Ok(_) => say("opened"),
        Err(refused) => say(refused),
    }
}

#[test]
fn a_second_process_on_the_same_data_directory_is_refused_and_told_which() {
    let directory = tempfile::tempdir().unwrap();
    let answer = || {
        let mut process = start("opens_and_says_how_that_went", directory.path());
        let answer = said(&mut process).next().unwrap();
        process.wait().unwrap();
        answer
    };
    let store = open(directory.path());
    let refusal = answer();
    assert!(refusal.contains("in use by another process"), "{refusal}");
    assert!(refusal.contains(&directory.path().display().to_string()), "{refusal}");
    drop(store);
    assert_eq!(answer(), "opened");
}

const SLICES: u32 = 8;
const TASKS: u32 = 1_000_000;

fn apply(job: &Job, change: Change) -> Apply {
    let id = ChangeId(Uuid::from_u128(u128::from(job.revision)));
    Apply { job: job.id, revision: job.revision, id, change, stage_fence: None }
}

/// An Active job whose slices never end.
async fn begin(store: &SqliteStore) -> Job {
    let (ttl, grace) = (Duration::from_secs(30), Duration::ZERO);
    let job = sample_job(1);
    store.create_job(&job, &Quota::of_open_jobs(9)).await.unwrap();
    let stage =
        store.lease_stage(job.id, OwnerId(Uuid::nil()), LeaseToken(Uuid::nil()), ttl, grace).await.unwrap().unwrap();
    let job = store.apply(apply(&job, Change::PreparationStarted)).await.unwrap();
    let slice = |index| NewSlice { index, first_task: 0, tasks: TASKS, spool_name: "s".into(), bytes: 100 };
    store.add_slices(&stage, (0..SLICES).map(slice).collect(), u64::MAX).await.unwrap();
    let prepared = Prepared { tasks: u64::from(TASKS * SLICES), slices: SLICES, ..Prepared::default() };
    let job = store.apply(apply(&job, Change::ManifestRead(prepared))).await.unwrap();
    store.apply(apply(&job, Change::SlotGranted)).await.unwrap()
}

/// Records parts of one slice for ever, and says each that was acknowledged.
async fn record_for_ever(store: &SqliteStore, job: &Job) {
    let (owner, token) = (OwnerId(Uuid::nil()), LeaseToken(Uuid::nil()));
    let lease = store.lease_slice(job.id, owner, token, Duration::from_secs(30)).await.unwrap().unwrap();
    for seq in 0.. {
        let (slice, fence) = (lease.slice.index, lease.fence);
        let bytes = Bytes::from(vec![b'x'; 5000]);
        let (failure_counts, done_bytes) = Default::default();
        store
            .record_part(OutcomePart {
                job: job.id,
                slice,
                fence,
                seq,
                succeeded: 2,
                failed: 1,
                failure_counts,
                done_bytes,
                bytes,
            })
            .await
            .unwrap();
        say(format_args!("{slice} {seq}"));
    }
}

#[tokio::test]
#[ignore = "a part that another test gives to another process"]
async fn records_parts_until_killed() {
    let Some(directory) = given_directory() else { return };
    let store = open(&directory);
    let job = begin(&store).await;
    futures::future::join_all((0..SLICES).map(|_| record_for_ever(&store, &job))).await;
}

#[tokio::test]
async fn a_kill_at_any_moment_loses_nothing_that_was_acknowledged() {
    for lines in [1, 50, 400, 1500] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = start("records_parts_until_killed", directory.path());
        let mut heard = said(&mut process);
        let mut acknowledged: Vec<String> = heard.by_ref().take(lines).collect();
        process.kill().unwrap();
        acknowledged.extend(heard);
        process.wait().unwrap();

        let store = open(directory.path());
        let job = store.job(sample_job(1).id).await.unwrap().unwrap();
        let mut parts_kept = 0;
        for row in store.slices(job.id, 0, 99).await.unwrap() {
            let parts = store.parts(job.id, row.index).await.unwrap();
            let mark = format!("{} ", row.index);
            let said = acknowledged.iter().filter(|line| line.starts_with(&mark)).count();
            assert!(parts.len() >= said, "slice {} keeps {} parts of {said}", row.index, parts.len());
            assert!(parts.iter().map(|(seq, _)| *seq).eq(0..parts.len() as u64));
            assert_eq!((row.succeeded as usize, row.failed as usize), (2 * parts.len(), parts.len()));
            assert!(!row.is_leased && row.must_check, "whoever held it is gone");
            parts_kept += parts.len() as u64;
        }
        assert_eq!((job.progress.succeeded, job.progress.failed), (2 * parts_kept, parts_kept));
        assert!(acknowledged.len() >= lines);
    }
}

#[tokio::test]
#[ignore = "a part that another test gives to another process"]
async fn writes_files_until_killed() {
    let Some(directory) = given_directory() else { return };
    let spool = DirectorySpool::open(&directory).unwrap();
    for number in 0.. {
        let name = format!("job-{}/slice-{number}.zst", number % 7);
        spool.write(&name, Bytes::from(vec![b'x'; 100_000])).await.unwrap();
        say(&name);
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_leaves_every_acknowledged_file_and_none_in_part() {
    for lines in [1, 60] {
        let directory = tempfile::tempdir().unwrap();
        let mut process = start("writes_files_until_killed", directory.path());
        let mut heard = said(&mut process);
        let mut acknowledged: Vec<String> = heard.by_ref().take(lines).collect();
        process.kill().unwrap();
        acknowledged.extend(heard);
        process.wait().unwrap();

        let spool = DirectorySpool::open(directory.path()).unwrap();
        let listed = spool.list("").await.unwrap();
        assert!(acknowledged.len() >= lines && acknowledged.iter().all(|name| listed.contains(name)));
        for name in &listed {
            assert_eq!(spool.read(name).await.unwrap().len(), 100_000);
        }
        assert_eq!(spool.bytes_used().await.unwrap(), 100_000 * listed.len() as u64);
    }
}

#[tokio::test]
#[ignore = "a part that another test gives to another process"]
async fn makes_a_data_directory_and_its_first_slice() {
    let Some(directory) = given_directory() else { return };
    let store = open(&directory);
    let spool = DirectorySpool::open(&directory.join("spool")).unwrap();
    spool.write("job-1/slice-0.zst", Bytes::from_static(b"x")).await.unwrap();
    drop(store);
}

/// The folders of a trace that were made and whose names were not synced after that.
fn lost_names(trace: &str) -> Vec<String> {
    let mut unsynced: Vec<String> = Vec::new();
    for call in trace.lines().filter(|call| call.ends_with(" = 0")) {
        if let Some((_, made)) = call.split_once("mkdir(\"") {
            unsynced.extend(made.split_once('"').map(|(path, _)| path.to_owned()));
        } else if call.contains("fsync(")
            && let Some((_, synced)) = call.split_once('<')
            && let Some((folder, _)) = synced.split_once('>')
        {
            unsynced.retain(|path| Path::new(path).parent() != Some(Path::new(folder)));
        }
    }
    unsynced
}

#[test]
fn the_name_of_every_new_folder_is_synced_in_the_folder_above_it() {
    let place = tempfile::tempdir().unwrap();
    let place = place.path().canonicalize().unwrap();
    let trace = place.join("trace");
    let data = place.join("var/lib/brigade");
    let status = Command::new("strace")
        .args(["-f", "-qq", "-y", "-e", "trace=mkdir,fsync", "-o", trace.to_str().unwrap()])
        .arg(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "makes_a_data_directory_and_its_first_slice"])
        .env(DATA, &data)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let trace = std::fs::read_to_string(trace).unwrap();
    let made = trace.matches(&format!("mkdir(\"{}", place.display())).count();
    assert!(made >= 6, "var, lib, brigade, spool, .partial and job-1: {trace}");
    assert_eq!(lost_names(&trace), <[String; 0]>::default(), "{trace}");
}

#[test]
fn a_name_that_is_not_synced_is_seen_in_a_trace() {
    let made = "7 mkdir(\"/d/spool\", 0777) = 0\n";
    let synced = "7 fsync(5</d>) = 0\n";
    let other = "7 fsync(5</d/spool>) = 0\n";
    let failed = "7 mkdir(\"/d/x/y\", 0777) = -1 ENOENT (No such file or directory)\n";
    assert_eq!(lost_names(&[made, synced].concat()), <[String; 0]>::default());
    assert_eq!(
        lost_names(&[failed, synced, made, other].concat()),
        ["/d/spool"],
        "the sync came before, or is another"
    );
}
