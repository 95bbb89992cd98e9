//! A new holder of a slice attempts at most a window of tasks again.

use std::collections::BTreeSet;

use brigade_judge::{CallHistory, repeats};

use crate::evidence::{Evidence, TaskHistory};
use crate::invariants::leases::{holder_at, holders, slice_of};

pub(crate) fn no_more_than_a_window_is_repeated(evidence: &Evidence<'_>) -> Vec<String> {
    let broken = evidence.ended().flat_map(|(job, _)| {
        let holders = holders(evidence.history, job.number);
        let attempts = |task_history: &TaskHistory<'_>| {
            let slice = slice_of(job, task_history)?;
            let holders = holders.get(&slice)?;
            // A check is a repeat, too: the new holder checks what may have been done.
            let epoch = |call: &CallHistory| Some(holder_at(holders, call.sent)?.1);
            Some((slice, task_history.calls.iter().filter_map(epoch).collect::<BTreeSet<u64>>()))
        };
        let broken = repeats::no_more_than_a_window_is_repeated(job.tasks.iter().filter_map(attempts));
        broken.into_iter().map(|what| format!("job {}: {what}", job.number))
    });
    broken.collect()
}
