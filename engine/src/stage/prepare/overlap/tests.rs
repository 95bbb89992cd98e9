use brigade_model::operation::Copy;
use brigade_model::task::Defect;

use super::*;
use crate::test_job::bucket_ref;

fn copy(from: &str, to: &str) -> Operation {
    Operation::Copy(Box::new(Copy {
        prefix_replace: Some(true),
        resources_prefix: Some(from.to_owned()),
        target_prefix: Some(to.to_owned()),
        ..Copy::to(bucket_ref("target"))
    }))
}

fn row(bucket: &str, key: &str, defect: Option<Defect>, is_behind_blank: bool) -> Row {
    let (bucket, key) = (BucketName::new(bucket).unwrap(), ObjectKey::new(key).unwrap());
    Row {
        task: Task { number: 0, bucket, key, version: None, size: None, defect, tried_since: None, checksum: None },
        is_behind_blank,
    }
}

/// The shared target and the note of a copy of these keys.
fn told(operation: &Operation, bucket: &str, keys: &[&str]) -> (Option<String>, Option<String>) {
    let mut overlaps = Overlaps::new(operation);
    keys.iter().for_each(|key| overlaps.see(&row(bucket, key, None, false)));
    let shared = overlaps.shared_target(Separator::Comma).map(ToString::to_string);
    (shared, overlaps.note(Separator::Comma))
}

#[test]
fn a_key_that_another_row_is_renamed_to_is_told_and_certain_when_both_are_seen() {
    let replace = copy("old/", "new/");
    let note = Some("1 rows have keys that begin with \"new/\" already: other rows may be copied over them".to_owned());
    for keys in [["old/a", "new/a"], ["new/a", "old/a"]] {
        assert_eq!(told(&replace, "source", &keys), (Some("new/a".to_owned()), note.clone()), "{keys:?}");
    }
    assert_eq!(told(&replace, "source", &["old/a", "new/b"]), (None, note));
    assert_eq!(told(&replace, "source", &["old/a", "other/a"]), (None, None));
    assert_eq!(told(&replace, "source", &["new/a", "new/b"]), (None, None), "nothing is renamed");

    let strip = copy("old/", "");
    let note = "1 rows keep their key: a row whose prefix is taken away may be copied over them".to_owned();
    assert_eq!(told(&strip, "source", &["a", "old/a"]), (Some("a".to_owned()), Some(note)));
}

#[test]
fn within_one_bucket_a_copy_may_also_go_over_the_source_of_another_row() {
    let add = copy("", "new/");
    let note = "1 rows have keys that begin with \"new/\" already: other rows may be copied over them".to_owned();
    assert_eq!(told(&add, "target", &["a", "new/a"]), (None, Some(note)));
    assert_eq!(told(&add, "source", &["a", "new/a"]), (None, None), "each has a target of its own elsewhere");
    assert_eq!(told(&copy("old/", ""), "target", &["old/a", "old/b"]), (None, None));
    assert_eq!(told(&copy("old/", "old/"), "target", &["old/a", "old/b"]), (None, None), "nothing moves");
}

#[test]
fn a_copy_that_keeps_its_keys_and_a_row_that_is_not_carried_out_are_nothing_to_tell() {
    let Operation::Copy(mut plain) = copy("old/", "new/") else { unreachable!() };
    plain.prefix_replace = None;
    assert_eq!(told(&Operation::Copy(plain), "source", &["old/a", "new/a"]), (None, None));
    assert_eq!(told(&Operation::Delete, "source", &["old/a", "new/a"]), (None, None));
    let replace = copy("old/", "new/");
    let mut overlaps = Overlaps::new(&replace);
    overlaps.see(&row("source", "old/a", None, false));
    overlaps.see(&row("elsewhere", "new/a", Some(Defect::OtherBucket), false));
    assert_eq!(overlaps.note(Separator::Comma), None);
}

#[test]
fn rows_behind_a_blank_are_seen_in_the_reading_that_is_decided_later() {
    let replace = copy("old/", "new/");
    let mut overlaps = Overlaps::new(&replace);
    for key in ["old/a", "new/a"] {
        overlaps.see(&row("source", key, None, true));
    }
    assert!(overlaps.shared_target(Separator::CommaBlank).is_some() && overlaps.note(Separator::CommaBlank).is_some());
    assert!(overlaps.shared_target(Separator::Comma).is_none() && overlaps.note(Separator::Comma).is_none());
}

#[test]
fn what_is_held_does_not_grow_with_the_manifest() {
    let replace = copy("old/", "new/");
    let mut overlaps = Overlaps::new(&replace);
    for n in 0..10_000 {
        overlaps.see(&row("source", &format!("old/{n}"), None, false));
        overlaps.see(&row("source", &format!("new/x{n}"), None, false));
    }
    let met = overlaps.met(Separator::Comma);
    assert_eq!((met.kept_keys.len(), met.new_keys.len(), met.endangered), (KEYS_HELD, KEYS_HELD, 10_000));
}
