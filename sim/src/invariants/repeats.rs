//! A new holder of a slice attempts at most a window of tasks again.

use std::collections::{BTreeMap, BTreeSet};

use brigade_model::limits::WINDOW_TASKS;

use crate::evidence::Evidence;
use crate::invariants::leases::{holder_at, holders, slice_of};

pub(crate) fn no_more_than_a_window_is_repeated(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, _) in evidence.ended() {
        let holders = holders(evidence.history, job.number);
        // By slice and epoch: tasks that an earlier holder attempted, too.
        let mut repeated: BTreeMap<(u32, u64), u32> = BTreeMap::new();
        for (n, task_history) in job.tasks.iter().enumerate() {
            let Some(slice) = slice_of(job, n) else { continue };
            let Some(holders) = holders.get(&slice) else { continue };
            // A check is a repeat, too: the new holder checks what may have been done.
            let epochs = task_history.calls.iter().filter_map(|call| Some(holder_at(holders, call.sent)?.1));
            for epoch in epochs.collect::<BTreeSet<u64>>().into_iter().skip(1) {
                *repeated.entry((slice, epoch)).or_default() += 1;
            }
        }
        let too_many = repeated.into_iter().filter(|(_, tasks)| *tasks > WINDOW_TASKS);
        broken.extend(too_many.map(|((slice, epoch), tasks)| {
            format!("job {}: {tasks} tasks of slice {slice} were repeated under epoch {epoch}", job.number)
        }));
    }
    broken
}
