//! Uploads an object of a report: a small one in one request, a larger one in parts.
//!
//! The job store records an upload in parts before its first part, so that the next owner of the
//! stage aborts it and begins the file anew; its bytes are the same.

use brigade_model::limits::PART_BYTES_MIN;
use brigade_model::ports::job_store::{OpenUpload, UploadScope, UploadsOf};
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CompleteMultipartUpload, CreateMultipartUpload, Effect, HeadObject, UploadPart, Verdict,
};
use brigade_model::{ETag, ObjectKey};
use bytes::Bytes;
use md5::{Digest, Md5};

use crate::byte_budget::Room;
use crate::pace::{PACE_BYTES, Pace};
use crate::report::WriteReport;
use crate::report::destination::{Destination, new_object};
use crate::stage_error::StageError;

/// A part goes out when it has so many bytes: above the least that stores take, and small
/// enough to be held. A file of a million rows is some hundred parts of 10,000.
const PART_BYTES: usize = 8 * 1024 * 1024;
const _: () = assert!(PART_BYTES as u64 >= PART_BYTES_MIN);
/// What a part is held in: the last row may go beyond. A buffer that grew by doubling would take
/// three times a part.
const BUFFER_BYTES: usize = PART_BYTES + 64 * 1024;

const CONTENT_TYPE: &str = "text/csv";

/// An object that is being uploaded.
pub(super) struct Upload<'a> {
    what: WriteReport<'a>,
    to: &'a Destination<'a>,
    at: At,
    /// Bytes of the next part.
    pub(super) buffer: Vec<u8>,
    md5: Md5,
    size: u64,
    parts: Option<Parts>,
    /// For the buffer.
    _room: Room,
}

struct Parts {
    upload_id: String,
    etags: Vec<(u32, ETag)>,
}

/// What was written.
pub(super) struct Written {
    /// MD5 of all bytes, in hex.
    pub(super) md5: String,
    /// The upload to forget once the file is recorded.
    pub(super) upload_id: Option<String>,
}

impl<'a> Upload<'a> {
    /// An empty object, once there is room for its parts, which are held one at a time.
    pub(super) async fn begin(
        what: WriteReport<'a>,
        to: &'a Destination<'a>,
        key: ObjectKey,
    ) -> Result<Self, StageError> {
        let room = what.bytes.take(what.job.id, BUFFER_BYTES as u64, what.cancel).await.ok_or(StageError::Stopped)?;
        Ok(Self {
            what,
            to,
            at: to.at(key),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            md5: Md5::new(),
            size: 0,
            parts: None,
            _room: room,
        })
    }

    /// Sends a part when the buffer holds one.
    pub(super) async fn send_full_part(&mut self) -> Result<(), StageError> {
        if self.buffer.len() >= PART_BYTES { self.send_part().await } else { Ok(()) }
    }

    /// Makes the object of what was put into the buffer since the beginning.
    pub(super) async fn finish(mut self) -> Result<Written, StageError> {
        if self.parts.is_none() {
            // The callee may keep the bytes.
            self.buffer.shrink_to_fit();
            let body = self.take_buffer().await;
            self.to.put(self.at.key.clone(), body, CONTENT_TYPE).await?;
        } else {
            if !self.buffer.is_empty() {
                self.send_part().await?;
            }
            self.complete().await?;
        }
        let md5 = hex::encode(self.md5.finalize());
        Ok(Written { md5, upload_id: self.parts.map(|parts| parts.upload_id) })
    }

    async fn send_part(&mut self) -> Result<(), StageError> {
        let mut parts = match self.parts.take() {
            Some(parts) => parts,
            None => self.begin_parts().await?,
        };
        let part = u32::try_from(parts.etags.len() + 1).unwrap_or(u32::MAX);
        let upload_id = parts.upload_id.clone();
        let body = self.take_buffer().await;
        let request = UploadPart { at: self.at.clone(), upload_id, part, body: body.clone() };
        let done = self.to.send(request).await.map_err(|error| self.to.stage_error(&error))?;
        // The next part reuses the buffer: this was its last reference.
        self.buffer = body.into();
        self.buffer.clear();
        parts.etags.push((part, done.etag));
        self.parts = Some(parts);
        Ok(())
    }

    async fn begin_parts(&self) -> Result<Parts, StageError> {
        let request = CreateMultipartUpload { at: self.at.clone(), with: Box::new(new_object(CONTENT_TYPE)) };
        let upload_id = self.to.send(request).await.map_err(|error| self.to.stage_error(&error))?;
        let At { bucket, key } = self.at.clone();
        let upload = OpenUpload { bucket, key, upload_id: upload_id.clone(), completing: None };
        let lease = self.what.lease;
        self.what.jobs.record_upload(lease.job, &UploadScope::Stage { fence: lease.fence }, &upload).await?;
        Ok(Parts { upload_id, etags: Vec::new() })
    }

    async fn complete(&self) -> Result<(), StageError> {
        let Some(Parts { upload_id, etags }) = &self.parts else { return Ok(()) };
        let (at, upload_id, parts) = (self.at.clone(), upload_id.clone(), etags.clone());
        match self.to.send(CompleteMultipartUpload::new(at, upload_id, parts)).await {
            Ok(_) => Ok(()),
            Err(error) if error.effect == Effect::Unknown && self.is_there().await? => Ok(()),
            Err(error) => Err(self.to.stage_error(&error)),
        }
    }

    /// Whether the object has the size and, where the store tells, the parts that were sent.
    async fn is_there(&self) -> Result<bool, StageError> {
        let sent = self.parts.as_ref().map_or(0, |parts| parts.etags.len());
        match self.to.send(HeadObject { at: self.at.clone(), version: None }).await {
            Ok(head) => Ok(head.size == self.size && head.parts.is_none_or(|parts| parts as usize == sent)),
            Err(error) if error.verdict == Verdict::Missing => Ok(false),
            Err(error) => Err(self.to.stage_error(&error)),
        }
    }

    async fn take_buffer(&mut self) -> Bytes {
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let mut pace = Pace::default();
        for piece in bytes.chunks(PACE_BYTES) {
            self.md5.update(piece);
            pace.work(piece.len()).await;
        }
        self.size += bytes.len() as u64;
        bytes
    }
}

/// Aborts what an earlier owner of the stage left open.
pub(super) async fn abort_open(what: WriteReport<'_>, to: &Destination<'_>) -> Result<(), StageError> {
    for OpenUpload { bucket, key, upload_id, .. } in what.jobs.uploads(what.job.id, UploadsOf::Report).await? {
        let at = At { bucket, key };
        match to.send(AbortMultipartUpload { at, upload_id: upload_id.clone() }).await {
            // It was completed, or aborted, and then not forgotten.
            Err(error) if error.verdict == Verdict::Missing => {}
            Err(error) => return Err(to.stage_error(&error)),
            Ok(()) => {}
        }
        what.jobs.forget_upload(what.job.id, &upload_id).await?;
    }
    Ok(())
}
