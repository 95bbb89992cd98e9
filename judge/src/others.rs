//! The repeat of an attempt with unknown effect does not destroy what another writer wrote meanwhile:
//! it checks first, and leaves what is new.
//!
//! The documented exceptions are allowed: a call already in flight, and a write between the check and the act.

use brigade_model::ports::object_store::CallKind;

use crate::{CallHistory, Foreign, TaskHistory};

/// What others wrote after a lost attempt is left.
pub fn what_others_wrote_after_a_lost_attempt_is_left<O>(
    tasks: &[TaskHistory<O>],
    is_excused: impl Fn(&TaskHistory<O>, &CallHistory, &Foreign) -> bool,
) -> Vec<String> {
    let mut broken = Vec::new();
    for task in tasks {
        for written in &task.foreign {
            let is_culprit = |act: &&CallHistory| {
                destroys(act, written) && is_wrong(task, act, written) && !is_excused(task, act, written)
            };
            broken.extend(task.acts().find(is_culprit).map(|act| {
                let (name, at) = (&task.name, written.moment);
                format!("{name}: what another writer wrote at entry {at} was destroyed by a repeat: {act:?}")
            }));
        }
    }
    broken
}

fn destroys(act: &CallHistory, written: &Foreign) -> bool {
    let done = act.done.as_ref().filter(|done| done.has_effect && done.moment > written.moment);
    let is_there = act.bucket == written.bucket && written.etag.is_some();
    is_there && done.is_some_and(|done| done.before == written.etag && done.after != written.etag)
}

/// Whether the act was a repeat, sent after the write, that did not look or saw the write.
fn is_wrong<O>(task: &TaskHistory<O>, act: &CallHistory, written: &Foreign) -> bool {
    let lost = task.acts().filter(|lost| lost.sent < written.moment && lost.may_have_acted(act.sent));
    let Some(lost) = lost.map(|lost| lost.sent).max() else { return false };
    if act.sent < written.moment {
        return false;
    }
    let is_look = |call: &&CallHistory| call.kind == Some(CallKind::HeadObject) && call.bucket == act.bucket;
    let looks = task.calls.iter().filter(is_look);
    let looks = looks.filter_map(|call| call.done.as_ref()).map(|done| done.moment);
    let last = looks.filter(|look| (lost..act.sent).contains(look)).max();
    last.is_none_or(|look| look > written.moment)
}
