//! succeeded + failed + not attempted = total, one row of the report for each outcome, and
//! counters that are the sums of what was recorded.

use std::collections::BTreeSet;

use brigade_engine::outcomes::SliceOutcomes;
use brigade_model::job::failure::REPORT_DELIVERY_FAILED;
use brigade_model::{Job, Outcome, Status};

use crate::cluster::Ended;
use crate::evidence::{Evidence, JobEvidence};
use crate::report::Report;

pub(crate) fn every_outcome_is_counted_once_and_is_one_row(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, ended) in evidence.ended() {
        let mut say = |what: String| broken.push(format!("job {} ({}): {what}", job.number, ended.job.status));
        if ended.leased > 0 {
            say(format!("{} leases remain", ended.leased));
        }
        check_counters(job, ended, &mut say);
        match &job.report {
            Some(Ok(report)) => check_report(job, &ended.job, report, &mut say),
            Some(Err(problem)) => say(format!("its report cannot be read: {problem}")),
            None if is_report_due(job, &ended.job) => say("it has no report".to_owned()),
            None => {}
        }
    }
    broken
}

fn check_counters(job: &JobEvidence<'_>, ended: &Ended, say: &mut impl FnMut(String)) {
    let progress = ended.job.progress;
    let mut sums = (0, 0);
    for (slice, parts) in ended.slices.iter().zip(&ended.parts) {
        let counted = (u64::from(slice.succeeded), u64::from(slice.failed));
        match SliceOutcomes::of_parts(slice.tasks, parts) {
            Ok(outcomes) => {
                let (succeeded, failed): (Vec<_>, Vec<_>) =
                    (0..slice.tasks).filter_map(|offset| outcomes.get(offset)).partition(|o| o.is_success());
                let held = (succeeded.len() as u64, failed.len() as u64);
                if held != counted {
                    say(format!("slice {} counts {counted:?}, its parts hold {held:?}", slice.index));
                }
            }
            Err(error) => say(format!("slice {}: {error}", slice.index)),
        }
        sums = (sums.0 + counted.0, sums.1 + counted.1);
    }
    if sums != (progress.succeeded, progress.failed) {
        say(format!("the job counts {progress:?}, its slices {sums:?}"));
    }
    let total = job.tasks.len() as u64;
    let is_whole = ended.job.prepared.is_none() || progress.total == total;
    if !is_whole || progress.succeeded + progress.failed > total {
        say(format!("{total} tasks are counted as {progress:?}"));
    }
    if ended.job.status == Status::Complete && sums.0 + sums.1 != total {
        say(format!("it is Complete with {sums:?} of {total} tasks"));
    }
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

fn check_report(job: &JobEvidence<'_>, ended: &Job, report: &Report, say: &mut impl FnMut(String)) {
    let rows: BTreeSet<(&str, bool, &str)> =
        report.rows.iter().map(|row| (row.key.as_str(), row.is_success, row.code.as_str())).collect();
    let keys: BTreeSet<&str> = report.rows.iter().map(|row| row.key.as_str()).collect();
    if keys.len() != report.rows.len() {
        say(format!("{} rows name {} objects", report.rows.len(), keys.len()));
    }
    let row = |task_history: &crate::evidence::TaskHistory<'_>| match &task_history.outcome {
        Some(Outcome::Failed(failure)) => Some((task_history.object.key.to_string(), false, failure.code.clone())),
        Some(_) => Some((task_history.object.key.to_string(), true, String::new())),
        None => None,
    };
    let recorded: BTreeSet<_> = job.tasks.iter().filter_map(row).collect();
    let reported: BTreeSet<_> =
        rows.iter().map(|(key, ok, code)| ((*key).to_owned(), *ok, (*code).to_owned())).collect();
    if recorded != reported {
        let lost = recorded.difference(&reported).next();
        let added = reported.difference(&recorded).next();
        say(format!("recorded and not in the report: {lost:?}; in the report and not recorded: {added:?}"));
    }
    let told = |name: &str| report.manifest["Tasks"][name].as_u64();
    let progress = ended.progress;
    let expected =
        [progress.total, progress.succeeded, progress.failed, progress.total - progress.succeeded - progress.failed];
    if ["Total", "Succeeded", "Failed", "NotAttempted"].map(told) != expected.map(Some) {
        say(format!("manifest.json tells {}, the job {progress:?}", report.manifest["Tasks"]));
    }
}
