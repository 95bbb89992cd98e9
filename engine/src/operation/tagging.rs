//! COSPutObjectTagging: replaces an object's tags, or adds to them.
//!
//! Putting a whole set of tags twice ends like putting it once, so a repeat checks nothing. `Add`
//! reads, merges and puts: it loses tags that another writer puts in between, since no store offers
//! a condition there.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::{Directive, Side, Tagging};
use brigade_model::ports::object_store::{At, GetObjectTagging, TagSet};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::failure::{Doing, End};
use super::tags::{add_tags, put_tags};
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for Tagging {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let at = context.find_source()?;
        let tags = context.settle_if_gone(wanted_tags(context, self, &at).await)?;
        let version = context.task.version.as_ref();
        context.settle_if_gone(put_tags(context, &context.slice.source, &at, version, &tags, "").await)?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        [Feature::KeepTags, Feature::PutTags].map(|feature| (Side::Source, feature)).into()
    }
}

async fn wanted_tags(context: &TaskContext<'_>, tagging: &Tagging, at: &At) -> Result<TagSet, End> {
    if tagging.directive != Some(Directive::Add) {
        return Ok(tagging.tags.clone());
    }
    let request = GetObjectTagging { at: at.clone(), version: context.task.version.clone() };
    let existing = context.send(&context.slice.source, request).await.doing("reading the object's tags")?;
    add_tags(existing, &tagging.tags)
}
