//! succeeded + failed + not attempted = total, one row of the report for each outcome, and counters that are the
//! sums of what was recorded.

use std::collections::BTreeSet;

use brigade_model::{Outcome, Status};

use crate::{Records, Report, Row, TaskHistory};

/// Every outcome is counted once and is one row. `report` is `None` where there is none; `is_report_due` says
/// whether there must be one.
pub fn every_outcome_is_counted_once_and_is_one_row<O>(
    records: &Records,
    tasks: &[TaskHistory<O>],
    report: Option<&Result<Report, String>>,
    is_report_due: bool,
) -> Vec<String> {
    let mut broken = records.miscounted();
    if records.leased > 0 {
        broken.push(format!("{} leases remain", records.leased));
    }
    broken.extend(check_counters(records, tasks.len() as u64));
    match report {
        Some(Ok(report)) => broken.extend(check_report(records, tasks, report)),
        Some(Err(problem)) => broken.push(format!("its report cannot be read: {problem}")),
        None if is_report_due => broken.push("it has no report".to_owned()),
        None => {}
    }
    broken
}

fn check_counters(records: &Records, total: u64) -> Vec<String> {
    let (status, progress) = (records.job.status, records.job.progress);
    let sum = |counter: fn(&_) -> u32| records.slices.iter().map(|slice| u64::from(counter(slice))).sum::<u64>();
    let sums = (sum(|slice| slice.succeeded), sum(|slice| slice.failed));
    let mut broken = Vec::new();
    if sums != (progress.succeeded, progress.failed) {
        broken.push(format!("the job counts {progress:?}, its slices {sums:?}"));
    }
    let is_whole = records.job.prepared.is_none() || progress.total == total;
    if !is_whole || progress.succeeded + progress.failed > total {
        broken.push(format!("{total} tasks are counted as {progress:?}"));
    }
    if status == Status::Complete && sums.0 + sums.1 != total {
        broken.push(format!("it is Complete with {sums:?} of {total} tasks"));
    }
    broken
}

fn check_report<O>(records: &Records, tasks: &[TaskHistory<O>], report: &Report) -> Vec<String> {
    let mut broken = Vec::new();
    let keys: BTreeSet<&str> = report.rows.iter().map(|row| row.key.as_str()).collect();
    if keys.len() != report.rows.len() {
        broken.push(format!("{} rows name {} objects", report.rows.len(), keys.len()));
    }
    let recorded: BTreeSet<Row> = tasks.iter().filter_map(row_of).collect();
    let reported: BTreeSet<Row> = report.rows.iter().cloned().collect();
    if recorded != reported {
        let lost = recorded.difference(&reported).next();
        let added = reported.difference(&recorded).next();
        broken.push(format!("recorded and not in the report: {lost:?}; in the report and not recorded: {added:?}"));
    }
    let progress = records.job.progress;
    let not_attempted = progress.total - progress.succeeded - progress.failed;
    let told = ["Total", "Succeeded", "Failed", "NotAttempted"].map(|name| report.manifest["Tasks"][name].as_u64());
    if told != [progress.total, progress.succeeded, progress.failed, not_attempted].map(Some) {
        broken.push(format!("manifest.json tells {}, the job {progress:?}", report.manifest["Tasks"]));
    }
    broken
}

fn row_of<O>(task: &TaskHistory<O>) -> Option<Row> {
    let outcome = task.outcome.as_ref()?;
    let said = match outcome {
        Outcome::Succeeded => "Successful",
        Outcome::SucceededWith { message } => message,
        Outcome::Failed(failure) => &failure.message,
    };
    let (key, code) = (task.key.clone(), task.failure().unwrap_or_default().to_owned());
    Some(Row { key, is_success: outcome.is_success(), code, said: said.to_owned() })
}
