//! The promise's accounting, checked on the bucket's own report: every outcome is one row, the
//! counters equal the rows, and what is said to be done is done.

use std::collections::BTreeMap;

use brigade_model::ports::JobStore;
use brigade_model::ports::object_store::{At, CancelToken, GetObject, send};
use brigade_model::{Job, ObjectKey, Status};

use crate::cluster::{TestCluster, bucket};

/// One row of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) version: String,
    pub(crate) status: String,
    pub(crate) code: String,
    pub(crate) message: String,
}

/// The text of an object.
pub(crate) async fn text(cluster: &TestCluster, bucket_name: &str, key: &str) -> Option<String> {
    let at = At { bucket: bucket(bucket_name), key: ObjectKey::new(key).unwrap() };
    let get = GetObject { at, version: None, range: None, if_match: None };
    let mut got = send(&*cluster.bucket, &CancelToken::unbounded(), get).await.ok()?;
    let mut bytes = Vec::new();
    while let Some(chunk) = got.body.next().await {
        bytes.extend_from_slice(&chunk.unwrap());
    }
    Some(String::from_utf8(bytes).unwrap())
}

/// The rows of a job's report, by way of its manifest.
pub(crate) async fn report(cluster: &TestCluster, job: &Job) -> Vec<Row> {
    let manifest = text(cluster, "aside", &format!("reports/job-{}/manifest.json", job.id)).await.expect("a report");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let mut rows = Vec::new();
    for result in manifest["Results"].as_array().unwrap() {
        let file = text(cluster, "aside", result["Key"].as_str().unwrap()).await.unwrap();
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(file.as_bytes());
        for record in reader.records() {
            let record = record.unwrap();
            assert_eq!(record.len(), 7, "{record:?}");
            assert_eq!(&record[3], result["TaskExecutionStatus"].as_str().unwrap());
            let key = percent_encoding::percent_decode_str(&record[1]).decode_utf8().unwrap().into_owned();
            let (bucket, version) = (record[0].into(), record[2].into());
            let (status, code, message) = (record[3].into(), record[4].into(), record[6].into());
            rows.push(Row { bucket, key, version, status, code, message });
        }
    }
    rows
}

/// Checks the accounting of an ended job over `keys` and gives its rows by key.
pub(crate) async fn check(cluster: &TestCluster, job: &Job, keys: &[String]) -> BTreeMap<String, Row> {
    let rows = report(cluster, job).await;
    let (succeeded, failed): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.status == "succeeded");
    assert_eq!(job.progress.total, keys.len() as u64, "{job:#?}");
    assert_eq!(job.progress.succeeded, succeeded.len() as u64, "{job:#?}");
    assert_eq!(job.progress.failed, failed.len() as u64, "{job:#?}");
    let by_key: BTreeMap<String, Row> = rows.iter().map(|row| (row.key.clone(), row.clone())).collect();
    assert_eq!(by_key.len(), rows.len(), "each task stands in the report once");
    assert!(by_key.keys().all(|key| keys.contains(key)));
    if job.status == Status::Complete {
        assert_eq!(rows.len(), keys.len(), "each task of a complete job has a row");
    }
    let slices = cluster.jobs.slices(job.id, 0, usize::MAX).await.unwrap();
    assert_eq!(slices.iter().map(|slice| u64::from(slice.succeeded)).sum::<u64>(), job.progress.succeeded);
    assert_eq!(slices.iter().map(|slice| u64::from(slice.failed)).sum::<u64>(), job.progress.failed);
    assert_eq!(cluster.jobs.count_leased(job.id).await.unwrap(), 0, "no lease remains");
    by_key
}
