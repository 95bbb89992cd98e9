//! Turns what was seen of a failed call into its error: the verdict table decides, the store's own
//! words stay. No secret gets in: an error shows neither requests nor their headers.

use brigade_model::Timestamp;
use brigade_model::ports::object_store::CallError;
use http::StatusCode;

use super::response::{InvalidResponse, StoreResponse, http_date};
use crate::verdict::Seen;
use crate::xml;

pub(super) mod unanswered;

use unanswered::error_of;
pub(crate) use unanswered::{lost, no_credentials, not_connected, timed_out};

/// What an error tells of the answer that it came with.
pub(crate) struct ResponseOrigin {
    status: u16,
    request_id: Option<String>,
}

impl ResponseOrigin {
    pub(crate) fn of(reply: &StoreResponse) -> Self {
        Self { status: reply.status.as_u16(), request_id: request_id(reply) }
    }
}

/// An answer with a success's status that does not prove success.
pub(crate) fn unproven(origin: ResponseOrigin, invalid: InvalidResponse) -> CallError {
    let seen = match (&invalid.code, invalid.is_empty) {
        (None, true) => Seen::Empty,
        (code, _) => Seen::Unproven { code: code.as_deref() },
    };
    let error = error_of(seen, invalid.message);
    CallError { http_status: Some(origin.status), request_id: origin.request_id, ..error }
}

/// An answer that says no. `learn` is told the region that it names for the signature, and says whether
/// the next request will be signed otherwise.
pub(crate) fn refused(reply: &StoreResponse, now: Timestamp, learn: impl FnOnce(&str) -> bool) -> CallError {
    let status = reply.status.as_u16();
    let document = xml::read(&reply.body, reply.elements_max).ok().filter(|document| document.name == "Error");
    let text_of = |name| document.as_ref().and_then(|document| document.text_of(name)).filter(|text| !text.is_empty());
    let code = text_of("Code").or_else(|| hidden_by_marker(reply));
    let is_about_region = match (status, code) {
        (301, _) | (_, Some("AuthorizationHeaderMalformed")) => true,
        // To a HEAD, whose error has no document.
        (400, None) => true,
        _ => false,
    };
    let is_taught = is_about_region && region(reply, text_of).is_some_and(|region| learn(&region));
    let seen = if is_taught { Seen::Taught { status, code } } else { Seen::Refused { status, code } };
    let said = text_of("Message").or(reply.status.canonical_reason()).unwrap_or("no reason given");
    let message = if reply.status.is_redirection() { redirection(reply, said, text_of) } else { said.to_owned() };
    CallError {
        http_status: Some(status),
        request_id: request_id(reply).or_else(|| text_of("RequestId").map(str::to_owned)),
        retry_after_seconds: reply.header("retry-after").and_then(|text| retry_after_seconds(&text, now)),
        ..error_of(seen, message)
    }
}

/// The code for a key that a delete marker hides, where the answer has no document: any server may send
/// a bare 404 to a HEAD, while this one comes from the bucket itself.
fn hidden_by_marker(reply: &StoreResponse) -> Option<&'static str> {
    let is_marker = reply.header("x-amz-delete-marker").is_some_and(|value| value == "true");
    (is_marker && reply.status == StatusCode::NOT_FOUND).then_some("NoSuchKey")
}

/// Where the server says that the bucket is.
fn region<'a>(reply: &StoreResponse, text_of: impl Fn(&'static str) -> Option<&'a str>) -> Option<String> {
    reply.header("x-amz-bucket-region").or_else(|| text_of("Region").map(str::to_owned))
}

/// A redirection is never followed: it would carry the request, signed, to another host. The
/// message names where the bucket is, so that the configuration can be put right.
fn redirection<'a>(reply: &StoreResponse, said: &str, text_of: impl Fn(&'static str) -> Option<&'a str>) -> String {
    let mut message = said.to_owned();
    let places = [
        ("region", region(reply, &text_of)),
        ("endpoint", text_of("Endpoint").map(str::to_owned).or_else(|| reply.header("location"))),
    ];
    for (what, place) in places {
        if let Some(place) = place {
            message.push_str(&format!("; the bucket's {what} is {place}"));
        }
    }
    message
}

pub(crate) fn request_id(reply: &StoreResponse) -> Option<String> {
    ["x-amz-request-id", "x-cos-request-id"].into_iter().find_map(|name| reply.header(name))
}

/// Seconds, or a date. Source: RFC 9110, section 10.2.3.
fn retry_after_seconds(text: &str, now: Timestamp) -> Option<u32> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(seconds);
    }
    let wait = http_date(text)?.duration_since(now);
    Some(u32::try_from(wait.as_secs().max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use brigade_model::ports::object_store::{Effect, Verdict};
    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn reply(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> StoreResponse {
        let headers = headers.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value)));
        StoreResponse {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.collect::<HeaderMap>(),
            body: Bytes::from_static(body.as_bytes()),
            elements_max: 9,
            stream: None,
        }
    }

    const NOW: Timestamp = Timestamp::constant(1_445_412_480, 0);

    #[test]
    fn a_refusal_keeps_the_store_s_code_words_and_request_id() {
        let body = "<?xml version=\"1.0\"?><Error><Code>SlowDown</Code><Message>Reduce your rate</Message>\
                    <RequestId>in-body</RequestId></Error>";
        let error = refused(&reply(503, &[("retry-after", "7")], body), NOW, |_| false);
        assert_eq!((error.verdict, error.effect), (Verdict::Throttled, Effect::None));
        assert_eq!((error.code.as_str(), error.message.as_str()), ("SlowDown", "Reduce your rate"));
        assert_eq!(error.request_id.as_deref(), Some("in-body"));
        assert_eq!(error.retry_after_seconds, Some(7));
        let error = refused(&reply(503, &[("x-cos-request-id", "in-header")], body), NOW, |_| false);
        assert_eq!(error.request_id.as_deref(), Some("in-header"));
    }

    #[test]
    fn a_refusal_without_a_document_has_a_code_of_its_status() {
        let error = refused(&reply(404, &[], ""), NOW, |_| false);
        assert_eq!((error.verdict, error.code.as_str()), (Verdict::Missing, "NotFound"));
        let error = refused(&reply(502, &[], "<html>Bad gateway</html>"), NOW, |_| false);
        assert_eq!(
            (error.verdict, error.effect, error.code.as_str()),
            (Verdict::Transient, Effect::Unknown, "BadGateway")
        );
    }

    #[test]
    fn a_redirection_names_the_right_place() {
        let body = "<Error><Code>PermanentRedirect</Code><Message>Use the right endpoint</Message>\
                    <Endpoint>b.s3.eu-west-1.example.com</Endpoint></Error>";
        let error = refused(&reply(301, &[("x-amz-bucket-region", "eu-west-1")], body), NOW, |_| false);
        assert_eq!(error.verdict, Verdict::Invalid);
        assert_eq!(
            error.message,
            "Use the right endpoint; the bucket's region is eu-west-1; \
             the bucket's endpoint is b.s3.eu-west-1.example.com"
        );
    }

    #[test]
    fn a_store_may_ask_to_wait_in_seconds_or_until_a_date() {
        assert_eq!(retry_after_seconds("Wed, 21 Oct 2015 07:28:30 GMT", NOW), Some(30));
        assert_eq!(retry_after_seconds("Wed, 21 Oct 2015 07:27:00 GMT", NOW), Some(0));
        assert_eq!(retry_after_seconds("soon", NOW), None);
    }
}
