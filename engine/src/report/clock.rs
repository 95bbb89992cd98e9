//! Writes a small object under the report's prefix, reads it back to learn the clock that stamps
//! the objects of the report's endpoint, and removes it at once.

use brigade_model::Job;
use brigade_model::ports::object_store::{
    At, CallError, CancelToken, DeleteObject, HeadObject, PutDone, PutObject, Verdict,
};

use super::destination::{Destination, new_object};
use crate::places::Place;

/// Why the clock is not known better than before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NotSampled {
    /// The cancel token ended.
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

/// What became of the object that told the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sampled {
    /// It is gone, or the store was away.
    AndRemoved,
    /// The store refuses to remove it.
    AndKept,
}

/// Who writes the object, and into which bucket: where one sample is refused, so are the others.
/// `None` when the job wants no report.
pub(crate) fn sampling_place(job: &Job, place: &Place) -> Option<String> {
    let bucket = job.spec.report.bucket.as_ref().filter(|_| job.spec.report.enabled)?;
    let bucket = place.buckets.resolve(&bucket.bucket).unwrap_or_else(|| bucket.bucket.clone());
    Some(format!("{}/{}/{bucket}", job.account, job.spec.role.name))
}

/// Writes the object, reads its time and removes it.
pub(crate) async fn sample_clock(job: &Job, place: &Place, cancel: &CancelToken) -> Result<Sampled, NotSampled> {
    let to = Destination::of(job, place, cancel).map_err(|stage_error| NotSampled::Refused(stage_error.to_string()))?;
    let to = to.ok_or_else(|| NotSampled::Refused("the job wants no report".to_owned()))?;
    let at = to.at(to.clock_key().map_err(|stage_error| NotSampled::Refused(stage_error.to_string()))?);
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
    let removed = remove(&to, at, written).await;
    head?;
    modified.map(|_| removed).ok_or_else(|| NotSampled::Refused("the store does not tell the object's time".to_owned()))
}

/// Removes the version that was written, so that a bucket with versions is left as it was. A
/// bucket that keeps what was written (object lock) or forbids deletes keeps this object, too.
async fn remove(to: &Destination<'_>, at: At, written: PutDone) -> Sampled {
    let delete = DeleteObject { at, version: written.version, if_match: None };
    let Err(error) = to.send(delete).await else { return Sampled::AndRemoved };
    tracing::info!(report = %to, %error, "cannot delete store clock object; it stays in the bucket");
    match error.verdict {
        Verdict::Denied | Verdict::Precondition | Verdict::Invalid => Sampled::AndKept,
        _ => Sampled::AndRemoved,
    }
}
