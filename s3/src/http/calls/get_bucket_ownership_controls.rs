//! GetBucketOwnershipControls: whether the objects of a bucket have ACLs.

use brigade_model::ports::object_store::{CallError, GetBucketOwnershipControls};
use http::Method;

use crate::http::request::RequestDraft;
use crate::http::response::{InvalidResponse, StoreResponse};

pub(crate) fn encode(request: &GetBucketOwnershipControls) -> Result<RequestDraft, CallError> {
    Ok(RequestDraft::of_bucket(Method::GET, &request.bucket).ask("ownershipControls", ""))
}

/// A store that does not know the parameter lists the bucket, which says nothing of ownership and is no
/// failure of the store.
pub(crate) fn decode(_: &GetBucketOwnershipControls, reply: StoreResponse) -> Result<Option<String>, InvalidResponse> {
    let controls = reply.document("OwnershipControls").ok();
    let rule = controls.as_ref().and_then(|controls| controls.child("Rule"));
    Ok(rule.and_then(|rule| rule.text_of("ObjectOwnership")).map(str::to_owned))
}
