//! Legal holds and retentions: what keeps a version from being removed.
//!
//! Setting either twice ends like setting it once, so a repeat checks nothing. A store that does not know
//! the call would take it for a put and destroy the object, so it is made only where object lock is proved.

use async_trait::async_trait;
use brigade_model::Outcome;
use brigade_model::operation::{LegalHold, SetRetention, Side};
use brigade_model::ports::object_store::{PutObjectLegalHold, PutObjectRetention};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::failure::End;
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for LegalHold {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let (at, version) = (context.find_source()?, context.task.version.clone());
        let request = PutObjectLegalHold { at, version, is_held: self.is_held };
        context.end_doubt_if_gone(context.send(&context.slice.source, request).await.map_err(End::from))?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        vec![(Side::Source, Feature::SetLock)]
    }
}

#[async_trait]
impl ObjectOperation for SetRetention {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let SetRetention { retention, bypass_governance } = *self;
        let (at, version) = (context.find_source()?, context.task.version.clone());
        let request = PutObjectRetention { at, version, retention, bypass_governance };
        context.end_doubt_if_gone(context.send(&context.slice.source, request).await.map_err(End::from))?;
        Ok(Outcome::Succeeded)
    }

    fn needs(&self) -> Vec<Need> {
        vec![(Side::Source, Feature::SetLock)]
    }
}
