use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings, UriPathNormalizationMode,
};
use aws_sigv4::sign::v4::SigningParams;
use proptest::prelude::*;

use super::*;
use crate::http::encoding::{form, push_path};

const NOW: Timestamp = Timestamp::constant(1_795_489_200, 0);

fn credentials(token: Option<&str>) -> Arc<Credentials> {
    Arc::new(Credentials {
        key_id: "AKIDEXAMPLE".into(),
        secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
        token: token.map(str::to_owned),
    })
}

/// What `aws-sigv4` would send as Authorization.
fn oracle(method: &str, target: &str, headers: &HeaderMap, sha256: &str, credentials: &Credentials) -> String {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let token = credentials.token.clone();
    let identity =
        aws_credential_types::Credentials::new(&credentials.key_id, &credentials.secret, token, None, "test").into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("s3")
        .time(UNIX_EPOCH + Duration::from_secs(NOW.as_second().unsigned_abs()))
        .settings(settings)
        .build()
        .unwrap()
        .into();
    let uri = format!("http://example.com{target}");
    let headers = headers.iter().map(|(name, value)| (name.as_str(), std::str::from_utf8(value.as_bytes()).unwrap()));
    let body = SignableBody::Precomputed(sha256.to_owned());
    let request = SignableRequest::new(method, uri, headers, body).unwrap();
    let signed = aws_sigv4::http_request::sign(request, &params).unwrap();
    let (instructions, _) = signed.into_parts();
    let (added, _) = instructions.into_parts();
    added.into_iter().find(|header| header.name() == "authorization").unwrap().value().to_owned()
}

fn sign(method: &Method, path: &str, query: &str, headers: &HeaderMap, credentials: &Arc<Credentials>) -> HeaderMap {
    let mut headers = headers.clone();
    let body_sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let unsigned = Unsigned { method, path, query, body_sha256 };
    Signer::new("eu-west-1").sign(&unsigned, &mut headers, credentials, NOW).unwrap();
    headers
}

proptest! {
    #[test]
    fn a_signature_is_the_one_that_aws_sigv4_makes(
        key in "[ -~é/+%.]{1,40}",
        method in prop::sample::select(vec!["GET", "PUT", "HEAD", "POST", "DELETE"]),
        query in prop::collection::btree_map("[a-zA-Z-]{1,12}", "[ -~é]{0,20}", 0..4),
        meta in prop::collection::btree_map("[a-z][a-z0-9_-]{0,10}", "[!-~é世]([ -~é世]{0,20}[!-~é世])?", 0..4),
        token in prop::option::of("[A-Za-z0-9+/=]{1,60}"),
    ) {
        let mut path = String::from("/bucket/");
        push_path(&mut path, &key);
        let query = form(query.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("example.com"));
        for (name, value) in &meta {
            headers.insert(http::HeaderName::try_from(format!("x-amz-meta-{name}")).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let credentials = credentials(token.as_deref());
        let signed = sign(&method.parse().unwrap(), &path, &query, &headers, &credentials);
        let target = if query.is_empty() { path } else { format!("{path}?{query}") };
        let sha256 = signed[&CONTENT_SHA256].to_str().unwrap();
        prop_assert_eq!(
            signed["authorization"].to_str().unwrap(),
            oracle(method, &target, &headers, sha256, &credentials)
        );
    }
}

#[test]
fn each_run_of_blanks_in_a_value_is_signed_as_one() {
    let credentials = credentials(None);
    for value in ["dark  blue", "a   b    c", "a b"] {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, HeaderValue::from_static("example.com"));
        headers.insert("x-amz-meta-colour", HeaderValue::from_static(value));
        let signed = sign(&Method::PUT, "/b/k", "", &headers, &credentials);
        let sha256 = signed[&CONTENT_SHA256].to_str().unwrap();
        assert_eq!(signed["authorization"], oracle("PUT", "/b/k", &headers, sha256, &credentials), "{value:?}");
    }
}

#[test]
fn a_new_second_and_new_credentials_share_nothing_with_those_before() {
    let signer = Signer::new("eu-west-1");
    let (one, other) = (credentials(None), credentials(Some("token")));
    let first = signer.shared(&one, NOW);
    assert!(Arc::ptr_eq(&first, &signer.shared(&credentials(None), NOW)));
    let at = |second: i64| signer.shared(&one, Timestamp::from_second(NOW.as_second() + second).unwrap());
    assert_eq!((at(1).time.as_str(), first.time.as_str()), ("20261124T030001Z", "20261124T030000Z"));
    assert_eq!(at(24 * 3600).scope, "20261125/eu-west-1/s3/aws4_request");
    assert_eq!(signer.shared(&other, NOW).credentials.token.as_deref(), Some("token"));
}

#[test]
fn a_token_that_no_header_can_carry_is_refused() {
    let mut headers = HeaderMap::new();
    let unsigned = Unsigned { method: &Method::GET, path: "/", query: "", body_sha256: "" };
    let result = Signer::new("r").sign(&unsigned, &mut headers, &credentials(Some("a\nb")), NOW);
    assert!(result.is_err());
}
