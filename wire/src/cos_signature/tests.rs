//! The signature against the specification's examples, and against forgeries.

use ring::hmac;

use super::*;

const KEY_ID: &str = "AKIDexampleexampleexample00000000001";
const SECRET: &[u8] = b"exampleSecretKey000000000000000001";
const HOST: &str = "100000000001.cos-control.ap-chengdu.myqcloud.com";
const START: i64 = 1_576_812_701;
const END: i64 = 1_576_819_901;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// A request, owned.
#[derive(Debug, Clone)]
struct Asked {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Asked {
    fn new(method: &'static str, path: &str, query: &str, headers: &[(&str, &str)]) -> Self {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
        Self { method, path: path.to_owned(), query: query.to_owned(), headers }
    }

    /// The first test vector's request.
    fn list() -> Self {
        Self::new("GET", "/jobs", "maxResults=2", &[("host", HOST), ("x-cos-appid", "1250000000")])
    }

    fn with<R>(&self, f: impl FnOnce(RequestParts<'_>) -> R) -> R {
        let headers: Vec<_> = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        f(RequestParts { method: self.method, path: &self.path, query: &self.query, headers: &headers })
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.as_bytes().to_vec()));
        self
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(given, _)| given != name);
        self.header(name, value)
    }

    fn query(mut self, query: &str) -> Self {
        query.clone_into(&mut self.query);
        self
    }

    fn authorization(&self) -> String {
        self.with(|parts| sign(parts, KEY_ID, SECRET, at(START), at(END)))
    }

    /// Signed in the header.
    fn signed(self) -> Self {
        let authorization = self.authorization();
        self.header("Authorization", &authorization)
    }

    /// Signed in the query.
    fn signed_in_query(self) -> Self {
        let fields = self.authorization().replace(';', "%3B");
        let query = if self.query.is_empty() { fields } else { format!("{}&{fields}", self.query) };
        self.query(&query)
    }

    fn verify_at(&self, now: i64, strictness: Strictness) -> Result<Claim, SignatureError> {
        self.with(|parts| {
            let claim = parse(parts)?;
            verify(&claim, parts, SECRET, at(now), strictness)?;
            Ok(claim)
        })
    }

    fn verify(&self) -> Result<Claim, SignatureError> {
        self.verify_at(START, Strictness::Full)
    }
}

/// SHA-1 of the canonical form with everything listed.
fn http_string_sha1(asked: &Asked) -> String {
    asked.with(|parts| {
        let request = canonical::Request::of(parts, claim::Form::Header);
        let (parameters, headers) = request.lists();
        let text = request.text(&parameters, &headers, canonical::Host::AsSent).unwrap();
        hex::encode(ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &text))
    })
}

/// The signature made with the signing key that the documentation prints (not with its secret).
fn signature_with_sign_key(asked: &Asked, sign_key: &str, start: i64, end: i64) -> String {
    asked.with(|parts| {
        let request = canonical::Request::of(parts, claim::Form::Header);
        let (parameters, headers) = request.lists();
        let text = request.text(&parameters, &headers, canonical::Host::AsSent).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, sign_key.as_bytes());
        hex::encode(hmac::sign(&key, string_to_sign(&KeyTime::new(start, end), &text).as_bytes()))
    })
}

#[test]
fn the_documentations_upload_is_signed_as_printed() {
    let upload = Asked::new(
        "PUT",
        "/exampleobject(%E8%85%BE%E8%AE%AF%E4%BA%91)",
        "",
        &[
            ("Date", "Thu, 16 May 2019 06:45:51 GMT"),
            ("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com"),
            ("Content-Type", "text/plain"),
            ("Content-Length", "13"),
            ("Content-MD5", "mQ/fVh815F3k6TAUm8m0eg=="),
            ("x-cos-acl", "private"),
            ("x-cos-grant-read", "uin=\"100000000011\""),
        ],
    );
    assert_eq!(http_string_sha1(&upload), "8b2751e77f43a0995d6e9eb9477f4b685cca4172");
    let sign_key = "eb2519b498b02ac213cb1f3d1a3d27a3b3c9bc5f";
    let signature = signature_with_sign_key(&upload, sign_key, 1_557_989_151, 1_557_996_351);
    assert_eq!(signature, "3b8851a11a569213c17ba8fa7dcf2abec6935172");
}

#[test]
fn the_documentations_download_is_signed_as_printed() {
    let download = Asked::new(
        "GET",
        "/exampleobject(%E8%85%BE%E8%AE%AF%E4%BA%91)",
        "response-content-type=application%2Foctet-stream&response-cache-control=max-age%3D600",
        &[("Date", "Thu, 16 May 2019 06:55:53 GMT"), ("Host", "examplebucket-1250000000.cos.ap-beijing.myqcloud.com")],
    );
    assert_eq!(http_string_sha1(&download), "54ecfe22f59d3514fdc764b87a32d8133ea611e6");
    let sign_key = "937914bf490e9e8c189836aad2052e4feeb35eaf";
    let signature = signature_with_sign_key(&download, sign_key, 1_557_989_753, 1_557_996_953);
    assert_eq!(signature, "01681b8c9d798a678e43b685a9f1bba0f6c0e012");
}

#[test]
fn the_first_test_vector_is_signed_and_verified() {
    let list = Asked::list();
    assert_eq!(http_string_sha1(&list), "334920f78d2c0ab95a3e65472e9167f09a8a0406");
    let expected = "q-sign-algorithm=sha1&q-ak=AKIDexampleexampleexample00000000001&\
        q-sign-time=1576812701;1576819901&q-key-time=1576812701;1576819901&q-header-list=host;x-cos-appid&\
        q-url-param-list=maxresults&q-signature=a59252110efb6d05f7c957c15c7ba04f53c20a14";
    assert_eq!(list.authorization(), expected);
    let claim = list.signed().verify().unwrap();
    assert_eq!((claim.key_id.as_str(), claim.key_time.start, claim.sign_time.end), (KEY_ID, START, END));
}

#[test]
fn the_second_test_vector_is_signed_and_verified_with_either_form_of_a_space() {
    let path = "/jobs/021140d8-67ca-4e89-8089-0de9a1e40943/status";
    let headers = [("content-length", "0"), ("host", "127.0.0.1:8080"), ("x-cos-appid", "1250000000")];
    let status = Asked::new("POST", path, "requestedJobStatus=Ready&statusUpdateReason=to%20do", &headers);
    assert_eq!(http_string_sha1(&status), "b1ba15286b57c01aab2bd1a850d867c716c90a5b");
    assert!(status.authorization().ends_with("q-signature=485aae488846babb75c307ff219121cf0775f443"));
    let signed = status.signed();
    assert!(signed.verify().is_ok());
    assert!(signed.query("requestedJobStatus=Ready&statusUpdateReason=to+do").verify().is_ok());
}

/// `fixtures/calls/signatures.json`: requests as the SDKs' own signers signed them with these keys at that time.
#[test]
fn what_the_signers_of_the_sdks_signed_is_verified() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/calls/signatures.json");
    let signed: Vec<serde_json::Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(signed.len() >= 5);
    for request in signed {
        let text = |name: &str| request[name].as_str().unwrap();
        let method = if text("method") == "GET" { "GET" } else { "POST" };
        let mut asked = Asked::new(method, text("path"), text("query"), &[]);
        for header in request["headers"].as_array().unwrap() {
            asked = asked.header(header[0].as_str().unwrap(), header[1].as_str().unwrap());
        }
        let asked = asked.header("Authorization", text("authorization"));
        assert!(asked.verify().is_ok(), "{request}");
        assert_eq!(asked.set("x-cos-appid", "1250000001").verify(), Err(SignatureError::Mismatch), "{request}");
    }
}

#[test]
fn a_signature_in_the_query_is_verified_like_one_in_the_header() {
    let signed = Asked::list().signed_in_query();
    let claim = signed.verify().unwrap();
    assert_eq!(claim.key_id, KEY_ID);
    let alone = Asked::list().query("").signed_in_query();
    assert!(alone.verify().is_ok());
    let altered = signed.query.replace("maxResults=2", "maxResults=3");
    assert_eq!(signed.query(&altered).verify(), Err(SignatureError::Mismatch));
}

#[test]
fn whatever_is_altered_after_signing_is_noticed() {
    let signed = Asked::list().signed();
    let mut other_method = signed.clone();
    other_method.method = "DELETE";
    let mut other_path = signed.clone();
    other_path.path = "/jobs/x".into();
    let altered = [
        other_method,
        other_path,
        signed.clone().query("maxResults=3"),
        signed.clone().query(""),
        signed.clone().query("maxResults=2&maxResults=3"),
        signed.clone().set("x-cos-appid", "1250000001"),
        signed.clone().set("host", "elsewhere"),
        signed.clone().header("x-cos-appid", "1250000001"),
    ];
    for asked in altered {
        assert_eq!(asked.verify(), Err(SignatureError::Mismatch), "{} {}?{}", asked.method, asked.path, asked.query);
    }
    let stranger = signed.with(|parts| verify(&parse(parts).unwrap(), parts, b"other", at(START), Strictness::Full));
    assert_eq!(stranger, Err(SignatureError::Mismatch));
}

#[test]
fn a_path_cannot_pass_for_the_lines_that_follow_it() {
    let honest = Asked::list().query("").signed();
    let mut forged = honest.clone();
    forged.path = "/jobs%0Ax=y".into();
    assert_eq!(forged.verify(), Err(SignatureError::Mismatch));
}

#[test]
fn the_host_may_be_signed_without_its_port_and_never_as_another() {
    let host = |host: &str| Asked::list().set("host", host);
    let as_python = host("127.0.0.1").signed().set("host", "127.0.0.1:8080");
    assert!(as_python.verify().is_ok());
    let as_go = host("127.0.0.1:8080").signed();
    assert!(as_go.verify().is_ok());
    assert!(host("[::1]").signed().set("host", "[::1]:8080").verify().is_ok());
    for other in ["127.0.0.2:8080", "127.0.0.1:80a", "127.0.0.1.example:8080"] {
        assert_eq!(as_python.clone().set("host", other).verify(), Err(SignatureError::Mismatch), "{other}");
    }
    let another_port = as_go.set("host", "127.0.0.1:8081");
    assert_eq!(another_port.verify(), Err(SignatureError::Mismatch));
}

#[test]
fn repeated_parameters_are_signed_each_and_in_any_order() {
    let both = Asked::list().query("jobStatuses=Ready&jobStatuses=Active").signed();
    assert!(both.verify().is_ok());
    assert!(both.clone().query("jobStatuses=Active&jobStatuses=Ready").verify().is_ok());
    assert_eq!(both.clone().query("jobStatuses=Active").verify(), Err(SignatureError::Mismatch));
    let third = both.query("jobStatuses=Active&jobStatuses=Ready&jobStatuses=New");
    assert_eq!(third.verify(), Err(SignatureError::Mismatch));
}

#[test]
fn what_is_present_must_be_signed_unless_the_setting_is_lenient() {
    let unsigned_parameter = Asked::list().query("").signed().query("maxResults=2");
    let not_signed = |name: &str| Err(SignatureError::NotSigned(name.into()));
    assert_eq!(unsigned_parameter.verify(), not_signed("maxresults"));
    assert!(unsigned_parameter.verify_at(START, Strictness::AsListed).is_ok());
    let unsigned_appid = Asked::new("GET", "/jobs", "", &[("host", HOST)]).signed().header("X-Cos-Appid", "1250000000");
    assert_eq!(unsigned_appid.verify(), not_signed("x-cos-appid"));
    assert!(unsigned_appid.verify_at(START, Strictness::AsListed).is_ok());
    let unsigned_host = Asked::new("GET", "/jobs", "", &[("x-cos-appid", "1")]).signed().header("host", HOST);
    assert_eq!(unsigned_host.verify(), not_signed("host"));
}

#[test]
fn headers_that_nobody_signed_may_be_added_on_the_way() {
    assert!(Asked::list().signed().header("via", "1.1 proxy").header("user-agent", "x").verify().is_ok());
}

#[test]
fn the_order_and_the_spelling_of_a_list_are_signed() {
    for listed in ["q-header-list=Host;x-cos-appid", "q-header-list=x-cos-appid;host"] {
        let authorization = Asked::list().authorization().replace("q-header-list=host;x-cos-appid", listed);
        let signed = Asked::list().header("authorization", &authorization);
        assert_eq!(signed.verify(), Err(SignatureError::Mismatch), "{listed}");
    }
}

#[test]
fn a_token_is_surfaced_whether_it_is_signed_or_not() {
    let token = |claim: Result<Claim, SignatureError>| claim.unwrap().token;
    let signed = Asked::list().header("x-cos-security-token", "tok en").signed();
    assert_eq!(token(signed.verify()).as_deref(), Some("tok en"));
    let unsigned = Asked::list().signed().header("x-cos-security-token", "token");
    assert_eq!(token(unsigned.verify()).as_deref(), Some("token"));
    let in_query = Asked::list().signed_in_query();
    let query = format!("{}&x-cos-security-token=a%2Fb", in_query.query);
    assert_eq!(token(in_query.query(&query).verify()).as_deref(), Some("a/b"));
    assert_eq!(token(Asked::list().signed().verify()), None);
    let twice = unsigned.header("x-cos-security-token", "other");
    let given_twice = SignatureError::Malformed { field: "x-cos-security-token", problem: "is given twice" };
    assert_eq!(twice.verify(), Err(given_twice));
}

#[test]
fn a_signature_counts_from_fifteen_minutes_before_its_start_to_its_end() {
    let signed = Asked::list().signed();
    let judged = |now| signed.verify_at(now, Strictness::Full).map(|_| ());
    assert_eq!(judged(START - 900), Ok(()));
    assert_eq!(judged(START - 901), Err(SignatureError::TooSkewed));
    assert_eq!(judged(END), Ok(()));
    assert_eq!(judged(END + 1), Err(SignatureError::Expired));
}

#[test]
fn both_windows_must_hold() {
    let asked = Asked::list();
    let authorization = asked.authorization().replace("q-sign-time=1576812701;1576819901", "q-sign-time=1;2");
    assert_eq!(asked.header("authorization", &authorization).verify(), Err(SignatureError::Expired));
}

#[test]
fn a_request_without_a_signature_is_told_so() {
    assert_eq!(Asked::list().verify(), Err(SignatureError::Unsigned));
}

#[test]
fn a_whole_authorization_in_the_query_is_verified_like_its_seven_parameters() {
    let authorization = Asked::list().authorization();
    let encoded = percent_encoding::utf8_percent_encode(&authorization, percent_encoding::NON_ALPHANUMERIC);
    let asked = Asked::list();
    let query = format!("{}&sign={encoded}", asked.query);
    assert!(asked.clone().query(&query).verify().is_ok());
    let more = asked.query(&format!("{query}&jobStatuses=Ready")).verify();
    assert_eq!(more, Err(SignatureError::NotSigned("jobstatuses".into())), "what it does not sign is refused");
}

#[test]
fn a_claim_that_cannot_be_read_names_the_field() {
    let good = Asked::list().authorization();
    let field_of = |authorization: &str| match Asked::list().header("authorization", authorization).verify() {
        Err(SignatureError::Malformed { field, .. }) => field,
        other => panic!("{authorization}: {other:?}"),
    };
    let replaced = |from: &str, to: &str| field_of(&good.replace(from, to));
    assert_eq!(field_of("Bearer abc"), "authorization");
    assert_eq!(field_of(""), "authorization");
    assert_eq!(field_of(&format!("{good}&q-ak=other")), "q-ak");
    assert_eq!(field_of(&format!("{good}&colour=red")), "authorization");
    assert_eq!(field_of(&"x".repeat(8193)), "authorization");
    assert_eq!(replaced("sha1", "sha256"), "q-sign-algorithm");
    assert_eq!(replaced(KEY_ID, ""), "q-ak");
    assert_eq!(replaced(KEY_ID, &"k".repeat(129)), "q-ak");
    assert_eq!(replaced("&q-header-list=host;x-cos-appid", ""), "q-header-list");
    assert_eq!(replaced("q-header-list=host", "q-header-list=ho st"), "q-header-list");
    assert_eq!(replaced("q-header-list=host", &format!("q-header-list={}host", "a;".repeat(100))), "q-header-list");
    for time in ["", "1", "2;1", "a;b", "-1;2", "1;2;3", "1;123456789012", "+1;2"] {
        assert_eq!(replaced("q-key-time=1576812701;1576819901", &format!("q-key-time={time}")), "q-key-time", "{time}");
    }
    assert_eq!(replaced("q-signature=a5", "q-signature=zz"), "q-signature");
    assert_eq!(replaced("q-signature=a5", "q-signature="), "q-signature");
    let whole = |query: &str| Asked::list().query(query).verify();
    let sign = "sign=q-ak%3Da";
    for query in [format!("{sign}&{sign}"), format!("{sign}&q-ak=a")] {
        let refused = whole(&query);
        assert!(matches!(refused, Err(SignatureError::Malformed { field: "sign", .. })), "{query}: {refused:?}");
    }
    let twice = Asked::list().signed().signed().verify();
    let in_both = Asked::list().signed_in_query().signed().verify();
    assert!(matches!(twice, Err(SignatureError::Malformed { field: "authorization", .. })));
    assert!(matches!(in_both, Err(SignatureError::Malformed { field: "authorization", .. })));
}

#[test]
fn each_refusal_is_the_right_403() {
    let code = |error: SignatureError| {
        let error = CosError::from(error);
        assert_eq!(error.status, 403);
        (error.code, error.message)
    };
    assert_eq!(code(SignatureError::Unsigned).0, "AccessDenied");
    assert_eq!(code(SignatureError::NotSigned("host".into())).1, "Access Denied: host must be signed");
    assert_eq!(code(SignatureError::Expired), ("AccessDenied", "Request has expired".into()));
    assert_eq!(code(SignatureError::TooSkewed).0, "RequestTimeTooSkewed");
    assert_eq!(code(SignatureError::Mismatch).0, "SignatureDoesNotMatch");
}

#[test]
fn a_claim_shows_neither_its_token_nor_its_signature() {
    let asked = Asked::list().header("x-cos-security-token", "the-token").signed();
    let shown = format!("{:?}", asked.verify().unwrap());
    let authorization = asked.headers.iter().find(|(name, _)| name == "Authorization").unwrap();
    let authorization = String::from_utf8(authorization.1.clone()).unwrap();
    let (_, signature) = authorization.rsplit_once('=').unwrap();
    assert!(shown.contains(KEY_ID) && !shown.contains("the-token") && !shown.contains(signature), "{shown}");
}

/// A query of so many parameters.
fn parameters(count: usize) -> String {
    (0..count).map(|n| format!("p{n}=v")).collect::<Vec<_>>().join("&")
}

#[test]
fn what_is_larger_than_any_signed_request_is_refused_before_anything_of_it_is_decoded() {
    // `parse` alone refuses them, and without a claim nothing is taken apart.
    let refused = |asked: &Asked| match asked.with(|parts| parse(parts).map(|_| ())) {
        Err(error @ SignatureError::TooLarge { part, .. }) => {
            assert_eq!(CosError::from(error).status, 400);
            Some(part)
        }
        _ => None,
    };
    let mut far = Asked::list();
    far.path = format!("/jobs/{}", "a".repeat(1024));
    let long = Asked::list().query(&format!("maxResults={}", "1".repeat(16 * 1024)));
    let many = Asked::list().query(&parameters(109));
    for asked in [far, long, many] {
        let part = refused(&asked);
        assert!(part.is_some(), "{asked:?}");
        assert_eq!(refused(&asked.clone().signed()), part, "a signature makes it no smaller");
        assert_eq!(refused(&asked.signed_in_query()), part);
    }
    let most = Asked::list().query(&parameters(100)).signed();
    assert!(most.verify().is_ok(), "as many as a list can name");
    let padded = Asked::list().query(&"&".repeat(10_000)).signed();
    assert!(padded.verify().is_ok(), "an empty parameter is none");
}

#[test]
fn signed_headers_have_a_bound_and_what_nobody_signed_costs_nothing() {
    let large = "x".repeat(16 * 1024);
    let signed = Asked::list().header("x-cos-large", &large).signed().verify();
    assert!(matches!(signed, Err(SignatureError::TooLarge { part: "signed headers", .. })), "{signed:?}");
    let beside = Asked::list().signed().header("x-cos-large", &large);
    assert!(beside.verify().is_ok());
    let claim = beside.verify().unwrap();
    let listed = beside.with(|parts| canonical::Request::claimed(parts, &claim).unwrap().lists().1);
    assert_eq!(listed, ["host", "x-cos-appid"], "the others are not taken apart");
}

#[test]
fn a_key_time_spans_a_week_at_most_and_an_hour_under_strict() {
    let judged = |seconds: i64, strictness| {
        let asked = Asked::list();
        let authorization = asked.with(|parts| sign(parts, KEY_ID, SECRET, at(START), at(START + seconds)));
        asked.header("authorization", &authorization).verify_at(START, strictness).map(|_| ())
    };
    for (strictness, longest) in
        [(Strictness::Strict, 3600), (Strictness::Full, 7 * 86_400), (Strictness::AsListed, 7 * 86_400)]
    {
        assert_eq!(judged(longest, strictness), Ok(()));
        assert_eq!(judged(longest + 1, strictness), Err(SignatureError::LongLived(longest)));
        assert_eq!(judged(3000 * 365 * 86_400, strictness), Err(SignatureError::LongLived(longest)));
    }
    let unsigned_parameter = Asked::list().query("").signed().query("maxResults=2");
    assert!(unsigned_parameter.verify_at(START, Strictness::Strict).is_err(), "strict is no less than full");
}
