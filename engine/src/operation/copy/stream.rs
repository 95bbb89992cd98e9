//! A copy through this process, between different endpoints or credentials: small objects in one
//! piece, larger ones in parts, so that the parts in flight bound the memory.
//!
//! Digests prove the bytes. The copy compares what comes from the source with what its head
//! declares (length, coding, ETag, MD5, checksums of the whole) before it writes anything, or
//! before it completes the upload in parts. It compares what it wrote with the ETag that the target
//! answers; where that is no MD5, it reads the target's head once.

use brigade_model::ports::object_store::{
    CallError, Effect, HeadObject, NewObject, ObjectHead, PartDone, PutDone, PutObject, UploadPart, Verdict,
};
use brigade_model::{ETag, Timestamp, VersionId};
use bytes::Bytes;
use futures::future::join;

use super::super::capabilities::Feature;
use super::super::digests::{Digests, Hashing};
use super::super::effect_check::{
    CheckResult, Checked, CheckedCall, Condition, Current, NonRepeatableCall, act_and_settle,
};
use super::super::failure::{Doing, End};
use super::super::source::{Part, check_source};
use super::super::uploads::Upload;
use super::Copying;
use super::plan::whole_metadata;
use crate::byte_budget::Room;

/// The code of a copy whose target is not what was written to it.
pub(crate) const DIGEST_MISMATCH: &str = "DigestMismatch";

/// Copies an object in one piece. `checked` is what a check of the target found, where the task may
/// have been attempted before.
pub(super) async fn carry_through(
    copying: &Copying<'_>,
    head: ObjectHead,
    checked: Option<Checked>,
) -> Result<Option<VersionId>, End> {
    let mut hashing = [Hashing::to_compare_with(&Digests::declared(&head)).and_md5()];
    let room = copying.context.room_for(head.size).await?;
    let (got, body) = copying.source(&head).read_whole(None, &mut hashing).await?;
    let [hashing] = hashing;
    let digests = hashing.finish();
    check_source(&digests, &head)?;
    check_source(&digests, &got)?;
    copying.plan.check_constraints(got.modified)?;
    // All that belongs to the bytes is from the answer that they came in.
    let metadata = match copying.plan.metadata_to_set(Some(&got))? {
        Some(metadata) => copying.to_send(metadata),
        None => copying.to_send(whole_metadata(&got)?),
    };
    let with = NewObject { metadata, ..copying.new_object(&got).await? };
    let putting = Putting { copying, source: got, body, with, digests, _room: room };
    let done = act_and_settle(copying.context, &putting, checked).await?;
    putting.check_written(&done).await?;
    Ok(done.version)
}

/// Carries the parts of an object one after the other, so that their digests become one of all
/// bytes: while a part is uploaded, the next is read. Gives the parts; and the digests with which
/// the object is to be compared once it is whole, where the ETags of parts prove nothing.
pub(super) async fn carry_parts(
    copying: &Copying<'_>,
    head: &ObjectHead,
    upload: &Upload<'_>,
    parts: Vec<Part>,
) -> Result<(Vec<(u32, ETag)>, Option<Digests>), End> {
    let mut whole = Hashing::to_compare_with(&Digests::declared(head));
    let (mut carried, mut are_proved) = (Vec::with_capacity(parts.len()), true);
    let mut before = None;
    for (number, range) in parts {
        let mut hashings = [whole, Hashing::md5()];
        let read = async {
            let room = copying.context.room_for(range.1 - range.0 + 1).await?;
            let (_, body) = copying.source(head).read_whole(Some(range), &mut hashings).await?;
            Ok::<_, End>((body, room))
        };
        // Each comes to its end, so that an abort leaves nothing behind.
        let (read, uploaded) = join(read, upload_part(copying, upload, before.take())).await;
        are_proved &= note_part(&mut carried, uploaded?);
        let (body, room) = read?;
        let [so_far, of_part] = hashings;
        whole = so_far;
        before = Some(ReadPart { number, body, digests: of_part.finish(), room });
    }
    // No more is uploaded of what is not the source's.
    let digests = whole.finish();
    check_source(&digests, head)?;
    are_proved &= note_part(&mut carried, upload_part(copying, upload, before).await?);
    Ok((carried, (!are_proved).then_some(digests)))
}

/// A part that was read and not yet uploaded.
struct ReadPart {
    number: u32,
    body: Bytes,
    digests: Digests,
    /// For the body, from before it was read until the target has it.
    room: Room,
}

/// A part that was uploaded, and whether its ETag proves its bytes.
type Uploaded = Option<((u32, ETag), bool)>;

fn note_part(carried: &mut Vec<(u32, ETag)>, uploaded: Uploaded) -> bool {
    let is_proved = uploaded.as_ref().is_none_or(|(_, is_proved)| *is_proved);
    carried.extend(uploaded.map(|(part, _)| part));
    is_proved
}

async fn upload_part(copying: &Copying<'_>, upload: &Upload<'_>, part: Option<ReadPart>) -> Result<Uploaded, End> {
    let Some(ReadPart { number, body, digests, room: _room }) = part else { return Ok(None) };
    let request = UploadPart { at: upload.at.clone(), upload_id: upload.id.clone(), part: number, body };
    let sent = copying.context.send(&copying.context.slice.target, request).await;
    let PartDone { etag, sse } = sent.doing("uploading a part")?;
    let declared = Digests::declared_by(Some(&etag), sse.as_deref());
    if let Some(difference) = digests.difference(&declared) {
        // A part is nothing that readers see, and its upload is aborted.
        let message = format!("the target has other bytes of part {number} than were sent: {difference}");
        return Err(CallError::new(Verdict::Invalid, Effect::None, DIGEST_MISMATCH, message).into());
    }
    Ok(Some(((number, etag), !declared.is_empty())))
}

/// A target by the answer of its put, or by its head.
struct Written {
    etag: Option<ETag>,
    version: Option<VersionId>,
    sse: Option<String>,
}

/// A put of bytes that were read.
struct Putting<'a> {
    copying: &'a Copying<'a>,
    /// The head of the answer that the bytes came in.
    source: ObjectHead,
    body: Bytes,
    with: NewObject,
    digests: Digests,
    /// For the body.
    _room: Room,
}

impl Putting<'_> {
    /// Whether the target is what was written.
    async fn check_written(&self, done: &Written) -> Result<(), End> {
        let declared = Digests::declared_by(done.etag.as_ref(), done.sse.as_deref());
        match self.digests.difference(&declared) {
            Some(difference) => Err(target_differs(&difference)),
            None if declared.is_empty() => {
                check_target(self.copying, &self.digests, self.body.len() as u64, done.version.as_ref()).await
            }
            None => Ok(()),
        }
    }
}

impl CheckedCall for Putting<'_> {
    type Done = Written;

    fn condition(&self, current: &Current) -> Condition {
        let onto = (Feature::PutOntoUnchanged, Some(Feature::PutOntoNothing));
        Condition::of(current, &self.copying.context.slice.target.capabilities, onto)
    }

    fn bytes(&self) -> u64 {
        self.body.len() as u64
    }

    async fn act(&self, repeat: Option<&Condition>) -> Result<Written, CallError> {
        let (context, at) = (self.copying.context, self.copying.route.target.clone());
        let Condition { if_match, if_none_match } = repeat.cloned().unwrap_or_default();
        let put = PutObject::new(at, self.body.clone(), self.with.clone());
        let put = PutObject { if_match, if_none_match, ..put };
        let PutDone { etag, version, sse } = context.send(&context.slice.target, put).await?;
        Ok(Written { etag: Some(etag), version, sse })
    }

    async fn check(&self, since: Timestamp) -> Result<CheckResult<Written>, End> {
        let content = async |target: &ObjectHead| {
            let bytes = || self.digests.compare(&Digests::declared(target));
            Ok(self.copying.plan.compare_by(&self.source, target, bytes))
        };
        let result = self.copying.looked_at().check(NonRepeatableCall::Overwrite, since, content).await?;
        Ok(result.map(|target| {
            let ObjectHead { etag, version, sse, .. } = target.unwrap_or_default();
            Written { etag, version, sse }
        }))
    }
}

/// Looks at an object that was just written and whose ETag proves nothing: its length, and
/// whatever checksum the target declares of it.
pub(super) async fn check_target(
    copying: &Copying<'_>,
    digests: &Digests,
    size: u64,
    version: Option<&VersionId>,
) -> Result<(), End> {
    let context = copying.context;
    let request = HeadObject { at: copying.route.target.clone(), version: version.cloned() };
    match context.send(&context.slice.target, request).await {
        Ok(target) if target.size != size => Err(target_differs(&format!("it has {} bytes of {size}", target.size))),
        Ok(target) => {
            let difference = digests.difference(&Digests::declared(&target));
            difference.map_or(Ok(()), |difference| Err(target_differs(&difference)))
        }
        // Who may only write has the word of the store, which took the bytes with their digest.
        Err(error) if error.verdict == Verdict::Denied => Ok(()),
        Err(error) => {
            let doing = "the object was written; looking whether it is what was sent failed";
            Err(End::Call { doing, error: CallError { effect: Effect::Unknown, ..error } })
        }
    }
}

fn target_differs(difference: &str) -> End {
    let message = format!("the target is not what was written to it: {difference}");
    CallError::new(Verdict::Invalid, Effect::Unknown, DIGEST_MISMATCH, message).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_and_is_not_what_was_sent_has_an_unknown_effect() {
        let End::Call { error, .. } = target_differs("it has 1 byte of 2") else { panic!("a call's error") };
        assert_eq!((error.effect, error.code.as_str()), (Effect::Unknown, DIGEST_MISMATCH));
    }
}
