//! What others wrote after a lost attempt is left, unless the job store's clock is ahead of the objects', as
//! documented.

use brigade_judge::{CallHistory, Foreign, others};

use crate::evidence::{Evidence, JobEvidence, TaskHistory};
use crate::history::Event;
use crate::invariants::leases::slice_of;
use crate::wall_clock::true_time;

pub(crate) fn what_others_wrote_after_a_lost_attempt_is_left(evidence: &Evidence<'_>) -> Vec<String> {
    let broken = evidence.jobs.iter().flat_map(|job| {
        let is_excused = |task_history: &TaskHistory<'_>, act: &CallHistory, written: &Foreign| {
            is_excused_by_clocks(evidence, job, task_history, act, written)
        };
        others::what_others_wrote_after_a_lost_attempt_is_left(&job.tasks, is_excused)
    });
    broken.collect()
}

/// What the act took for newer begins later, by the job store's clock, than the write was by the
/// objects'.
fn is_excused_by_clocks(
    evidence: &Evidence<'_>,
    job: &JobEvidence<'_>,
    task_history: &TaskHistory<'_>,
    act: &CallHistory,
    written: &Foreign,
) -> bool {
    let of_task = slice_of(job, task_history);
    let since = evidence.history[..act.sent].iter().rev().find_map(|entry| match &entry.event {
        Event::Leased { job: of, slice, since, .. } if *of == job.number && Some(*slice) == of_task => Some(*since),
        _ => None,
    });
    since.is_some_and(|since| true_time(evidence.history[written.moment].at).as_second() < since.as_second())
}
