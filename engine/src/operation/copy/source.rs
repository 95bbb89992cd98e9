//! The source of a copy as the bytes of one object: what is read of it is proven to be what its head
//! declares, and to be of the same state from the first look to the last.

use brigade_model::ports::object_store::{ByteStream, CallError, Effect, GetObject, ObjectHead, Verdict};
use bytes::{Bytes, BytesMut};

use super::super::failure::{Doing, End, SOURCE_CHANGED, reject};
use super::Copying;
use super::digests::{Digests, Hashing};

/// The code of a copy whose source sends other bytes than it declares.
pub(crate) const SOURCE_DIFFERS: &str = "SourceDiffers";

/// A part: its number from 1, its first and last byte.
pub(super) type Part = (u32, (u64, u64));

/// How often bytes are asked for that break off on their way.
const READS_MAX: u32 = 3;

/// Reads a range of the source, or all of it, with the head of the answer. An answer whose bytes
/// break off is asked for again: the decorators around a store see its beginning only.
pub(super) async fn read_range(
    copying: &Copying<'_>,
    head: &ObjectHead,
    range: Option<(u64, u64)>,
    hashings: &mut [Hashing],
) -> Result<(ObjectHead, Bytes), End> {
    let before = hashings.to_vec();
    let mut reads = 0;
    loop {
        reads += 1;
        match read_once(copying, head, range, hashings).await {
            Err(End::Call { error, .. }) if error.verdict == Verdict::Transient && reads < READS_MAX => {
                hashings.clone_from_slice(&before);
            }
            result => return result,
        }
    }
}

async fn read_once(
    copying: &Copying<'_>,
    head: &ObjectHead,
    range: Option<(u64, u64)>,
    hashings: &mut [Hashing],
) -> Result<(ObjectHead, Bytes), End> {
    let request = GetObject {
        at: copying.route.source.clone(),
        version: copying.hand.task.version.clone(),
        range,
        if_match: head.etag.clone(),
    };
    let got = copying.hand.send(&copying.hand.bench.source, request).await.doing("reading the source")?;
    let size = range.map_or(head.size, |(first, last)| last - first + 1);
    check_answer(head, &got.head, size)?;
    let body = collect(got.body, size, hashings).await.doing("reading the source")?;
    // Not every store tells with the bytes what it tells in a HEAD.
    let modified = got.head.modified.or(head.modified);
    let tag_count = got.head.tag_count.or(head.tag_count);
    Ok((ObjectHead { modified, tag_count, ..got.head }, body))
}

/// Whether the bytes that come are those of the object that was looked at: not every store
/// honours If-Match, and some change bytes on their way, unpacking them for one.
fn check_answer(head: &ObjectHead, got: &ObjectHead, size: u64) -> Result<(), End> {
    match (&head.etag, &got.etag) {
        (Some(before), Some(now)) if !before.matches(now) => return Err(source_changed()),
        (Some(before), None) => {
            return Err(source_differs(format!("they come without an ETag, and its head says {}", before.as_str())));
        }
        _ => {}
    }
    if coding(head) != coding(got) {
        let told = |head| coding(head).unwrap_or_else(|| "identity".to_owned());
        let message = format!("they come with the content encoding {}, and its head says {}", told(got), told(head));
        return Err(source_differs(message));
    }
    if got.size != size {
        return Err(source_differs(format!("{} bytes come where its head says {size}", got.size)));
    }
    Ok(())
}

/// The Content-Encoding, but for the word for none.
fn coding(head: &ObjectHead) -> Option<String> {
    let coding = head.metadata.content_encoding.as_deref()?.trim().to_ascii_lowercase();
    (!coding.is_empty() && coding != "identity").then_some(coding)
}

pub(super) fn check_source(digests: &Digests, head: &ObjectHead) -> Result<(), End> {
    digests.difference(&Digests::declared(head)).map_or(Ok(()), |difference| Err(source_differs(difference)))
}

fn source_differs(difference: String) -> End {
    let message =
        format!("the bytes that the source sends are not those that it declares: {difference}; none was kept");
    reject(SOURCE_DIFFERS, None, message)
}

/// Gathers exactly `size` bytes, and never more.
async fn collect(mut body: Box<dyn ByteStream>, size: u64, hashings: &mut [Hashing]) -> Result<Bytes, CallError> {
    let wrong = |problem: &str| CallError::new(Verdict::Transient, Effect::None, "IncompleteBody", problem);
    let size = usize::try_from(size).map_err(|_| wrong("the part is larger than memory"))?;
    let mut bytes = BytesMut::with_capacity(size);
    while let Some(piece) = body.next().await {
        let piece = piece?;
        if bytes.len() + piece.len() > size {
            return Err(wrong("the store sent more bytes than it was asked for"));
        }
        hashings.iter_mut().for_each(|hashing| hashing.update(&piece));
        bytes.extend_from_slice(&piece);
    }
    if bytes.len() < size {
        return Err(wrong("the source's bytes broke off"));
    }
    Ok(bytes.freeze())
}

/// Whether nobody wrote the object between two looks.
pub(super) fn is_same_object(before: &ObjectHead, now: &ObjectHead) -> bool {
    let same_etag = match (&before.etag, &now.etag) {
        (Some(a), Some(b)) => a.matches(b),
        (a, b) => a == b,
    };
    same_etag && before.modified == now.modified
}

pub(super) fn source_changed() -> End {
    reject(SOURCE_CHANGED, None, "another writer wrote the source while it was copied; the copy was thrown away")
}
