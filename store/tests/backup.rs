//! Backups of a data directory in use, and restores of them.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use brigade_model::job::{Change, Job, JobId, Prepared};
use brigade_model::ports::job_store::{Apply, ChangeId, LeaseToken, NewSlice, OutcomePart, OwnerId};
use brigade_model::ports::{JobStore, Spool};
use brigade_model::{Quota, Status, Timestamp};
use brigade_store::backup::{BackupError, back_up, restore};
use brigade_store::conformance::{ManualClock, sample_job};
use brigade_store::directory::{DirectorySpool, SPOOL};
use brigade_store::sqlite::SqliteStore;
use bytes::Bytes;
use tempfile::TempDir;
use uuid::Uuid;

const NOBODY: OwnerId = OwnerId(Uuid::nil());
const TOKEN: LeaseToken = LeaseToken(Uuid::nil());
const TTL: Duration = Duration::from_secs(30);
const SLICES: u32 = 4;
const TASKS: u32 = 1_000_000;

/// When the backups here are made.
fn made() -> Timestamp {
    "2026-02-03T04:05:06Z".parse().unwrap()
}

fn open(data: &Path) -> (SqliteStore, DirectorySpool) {
    let jobs = SqliteStore::open(data, Arc::new(ManualClock::default())).unwrap();
    (jobs, DirectorySpool::open(&data.join(SPOOL)).unwrap())
}

/// A data directory `data` in use, and room beside it.
struct Place {
    folder: TempDir,
    jobs: SqliteStore,
    spool: DirectorySpool,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (jobs, spool) = open(&folder.path().join("data"));
        Self { folder, jobs, spool }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn back_up(&self, name: &str) -> Result<brigade_store::backup::About, BackupError> {
        back_up(&self.path("data"), &self.path(name), made())
    }

    async fn step(&self, job: &Job, change: Change) -> Job {
        let id = ChangeId(Uuid::from_u128(u128::from(job.revision)));
        self.jobs.apply(Apply { job: job.id, revision: job.revision, id, change, stage_fence: None }).await.unwrap()
    }

    /// A new job that these changes happened to; its slices are made where it is Preparing.
    async fn job(&self, number: u128, changes: &[Change]) -> Job {
        let mut job = sample_job(number);
        self.jobs.create_job(&job, &Quota::of_open_jobs(99)).await.unwrap();
        let stage = self.jobs.lease_stage(job.id, NOBODY, TOKEN, TTL, Duration::ZERO).await.unwrap().unwrap();
        for change in changes {
            if matches!(change, Change::ManifestRead(_)) {
                let slices: Vec<_> = (0..SLICES).map(|index| slice(&job, index)).collect();
                for slice in &slices {
                    self.spool.write(&slice.spool_name, Bytes::from(slice.spool_name.clone())).await.unwrap();
                }
                self.jobs.add_slices(&stage, slices, u64::MAX).await.unwrap();
            }
            job = self.step(&job, change.clone()).await;
        }
        self.jobs.release_stage(&stage).await.unwrap();
        job
    }
}

fn slice(job: &Job, index: u32) -> NewSlice {
    let spool_name = format!("{}/{index:08}-1.slice", job.id);
    NewSlice { index, first_task: u64::from(index * TASKS), tasks: TASKS, spool_name, bytes: 100 }
}

fn read() -> Change {
    Change::ManifestRead(Prepared { tasks: u64::from(TASKS * SLICES), slices: SLICES, ..Prepared::default() })
}

fn active() -> Vec<Change> {
    vec![Change::PreparationStarted, read(), Change::SlotGranted]
}

/// Everything below a folder, by its name in it, with its bytes.
fn files(folder: &Path) -> BTreeSet<(String, Vec<u8>)> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert((name, fs::read(path).unwrap()));
            }
        }
    }
    found
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Records parts of a slice until told to stop; says how many.
async fn record_until(jobs: &SqliteStore, job: JobId, stop: &AtomicBool) -> u64 {
    let lease = jobs.lease_slice(job, NOBODY, TOKEN, TTL).await.unwrap().unwrap();
    let mut seq = 0;
    while !stop.load(Ordering::SeqCst) {
        let (slice, fence, bytes) = (lease.slice.index, lease.fence, Bytes::from(vec![b'x'; 5000]));
        let (failure_counts, done_bytes) = Default::default();
        let part = OutcomePart { job, slice, fence, seq, succeeded: 2, failed: 1, failure_counts, done_bytes, bytes };
        jobs.record_part(part).await.unwrap();
        seq += 1;
    }
    seq
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_beside_a_busy_service_is_of_one_moment_and_has_every_file_that_it_needs() {
    let place = Place::new();
    let job = place.job(1, &active()).await;
    let stop = AtomicBool::new(false);
    let backing_up = async {
        let (data, target) = (place.path("data"), place.path("b"));
        let about = tokio::task::spawn_blocking(move || back_up(&data, &target, made())).await.unwrap();
        stop.store(true, Ordering::SeqCst);
        about.unwrap()
    };
    let busy = (0..SLICES).map(|_| record_until(&place.jobs, job.id, &stop));
    let (about, parts) = tokio::join!(backing_up, futures::future::join_all(busy));
    assert!(parts.iter().all(|parts| *parts > 0), "the service went on: {parts:?}");
    assert_eq!((about.jobs, about.held, about.files), (1, 1, u64::from(SLICES)));

    restore(&place.path("b"), &place.path("again")).unwrap();
    let (jobs, spool) = open(&place.path("again"));
    let mut recorded = 0;
    for row in jobs.slices(job.id, 0, 99).await.unwrap() {
        let parts = jobs.parts(job.id, row.index).await.unwrap().len();
        assert_eq!((row.succeeded as usize, row.failed as usize), (2 * parts, parts), "parts and counters agree");
        assert_eq!(spool.read(&row.spool_name).await.unwrap(), row.spool_name);
        recorded += parts as u64;
    }
    let progress = jobs.job(job.id).await.unwrap().unwrap().progress;
    assert_eq!((progress.succeeded, progress.failed), (2 * recorded, recorded));
    assert!(recorded <= parts.iter().sum());
}

#[tokio::test]
async fn in_a_backup_every_job_that_may_start_tasks_is_held_and_in_the_service_none() {
    let place = Place::new();
    let paused = [active(), vec![Change::Preempted, Change::Drained]].concat();
    let completing = [active(), vec![Change::TasksExhausted]].concat();
    let lives: [(&[Change], Status); 5] = [
        (&[], Status::New),
        (&[Change::PreparationStarted], Status::Preparing),
        (&active()[..2], Status::Ready),
        (&active(), Status::Pausing),
        (&paused, Status::Paused),
    ];
    for (number, (life, _)) in (1..).zip(&lives) {
        place.job(number, life).await;
    }
    let ending = place.job(90, &completing).await;
    let ended = place.job(91, &[Change::CancelRequested("no".into())]).await;
    let before = place.jobs.job(JobId::from_u128(4)).await.unwrap();

    let about = place.back_up("b").unwrap();
    assert_eq!((about.jobs, about.held), (7, 5));
    restore(&place.path("b"), &place.path("again")).unwrap();
    let (jobs, _) = open(&place.path("again"));
    for (number, (_, status)) in (1..).zip(lives) {
        let job = jobs.job(JobId::from_u128(number)).await.unwrap().unwrap();
        assert_eq!((job.status, job.held_by_user, job.restored_from), (status, true, Some(made())));
        assert!(job.status_update_reason.contains("2026-02-03T04:05:06Z"), "{}", job.status_update_reason);
        assert!(job.status_update_reason.contains("brigade job resume"), "{}", job.status_update_reason);
    }
    for job in [ending, ended] {
        assert_eq!(jobs.job(job.id).await.unwrap(), Some(job), "what only ends is as it was");
    }
    assert_eq!(place.jobs.job(JobId::from_u128(4)).await.unwrap(), before, "the service's own are as they were");
}

#[tokio::test]
async fn a_stopped_or_killed_service_is_backed_up_like_one_that_runs() {
    let place = Place::new();
    let job = place.job(1, &active()).await;
    // What a kill leaves: the files as they are, the last commits in the write-ahead log.
    let killed = place.path("killed");
    fs::create_dir_all(killed.join(SPOOL).join(job.id.to_string())).unwrap();
    for (name, bytes) in files(&place.path("data")) {
        if !name.ends_with("-shm") {
            fs::write(killed.join(name), bytes).unwrap();
        }
    }
    drop((place.jobs, place.spool));
    for data in ["data", "killed"] {
        let (data, target) = (place.folder.path().join(data), place.folder.path().join(format!("{data}-backup")));
        let about = back_up(&data, &target, made()).unwrap();
        assert_eq!((about.jobs, about.files), (1, u64::from(SLICES)), "{}", data.display());
        let (jobs, _) = open(&target);
        assert_eq!(jobs.job(job.id).await.unwrap().unwrap().status, Status::Pausing);
    }
}

#[tokio::test]
async fn a_backup_that_cannot_be_whole_leaves_nothing_behind() {
    let place = Place::new();
    let job = place.job(1, &active()).await;
    let gone = slice(&job, 2).spool_name;
    place.spool.remove(&gone).await.unwrap();
    let failed = place.back_up("b").unwrap_err();
    assert!(failed.to_string().contains(&gone) && !failed.is_mistake(), "{failed}");
    assert_eq!(names(place.folder.path()), ["data"]);
}

#[tokio::test]
async fn what_a_killed_backup_left_is_replaced_by_the_next() {
    let place = Place::new();
    place.job(1, &active()).await;
    let left = place.path(".b.partial");
    fs::create_dir_all(left.join(SPOOL)).unwrap();
    fs::write(left.join("brigade.db"), "half").unwrap();
    place.back_up("b").unwrap();
    assert_eq!(names(place.folder.path()), ["b", "data"]);
    assert_eq!(names(&place.path("b")), ["backup.json", "brigade.db", "spool"]);
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_lies_beside_what_it_protects() {
    let place = Place::new();
    fs::create_dir(place.path("b")).unwrap();
    assert!(matches!(place.back_up("b"), Err(BackupError::TargetExists(_))));
    assert!(matches!(place.back_up("data/b"), Err(BackupError::TargetInside(_))));
    assert!(matches!(place.back_up("data/spool/b"), Err(BackupError::TargetInside(_))));
    let nothing = back_up(&place.path("b"), &place.path("c"), made());
    assert!(matches!(nothing, Err(BackupError::NoData(_))));
    assert_eq!(names(place.folder.path()), ["b", "data"]);
}

#[tokio::test]
async fn a_restore_overwrites_nothing_and_needs_a_whole_backup() {
    let place = Place::new();
    let job = place.job(1, &active()).await;
    place.back_up("b").unwrap();
    let (backup, again) = (place.path("b"), place.path("again"));
    let before = files(&place.path("data"));
    assert!(matches!(restore(&backup, &place.path("data")), Err(BackupError::NotEmpty { .. })));
    assert_eq!(files(&place.path("data")), before);

    assert!(matches!(restore(&place.path("data"), &again), Err(BackupError::NoBackup { .. })));
    assert!(!again.exists());

    let lost = backup.join(SPOOL).join(slice(&job, 1).spool_name);
    let bytes = fs::read(&lost).unwrap();
    fs::write(&lost, &bytes[1..]).unwrap();
    let cut = restore(&backup, &again).unwrap_err();
    assert!(cut.to_string().contains("bytes"), "{cut}");
    let half = SqliteStore::open(&again, Arc::new(ManualClock::default())).unwrap_err();
    assert!(half.to_string().contains("half a restore"), "{half}");
    assert!(matches!(restore(&backup, &again), Err(BackupError::NotEmpty { .. })));

    fs::write(&lost, &bytes).unwrap();
    let database = backup.join("brigade.db");
    let whole = fs::read(&database).unwrap();
    let mut damaged = whole.clone();
    damaged[whole.len() / 2..].fill(0xff);
    fs::write(&database, damaged).unwrap();
    assert!(matches!(restore(&backup, &place.path("c")), Err(BackupError::Database { .. })));
    fs::write(&database, whole).unwrap();
    restore(&backup, &place.path("d")).unwrap();
}

/// The modes of everything below a folder, itself included, that are not the owner's alone.
fn open_to_others(folder: &Path) -> Vec<String> {
    let mut open = Vec::new();
    let mut left = vec![folder.to_owned()];
    while let Some(path) = left.pop() {
        let metadata = fs::metadata(&path).unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        if mode != if metadata.is_dir() { 0o700 } else { 0o600 } {
            open.push(format!("{} {mode:o}", path.display()));
        }
        if metadata.is_dir() {
            left.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    open
}

#[tokio::test]
async fn a_data_directory_a_backup_and_what_is_restored_are_their_owners_alone() {
    let place = Place::new();
    place.job(1, &active()).await;
    place.back_up("b").unwrap();
    fs::create_dir(place.path("again")).unwrap();
    fs::set_permissions(place.path("again"), fs::Permissions::from_mode(0o755)).unwrap();
    restore(&place.path("b"), &place.path("again")).unwrap();
    let _opened = SqliteStore::open(&place.path("again"), Arc::new(ManualClock::default())).unwrap();
    for folder in ["data", "b", "again"] {
        assert!(files(&place.path(folder)).len() > 2, "{folder}");
        assert_eq!(open_to_others(&place.path(folder)), Vec::<String>::new());
    }
}
