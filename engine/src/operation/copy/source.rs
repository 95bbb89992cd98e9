//! Reads the source of a copy and proves that the bytes are those that its head declares, of one
//! state of the object from the first read to the last.

use brigade_model::ports::object_store::{ByteStream, CallError, GetObject, GotObject, ObjectHead};
use bytes::{Bytes, BytesMut};

use super::super::failure::{End, SOURCE_CHANGED, reject};
use super::Copying;
use super::digests::{Digests, Hashing};
use crate::ranged::{Pinned, Range, Ranged, incomplete, must_be_over};

/// The code of a copy whose source sends other bytes than it declares.
pub(crate) const SOURCE_DIFFERS: &str = "SourceDiffers";

/// A part: its number from 1, its first and last byte.
pub(super) type Part = (u32, Range);

/// Reads a range of the source, or all of it, with the head of the answer.
pub(super) async fn read_range(
    copying: &Copying<'_>,
    head: &ObjectHead,
    range: Option<Range>,
    hashings: &mut [Hashing],
) -> Result<(ObjectHead, Bytes), End> {
    let source = Source { copying, head };
    let (from, to) = range.map_or((0, head.size), |(first, last)| (first, last + 1));
    let too_large = |_| source.broken(incomplete("the part is larger than memory"));
    let mut bytes = BytesMut::with_capacity(usize::try_from(to - from).map_err(too_large)?);
    let mut got = source.get(range, to - from).await?;
    if from == to {
        must_be_over(&mut *got.body).await.map_err(|error| source.broken(error))?;
    }
    let mut body = Ranged::begun(from, to, got.body);
    while let Some(piece) = body.next(&source).await? {
        hashings.iter_mut().for_each(|hashing| hashing.update(&piece));
        bytes.extend_from_slice(&piece);
    }
    // Not every store tells with the bytes what it tells in a HEAD.
    let modified = got.head.modified.or(head.modified);
    let tag_count = got.head.tag_count.or(head.tag_count);
    Ok((ObjectHead { modified, tag_count, ..got.head }, bytes.freeze()))
}

/// The source, pinned by what was seen of it.
struct Source<'a> {
    copying: &'a Copying<'a>,
    head: &'a ObjectHead,
}

impl Source<'_> {
    /// Asks for a range, or for all; so many bytes must come.
    async fn get(&self, range: Option<Range>, size: u64) -> Result<GotObject, End> {
        let (context, route) = (self.copying.context, self.copying.route);
        let request = GetObject {
            at: route.source.clone(),
            version: context.task.version.clone(),
            range,
            if_match: self.head.etag.clone(),
        };
        let got = context.send(&context.slice.source, request).await.map_err(|error| self.broken(error))?;
        check_answer(self.head, &got.head, size)?;
        Ok(got)
    }
}

impl Pinned for Source<'_> {
    type Error = End;

    async fn ask(&self, (first, last): Range) -> Result<Box<dyn ByteStream>, End> {
        if self.head.etag.is_none() {
            let why =
                "the source's bytes broke off, and without an ETag nothing tells that the next are of the same object";
            return Err(self.broken(incomplete(why)));
        }
        Ok(self.get(Some((first, last)), last - first + 1).await?.body)
    }

    fn broken(&self, error: CallError) -> End {
        End::Call { doing: "reading the source", error }
    }
}

/// Whether the bytes received are those of the object whose head was read: not every store honours
/// If-Match, and some change bytes in transit, for one by decompressing them.
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

/// Whether the object is unchanged between two reads of its head.
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
