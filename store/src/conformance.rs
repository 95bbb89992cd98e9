//! The suite that every body of `JobStore` and `Spool` passes: each promise of the contracts
//! is a function whose name says it.
//!
//! A body brings a [`Bench`]: an empty store and control of the store's clock. Its tests are one
//! line, `job_store_conformance!(expression of an async bench)`. Nothing here assumes one process:
//! competing writers use handles of their own ([`Bench::store`]).
#![allow(clippy::unwrap_used, reason = "a suite of tests, compiled for tests only")]

mod accounts;
mod changes;
mod clock;
mod counters;
mod embedded;
mod endpoints;
mod fences;
mod jobs;
mod lists;
mod parts;
mod purge;
mod report;
mod samples;
mod service_clock;
mod slices;
mod slots;
mod spools;
mod stages;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use brigade_model::ports::{Clock, JobStore, Spool};

pub use self::clock::ManualClock;
pub use self::samples::{sample_job, sample_specs};

/// An empty store under test, with control of its clock.
#[async_trait]
pub trait Bench: Send + Sync {
    /// A handle, as one process has it; each call returns another one where the body has more.
    fn store(&self) -> Arc<dyn JobStore>;

    /// The clock that the store judges by; reading it is all that a promise does with it.
    fn clock(&self) -> Arc<dyn Clock>;

    /// Lets the store's time pass.
    async fn pass(&self, time: Duration);

    /// Sets the time of day of the store's clock forward, or back.
    fn set_clock(&self, by_s: i64);

    /// Keeps aside what the store holds now.
    async fn take_snapshot(&mut self);

    /// Replaces what the store holds by the snapshot, as an operator does by hand; handles from
    /// before must be dropped.
    async fn restore_snapshot(&mut self);
}

/// A store that one process has for itself, and revokes all leases when it opens.
#[async_trait]
pub trait EmbeddedBench: Bench {
    /// Ends the process that has the store, without a word, and opens the store again.
    async fn reopen(&mut self);
}

macro_rules! promises {
    ($d:tt $macro:ident, $bench:ty { $($file:ident: $($name:ident)*;)* }) => {
        $($(
            #[doc = concat!("Promise: ", stringify!($name), ".")]
            pub async fn $name(bench: $bench) {
                $file::$name(bench).await;
            }
        )*)*

        /// Generates one test for each promise; the argument is an expression that is awaited
        /// for the bench.
        #[macro_export]
        macro_rules! $macro {
            ($d bench:expr) => {
                $($(
                    #[tokio::test]
                    async fn $name() {
                        let mut bench = $d bench.await;
                        $d crate::conformance::$name(&mut bench).await;
                    }
                )*)*
            };
        }
    };
}

promises! {
    $ job_store_conformance, &mut dyn Bench {
        jobs:
            a_job_is_read_back_as_it_was_created
            a_job_that_does_not_exist_is_none
            a_job_whose_id_another_has_contradicts_what_is_stored
            a_token_in_use_is_refused_and_names_the_job_that_has_it
            of_many_requests_with_one_token_exactly_one_wins
            a_token_serves_every_account_and_dialect_once
            a_deleted_job_gives_its_token_back
            too_many_jobs_are_refused_also_at_the_same_moment
            a_job_that_ended_makes_room_for_another
            a_retry_of_a_job_that_is_gone_is_refused;
        changes:
            the_store_moves_a_job_exactly_as_the_model_does
            a_lost_race_is_told_to_the_loser
            of_many_changes_of_one_revision_exactly_one_is_made
            a_change_sent_again_with_its_id_is_made_once
            an_illegal_change_changes_nothing
            a_change_of_a_job_that_does_not_exist_is_refused
            a_change_under_a_lost_stage_is_fenced_before_it_is_judged
            a_repeat_is_recognised_though_the_stage_is_lost
            the_end_of_a_job_ends_the_lease_of_its_stage;
        stages:
            of_many_owners_exactly_one_gets_the_stage
            a_stage_is_taken_over_after_expiry_and_grace_and_no_earlier
            a_renewed_stage_lives_on
            a_stage_that_expired_but_was_not_taken_still_counts
            a_lost_stage_is_fenced
            a_released_stage_is_free_at_once_and_its_writes_are_fenced
            a_release_of_a_lost_stage_takes_nothing_from_its_new_owner
            a_job_that_ended_or_never_was_has_no_stage
            open_jobs_say_whether_their_stage_is_held;
        slices:
            slices_are_added_once_however_often_they_are_sent
            slices_that_come_after_a_cancel_are_refused
            a_slice_that_would_leave_a_gap_is_refused_with_all_that_came_with_it
            slices_are_read_in_pages
            slices_are_leased_in_order_and_the_first_lease_is_remembered
            of_many_owners_each_gets_another_slice
            a_job_that_is_not_active_gives_no_slice
            a_renewal_tells_the_status_of_the_job
            a_lease_is_revoked_after_expiry_and_grace_and_no_earlier
            a_revoked_slice_is_fenced_and_marked_and_leased_again_first
            an_owner_takes_back_the_leases_that_it_does_not_know_of
            a_released_slice_keeps_its_mark_until_it_is_done
            a_slice_must_be_checked_since_the_oldest_lease_that_was_not_released_cleanly
            an_owner_that_takes_back_a_lease_leaves_the_slice_to_be_checked_since_then
            a_release_of_a_lost_slice_takes_nothing_from_its_new_owner
            a_slice_that_is_put_off_waits_for_its_round_while_others_are_leased
            leases_are_counted_expired_or_not
            the_holder_of_the_stage_closes_a_slice_whatever_the_status;
        fences:
            a_worker_from_before_the_store_fell_back_is_fenced_though_its_epoch_is_held_again
            a_part_from_before_the_store_fell_back_is_not_taken_for_a_recorded_one
            a_lease_from_before_the_store_fell_back_is_none_that_its_owner_knows_of
            a_stage_from_before_the_store_fell_back_is_fenced_though_its_epoch_is_held_again;
        parts:
            a_part_counts_in_its_slice_and_in_its_job
            a_part_sent_twice_counts_once
            failures_are_counted_by_code_and_bytes_are_summed_with_the_outcomes_and_never_twice
            what_failed_stays_known_when_outcomes_are_removed
            a_part_sent_again_after_the_slice_was_done_succeeds
            a_gap_in_the_numbers_is_fenced
            a_part_of_a_lost_lease_is_fenced
            a_part_of_a_released_lease_is_fenced
            a_part_is_accepted_after_the_status_changed
            more_outcomes_than_tasks_are_fenced
            the_last_outcome_ends_the_slice_and_its_lease
            a_slice_without_a_success_counts_in_its_job_too
            the_next_owner_goes_on_with_the_next_part
            an_outcome_forgets_the_revocations_before_it
            a_part_of_what_does_not_exist_is_fenced;
        lists:
            pages_meet_without_gap_or_repeat
            the_newest_jobs_stand_first_where_they_are_asked_for_and_their_pages_meet
            a_page_may_begin_at_a_job_that_does_not_exist
            a_list_shows_only_the_statuses_asked_for
            an_account_and_a_dialect_see_only_their_own
            a_deleted_job_is_listed_until_it_has_ended
            a_job_that_ended_long_ago_is_left_out
            open_jobs_are_those_that_have_not_ended
            jobs_are_counted_by_status;
        slots:
            slots_go_to_the_highest_priority_and_no_further
            a_higher_priority_preempts_and_gets_the_slot_after_the_drain
            endpoints_do_not_take_slots_from_each_other
            slots_given_at_the_same_moment_are_never_too_many
            a_job_that_the_service_holds_gives_up_its_slot_and_wants_none_until_it_is_tried;
        purge:
            a_purge_removes_all_of_a_job_in_bounded_steps
            a_purge_spares_what_has_not_ended_or_ended_lately
            a_deleted_job_that_ended_is_purged_at_once
            the_token_of_a_purged_job_is_free
            a_purge_spares_a_job_until_the_one_that_retries_it_has_read_its_tasks;
        accounts:
            an_old_job_gives_up_its_outcomes_in_bounded_steps_and_keeps_its_counters
            a_job_that_goes_while_it_gives_up_its_outcomes_goes_whole
            a_job_gives_up_nothing_while_it_lacks_its_report_or_is_being_retried
            a_retry_of_a_job_that_gave_up_its_outcomes_is_refused_and_told_when
            slices_take_the_room_of_the_jobs_that_ended_first
            slices_that_do_not_fit_are_refused_and_nothing_is_given_up_for_them
            a_job_is_refused_only_when_open_jobs_fill_the_disk_quota
            an_account_takes_nothing_from_another
            outcomes_count_and_a_purge_brings_the_account_back_below_its_quota
            one_job_more_than_may_be_listed_takes_the_place_of_the_one_that_ended_first
            a_token_tells_its_job_until_that_is_deleted;
        report:
            an_upload_is_remembered_until_it_is_forgotten
            the_uploads_of_a_job_are_counted_and_the_first_are_read
            an_upload_under_a_lost_lease_is_refused
            report_files_are_remembered_in_order_and_replaced_by_number
            a_report_file_under_a_lost_stage_is_refused;
        endpoints:
            settings_of_an_endpoint_are_read_back_as_they_were_written
            settings_that_another_caller_wrote_meanwhile_are_not_overwritten;
        service_clock:
            the_service_clock_goes_on_with_time_however_the_time_of_day_is_set
            a_job_stands_in_its_status_since_a_moment_of_the_service_clock
            a_clock_that_is_set_forward_purges_and_hides_no_job;
    }
}

promises! {
    $ embedded_store_conformance, &mut dyn EmbeddedBench {
        embedded:
            reopening_keeps_everything
            reopening_revokes_every_lease;
        service_clock:
            the_service_clock_goes_on_over_a_restart_by_the_time_of_day_at_most_a_day
            the_service_clock_never_goes_back_behind_what_was_stored_by_it;
    }
}

promises! {
    $ spool_conformance, &mut dyn Spool {
        spools:
            a_file_is_read_back_as_it_was_written
            a_file_written_again_is_replaced
            a_file_that_does_not_exist_is_not_found
            removing_what_does_not_exist_succeeds
            a_name_that_would_leave_the_spool_is_refused
            files_are_listed_by_prefix_in_order
            bytes_used_are_those_of_the_files_that_are_there;
    }
}

pub use self::counters::counters_are_the_sum_of_the_parts_whatever_happens;
