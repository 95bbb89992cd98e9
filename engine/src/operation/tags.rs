//! Adds tags to those that an object has, and puts them so that they certainly stay.

use brigade_model::VersionId;
use brigade_model::limits::TAGS_MAX;
use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{At, CallError, GetObjectTagging, PutObjectTagging, TagSet, Verdict};

use super::capabilities::Feature;
use super::failure::{Doing, End, reject};
use super::task_context::TaskContext;
use crate::places::Place;

/// The code of an object whose tags are others than it was given.
const TAGS_NOT_KEPT: &str = "TagsNotKept";

/// Replaces an object's tags. Of an endpoint that is not known to leave the bytes alone they are
/// read first: one that takes the call for a put would take this one for a read of the bytes,
/// which are no tags. Of one that is not known to keep tags they are read back.
pub(crate) async fn put_tags(
    context: &TaskContext<'_>,
    place: &Place,
    at: &At,
    version: Option<&VersionId>,
    tags: &TagSet,
    doing: &'static str,
) -> Result<(), End> {
    if !Feature::PutTags.is_possible_at(&place.capabilities) {
        read_tags(context, place, at, version).await.doing("reading the tags that are to be replaced")?;
    }
    let request = PutObjectTagging { at: at.clone(), version: version.cloned(), tags: tags.clone() };
    context.send(place, request).await.doing(doing)?;
    if Feature::KeepTags.is_possible_at(&place.capabilities) {
        return Ok(());
    }
    let mut kept = read_tags(context, place, at, version).await.doing("reading back the tags that were put")?;
    let mut wanted = tags.clone();
    kept.sort();
    wanted.sort();
    if kept == wanted {
        return Ok(());
    }
    Err(reject(TAGS_NOT_KEPT, None, "the store took the tags and gave others back"))
}

/// The tags of a source that are to go along with its bytes. An endpoint that is not known to
/// have tags and refuses the call has none.
pub(crate) async fn read_tags_to_carry(
    context: &TaskContext<'_>,
    place: &Place,
    at: &At,
    version: Option<&VersionId>,
) -> Result<TagSet, End> {
    match read_tags(context, place, at, version).await {
        Err(error) if !Feature::KeepTags.is_possible_at(&place.capabilities) && is_unknown_call(&error) => Ok(vec![]),
        // Some stores say so of an object without tags.
        Err(error) if error.code == "NoSuchTagSet" => Ok(vec![]),
        Err(error) if error.verdict == Verdict::Denied => Err(error).doing(
            "reading the source's tags needs the right GetObjectTagging (s3:GetObjectTagging; of versions \
             s3:GetObjectVersionTagging), or an endpoint of which `brigade endpoint probe` shows that it has no tags",
        ),
        read => read.doing("reading the source's tags"),
    }
}

async fn read_tags(
    context: &TaskContext<'_>,
    place: &Place,
    at: &At,
    version: Option<&VersionId>,
) -> Result<TagSet, CallError> {
    context.send(place, GetObjectTagging { at: at.clone(), version: version.cloned() }).await
}

/// The store says that it does not know the call.
fn is_unknown_call(error: &CallError) -> bool {
    error.verdict == Verdict::Invalid && matches!(error.http_status, Some(405 | 501))
}

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
