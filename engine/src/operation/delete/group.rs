//! Which deletes may stand in one multi-object delete.
//!
//! At most 1,000 keys and 256 KiB of body, no object twice, one bucket. These go by a call of their
//! own: rows with a defect, tasks that must be checked first, and keys that a server's XML reader
//! may not return as they are: characters that XML 1.0 cannot carry or that readers normalise, and
//! blanks at either end, which some readers trim (it would delete another object).

use std::collections::HashSet;

use brigade_model::limits::{DELETE_OBJECTS_BYTES_MAX, DELETE_OBJECTS_KEYS_MAX};
use brigade_model::{ObjectKey, Task};

/// `<Object><Key></Key><VersionId></VersionId></Object>` around a key and a version.
const ELEMENT_BYTES: usize = 60;
/// What stands around the elements: declaration, root with its namespace, `Quiet`.
const BODY_BYTES: usize = 200;

/// How many of the first tasks, of `keys_max` at most, may stand in one group: 0 when there is no
/// task, 1 when the first has to go alone.
pub(crate) fn group_len(tasks: &[Task], keys_max: usize, must_check: impl Fn(&Task) -> bool) -> usize {
    let mut seen = HashSet::new();
    let mut bytes = BODY_BYTES;
    let candidates = tasks.iter().take(keys_max.min(DELETE_OBJECTS_KEYS_MAX));
    let joins = candidates.map(|task| {
        bytes += body_bytes(task);
        !goes_singly(task, &must_check)
            && task.bucket == tasks[0].bucket
            && bytes <= DELETE_OBJECTS_BYTES_MAX
            && seen.insert((&task.key, &task.version))
    });
    let joined = joins.take_while(|joins| *joins).count();
    joined.max(tasks.len().min(1))
}

/// The bytes of the body of such a group, at most.
pub(crate) fn body_len(tasks: &[&Task]) -> usize {
    BODY_BYTES + tasks.iter().map(|task| body_bytes(task)).sum::<usize>()
}

fn goes_singly(task: &Task, must_check: impl Fn(&Task) -> bool) -> bool {
    task.defect.is_some() || task.tried_since.is_some() || must_check(task) || !is_carried_by_xml(&task.key)
}

fn is_carried_by_xml(key: &ObjectKey) -> bool {
    let key = key.as_str();
    key.trim() == key && !key.chars().any(|c| c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}'))
}

/// The bytes of one object in the body, escapes at their longest (`&quot;`).
fn body_bytes(task: &Task) -> usize {
    let escaped = |text: &str| text.bytes().map(|b| if b"&<>\"'".contains(&b) { 6 } else { 1 }).sum::<usize>();
    ELEMENT_BYTES + escaped(task.key.as_str()) + task.version.as_ref().map_or(0, |version| escaped(version.as_str()))
}

#[cfg(test)]
mod tests {
    use brigade_model::task::Defect;
    use brigade_model::{BucketName, VersionId};

    use super::*;

    fn task(number: u64, key: &str) -> Task {
        Task {
            number,
            bucket: BucketName::new("b").unwrap(),
            key: ObjectKey::new(key).unwrap(),
            version: None,
            size: None,
            defect: None,
            tried_since: None,
            checksum: None,
        }
    }

    fn tasks(keys: &[&str]) -> Vec<Task> {
        keys.iter().enumerate().map(|(number, key)| task(number as u64, key)).collect()
    }

    fn len(tasks: &[Task]) -> usize {
        group_len(tasks, DELETE_OBJECTS_KEYS_MAX, |_| false)
    }

    #[test]
    fn a_group_holds_a_thousand_keys_at_most() {
        let many: Vec<Task> = (0..2500).map(|n| task(n, &format!("k{n}"))).collect();
        assert_eq!(len(&many), 1000);
        assert_eq!(len(&many[2400..]), 100);
        assert_eq!(len(&[]), 0);
        assert_eq!([0, 1, 7, 5000].map(|keys_max| group_len(&many, keys_max, |_| false)), [1, 1, 7, 1000]);
    }

    #[test]
    fn a_group_holds_256_kib_at_most_with_every_character_escaped() {
        let many: Vec<Task> = (0..1000).map(|n| task(n, &format!("{:&<1019}{n:05}", ""))).collect();
        let group = len(&many);
        assert!(group > 1 && BODY_BYTES + group * (ELEMENT_BYTES + 1019 * 6 + 5) <= DELETE_OBJECTS_BYTES_MAX);
        assert!(BODY_BYTES + (group + 1) * (ELEMENT_BYTES + 1019 * 6 + 5) > DELETE_OBJECTS_BYTES_MAX);
        assert!(body_len(&many[..group].iter().collect::<Vec<_>>()) <= DELETE_OBJECTS_BYTES_MAX);
    }

    #[test]
    fn no_object_stands_twice_in_a_group_but_two_versions_of_it_may() {
        let mut versions = tasks(&["a", "a", "a"]);
        versions[1].version = Some(VersionId::new("1").unwrap());
        assert_eq!(len(&versions), 2);
    }

    #[test]
    fn keys_that_xml_may_not_give_back_go_singly() {
        for key in ["a\u{1}", "a\rb", "a\nb", "\ta", " a", "a ", "a\u{FFFF}", "a\u{85}"] {
            assert_eq!(len(&tasks(&[key, "b"])), 1, "{key:?}");
            assert_eq!(len(&tasks(&["a", "b", key, "c"])), 2, "{key:?}");
        }
        assert_eq!(len(&tasks(&["a b", "<&>", "é😀", "a//b"])), 4);
    }

    #[test]
    fn what_must_look_or_has_a_defect_or_names_another_bucket_goes_singly() {
        let mut rows = tasks(&["a", "b", "c", "d"]);
        assert_eq!(group_len(&rows, 1000, |task| task.number == 2), 2);
        assert_eq!(group_len(&rows, 1000, |task| task.number == 0), 1);
        rows[1].defect = Some(Defect::OtherBucket);
        assert_eq!(len(&rows), 1);
        assert_eq!(len(&rows[1..]), 1);
        rows[3].bucket = BucketName::new("c").unwrap();
        assert_eq!(len(&rows[2..]), 1);
    }
}
