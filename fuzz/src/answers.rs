//! Answers of object stores. The first byte chooses the call, the second the status, the rest is
//! headers up to an empty line, and a body. The client never panics and reports no success that the
//! answer does not prove.

use brigade_model::ports::object_store::{
    Answer, At, Call, CompleteMultipartUpload, CopyObject, DeleteObjects, DeleteResult, GetObjectAcl, GetObjectTagging,
    HeadObject, ListObjectsV2, ListParts, UploadPartCopy,
};
use brigade_model::{BucketName, ETag, ObjectKey, Timestamp};
use brigade_s3::http::prove;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response};

const STATUSES: [u16; 12] = [200, 204, 206, 301, 307, 400, 403, 404, 409, 412, 500, 503];

pub(crate) fn check(bytes: &[u8]) {
    let calls = calls();
    let (call, rest) = super::choose(bytes, calls.len());
    let (status, rest) = super::choose(rest, STATUSES.len());
    let call = &calls[call];
    match prove(call, answer(STATUSES[status], rest), Timestamp::UNIX_EPOCH) {
        Ok(answer) => {
            assert!(STATUSES[status] < 300, "a refusal became a success");
            check_proof(call, &answer);
        }
        Err(error) => assert!(error.http_status.is_some(), "the status is forgotten"),
    }
}

/// A success of a copy has an ETag; a multi-object delete has a result for each object.
fn check_proof(call: &Call, answer: &Answer) {
    match (call, answer) {
        (_, Answer::CopyObject(done) | Answer::CompleteMultipartUpload(done)) => {
            assert!(!done.etag.unquoted().is_empty(), "a copy without an ETag");
        }
        (_, Answer::UploadPartCopy(etag)) => assert!(!etag.unquoted().is_empty(), "a part without an ETag"),
        (Call::DeleteObjects(asked), Answer::DeleteObjects(results)) => {
            assert_eq!(results.len(), asked.objects.len());
            let known = results.iter().filter(|result| !matches!(result, DeleteResult::Unnamed));
            assert!(known.count() <= asked.objects.len());
        }
        _ => {}
    }
}

fn answer(status: u16, bytes: &[u8]) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status.try_into().expect("the table holds statuses");
    let mut rest = bytes;
    while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..end], &rest[end + 1..]);
        rest = after;
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { break };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            response.headers_mut().append(name, value);
        }
    }
    *response.body_mut() = Bytes::copy_from_slice(rest);
    response
}

fn calls() -> [Call; 9] {
    let bucket = BucketName::new("b").expect("a bucket's name");
    let key = |text| ObjectKey::new(text).expect("a key");
    let at = || At { bucket: bucket.clone(), key: key("k") };
    let upload_id = || "u".to_owned();
    [
        Call::CopyObject(CopyObject::plain(at(), at())),
        Call::DeleteObjects(DeleteObjects {
            bucket: bucket.clone(),
            objects: vec![(key("a"), None), (key("b"), None), (key("a&b"), None)],
        }),
        Call::HeadObject(HeadObject { at: at(), version: None }),
        Call::GetObjectTagging(GetObjectTagging { at: at(), version: None }),
        Call::GetObjectAcl(GetObjectAcl { at: at(), version: None }),
        Call::ListObjectsV2(ListObjectsV2 {
            bucket: bucket.clone(),
            prefix: String::new(),
            continuation_token: None,
            max_keys: 9,
        }),
        Call::UploadPartCopy(UploadPartCopy {
            source: at(),
            source_version: None,
            range: (0, 9),
            source_if_match: None,
            target: at(),
            upload_id: upload_id(),
            part: 1,
        }),
        Call::CompleteMultipartUpload(CompleteMultipartUpload::new(
            at(),
            upload_id(),
            vec![(1, ETag::new("e").expect("an ETag"))],
        )),
        Call::ListParts(ListParts { at: at(), upload_id: upload_id() }),
    ]
}
