//! Keys: every key that S3 allows reaches the store unchanged, wherever a request carries one: the
//! path, the copy source, the listing, the body of a multi-object delete.

use brigade_model::ports::object_store::{DeleteObject, DeleteObjects, DeleteResult, ListObjectsV2};

use super::{Subject, copy};

/// Writes, reads, copies from and to, lists and deletes the key.
async fn carry(subject: &Subject, key: &str, is_xml: bool) {
    let (at, plain) = (subject.at(key), subject.at("plain"));
    subject.put(&at, key).await;
    assert_eq!(subject.read(&at).await.unwrap(), key, "{key:?}");
    assert_eq!(subject.head(&at).await.unwrap().size, key.len() as u64, "{key:?}");
    assert_eq!(listed(subject).await, [key]);

    subject.call(copy(&at, &plain)).await.unwrap();
    assert_eq!(subject.read(&plain).await.unwrap(), key, "as a copy's source: {key:?}");
    subject.call(DeleteObject { at: at.clone(), version: None, if_match: None }).await.unwrap();
    assert_eq!(listed(subject).await, ["plain"]);
    subject.call(copy(&plain, &at)).await.unwrap();
    assert_eq!(subject.read(&at).await.unwrap(), key, "as a copy's target: {key:?}");

    let keys = if is_xml { vec![at.key.clone(), plain.key.clone()] } else { vec![plain.key.clone()] };
    let objects = keys.into_iter().map(|key| (key, None)).collect();
    let results = subject.call(DeleteObjects { bucket: subject.bucket.clone(), objects }).await.unwrap();
    assert!(results.iter().all(|result| matches!(result, DeleteResult::Deleted(_))), "{key:?}: {results:?}");
    if !is_xml {
        subject.call(DeleteObject { at, version: None, if_match: None }).await.unwrap();
    }
    assert!(listed(subject).await.is_empty(), "{key:?}");
}

async fn listed(subject: &Subject) -> Vec<String> {
    let request =
        ListObjectsV2 { bucket: subject.bucket.clone(), prefix: String::new(), continuation_token: None, max_keys: 10 };
    let page = subject.call(request).await.unwrap();
    page.objects.into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

pub(super) async fn a_key_may_hold_blanks_and_signs(subject: &Subject) {
    for key in ["a b", " leading and trailing ", "a+b", "a&b=c", "a#b?c", "'single' \"double\"", "<tag>]]>&amp;"] {
        carry(subject, key, true).await;
    }
    for key in ["a;b:c@d", "a\\b|c^d`e{f}g~h", "!$*(),[]", "a=b&versionId=c"] {
        carry(subject, key, true).await;
    }
}

pub(super) async fn a_key_may_look_like_a_path(subject: &Subject) {
    for key in ["/leading", "trailing/", "a//b", "//", "a/./b", "a/../b", "..", ".", "../up", "/"] {
        carry(subject, key, true).await;
    }
}

pub(super) async fn a_key_may_look_encoded(subject: &Subject) {
    for key in ["100%", "a%20b", "a%2Fb", "%", "%zz", "%25", "a%00b", "a+%2B"] {
        carry(subject, key, true).await;
    }
}

pub(super) async fn a_key_may_be_beyond_ascii(subject: &Subject) {
    // The composed and the decomposed form of one letter are two keys.
    for key in ["caf\u{e9}", "cafe\u{301}", "图片/照片.jpg", "😀", "\u{10ffff}", "\u{a0}", "\u{feff}x"] {
        carry(subject, key, true).await;
    }
}

pub(super) async fn a_key_may_hold_control_characters(subject: &Subject) {
    for key in ["a\r\nb", "a\tb", "\n", "a\rb"] {
        carry(subject, key, true).await;
    }
    // XML 1.0 cannot say these, not even as references.
    for key in ["a\u{1}b", "\u{1f}", "a\u{fffe}b"] {
        carry(subject, key, false).await;
    }
    carry(subject, "a\u{7f}b", true).await;
}

pub(super) async fn a_key_may_have_1024_bytes(subject: &Subject) {
    carry(subject, &"k".repeat(1024), true).await;
    carry(subject, &"é".repeat(512), true).await;
}
