//! CompleteMultipartUpload: makes the object of its parts. The server sends the status before the
//! work is done, so only a whole result with an ETag counts.

use brigade_model::ports::object_store::{CallError, CompleteMultipartUpload, CopyDone};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse, etag};
use crate::xml::Writer;

pub(crate) fn encode(request: &CompleteMultipartUpload) -> Result<RequestDraft, CallError> {
    let mut document = Writer::new("CompleteMultipartUpload");
    for (number, etag) in &request.parts {
        document.within("Part", "", |part| {
            part.element("ETag", etag.as_str());
            part.element("PartNumber", &number.to_string());
        });
    }
    let draft = RequestDraft::of_object(Method::POST, &request.at).ask("uploadId", &request.upload_id);
    Ok(draft.over(request.if_match.as_ref(), request.if_none_match)?.xml(document))
}

pub(crate) fn decode(_: &CompleteMultipartUpload, reply: StoreResponse) -> Result<CopyDone, InvalidResponse> {
    // moto 5 names the same result differently.
    let result = reply
        .document("CompleteMultipartUploadResult")
        .or_else(|invalid| reply.document("CompleteMultipartUploadResponse").map_err(|_| invalid))?;
    Ok(CopyDone { etag: etag(result.text_of("ETag"))?, modified: None, version: reply.version() })
}
