//! The signature against what `aws-sigv4` makes, and against forgeries. Requests of real clients stand in
//! `fixtures/wire/s3control`, and are verified by the tests that read them.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use proptest::prelude::*;

use super::*;

const KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const HOST: &str = "123456789012.127.0.0.1:8080";
const NOW: i64 = 1_795_489_200;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sha256(body: &[u8]) -> String {
    hex::encode(ring::digest::digest(&ring::digest::SHA256, body))
}

/// Names and values.
type Pairs = Vec<(String, String)>;

/// A request, owned.
#[derive(Debug, Clone)]
struct Asked {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: SignedBody,
    token: Option<String>,
}

#[derive(Debug, Clone, Copy)]
enum SignedBody {
    Hash(&'static [u8]),
    Unsigned,
}

impl Asked {
    fn new(method: &'static str, path: &str, query: &str) -> Self {
        Self {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: vec![("host".into(), HOST.into()), ("x-amz-account-id".into(), "123456789012".into())],
            body: SignedBody::Hash(b""),
            token: None,
        }
    }

    fn list() -> Self {
        Self::new("GET", "/v20180820/jobs", "jobStatuses=Active&jobStatuses=New&maxResults=2")
    }

    fn create() -> Self {
        Self { body: SignedBody::Hash(b"<CreateJobRequest/>"), ..Self::new("POST", "/v20180820/jobs", "") }
    }

    fn with<R>(&self, f: impl FnOnce(RequestParts<'_>) -> R) -> R {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        f(RequestParts { method: self.method, path: &self.path, query: &self.query, headers: &headers })
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(name));
        self
    }

    fn set(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    /// What `aws-sigv4` adds.
    fn instructions(&self, expires_in: Option<u64>) -> (Pairs, Pairs) {
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        settings.excluded_headers = None;
        if let Some(seconds) = expires_in {
            settings.signature_location = SignatureLocation::QueryParams;
            settings.expires_in = Some(Duration::from_secs(seconds));
        }
        let identity = aws_credential_types::Credentials::new(KEY_ID, SECRET, self.token.clone(), None, "test").into();
        let time = UNIX_EPOCH + Duration::from_secs(NOW.unsigned_abs());
        let params = SigningParams::builder().identity(&identity).region("eu-west-1").name("s3").time(time);
        let params = params.settings(settings).build().unwrap().into();
        let uri = format!("http://{HOST}{}?{}", self.path, self.query);
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let body = match self.body {
            SignedBody::Hash(body) => SignableBody::Precomputed(sha256(body)),
            SignedBody::Unsigned => SignableBody::UnsignedPayload,
        };
        let request = SignableRequest::new(self.method, uri, headers, body).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let (headers, query) = instructions.into_parts();
        let headers = headers.into_iter().map(|header| (header.name().to_owned(), header.value().to_owned()));
        (headers.collect(), query.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect())
    }

    /// Signed in the header.
    fn signed(mut self) -> Self {
        let (headers, _) = self.instructions(None);
        self.headers.extend(headers);
        self
    }

    /// Presigned, for so many seconds.
    fn presigned(self, seconds: u64) -> Self {
        let (_, parameters) = self.instructions(Some(seconds));
        let own = crate::encode_query(&parameters);
        let query = if self.query.is_empty() { own } else { format!("{}&{own}", self.query) };
        self.query(&query)
    }

    fn verify_at(&self, now: i64) -> Result<Claim, SignatureError> {
        self.with(|parts| {
            let claim = parse(parts)?;
            verify(&claim, parts, SECRET.as_bytes(), at(now), PRESIGNED_SECONDS_MAX)?;
            Ok(claim)
        })
    }

    fn verify(&self) -> Result<Claim, SignatureError> {
        self.verify_at(NOW)
    }

    /// With another text in the value of `Authorization`.
    fn rewritten(self, from: &str, to: &str) -> Self {
        let (_, authorization) = self.headers.iter().find(|(name, _)| name == "authorization").unwrap().clone();
        assert!(authorization.contains(from), "{authorization}");
        self.set("authorization", &authorization.replace(from, to))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_aws_sigv4_signs_is_verified_in_the_header_as_in_the_query(
        id in "[a-zA-Z0-9-]{1,36}",
        method in prop::sample::select(vec!["GET", "PUT", "POST", "DELETE"]),
        query in prop::collection::vec(("[a-zA-Z-]{1,12}", "[ -~é]{0,20}"), 0..4),
        meta in prop::collection::btree_map("[a-z][a-z0-9-]{0,10}", "[!-~]([ -~]{0,20}[!-~])?", 0..4),
        token in prop::option::of("[A-Za-z0-9+/=]{1,60}"),
    ) {
        let query = crate::encode_query(&query);
        let mut asked = Asked { method, token, ..Asked::new("GET", &format!("/v20180820/jobs/{id}"), &query) };
        for (name, value) in &meta {
            asked = asked.header(&format!("x-amz-meta-{name}"), value);
        }
        let signed = asked.clone().signed().verify();
        prop_assert_eq!(signed.map(|claim| (claim.key_id, claim.region, claim.token)),
            Ok((KEY_ID.to_owned(), "eu-west-1".to_owned(), asked.token.clone())));
        let asked = Asked { body: SignedBody::Unsigned, ..asked };
        let presigned = asked.clone().presigned(60).verify();
        prop_assert_eq!(presigned.map(|claim| (claim.token.clone(), claim.signs_body())), Ok((asked.token, false)));
    }

    #[test]
    fn no_claim_makes_the_reader_panic(authorization in "(AWS4-HMAC-SHA256 )?[ -~é]{0,80}", query in "[ -~é]{0,80}") {
        let asked = Asked::list().signed().set("authorization", &authorization).query(&query);
        prop_assert!(asked.verify().is_err());
    }
}

#[test]
fn our_own_signature_is_the_one_that_aws_sigv4_makes() {
    for asked in [Asked::list(), Asked::create().header("x-brigade-key-encoding", "raw").header("x-amz-meta-a", "b  c")]
    {
        let mut signed = asked.clone().signed();
        let at_authorization = signed.headers.iter().position(|(name, _)| name == "authorization").unwrap();
        let (_, theirs) = signed.headers.remove(at_authorization);
        let ours = signed.with(|parts| super::sign(parts, KEY_ID, SECRET.as_bytes(), "eu-west-1")).unwrap();
        assert_eq!(ours, theirs);
        assert!(signed.headers.iter().any(|(name, value)| name == "x-amz-date" && *value == time_text(at(NOW))));
    }
    let undated = Asked::list().with(|parts| super::sign(parts, KEY_ID, SECRET.as_bytes(), "eu-west-1"));
    assert!(undated.is_err());
}

#[test]
fn whatever_is_altered_after_signing_is_noticed() {
    let signed = Asked::list().header("x-brigade-key-encoding", "url").signed();
    assert!(signed.verify().is_ok());
    let mut other_method = signed.clone();
    other_method.method = "DELETE";
    let mut other_path = signed.clone();
    other_path.path = "/v20180820/jobs/x".into();
    let mut line_end = signed.clone();
    line_end.path = "/v20180820/jobs%0Ax".into();
    let altered = [
        other_method,
        other_path,
        line_end,
        signed.clone().query(""),
        signed.clone().query("jobStatuses=Active&jobStatuses=New&maxResults=3"),
        signed.clone().query("jobStatuses=Active&maxResults=2"),
        signed.clone().query("jobStatuses=Active&jobStatuses=New&maxResults=2&maxResults=3"),
        signed.clone().query("jobStatuses=Active&jobStatuses=New&maxResults=2&nextToken="),
        signed.clone().set("x-amz-account-id", "123456789013"),
        signed.clone().set("x-brigade-key-encoding", "raw"),
        signed.clone().without("x-brigade-key-encoding"),
        signed.clone().header("x-brigade-key-encoding", "url"),
        signed.clone().header("x-amz-account-id", "123456789013"),
        signed.clone().set("host", "elsewhere"),
        signed.clone().set("host", "123456789012.127.0.0.1:8081"),
        signed.clone().set("x-amz-content-sha256", &sha256(b"other")),
        signed.clone().set("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        signed.clone().rewritten("eu-west-1", "us-east-1"),
        signed.clone().rewritten(";x-brigade-key-encoding", ";x-brigade-key-encoding;zzz"),
    ];
    for asked in altered {
        assert_eq!(asked.verify(), Err(SignatureError::Mismatch), "{asked:?}");
    }
    let stranger = signed.with(|parts| verify(&parse(parts).unwrap(), parts, b"other", at(NOW), PRESIGNED_SECONDS_MAX));
    assert_eq!(stranger, Err(SignatureError::Mismatch));
    let reordered = signed.query("maxResults=2&jobStatuses=New&jobStatuses=Active");
    assert!(reordered.verify().is_ok(), "the order of parameters means nothing");
}

#[test]
fn whatever_is_altered_in_a_presigned_request_is_noticed() {
    let signed = Asked { body: SignedBody::Unsigned, ..Asked::list() }.presigned(60);
    assert!(signed.verify().is_ok());
    for (from, to) in [
        ("maxResults=2", "maxResults=3"),
        ("X-Amz-Expires=60", "X-Amz-Expires=61"),
        ("eu-west-1", "us-east-1"),
        ("maxResults=2", "maxResults=2&X-Amz-Content-Sha256=UNSIGNED-PAYLOAD"),
    ] {
        assert!(signed.query.contains(from), "{}", signed.query);
        let altered = signed.query.replace(from, to);
        assert_eq!(signed.clone().query(&altered).verify(), Err(SignatureError::Mismatch), "{to}");
    }
    assert_eq!(signed.clone().set("host", "elsewhere").verify(), Err(SignatureError::Mismatch));
    let body = signed.header("x-amz-content-sha256", &sha256(b"body"));
    assert_eq!(body.verify(), Err(SignatureError::NotSigned("x-amz-content-sha256".into())));
}

#[test]
fn the_host_and_every_header_of_ours_or_of_amazon_must_be_signed_where_they_are_present() {
    let not_signed = |name: &str| Err(SignatureError::NotSigned(name.into()));
    let added = |name: &str| Asked::list().signed().header(name, "x").verify();
    for name in ["x-brigade-key-encoding", "x-amz-security-token", "X-Amz-Acl", "x-amz-meta-a"] {
        assert_eq!(added(name), not_signed(name));
    }
    let no_account = Asked::list().without("x-amz-account-id").signed();
    assert!(no_account.verify().is_ok());
    let added_account = no_account.header("x-amz-account-id", "123456789012");
    assert_eq!(added_account.verify(), not_signed("x-amz-account-id"));
    for name in ["via", "user-agent", "amz-sdk-request", "x-amzn-trace-id", "content-type"] {
        assert!(added(name).is_ok(), "{name} may be added on the way");
    }
    for (name, listed) in
        [("host", "host;"), ("x-amz-content-sha256", ";x-amz-content-sha256"), ("x-amz-date", ";x-amz-date")]
    {
        assert_eq!(Asked::list().signed().rewritten(listed, "").verify(), not_signed(name));
    }
}

#[test]
fn a_signature_in_the_header_counts_for_fifteen_minutes_around_its_time() {
    let signed = Asked::list().signed();
    let judged = |now| signed.verify_at(now).map(|_| ());
    assert_eq!((judged(NOW - 900), judged(NOW + 900)), (Ok(()), Ok(())));
    assert_eq!(judged(NOW - 901), Err(SignatureError::TooSkewed));
    assert_eq!(judged(NOW + 901), Err(SignatureError::TooSkewed));
}

#[test]
fn a_presigned_request_counts_until_its_end_a_week_at_most() {
    let asked = || Asked { body: SignedBody::Unsigned, ..Asked::list() };
    let judged = |seconds: u64, now: i64| asked().presigned(seconds).verify_at(now).map(|_| ());
    assert_eq!((judged(3600, NOW - 900), judged(3600, NOW + 3600)), (Ok(()), Ok(())));
    assert_eq!(judged(3600, NOW - 901), Err(SignatureError::TooSkewed));
    assert_eq!(judged(3600, NOW + 3601), Err(SignatureError::Expired));
    assert_eq!(judged(604_800, NOW + 604_800), Ok(()));
    let field = |seconds: u64| match judged(seconds, NOW) {
        Err(SignatureError::Malformed { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!((field(604_801), field(0)), ("X-Amz-Expires", "X-Amz-Expires"));
    let signed = asked().presigned(3601);
    let strict = signed.with(|parts| verify(&parse(parts)?, parts, SECRET.as_bytes(), at(NOW), 3600));
    assert_eq!(strict, Err(SignatureError::LongLived(3600)));
}

#[test]
fn a_body_is_signed_by_its_hash_and_a_presigned_request_signs_none_unless_it_says_so() {
    let claim = Asked::create().signed().verify().unwrap();
    assert!(claim.signs_body());
    assert_eq!(claim.check_body(b"<CreateJobRequest/>"), Ok(()));
    assert_eq!(claim.check_body(b"<CreateJobRequest />"), Err(S3ControlError::body_differs()));
    let unsigned = Asked { body: SignedBody::Unsigned, ..Asked::create() };
    for asked in [unsigned.clone().signed(), unsigned.presigned(60)] {
        let claim = asked.verify().unwrap();
        assert!(!claim.signs_body() && claim.check_body(b"anything").is_ok(), "{asked:?}");
    }
    let hash = sha256(b"<CreateJobRequest/>");
    let in_header = Asked::create().header("x-amz-content-sha256", &hash).presigned(60).verify().unwrap();
    let in_query = Asked::create().query(&format!("X-Amz-Content-Sha256={hash}")).presigned(60).verify().unwrap();
    for claim in [in_header, in_query] {
        assert!(claim.signs_body() && claim.check_body(b"other").is_err());
    }
    let streamed = Asked::create().signed().set("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD");
    assert!(matches!(streamed.verify(), Err(SignatureError::Malformed { field: "x-amz-content-sha256", .. })));
}

#[test]
fn a_claim_that_cannot_be_read_names_the_field() {
    let field_of = |asked: Asked| match asked.verify() {
        Err(SignatureError::Malformed { field, .. }) => field,
        other => panic!("{asked:?}: {other:?}"),
    };
    let authorization = |text: &str| field_of(Asked::list().signed().set("authorization", text));
    for text in [
        "",
        "Bearer abc",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 ",
        "AWS4-HMAC-SHA512 Credential=a",
        "AWS4-HMAC-SHA256 Credential=a, Colour=red",
        "AWS4-HMAC-SHA256 Credential=a, Credential=a",
    ] {
        assert_eq!(authorization(text), "authorization", "{text:?}");
    }
    assert_eq!(authorization(&"x".repeat(8193)), "authorization");
    assert_eq!(authorization("AWS4-HMAC-SHA256 Credential=a"), "SignedHeaders");
    let rewritten = |from: &str, to: &str| field_of(Asked::list().signed().rewritten(from, to));
    for (from, to) in [
        ("/s3/", "/s3control/"),
        ("aws4_request", "aws5_request"),
        ("20261124", "20261125"),
        (KEY_ID, ""),
        ("eu-west-1", ""),
        ("AKIDEXAMPLE/20261124/", "AKIDEXAMPLE/"),
    ] {
        assert_eq!(rewritten(from, to), "Credential", "{to}");
    }
    assert_eq!(rewritten(KEY_ID, &"k".repeat(129)), "Credential");
    for to in ["", "HOST;", "host;host;", "zzz;host;", "ho st;", ";"] {
        assert_eq!(rewritten("SignedHeaders=host;", &format!("SignedHeaders={to};")), "SignedHeaders", "{to:?}");
    }
    assert_eq!(rewritten("Signature=", "Signature=zz"), "Signature");
    for time in ["", "20261124T031500", "2026-11-24T03:15:00", "20261332T031500Z", "2026112éT031500Z"] {
        assert_eq!(field_of(Asked::list().signed().set("x-amz-date", time)), "X-Amz-Date", "{time}");
    }
    for name in ["x-amz-date", "x-amz-content-sha256"] {
        assert_eq!(field_of(Asked::list().signed().without(name)), name);
    }
    for name in ["authorization", "x-amz-date", "x-amz-content-sha256"] {
        let signed = Asked::list().signed();
        let (_, value) = signed.headers.iter().find(|(given, _)| given == name).unwrap().clone();
        assert_eq!(field_of(signed.header(name, &value)), name, "given twice");
    }
    let presigned = || Asked { body: SignedBody::Unsigned, ..Asked::list() }.presigned(60);
    for name in
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature"]
    {
        let dropped = presigned().query.replace(&format!("{name}="), &format!("{name}-not="));
        assert_eq!(field_of(presigned().query(&dropped)), name, "missing");
        let twice = format!("{}&{name}=60", presigned().query);
        assert_eq!(field_of(presigned().query(&twice)), name, "given twice");
    }
    let in_both = Asked { headers: Asked::list().signed().headers, ..presigned() };
    assert_eq!(field_of(in_both), "authorization");
}

#[test]
fn a_request_without_a_signature_is_told_so() {
    assert_eq!(Asked::list().verify(), Err(SignatureError::Unsigned));
}

#[test]
fn each_refusal_is_the_right_answer() {
    let code = |error: SignatureError| {
        let error = S3ControlError::from(error);
        (error.code, error.status)
    };
    assert_eq!(code(SignatureError::Unsigned), ("AccessDenied", 403));
    assert_eq!(code(SignatureError::NotSigned("host".into())), ("AccessDenied", 403));
    assert_eq!(code(SignatureError::Expired), ("AccessDenied", 403));
    assert_eq!(code(SignatureError::TooSkewed), ("RequestTimeTooSkewed", 403));
    assert_eq!(code(SignatureError::Mismatch), ("SignatureDoesNotMatch", 403));
    assert_eq!(code(SignatureError::TooLarge { part: "path", max: "1" }), ("BadRequestException", 400));
}

#[test]
fn a_claim_shows_neither_its_token_nor_its_signature() {
    let asked = Asked { token: Some("the-token".into()), ..Asked::list() }.signed();
    let claim = asked.verify().unwrap();
    let shown = format!("{claim:?}");
    let signature = hex::encode(&claim.signature);
    assert_eq!(claim.token.as_deref(), Some("the-token"));
    assert!(shown.contains(KEY_ID) && !shown.contains("the-token") && !shown.contains(&signature), "{shown}");
}

#[test]
fn what_is_larger_than_any_signed_request_is_refused_before_anything_of_it_is_decoded() {
    // `parse` alone refuses them, and without a claim nothing is taken apart.
    let refused = |asked: &Asked| match asked.with(|parts| parse(parts).map(|_| ())) {
        Err(SignatureError::TooLarge { part, .. }) => Some(part),
        _ => None,
    };
    let far = Asked::new("GET", &format!("/v20180820/jobs/{}", "a".repeat(1024)), "");
    let long = Asked::list().query(&format!("maxResults={}", "1".repeat(16 * 1024)));
    let many = Asked::list().query(&(0..101).map(|n| format!("p{n}=v")).collect::<Vec<_>>().join("&"));
    for asked in [far, long, many] {
        let part = refused(&asked);
        assert!(part.is_some(), "{asked:?}");
        assert_eq!(refused(&asked.signed()), part, "a signature makes it no smaller");
    }
    let large = Asked::list().header("x-large", &"x".repeat(16 * 1024 + 1));
    let signed = large.signed().verify();
    assert!(matches!(signed, Err(SignatureError::TooLarge { part: "signed headers", .. })), "{signed:?}");
    let beside = Asked::list().signed().header("x-large", &"x".repeat(16 * 1024 + 1));
    assert!(beside.verify().is_ok(), "what is not signed costs nothing");
}
