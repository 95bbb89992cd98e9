//! A copy in parts: for objects too large for one CopyObject, and for large ones copied through
//! this process.
//!
//! 1. begin an upload with all that the target gets besides its bytes, and record it;
//! 2. copy the parts, each pinned to the source's version or ETag: several at a time inside the
//!    store, one after the other through this process ([`stream::carry_parts`]);
//! 3. see that the source is still the same, unless its version pins it;
//! 4. complete the upload; or abort it when anything failed.

use brigade_model::limits::part_size;
use brigade_model::ports::job_store::Completing;
use brigade_model::ports::object_store::{CallError, ObjectHead, UploadPartCopy};
use brigade_model::{ETag, VersionId};
use futures::StreamExt;
use futures::stream::FuturesUnordered;

use super::super::capabilities::Feature;
use super::super::effect_check::{Before, CheckResult, Checked, CheckedCall, act_and_settle};
use super::super::failure::{Doing, End};
use super::super::source::{Part, is_same_object, source_changed};
use super::super::uploads::Upload;
use super::completion::Completion;
use super::{Copying, stream};
use crate::multipart_etag::expected_etags;

/// How the bytes of a part travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PartTransfer {
    /// Inside the store.
    InsideStore,
    /// Through our memory.
    ThroughUs,
}

/// Parts of one object that are copied at a time inside the store.
const IN_FLIGHT: usize = 4;

pub(super) async fn copy_in_parts(
    copying: &Copying<'_>,
    head: ObjectHead,
    way: PartTransfer,
    checked: Option<Checked>,
) -> Result<Option<VersionId>, End> {
    let with = copying.new_object(&head).await?;
    let upload = Upload::begin(copying.context, &copying.route.target, with).await?;
    let assembly = Assembly { copying, head, way, upload };
    let result = assembly.assemble(checked).await;
    match &result {
        Ok(Assembled::Completed(_)) => assembly.upload.forget().await,
        // Its completion may have been carried out: the next worker proves that by the record.
        Err(end) if end.is_stop() && copying.context.in_doubt_since().is_some() => {}
        Ok(Assembled::DoneBefore(_)) | Err(_) => {
            assembly.upload.abort(copying.context).await;
        }
    }
    result.map(|(Assembled::Completed(version) | Assembled::DoneBefore(version))| version)
}

/// How the target became what it is, with its version.
enum Assembled {
    Completed(Option<VersionId>),
    /// The store carried out an earlier attempt late, while this one sent its parts.
    DoneBefore(Option<VersionId>),
}

struct Assembly<'a> {
    copying: &'a Copying<'a>,
    head: ObjectHead,
    way: PartTransfer,
    upload: Upload<'a>,
}

impl Assembly<'_> {
    async fn assemble(&self, checked: Option<Checked>) -> Result<Assembled, End> {
        let parts = cut_parts(self.head.size, self.part_bytes());
        let (parts, to_prove) = match self.way {
            PartTransfer::InsideStore => (self.carry_parts(parts).await?, None),
            PartTransfer::ThroughUs => stream::carry_parts(self.copying, &self.head, &self.upload, parts).await?,
        };
        self.check_source().await?;
        let (context, size, expected) = (self.copying.context, self.head.size, expected_etags(&parts));
        let checked = match self.check_target(checked).await? {
            Before::Done(version) => return Ok(Assembled::DoneBefore(version)),
            Before::Act(checked) => checked,
        };
        let completing = Completing { task: context.task.number, size, etags: expected.clone() };
        self.upload.record_completing(completing).await?;
        let completion = Completion { context, upload: &self.upload, parts, size, expected };
        let version = act_and_settle(context, &completion, checked).await?;
        if let Some(digests) = to_prove {
            stream::check_target(self.copying, &digests, self.head.size, version.as_ref()).await?;
        }
        Ok(Assembled::Completed(version))
    }

    /// Looks at the target again, where the task may have been attempted before: carrying the parts
    /// took its time, and not every endpoint honours a condition on the completion.
    async fn check_target(&self, checked: Option<Checked>) -> Result<Before<Option<VersionId>>, End> {
        let Some(Checked { since, .. }) = checked else { return Ok(Before::Act(None)) };
        Ok(match self.copying.check(since).await? {
            CheckResult::Act { current, .. } => Before::Act(Some(Checked { current, since })),
            CheckResult::Done(version) => {
                self.copying.context.note_done();
                Before::Done(version)
            }
        })
    }

    /// Carries every part. After a failure no further part begins, and those in flight come to
    /// their end, so that the abort leaves nothing behind.
    async fn carry_parts(&self, parts: Vec<Part>) -> Result<Vec<(u32, ETag)>, End> {
        let mut waiting = parts.into_iter();
        let mut in_flight = FuturesUnordered::new();
        let mut carried = Vec::new();
        let mut failure = None;
        loop {
            while failure.is_none() && in_flight.len() < IN_FLIGHT {
                let Some(part) = waiting.next() else { break };
                in_flight.push(self.carry_part(part));
            }
            match in_flight.next().await {
                Some(Ok(part)) => carried.push(part),
                Some(Err(end)) => failure = failure.or(Some(end)),
                None => break,
            }
        }
        carried.sort_unstable_by_key(|(number, _)| *number);
        failure.map_or(Ok(carried), Err)
    }

    async fn carry_part(&self, (part, range): Part) -> Result<(u32, ETag), End> {
        Ok((part, self.copy_part(part, range).await.doing("copying a part")?))
    }

    async fn copy_part(&self, part: u32, range: (u64, u64)) -> Result<ETag, CallError> {
        let (context, route) = (self.copying.context, self.copying.route);
        let has_conditions = Feature::PinSource.is_possible_at(&context.slice.target.capabilities);
        let request = UploadPartCopy {
            source: route.source.clone(),
            source_version: context.task.version.clone(),
            range,
            source_if_match: self.head.etag.clone().filter(|_| has_conditions && !self.copying.is_pinned()),
            target: route.target.clone(),
            upload_id: self.upload.id.clone(),
            part,
        };
        context.send(&context.slice.target, request).await
    }

    fn part_bytes(&self) -> u64 {
        let sizes = &self.copying.plan.sizes;
        let wanted = match self.way {
            PartTransfer::InsideStore => sizes.copy_part,
            PartTransfer::ThroughUs => sizes.stream_part,
        };
        part_size(self.head.size, wanted)
    }

    /// Some stores ignore the condition on a part's source, so the source's head is read again.
    async fn check_source(&self) -> Result<(), End> {
        if self.copying.is_pinned() {
            return Ok(());
        }
        let now = self.copying.read_head().await?;
        if is_same_object(&self.head, &now) {
            return Ok(());
        }
        Err(source_changed())
    }
}

fn cut_parts(size: u64, part_bytes: u64) -> Vec<Part> {
    let firsts = (0..size).step_by(usize::try_from(part_bytes).unwrap_or(usize::MAX));
    (1..).zip(firsts.map(|first| (first, (first + part_bytes).min(size) - 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_the_object_without_gap_or_overlap() {
        assert_eq!(cut_parts(10, 4), [(1, (0, 3)), (2, (4, 7)), (3, (8, 9))]);
        assert_eq!(cut_parts(8, 4), [(1, (0, 3)), (2, (4, 7))]);
        assert_eq!(cut_parts(3, 4), [(1, (0, 2))]);
    }
}
