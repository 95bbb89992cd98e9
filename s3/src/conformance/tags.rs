//! Tags.

use brigade_model::capability::Capability;
use brigade_model::ports::object_store::{At, GetObjectTagging, NewObject, PutObjectTagging, TagSet, Verdict};

use super::{Subject, tag};

async fn tags_of(subject: &Subject, at: &At) -> TagSet {
    let mut tags = subject.call(GetObjectTagging { at: at.clone(), version: None }).await.unwrap();
    tags.sort();
    tags
}

fn put(at: &At, tags: TagSet) -> PutObjectTagging {
    PutObjectTagging { at: at.clone(), version: None, tags }
}

pub(super) async fn tags_are_replaced_as_a_whole(subject: &Subject) {
    if subject.lacks(Capability::Tagging) {
        return;
    }
    let at = subject.at("object");
    subject.put(&at, "x").await;
    assert!(tags_of(subject, &at).await.is_empty());
    for tags in [vec![tag("a", "1"), tag("b", "")], vec![tag("c", "3")], vec![]] {
        subject.call(put(&at, tags.clone())).await.unwrap();
        assert_eq!(tags_of(subject, &at).await, tags);
    }
    assert_eq!(subject.read(&at).await.unwrap(), "x", "tagging leaves the bytes alone");
}

pub(super) async fn tags_are_carried_unchanged(subject: &Subject) {
    if subject.lacks(Capability::Tagging) {
        return;
    }
    let at = subject.at("object");
    subject.put(&at, "x").await;
    let mut tags = vec![
        tag("blank and + sign", "a=b:c/d@e_f-g.h"),
        tag("color", "bleu fonc\u{e9}"),
        tag(&"k".repeat(128), &"v".repeat(256)),
        tag("\u{6807}\u{7b7e}", "\u{503c}"),
    ];
    tags.sort();
    subject.call(put(&at, tags.clone())).await.unwrap();
    assert_eq!(tags_of(subject, &at).await, tags);
}

pub(super) async fn tags_come_with_a_put(subject: &Subject) {
    if subject.lacks(Capability::Tagging) {
        return;
    }
    let at = subject.at("object");
    let tags = vec![tag("a b", "c+d"), tag("e", "f=g:h")];
    subject.put_with(&at, "x", NewObject { tags: tags.clone(), ..NewObject::default() }).await;
    assert_eq!(tags_of(subject, &at).await, tags);
}

pub(super) async fn a_tag_that_s3_does_not_allow_is_refused_and_nothing_changes(subject: &Subject) {
    if subject.lacks(Capability::Tagging) {
        return;
    }
    let at = subject.at("object");
    let before = vec![tag("a", "1")];
    subject.put_with(&at, "x", NewObject { tags: before.clone(), ..NewObject::default() }).await;
    for wrong in [tag("", "v"), tag(&"k".repeat(129), "v"), tag("k", &"v".repeat(257)), tag("k", "a&b")] {
        let refused = subject.call(put(&at, vec![wrong])).await.unwrap_err();
        assert_eq!((refused.http_status, refused.verdict), (Some(400), Verdict::Invalid), "{refused}");
    }
    assert_eq!(tags_of(subject, &at).await, before);
}

pub(super) async fn too_many_tags_are_refused_and_nothing_changes(subject: &Subject) {
    if subject.lacks(Capability::Tagging) {
        return;
    }
    let at = subject.at("object");
    let before = vec![tag("a", "1")];
    subject.put_with(&at, "x", NewObject { tags: before.clone(), ..NewObject::default() }).await;
    let refused = subject.call(put(&at, (0..11).map(|n| tag(&n.to_string(), "")).collect())).await.unwrap_err();
    assert_eq!((refused.http_status, refused.verdict), (Some(400), Verdict::Invalid), "{refused}");
    assert_eq!(tags_of(subject, &at).await, before);
}
