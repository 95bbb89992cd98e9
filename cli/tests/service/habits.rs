//! Reports are true on stores that misbehave: one small job for each habit of the table, on the real
//! process and a sandbox with that habit, while another writer writes at the worst moment; one judge
//! for all.

mod judge;
mod scenario;
mod setup;

use brigade_model::operation::OperationKind;
use brigade_s3::simulated::Habit;

use judge::judge;
use scenario::{Act, Scenario, When};

/// Scenarios that the service still fails, each with the line of issue 10 that it shows. A scenario that
/// passes now fails the test until it is taken off this list.
const NOT_STOOD_YET: &[(&str, &str)] = &[("where_listings_encode_their_keys", "4: listing-decodes")];

/// Runs the scenario of that name, and judges it.
async fn play(name: &str, scenario: Scenario) {
    let broken = judge(&setup::play(&scenario).await);
    let line = NOT_STOOD_YET.iter().find(|(listed, _)| *listed == name).map(|(_, line)| *line);
    match line {
        None => assert!(broken.is_empty(), "{scenario:?}:\n{}", broken.join("\n")),
        Some(line) => assert!(!broken.is_empty(), "it holds now, so take it off the list: {line}"),
    }
    println!("{}", broken.join("\n"));
}

macro_rules! scenarios {
    ($($name:ident => $scenario:expr;)*) => {
        mod what_a_report_says_holds {
            use super::*;
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    play(stringify!($name), $scenario).await;
                }
            )*
        }

        fn all() -> Vec<(&'static str, Scenario)> {
            vec![$((stringify!($name), $scenario)),*]
        }
    };
}

use Habit as H;

scenarios! {
    where_the_answer_to_a_put_is_lost => Scenario::of(Act::CopyAcross, &[H::LosesAnswerOfPut]);
    where_the_answer_to_a_put_is_lost_and_another_writes =>
        Scenario::of(Act::CopyAcross, &[H::LosesAnswerOfPut]).with(When::TargetIsWritten);
    where_the_answer_to_a_copy_is_lost => Scenario::of(Act::Copy, &[H::LosesAnswerOfCopy]);
    where_the_answer_to_a_copy_is_lost_and_another_writes =>
        Scenario::of(Act::Copy, &[H::LosesAnswerOfCopy]).with(When::TargetIsWritten);
    where_the_answer_to_a_delete_is_lost => Scenario::of(Act::DeleteOne, &[H::LosesAnswerOfDelete]);
    where_the_answer_to_a_delete_is_lost_and_another_writes =>
        Scenario::of(Act::DeleteOne, &[H::LosesAnswerOfDelete]).with(When::SourceIsDeleted);
    where_the_answer_to_a_group_of_deletes_is_lost => Scenario::of(Act::Delete, &[H::LosesAnswerOfDeletes]);
    where_the_answer_to_a_group_of_deletes_is_lost_and_another_writes =>
        Scenario::of(Act::Delete, &[H::LosesAnswerOfDeletes]).with(When::SourceIsDeleted);
    where_the_answer_to_a_tagging_is_lost => Scenario::of(Act::Tag, &[H::LosesAnswerOfTagging]);
    where_the_answer_to_a_change_of_tags_is_lost => Scenario::of(Act::AddTags, &[H::LosesAnswerOfTagging]);
    where_the_answer_to_a_removal_of_tags_is_lost => Scenario::of(Act::RemoveTags, &[H::LosesAnswerOfTagging]);
    where_the_answer_to_an_untagging_is_lost => Scenario::of(Act::Untag, &[H::LosesAnswerOfUntagging]);
    where_the_answer_to_a_legal_hold_is_lost => Scenario::of(Act::LegalHold, &[H::LosesAnswerOfLegalHold]);
    where_the_answer_to_a_retention_is_lost => Scenario::of(Act::Retention, &[H::LosesAnswerOfRetention]);
    where_the_answer_to_an_acl_by_itself_is_lost => Scenario::of(Act::Acl, &[H::LosesAnswerOfAcl]);
    where_the_answer_to_an_acl_is_lost => Scenario::of(Act::CopyDressed, &[H::LosesAnswerOfAcl]);
    where_the_answer_to_a_restore_is_lost => Scenario::of(Act::Restore, &[H::LosesAnswerOfRestore]);
    where_the_answer_to_a_change_of_encryption_is_lost => Scenario::of(Act::Encryption, &[H::LosesAnswerOfEncryption]);
    where_the_first_answer_of_a_function_is_lost => Scenario::of_function(1);
    where_every_answer_of_a_function_is_lost => Scenario::of_function(usize::MAX);
    where_the_answer_to_the_beginning_of_an_upload_is_lost => Scenario::of(Act::CopyLarge, &[H::LosesAnswerOfCreate]);
    where_the_answer_to_a_part_is_lost => Scenario::of(Act::CopyLarge, &[H::LosesAnswerOfPart]);
    where_the_answer_to_a_complete_is_lost => Scenario::of(Act::CopyLarge, &[H::LosesAnswerOfComplete]);
    where_the_answer_to_a_complete_is_lost_and_another_writes =>
        Scenario::of(Act::CopyLarge, &[H::LosesAnswerOfComplete]).with(When::UploadIsCompleted);
    where_the_answer_to_an_abort_is_lost =>
        Scenario::of(Act::CopyLarge, &[H::LosesAnswerOfAbort]).with(When::PartIsCopied);
    where_answers_come_late => Scenario::of(Act::Copy, &[H::AnswersLate]);
    where_a_copy_is_answered_with_an_empty_body => Scenario::of(Act::Copy, &[H::CopyAnswersEmpty]);
    where_a_copy_fails_inside_of_a_success_though_it_is_done => Scenario::of(Act::Copy, &[H::CopyFailsThoughDone]);
    where_a_copy_fails_inside_of_a_success => Scenario::of(Act::Copy, &[H::CopyFailsInside]);
    where_a_copy_fails_inside_of_a_success_and_another_writes =>
        Scenario::of(Act::Copy, &[H::CopyFailsInside]).with(When::TargetIsWritten);
    where_a_complete_fails_inside_of_a_success_and_another_writes =>
        Scenario::of(Act::CopyLarge, &[H::CopyFailsInside]).with(When::UploadIsCompleted);
    where_a_group_of_deletes_is_half_named => Scenario::of(Act::Delete, &[H::DeletesNameSome]);
    where_a_group_of_deletes_fails_though_it_is_done => Scenario::of(Act::Delete, &[H::DeletesFailThoughDone]);
    where_versions_are_not_minded => Scenario::of(Act::DeleteVersion, &[H::IgnoresVersions]);
    where_conditions_on_a_source_are_not_minded =>
        Scenario::of(Act::CopyMerged, &[H::IgnoresSourceConditions]).with(When::SourceIsLookedAt);
    where_conditions_on_a_target_are_not_minded =>
        Scenario::of(Act::Copy, &[H::IgnoresTargetConditions, H::LosesAnswerOfCopy]).with(When::TargetIsWritten);
    where_conditions_on_a_delete_are_not_minded =>
        Scenario::of(Act::DeleteOne, &[H::IgnoresDeleteCondition, H::LosesAnswerOfDelete]).with(When::SourceIsDeleted);
    where_copies_lose_their_tags => Scenario::of(Act::CopyDressed, &[H::DropsTagsOfCopies]);
    where_copies_keep_the_metadata_of_their_source => Scenario::of(Act::CopyDressed, &[H::IgnoresMetadataOfCopies]);
    where_text_of_metadata_is_encoded => Scenario::of(Act::CopyText, &[H::EncodesMetadata]);
    where_acls_are_not_minded => Scenario::of(Act::CopyDressed, &[H::IgnoresAcls]);
    where_acls_by_themselves_are_not_minded => Scenario::of(Act::Acl, &[H::IgnoresAcls]);
    where_classes_are_not_minded => Scenario::of(Act::CopyDressed, &[H::IgnoresClasses]);
    where_parts_cannot_be_copied => Scenario::of(Act::CopyLarge, &[H::HasNoPartCopies]);
    where_keys_are_folded => Scenario::of(Act::DeleteStray, &[H::FoldsKeys]);
    where_a_copy_goes_to_a_folded_key => Scenario::of(Act::CopyStray, &[H::FoldsKeys]);
    where_a_write_drops_an_upload =>
        Scenario::of(Act::CopyLarge, &[H::WritesDropUploads]).with(When::PartIsCopied);
    where_a_write_drops_an_upload_whose_complete_failed =>
        Scenario::of(Act::CopyLarge, &[H::WritesDropUploads, H::CopyFailsInside]).with(When::UploadIsCompleted);
    where_uploads_expire => Scenario::of(Act::CopyLarge, &[H::UploadsExpire]);
    where_a_completed_upload_is_listed =>
        Scenario::of(Act::CopyLarge, &[H::ListsCompletedUploads, H::LosesAnswerOfComplete]);
    where_a_repeated_complete_succeeds =>
        Scenario::of(Act::CopyLarge, &[H::RepeatsComplete, H::LosesAnswerOfComplete]).with(When::UploadIsCompleted);
    where_the_etag_of_parts_is_of_their_text =>
        Scenario::of(Act::CopyLarge, &[H::EtagOfHexText, H::LosesAnswerOfComplete]);
    where_the_etag_of_parts_is_random => Scenario::of(Act::CopyLarge, &[H::EtagIsRandom, H::LosesAnswerOfComplete]);
    where_objects_of_parts_have_the_date_of_their_upload =>
        Scenario::of(Act::CopyLarge, &[H::DatesByUpload, H::LosesAnswerOfComplete]).with(When::UploadIsCompleted);
    where_the_clock_is_ahead => Scenario::of(Act::CopyOver, &[H::ClockIsAhead, H::CopyFailsInside]);
    where_the_clock_is_behind =>
        Scenario::of(Act::DeleteOne, &[H::ClockIsBehind, H::LosesAnswerOfDelete]).with(When::SourceIsDeleted);
    where_the_clock_drifts =>
        Scenario::of(Act::DeleteOne, &[H::ClockDrifts, H::LosesAnswerOfDelete]).with(When::SourceIsDeleted);
    where_a_head_has_no_code => Scenario::of(Act::CopyMissing, &[H::HeadHasNoCode, H::CopyFailsInside]);
    where_a_head_has_no_code_while_a_job_waits => Scenario::of(Act::WaitForRestore, &[H::HeadHasNoCode]);
    where_listings_have_no_order => Scenario::of(Act::List, &[H::ListsUnordered]);
    where_listings_never_end => Scenario::of(Act::List, &[H::ListsForEver]);
    where_listings_encode_their_keys => Scenario::of(Act::List, &[H::ListsEncoded]);
    where_what_is_absent_is_denied =>
        Scenario::of(Act::DeleteOne, &[H::DeniesWhatIsAbsent, H::LosesAnswerOfDelete]);
    where_the_key_service_is_busy => Scenario::of(Act::Copy, &[H::KeyServiceIsBusy]);
    where_zeros_are_sent => Scenario::of(Act::CopyAcross, &[H::SendsZeros]);
    where_zeros_are_sent_for_a_checksum => Scenario::of(Act::Checksum, &[H::SendsZeros]);
    where_another_writes_before_a_checksum_is_computed =>
        Scenario::of(Act::Checksum, &[H::IgnoresSourceConditions]).with(When::SourceIsLookedAt);
    where_another_writes_before_a_checksum_of_parts_is_computed =>
        Scenario::of(Act::ChecksumOfParts, &[H::IgnoresSourceConditions]).with(When::SourceIsLookedAt);
    where_bytes_are_decompressed_for_a_checksum => Scenario::of(Act::ChecksumGzip, &[H::Decompresses]);
    where_bytes_are_decompressed => Scenario::of(Act::CopyGzipAcross, &[H::Decompresses]);
    where_one_key_is_unreadable => Scenario::of(Act::CopyUnreadable, &[H::OneKeyIsUnreadable]);
}

#[test]
fn every_habit_has_its_scene() {
    let scenarios = all();
    let without = H::ALL.iter().filter(|habit| !scenarios.iter().any(|(_, scenario)| scenario.habits.contains(habit)));
    assert_eq!(without.collect::<Vec<_>>(), Vec::<&Habit>::new());
    let unknown = NOT_STOOD_YET.iter().find(|(listed, _)| !scenarios.iter().any(|(name, _)| name == listed));
    assert_eq!(unknown, None, "no scene has that name");
}

#[test]
fn every_operation_has_its_scene() {
    let played: Vec<_> = all().iter().filter_map(|(_, scenario)| scenario.act.operation()).collect();
    let without: Vec<_> = OperationKind::ALL.into_iter().filter(|kind| !played.contains(kind)).collect();
    assert_eq!(without, []);
}
