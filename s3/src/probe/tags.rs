//! Trials of tags.

use brigade_model::operation::Tag;
use brigade_model::ports::object_store::{At, CopyObject, GetObjectTagging, NewObject, PutObjectTagging, TagSet};

use super::trial::{End, Trial, copy, lacking};

const BODY: &str = "tagged";

fn tag(key: &str, value: &str) -> Tag {
    Tag { key: key.to_owned(), value: value.to_owned() }
}

async fn tags_of(trial: &Trial<'_>, at: &At) -> Result<TagSet, End> {
    let mut tags = trial.call(GetObjectTagging { at: at.clone(), version: None }).await?;
    tags.sort();
    Ok(tags)
}

/// An object begins without tags, or with those that it is put with, and a second set replaces
/// the first as a whole.
pub(super) async fn are_read_back(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("tags");
    trial.put(&at, BODY).await?;
    if !tags_of(trial, &at).await?.is_empty() {
        return lacking("tags were read back before any were put");
    }
    for tags in [vec![tag("a", "1"), tag("b", "2")], vec![tag("c", "3")]] {
        trial.call(PutObjectTagging { at: at.clone(), version: None, tags: tags.clone() }).await?;
        if tags_of(trial, &at).await? != tags {
            return lacking("other tags were read back than were put");
        }
    }
    let (at, tags) = (trial.at("put with tags"), vec![tag("a", "1"), tag("b", "2")]);
    trial.put_with(&at, BODY, NewObject { tags: tags.clone(), ..NewObject::default() }).await?;
    if tags_of(trial, &at).await? == tags {
        Ok(())
    } else {
        lacking("an object was not given the tags that it was put with")
    }
}

pub(super) async fn leave_the_bytes_alone(trial: &Trial<'_>) -> Result<(), End> {
    let at = trial.at("tagged");
    trial.put(&at, BODY).await?;
    trial.call_anyway(PutObjectTagging { at: at.clone(), version: None, tags: vec![tag("a", "1")] }).await?;
    if trial.has_bytes(&at, BODY.as_bytes()).await? {
        Ok(())
    } else {
        lacking("a tagging call overwrote the object's bytes")
    }
}

pub(super) async fn are_replaced_by_a_copy(trial: &Trial<'_>) -> Result<(), End> {
    let (source, target) = (trial.at("tagged source"), trial.at("tagged target"));
    let (old, new) = (vec![tag("old", "1")], vec![tag("new", "2")]);
    trial.put_with(&source, BODY, NewObject { tags: old.clone(), ..NewObject::default() }).await?;
    trial.call(CopyObject { tags: Some(new.clone()), ..copy(&source, &target) }).await?;
    match tags_of(trial, &target).await? {
        tags if tags == new => Ok(()),
        tags if tags == old => lacking("the copy has its source's tags, not those that it was given"),
        tags if tags.is_empty() => lacking("the copy has no tags"),
        _ => lacking("the copy has other tags than it was given"),
    }
}
