//! One suite for every implementation of the port `ObjectStore`: what a caller may rely on. The
//! simulated store, the HTTP client against the sandbox, and the HTTP client against real servers
//! all run it.
//!
//! A body's tests say how a [`Subject`] is made and let `object_store_conformance!` generate
//! one test for each promise:
//!
//! ```ignore
//! async fn subject() -> Subject { .. }
//! brigade_s3::object_store_conformance!(subject());
//! ```
//!
//! A test needs nothing but its subject's buckets, which are empty when it begins. What a
//! server is known to lack is left out by its capabilities; what it is known to get wrong is
//! excused by the test's name, with the reason.
#![expect(clippy::unwrap_used, reason = "a test of the suite fails by a panic")]

use std::sync::Arc;

use brigade_model::capabilities::Capabilities;
use brigade_model::capability::Capability;
use brigade_model::names::{BucketName, ETag, ObjectKey, VersionId};
use brigade_model::ports::ObjectStore;
use brigade_model::ports::object_store::{
    At, CallError, CancelToken, CopyObject, GetObject, HeadObject, NewObject, ObjectHead, PutDone, PutObject, Request,
    Verdict, send,
};
use bytes::Bytes;

mod acls;
mod copies;
mod deletes;
mod keys;
mod listings;
mod missing;
mod multipart;
mod objects;
mod restores;
mod tags;
mod versions;

/// A store under test.
pub struct Subject {
    /// The body of the port.
    pub store: Arc<dyn ObjectStore>,
    /// An empty bucket that never had versions.
    pub bucket: BucketName,
    /// An empty bucket with versions, for servers that have them.
    pub versioned: BucketName,
    /// What the server can do.
    pub capabilities: Capabilities,
    /// An object in `bucket` to which every call is denied, when the server can be told so.
    pub denied: Option<At>,
    /// Tests that the server is known to fail, each with the reason.
    pub excused: &'static [(&'static str, &'static str)],
}

macro_rules! suite {
    ($d:tt $($module:ident { $($name:ident)* })*) => {
        /// The name of each test.
        pub const NAMES: &[&str] = &[$($(stringify!($name),)*)*];

        /// Runs the test of that name.
        ///
        /// # Panics
        /// When the subject does not keep the promise.
        pub async fn run(name: &str, subject: Subject) {
            if subject.excused.iter().any(|(excused, _)| *excused == name) {
                return;
            }
            match name {
                $($(stringify!($name) => $module::$name(&subject).await,)*)*
                other => panic!("the suite has no test {other}"),
            }
        }

        /// Generates a test for each promise of the suite, on the subject that the given
        /// future makes.
        #[macro_export]
        macro_rules! object_store_conformance {
            ($d subject:expr) => {
                $($(
                    #[tokio::test]
                    async fn $name() {
                        $d crate::conformance::run(stringify!($name), $d subject.await).await;
                    }
                )*)*
            };
        }
    };
}

suite! { $
    objects {
        an_object_comes_back_as_it_was_put
        an_empty_object_is_an_object
        metadata_comes_back_as_it_was_given
        a_second_put_replaces_everything
        a_range_gives_its_bytes_and_no_others
        a_range_is_cut_at_the_end_and_refused_beyond_it
        bytes_are_given_only_while_the_etag_is_the_expected_one
        an_object_has_the_storage_class_it_was_put_with
        a_checksum_is_given_back_as_it_was_put
        a_checksum_is_declared_with_the_head_and_with_the_bytes
        the_key_of_an_objects_encryption_is_changed_and_nothing_else_of_it
        a_put_is_made_only_over_the_expected_object
        a_put_is_made_only_where_no_object_is
    }
    keys {
        a_key_may_hold_blanks_and_signs
        a_key_may_look_like_a_path
        a_key_may_look_encoded
        a_key_may_be_beyond_ascii
        a_key_may_hold_control_characters
        a_key_may_have_1024_bytes
    }
    missing {
        a_missing_object_is_missing_in_every_call
        a_read_of_the_first_byte_tells_what_is_not_there
        a_missing_bucket_is_missing_in_every_call
    }
    copies {
        a_copy_has_the_bytes_metadata_and_tags_of_its_source
        a_copy_does_not_have_the_acl_of_its_source
        a_copy_replaces_metadata_when_told_so
        a_copy_replaces_tags_when_told_so
        a_copy_has_the_class_it_was_told_and_standard_otherwise
        a_copy_onto_itself_needs_a_change
        a_copy_is_made_only_while_the_source_is_the_expected_one
        a_copy_of_a_version_is_of_that_version
        a_copy_is_made_only_over_the_expected_target
    }
    versions {
        each_put_makes_a_version_and_all_can_be_read
        a_delete_without_version_hides_the_object_and_loses_nothing
        a_delete_with_version_removes_that_version_for_good
        removing_a_delete_marker_brings_the_object_back
        tags_belong_to_a_version
        versions_and_delete_markers_are_listed_and_those_of_other_prefixes_are_not
        a_version_under_legal_hold_stays_until_the_hold_ends
    }
    deletes {
        a_deleted_object_is_gone_and_deleting_it_again_succeeds
        a_group_is_deleted_and_answered_in_the_order_of_the_request
        a_group_deletes_versions_and_makes_markers
        an_object_that_cannot_be_deleted_does_not_stop_its_group
        a_delete_is_made_only_while_the_object_is_the_expected_one
    }
    tags {
        tags_are_replaced_as_a_whole
        tags_are_carried_unchanged
        tags_come_with_a_put
        a_tag_that_s3_does_not_allow_is_refused_and_nothing_changes
        too_many_tags_are_refused_and_nothing_changes
    }
    acls {
        a_canned_acl_says_who_may_read
        grants_are_replaced_as_a_whole
    }
    listings {
        a_listing_has_every_key_once_in_the_order_of_their_bytes
        a_listing_has_the_keys_of_its_prefix_only
        a_listing_says_what_head_says
    }
    multipart {
        parts_become_one_object_in_the_order_of_their_numbers
        of_an_object_in_parts_each_part_tells_its_size
        parts_are_copied_from_ranges
        a_part_sent_again_replaces_the_first
        an_aborted_upload_is_gone
        open_uploads_are_listed_and_ended_ones_are_not
        a_completion_names_parts_that_are_there_in_order
        a_part_that_is_too_small_is_refused_unless_it_is_the_last
        a_completion_is_made_only_over_the_expected_object
        the_parts_of_an_open_upload_are_listed_and_an_ended_one_has_none
    }
    restores {
        an_archived_object_is_not_read_before_it_is_restored
        a_restore_is_accepted_once_and_never_of_what_is_not_archived
    }
}

impl Subject {
    /// Whether the server cannot do that.
    fn lacks(&self, capability: Capability) -> bool {
        !self.capabilities.has(capability)
    }

    fn at(&self, key: &str) -> At {
        At { bucket: self.bucket.clone(), key: ObjectKey::new(key).unwrap() }
    }

    /// The key in the bucket with versions.
    fn versioned_at(&self, key: &str) -> At {
        At { bucket: self.versioned.clone(), key: ObjectKey::new(key).unwrap() }
    }

    async fn call<R: Request>(&self, request: R) -> Result<R::Answer, CallError> {
        send(&*self.store, &CancelToken::unbounded(), request).await
    }

    async fn put(&self, at: &At, body: &str) -> PutDone {
        self.put_with(at, body, NewObject::default()).await
    }

    async fn put_with(&self, at: &At, body: &str, with: NewObject) -> PutDone {
        let body = Bytes::copy_from_slice(body.as_bytes());
        self.call(PutObject::new(at.clone(), body, with)).await.unwrap()
    }

    async fn head(&self, at: &At) -> Result<ObjectHead, CallError> {
        self.call(HeadObject { at: at.clone(), version: None }).await
    }

    async fn read(&self, at: &At) -> Result<String, CallError> {
        self.get(GetObject { at: at.clone(), version: None, range: None, if_match: None }).await.map(|(_, body)| body)
    }

    async fn read_version(&self, at: &At, version: &VersionId) -> Result<String, CallError> {
        let request = GetObject { at: at.clone(), version: Some(version.clone()), range: None, if_match: None };
        self.get(request).await.map(|(_, body)| body)
    }

    /// The head and all bytes, which are text in the suite.
    async fn get(&self, request: GetObject) -> Result<(ObjectHead, String), CallError> {
        let mut got = self.call(request).await?;
        let mut bytes = Vec::new();
        while let Some(piece) = got.body.next().await {
            bytes.extend_from_slice(&piece?);
        }
        Ok((got.head, String::from_utf8(bytes).unwrap()))
    }
}

/// A copy that keeps everything.
fn copy(source: &At, target: &At) -> CopyObject {
    CopyObject::plain(source.clone(), target.clone())
}

fn tag(key: &str, value: &str) -> brigade_model::operation::Tag {
    brigade_model::operation::Tag { key: key.to_owned(), value: value.to_owned() }
}

/// An ETag that no object has.
fn never() -> ETag {
    etag("\"00000000000000000000000000000000\"")
}

fn etag(text: &str) -> ETag {
    ETag::new(text).unwrap()
}

/// The call was refused with that code and status, and the caller knows what to make of it.
#[track_caller]
fn assert_refused<T>(result: Result<T, CallError>, code: &str, http_status: u16, verdict: Verdict) {
    let error = result.err().expect("the call must be refused");
    assert_eq!((error.code.as_str(), error.http_status, error.verdict), (code, Some(http_status), verdict), "{error}");
}

#[cfg(test)]
mod tests;
