//! Every failure has its cause: which failures of tasks the plan of a run excuses besides those of any run. A job
//! fails only because too many tasks did, or the store refused its report or all that its tasks ask.

use brigade_judge::failures;
use brigade_model::job::failure;
use brigade_model::outcome::{CHANGED_SINCE_ATTEMPT, UNCONFIRMED};
use brigade_model::{Job, Status};
use brigade_s3::simulated::{Habit, Habits};

use crate::evidence::{Evidence, JobEvidence, TaskHistory};
use crate::function::Said;
use crate::history::Event;
use crate::network::ACCOUNT_PROBLEM;
use crate::node_faults::CLOCK_JUMPS;
use crate::run_plan::{JobKind, JobPlan};

/// Codes of calls that were lost, or made in vain.
const LOST: [&str; 6] =
    ["ConnectionReset", "RequestTimeout", "ConnectFailed", "IncompleteAnswer", "SlowDown", "InternalError"];

pub(crate) fn every_failure_has_its_cause(evidence: &Evidence<'_>) -> Vec<String> {
    let is_jump = |event: &Event| matches!(event, Event::Mishap { what: CLOCK_JUMPS, .. });
    let has_jumped = evidence.history.iter().any(|entry| is_jump(&entry.event));
    let mut broken = Vec::new();
    let is_disabled = evidence.cluster.run_plan.may_disable_account();
    for (job, records) in evidence.ended() {
        let (habits, ended) = (&evidence.cluster.run_plan.habits, &records.job);
        let was_lost = was_revoked(evidence, job.number);
        // Without a report, or where its place is refused, no sample tells the objects' clock, and what may be newer
        // is newer. Two clocks that differ make old objects look new.
        let has_samples = job.run_plan.has_report && !job.run_plan.is_report_refused;
        let is_clockless = !has_samples || has_jumped;
        let is_excused = |task_history: &TaskHistory<'_>, code: &str| {
            !task_history.is_ours_alone()
                || is_of_the_function(evidence, job, task_history, code)
                || LOST.contains(&code)
                || (code == UNCONFIRMED && (was_lost || task_history.is_doubtful()))
                || (code == CHANGED_SINCE_ATTEMPT && is_clockless)
                || (code == ACCOUNT_PROBLEM && is_disabled)
                || is_of_a_habit(habits, job.run_plan, task_history, code)
        };
        broken.extend(failures::every_failure_has_its_cause(&job.tasks, ended.status, is_excused));
        let is_of_account = ended.failures.iter().any(|why| is_disabled && why.code == ACCOUNT_PROBLEM);
        if ended.status == Status::Failed && !is_of_account && !may_fail(habits, job.run_plan, ended) {
            broken.push(format!("job {} failed: {:?}", job.number, ended.failures));
        }
    }
    broken
}

/// Whether the function may cause this code: what it says for good is what it said of this task.
fn is_of_the_function(
    evidence: &Evidence<'_>,
    job: &JobEvidence<'_>,
    task_history: &TaskHistory<'_>,
    code: &str,
) -> bool {
    let number = usize::try_from(task_history.number).unwrap_or(usize::MAX);
    let passing = ["TemporaryFailure", "FunctionError", "FunctionAnswerLost", "FunctionUnreachable"];
    let is_said = || evidence.cluster.said((job.number, number)) == Some(Said::PermanentFailure);
    job.run_plan.job_kind == JobKind::Invoke && (passing.contains(&code) || (code == "PermanentFailure" && is_said()))
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
        || (spoils_reads && reads_bytes(run_plan.job_kind))
        // An answer that does not name the object tells nothing, and the store may refuse the check.
        || (is_half_told && code == UNCONFIRMED)
        || (habits.has(Habit::UploadsExpire) && code == "NoSuchUpload")
        || (habits.has(Habit::IgnoresMetadataOfCopies) && code == "MetadataNotKept")
        || (habits.has(Habit::HeadHasNoCode) && code == "NoSuchBucket")
        || (habits.is_unreadable(&task_history.object.key) && code.starts_with("SlowDown"))
}

fn reads_bytes(job_kind: JobKind) -> bool {
    matches!(job_kind, JobKind::CopyAcross | JobKind::Checksum | JobKind::ChecksumOfParts)
}

fn may_fail(habits: &Habits, run_plan: &JobPlan, job: &Job) -> bool {
    job.failures.iter().all(|why| match why.code.as_str() {
        // Each of the failures is judged by itself.
        failure::TASK_FAILURE_THRESHOLD_EXCEEDED => true,
        failure::REPORT_DELIVERY_FAILED => run_plan.has_report,
        failure::ACCESS_DENIED => run_plan.has_report && run_plan.is_report_refused,
        failure::CONFIRMATION_EXPIRED => run_plan.must_be_confirmed,
        failure::MANIFEST_ETAG_MISMATCH => run_plan.is_manifest_changed,
        // The source's bucket goes away for a while, and may do so just when it is looked at.
        failure::BUCKET_NOT_FOUND => habits.has(Habit::HeadHasNoCode),
        // Every row asks for what the endpoint does not do.
        failure::INVALID_MANIFEST_CONTENT => habits.has(Habit::IgnoresVersions) || habits.has(Habit::FoldsKeys),
        _ => false,
    })
}
