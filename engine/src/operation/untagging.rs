//! Removes an object's tags: all of them, or those of some keys.
//!
//! Removing twice ends like removing once, so a repeat checks nothing. Without some of the tags an
//! object gets the rest put anew; what another writer puts in between is seen and told.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::{Side, Tag, Untagging};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::failure::End;
use super::tags::{change_tags, put_tags};
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for Untagging {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let at = context.find_source()?;
        let removed = match self.keys.as_slice() {
            [] => put_tags(context, &context.slice.source, &at, context.task.version.as_ref(), &vec![], "").await,
            keys => {
                let is_kept = |tag: &Tag| !keys.contains(&tag.key);
                change_tags(context, &at, |tags| Ok(tags.into_iter().filter(is_kept).collect())).await
            }
        };
        context.end_doubt_if_gone(removed)?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        [Feature::KeepTags, Feature::PutTags].map(|feature| (Side::Source, feature)).into()
    }
}
