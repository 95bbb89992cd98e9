//! Answers and refusals, with the headers that each of them carries.

use std::error::Error;

use axum::body::Body;
use axum::response::Response;
use brigade_model::ports::{Clock, Entropy};
use brigade_wire::cos::{CosError, encode_error, headers, ids};
use http::HeaderValue;
use http::header::{CONTENT_TYPE, SERVER};

/// The names of one request.
pub(super) struct Ids {
    /// `x-cos-request-id`, in every answer.
    pub(super) request: String,
    /// Of `x-cos-trace-id`, which only the answers of errors have.
    trace: [u8; 36],
}

impl Ids {
    pub(super) fn new(clock: &dyn Clock, entropy: &dyn Entropy) -> Self {
        let (mut request, mut trace) = ([0; 10], [0; 36]);
        entropy.fill(&mut request);
        entropy.fill(&mut trace);
        Self { request: ids::request_id(clock.now().as_second(), &request), trace }
    }
}

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

/// What the client is told, in the words of its face.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorAnswer {
    /// For programs.
    pub(super) code: &'static str,
    /// The HTTP status.
    pub(super) status: u16,
    /// For people.
    pub(super) message: String,
}

impl From<CosError> for ErrorAnswer {
    fn from(CosError { code, status, message }: CosError) -> Self {
        Self { code, status, message }
    }
}

/// What the client is told, and what the log is told.
#[derive(Debug)]
pub(super) struct Refusal {
    /// For the client.
    pub(super) told: ErrorAnswer,
    because: Option<Box<dyn Error + Send + Sync>>,
}

impl<T: Into<ErrorAnswer>> From<T> for Refusal {
    fn from(told: T) -> Self {
        Self { told: told.into(), because: None }
    }
}

impl Refusal {
    /// A refusal whose cause is not for the client.
    pub(super) fn because(told: impl Into<ErrorAnswer>, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { told: told.into(), because: Some(cause.into()) }
    }

    /// Logs one line: an error where the service failed, a remark where the client did. The message may
    /// hold words of the client, so it is a field of its own: the log quotes it, and a line end in it
    /// begins no line.
    pub(super) fn log(&self, peer: &str) {
        let ErrorAnswer { code, status, message: told } = &self.told;
        let cause = self.because.as_deref().map(chain).unwrap_or_default();
        if *status >= 500 {
            tracing::error!(status, code, told, cause, peer, "request failed");
        } else {
            tracing::info!(status, code, told, cause, peer, "request refused");
        }
    }

    pub(super) fn respond(self, ids: &Ids, resource: &str) -> Response {
        let trace = ids::trace_id(&ids.trace);
        let ErrorAnswer { code, status, message } = self.told;
        let body = encode_error(&CosError { code, status, message }, resource, &ids.request, &trace);
        let mut response = respond(status, Some(body), ids);
        response.headers_mut().insert(headers::TRACE_ID, value(&trace));
        response
    }
}

/// An error and all that it came from.
fn chain(error: &(dyn Error + Send + Sync + 'static)) -> String {
    anyhow::Chain::new(error).map(ToString::to_string).collect::<Vec<_>>().join(": ")
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
