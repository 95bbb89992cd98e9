//! GetBucketRequestPayment: who pays for the requests to a bucket.

use brigade_model::ports::object_store::{CallError, GetBucketRequestPayment};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &GetBucketRequestPayment) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_bucket(Method::GET, &request.bucket).ask("requestPayment", ""))
}

/// A store that does not know the parameter lists the bucket, which says nothing of a payer and is no failure of
/// the store.
pub(crate) fn decode(_: &GetBucketRequestPayment, reply: StoreResponse) -> Result<Option<String>, InvalidResponse> {
    let configuration = reply.document("RequestPaymentConfiguration").ok();
    Ok(configuration.as_ref().and_then(|configuration| configuration.text_of("Payer")).map(str::to_owned))
}
