//! A task that no other writer interfered with fails only because its object is missing or because
//! calls were lost; a job fails only because too many tasks did or the store refused its report.

use brigade_model::job::failure;
use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};
use brigade_model::{Job, Status};
use brigade_s3::simulated::{Habit, Habits};

use crate::evidence::{Evidence, TaskHistory};
use crate::history::Event;
use crate::node_faults::CLOCK_JUMPS;
use crate::run_plan::{JobKind, JobPlan};

/// Codes of calls that were lost, or made in vain.
const LOST: [&str; 6] =
    ["ConnectionReset", "RequestTimeout", "ConnectFailed", "IncompleteAnswer", "SlowDown", "InternalError"];

pub(crate) fn every_failure_has_its_cause(evidence: &Evidence<'_>) -> Vec<String> {
    let is_jump = |event: &Event| matches!(event, Event::Mishap { what: CLOCK_JUMPS, .. });
    let has_jumped = evidence.history.iter().any(|entry| is_jump(&entry.event));
    let mut broken = Vec::new();
    for (job, ended) in evidence.ended() {
        for (name, task_history) in job.named_tasks().filter(|(_, task_history)| task_history.is_ours_alone()) {
            let code = task_history.failure();
            let was_lost = was_revoked(evidence, job.number);
            // Without a report no sample tells the objects' clock, and what may be newer is newer.
            let is_clockless = !job.run_plan.has_report;
            let excused = |code| {
                (was_lost && code == UNCONFIRMED)
                    || (is_clockless && code == CHANGED_SINCE_ATTEMPT)
                    || is_of_a_habit(&evidence.cluster.run_plan.habits, job.run_plan, task_history, code)
            };
            if code.is_some_and(|code| !has_cause(&ended.job, task_history, code, has_jumped) && !excused(code)) {
                broken.push(format!("{name} failed with {} for no cause", code.unwrap_or_default()));
            }
        }
        if ended.job.status == Status::Failed && !may_fail(&evidence.cluster.run_plan.habits, job.run_plan, &ended.job)
        {
            broken.push(format!("job {} failed: {:?}", job.number, ended.job.failures));
        }
    }
    broken
}

/// Whether the job lost a worker: the effects of its tasks in flight may be unknown.
fn was_revoked(evidence: &Evidence<'_>, number: usize) -> bool {
    let is_lost = |event: &Event| match event {
        Event::Revoked { job, .. } | Event::Released { job, must_check: true, .. } => *job == number,
        _ => false,
    };
    evidence.history.iter().any(|entry| is_lost(&entry.event))
}

/// Whether a store with such habits may cause this code.
fn is_of_a_habit(habits: &Habits, run_plan: &JobPlan, task_history: &TaskHistory<'_>, code: &str) -> bool {
    let is_absent = task_history.object.is_missing || run_plan.job_kind == JobKind::Delete;
    let is_half_told = habits.has(Habit::DeletesNameSome) || habits.has(Habit::DeletesFailThoughDone);
    let spoils_reads = habits.has(Habit::SendsZeros) || habits.has(Habit::Decompresses);
    (habits.has(Habit::DeniesWhatIsAbsent) && is_absent && code == "AccessDenied")
        || (habits.has(Habit::FoldsKeys) && task_history.object.is_stray)
        || (habits.has(Habit::IgnoresVersions) && run_plan.job_kind == JobKind::DeleteVersion)
        || (spoils_reads && run_plan.job_kind == JobKind::CopyAcross)
        // An answer that does not name the object tells nothing, and the store may refuse the check.
        || (is_half_told && code == UNCONFIRMED)
        || (habits.has(Habit::UploadsExpire) && code == "NoSuchUpload")
        || (habits.has(Habit::IgnoresMetadataOfCopies) && code == "MetadataNotKept")
        || (habits.has(Habit::HeadHasNoCode) && code == "NoSuchBucket")
        || (habits.is_unreadable(&task_history.object.key) && code.starts_with("SlowDown"))
}

fn has_cause(ended: &Job, task_history: &TaskHistory<'_>, code: &str, has_jumped: bool) -> bool {
    match code {
        "NoSuchKey" => task_history.object.is_missing,
        UNCONFIRMED => ended.status != Status::Complete || task_history.is_doubtful(),
        // Two clocks that differ make old objects look new.
        CHANGED_SINCE_ATTEMPT => has_jumped,
        code => LOST.contains(&code),
    }
}

fn may_fail(habits: &Habits, run_plan: &JobPlan, job: &Job) -> bool {
    job.failures.iter().all(|why| match why.code.as_str() {
        // Each of the failures is judged by itself.
        failure::TASK_FAILURE_THRESHOLD_EXCEEDED => true,
        failure::REPORT_DELIVERY_FAILED => run_plan.has_report,
        failure::ACCESS_DENIED => run_plan.has_report && run_plan.is_report_refused,
        failure::CONFIRMATION_EXPIRED => run_plan.must_be_confirmed,
        failure::MANIFEST_ETAG_MISMATCH => run_plan.is_manifest_changed,
        // Every row asks for what the endpoint does not do.
        failure::INVALID_MANIFEST_CONTENT => habits.has(Habit::IgnoresVersions) || habits.has(Habit::FoldsKeys),
        _ => false,
    })
}
