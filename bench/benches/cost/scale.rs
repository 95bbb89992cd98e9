//! One tagging job of very many tasks on the job store and the Spool of a node, on this machine's disk,
//! from its creation to its report: the cost of each stage, and whether the cost of a task grows with
//! their number.
//!
//! The object store is in this process and accepts every call at once. It reads the report as the job
//! writes it: the n-th row must be that of the n-th row of the manifest, or the benchmark fails; the CPU
//! time of this reading is left out.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use std::{fs, thread};

use async_trait::async_trait;
use brigade_bench::{Figures, Usage};
use brigade_engine::places::AlwaysWell;
use brigade_model::Status;
use brigade_model::ports::object_store::{Answer, ByteStream, Call, CallError, CancelToken, GotObject, ObjectStore};
use brigade_model::ports::{JobStore, Spool};
use brigade_runtime::{SystemClock, TokioSpawn};
use brigade_store::directory::DirectorySpool;
use brigade_store::sqlite::SqliteStore;
use bytes::Bytes;

use crate::job::{Below, job_id, run_job, spec};
use crate::manifests::Manifest;
use crate::rows::Keys;
use crate::store::{Answers, YesStore};
use crate::{cpu, operation, told};

/// What a row of the report says behind the manifest's.
const SUCCEEDED: &[u8] = b",,succeeded,,200,Successful\r\n";
/// So many parts of equal length divide a stage for its figures.
const PARTS: u64 = 10;
const STAGES: [(&str, Status, Status); 3] = [
    ("Preparing", Status::New, Status::Ready),
    ("Active", Status::Ready, Status::Completing),
    ("Completing", Status::Completing, Status::Complete),
];
/// Of each stage.
const STAGE_COLUMNS: [&str; 3] = ["rows/s", "CPU us/row", "peak MiB so far"];
const DISK_COLUMNS: [&str; 6] = [
    "Spool, bytes/row",
    "on its disk, bytes/row",
    "database, bytes/row",
    "log at most, MiB",
    "written, bytes/row",
    "report, bytes/row",
];

/// Runs a job of each of these sizes, each in a process of its own, one after the other.
pub(crate) fn measure(sizes: &[String]) {
    let (mut stages, mut disk, mut parts) = (Figures::default(), Figures::default(), Figures::default());
    for tasks in sizes {
        let mut figures = told(&["scale-one", tasks]).into_iter();
        for (stage, ..) in STAGES {
            for column in STAGE_COLUMNS {
                stages.note(&format!("{stage} {tasks}"), column, figures.next().unwrap());
            }
        }
        stages.note(&format!("all {tasks}"), STAGE_COLUMNS[0], figures.next().unwrap());
        stages.note(&format!("all {tasks}"), STAGE_COLUMNS[1], figures.next().unwrap());
        for column in DISK_COLUMNS {
            disk.note(tasks, column, figures.next().unwrap());
        }
        for part in 1..=PARTS {
            for (stage, ..) in STAGES {
                parts.note(&format!("{tasks}, {part} of {PARTS}"), stage, figures.next().unwrap());
            }
        }
    }
    println!("tagging, rows of {} bytes\n{stages}\n\non the disk\n{disk}", Keys::Hashed.row_bytes());
    println!("\nCPU us/row as each stage goes on\n{parts}\n");
    let sizes_once: BTreeSet<&String> = sizes.iter().collect();
    for tasks in sizes_once {
        let half = |stage: &str, half: RangeInclusive<u64>| {
            let part = |part: u64| parts.median(&format!("{tasks}, {part} of {PARTS}"), stage).unwrap();
            half.map(part).sum::<f64>()
        };
        let growth = |stage: &str| half(stage, PARTS / 2 + 1..=PARTS) / half(stage, 1..=PARTS / 2);
        let told = STAGES.map(|(stage, ..)| format!("{stage} {:.3}", growth(stage))).join(", ");
        println!("the second half of {tasks} rows beside the first: {told}");
    }
    for (less, more) in sizes.iter().zip(sizes.iter().skip(1)) {
        let all = |tasks: &str| stages.median(&format!("all {tasks}"), STAGE_COLUMNS[1]).unwrap();
        println!("a row of {more} takes {:.3} times the CPU time of one of {less}", all(more) / all(less));
    }
}

/// Runs one job; gives its figures in the order in which [`measure`] reads them.
pub(crate) fn run(tasks: u64) -> Vec<f64> {
    let directory = tempfile::tempdir().unwrap();
    let log = LogWatch::begin(directory.path());
    let written_before = Usage::of(std::process::id()).written_bytes;
    // As the service has it.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (moves, yes, spool_bytes) = runtime.block_on(run_on(directory.path(), tasks));
    let each = |figure: f64| figure / tasks as f64;
    let mut figures = Vec::new();
    for ((_, from, to), peak_kib) in STAGES.iter().zip(yes.peaks()) {
        let rate = tasks as f64 / moves.seconds(*from, *to);
        figures.extend([rate, each(moves.at(*to) - moves.at(*from)), peak_kib as f64 / 1024.0]);
    }
    figures.push(tasks as f64 / moves.seconds(Status::New, Status::Complete));
    figures.push(each(moves.at(Status::Complete) - moves.at(Status::New)));
    let spool = directory.path().join("spool");
    let database = fs::metadata(directory.path().join("brigade.db")).unwrap().len();
    let written = Usage::of(std::process::id()).written_bytes - written_before;
    let report_bytes = yes.report.lock().unwrap().bytes;
    figures.extend([spool_bytes, disk_bytes(&spool), database].map(|bytes| each(bytes as f64)));
    figures.push(log.end() as f64 / f64::from(1 << 20));
    figures.extend([written, report_bytes].map(|bytes| each(bytes as f64)));
    let begun = STAGES.map(|(_, from, _)| moves.at(from));
    let courses = [&yes.read, &yes.tagged, &yes.reported].map(|course| course.us_at());
    for part in 0..PARTS as usize {
        for (course, begun) in courses.iter().zip(begun) {
            let before = part.checked_sub(1).map_or(begun, |before| course[before]);
            figures.push((course[part] - before) / (tasks as f64 / PARTS as f64));
        }
    }
    figures
}

async fn run_on(directory: &Path, tasks: u64) -> (Arc<crate::job::Moves>, Arc<Watched>, u64) {
    let clock = Arc::new(SystemClock::new());
    let jobs = Arc::new(SqliteStore::open(directory, clock.clone()).unwrap());
    let spool = DirectorySpool::open(&directory.join("spool")).unwrap();
    let manifest = Manifest::Computed(tasks, Keys::Hashed);
    let (spec, yes) = (spec(operation("tagging"), &manifest), Arc::new(Watched::over(manifest)));
    let below = Below {
        clock,
        jobs: jobs.clone(),
        spool: Arc::new(spool.clone()),
        objects: (yes.clone(), Arc::new(AlwaysWell)),
        yes: yes.clone(),
        spawn: Arc::new(TokioSpawn),
    };
    let moves = run_job(Status::Complete, tasks, spec, below).await;
    let files = jobs.report_files(job_id()).await.unwrap();
    let spool_bytes = spool.bytes_used().await.unwrap();
    let report = yes.report.lock().unwrap();
    assert_eq!(report.rows, tasks, "each row of the manifest has a row in the report");
    assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), tasks, "the report's files hold them");
    assert_eq!(yes.tagged.done(), tasks, "each object was tagged once");
    let said = format!("\"Total\": {tasks},\n    \"Succeeded\": {tasks},\n    \"Failed\": 0,\n    \"NotAttempted\": 0");
    let manifest = String::from_utf8_lossy(&report.manifest);
    assert!(manifest.contains(&said), "the report's manifest counts them: {said}");
    assert_eq!(manifest.matches("\"MD5Checksum\"").count(), files.len(), "the report's manifest names every file");
    drop(report);
    (moves, yes, spool_bytes)
}

/// What the files of a folder and of those below take of the disk.
fn disk_bytes(folder: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let bytes = |entry: fs::DirEntry| {
        let metadata = entry.metadata().unwrap();
        metadata.blocks() * 512 + if metadata.is_dir() { disk_bytes(&entry.path()) } else { 0 }
    };
    entries.map(bytes).sum()
}

/// Looks at the length of the write-ahead log now and then.
struct LogWatch {
    stop: Arc<AtomicBool>,
    watching: thread::JoinHandle<u64>,
}

impl LogWatch {
    fn begin(directory: &Path) -> Self {
        let (file, stop) = (directory.join("brigade.db-wal"), Arc::new(AtomicBool::new(false)));
        let stopped = stop.clone();
        let watching = thread::spawn(move || {
            let mut most = 0;
            while !stopped.load(Ordering::Relaxed) {
                most = most.max(fs::metadata(&file).map_or(0, |metadata| metadata.len()));
                thread::sleep(Duration::from_millis(200));
            }
            most
        });
        Self { stop, watching }
    }

    /// The greatest length that was seen.
    fn end(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        self.watching.join().unwrap()
    }
}

/// How far a stage has come, and how much CPU time was used at each tenth of it.
struct Course {
    whole: u64,
    done: AtomicU64,
    us_at: Mutex<Vec<f64>>,
    peak_kib: AtomicU64,
}

impl Course {
    fn of(whole: u64) -> Self {
        Self { whole, done: AtomicU64::new(0), us_at: Mutex::default(), peak_kib: AtomicU64::new(0) }
    }

    fn advance(&self, by: u64) {
        let before = self.done.fetch_add(by, Ordering::Relaxed);
        let part = |done: u64| done * PARTS / self.whole;
        for _ in part(before)..part(before + by) {
            self.us_at.lock().unwrap().push(cpu::used_us());
            self.peak_kib.store(Usage::of(std::process::id()).peak_kib, Ordering::Relaxed);
        }
    }

    fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    fn us_at(&self) -> Vec<f64> {
        self.us_at.lock().unwrap().clone()
    }
}

/// A store that says yes and watches what goes through it.
struct Watched {
    yes: YesStore,
    read: Arc<Course>,
    tagged: Arc<Course>,
    reported: Arc<Course>,
    report: Mutex<Report>,
}

/// What came of the report.
#[derive(Default)]
struct Report {
    rows: u64,
    bytes: u64,
    manifest: Bytes,
}

impl Watched {
    fn over(manifest: Manifest) -> Self {
        let tasks = manifest.tasks();
        let [read, tagged, reported] =
            [tasks * Keys::Hashed.row_bytes(), tasks, tasks].map(|n| Arc::new(Course::of(n)));
        Self { yes: YesStore::new(manifest, Answers::AtOnce), read, tagged, reported, report: Mutex::default() }
    }

    /// The most memory that the process had at the end of each stage.
    fn peaks(&self) -> [u64; 3] {
        [&self.read, &self.tagged, &self.reported].map(|course| course.peak_kib.load(Ordering::Relaxed))
    }

    /// Reads a part of the report: whole rows, each the next.
    fn check(&self, body: &[u8]) {
        let rows = cpu::left_out(|| {
            let mut report = self.report.lock().unwrap();
            let (mut expected, mut rest, first) = (Vec::new(), body, report.rows);
            while !rest.is_empty() {
                expected.clear();
                Keys::Hashed.put_row(&mut expected, report.rows);
                expected.pop();
                expected.extend_from_slice(SUCCEEDED);
                rest = rest.strip_prefix(&expected[..]).unwrap_or_else(|| {
                    panic!("row {} of the report is not that of the manifest", report.rows);
                });
                report.rows += 1;
            }
            report.bytes += body.len() as u64;
            report.rows - first
        });
        self.reported.advance(rows);
    }
}

#[async_trait]
impl ObjectStore for Watched {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        match &call {
            Call::PutObjectTagging(_) => self.tagged.advance(1),
            Call::UploadPart(part) => self.check(&part.body),
            Call::PutObject(put) if put.at.key.as_str().ends_with(".csv") => self.check(&put.body),
            Call::PutObject(put) if put.at.key.as_str().ends_with("manifest.json") => {
                self.report.lock().unwrap().manifest = put.body.clone();
            }
            _ => {}
        }
        Ok(match self.yes.call(cancel, call).await? {
            Answer::GetObject(got) => {
                let GotObject { head, body } = *got;
                let body = Box::new(Counted { body, read: self.read.clone() });
                Answer::GetObject(Box::new(GotObject { head, body }))
            }
            other => other,
        })
    }
}

/// Counts the bytes of the manifest.
struct Counted {
    body: Box<dyn ByteStream>,
    read: Arc<Course>,
}

#[async_trait]
impl ByteStream for Counted {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        let piece = self.body.next().await;
        if let Some(Ok(bytes)) = &piece {
            self.read.advance(bytes.len() as u64);
        }
        piece
    }
}
