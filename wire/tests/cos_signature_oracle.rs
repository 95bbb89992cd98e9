//! Our signatures against those of an independent signer, over many random requests.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use brigade_model::Timestamp;
use brigade_wire::cos_signature::{RequestParts, SignatureError, Strictness, parse, sign, verify};
use brigade_wire::encode_query;
use http::request::Parts;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use reqsign_core::{Context, SignRequest as _};
use reqsign_tencent_cos::{Credential, RequestSigner};

const KEY_ID: &str = "AKIDexampleexampleexample00000000001";
const SECRET: &str = "exampleSecretKey000000000000000001";

/// A request as any client may send it; `names` are the parameters' names.
fn requests(names: &'static str) -> impl Strategy<Value = Parts> {
    let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]);
    let path = prop::collection::vec("[^\\p{Cc}]{0,12}", 0..4);
    let query = prop::collection::vec((names, "\\PC{0,12}"), 0..6);
    let headers = prop::collection::vec(("x-cos-[a-c]{1,2}", "[!-~]([ -~]{0,10}[!-~])?"), 0..5);
    let host = prop::sample::select(vec!["example.com", "127.0.0.1:8080", "[::1]:9000"]);
    (method, path, query, headers, host).prop_map(|(method, path, query, headers, host)| {
        let segments: Vec<_> = path.iter().map(|s| utf8_percent_encode(s, NON_ALPHANUMERIC).to_string()).collect();
        let query = encode_query(&query);
        let mark = if query.is_empty() { "" } else { "?" };
        let uri = format!("http://{host}/{}{mark}{query}", segments.join("/"));
        let mut request = http::Request::builder().method(method).uri(uri).header("host", host);
        request = request.header("x-cos-appid", "1250000000");
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.body(()).unwrap().into_parts().0
    })
}

/// Signs with the other signer, in the header or (with a validity) in the query.
fn sign_elsewhere(parts: &mut Parts, token: Option<&str>, in_query: Option<Duration>) {
    let credential = Credential {
        secret_id: KEY_ID.into(),
        secret_key: SECRET.into(),
        security_token: token.map(str::to_owned),
        expires_in: None,
    };
    let context = Context::new();
    let signer = RequestSigner::new();
    let signing = signer.sign_request(&context, parts, Some(&credential), in_query);
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(signing).unwrap();
}

fn with_view<R>(parts: &Parts, f: impl FnOnce(RequestParts<'_>) -> R) -> R {
    let headers: Vec<_> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    f(RequestParts {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query().unwrap_or_default(),
        headers: &headers,
    })
}

/// What we say of a request, at the start of its validity; the token that it brings.
fn judge(parts: &Parts) -> Result<Option<String>, SignatureError> {
    with_view(parts, |view| {
        let claim = parse(view)?;
        let now = Timestamp::from_second(claim.key_time.start).unwrap();
        verify(&claim, view, SECRET.as_bytes(), now, Strictness::Full)?;
        Ok(claim.token)
    })
}

proptest! {
    #[test]
    fn we_accept_what_another_signs_in_the_header(mut parts in requests("[ -~]{1,8}"), token in "[!-~]{1,20}") {
        sign_elsewhere(&mut parts, Some(&token), None);
        prop_assert_eq!(judge(&parts), Ok(Some(token)));
    }

    #[test]
    fn we_accept_what_another_signs_in_the_query(mut parts in requests("[A-Za-z][A-Za-z._~-]{0,8}"), token in "[!-~]{1,20}") {
        sign_elsewhere(&mut parts, Some(&token), Some(Duration::from_secs(60)));
        prop_assert_eq!(judge(&parts), Ok(Some(token)));
    }

    #[test]
    fn we_sign_as_another_does(parts in requests("[A-Za-z][A-Za-z._~-]{0,8}")) {
        let mut theirs = parts.clone();
        sign_elsewhere(&mut theirs, None, None);
        let authorization = theirs.headers["authorization"].to_str().unwrap();
        let time = with_view(&theirs, |view| parse(view).unwrap().key_time);
        let at = |second| Timestamp::from_second(second).unwrap();
        let ours = with_view(&parts, |view| sign(view, KEY_ID, SECRET.as_bytes(), at(time.start), at(time.end)));
        prop_assert_eq!(ours, authorization);
    }

    #[test]
    fn we_refuse_what_was_altered_since(mut parts in requests("[A-Za-z]{1,8}"), value in "[a-z]{1,8}", place in 0..4) {
        sign_elsewhere(&mut parts, None, None);
        let (path, query) = (parts.uri.path().to_owned(), parts.uri.query().unwrap_or_default().to_owned());
        let uri = |path: &str, query: &str| format!("http://example.com{path}?{query}").parse().unwrap();
        match place {
            0 => parts.uri = uri(&format!("{path}{value}"), &query),
            1 => parts.uri = uri(&path, &format!("{query}&{value}={value}")),
            2 => { parts.headers.append("x-cos-appid", value.parse().unwrap()); }
            _ => { parts.headers.insert("host", value.parse().unwrap()); }
        }
        prop_assert!(judge(&parts).is_err());
    }
}
