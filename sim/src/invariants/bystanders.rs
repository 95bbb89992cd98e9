//! An object that no row names is unchanged, whichever keys its store takes for the same.

use crate::evidence::Evidence;

pub(crate) fn what_nobody_listed_is_as_it_was(evidence: &Evidence<'_>) -> Vec<String> {
    let foreign = evidence.foreign_writes();
    evidence.cluster.bystanders.changed(&evidence.cluster.bucket, |at| foreign.contains(at))
}
