//! The repeat of an attempt with unknown effect does not destroy what another writer wrote meanwhile:
//! it checks first, and leaves what is new.
//!
//! The documented exceptions are allowed: a call already in flight, a write between the check and the
//! act, and a job store whose clock is ahead of the objects'.

use brigade_model::ports::object_store::CallKind;

use crate::evidence::{CallHistory, Evidence, Foreign, JobEvidence, TaskHistory};
use crate::history::Event;
use crate::invariants::leases::slice_of;
use crate::wall_clock::true_time;

pub(crate) fn what_others_wrote_after_a_lost_attempt_is_left(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &evidence.jobs {
        for (n, (name, task_history)) in job.named_tasks().enumerate() {
            for written in &task_history.foreign {
                let is_culprit = |act: &&CallHistory| {
                    destroys(act, written)
                        && is_wrong(task_history, act, written)
                        && !is_excused_by_clocks(evidence, job, n, act, written)
                };
                let culprit = task_history.acts().find(is_culprit);
                broken.extend(culprit.map(|act| {
                    format!(
                        "{name}: what another writer wrote at {:?} was destroyed by a repeat at {:?}",
                        written.at, act.sent_at
                    )
                }));
            }
        }
    }
    broken
}

fn destroys(act: &CallHistory, written: &Foreign) -> bool {
    let arrival = act.arrived.as_ref().filter(|arrival| arrival.has_effect && arrival.moment > written.moment);
    arrival.is_some_and(|arrival| {
        written.etag.is_some() && arrival.before == written.etag && arrival.after != written.etag
    })
}

/// Whether the act was a repeat, sent after the write, that did not look or saw the write.
fn is_wrong(task_history: &TaskHistory<'_>, act: &CallHistory, written: &Foreign) -> bool {
    let lost = task_history.acts().filter(|lost| lost.sent < written.moment && lost.may_have_acted(act.sent));
    let Some(lost) = lost.map(|lost| lost.sent).max() else { return false };
    if act.sent < written.moment {
        return false;
    }
    let is_look = |call: &&CallHistory| call.kind == CallKind::HeadObject && call.bucket == act.bucket;
    let looks = task_history.calls.iter().filter(is_look);
    let looks = looks.filter_map(|call| call.arrived.as_ref()).map(|arrival| arrival.moment);
    let last = looks.filter(|look| (lost..act.sent).contains(look)).max();
    last.is_none_or(|look| look > written.moment)
}

/// What the act took for newer begins later, by the job store's clock, than the write was by the
/// objects'.
fn is_excused_by_clocks(
    evidence: &Evidence<'_>,
    job: &JobEvidence<'_>,
    task: usize,
    act: &CallHistory,
    written: &Foreign,
) -> bool {
    let of_task = slice_of(job, task);
    let since = evidence.history[..act.sent].iter().rev().find_map(|entry| match &entry.event {
        Event::Leased { job: of, slice, since, .. } if *of == job.number && Some(*slice) == of_task => Some(*since),
        _ => None,
    });
    since.is_some_and(|since| true_time(written.at).as_second() < since.as_second())
}
