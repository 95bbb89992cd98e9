//! COSPutObjectTagging: replaces an object's tags, or adds to them.
//!
//! Putting a whole set of tags twice ends like putting it once, so a repeat checks nothing.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::{Directive, Side, Tagging};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::failure::End;
use super::tags::{add_tags, change_tags, put_tags};
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for Tagging {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let at = context.find_source()?;
        let tagged = match self.directive {
            Some(Directive::Add) => change_tags(context, &at, |existing| add_tags(existing, &self.tags)).await,
            None | Some(Directive::Copy | Directive::Replaced) => {
                let version = context.task.version.as_ref();
                put_tags(context, &context.slice.source, &at, version, &self.tags, "").await
            }
        };
        context.end_doubt_if_gone(tagged)?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        [Feature::KeepTags, Feature::PutTags].map(|feature| (Side::Source, feature)).into()
    }
}
