//! Reads an object in ranges, pinned by its ETag and version: the bytes of a manifest.
//!
//! Ranges, not one long answer: an attempt must end within its lease, a slow preparation must
//! not hold a connection open, and after a broken answer reading goes on where it stopped.
//! Each range asks for the same ETag (If-Match), and each answer's ETag is compared besides,
//! since some servers ignore the condition; so all bytes are those of one object.

use brigade_model::ports::object_store::{At, ByteStream, CallError, CancelToken, GetObject, HeadObject, send};
use brigade_model::{ETag, VersionId};
use bytes::Bytes;

use crate::manifest::{Located, ManifestProblem, ReadManifestError};
use crate::places::Place;
use crate::ranged::{Pinned, Range, Ranged};

/// Bytes of one range. At 50 bytes a row some 170,000 rows: a tenth of a second's parsing for
/// one request.
pub const RANGE_BYTES: u64 = 8 * 1024 * 1024;

/// Which bytes are meant.
#[derive(Debug, Clone)]
pub struct Pin {
    /// The version, when one is meant.
    pub version: Option<VersionId>,
    /// The ETag that they must have; without one, those count that are found first.
    pub etag: Option<ETag>,
}

/// An object that was looked at and whose bytes are pinned since.
#[derive(Clone)]
pub struct PinnedObject<'a> {
    place: &'a Place,
    cancel: &'a CancelToken,
    located: Located,
    pin: Pin,
    at: At,
    /// The ETag in the store's own spelling.
    etag: ETag,
    /// How long it is, in bytes.
    pub size: u64,
}

impl<'a> PinnedObject<'a> {
    /// Looks at the object: it must be there, be allowed, and have the ETag.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn open(
        place: &'a Place,
        cancel: &'a CancelToken,
        located: Located,
        pin: Pin,
    ) -> Result<Self, ReadManifestError> {
        let resolved = place.buckets.resolve(&located.bucket);
        let bucket = resolved.ok_or_else(|| located.error(ManifestProblem::NotAllowed))?;
        let at = At { bucket, key: located.key.clone() };
        let request = HeadObject { at: at.clone(), version: pin.version.clone() };
        let head = send(&*place.store, cancel, request).await;
        let head = head.map_err(|error| located.error(ManifestProblem::of_call(error, pin.etag.as_ref())))?;
        let etag = check_etag(pin.etag.as_ref(), head.etag).map_err(|problem| located.error(problem))?;
        Ok(Self { place, cancel, located, pin, at, etag, size: head.size })
    }

    /// What it is and where it lies, as the job says it.
    #[must_use]
    pub fn located(&self) -> &Located {
        &self.located
    }

    /// The ETag of its bytes, in the store's own spelling.
    #[must_use]
    pub fn etag(&self) -> &ETag {
        &self.etag
    }

    /// Its bytes from `from` on, `to` not included.
    #[must_use]
    pub fn read(self, from: u64, to: u64) -> Source<'a> {
        Source { bytes: Ranged::new(from, to.min(self.size), RANGE_BYTES), object: self }
    }

    /// All its bytes.
    #[must_use]
    pub fn read_all(self) -> Source<'a> {
        self.read(0, u64::MAX)
    }

    fn error(&self, problem: ManifestProblem) -> ReadManifestError {
        self.located.error(problem)
    }
}

impl Pinned for PinnedObject<'_> {
    type Error = ReadManifestError;

    async fn ask(&self, range: Range) -> Result<Box<dyn ByteStream>, ReadManifestError> {
        let Self { place, cancel, pin, at, etag, .. } = self;
        let request = GetObject {
            at: at.clone(),
            version: pin.version.clone(),
            range: Some(range),
            if_match: Some(etag.clone()),
        };
        let got = send(&*place.store, cancel, request).await.map_err(|error| self.broken(error))?;
        match (&pin.etag, &got.head.etag) {
            (None, Some(found)) if !found.matches(etag) => return Err(self.error(ManifestProblem::ChangedMeanwhile)),
            (wanted, _) => check_etag(wanted.as_ref(), got.head.etag).map_err(|problem| self.error(problem))?,
        };
        Ok(got.body)
    }

    fn broken(&self, error: CallError) -> ReadManifestError {
        self.error(ManifestProblem::of_call(error, self.pin.etag.as_ref()))
    }
}

/// Bytes of an object, in order.
pub struct Source<'a> {
    object: PinnedObject<'a>,
    bytes: Ranged,
}

impl Source<'_> {
    /// What it is and where it lies, as the job says it.
    #[must_use]
    pub fn located(&self) -> &Located {
        &self.object.located
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, ReadManifestError> {
        self.bytes.next(&self.object).await
    }
}

/// The ETag that was found, if it is the wanted one. An answer that names none cannot prove
/// that it is the object that is meant.
fn check_etag(wanted: Option<&ETag>, found: Option<ETag>) -> Result<ETag, ManifestProblem> {
    match (wanted, found) {
        (None, None) => Err(ManifestProblem::Refused("the store gives no ETag".to_owned())),
        (None, Some(found)) => Ok(found),
        (Some(wanted), Some(found)) if found.matches(wanted) => Ok(found),
        (Some(wanted), found) => Err(ManifestProblem::Changed {
            wanted: wanted.clone(),
            found: found.as_ref().map_or("none at all", ETag::unquoted).to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
