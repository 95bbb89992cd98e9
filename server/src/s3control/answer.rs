//! Answers of the dialect, in XML, with the headers that each of them carries.

use axum::body::Body;
use axum::response::Response;
use brigade_wire::cos::ids;
use brigade_wire::s3control::{S3ControlError, encode_error, headers};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::refusal::{ErrorAnswer, Ids, Refusal};

/// 200 with a document.
pub(super) fn document(body: Vec<u8>, ids: &Ids) -> Response {
    respond(200, body, ids)
}

/// The dialect's error.
pub(super) fn refuse(refusal: Refusal, ids: &Ids) -> Response {
    let ErrorAnswer { code, status, message } = refusal.told;
    respond(status, encode_error(&S3ControlError { code, status, message }, &ids.request), ids)
}

fn respond(status: u16, body: Vec<u8>, ids: &Ids) -> Response {
    let value = |text: &str| HeaderValue::from_str(text).expect("ids are base64");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let given = response.headers_mut();
    given.insert(headers::REQUEST_ID, value(&ids.request));
    given.insert(headers::ID_2, value(&ids::trace_id(&ids.trace)));
    given.insert(CONTENT_TYPE, HeaderValue::from_static(headers::CONTENT_TYPE));
    response
}
