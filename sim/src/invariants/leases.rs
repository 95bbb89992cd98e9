//! Only the holder of a slice sends calls for its tasks and records their outcomes.

use std::collections::{BTreeMap, BTreeSet};

use brigade_judge::{CallHistory, Moment};
use brigade_model::ports::object_store::CallKind;

use crate::evidence::{Evidence, JobEvidence, TaskHistory};
use crate::history::{Entry, Event};

/// The holder of a slice from a moment on; `None` while it is unleased.
pub(crate) type Holders = Vec<(Moment, Option<(u32, u64)>)>;

/// The holders of each slice of a job: node and epoch.
pub(crate) fn holders(history: &[Entry], of: usize) -> BTreeMap<u32, Holders> {
    let mut all: BTreeMap<u32, Holders> = BTreeMap::new();
    for (moment, entry) in history.iter().enumerate() {
        match &entry.event {
            Event::Leased { job, slice, epoch, .. } if *job == of => {
                let holder = entry.node.map(|node| (node, *epoch));
                all.entry(*slice).or_default().push((moment, holder));
            }
            Event::Revoked { job, slice } if *job == of => all.entry(*slice).or_default().push((moment, None)),
            Event::Released { job, slice, epoch, .. } if *job == of => {
                let holders = all.entry(*slice).or_default();
                if matches!(holders.last(), Some((_, Some((_, held)))) if held == epoch) {
                    holders.push((moment, None));
                }
            }
            _ => {}
        }
    }
    all
}

/// Who held the slice at that moment.
pub(crate) fn holder_at(holders: &Holders, moment: Moment) -> Option<(u32, u64)> {
    holders.iter().rev().find(|(from, _)| *from < moment).and_then(|(_, holder)| *holder)
}

/// The slice of a task.
pub(crate) fn slice_of(job: &JobEvidence<'_>, task_history: &TaskHistory<'_>) -> Option<u32> {
    job.ended.as_ref()?.slice_of(task_history.number)
}

pub(crate) fn nothing_is_attempted_without_a_lease(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for (job, _) in evidence.ended() {
        let holders = holders(evidence.history, job.number);
        for task_history in &job.tasks {
            let Some(holders) = slice_of(job, task_history).and_then(|slice| holders.get(&slice)) else { continue };
            let is_allowed =
                |call: &CallHistory| holder_at(holders, call.sent).is_some_and(|(node, _)| node == call.sender);
            let stray = task_history.calls.iter().filter(|call| call.kind != Some(CallKind::AbortMultipartUpload));
            broken.extend(stray.filter(|call| !is_allowed(call)).map(|call| {
                let (name, node) = (&task_history.name, call.sender);
                let kind = call.kind.map_or("an invocation", CallKind::name);
                format!("{name}: node {node} sent {kind} at entry {} without the lease", call.sent)
            }));
        }
    }
    broken
}

pub(crate) fn a_lost_lease_records_nothing(evidence: &Evidence<'_>) -> Vec<String> {
    let mut broken = Vec::new();
    for job in &evidence.jobs {
        let holders = holders(evidence.history, job.number);
        let mut recorded = BTreeSet::new();
        for (moment, entry) in evidence.history.iter().enumerate() {
            let Event::Recorded { job: of, slice, epoch, seq, .. } = &entry.event else { continue };
            // What is sent again after a lost answer is there already.
            if *of != job.number || !recorded.insert((*slice, *epoch, *seq)) {
                continue;
            }
            let holder = holders.get(slice).and_then(|holders| holder_at(holders, moment));
            if holder.is_none_or(|(_, held)| held != *epoch) {
                let number = job.number;
                broken
                    .push(format!("job {number}: part {seq} of slice {slice} under epoch {epoch}, held by {holder:?}"));
            }
        }
    }
    broken
}
