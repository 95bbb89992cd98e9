//! The servers, and what is known of each besides its probe.

use brigade_model::EndpointKind;
use brigade_tests::Server;

use crate::conformance::Excuses;
use crate::{conformance, findings, lives};

/// Everything that a server is put through. Each part says by itself what went wrong.
fn put_through(server: Server, excuses: Excuses) {
    let probed = findings::probe(&server);
    if server.name == "ceph" {
        findings::agree_with_kind(&probed, EndpointKind::Ceph);
    }
    conformance::hold_to(&server, &probed.capabilities(), excuses);
    lives::tell(server, &probed);
}

#[test]
fn ceph_keeps_what_it_proves_and_lacks_what_its_kind_is_known_to_lack() {
    put_through(
        Server::ceph(),
        &[
            ("a_copy_replaces_metadata_when_told_so", "a copy with new metadata loses its tags"),
            ("a_copy_has_the_class_it_was_told_and_standard_otherwise", "a copy keeps the class of its source"),
            ("a_copy_of_a_version_is_of_that_version", "the answer does not name the new version"),
            ("a_delete_without_version_hides_the_object_and_loses_nothing", "a marker's head is 404, not 405"),
            ("a_delete_with_version_removes_that_version_for_good", "the code is NoSuchKey"),
            ("a_group_deletes_versions_and_makes_markers", "the code is NoSuchKey"),
            ("a_tag_that_s3_does_not_allow_is_refused_and_nothing_changes", "it takes every tag"),
            ("parts_become_one_object_in_the_order_of_their_numbers", "the completion's answer is empty"),
            ("an_aborted_upload_is_gone", "it fails on the completion of an upload that is gone"),
            ("open_uploads_are_listed_and_ended_ones_are_not", "keys are encoded and it does not say so"),
            ("a_completion_names_parts_that_are_there_in_order", "it does not look at the order"),
            ("the_parts_of_an_open_upload_are_listed_and_an_ended_one_has_none", "the code is NoSuchKey"),
        ],
    );
}

#[test]
fn moto_keeps_what_it_proves() {
    put_through(
        Server::moto(),
        &[
            ("a_key_may_hold_control_characters", "it drops line ends at the end of a path"),
            ("removing_a_delete_marker_brings_the_object_back", "the answer does not say that it was a marker"),
            ("a_group_deletes_versions_and_makes_markers", "the answer does not say that a marker was made"),
            ("tags_are_replaced_as_a_whole", "it fails on an empty set of tags"),
            ("a_tag_that_s3_does_not_allow_is_refused_and_nothing_changes", "it fails on a tag without a key"),
            ("parts_are_copied_from_ranges", "a range beyond the end is cut instead of refused"),
            ("an_aborted_upload_is_gone", "it fails on the completion of an upload that is gone"),
            ("a_completion_names_parts_that_are_there_in_order", "it does not look at the order"),
            ("the_parts_of_an_open_upload_are_listed_and_an_ended_one_has_none", "it answers ListPartsResponse"),
        ],
    );
}

#[test]
fn rclone_keeps_what_it_proves_and_is_never_told_to_tag() {
    put_through(
        Server::rclone(),
        &[
            ("metadata_comes_back_as_it_was_given", "it drops Expires"),
            ("bytes_are_given_only_while_the_etag_is_the_expected_one", "it ignores If-Match on a read"),
            ("a_key_may_look_like_a_path", "its keys are names of files"),
            ("a_key_may_have_1024_bytes", "its keys are names of files"),
            ("a_copy_has_the_bytes_metadata_and_tags_of_its_source", "it drops Expires"),
            ("a_copy_replaces_metadata_when_told_so", "it adds the new metadata to the source's"),
            ("a_copy_has_the_class_it_was_told_and_standard_otherwise", "a copy keeps the class of its source"),
            ("a_copy_onto_itself_needs_a_change", "it answers 200 and no ETag"),
            ("a_listing_has_every_key_once_in_the_order_of_their_bytes", "its keys are names of files"),
            ("a_listing_has_the_keys_of_its_prefix_only", "its keys are names of files"),
            ("parts_become_one_object_in_the_order_of_their_numbers", "parts must come in order from 1"),
            ("a_part_sent_again_replaces_the_first", "a part cannot be replaced"),
            ("a_completion_names_parts_that_are_there_in_order", "a completion that is refused ends the upload"),
            ("a_part_that_is_too_small_is_refused_unless_it_is_the_last", "it takes small parts"),
        ],
    );
}

#[test]
fn the_sandbox_keeps_what_it_proves() {
    put_through(Server::sandbox(), &[]);
}
