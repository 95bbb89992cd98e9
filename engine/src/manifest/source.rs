//! Reads an object in ranges, pinned by its ETag and version: the bytes of a manifest.
//!
//! Ranges, not one long answer: an attempt must end within its lease, a slow preparation must
//! not hold a connection open, and after a broken answer reading goes on where it stopped.
//! Each range asks for the same ETag (If-Match), and each answer's ETag is compared besides,
//! since some servers ignore the condition; so all bytes are those of one object.

use brigade_model::ports::object_store::{
    At, ByteStream, CallError, Effect, GetObject, HeadObject, Leash, Verdict, send,
};
use brigade_model::{ETag, ManifestLocation};
use bytes::Bytes;

use crate::manifest::{ManifestProblem, ReadManifestError};
use crate::places::Place;

/// Bytes of one range. At 50 bytes a row some 170,000 rows: a tenth of a second's parsing for
/// one request.
pub const RANGE_BYTES: u64 = 8 * 1024 * 1024;

/// Broken answers in a row, none of which brought a byte, before reading is given up for now.
/// `retry` stands below and has waited already when a call fails.
const BROKEN_ANSWERS_MAX: u32 = 3;

/// The bytes of a manifest.
pub struct ManifestSource<'a> {
    place: &'a Place,
    leash: &'a Leash,
    location: &'a ManifestLocation,
    at: At,
    /// The ETag in the store's own spelling.
    pin: ETag,
    size: u64,
    offset: u64,
    /// The answer being read and how many of its bytes are still to come.
    answer: Option<(Box<dyn ByteStream>, u64)>,
    broken_answers: u32,
}

impl<'a> ManifestSource<'a> {
    /// Looks at the object: it must be there, be allowed, and have the ETag.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn open(
        place: &'a Place,
        location: &'a ManifestLocation,
        leash: &'a Leash,
    ) -> Result<Self, ReadManifestError> {
        let in_place = |problem| error_at(location, problem);
        let resolved = place.buckets.resolve(&location.object.bucket);
        let bucket = resolved.ok_or_else(|| in_place(ManifestProblem::NotAllowed))?;
        let at = At { bucket, key: location.object.key.clone() };
        let request = HeadObject { at: at.clone(), version: location.version.clone() };
        let head = send(&*place.store, leash, request).await;
        let head = head.map_err(|error| in_place(ManifestProblem::of_call(error, &location.etag)))?;
        let pin = check_etag(&location.etag, head.etag).map_err(in_place)?;
        Ok(Self { place, leash, location, at, pin, size: head.size, offset: 0, answer: None, broken_answers: 0 })
    }

    /// The next bytes; `None` at the end of the object.
    ///
    /// # Errors
    /// [`ReadManifestError`].
    pub async fn next(&mut self) -> Result<Option<Bytes>, ReadManifestError> {
        while self.offset < self.size {
            let (mut body, to_come) = match self.answer.take() {
                Some(answer) => answer,
                None => self.ask().await.map_err(|problem| error_at(self.location, problem))?,
            };
            match body.next().await {
                Some(Ok(bytes)) if bytes.len() as u64 <= to_come => {
                    self.offset += bytes.len() as u64;
                    self.answer = Some((body, to_come - bytes.len() as u64)).filter(|(_, to_come)| *to_come > 0);
                    if !bytes.is_empty() {
                        self.broken_answers = 0;
                        return Ok(Some(bytes));
                    }
                }
                Some(Ok(_)) => self.count_broken(broken("the answer is longer than the range"))?,
                Some(Err(error)) => self.count_broken(error)?,
                None => self.count_broken(broken("the answer is shorter than the range"))?,
            }
        }
        Ok(None)
    }

    async fn ask(&mut self) -> Result<(Box<dyn ByteStream>, u64), ManifestProblem> {
        let last = (self.offset + RANGE_BYTES).min(self.size) - 1;
        let request = GetObject {
            at: self.at.clone(),
            version: self.location.version.clone(),
            range: Some((self.offset, last)),
            if_match: Some(self.pin.clone()),
        };
        let got = send(&*self.place.store, self.leash, request).await;
        let got = got.map_err(|error| ManifestProblem::of_call(error, &self.location.etag))?;
        check_etag(&self.location.etag, got.head.etag)?;
        Ok((got.body, last - self.offset + 1))
    }

    /// A broken answer: the next one goes on behind the last good byte.
    fn count_broken(&mut self, error: CallError) -> Result<(), ReadManifestError> {
        self.broken_answers += 1;
        if error.verdict == Verdict::Stopped || self.broken_answers >= BROKEN_ANSWERS_MAX {
            return Err(error_at(self.location, ManifestProblem::of_call(error, &self.location.etag)));
        }
        Ok(())
    }
}

fn error_at(location: &ManifestLocation, problem: ManifestProblem) -> ReadManifestError {
    ReadManifestError { bucket: location.object.bucket.clone(), key: location.object.key.clone(), problem }
}

fn broken(what: &str) -> CallError {
    CallError::new(Verdict::Transient, Effect::None, "IncompleteBody", what)
}

/// The ETag that was found, if it is the wanted one. An answer that names none cannot prove
/// that it is the object that is meant.
fn check_etag(wanted: &ETag, found: Option<ETag>) -> Result<ETag, ManifestProblem> {
    match found {
        Some(found) if found.matches(wanted) => Ok(found),
        found => Err(ManifestProblem::Changed {
            wanted: wanted.clone(),
            found: found.as_ref().map_or("none at all", ETag::unquoted).to_owned(),
        }),
    }
}

#[cfg(test)]
mod tests;
