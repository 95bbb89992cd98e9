//! Multipart uploads.

use std::collections::BTreeMap;
use std::sync::Arc;

use brigade_model::limits::PARTS_MAX;
use brigade_model::names::ETag;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CallKind, CompleteMultipartUpload, CopyDone, CreateMultipartUpload, ListParts,
    ListedPart, PartDone, UploadPart, UploadPartCopy,
};

use super::Body;
use super::listing::PAGE_MAX;
use super::object::{Attributes, Digest, Object};
use super::refusal::{self, Refusal};
use super::transaction::BucketTransaction;

/// An open upload.
#[derive(Debug)]
pub(super) struct Upload {
    pub(super) at: At,
    pub(super) begun_s: i64,
    attributes: Arc<Attributes>,
    pub(super) parts: BTreeMap<u32, Part>,
}

/// An upload that was completed.
#[derive(Debug)]
pub(super) struct Completed {
    upload: Upload,
    completed_s: i64,
    done: CopyDone,
}

#[derive(Debug)]
pub(super) struct Part {
    pub(super) body: Body,
    pub(super) digest: Digest,
    pub(super) modified_s: i64,
}

impl BucketTransaction<'_> {
    pub(super) fn create_multipart_upload(&mut self, request: CreateMultipartUpload) -> Result<String, Refusal> {
        self.state.bucket_of(&request.at.bucket, &request.at.key)?;
        self.check_lock(&request.at, request.with.lock.as_deref())?;
        let attributes = Arc::new(Attributes::new(*request.with)?);
        let mut id = [0; 16];
        self.entropy.fill(&mut id);
        let id = hex::encode(id);
        let upload = Upload { at: request.at, begun_s: self.now_s, attributes, parts: BTreeMap::new() };
        self.state.uploads.insert(id.clone(), upload);
        Ok(id)
    }

    pub(super) fn upload_part(&mut self, request: UploadPart, digest: Digest) -> Result<PartDone, Refusal> {
        let sse = self.upload(&request.at, &request.upload_id)?.attributes.sse.clone();
        let etag = self.store_part(&request.at, &request.upload_id, request.part, Body::from(request.body), digest)?;
        Ok(PartDone { etag, sse })
    }

    pub(super) fn upload_part_copy(&mut self, request: UploadPartCopy) -> Result<ETag, Refusal> {
        self.upload(&request.target, &request.upload_id)?;
        let source =
            self.copy_source(&request.source, request.source_version.as_ref(), request.source_if_match.as_ref())?;
        let ((first, last), size) = (request.range, source.body.size());
        let part = source.body.slice(first, last).filter(|_| last < size).ok_or_else(|| {
            let message = format!("Range specified is not valid for source object of size: {size}");
            refusal::INVALID_ARGUMENT.saying(message)
        })?;
        let digest = Digest::of(&part);
        self.store_part(&request.target, &request.upload_id, request.part, part, digest)
    }

    fn store_part(&mut self, at: &At, id: &str, number: u32, body: Body, digest: Digest) -> Result<ETag, Refusal> {
        self.upload(at, id)?;
        if !(1..=PARTS_MAX).contains(&number) {
            let message = "Part number must be an integer between 1 and 10000, inclusive";
            return Err(refusal::INVALID_ARGUMENT.saying(message));
        }
        if body.size() > self.config.copy_bytes_max {
            return Err(refusal::ENTITY_TOO_LARGE);
        }
        let part = Part { body, digest, modified_s: self.now_s };
        if let Some(upload) = self.state.uploads.get_mut(id) {
            upload.parts.insert(number, part);
        }
        Ok(digest.etag())
    }

    pub(super) fn complete_multipart_upload(&mut self, request: CompleteMultipartUpload) -> Result<CopyDone, Refusal> {
        if let Some(done) = self.completed_before(&request) {
            return Ok(done);
        }
        let upload = self.upload(&request.at, &request.upload_id)?;
        self.check_over(&request.at, request.if_match.as_ref(), request.if_none_match)?;
        let parts = named_parts(upload, &request.parts)?;
        let (_, all_but_last) = parts.split_last().ok_or(refusal::MALFORMED_XML)?;
        if all_but_last.iter().any(|part| part.body.size() < self.config.part_bytes_min) {
            return Err(refusal::ENTITY_TOO_SMALL);
        }
        let object = Object {
            body: Body::join(parts.iter().map(|part| &part.body)),
            digest: self.digest_of_parts(&parts),
            attributes: upload.attributes.clone(),
            part_sizes: parts.iter().map(|part| part.body.size()).collect(),
        };
        let modified_s = self.conduct.date_of_parts(upload.begun_s, self.now_s);
        let done = self.store_object_of(CallKind::CompleteMultipartUpload, request.at, object, modified_s)?;
        let is_remembered = self.conduct.repeats_complete() || self.conduct.oldest_listed_s(self.now_s).is_some();
        if let Some(upload) = self.state.uploads.remove(&request.upload_id).filter(|_| is_remembered) {
            let completed = Completed { upload, completed_s: self.now_s, done: done.clone() };
            self.state.completed.insert(request.upload_id, completed);
        }
        Ok(done)
    }

    pub(super) fn list_parts(&mut self, request: ListParts) -> Result<Vec<ListedPart>, Refusal> {
        let completed = || self.completed_and_listed().find(|(id, _)| **id == request.upload_id);
        let upload = self.upload(&request.at, &request.upload_id);
        let upload = upload.or_else(|gone| completed().map(|(_, upload)| upload).ok_or(gone))?;
        let parts = upload.parts.iter().take(PAGE_MAX as usize);
        let listed =
            parts.map(|(number, part)| ListedPart { part: *number, etag: part.digest.etag(), size: part.body.size() });
        Ok(listed.collect())
    }

    /// What a Complete of the same upload did before, where the store remembers it.
    fn completed_before(&self, request: &CompleteMultipartUpload) -> Option<CopyDone> {
        let completed = self.state.completed.get(&request.upload_id).filter(|_| self.conduct.repeats_complete());
        completed.filter(|completed| completed.upload.at == request.at).map(|completed| completed.done.clone())
    }

    /// Uploads that are listed though they were completed.
    pub(super) fn completed_and_listed(&self) -> impl Iterator<Item = (&String, &Upload)> {
        let oldest_s = self.conduct.oldest_listed_s(self.now_s);
        let listed = self.state.completed.iter();
        listed
            .filter(move |(_, completed)| oldest_s.is_some_and(|oldest_s| completed.completed_s >= oldest_s))
            .map(|(id, completed)| (id, &completed.upload))
    }

    fn digest_of_parts(&self, parts: &[&Part]) -> Digest {
        let digests: Vec<Digest> = parts.iter().map(|part| part.digest).collect();
        let md5 = self.conduct.digest_of_parts(&digests, self.entropy);
        Digest { md5, parts: u32::try_from(parts.len()).unwrap_or(PARTS_MAX) }
    }

    pub(super) fn abort_multipart_upload(&mut self, request: AbortMultipartUpload) -> Result<(), Refusal> {
        self.upload(&request.at, &request.upload_id)?;
        self.state.uploads.remove(&request.upload_id);
        Ok(())
    }

    fn upload(&self, at: &At, id: &str) -> Result<&Upload, Refusal> {
        self.state.bucket_of(&at.bucket, &at.key)?;
        self.state.uploads.get(id).filter(|upload| upload.at == *at).ok_or(refusal::NO_SUCH_UPLOAD)
    }
}

/// The parts that a completion names, in its order.
fn named_parts<'a>(upload: &'a Upload, named: &[(u32, ETag)]) -> Result<Vec<&'a Part>, Refusal> {
    if named.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err(refusal::INVALID_PART_ORDER);
    }
    let found = named.iter().map(|(number, etag)| {
        let part = upload.parts.get(number).filter(|part| part.digest.etag().matches(etag));
        part.ok_or(refusal::INVALID_PART)
    });
    found.collect()
}
