//! COSInitiateRestoreObject: asks for a temporary copy of an archived object.
//!
//! Done as soon as the store accepts the request; the copy itself comes hours later. An object
//! restored already keeps its copy as long as the job says, counted anew. A restore that is
//! under way is as good: the task succeeds, and its row says which of the two was met, unless it may be
//! our own whose answer was lost. Where the endpoint is not known to restore, the object's head must tell of it.

use async_trait::async_trait;
use brigade_model::operation::{Restore, Side};
use brigade_model::outcome::{RESTORED, UNDER_WAY};
use brigade_model::ports::object_store::{At, CallError, RestoreObject};
use brigade_model::{Outcome, Timestamp};

use super::ObjectOperation;
use super::capabilities::{Feature, Need};
use super::effect_check::{CheckResult, CheckedCall, Condition, NonRepeatableCall, settle};
use super::failure::{Doing, End, reject};
use super::task_context::TaskContext;

#[async_trait]
impl ObjectOperation for Restore {
    async fn run(&self, context: &TaskContext<'_>) -> Result<Outcome, End> {
        let at = context.find_source()?;
        let restoration = Restoration { context, at, restore: self };
        let outcome = context.end_doubt_if_gone(settle(context, &restoration).await)?;
        restoration.see_restore().await?;
        Ok(outcome)
    }

    fn needs(&self) -> Vec<Need> {
        vec![(Side::Source, Feature::Restore)]
    }
}

/// The code of an object of whose restore its store knows nothing.
const NOT_RESTORED: &str = "RestoreNotBegun";

struct Restoration<'a> {
    context: &'a TaskContext<'a>,
    at: At,
    restore: &'a Restore,
}

impl Restoration<'_> {
    async fn see_restore(&self) -> Result<(), End> {
        if Feature::Restore.is_possible_at(&self.context.slice.source.capabilities) {
            return Ok(());
        }
        let version = self.context.task.version.as_ref();
        let head = self.context.read_head(&self.context.slice.source, &self.at, version).await;
        let head = head.doing("the restore was accepted; reading the object's head failed")?;
        self.context.note_size(head.size);
        if head.restore.is_some() {
            return Ok(());
        }
        Err(reject(NOT_RESTORED, None, "the store took the restore, and the object's head tells nothing of one"))
    }
}

impl CheckedCall for Restoration<'_> {
    type Done = Outcome;

    async fn act(&self, repeat: Option<&Condition>) -> Result<Outcome, CallError> {
        let request = RestoreObject {
            at: self.at.clone(),
            version: self.context.task.version.clone(),
            days: self.restore.days,
            tier: self.restore.tier.name().to_owned(),
        };
        let met = match self.context.send(&self.context.slice.source, request).await {
            Ok(done) => done.was_restored.then_some(RESTORED),
            Err(error) if NonRepeatableCall::Restore.is_proved_by(&error) => Some(UNDER_WAY),
            Err(error) => return Err(error),
        };
        // What a repeat meets may be what the attempt before it began.
        let of_others = met.filter(|_| repeat.is_none());
        Ok(of_others.map_or(Outcome::Succeeded, |said| Outcome::SucceededWith { message: said.to_owned() }))
    }

    /// The repeat tells.
    async fn check(&self, _since: Timestamp) -> Result<CheckResult<Outcome>, End> {
        Ok(CheckResult::REPEAT)
    }
}
