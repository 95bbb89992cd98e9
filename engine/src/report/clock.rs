//! A small object under the report's prefix, written and read back, tells the clock that stamps
//! the objects of the report's endpoint. It is removed at once.

use brigade_model::Job;
use brigade_model::ports::object_store::{At, CallError, DeleteObject, HeadObject, Leash, PutDone, PutObject, Verdict};

use super::destination::{Destination, new_object};
use crate::places::Place;

/// Why the clock is not known better than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSampled {
    /// The leash ended.
    Stopped,
    /// It may be later: something is away.
    NotNow(String),
    /// It cannot be: the job has no report there, the store refuses it, or tells no time.
    Refused(String),
}

impl From<CallError> for NotSampled {
    fn from(error: CallError) -> Self {
        match error.verdict {
            Verdict::Stopped => NotSampled::Stopped,
            Verdict::Denied | Verdict::Missing | Verdict::Precondition | Verdict::Invalid => {
                NotSampled::Refused(error.to_string())
            }
            Verdict::Throttled | Verdict::Transient | Verdict::Unavailable | Verdict::CredentialsRefused => {
                NotSampled::NotNow(error.to_string())
            }
        }
    }
}

/// Writes the object, reads its time and removes it.
pub(crate) async fn sample_clock(job: &Job, place: &Place, leash: &Leash) -> Result<(), NotSampled> {
    let to = Destination::of(job, place, leash).map_err(|setback| NotSampled::Refused(setback.to_string()))?;
    let to = to.ok_or_else(|| NotSampled::Refused("the job wants no report".to_owned()))?;
    let at = to.at(to.clock_key().map_err(|setback| NotSampled::Refused(setback.to_string()))?);
    let sent = place.stamps.read();
    // Of its own moment, so that an older one is not taken for it.
    let body = format!("written at {} to read the store's clock\n", place.stamps.now());
    let written = to.send(PutObject::ours(at.clone(), body, new_object("text/plain"))).await?;
    // A put that was lost and comes late lies between these moments, too.
    let head = to.send(HeadObject { at: at.clone(), version: None }).await;
    let is_it = |head: &brigade_model::ports::object_store::ObjectHead| {
        head.etag.as_ref().is_some_and(|etag| etag.matches(&written.etag))
    };
    let modified = head.as_ref().ok().filter(|head| is_it(head)).and_then(|head| head.modified);
    if let Some(modified) = modified {
        place.stamps.observe(sent, modified);
    }
    remove(&to, at, written).await;
    head?;
    modified.map(|_| ()).ok_or_else(|| NotSampled::Refused("the store does not tell the object's time".to_owned()))
}

/// Removes the version that was written, so that a bucket with versions is left as it was. A
/// bucket that keeps what was written (object lock) or forbids deletes keeps this object, too.
async fn remove(to: &Destination<'_>, at: At, written: PutDone) {
    let delete = DeleteObject { at, version: written.version, if_match: None };
    if let Err(error) = to.send(delete).await {
        tracing::info!(report = %to, %error, "the object that told the store's clock stays in the bucket");
    }
}
