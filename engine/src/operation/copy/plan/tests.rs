//! The pure rules of a copy, in sentences.

use brigade_model::ETag;
use brigade_model::Outcome;
use brigade_model::operation::{Permission, Tag};
use proptest::prelude::*;

use super::*;
use crate::test_job::bucket_ref;

/// A copy without any parameter.
pub(crate) fn bare_copy() -> Copy {
    Copy::to(bucket_ref("target"))
}

/// Its plan, for a store with S3's names.
fn plan_of(copy: &Copy) -> CopyPlan {
    CopyPlan::new(copy, EndpointKind::Other)
}

fn renamed(from: &str, to: &str, key: &str) -> Result<(String, bool), String> {
    let copy = Copy {
        prefix_replace: Some(true),
        resources_prefix: Some(from.into()),
        target_prefix: Some(to.into()),
        ..bare_copy()
    };
    match plan_of(&copy).rename_key(&ObjectKey::new(key).unwrap()) {
        Ok(new) => Ok((new.key.as_str().to_owned(), new.is_outside_prefix)),
        Err(end) => Err(code_of(&end)),
    }
}

fn code_of(end: &End) -> String {
    match end {
        End::Refused(Outcome::Failed(failure)) | End::Rejected(Outcome::Failed(failure)) => failure.code.clone(),
        other => panic!("a refusal: {other:?}"),
    }
}

#[test]
fn a_prefix_is_added_replaced_or_taken_away() {
    let inside = |key: &str| Ok((key.to_owned(), false));
    assert_eq!(renamed("pic", "abc", "picture.jpg"), inside("abcture.jpg"), "the example of the reference");
    assert_eq!(renamed("", "new/", "a/b"), inside("new/a/b"));
    assert_eq!(renamed("a/", "", "a/b"), inside("b"));
    assert_eq!(renamed("", "", "a/b"), inside("a/b"));
    assert_eq!(renamed("a", "b", "aaa"), inside("baa"), "once, at the beginning");
}

#[test]
fn a_key_outside_the_prefix_stays_and_is_noted() {
    assert_eq!(renamed("pic", "abc", "a/picture.jpg"), Ok(("a/picture.jpg".into(), true)));
}

#[test]
fn a_key_that_would_be_empty_or_too_long_fails_the_task() {
    assert_eq!(renamed("a/b", "", "a/b"), Err("InvalidArgument".into()));
    assert_eq!(renamed("", "x", &"k".repeat(1024)), Err("KeyTooLongError".into()));
    assert_eq!(renamed("", "x", &"k".repeat(1023)), Ok(("x".to_owned() + &"k".repeat(1023), false)));
}

#[test]
fn prefixes_count_only_when_they_are_asked_for() {
    for prefix_replace in [None, Some(false)] {
        let copy = Copy { prefix_replace, target_prefix: Some("new/".into()), ..bare_copy() };
        assert_eq!(plan_of(&copy).rename, None);
    }
    let only_target = Copy { prefix_replace: Some(true), target_prefix: Some("new/".into()), ..bare_copy() };
    let new = plan_of(&only_target).rename_key(&ObjectKey::new("a").unwrap()).unwrap();
    assert_eq!(new.key.as_str(), "new/a");
}

proptest! {
    #[test]
    fn replacing_a_prefix_and_back_gives_the_key_again(from in "[a-c/]{0,4}", to in "[a-c/]{0,4}", rest in "[a-c/é]{1,8}") {
        let (there, _) = renamed(&from, &to, &format!("{from}{rest}")).unwrap();
        let (back, _) = renamed(&to, &from, &there).unwrap();
        prop_assert_eq!(back, format!("{from}{rest}"));
    }
}

#[test]
fn each_acl_directive_means_what_the_table_says() {
    let grant =
        Grant { grantee: "you".into(), is_group: false, display_name: None, permission: Permission::FullControl };
    let granted = to_grant(&grant);
    assert_eq!(granted.permission, "FULL_CONTROL");
    let everybody = CannedAcl::PublicRead.grants().unwrap();
    let (none, copy, replaced, add) = (None, Some(Directive::Copy), Some(Directive::Replaced), Some(Directive::Add));
    let canned = Some(CannedAcl::PublicRead);
    let cases = [
        (none, None, vec![], AclPlan::Default),
        (replaced, None, vec![], AclPlan::Default),
        (none, canned, vec![], AclPlan::Canned(CannedAcl::PublicRead)),
        (replaced, canned, vec![], AclPlan::Canned(CannedAcl::PublicRead)),
        (none, None, vec![grant.clone()], AclPlan::Replace(vec![granted.clone()])),
        (replaced, canned, vec![grant.clone()], AclPlan::Replace([everybody.clone(), vec![granted.clone()]].concat())),
        (copy, canned, vec![grant.clone()], AclPlan::Copy),
        (add, canned, vec![], AclPlan::Add(everybody)),
        (add, Some(CannedAcl::Private), vec![grant], AclPlan::Add(vec![granted])),
    ];
    for (acl_directive, canned_acl, grants, expected) in cases {
        let copy = Copy { acl_directive, canned_acl, grants, ..bare_copy() };
        assert_eq!(plan_of(&copy).acl, expected, "{acl_directive:?}");
    }
}

#[test]
fn metadata_and_tags_are_the_sources_unless_a_directive_says_otherwise() {
    let tags = vec![Tag { key: "a".into(), value: "1".into() }];
    let metadata = Some(NewMetadata { content_type: Some("text/plain".into()), ..NewMetadata::default() });
    let plan = |directive| {
        let copy = Copy {
            metadata_directive: directive,
            tagging_directive: directive,
            tags: tags.clone(),
            metadata: metadata.clone(),
            ..bare_copy()
        };
        let plan = plan_of(&copy);
        (plan.metadata, plan.tags)
    };
    let new = Metadata { content_type: Some("text/plain".into()), ..Metadata::default() };
    for directive in [None, Some(Directive::Copy)] {
        assert_eq!(plan(directive), (MetadataPlan::Copy, TagPlan::Copy));
    }
    assert_eq!(plan(Some(Directive::Replaced)), (MetadataPlan::Replace(new.clone()), TagPlan::Replace(tags.clone())));
    assert_eq!(plan(Some(Directive::Add)), (MetadataPlan::Add(new), TagPlan::Add(tags.clone())));
}

#[test]
fn encryption_applies_whatever_the_metadata_directive_says() {
    for metadata_directive in [None, Some(Directive::Copy), Some(Directive::Replaced), Some(Directive::Add)] {
        let metadata = Some(NewMetadata { sse_aes256: true, ..NewMetadata::default() });
        let plan = plan_of(&Copy { metadata_directive, metadata, ..bare_copy() });
        assert_eq!(plan.sse, Some(Encryption::OwnKey));
    }
}

fn with_metadata(directive: Directive, user: &[(&str, &str)]) -> CopyPlan {
    let user = user.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let metadata = NewMetadata { cache_control: Some("no-store".into()), user, ..NewMetadata::default() };
    plan_of(&Copy { metadata_directive: Some(directive), metadata: Some(metadata), ..bare_copy() })
}

fn source() -> ObjectHead {
    ObjectHead {
        size: 5,
        etag: Some(ETag::new("\"5d41402abc4b2a76b9719d911017c592\"").unwrap()),
        metadata: Metadata {
            cache_control: Some("max-age=1".into()),
            content_language: Some("de".into()),
            user: vec![("a".into(), "1".into()), ("b".into(), "2".into())],
            ..Metadata::default()
        },
        ..ObjectHead::default()
    }
}

#[test]
fn added_metadata_wins_on_the_same_name_and_keeps_the_rest() {
    let plan = with_metadata(Directive::Add, &[("B", "3"), ("c", "4")]);
    let merged = plan.metadata_to_set(Some(&source())).unwrap().unwrap();
    assert_eq!(merged.cache_control.as_deref(), Some("no-store"));
    assert_eq!(merged.content_language.as_deref(), Some("de"));
    assert_eq!(merged.user, [("a".into(), "1".into()), ("b".into(), "3".into()), ("c".into(), "4".into())]);
    let replaced = with_metadata(Directive::Replaced, &[("c", "4")]).metadata_to_set(None).unwrap().unwrap();
    assert_eq!((replaced.content_language, replaced.user), (None, vec![("c".into(), "4".into())]));
}

#[test]
fn user_metadata_of_two_kilobytes_is_the_most() {
    let value = "v".repeat(2047);
    assert!(with_metadata(Directive::Replaced, &[("k", &value)]).metadata_to_set(None).is_ok());
    let end = with_metadata(Directive::Add, &[("k", &value)]).metadata_to_set(Some(&source())).unwrap_err();
    assert_eq!(code_of(&end), "MetadataTooLarge");
}

#[test]
fn constraints_are_judged_on_whole_seconds_after_and_not_after() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let plan = |since: Option<i64>, until: Option<i64>| {
        let (modified_since, unmodified_since) = (since.map(at), until.map(at));
        plan_of(&Copy { modified_since, unmodified_since, ..bare_copy() })
    };
    let holds = |plan: &CopyPlan, modified: Option<i64>| match plan.check_constraints(modified.map(at)) {
        Ok(()) => true,
        Err(End::Rejected(Outcome::Failed(failure))) => {
            assert_eq!((failure.code.as_str(), failure.http_status), ("PreconditionFailed", Some(412)));
            false
        }
        Err(other) => panic!("{other:?}"),
    };
    for (modified, after, not_after) in [(9, false, true), (10, false, true), (11, true, false)] {
        assert_eq!(holds(&plan(Some(10), None), Some(modified)), after);
        assert_eq!(holds(&plan(None, Some(10)), Some(modified)), not_after);
    }
    assert!(holds(&plan(Some(9), Some(10)), Some(10)));
    assert!(!holds(&plan(Some(9), None), None), "a time that the store does not tell holds nothing");
    assert!(holds(&plan(None, None), None));
}

#[test]
fn the_target_is_standard_unless_the_job_says_otherwise() {
    let own = plan_of(&Copy { storage_class: StorageClass::other("GLACIER_IR"), ..bare_copy() });
    assert_eq!(own.storage_class.as_deref(), Some("GLACIER_IR"), "a store's own class keeps its name");
    let named = plan_of(&Copy { storage_class: Some(StorageClass::Archive), ..bare_copy() });
    assert_eq!(named.class_to_send(false, false).as_deref(), Some("GLACIER"));
    assert_eq!(named.class_to_send(true, true).as_deref(), Some("GLACIER"));
    let bare = plan_of(&bare_copy());
    assert_eq!(bare.class_to_send(false, true).as_deref(), Some("STANDARD"), "some stores keep the source's");
    assert_eq!(bare.class_to_send(true, true), None);
    assert_eq!(bare.class_to_send(false, false), None);
}

#[test]
fn a_class_has_the_name_that_cos_gives_it_on_cos_and_that_of_s3_anywhere_else() {
    for (kind, _) in EndpointKind::ALL {
        let asked = StorageClass::ALL.map(|class| {
            let copy = Copy { storage_class: Some(class), ..bare_copy() };
            CopyPlan::new(&copy, kind).class_to_send(false, true).unwrap()
        });
        let s3 = ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER", "DEEP_ARCHIVE"];
        let (shared, maz) = match kind {
            EndpointKind::Cos => {
                let own = ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "ARCHIVE", "DEEP_ARCHIVE"];
                (own, ["MAZ_STANDARD", "MAZ_STANDARD_IA", "MAZ_INTELLIGENT_TIERING"])
            }
            _ => (s3, ["STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING"]),
        };
        assert_eq!(asked[..5], shared, "{kind:?}");
        assert_eq!(asked[5..], maz, "{kind:?}");
    }
}

#[test]
fn a_target_is_proven_by_its_etag_and_never_by_its_size() {
    let keep = plan_of(&bare_copy());
    let archive = plan_of(&Copy { storage_class: Some(StorageClass::Archive), ..bare_copy() });
    let replace = with_metadata(Directive::Replaced, &[]);
    let other = |change: fn(&mut ObjectHead)| {
        let mut head = source();
        change(&mut head);
        head
    };
    let etag = |etag: &'static str| ObjectHead { etag: ETag::new(etag).ok(), ..source() };
    let typed = other(|head| head.metadata.content_type = Some("binary/octet-stream".into()));
    let replaced = other(|head| {
        head.metadata = Metadata { cache_control: Some("no-store".into()), ..Metadata::default() };
    });
    let rows = [
        (&keep, source(), Content::Proven),
        (&keep, typed, Content::Proven),
        (&keep, other(|head| head.size = 6), Content::Other),
        (&keep, etag("7d793037a0760186574b0282f2f435e7"), Content::Other),
        (&keep, etag("7d793037a0760186574b0282f2f435e7-2"), Content::Incomparable),
        (&keep, other(|head| head.etag = None), Content::Incomparable),
        (&keep, other(|head| head.metadata.user.clear()), Content::Other),
        (&archive, source(), Content::Other),
        (&archive, other(|head| head.storage_class = Some("GLACIER".into())), Content::Proven),
        (&replace, source(), Content::Other),
        (&replace, replaced, Content::Proven),
    ];
    for (plan, target, expected) in rows {
        assert_eq!(plan.compare(&source(), &target), expected, "{target:?}");
    }
    let in_parts = etag("7d793037a0760186574b0282f2f435e7-2");
    assert_eq!(keep.compare(&in_parts, &in_parts), Content::Proven, "the very same ETag, whatever its form");
    assert_eq!(keep.compare(&in_parts, &source()), Content::Incomparable);
    let under_a_key = ObjectHead { sse: Some("aws:kms".into()), ..etag("7d793037a0760186574b0282f2f435e7") };
    assert_eq!(keep.compare(&source(), &under_a_key), Content::Incomparable);
}

#[test]
fn a_copy_in_place_is_proven_by_what_it_sets_alone() {
    let replace = with_metadata(Directive::Replaced, &[]);
    let tagged = CopyPlan { tags: TagPlan::Replace(vec![]), ..replace.clone() };
    let marked = Metadata { cache_control: Some("no-store".into()), ..Metadata::default() };
    let target = ObjectHead { metadata: marked, ..source() };
    assert_eq!(replace.compare_in_place(&target), Content::Proven);
    assert_eq!(replace.compare_in_place(&source()), Content::Other);
    assert_eq!(tagged.compare_in_place(&target), Content::Incomparable, "tags do not show");
    assert_eq!(plan_of(&bare_copy()).compare_in_place(&target), Content::Incomparable);
}
