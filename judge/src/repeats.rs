//! A new holder of a slice attempts at most a window of tasks again.

use std::collections::{BTreeMap, BTreeSet};

use brigade_model::limits::WINDOW_TASKS;

/// No more than a window is repeated. For each task: its slice, and the holders of the slice that attempted it, by a
/// number that grows from one holder to the next.
pub fn no_more_than_a_window_is_repeated(attempts: impl IntoIterator<Item = (u32, BTreeSet<u64>)>) -> Vec<String> {
    // By slice and holder: tasks that an earlier holder attempted, too.
    let mut repeated: BTreeMap<(u32, u64), u32> = BTreeMap::new();
    for (slice, holders) in attempts {
        holders.into_iter().skip(1).for_each(|holder| *repeated.entry((slice, holder)).or_default() += 1);
    }
    let too_many = repeated.into_iter().filter(|(_, tasks)| *tasks > WINDOW_TASKS);
    too_many
        .map(|((slice, holder), tasks)| format!("{tasks} tasks of slice {slice} were repeated by its holder {holder}"))
        .collect()
}
