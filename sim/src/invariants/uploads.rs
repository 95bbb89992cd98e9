//! No recorded upload stays behind, unless the store did not abort it and the report names it, or the document of a
//! job without a report. The bucket's own rule removes an upload without a record, whose answer or process was lost.

use brigade_judge::Moment;
use brigade_model::ports::object_store::CallKind;

use crate::evidence::{Evidence, JobEvidence};
use crate::history::Event;

pub(crate) fn no_recorded_upload_is_left_behind(evidence: &Evidence<'_>) -> Vec<String> {
    let open = evidence.cluster.bucket.open_uploads();
    let recorded = evidence.history.iter().enumerate().filter_map(|(moment, entry)| match &entry.event {
        Event::UploadRecorded { job, id } => Some((moment, &evidence.jobs[*job], id)),
        _ => None,
    });
    let left = recorded.filter(|(_, _, id)| open.iter().any(|upload| upload.id == **id));
    let unexcused = left.filter(|(moment, job, id)| !(is_named(job, id) && was_abort_refused(job, *moment)));
    unexcused.map(|(_, job, id)| format!("job {}: upload {id} is left behind", job.number)).collect()
}

fn is_named(job: &JobEvidence<'_>, id: &str) -> bool {
    match &job.report {
        Some(Ok(report)) => {
            let named = report.manifest["LeftUploads"].as_array();
            named.into_iter().flatten().any(|upload| upload["UploadId"] == id)
        }
        Some(Err(_)) => false,
        None => job.left.first.iter().any(|upload| upload.upload_id == id),
    }
}

/// Whether an abort was sent for the job after that moment, and did not succeed.
fn was_abort_refused(job: &JobEvidence<'_>, moment: Moment) -> bool {
    let calls = job.tasks.iter().flat_map(|task_history| &task_history.calls);
    let mut aborts = calls.filter(|call| call.kind == Some(CallKind::AbortMultipartUpload) && call.sent > moment);
    aborts.any(|call| !matches!(call.returned, Some((_, None))))
}
