//! Every outcome is counted once and is one row, in the report of each job that has to write one.

use brigade_judge::accounting;
use brigade_model::job::failure::REPORT_DELIVERY_FAILED;
use brigade_model::{Job, Status};

use crate::evidence::{Evidence, JobEvidence};

pub(crate) fn every_outcome_is_counted_once_and_is_one_row(evidence: &Evidence<'_>) -> Vec<String> {
    let broken = evidence.ended().flat_map(|(job, records)| {
        let (report, is_due) = (job.report.as_ref(), is_report_due(job, &records.job));
        let broken = accounting::every_outcome_is_counted_once_and_is_one_row(records, &job.tasks, report, is_due);
        broken.into_iter().map(|what| format!("job {} ({}): {what}", job.number, records.job.status))
    });
    broken.collect()
}

/// Whether the job ran, wanted a report, and could deliver it. A Complete one ran, whichever way
/// it came there.
fn is_report_due(job: &JobEvidence<'_>, ended: &Job) -> bool {
    let came_by = |status| job.moves.iter().any(|(_, from, _)| *from == status);
    let reported = ended.status == Status::Complete || [Status::Cancelling, Status::Failing].into_iter().any(came_by);
    let is_undelivered =
        job.run_plan.is_report_refused || ended.failures.iter().any(|why| why.code == REPORT_DELIVERY_FAILED);
    job.run_plan.has_report && reported && ended.prepared.is_some() && !is_undelivered
}
