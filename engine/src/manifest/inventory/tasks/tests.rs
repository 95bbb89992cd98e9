use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::job::Prepared;
use brigade_model::operation::Tagging;
use brigade_model::ports::object_store::{
    Answer, ByteStream, Call, CallError, CallKind, CompleteMultipartUpload, CreateMultipartUpload, GotObject,
    PutObject, UploadPart, Verdict, send,
};
use brigade_model::ports::{Clock, ObjectStore};
use brigade_model::{ManifestFormat, Operation, VersionId};
use brigade_runtime::SimulatedClock;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use md5::{Digest, Md5};

use super::*;
use crate::manifest::inventory::parts::{RANGE_BYTES, RANGES_AHEAD};
use crate::manifest::tasks::TaskReader;
use crate::pace::{PACE_BYTES, polls_of};
use crate::places::BucketRules;
use crate::stage_error::StageError;
use crate::test_job::{TestJob, Trouble, at};

/// Gzip with as many members as texts.
fn gzip(texts: &[&str]) -> Vec<u8> {
    texts.iter().flat_map(|text| compress(text.as_bytes(), Compression::fast())).collect()
}

fn compress(bytes: &[u8], level: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), level);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A manifest.json over these parts, called `p0`, `p1`, ...
fn document(schema: &str, parts: &[Vec<u8>]) -> String {
    let file = |(n, part): (usize, &Vec<u8>)| {
        let md5 = hex::encode(Md5::digest(part));
        format!(r#"{{"key":"p{n}","size":"{}","md5Checksum":"{md5}"}}"#, part.len())
    };
    let files: Vec<String> = parts.iter().enumerate().map(file).collect();
    format!(r#"{{"destinationBucket":"arn:aws:s3:::lists","fileSchema":"{schema}","files":[{}]}}"#, files.join(","))
}

async fn put_part(test_job: &TestJob, n: usize, bytes: Vec<u8>) {
    let put = PutObject::new(at("lists", &format!("p{n}")), bytes, Default::default());
    send(&test_job.objects, &test_job.cancel, put).await.unwrap();
}

/// A job over an inventory of these parts.
async fn test_job(schema: &str, parts: &[Vec<u8>]) -> TestJob {
    let test_job = TestJob::new(&document(schema, parts), |spec| {
        spec.manifest.format = ManifestFormat::Inventory;
        spec.manifest.fields = Vec::new();
    })
    .await;
    for (n, part) in parts.iter().enumerate() {
        put_part(&test_job, n, part.clone()).await;
    }
    test_job
}

fn rows(from: u64, to: u64) -> String {
    (from..to).map(|n| format!("\"photos\",\"k{n}\",\"{}\"\n", n * 10)).collect()
}

const SCHEMA: &str = "Bucket, Key, Size";

fn tagging() -> Operation {
    Operation::Tagging(Tagging { directive: None, tags: Vec::new() })
}

async fn failure(test_job: &TestJob) -> (String, String) {
    match test_job.prepare().await.unwrap_err() {
        StageError::Failed(why) => (why.code, why.reason),
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn an_inventory_becomes_slices_whose_tasks_are_the_rows_of_its_parts_in_order() {
    let parts = [
        gzip(&[&rows(0, 300), &rows(300, 301), "", &rows(301, 400)]),
        gzip(&["Bucket,Key,Size\n"]),
        gzip(&[rows(400, 1000).trim_end()]),
    ];
    let test_job = test_job(SCHEMA, &parts).await;
    assert_eq!(
        test_job.prepare().await.unwrap(),
        Prepared { tasks: 1000, slices: 5, source_bucket: "photos".parse().ok(), ..Prepared::default() }
    );
    let tasks = test_job.tasks().await;
    assert_eq!(tasks.len(), 1000);
    for (task, n) in tasks.iter().zip(0..) {
        assert_eq!((task.number, task.key.as_str(), task.size), (n, format!("k{n}").as_str(), Some(n * 10)));
    }
}

#[tokio::test(start_paused = true)]
async fn an_inventory_without_parts_or_rows_is_a_job_without_tasks() {
    assert_eq!(test_job(SCHEMA, &[]).await.prepare().await.unwrap(), Prepared::default());
    assert_eq!(test_job(SCHEMA, &[gzip(&[""])]).await.prepare().await.unwrap(), Prepared::default());
}

#[tokio::test(start_paused = true)]
async fn versions_are_meant_as_listed_and_an_empty_one_is_null() {
    let schema = "Bucket,Key,VersionId,IsLatest,IsDeleteMarker";
    let listed = "b,k,v2,true,false\nb,k,,false,false\nb,gone,v3,true,true\n";
    let mut test_job = test_job(schema, &[gzip(&[listed])]).await;
    test_job.job.spec.operation = tagging();
    let prepared = test_job.prepare().await.unwrap();
    assert_eq!(prepared.left_out, [("delete marker".to_owned(), 1)]);
    assert!(prepared.some_rows_have_versions);
    test_job.job.prepared = Some(prepared);
    let versions: Vec<_> = test_job.tasks().await.into_iter().map(|task| task.version).collect();
    assert_eq!(versions, [VersionId::new("v2").ok(), VersionId::new("null").ok()]);
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_not_the_one_that_was_listed_fails_the_job_and_is_named() {
    let parts = || vec![gzip(&[&rows(0, 100)]), gzip(&[&rows(100, 200)]), gzip(&[&rows(200, 300)])];

    let missing = test_job(SCHEMA, &parts()).await;
    missing.objects.deny_key(&at("lists", "p0"));
    assert_eq!(failure(&missing).await.0, "AccessDenied");
    let missing = TestJob::new(&document(SCHEMA, &parts()), |spec| {
        spec.manifest.format = ManifestFormat::Inventory;
    })
    .await;
    assert_eq!(failure(&missing).await, ("ManifestNotFound".into(), "inventory part lists/p0: does not exist".into()));

    let truncated = test_job(SCHEMA, &parts()).await;
    put_part(&truncated, 1, parts()[1][..50].to_vec()).await;
    let size = parts()[1].len();
    let told = format!("inventory part lists/p1: has 50 bytes, the inventory says {size}");
    assert_eq!(failure(&truncated).await, ("InvalidManifestContent".into(), told));

    // As long as it was, and whole: only the checksum tells.
    let parts = [padded(100, 100, 1), padded(200, 100, 1)];
    let other = test_job("Bucket,Key,Tag", &parts).await;
    put_part(&other, 1, parts[0].clone()).await;
    let (code, reason) = failure(&other).await;
    assert_eq!(code, "InvalidManifestContent");
    let told = format!("the inventory says {}", hex::encode(Md5::digest(&parts[1])));
    assert!(reason.starts_with("inventory part lists/p1: has the MD5 ") && reason.ends_with(&told), "{reason}");
}

#[tokio::test(start_paused = true)]
async fn a_part_that_is_no_whole_gzip_is_named_even_when_nothing_else_is_known_of_it() {
    let whole = gzip(&[&rows(0, 100), &rows(100, 200)]);
    let cut_in_the_text = whole[..whole.len() / 4].to_vec();
    let cut_in_the_checksum = whole[..whole.len() - 3].to_vec();
    let mut damaged = whole.clone();
    damaged[40] ^= 0x10;
    for (what, part) in [
        ("cut", cut_in_the_text),
        ("cut in its checksum", cut_in_the_checksum),
        ("damaged", damaged),
        ("plain text", rows(0, 10).into_bytes()),
        ("empty", Vec::new()),
        ("followed by something else", [&whole[..], b"more and more"].concat()),
    ] {
        let text =
            format!(r#"{{"destinationBucket":"arn:aws:s3:::lists","fileSchema":"{SCHEMA}","files":[{{"key":"p0"}}]}}"#);
        let test_job = TestJob::new(&text, |spec| spec.manifest.format = ManifestFormat::Inventory).await;
        put_part(&test_job, 0, part).await;
        let (code, reason) = failure(&test_job).await;
        assert_eq!(code, "InvalidManifestContent", "{what}");
        assert!(reason.starts_with("inventory part lists/p0: is not whole gzip data: "), "{what}: {reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_that_changes_while_it_is_read_fails_the_job_and_is_named() {
    // Two ranges; between them another object takes the part's place.
    let part = padded(0, 2500, 1000);
    for trouble in [Trouble::NamesOther, Trouble::Fails(Verdict::Precondition)] {
        let test_job = test_job("Bucket,Key,Tag", std::slice::from_ref(&part)).await;
        // manifest.json, the first range, the second.
        let nothing = || (CallKind::GetObject, Trouble::Nothing);
        test_job.script.expect([nothing(), nothing(), (CallKind::GetObject, trouble)]);
        let (code, reason) = failure(&test_job).await;
        assert_eq!(
            (code.as_str(), reason.as_str()),
            ("ManifestETagMismatch", "inventory part lists/p0: was changed while it was read")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bad_row_is_named_with_its_part() {
    let test_job = test_job(SCHEMA, &[gzip(&[&rows(0, 50)]), gzip(&[&rows(0, 20), "photos,k\n"])]).await;
    let (code, reason) = failure(&test_job).await;
    assert_eq!(code, "InvalidManifestContent");
    assert_eq!(reason, "inventory part lists/p1: row 21: has 2 columns, the fields name 3");
}

#[tokio::test(start_paused = true)]
async fn parts_are_read_only_where_the_role_may_read_manifests() {
    let text =
        format!(r#"{{"destinationBucket":"arn:aws:s3:::others","fileSchema":"{SCHEMA}","files":[{{"key":"p0"}}]}}"#);
    let mut test_job = TestJob::new(&text, |spec| spec.manifest.format = ManifestFormat::Inventory).await;
    test_job.places.manifest.buckets = BucketRules { allowed: vec!["lists".into()], strip_suffix: None };
    let told = "inventory part others/p0: the role does not allow this bucket";
    assert_eq!(failure(&test_job).await, ("AccessDenied".into(), told.into()));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_breaks_off_is_read_on_or_asked_again_later() {
    let test_job = test_job(SCHEMA, &[gzip(&[&rows(0, 100)]), gzip(&[&rows(100, 200)])]).await;
    test_job.script.expect([
        (CallKind::GetObject, Trouble::Nothing),
        (CallKind::GetObject, Trouble::BreaksAfter(40)),
        (CallKind::GetObject, Trouble::EndsAfter(7)),
    ]);
    assert_eq!(test_job.prepare().await.unwrap().tasks, 200);
    assert!(test_job.script.is_over());

    test_job.script.expect([
        (CallKind::HeadObject, Trouble::Nothing),
        (CallKind::HeadObject, Trouble::Fails(Verdict::Unavailable)),
    ]);
    let away = test_job.prepare().await.unwrap_err();
    assert!(matches!(&away, StageError::Again(reason) if reason.contains("inventory part lists/p0")), "{away}");
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_an_inventory_goes_on_behind_the_recorded_slices() {
    let part = |n: u64| gzip(&[&rows(n * 10_000, (n + 1) * 10_000)]);
    let parts: Vec<Vec<u8>> = (0..10).map(part).collect();
    let mut test_job = test_job(SCHEMA, &parts).await;
    test_job.job.spec.operation = tagging();
    // Nine parts make 16 slices, which are recorded at once, and some rows more.
    let good = (0..=9).map(|_| (CallKind::GetObject, Trouble::Nothing));
    test_job.script.expect(good.chain([(CallKind::GetObject, Trouble::Fails(Verdict::Unavailable))]));
    assert!(matches!(test_job.prepare().await, Err(StageError::Again(_))));
    let recorded = test_job.slices().await;
    assert_eq!(recorded.len(), 16);
    test_job.take_over().await;
    let prepared = test_job.prepare().await.unwrap();
    assert_eq!(prepared.tasks, 100_000);
    assert_eq!(test_job.slices().await[..recorded.len()], recorded[..], "what was recorded stays");
    let tasks = test_job.tasks().await;
    assert!(tasks.iter().zip(0..).all(|(task, n)| task.number == n && task.key.as_str() == format!("k{n}")));
}

#[tokio::test(start_paused = true)]
async fn parts_that_nothing_pins_and_that_change_between_two_preparations_fail_the_job() {
    let part = |n: u64| gzip(&[&rows(n * 10_000, (n + 1) * 10_000)]);
    let files: Vec<String> = (0..10).map(|n| format!(r#"{{"key":"p{n}"}}"#)).collect();
    let document = format!(
        r#"{{"destinationBucket":"arn:aws:s3:::lists","fileSchema":"{SCHEMA}","files":[{}]}}"#,
        files.join(",")
    );
    let mut test_job = TestJob::new(&document, |spec| spec.manifest.format = ManifestFormat::Inventory).await;
    test_job.job.spec.operation = tagging();
    for n in 0..10 {
        put_part(&test_job, n, part(n as u64)).await;
    }
    let good = (0..=9).map(|_| (CallKind::GetObject, Trouble::Nothing));
    test_job.script.expect(good.chain([(CallKind::GetObject, Trouble::Fails(Verdict::Unavailable))]));
    assert!(matches!(test_job.prepare().await, Err(StageError::Again(_))));
    assert_eq!(test_job.slices().await.len(), 16);

    put_part(&test_job, 3, gzip(&[&rows(30_000, 39_999), &rows(7, 8)])).await;
    test_job.take_over().await;
    let (code, reason) = failure(&test_job).await;
    assert_eq!(code, "ManifestETagMismatch");
    assert!(reason.starts_with("parts of the inventory, which states no MD5 for them, changed"), "{reason}");

    put_part(&test_job, 3, part(3)).await;
    assert_eq!(test_job.prepare().await.unwrap().tasks, 100_000, "the same rows are the same slices");
}

/// Counts the bytes of parts that are still held, and reads in flight; answers take a second.
struct Counting {
    inner: Arc<dyn ObjectStore>,
    clock: Arc<SimulatedClock>,
    held: Arc<Gauge>,
    reads: Arc<Gauge>,
}

/// What is now, and the most that was.
#[derive(Default)]
struct Gauge(AtomicU64, AtomicU64);

impl Gauge {
    fn add(&self, count: u64) {
        let now = self.0.fetch_add(count, Ordering::SeqCst) + count;
        self.1.fetch_max(now, Ordering::SeqCst);
    }

    fn take(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::SeqCst);
    }

    fn most(&self) -> u64 {
        self.1.load(Ordering::SeqCst)
    }
}

struct Counted(Bytes, Arc<Gauge>);

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.1.take(self.0.len() as u64);
    }
}

struct Pieces(VecDeque<Bytes>);

#[async_trait]
impl ByteStream for Pieces {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        self.0.pop_front().map(Ok)
    }
}

#[async_trait]
impl ObjectStore for Counting {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let is_of_part = matches!(&call, Call::GetObject(get) if get.at.key.as_str().starts_with('p'));
        self.reads.add(1);
        self.clock.sleep(Duration::from_secs(1)).await;
        self.reads.take(1);
        let mut got = match self.inner.call(cancel, call).await? {
            Answer::GetObject(got) if is_of_part => got,
            answer => return Ok(answer),
        };
        let mut pieces = VecDeque::new();
        while let Some(piece) = got.body.next().await {
            let piece = piece?;
            self.held.add(piece.len() as u64);
            pieces.push_back(Bytes::from_owner(Counted(piece, self.held.clone())));
        }
        Ok(Answer::GetObject(Box::new(GotObject { head: got.head, body: Box::new(Pieces(pieces)) })))
    }
}

/// A part of so many rows with so many bytes in a column that is skipped, not compressed.
fn padded(first: u64, rows: u64, padding: usize) -> Vec<u8> {
    let padding = "x".repeat(padding);
    let text: String = (first..first + rows).map(|n| format!("photos,k{n},{padding}\n")).collect();
    compress(text.as_bytes(), Compression::none())
}

/// The most bytes of parts that are held, and the most reads under way, while an inventory of so
/// many parts is read.
async fn most(parts: u64, rows: u64, padding: usize) -> (u64, u64) {
    let parts: Vec<Vec<u8>> = (0..parts).map(|n| padded(n * rows, rows, padding)).collect();
    let mut test_job = test_job("Bucket, Key, Tag", &parts).await;
    let (held, reads) = (Arc::<Gauge>::default(), Arc::<Gauge>::default());
    let (inner, clock) = (test_job.places.manifest.store.clone(), test_job.clock.clone());
    test_job.places.manifest.store = Arc::new(Counting { inner, clock, held: held.clone(), reads: reads.clone() });
    assert_eq!(test_job.prepare().await.unwrap().tasks, parts.len() as u64 * rows);
    (held.most(), reads.most())
}

#[tokio::test(start_paused = true)]
async fn what_is_held_of_an_inventory_grows_neither_with_its_parts_nor_with_their_size() {
    let bound = RANGE_BYTES * (RANGES_AHEAD as u64 + 2);
    for (parts, rows, padding) in [(500, 1, 1000), (40, 100, 10_000), (2, 400, 100_000)] {
        let (held, reads) = most(parts, rows, padding).await;
        // Parts are looked at ahead of the ranges that are read.
        assert!(reads > 4 && reads <= 2 * RANGES_AHEAD as u64, "{parts} parts: {reads} reads at a time");
        assert!(held <= bound, "{parts} parts: {held} bytes are held");
    }
}

/// Reads all tasks of the test job's manifest: how many they were, and how often the reader was polled.
async fn read_and_count_polls(test_job: &TestJob) -> (u64, usize) {
    let read = async {
        let mut reader = TaskReader::open(&test_job.job, &test_job.places.manifest, &test_job.cancel, &test_job.bytes)
            .await
            .unwrap();
        let mut tasks = 0;
        while reader.next().await.unwrap().is_some() {
            tasks += 1;
        }
        tasks
    };
    polls_of(read).await
}

#[tokio::test(start_paused = true)]
async fn a_reader_yields_by_what_it_inflates_also_where_no_row_is_a_task() {
    let marker = "\"photos\",\"a-key-that-was-deleted\",\"v1\",\"true\"\n";
    let text = marker.repeat((8 << 20) / marker.len());
    let part = compress(text.as_bytes(), Compression::best());
    assert!(part.len() < 64 * 1024, "much comes of little: {} bytes", part.len());
    let mut test_job = test_job("Bucket, Key, VersionId, IsDeleteMarker", &[part]).await;
    test_job.job.spec.operation = tagging();
    let (tasks, polls) = read_and_count_polls(&test_job).await;
    assert_eq!(tasks, 0);
    assert!(polls >= text.len() / (2 * PACE_BYTES), "{polls} polls for {} bytes", text.len());
    test_job.cancel.stop();
    assert_eq!(test_job.prepare().await.unwrap_err(), StageError::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_reader_yields_by_the_members_of_gzip_that_have_nothing_in_them() {
    let part = gzip(&[""; 20_000]);
    let test_job = test_job(SCHEMA, &[part]).await;
    let (tasks, polls) = read_and_count_polls(&test_job).await;
    assert!(tasks == 0 && polls >= 20_000 / 32, "{polls} polls");
}

#[tokio::test(start_paused = true)]
async fn a_reader_yields_by_the_rows_of_a_csv_also_where_they_are_blank() {
    for text in ["\n".repeat(4 << 20), "photos,k\n".repeat(100_000)] {
        let test_job = TestJob::new(&text, |_| {}).await;
        let (_, polls) = read_and_count_polls(&test_job).await;
        assert!(polls >= text.len() / PACE_BYTES, "{polls} polls for {} bytes", text.len());
    }
}

/// A file of `fixtures/inventory/parquet`: 500 rows, of which ten are delete markers.
fn parquet(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/inventory/parquet");
    std::fs::read(format!("{folder}/{name}.parquet")).unwrap()
}

/// A job that tags, over an inventory of these parts in Parquet.
async fn parquet_job(parts: &[Vec<u8>]) -> TestJob {
    let text = document("message s3.inventory {}", parts);
    parquet_job_of(&text, parts).await
}

async fn parquet_job_of(document: &str, parts: &[Vec<u8>]) -> TestJob {
    let text = document.replacen('{', r#"{"fileFormat":"Parquet","#, 1);
    let mut test_job = TestJob::new(&text, |spec| {
        spec.manifest.format = ManifestFormat::Inventory;
        spec.manifest.fields = Vec::new();
        // As S3 Control says it of every inventory.
        spec.manifest.rows.key_encoding = Some(brigade_model::options::KeyEncoding::Form);
    })
    .await;
    test_job.job.spec.operation = tagging();
    for (n, part) in parts.iter().enumerate() {
        put_part(&test_job, n, part.clone()).await;
    }
    test_job
}

#[tokio::test(start_paused = true)]
async fn an_inventory_in_parquet_becomes_the_same_slices_and_its_keys_are_never_decoded() {
    let parts = [parquet("as-aws"), parquet("of-several-groups")];
    let mut test_job = parquet_job(&parts).await;
    let prepared = test_job.prepare().await.unwrap();
    assert_eq!((prepared.tasks, &prepared.left_out[..]), (980, &[("delete marker".to_owned(), 20)][..]));
    assert!(prepared.some_rows_have_versions);
    test_job.job.prepared = Some(prepared);
    let tasks = test_job.tasks().await;
    for (task, n) in tasks.iter().zip((0..500).chain(0..500).filter(|n| n % 50 != 49)) {
        let version = if n % 3 == 0 { "null".to_owned() } else { format!("v{n}") };
        assert_eq!(task.key.as_str(), format!("2026/{n:04}/a b+c%20ü,\"{n}\".jpg"));
        assert_eq!((task.version.as_ref().map(VersionId::as_str), task.size), (Some(version.as_str()), Some(n * 10)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_in_parquet_whose_etag_is_not_its_md5_is_read_once_more_to_prove_it() {
    // The ETag says it: HEAD, the end, and the six columns that are needed.
    let parts = [parquet("as-aws")];
    let test_job = parquet_job(&parts).await;
    test_job.prepare().await.unwrap();
    let by_etag = test_job.objects.calls(CallKind::GetObject);

    // Another MD5 is listed: all bytes are read, and it is named.
    let test_job = parquet_job(&parts).await;
    put_part(&test_job, 0, parquet("of-several-groups")[..parts[0].len()].to_vec()).await;
    let (code, reason) = failure(&test_job).await;
    assert_eq!(code, "InvalidManifestContent");
    assert!(reason.starts_with("inventory part lists/p0: has the MD5 "), "{reason}");

    // An object that was uploaded in parts has another ETag, and is the one.
    let test_job = parquet_job(&parts).await;
    put_in_parts(&test_job, "p0", parts[0].clone()).await;
    assert_eq!(test_job.prepare().await.unwrap().tasks, 490);
    assert_eq!(test_job.objects.calls(CallKind::GetObject), by_etag + 1);
}

async fn put_in_parts(test_job: &TestJob, key: &str, body: Vec<u8>) {
    let (store, cancel) = (&test_job.objects, &test_job.cancel);
    let begin = CreateMultipartUpload { at: at("lists", key), with: Box::default() };
    let upload_id = send(store, cancel, begin).await.unwrap();
    let part = UploadPart { at: at("lists", key), upload_id: upload_id.clone(), part: 1, body: body.into() };
    let parts = vec![(1, send(store, cancel, part).await.unwrap().etag)];
    send(store, cancel, CompleteMultipartUpload::new(at("lists", key), upload_id, parts)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_part_in_parquet_that_is_damaged_or_changes_fails_the_job_and_is_named() {
    let whole = parquet("as-aws");
    let told = |what: &str| ("InvalidManifestContent".to_owned(), format!("inventory part lists/p1: {what}"));
    for (part, what) in [
        (parquet("brotli"), "is not read as Parquet: its codec is BROTLI; read are SNAPPY, GZIP, ZSTD and none"),
        (whole[..whole.len() - 1].to_vec(), "is not read as Parquet: it does not end with PAR1"),
        (gzip(&[&rows(0, 10)]), "is not read as Parquet: it does not end with PAR1"),
        (
            parquet("key-and-bucket"),
            "is not read as Parquet: it has a column version_id and another part has none, or the other way around",
        ),
    ] {
        assert_eq!(failure(&parquet_job(&[whole.clone(), part]).await).await, told(what));
    }

    // Between two of its columns another object takes its place.
    let test_job = parquet_job(std::slice::from_ref(&whole)).await;
    let nothing = || (CallKind::GetObject, Trouble::Nothing);
    test_job.script.expect([nothing(), nothing(), nothing(), (CallKind::GetObject, Trouble::NamesOther)]);
    let (code, reason) = failure(&test_job).await;
    assert_eq!(
        (code.as_str(), reason.as_str()),
        ("ManifestETagMismatch", "inventory part lists/p0: was changed while it was read")
    );
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_over_an_inventory_in_parquet_goes_on_behind_the_recorded_slices() {
    let parts: Vec<Vec<u8>> = (0..300).map(|_| parquet("as-aws")).collect();
    let test_job_of = async |has_md5: bool| {
        let text = document("", &parts);
        let text = if has_md5 { text } else { text.replace("md5Checksum", "none") };
        parquet_job_of(&text, &parts).await
    };
    for has_md5 in [true, false] {
        let mut test_job = test_job_of(has_md5).await;
        // Of 249 parts the slices that are whole.
        let good = (0..1500).map(|_| (CallKind::GetObject, Trouble::Nothing));
        test_job.script.expect(good.chain([(CallKind::GetObject, Trouble::Fails(Verdict::Unavailable))]));
        assert!(matches!(test_job.prepare().await, Err(StageError::Again(_))));
        let recorded = test_job.slices().await;
        assert_eq!(recorded.len(), 20);
        test_job.take_over().await;
        assert_eq!(test_job.prepare().await.unwrap().tasks, 300 * 490);
        assert_eq!(test_job.slices().await[..recorded.len()], recorded[..], "what was recorded stays");
    }
}
