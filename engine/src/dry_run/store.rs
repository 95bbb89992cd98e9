//! The object store of a dry run: it passes reads on, answers every call that would change
//! something, and counts both.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use brigade_model::ports::function::{FunctionAnswer, Invocation, Invoker, NotAnswered};
use brigade_model::ports::object_store::{
    Acl, Answer, At, ByteStream, Call, CallError, CancelToken, CopyDone, DeleteResult, Deleted, Encryption, GetObject,
    GotObject, Metadata, NewAcl, NewObject, ObjectHead, PartDone, PutDone, RestoreDone, TagSet,
};
use brigade_model::ports::{Function, ObjectStore};
use brigade_model::{ETag, Outcome};
use bytes::Bytes;
use md5::{Digest as _, Md5};
use serde_json::json;

use super::Requests;
use crate::operation::{SliceContext, TaskEnd};

/// One unit of work (a task, or a group of deletes) that is run dry.
pub(crate) struct DryRun {
    /// The slice context to run it in.
    pub(crate) slice_context: SliceContext,
    notes: Arc<Mutex<Notes>>,
}

/// What the store of a dry run remembers.
#[derive(Default)]
struct Notes {
    requests: Requests,
    /// Sizes of objects whose head was read.
    sizes: HashMap<At, u64>,
    /// Objects that would be there by now.
    written: HashSet<At>,
    /// Objects of which a restore would be under way.
    restored: HashSet<At>,
    /// What objects would have been given: endpoints that are not known to keep it are asked.
    heads: HashMap<At, ObjectHead>,
    tags: HashMap<At, TagSet>,
    acls: HashMap<At, Acl>,
}

impl DryRun {
    /// A slice context like that one, in which nothing is changed.
    pub(crate) fn at(slice_context: &SliceContext) -> Self {
        let notes: Arc<Mutex<Notes>> = Arc::default();
        let mut slice_context = slice_context.clone();
        slice_context.is_dry_run = true;
        // What a dry run's completion answers tells nothing of the endpoint.
        slice_context.target.multipart_etag = Arc::default();
        slice_context.function =
            slice_context.function.map(|function| Function { invoker: Arc::new(DryRunFunction), ..function });
        let is_one_store = Arc::ptr_eq(&slice_context.source.store, &slice_context.target.store);
        slice_context.source.store = Arc::new(DryRunStore { inner: slice_context.source.store, notes: notes.clone() });
        slice_context.target.store = match is_one_store {
            true => slice_context.source.store.clone(),
            false => Arc::new(DryRunStore { inner: slice_context.target.store, notes: notes.clone() }),
        };
        Self { slice_context, notes }
    }

    /// Marks the outcomes of the unit's tasks with what they would send. What a group sends
    /// together stands at its first task.
    pub(crate) fn mark(&self, runs: Vec<TaskEnd>) -> Vec<TaskEnd> {
        let together = Outcome::SucceededWith { message: "deleted in one request with others".to_owned() };
        let is_group = runs.len() > 1;
        let mut requests = lock(&self.notes).requests.clone();
        let mut mark = |run| match run {
            TaskEnd::Done(Outcome::Succeeded) if is_group => {
                TaskEnd::Done(std::mem::take(&mut requests).mark(together.clone()))
            }
            TaskEnd::Done(outcome) | TaskEnd::SharedFailure(outcome, _) => {
                TaskEnd::Done(std::mem::take(&mut requests).mark(outcome))
            }
            // Nothing was done, so there is nothing in doubt.
            TaskEnd::NotAttempted | TaskEnd::NotYet | TaskEnd::UnknownEffect | TaskEnd::CutShort(_) => {
                TaskEnd::NotAttempted
            }
        };
        runs.into_iter().map(&mut mark).collect()
    }
}

fn lock(notes: &Mutex<Notes>) -> MutexGuard<'_, Notes> {
    notes.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The function of a dry run: it is not called.
struct DryRunFunction;

#[async_trait]
impl Invoker for DryRunFunction {
    async fn invoke(&self, invocation: Invocation) -> Result<FunctionAnswer, NotAnswered> {
        let said = "an invocation would be attempted";
        let result = json!({"taskId": invocation.task, "resultCode": "Succeeded", "resultString": said});
        let body = json!({"results": [result]}).to_string().into();
        Ok(FunctionAnswer { http_status: 200, retry_after_seconds: None, body })
    }
}

struct DryRunStore {
    inner: Arc<dyn ObjectStore>,
    notes: Arc<Mutex<Notes>>,
}

#[async_trait]
impl ObjectStore for DryRunStore {
    async fn call(&self, cancel: &CancelToken, call: Call) -> Result<Answer, CallError> {
        let head_of = match &call {
            Call::HeadObject(request) => Some(request.at.clone()),
            _ => None,
        };
        if let Some(answer) = lock(&self.notes).answer(&call) {
            return Ok(answer);
        }
        let mut answer = self.inner.call(cancel, call).await?;
        if let (Some(at), Answer::HeadObject(head)) = (head_of, &mut answer) {
            lock(&self.notes).sizes.insert(at, head.size);
            // Of bytes that are never read there is nothing to prove.
            head.etag = None;
            head.checksums.clear();
            head.metadata.content_encoding = None;
        }
        Ok(answer)
    }
}

impl Notes {
    /// Notes a call and answers it; `None` of one that is made: a read of what a store knows
    /// about an object.
    fn answer(&mut self, call: &Call) -> Option<Answer> {
        self.requests.add(call.kind());
        self.keep(call);
        self.answer_read(call).or_else(|| answer_write(call))
    }

    /// Keeps what would be there after the call.
    fn keep(&mut self, call: &Call) {
        match call {
            Call::CopyObject(request) => {
                self.written.insert(request.target.clone());
                let metadata = request.metadata.as_deref().cloned().unwrap_or_default();
                self.keep_head(&request.target, metadata, request.storage_class.clone(), request.sse.as_ref());
                self.tags.extend(request.tags.clone().map(|tags| (request.target.clone(), tags)));
            }
            Call::PutObject(request) => {
                self.written.insert(request.at.clone());
                self.keep_new(&request.at, &request.with);
            }
            Call::CompleteMultipartUpload(request) => drop(self.written.insert(request.at.clone())),
            Call::CreateMultipartUpload(request) => self.keep_new(&request.at, &request.with),
            Call::PutObjectTagging(request) => drop(self.tags.insert(request.at.clone(), request.tags.clone())),
            Call::DeleteObjectTagging(request) => drop(self.tags.insert(request.at.clone(), Vec::new())),
            Call::PutObjectAcl(request) => {
                if let NewAcl::Grants(acl) = &request.acl {
                    self.acls.insert(request.at.clone(), acl.clone());
                }
            }
            Call::RestoreObject(request) => drop(self.restored.insert(request.at.clone())),
            _ => {}
        }
    }

    fn keep_new(&mut self, at: &At, with: &NewObject) {
        self.keep_head(at, with.metadata.clone(), with.storage_class.clone(), with.sse.as_ref());
        self.tags.insert(at.clone(), with.tags.clone());
    }

    fn keep_head(&mut self, at: &At, metadata: Metadata, storage_class: Option<String>, sse: Option<&Encryption>) {
        let sse_key = sse.and_then(Encryption::key_service).and_then(|service| service.key.clone());
        let sse = sse.map(|sse| sse.name().to_owned());
        self.heads.insert(at.clone(), ObjectHead { metadata, storage_class, sse, sse_key, ..ObjectHead::default() });
    }

    /// The bytes of an object, and whatever is asked of one that would be there by now.
    fn answer_read(&self, call: &Call) -> Option<Answer> {
        match call {
            // Its first byte is asked for only to learn what a HEAD that found nothing did not tell.
            Call::GetObject(GetObject { range: Some((0, 0)), .. }) => None,
            Call::GetObject(request) => Some(Answer::GetObject(Box::new(self.zeros(request)))),
            Call::HeadObject(request) => self.head(&request.at).map(|head| Answer::HeadObject(Box::new(head))),
            Call::GetObjectTagging(request) => {
                let tags = self.tags.get(&request.at).cloned();
                tags.or_else(|| self.written.get(&request.at).map(|_| Vec::new())).map(Answer::GetObjectTagging)
            }
            Call::GetObjectAcl(request) => {
                let acl = self.acls.get(&request.at).cloned();
                acl.or_else(|| self.written.get(&request.at).map(|_| Acl::default())).map(Answer::GetObjectAcl)
            }
            _ => None,
        }
    }

    /// The head of an object that would be another by now.
    fn head(&self, at: &At) -> Option<ObjectHead> {
        let (written, restored) = (self.written.get(at), self.restored.get(at));
        (written.is_some() || restored.is_some()).then(|| ObjectHead {
            restore: restored.map(|_| r#"ongoing-request="true""#.to_owned()),
            ..self.heads.get(at).cloned().unwrap_or_default()
        })
    }

    /// As many zeros as the object, or the range of it, has bytes.
    fn zeros(&self, request: &GetObject) -> GotObject {
        let size = match request.range {
            Some((first, last)) => last.saturating_sub(first) + 1,
            None => self.sizes.get(&request.at).copied().unwrap_or(0),
        };
        GotObject { head: ObjectHead { size, ..ObjectHead::default() }, body: Box::new(Zeros(size)) }
    }
}

/// The answer of a call that would change something; `None` of a read.
fn answer_write(call: &Call) -> Option<Answer> {
    let done = || CopyDone { etag: etag(), modified: None, version: None };
    Some(match call {
        Call::HeadObject(_)
        | Call::GetObject(_)
        | Call::GetObjectTagging(_)
        | Call::GetObjectAcl(_)
        | Call::ListObjectsV2(_)
        | Call::ListObjectVersions(_)
        | Call::ListMultipartUploads(_)
        | Call::ListParts(_)
        | Call::GetObjectAttributes(_)
        | Call::HeadPart(_)
        | Call::GetBucketOwnershipControls(_)
        | Call::GetBucketRequestPayment(_) => return None,
        Call::PutObject(put) => Answer::PutObject(PutDone { etag: md5(&put.body), version: None, sse: None }),
        Call::CopyObject(_) => Answer::CopyObject(done()),
        Call::DeleteObject(_) => Answer::DeleteObject(Deleted::default()),
        Call::DeleteObjects(request) => {
            let deleted = |_| DeleteResult::Deleted(Deleted::default());
            Answer::DeleteObjects(request.objects.iter().map(deleted).collect())
        }
        Call::PutObjectTagging(_) => Answer::PutObjectTagging(()),
        Call::DeleteObjectTagging(_) => Answer::DeleteObjectTagging(()),
        Call::PutObjectAcl(_) => Answer::PutObjectAcl(()),
        Call::RestoreObject(_) => Answer::RestoreObject(RestoreDone { was_restored: false }),
        Call::CreateMultipartUpload(_) => Answer::CreateMultipartUpload("dry-run".to_owned()),
        Call::UploadPart(part) => Answer::UploadPart(PartDone { etag: md5(&part.body), sse: None }),
        Call::UploadPartCopy(_) => Answer::UploadPartCopy(etag()),
        Call::CompleteMultipartUpload(_) => Answer::CompleteMultipartUpload(done()),
        Call::AbortMultipartUpload(_) => Answer::AbortMultipartUpload(()),
        Call::PutObjectLegalHold(_) => Answer::PutObjectLegalHold(()),
        Call::UpdateObjectEncryption(_) => Answer::UpdateObjectEncryption(()),
        Call::PutObjectRetention(_) => Answer::PutObjectRetention(()),
    })
}

/// An ETag of what does not exist.
fn etag() -> ETag {
    ETag::new("dry-run").expect("an ETag may be any short text")
}

/// The ETag that a store gives those bytes.
fn md5(bytes: &[u8]) -> ETag {
    ETag::new(hex::encode(Md5::digest(bytes))).expect("hexadecimal digits are an ETag")
}

/// So many zeros.
struct Zeros(u64);

#[async_trait]
impl ByteStream for Zeros {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let length = usize::try_from(self.0).unwrap_or(usize::MAX).min(ZEROS.len());
        self.0 -= length as u64;
        (length > 0).then(|| Ok(Bytes::from_static(&ZEROS[..length])))
    }
}
