//! The status table is the only way from one status to another.

use brigade_model::Status;
use brigade_model::status::TABLE;

use crate::evidence::Evidence;

pub(crate) fn a_status_changes_by_the_table_only(evidence: &Evidence<'_>) -> Vec<String> {
    let is_row = |from: Status, to: Status| TABLE.iter().any(|row| row.from == from && row.to == to);
    let moves = evidence.jobs.iter().flat_map(|job| job.moves.iter().map(|(_, from, to)| (job.number, *from, *to)));
    moves
        .filter(|(_, from, to)| !is_row(*from, *to))
        .map(|(job, from, to)| format!("job {job} went from {from} to {to}"))
        .collect()
}
