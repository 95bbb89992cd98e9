//! Adding tags to those that an object has.

use brigade_model::limits::TAGS_MAX;
use brigade_model::operation::Tag;
use brigade_model::ports::object_store::TagSet;

use super::failure::{End, reject};

/// The existing tags with the new ones on top: of two with one key the new one stays.
///
/// # Errors
/// Together they are more than an object may have.
pub(crate) fn add_tags(mut existing: TagSet, new: &[Tag]) -> Result<TagSet, End> {
    for tag in new {
        match existing.iter_mut().find(|old| old.key == tag.key) {
            Some(old) => old.value.clone_from(&tag.value),
            None => existing.push(tag.clone()),
        }
    }
    if existing.len() > TAGS_MAX {
        let message =
            format!("the object would have {} tags with those it has; {TAGS_MAX} are allowed", existing.len());
        return Err(reject("InvalidTag", Some(400), message));
    }
    Ok(existing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(pairs: &[(&str, &str)]) -> TagSet {
        pairs.iter().map(|(key, value)| Tag { key: (*key).into(), value: (*value).into() }).collect()
    }

    #[test]
    fn a_new_tag_wins_over_an_old_one_of_the_same_key() {
        let merged = add_tags(tags(&[("a", "1"), ("b", "2")]), &tags(&[("b", "3"), ("c", "4")])).unwrap();
        assert_eq!(merged, tags(&[("a", "1"), ("b", "3"), ("c", "4")]));
    }

    #[test]
    fn an_eleventh_tag_is_refused_but_a_replaced_tenth_is_not() {
        let ten: TagSet = (0..10).map(|n| Tag { key: format!("k{n}"), value: String::new() }).collect();
        assert!(add_tags(ten.clone(), &tags(&[("k3", "new")])).is_ok());
        assert!(matches!(add_tags(ten, &tags(&[("k10", "")])), Err(End::Rejected(_))));
    }
}
