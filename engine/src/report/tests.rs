use std::collections::BTreeSet;

use brigade_model::job::Change;
use brigade_model::manifest::Field;
use brigade_model::ports::job_store::{ReportFile, UploadsOf};
use brigade_model::ports::object_store::{CallKind, Verdict};
use brigade_model::{JobFailure, JobOptions, ObjectKey, Outcome, ReportScope};
use bytes::Bytes;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use super::*;
use crate::manifest::csv::RowReader;
use crate::test_job::{TestJob, Trouble, at, bucket, rows};

const FOLDER: &str = "out/job-00000000-0000-0000-0000-0000000000a1/";

/// Every seventh task fails.
fn mostly(number: u64) -> Option<Outcome> {
    Some(if number % 7 == 3 {
        Outcome::failed("NoSuchKey", Some(404), format!("gone, {number}"))
    } else {
        Outcome::Succeeded
    })
}

/// A message of a KiB, so that 9,000 failures do not fit into one part.
fn at_length(number: u64) -> Option<Outcome> {
    Some(Outcome::failed("InternalError", Some(500), format!("{number:>1000}")))
}

async fn object(test_job: &TestJob, name: &str) -> Bytes {
    test_job.report_object(&ObjectKey::new(format!("{FOLDER}{name}")).unwrap()).await
}

async fn manifest(test_job: &TestJob) -> Value {
    serde_json::from_slice(&object(test_job, "manifest.json").await).unwrap()
}

/// The rows of every file that manifest.json names: (kind of file, cells).
async fn report_rows(test_job: &TestJob) -> Vec<(String, Vec<String>)> {
    let mut all = Vec::new();
    for result in manifest(test_job).await["Results"].as_array().unwrap() {
        let bytes = test_job.report_object(&ObjectKey::new(result["Key"].as_str().unwrap()).unwrap()).await;
        assert_eq!(result["MD5Checksum"], hex::encode(Md5::digest(&bytes)));
        assert_eq!(result["Bucket"], "reports");
        let kind = result["TaskExecutionStatus"].as_str().unwrap();
        let mut reader = ::csv::ReaderBuilder::new().has_headers(false).from_reader(&bytes[..]);
        let rows = reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect());
        all.extend(rows.map(|row| (kind.to_owned(), row)));
    }
    all
}

/// The numbers of the tasks of a kind, in the order of their rows; keys are `k<number>`.
fn numbers(rows: &[(String, Vec<String>)], kind: &str) -> Vec<u64> {
    rows.iter().filter(|(of, _)| of == kind).map(|(_, row)| row[1][1..].parse().unwrap()).collect()
}

fn numbers_where(tasks: u64, is: impl Fn(u64) -> bool) -> Vec<u64> {
    (0..tasks).filter(|number| is(*number)).collect()
}

#[tokio::test(start_paused = true)]
async fn every_task_stands_exactly_once_in_manifest_order() {
    let mut test_job = TestJob::new(&rows(1000), |_| {}).await;
    test_job.run(mostly).await;
    test_job.write_report().await.unwrap();
    let rows = report_rows(&test_job).await;
    assert_eq!(rows.len(), 1000);
    assert_eq!(numbers(&rows, "failed"), numbers_where(1000, |n| n % 7 == 3));
    assert_eq!(numbers(&rows, "succeeded"), numbers_where(1000, |n| n % 7 != 3));
    assert!(rows.iter().all(|(kind, row)| row[3] == *kind), "a row stands in the file of its status");
    let failed = rows.iter().find(|(kind, _)| kind == "failed").unwrap();
    assert_eq!(failed.1, ["photos", "k3", "", "failed", "NoSuchKey", "404", "gone, 3"]);
}

#[tokio::test(start_paused = true)]
async fn the_manifest_names_files_counts_and_the_operation() {
    let mut test_job = TestJob::new(&rows(100), |_| {}).await;
    test_job.run(|number| mostly(number).filter(|_| number < 80)).await;
    test_job.write_report().await.unwrap();
    let files = test_job.jobs.report_files(test_job.job.id).await.unwrap();
    let result = |file: &ReportFile| json!({"TaskExecutionStatus": file.kind, "Bucket": "reports", "MD5Checksum": file.md5, "Key": file.key.as_str()});
    let expected = json!({
        "Format": "Report_CSV_V1",
        "ReportCreationDate": "2026-01-01T00:00:00Z",
        "Results": files.iter().map(result).collect::<Vec<_>>(),
        "ReportSchema": "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage",
        "JobId": "00000000-0000-0000-0000-0000000000a1",
        "JobStatus": "Cancelled",
        "Operation": {"delete": {}},
        "Tasks": {"Total": 100, "Succeeded": 69, "Failed": 11, "NotAttempted": 20},
        "LeftOutRows": [],
        "FailureReasons": [],
    });
    assert_eq!(manifest(&test_job).await, expected);
    for file in &files {
        let name = file.key.as_str().strip_prefix(&format!("{FOLDER}results/")).unwrap().strip_suffix(".csv").unwrap();
        assert!(name.len() == 40 && name.bytes().all(|b| b.is_ascii_hexdigit()), "{name}");
    }
    let md5 = hex::encode(Md5::digest(object(&test_job, "manifest.json").await));
    assert_eq!(object(&test_job, "manifest.json.md5").await, md5);
}

#[tokio::test(start_paused = true)]
async fn failed_tasks_only_lists_failed_tasks_only() {
    let mut test_job = TestJob::new(&rows(300), |spec| spec.report.scope = Some(ReportScope::FailedTasksOnly)).await;
    test_job.run(mostly).await;
    test_job.write_report().await.unwrap();
    let rows = report_rows(&test_job).await;
    assert_eq!(numbers(&rows, "failed"), numbers_where(300, |n| n % 7 == 3));
    assert!(numbers(&rows, "succeeded").is_empty());
    assert_eq!(manifest(&test_job).await["Tasks"]["Succeeded"], 257);
}

#[tokio::test(start_paused = true)]
async fn a_job_without_outcomes_has_a_manifest_and_no_files() {
    let mut test_job = TestJob::new("", |_| {}).await;
    test_job.run(mostly).await;
    test_job.write_report().await.unwrap();
    assert_eq!(manifest(&test_job).await["Results"], Value::Array(Vec::new()));
    assert_eq!(test_job.objects.keys(&bucket("reports")).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_large_report_has_several_files() {
    let mut test_job = TestJob::new(&rows(2000), |_| {}).await;
    test_job.run(mostly).await;
    let to = Destination::of(&test_job.job, &test_job.places.report, &test_job.cancel).unwrap().unwrap();
    files::write_files(test_job.report(), &to, 1100).await.unwrap();
    manifest::write_manifest(test_job.report(), &to).await.unwrap();
    let files = test_job.jobs.report_files(test_job.job.id).await.unwrap();
    let sizes: Vec<_> = files.iter().map(|file| (file.kind.as_str(), file.number, file.rows)).collect();
    // Slices of 64, 128, 256, 512, 1024 and 16 tasks; a slice is never cut.
    assert_eq!(sizes, [("failed", 0, 286), ("succeeded", 0, 823), ("succeeded", 1, 891)]);
    let keys: BTreeSet<_> = files.iter().map(|file| file.key.clone()).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(numbers(&report_rows(&test_job).await, "succeeded"), numbers_where(2000, |n| n % 7 != 3));
}

#[tokio::test(start_paused = true)]
async fn a_new_owner_aborts_the_open_upload_and_goes_on_with_the_next_file() {
    let mut test_job = TestJob::new(&rows(9100), |_| {}).await;
    test_job.run(|number| if number < 100 { Some(Outcome::Succeeded) } else { at_length(number) }).await;
    test_job.script.expect([
        (CallKind::PutObject, Trouble::Fails(Verdict::Transient)),
        (CallKind::UploadPart, Trouble::Fails(Verdict::Unavailable)),
    ]);
    assert!(matches!(test_job.write_report().await, Err(StageError::Again(_))), "the first file is not taken");
    assert!(matches!(test_job.write_report().await, Err(StageError::Again(_))), "the second file is not taken");
    assert_eq!(test_job.objects.open_uploads().len(), 1);
    let puts = test_job.objects.calls(CallKind::PutObject);

    test_job.take_over().await;
    test_job.write_report().await.unwrap();
    assert!(test_job.objects.open_uploads().is_empty());
    assert!(test_job.jobs.uploads(test_job.job.id, UploadsOf::Report).await.unwrap().is_empty());
    assert_eq!(test_job.objects.calls(CallKind::PutObject), puts + 2, "the manifest and its md5, no file again");
    let rows = report_rows(&test_job).await;
    assert_eq!(numbers(&rows, "succeeded"), numbers_where(100, |_| true));
    assert_eq!(numbers(&rows, "failed"), numbers_where(9100, |n| n >= 100));
    assert!(test_job.script.is_over());
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_end_is_unknown_is_looked_at() {
    let mut test_job = TestJob::new(&rows(9000), |_| {}).await;
    test_job.run(at_length).await;
    test_job.script.expect([(CallKind::CompleteMultipartUpload, Trouble::AnswerLost)]);
    test_job.write_report().await.unwrap();
    assert_eq!(report_rows(&test_job).await.len(), 9000);

    let mut test_job = TestJob::new(&rows(9000), |_| {}).await;
    test_job.run(at_length).await;
    test_job.script.expect([(CallKind::CompleteMultipartUpload, Trouble::Fails(Verdict::Transient))]);
    assert!(matches!(test_job.write_report().await, Err(StageError::Again(_))));
    test_job.write_report().await.unwrap();
    assert_eq!(report_rows(&test_job).await.len(), 9000);
    assert!(test_job.objects.open_uploads().is_empty());
}

#[tokio::test(start_paused = true)]
async fn where_the_manifest_lies_the_report_is_whole() {
    // Two files, the md5, and the manifest.
    for writes in 0..4 {
        let mut test_job = TestJob::new(&rows(10), |_| {}).await;
        test_job.run(mostly).await;
        test_job.script.expect((0..writes).map(|_| (CallKind::PutObject, Trouble::Nothing)));
        test_job.script.expect([(CallKind::PutObject, Trouble::Fails(Verdict::Unavailable))]);
        assert!(matches!(test_job.write_report().await, Err(StageError::Again(_))));
        assert!(test_job.objects.object(&at("reports", &format!("{FOLDER}manifest.json"))).is_none());
        test_job.write_report().await.unwrap();
        assert_eq!(report_rows(&test_job).await.len(), 10);
        let last = test_job.objects.effects().pop().unwrap();
        assert_eq!(last.at.key.as_str(), format!("{FOLDER}manifest.json"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_stage_writes_no_more() {
    let mut test_job = TestJob::new(&rows(10), |_| {}).await;
    test_job.run(mostly).await;
    test_job.jobs.revoke_all_leases();
    assert_eq!(test_job.write_report().await, Err(StageError::Fenced));
}

#[tokio::test(start_paused = true)]
async fn a_report_that_is_not_wanted_makes_no_call() {
    let mut test_job = TestJob::new(&rows(10), |spec| spec.report.enabled = false).await;
    test_job.run(mostly).await;
    test_job.write_report().await.unwrap();
    assert!(test_job.objects.keys(&bucket("reports")).is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_failed_rows_of_a_report_are_a_manifest_of_the_same_keys() {
    let keys = ["a b", "a+b", "ü/%41", "x,\"y\"", "line\nend"];
    let cell = |key: &str| format!("photos,\"{}\"\n", key.replace('"', "\"\""));
    let mut test_job = TestJob::new(&keys.iter().map(|key| cell(key)).collect::<String>(), |_| {}).await;
    test_job.run(|_| Some(Outcome::failed("A", None, "b"))).await;
    test_job.write_report().await.unwrap();
    let files = test_job.jobs.report_files(test_job.job.id).await.unwrap();
    let report = test_job.report_object(&files[0].key).await;

    let mut spec = test_job.job.spec.manifest.clone();
    spec.fields = [vec![Field::Bucket, Field::Key, Field::VersionId], vec![Field::Ignore; 4]].concat();
    let mut reader = RowReader::new(&spec, &JobOptions::default()).unwrap();
    let mut input = &report[..];
    let mut read = Vec::new();
    while let Some(row) = reader.next(&mut input).unwrap() {
        read.push(row.task.key.as_str().to_owned());
    }
    assert_eq!(read, keys);
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_says_why_and_reports_what_it_has() {
    let mut test_job = TestJob::new(&rows(100), |_| {}).await;
    let prepared = test_job.prepare().await.unwrap();
    test_job.change(Change::ManifestRead(prepared)).await;
    test_job.change(Change::SlotGranted).await;
    test_job.change(Change::StageFailed(JobFailure::new("InternalError", "a disk is gone"))).await;
    test_job.write_report().await.unwrap();
    let json = manifest(&test_job).await;
    assert_eq!(json["JobStatus"], "Failed");
    assert_eq!(json["FailureReasons"][0]["FailureReason"], "a disk is gone");
    assert_eq!(json["Tasks"]["NotAttempted"], 100);
}
