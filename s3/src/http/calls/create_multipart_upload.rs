//! CreateMultipartUpload: begins an upload in parts; its answer is the upload's id.

use brigade_model::ports::object_store::{CallError, CreateMultipartUpload};
use http::Method;

use crate::http::request::{RequestDraft, refuse};
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};

pub(crate) fn encode(request: &CreateMultipartUpload) -> Result<RequestDraft, CallError> {
    if request.with.checksum_sha256.is_some() {
        return Err(refuse("an upload in parts has no checksum of the whole"));
    }
    RequestDraft::of_object(Method::POST, &request.at).ask("uploads", "").new_object(&request.with)
}

pub(crate) fn decode(_: &CreateMultipartUpload, reply: StoreResponse) -> Result<String, InvalidResponse> {
    // rclone names the same result differently.
    let result = reply
        .document("InitiateMultipartUploadResult")
        .or_else(|invalid| reply.document("InitiateMultipartUpload").map_err(|_| invalid))?;
    let id = result.text_of("UploadId").filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| invalid_response("the answer has no UploadId"))
}
