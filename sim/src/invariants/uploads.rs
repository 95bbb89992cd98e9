//! No upload that was recorded stays behind. One whose record was not written, because the
//! answer or the process was lost, is left to the bucket's own rule.

use crate::evidence::Evidence;
use crate::history::Event;

pub(crate) fn no_recorded_upload_is_left_behind(evidence: &Evidence<'_>) -> Vec<String> {
    let open = evidence.world.bucket.open_uploads();
    let recorded = evidence.history.iter().filter_map(|entry| match &entry.event {
        Event::UploadRecorded { job, id } => Some((*job, id)),
        _ => None,
    });
    let left = recorded.filter(|(_, id)| open.iter().any(|upload| upload.id == **id));
    left.map(|(job, id)| format!("job {job}: upload {id} is left behind")).collect()
}
