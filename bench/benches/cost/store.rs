//! An object store that holds a manifest and accepts every other call.

use async_trait::async_trait;
use brigade_model::ETag;
use brigade_model::ports::object_store::{
    Answer, Call, CallError, CancelToken, CopyDone, DeleteResult, Deleted, GotObject, ListPage, ObjectHead,
    ObjectStore, PartDone, PutDone,
};
use tokio::sync::{mpsc, oneshot};

use crate::manifests::Manifest;

/// When answers come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    /// Before the caller has waited.
    AtOnce,
    /// One after the other, each by itself, as from a network: every answer wakes its caller.
    Singly,
}

/// Of everything.
pub(crate) fn etag() -> ETag {
    ETag::new("\"5d41402abc4b2a76b9719d911017c592\"").unwrap()
}

pub(crate) struct YesStore {
    manifest: Manifest,
    etag: ETag,
    waiting: Option<mpsc::UnboundedSender<oneshot::Sender<()>>>,
}

impl YesStore {
    pub(crate) fn new(manifest: Manifest, answers: Answers) -> Self {
        let waiting = (answers == Answers::Singly).then(|| {
            let (waiting, mut callers) = mpsc::unbounded_channel::<oneshot::Sender<()>>();
            tokio::spawn(async move {
                while let Some(caller) = callers.recv().await {
                    let _ = caller.send(());
                    tokio::task::yield_now().await;
                }
            });
            waiting
        });
        Self { manifest, etag: etag(), waiting }
    }

    fn head(&self, size: u64) -> ObjectHead {
        ObjectHead { size, etag: Some(self.etag.clone()), ..ObjectHead::default() }
    }

    fn copy_done(&self) -> CopyDone {
        CopyDone { etag: self.etag.clone(), modified: None, version: None }
    }
}

#[async_trait]
impl ObjectStore for YesStore {
    async fn call(&self, _: &CancelToken, call: Call) -> Result<Answer, CallError> {
        if let Some(waiting) = &self.waiting {
            let (answer, answered) = oneshot::channel();
            waiting.send(answer).unwrap();
            answered.await.unwrap();
        }
        Ok(match call {
            Call::HeadObject(request) => Answer::HeadObject(Box::new(self.head(self.manifest.size(&request.at.key)))),
            Call::GetObject(request) => {
                let (first, last) = request.range.unwrap();
                let body = self.manifest.read(&request.at.key, first, last + 1);
                Answer::GetObject(Box::new(GotObject { head: self.head(last + 1 - first), body }))
            }
            Call::CopyObject(_) => Answer::CopyObject(self.copy_done()),
            Call::PutObjectTagging(_) => Answer::PutObjectTagging(()),
            Call::DeleteObject(_) => Answer::DeleteObject(Deleted::default()),
            Call::DeleteObjects(request) => {
                let deleted = |_: &_| DeleteResult::Deleted(Deleted::default());
                Answer::DeleteObjects(request.objects.iter().map(deleted).collect())
            }
            Call::PutObject(_) => Answer::PutObject(PutDone { etag: self.etag.clone(), version: None, sse: None }),
            Call::CreateMultipartUpload(_) => Answer::CreateMultipartUpload("upload".to_owned()),
            Call::UploadPart(_) => Answer::UploadPart(PartDone { etag: self.etag.clone(), sse: None }),
            Call::CompleteMultipartUpload(_) => Answer::CompleteMultipartUpload(self.copy_done()),
            Call::AbortMultipartUpload(_) => Answer::AbortMultipartUpload(()),
            Call::ListObjectsV2(_) => Answer::ListObjectsV2(ListPage::default()),
            Call::ListMultipartUploads(_) => Answer::ListMultipartUploads(Vec::new()),
            other => panic!("{:?} is not asked for here", other.kind()),
        })
    }
}
