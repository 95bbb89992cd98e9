//! A copy through us, between different endpoints or credentials: small objects in one piece,
//! larger ones in parts, so that memory is bounded by the parts in flight.

use brigade_model::VersionId;
use brigade_model::ports::object_store::{ByteStream, CallError, Effect, GetObject, ObjectHead, PutObject, Verdict};
use bytes::{Bytes, BytesMut};

use super::super::failure::{Doing, End};
use super::Copying;
use super::multipart::{Way, carry_in_parts, source_changed};

pub(super) async fn carry_through(copying: &Copying<'_>, head: ObjectHead) -> Result<Option<VersionId>, End> {
    if head.size > copying.plan.sizes.stream_part {
        return carry_in_parts(copying, head, Way::ThroughUs).await;
    }
    let with = copying.new_object(&head).await?;
    let body = read_range(copying, &head, None).await?;
    let request = PutObject::new(copying.route.target.clone(), body, with);
    Ok(copying.hand.send(&copying.hand.bench.target, request).await?.version)
}

/// How often bytes are asked for that break off on their way.
const READS_MAX: u32 = 3;

/// Reads a range of the source, or all of it. An answer whose bytes break off is asked for
/// again: the decorators around a store see its beginning only.
pub(super) async fn read_range(
    copying: &Copying<'_>,
    head: &ObjectHead,
    range: Option<(u64, u64)>,
) -> Result<Bytes, End> {
    let mut reads = 0;
    loop {
        reads += 1;
        match read_once(copying, head, range).await {
            Err(End::Call { error, .. }) if error.verdict == Verdict::Transient && reads < READS_MAX => {}
            result => return result,
        }
    }
}

async fn read_once(copying: &Copying<'_>, head: &ObjectHead, range: Option<(u64, u64)>) -> Result<Bytes, End> {
    let request = GetObject {
        at: copying.route.source.clone(),
        version: copying.hand.task.version.clone(),
        range,
        if_match: head.etag.clone(),
    };
    let got = copying.hand.send(&copying.hand.bench.source, request).await.doing("reading the source")?;
    // Not every store honours If-Match.
    if let (Some(before), Some(now)) = (&head.etag, &got.head.etag)
        && !before.matches(now)
    {
        return Err(source_changed());
    }
    let size = range.map_or(head.size, |(first, last)| last - first + 1);
    collect(got.body, size).await.doing("reading the source")
}

/// Gathers exactly `size` bytes, and never more.
async fn collect(mut body: Box<dyn ByteStream>, size: u64) -> Result<Bytes, CallError> {
    let wrong = |problem: &str| CallError::new(Verdict::Transient, Effect::None, "IncompleteBody", problem);
    let size = usize::try_from(size).map_err(|_| wrong("the part is larger than memory"))?;
    let mut bytes = BytesMut::with_capacity(size);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        if bytes.len() + piece.len() > size {
            return Err(wrong("the store sent more bytes than it was asked for"));
        }
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() < size {
        return Err(wrong("the source's bytes broke off"));
    }
    Ok(bytes.freeze())
}
