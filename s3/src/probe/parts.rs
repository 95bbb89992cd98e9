//! Trials of objects in parts, and of copies in parts.

use brigade_model::ETag;
use brigade_model::ports::object_store::{
    AbortMultipartUpload, At, CompleteMultipartUpload, CreateMultipartUpload, GetObject, HeadPart, PartHead,
    UploadPart, UploadPartCopy, Verdict,
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

    async fn complete(&self, trial: &Trial<'_>) -> Result<(), End> {
        let part = trial.call(self.part(None)).await?;
        complete(trial, &self.target, &self.upload_id, vec![(1, part)]).await
    }

    async fn abort(self, trial: &Trial<'_>) -> Result<(), End> {
        trial.call_anyway(AbortMultipartUpload { at: self.target, upload_id: self.upload_id }).await?;
        Ok(())
    }
}

/// Whether it succeeded is seen by the object: Ceph 16.2 answers without its ETag.
async fn complete(trial: &Trial<'_>, at: &At, upload_id: &str, parts: Vec<(u32, ETag)>) -> Result<(), End> {
    let completion = CompleteMultipartUpload::new(at.clone(), upload_id.to_owned(), parts);
    match trial.call_anyway(completion).await? {
        Some(error) if !trial.is_there(at).await? => Err(error.into()),
        _ => Ok(()),
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

/// Two parts, since of an object that has one the part and the whole are the same.
pub(super) async fn are_told_one_by_one(trial: &Trial<'_>) -> Result<(), End> {
    let (at, bodies) = (trial.at("in parts"), [large(trial), b"end".to_vec()]);
    let upload_id = trial.call(CreateMultipartUpload { at: at.clone(), with: Box::default() }).await?;
    if let Err(end) = assemble(trial, &at, &upload_id, &bodies).await {
        trial.call_anyway(AbortMultipartUpload { at, upload_id }).await?;
        return Err(end);
    }
    for (part, body) in (1..).zip(&bodies) {
        let told = trial.call(HeadPart { at: at.clone(), version: None, part }).await?;
        match told {
            PartHead { size, parts: Some(2) } if size == body.len() as u64 => {}
            PartHead { parts: None, .. } => return lacking("the number of a part is ignored"),
            _ => return lacking("another size is told than the part has"),
        }
    }
    Ok(())
}

async fn assemble(trial: &Trial<'_>, at: &At, upload_id: &str, bodies: &[Vec<u8>]) -> Result<(), End> {
    let mut parts = Vec::with_capacity(bodies.len());
    for (part, body) in (1..).zip(bodies) {
        let body = body.clone().into();
        let request = UploadPart { at: at.clone(), upload_id: upload_id.to_owned(), part, body };
        parts.push((part, trial.call(request).await?.etag));
    }
    complete(trial, at, upload_id, parts).await
}
