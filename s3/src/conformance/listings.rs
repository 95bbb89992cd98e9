//! Listings.

use brigade_model::ports::object_store::{ListObjectsV2, ListedObject};

use super::Subject;

/// All pages of a listing.
async fn list(subject: &Subject, prefix: &str, max_keys: u32) -> Vec<ListedObject> {
    let (mut objects, mut token) = (Vec::new(), None);
    loop {
        let request = ListObjectsV2 {
            bucket: subject.bucket.clone(),
            prefix: prefix.to_owned(),
            continuation_token: token,
            max_keys,
        };
        let page = subject.call(request).await.unwrap();
        assert!(page.objects.len() <= max_keys as usize);
        objects.extend(page.objects);
        match page.next {
            Some(next) => token = Some(next),
            None => return objects,
        }
    }
}

async fn keys(subject: &Subject, prefix: &str, max_keys: u32) -> Vec<String> {
    list(subject, prefix, max_keys).await.into_iter().map(|object| object.key.as_str().to_owned()).collect()
}

pub(super) async fn a_listing_has_every_key_once_in_the_order_of_their_bytes(subject: &Subject) {
    assert!(keys(subject, "", 10).await.is_empty());
    let mut expected = ["a", "a/b", "a b", "a+b", "B", "é", "z", "~", "a%2Fb", "日本"].map(str::to_owned).to_vec();
    for key in &expected {
        subject.put(&subject.at(key), "x").await;
    }
    expected.sort();
    for max_keys in [1, 3, 10, 1000] {
        assert_eq!(keys(subject, "", max_keys).await, expected, "pages of {max_keys}");
    }
}

pub(super) async fn a_listing_has_the_keys_of_its_prefix_only(subject: &Subject) {
    for key in ["logs/1", "logs/2", "logs", "logs+x", "photos/a b&c"] {
        subject.put(&subject.at(key), "x").await;
    }
    assert_eq!(keys(subject, "logs/", 1).await, ["logs/1", "logs/2"]);
    assert_eq!(keys(subject, "logs", 2).await, ["logs", "logs+x", "logs/1", "logs/2"]);
    assert_eq!(keys(subject, "logs+", 2).await, ["logs+x"]);
    assert_eq!(keys(subject, "photos/a b&", 2).await, ["photos/a b&c"]);
    assert!(keys(subject, "nothing", 2).await.is_empty());
}

pub(super) async fn a_listing_says_what_head_says(subject: &Subject) {
    let at = subject.at("object");
    subject.put(&at, "content").await;
    let head = subject.head(&at).await.unwrap();
    let listed = list(subject, "", 10).await.remove(0);
    assert_eq!((listed.key, listed.size), (at.key, head.size));
    assert!(listed.etag.unwrap().matches(&head.etag.unwrap()));
    // Some stores list fractions of a second that their HEAD does not have.
    assert_eq!(listed.modified.unwrap().as_second(), head.modified.unwrap().as_second());
    assert!(matches!(listed.storage_class.as_deref(), None | Some("STANDARD")));
}
