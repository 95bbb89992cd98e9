//! Changes an object's tags so that they are certainly what they shall be.

use brigade_model::VersionId;
use brigade_model::limits::TAGS_MAX;
use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{
    At, CallError, DeleteObjectTagging, GetObjectTagging, PutObjectTagging, TagSet, Verdict,
};

use super::capabilities::Feature;
use super::failure::{Doing, End, reject};
use super::task_context::TaskContext;
use crate::places::Place;

/// The code of an object whose tags are others than it was given.
const TAGS_NOT_KEPT: &str = "TagsNotKept";

/// The code of an object whose tags another writer changed after they were put.
const TAGS_CHANGED: &str = "TagsChanged";

/// The code that some stores give an object without tags.
const NO_TAGS: &str = "NoSuchTagSet";

/// Replaces an object's tags, by none where the set is empty. Of an endpoint that is not known to leave the bytes alone they are
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
    send_tags(context, place, at, version, tags).await.doing(doing)?;
    if Feature::KeepTags.is_possible_at(&place.capabilities) {
        return Ok(());
    }
    let kept = read_tags(context, place, at, version).await.doing("reading back the tags that were put")?;
    if is_same(&kept, tags) {
        return Ok(());
    }
    Err(reject(TAGS_NOT_KEPT, None, "the store took the tags and gave others back"))
}

/// Changes the tags that the task's object has, and reads them again: no store offers a condition here, so
/// tags that another writer puts between read and put are lost, but tags that it puts after that are seen.
pub(crate) async fn change_tags(
    context: &TaskContext<'_>,
    at: &At,
    change: impl FnOnce(TagSet) -> Result<TagSet, End>,
) -> Result<(), End> {
    let (place, version) = (&context.slice.source, context.task.version.as_ref());
    let existing = read_tags(context, place, at, version).await.doing("reading the object's tags")?;
    let wanted = change(existing.clone())?;
    if is_same(&existing, &wanted) {
        return Ok(());
    }
    send_tags(context, place, at, version, &wanted).await?;
    let kept = read_tags(context, place, at, version).await.doing("reading back the tags that were put")?;
    if is_same(&kept, &wanted) {
        return Ok(());
    }
    if !Feature::KeepTags.is_possible_at(&place.capabilities) {
        return Err(reject(TAGS_NOT_KEPT, None, "the store took the tags and gave others back"));
    }
    Err(reject(TAGS_CHANGED, None, "the tags were put, and another writer has changed them since"))
}

/// Gives an object these tags and no other. Some stores fail at an empty set, and all that have tags have a
/// call that removes them.
async fn send_tags(
    context: &TaskContext<'_>,
    place: &Place,
    at: &At,
    version: Option<&VersionId>,
    tags: &TagSet,
) -> Result<(), CallError> {
    let (at, version) = (at.clone(), version.cloned());
    if tags.is_empty() {
        return context.send(place, DeleteObjectTagging { at, version }).await;
    }
    context.send(place, PutObjectTagging { at, version, tags: tags.clone() }).await
}

/// Whether both hold the same tags, in whatever order.
fn is_same(a: &TagSet, b: &TagSet) -> bool {
    a.len() == b.len() && a.iter().all(|tag| b.contains(tag))
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
    let read = context.send(place, GetObjectTagging { at: at.clone(), version: version.cloned() }).await;
    read.or_else(|error| if error.code == NO_TAGS { Ok(vec![]) } else { Err(error) })
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
