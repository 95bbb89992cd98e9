//! GetObject: an object's bytes, or a range of them.

use brigade_model::ports::object_store::{CallError, GetObject, GotObject};
use http::{Method, StatusCode};

use crate::http::request::{CHECKSUM_MODE, RequestDraft};
use crate::http::response::{InvalidResponse, StoreResponse, invalid_response};
use crate::verdict::RANGE_IGNORED;

pub(crate) fn encode(request: &GetObject) -> Result<RequestDraft, CallError> {
    let range = request.range.map(|(first, last)| format!("bytes={first}-{last}"));
    RequestDraft::of_object(Method::GET, &request.at)
        .ask_version(request.version.as_ref())
        .head(CHECKSUM_MODE, "ENABLED")?
        .head_if("range", range.as_deref())?
        .head_etag("if-match", request.if_match.as_ref())
}

pub(crate) fn decode(request: &GetObject, mut reply: StoreResponse) -> Result<Box<GotObject>, InvalidResponse> {
    let stream = reply.stream.take().ok_or_else(|| invalid_response("the answer has no body"))?;
    let length = stream.length().ok_or_else(|| invalid_response("the answer does not say how many bytes it has"))?;
    if let Some(range) = request.range {
        check_range(range, length, &reply)?;
    }
    let mut head = reply.object_head(length);
    if request.range.is_some() {
        // Of the whole or of this part of it: servers differ.
        head.checksums.clear();
    }
    Ok(Box::new(GotObject { head, body: stream }))
}

/// Some servers give another range. The end of the object may shorten it.
fn check_range((first, last): (u64, u64), length: u64, reply: &StoreResponse) -> Result<(), InvalidResponse> {
    let wanted = last.saturating_sub(first).saturating_add(1);
    let given = reply.header("content-range").unwrap_or_default();
    if reply.status == StatusCode::OK && given.is_empty() {
        return check_whole(first, wanted, length);
    }
    let begins = given.starts_with(&format!("bytes {first}-"));
    if !begins || length > wanted {
        return Err(invalid_response(format!("the answer is the range {given:?}, not bytes {first}-{last}")));
    }
    Ok(())
}

/// Some servers ignore a range and give the whole object. That is the range if it begins where the
/// object does and is no shorter; else the same answer would come again and again.
fn check_whole(first: u64, wanted: u64, length: u64) -> Result<(), InvalidResponse> {
    if first == 0 && length <= wanted {
        return Ok(());
    }
    let message = format!("the store ignores Range: it gives all {length} bytes, not {wanted} from byte {first} on");
    Err(InvalidResponse { code: Some(RANGE_IGNORED.to_owned()), ..invalid_response(message) })
}
