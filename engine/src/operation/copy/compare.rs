//! Comparing source and target byte by byte, where neither declares a digest that the other has:
//! for retries whose user asked for it, since both objects are read from end to end.

use brigade_model::VersionId;
use brigade_model::ports::object_store::{At, ByteStream, CallError, Effect, GetObject, ObjectHead, Verdict};
use ring::digest::{Context, Digest, SHA256};

use super::super::effect_check::Content;
use super::super::failure::{Doing, End};
use super::super::task_context::TaskContext;
use super::Copying;
use crate::places::Place;

/// What the bytes of a target show of being those of the source. A piece of each is held at a time.
pub(super) async fn compare_bytes(
    copying: &Copying<'_>,
    source: &ObjectHead,
    target: &ObjectHead,
) -> Result<Content, End> {
    let (context, route) = (copying.context, copying.route);
    let version = context.task.version.as_ref();
    let of_source = digest(context, &context.slice.source, &route.source, version, source);
    let of_target = digest(context, &context.slice.target, &route.target, None, target);
    let (of_source, of_target) = (
        of_source.await.doing("reading the source to compare it")?,
        of_target.await.doing("reading the target to compare it")?,
    );
    Ok(if of_source.as_ref() == of_target.as_ref() { Content::Proven } else { Content::Other })
}

async fn digest(
    context: &TaskContext<'_>,
    place: &Place,
    at: &At,
    version: Option<&VersionId>,
    head: &ObjectHead,
) -> Result<Digest, CallError> {
    let if_match = head.etag.clone();
    let request = GetObject { at: at.clone(), version: version.cloned(), range: None, if_match };
    let mut body: Box<dyn ByteStream> = context.send(place, request).await?.body;
    let (mut hash, mut bytes) = (Context::new(&SHA256), 0);
    while let Some(piece) = context.until_stopped(body.next()).await? {
        let piece = piece?;
        bytes += piece.len() as u64;
        hash.update(&piece);
    }
    if bytes != head.size {
        let message = format!("{bytes} bytes came of {}", head.size);
        return Err(CallError::new(Verdict::Transient, Effect::None, "IncompleteBody", message));
    }
    Ok(hash.finish())
}
