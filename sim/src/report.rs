//! Reads the report of a job, as its user does: `manifest.json`, and the files that it names.

use brigade_model::{Job, ObjectKey};
use serde_json::Value;

use crate::cluster::{SimulatedCluster, at, reports_of};

/// A report.
#[derive(Debug, Clone, Default)]
pub(crate) struct Report {
    pub(crate) manifest: Value,
    pub(crate) rows: Vec<Row>,
}

/// A row of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) is_success: bool,
    pub(crate) code: String,
}

/// The report of a job; `None` when there is none.
///
/// # Errors
/// What cannot be read of it.
pub(crate) fn read_report(cluster: &SimulatedCluster, number: usize, job: &Job) -> Option<Result<Report, String>> {
    let bucket = reports_of(number);
    let manifest = text(cluster, &bucket, &format!("reports/job-{}/manifest.json", job.id))?;
    Some(read(cluster, &bucket, &manifest))
}

fn read(cluster: &SimulatedCluster, bucket: &str, manifest: &str) -> Result<Report, String> {
    let manifest: Value = serde_json::from_str(manifest).map_err(|error| error.to_string())?;
    let mut rows = Vec::new();
    for file in manifest["Results"].as_array().ok_or("manifest.json names no results")? {
        let (kind, key) = (&file["TaskExecutionStatus"], file["Key"].as_str().unwrap_or_default());
        let text = text(cluster, bucket, key).ok_or_else(|| format!("{key} is not there"))?;
        let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        for record in reader.records() {
            let record = record.map_err(|error| format!("{key}: {error}"))?;
            rows.push(
                read_row(&record)
                    .filter(|row| row.is_success == (kind == "succeeded"))
                    .ok_or_else(|| format!("{key}: {record:?}"))?,
            );
        }
    }
    Ok(Report { manifest, rows })
}

fn read_row(record: &csv::StringRecord) -> Option<Row> {
    let key = percent_encoding::percent_decode_str(record.get(1)?).decode_utf8().ok()?.into_owned();
    let is_success = record.get(3)? == "succeeded";
    (record.len() == 7).then(|| Row { key, is_success, code: record[4].to_owned() })
}

fn text(cluster: &SimulatedCluster, bucket: &str, key: &str) -> Option<String> {
    let object = cluster.bucket.object(&at(bucket, &ObjectKey::new(key).ok()?))?;
    String::from_utf8(object.body.to_bytes().to_vec()).ok()
}
