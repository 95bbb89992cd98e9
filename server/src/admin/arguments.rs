//! What a handler of the operator's API takes: who asks, the name in the path, the body and what every body
//! that creates a job has.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use brigade_model::JobId;
use brigade_model::limits::{CLIENT_REQUEST_TOKEN_BYTES_MAX, DESCRIPTION_BYTES_MAX};
use brigade_service::{Caller, ServiceError};
use brigade_wire::parse_query;
use http::request::Parts;
use serde::de::DeserializeOwned;

use super::answer::JsonRefusal;
use super::errors;
use crate::refusal::ErrorAnswer;

/// Who asks.
#[derive(Clone)]
pub(super) struct AdminCaller(pub(super) Caller);

impl<S: Sync> FromRequestParts<S> for AdminCaller {
    type Rejection = JsonRefusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, JsonRefusal> {
        // `attend` put it there, for every action.
        parts.extensions.get().cloned().ok_or_else(|| errors::internal_error().into())
    }
}

/// The name in the path: of a job, of an endpoint. It may name nothing.
pub(super) struct PathName(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for PathName {
    type Rejection = JsonRefusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, JsonRefusal> {
        let unreadable = |_| errors::invalid_request("the path is not UTF-8");
        let parameters = RawPathParams::from_request_parts(parts, state).await.map_err(unreadable)?;
        let name = parameters.iter().next().map(|(_, value)| value.to_owned());
        name.map(Self).ok_or_else(|| errors::internal_error().into())
    }
}

/// The parameters of the query, decoded; only an action whose description names some may have any.
pub(super) struct QueryParameters(pub(super) Vec<(String, String)>);

impl<S: Sync> FromRequestParts<S> for QueryParameters {
    type Rejection = JsonRefusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, JsonRefusal> {
        Ok(Self(parse_query(parts.uri.query().unwrap_or_default())))
    }
}

/// The job of that name; one that has not the form of an id names none.
pub(super) fn job_id(name: &str) -> Result<JobId, ServiceError> {
    name.parse().map_err(|_| ServiceError::NoSuchJob)
}

/// The body: a JSON document with known fields only.
pub(super) struct JsonBody<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = JsonRefusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, JsonRefusal> {
        let unreadable = |_| errors::invalid_request("the body is cut off");
        let body = Bytes::from_request(request, state).await.map_err(unreadable)?;
        // A list of values in the fields' order is no document of ours.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(errors::malformed_json("it is no object").into());
        }
        Ok(serde_json::from_slice(&body).map(Self).map_err(errors::malformed_json)?)
    }
}

/// What a request says of the job that it creates out of another's tasks, within its bounds.
pub(super) fn check_new_job(
    token: Option<&str>,
    description: Option<&str>,
    priority: Option<i32>,
) -> Result<(), ErrorAnswer> {
    let texts = [
        ("client_request_token", token, CLIENT_REQUEST_TOKEN_BYTES_MAX),
        ("description", description, DESCRIPTION_BYTES_MAX),
    ];
    for (name, text, bytes_max) in texts {
        if text.is_some_and(|text| text.len() > bytes_max) {
            return Err(errors::invalid(name, format_args!("must be {bytes_max} bytes at most")));
        }
    }
    if token.is_some_and(str::is_empty) {
        return Err(errors::invalid("client_request_token", "must not be empty"));
    }
    match priority.is_some_and(|priority| priority < 0) {
        true => Err(errors::invalid("priority", "must not be below 0")),
        false => Ok(()),
    }
}
