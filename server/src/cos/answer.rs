//! Answers of the dialect, in XML, with the headers that each of them carries.

use axum::body::Body;
use axum::response::Response;
use brigade_wire::cos::{CosError, encode_error, headers, ids};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, SERVER};

use crate::refusal::{ErrorAnswer, Ids, Refusal};

/// A success.
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    body: Option<Vec<u8>>,
}

impl Answer {
    /// 200 with a document.
    pub(super) fn document(body: Vec<u8>) -> Self {
        Self { status: 200, body: Some(body) }
    }

    /// A status without a body.
    pub(super) fn empty(status: u16) -> Self {
        Self { status, body: None }
    }

    pub(super) fn respond(self, ids: &Ids) -> Response {
        respond(self.status, self.body, ids)
    }
}

/// The dialect's error.
pub(super) fn refuse(refusal: Refusal, ids: &Ids, resource: &str) -> Response {
    let trace = ids::trace_id(&ids.trace);
    let ErrorAnswer { code, status, message } = refusal.told;
    let body = encode_error(&CosError { code, status, message }, resource, &ids.request, &trace);
    let mut response = respond(status, Some(body), ids);
    response.headers_mut().insert(headers::TRACE_ID, value(&trace));
    response
}

fn respond(status: u16, body: Option<Vec<u8>>, ids: &Ids) -> Response {
    let has_body = body.is_some();
    let mut response = Response::new(body.map_or_else(Body::empty, Body::from));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or(http::StatusCode::INTERNAL_SERVER_ERROR);
    let given = response.headers_mut();
    given.insert(SERVER, HeaderValue::from_static(headers::SERVER));
    given.insert(headers::REQUEST_ID, value(&ids.request));
    if has_body {
        given.insert(CONTENT_TYPE, HeaderValue::from_static(headers::CONTENT_TYPE));
    }
    response
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("ids are base64")
}
