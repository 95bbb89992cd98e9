//! Trials of copies in parts.

use brigade_model::ETag;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CompleteMultipartUpload, CreateMultipartUpload, GetObject, UploadPartCopy, Verdict,
};

use super::trial::{End, Trial, lacking, wrong_etag};

/// Cut off at both ends, so that a range that is ignored is seen.
const CUT_OFF: usize = 3;

/// An upload whose only part is copied, in vain or not.
struct Assembly {
    source: At,
    target: At,
    upload_id: String,
    last: usize,
}

impl Assembly {
    async fn begin(trial: &Trial<'_>, bytes: &[u8]) -> Result<Self, End> {
        let (source, target) = (trial.at("large"), trial.at("assembled"));
        trial.put(&source, bytes.to_vec()).await?;
        let upload_id = trial.call(CreateMultipartUpload { at: target.clone(), with: Box::default() }).await?;
        Ok(Self { source, target, upload_id, last: bytes.len() - 1 - CUT_OFF })
    }

    fn part(&self, source_if_match: Option<ETag>) -> UploadPartCopy {
        UploadPartCopy {
            source: self.source.clone(),
            source_version: None,
            range: (CUT_OFF as u64, self.last as u64),
            source_if_match,
            target: self.target.clone(),
            upload_id: self.upload_id.clone(),
            part: 1,
        }
    }

    /// Whether it succeeded is seen by the object: Ceph 16.2 answers without its ETag.
    async fn complete(&self, trial: &Trial<'_>) -> Result<(), End> {
        let part = trial.call(self.part(None)).await?;
        let (at, upload_id) = (self.target.clone(), self.upload_id.clone());
        let completion = CompleteMultipartUpload::new(at, upload_id, vec![(1, part)]);
        match trial.call_anyway(completion).await? {
            Some(error) if !trial.is_there(&self.target).await? => Err(error.into()),
            _ => Ok(()),
        }
    }

    async fn abort(self, trial: &Trial<'_>) -> Result<(), End> {
        trial.call_anyway(AbortMultipartUpload { at: self.target, upload_id: self.upload_id }).await?;
        Ok(())
    }
}

fn large(trial: &Trial<'_>) -> Vec<u8> {
    (0..trial.large_bytes).map(|n| (n % 251) as u8).collect()
}

pub(super) async fn are_copied_by_range(trial: &Trial<'_>) -> Result<(), End> {
    let bytes = large(trial);
    let assembly = Assembly::begin(trial, &bytes).await?;
    if let Err(end) = assembly.complete(trial).await {
        assembly.abort(trial).await?;
        return Err(end);
    }
    let got = trial.read(GetObject { at: assembly.target.clone(), version: None, range: None, if_match: None }).await?;
    if got == bytes[CUT_OFF..=assembly.last] {
        Ok(())
    } else if got == bytes {
        lacking("the range was ignored")
    } else {
        lacking("other bytes were copied than the range names")
    }
}

/// Where there are no uploads there is no copy of a part to be stopped.
pub(super) async fn are_stopped_by_a_condition(trial: &Trial<'_>) -> Result<(), End> {
    let assembly = match Assembly::begin(trial, &large(trial)).await {
        Ok(assembly) => assembly,
        Err(End::Lacking(_)) => return Ok(()),
        Err(end) => return Err(end),
    };
    let copied = trial.call(assembly.part(Some(wrong_etag()))).await;
    assembly.abort(trial).await?;
    match copied {
        Ok(_) => lacking("a part was copied although the source has another ETag"),
        Err(error) if error.verdict == Verdict::Precondition => Ok(()),
        Err(error) => Err(error.into()),
    }
}
