//! What must hold after every run, a function for each invariant; and what happened instead, where one
//! does not hold.

mod accounting;
mod answered;
mod bystanders;
mod cancelled;
mod effects;
mod ending;
mod failures;
mod leases;
mod others;
mod priorities;
mod repeats;
mod statuses;
mod successes;
mod uploads;

use crate::evidence::Evidence;

/// Something that must not have happened.
#[derive(Debug, Clone)]
pub struct Violation {
    /// What must hold, as a sentence.
    pub invariant: &'static str,
    /// What happened instead.
    pub what: String,
}

/// Looks whether a sentence holds, and says where it does not.
type Check = fn(&Evidence<'_>) -> Vec<String>;

const INVARIANTS: &[(&str, Check)] = &[
    ("nothing panics", ending::nothing_panics),
    ("every job ends", ending::every_job_ends),
    ("an ended job does not change", ending::an_ended_job_does_not_change),
    ("the service clock goes on with time", ending::the_service_clock_goes_on_with_time),
    ("a report is tried for as long as the patience", ending::a_report_is_tried_for_as_long_as_the_patience),
    ("a held job is tried for as long as the patience", ending::a_held_job_is_tried_for_as_long_as_the_patience),
    ("a status changes by the table only", statuses::a_status_changes_by_the_table_only),
    ("every outcome is counted once and is one row", accounting::every_outcome_is_counted_once_and_is_one_row),
    ("every effect is reported", effects::every_effect_is_reported),
    ("every success is an effect", successes::every_success_is_an_effect),
    ("what nobody listed is as it was", bystanders::what_nobody_listed_is_as_it_was),
    ("a copy is of one state of its source", successes::a_copy_is_of_one_state_of_its_source),
    ("every failure has its cause", failures::every_failure_has_its_cause),
    ("what others wrote after a lost attempt is left", others::what_others_wrote_after_a_lost_attempt_is_left),
    ("nothing is attempted without a lease", leases::nothing_is_attempted_without_a_lease),
    ("nothing is attempted once a job has ended", cancelled::nothing_is_attempted_once_a_job_has_ended),
    ("a lost lease records nothing", leases::a_lost_lease_records_nothing),
    ("no task starts after a cancel is answered", cancelled::no_task_starts_after_a_cancel_is_answered),
    ("what was answered holds", answered::what_was_answered_holds),
    ("no more than a window is repeated", repeats::no_more_than_a_window_is_repeated),
    ("the higher priority goes first", priorities::the_higher_priority_goes_first),
    ("no recorded upload is left behind", uploads::no_recorded_upload_is_left_behind),
];

/// Everything that does not hold.
pub(crate) fn check(evidence: &Evidence<'_>) -> Vec<Violation> {
    let broken = |(invariant, check): &(&'static str, Check)| {
        let invariant = *invariant;
        check(evidence).into_iter().map(move |what| Violation { invariant, what })
    };
    INVARIANTS.iter().flat_map(broken).collect()
}
