//! Reads an object and proves that the bytes are those that its head declares, of one state of it
//! from the first read to the last.

use brigade_model::ports::object_store::{At, ByteStream, CallError, GetObject, GotObject, ObjectHead};
use bytes::{Bytes, BytesMut};

use super::digests::{Digests, Hashing};
use super::failure::{End, SOURCE_CHANGED, reject};
use super::task_context::TaskContext;
use crate::ranged::{Pinned, Range, Ranged, incomplete, must_be_over};

/// The code of a task whose source sends other bytes than it declares.
pub(crate) const SOURCE_DIFFERS: &str = "SourceDiffers";

/// A part: its number from 1, its first and last byte.
pub(super) type Part = (u32, Range);

/// The object of a task's row, pinned by what was seen of it.
pub(super) struct Source<'a> {
    pub(super) context: &'a TaskContext<'a>,
    pub(super) at: &'a At,
    pub(super) head: &'a ObjectHead,
}

impl Source<'_> {
    /// Reads a range, or all of it, piece by piece; gives the head of the answer.
    pub(super) async fn read(
        &self,
        range: Option<Range>,
        mut take: impl FnMut(&[u8]) + Send,
    ) -> Result<ObjectHead, End> {
        let (from, to) = range.map_or((0, self.head.size), |(first, last)| (first, last + 1));
        let mut got = self.get(range, to - from).await?;
        if from == to {
            must_be_over(&mut *got.body).await.map_err(|error| self.broken(error))?;
        }
        let mut body = Ranged::begun(from, to, got.body);
        while let Some(piece) = body.next(self).await? {
            take(&piece);
        }
        // Not every store tells with the bytes what it tells in a HEAD.
        let modified = got.head.modified.or(self.head.modified);
        let tag_count = got.head.tag_count.or(self.head.tag_count);
        Ok(ObjectHead { modified, tag_count, ..got.head })
    }

    /// Reads a range, or all of it, into memory; gives the head of the answer, too.
    pub(super) async fn read_whole(
        &self,
        range: Option<Range>,
        hashings: &mut [Hashing],
    ) -> Result<(ObjectHead, Bytes), End> {
        let size = range.map_or(self.head.size, |(first, last)| last + 1 - first);
        let too_large = |_| self.broken(incomplete("the part is larger than memory"));
        let mut bytes = BytesMut::with_capacity(usize::try_from(size).map_err(too_large)?);
        let take = |piece: &[u8]| {
            hashings.iter_mut().for_each(|hashing| hashing.update(piece));
            bytes.extend_from_slice(piece);
        };
        let head = self.read(range, take).await?;
        Ok((head, bytes.freeze()))
    }

    /// Asks for a range, or for all; so many bytes must come.
    async fn get(&self, range: Option<Range>, size: u64) -> Result<GotObject, End> {
        let context = self.context;
        let request = GetObject {
            at: self.at.clone(),
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

pub(super) fn source_differs(difference: String) -> End {
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
    reject(SOURCE_CHANGED, None, "another writer wrote the source while it was read; what was read was thrown away")
}
