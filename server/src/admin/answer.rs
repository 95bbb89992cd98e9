//! Answers of the operator's API: documents and refusals, in JSON, with the request's id.

use std::sync::Arc;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use brigade_service::ServiceError;
use brigade_wire::admin::Refused;
use brigade_wire::cos::headers;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use super::errors;
use crate::refusal::{ErrorAnswer, Ids, Refusal};

/// A success with its document.
pub(super) struct Done<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Done<T> {
    fn into_response(self) -> Response {
        match serde_json::to_string(&self.0) {
            Ok(text) => json(text),
            Err(error) => JsonRefusal::from(Refusal::because(errors::cannot_format(), error)).into_response(),
        }
    }
}

/// A refusal on its way out of a handler. The answer is written by who knows the request's id.
#[derive(Clone)]
pub(super) struct JsonRefusal(Arc<Refusal>);

impl From<Refusal> for JsonRefusal {
    fn from(refusal: Refusal) -> Self {
        Self(Arc::new(refusal))
    }
}

impl From<ErrorAnswer> for JsonRefusal {
    fn from(told: ErrorAnswer) -> Self {
        Self::from(Refusal::from(told))
    }
}

impl From<ServiceError> for JsonRefusal {
    fn from(error: ServiceError) -> Self {
        Self::from(errors::refusal(error))
    }
}

impl IntoResponse for JsonRefusal {
    fn into_response(self) -> Response {
        let mut response = StatusCode::INTERNAL_SERVER_ERROR.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// What a handler's response means: itself, or the refusal that it carries.
pub(super) fn done(mut response: Response) -> Result<Response, Refusal> {
    match response.extensions_mut().remove::<JsonRefusal>().map(|kept| Arc::try_unwrap(kept.0)) {
        None => Ok(response),
        Some(Ok(refusal)) => Err(refusal),
        Some(Err(shared)) => Err(shared.told.clone().into()),
    }
}

/// 200 with a document.
pub(super) fn json(text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

pub(super) fn refuse(refusal: &Refusal, ids: &Ids) -> Response {
    let ErrorAnswer { code, status, message } = refusal.told.clone();
    let refused = Refused { code: code.to_owned(), message, request_id: ids.request.clone() };
    let text = serde_json::to_string(&refused).expect("three texts are always JSON");
    let mut response = json(text);
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    named(response, ids)
}

/// The answer with the request's id.
pub(super) fn named(mut response: Response, ids: &Ids) -> Response {
    let id = HeaderValue::from_str(&ids.request).expect("ids are base64");
    response.headers_mut().insert(headers::REQUEST_ID, id);
    response
}
