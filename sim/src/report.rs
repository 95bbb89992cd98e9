//! Reads the report of a job, as its user does.

use brigade_judge::Report;
use brigade_model::{Job, ObjectKey};

use crate::cluster::{SimulatedCluster, at, reports_of};

/// The report of a job; `None` when there is none.
///
/// # Errors
/// What cannot be read of it.
pub(crate) fn read_report(cluster: &SimulatedCluster, number: usize, job: &Job) -> Option<Result<Report, String>> {
    let bucket = reports_of(number);
    let manifest = text(cluster, &bucket, &format!("reports/job-{}/manifest.json", job.id))?;
    Some(Report::read(&manifest, |key| text(cluster, &bucket, key)))
}

fn text(cluster: &SimulatedCluster, bucket: &str, key: &str) -> Option<String> {
    let object = cluster.bucket.object(&at(bucket, &ObjectKey::new(key).ok()?))?;
    String::from_utf8(object.body.to_bytes().to_vec()).ok()
}
