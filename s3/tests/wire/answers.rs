//! What `http` makes of a server's answers, and of their absence.

use std::sync::Arc;
use std::time::Duration;

use brigade_model::operation::Tag;
use brigade_model::ports::Clock;
use brigade_model::ports::object_store::{
    AclGrant, CallError, CancelToken, ChecksumAlgorithm, CompleteMultipartUpload, CopyObject, DeleteObject,
    DeleteObjects, DeleteResult, Deleted, Effect, GetBucketOwnershipControls, GetBucketRequestPayment, GetObject,
    GetObjectAcl, GetObjectTagging, Grantee, HeadObject, HeadPart, ListObjectsV2, ObjectStore, PartHead, PutObject,
    PutObjectTagging, RestoreObject, TextForm, Verdict,
};
use brigade_model::{StoreClock, Timestamp};
use brigade_runtime::SystemClock;
use brigade_s3::credentials::{Credentials, RotatingCredentials};
use brigade_s3::http::{Addressing, HttpConfig, HttpStore};
use brigade_s3::verdict::failed_delete;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

use crate::calls::at;
use crate::store::{HeldClock, call, config, credentials, store, store_of};
use crate::stub::{Reply, Stub, answer, told};

const COPIED: &str = "<CopyObjectResult><LastModified>2015-10-21T07:28:00.000Z</LastModified>\
                      <ETag>\"abc\"</ETag></CopyObjectResult>";

fn copy() -> CopyObject {
    CopyObject::plain(at("from"), at("to"))
}

fn head() -> HeadObject {
    HeadObject { at: at("key"), version: None }
}

fn delete() -> DeleteObject {
    DeleteObject { at: at("key"), version: None, if_match: None }
}

fn get(range: Option<(u64, u64)>) -> GetObject {
    GetObject { at: at("key"), version: None, range, if_match: None }
}

async fn copy_answered(reply: Reply) -> Result<brigade_model::ports::object_store::CopyDone, CallError> {
    let stub = Stub::scripted([reply]).await;
    call(&store(&stub.url()), copy()).await
}

fn is_unproven(error: &CallError) -> bool {
    (error.verdict, error.effect) == (Verdict::Transient, Effect::Unknown)
}

#[tokio::test]
async fn a_copy_needs_a_whole_result_with_an_etag() {
    let done = copy_answered(answer(200, &[("x-amz-version-id", "v1")], COPIED)).await.unwrap();
    assert_eq!(done.etag.as_str(), "\"abc\"");
    assert_eq!(done.modified, Some(Timestamp::from_second(1_445_412_480).unwrap()));
    assert_eq!(done.version, Some("v1".parse().unwrap()));
    for body in [
        "<CopyObjectResult></CopyObjectResult>",
        "<CopyObjectResult><ETag></ETag></CopyObjectResult>",
        "<CopyObjectResult><ETag>\"\"</ETag></CopyObjectResult>",
        "<CopyObjectResult><ETag>\"abc\"</ETag>",
        "<ListBucketResult/>",
        "{\"etag\": 1}",
    ] {
        let error = copy_answered(answer(200, &[], body)).await.unwrap_err();
        assert!(is_unproven(&error), "{body:?}: {error:?}");
        assert_eq!((error.code.as_str(), error.request_id.as_deref()), ("UnprovenSuccess", Some("REQ1")));
    }
}

#[tokio::test]
async fn an_answer_that_is_larger_than_any_honest_one_proves_nothing_and_says_why() {
    let tags = "<Tag><Key>k</Key><Value>v</Value></Tag>";
    let of = |tags: String| answer(200, &[], &format!("<Tagging><TagSet>{tags}</TagSet></Tagging>"));
    let ask = async |reply| {
        let stub = Stub::scripted([reply]).await;
        call(&store(&stub.url()), GetObjectTagging { at: at("key"), version: None }).await
    };
    assert_eq!(ask(of(tags.repeat(100))).await.unwrap().len(), 100);
    let full = ask(of("<a/>".repeat(2 << 20))).await.unwrap_err();
    assert!(is_unproven(&full) && full.message.contains("larger than"), "{full:?}");
    let many = ask(of("<a/>".repeat(5_000))).await.unwrap_err();
    assert!(is_unproven(&many) && many.message.contains("more than 2656 elements"), "{many:?}");
    // Without a length the client reads up to its bound.
    let chunk = format!("8000\r\n{}\r\n", " ".repeat(0x8000)).repeat(256);
    let endless = format!("HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n{chunk}0\r\n\r\n");
    let endless = ask(Reply::Bytes(endless.into_bytes())).await.unwrap_err();
    assert!(is_unproven(&endless) && endless.message.contains("larger than"), "{endless:?}");
}

#[tokio::test]
async fn a_success_with_nothing_in_it_is_an_unknown_effect_with_a_code_of_its_own() {
    for body in ["", "\n", "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"] {
        let error = copy_answered(answer(200, &[], body)).await.unwrap_err();
        assert!(is_unproven(&error), "{body:?}: {error:?}");
        assert_eq!((error.code.as_str(), error.http_status), ("EmptyAnswer", Some(200)));
        let completion = CompleteMultipartUpload::new(at("to"), "upload".into(), vec![]);
        let stub = Stub::scripted([answer(200, &[], body)]).await;
        assert_eq!(call(&store(&stub.url()), completion).await.unwrap_err().code, "EmptyAnswer");
    }
}

#[tokio::test]
async fn a_success_that_holds_an_error_is_that_error_and_its_effect_is_unknown() {
    for (code, verdict) in [
        ("InternalError", Verdict::Transient),
        ("SlowDown", Verdict::Throttled),
        ("PreconditionFailed", Verdict::Precondition),
    ] {
        let body = format!("<?xml version=\"1.0\"?>\n   <Error><Code>{code}</Code><Message>again</Message></Error>");
        let error = copy_answered(answer(200, &[], &body)).await.unwrap_err();
        assert_eq!((error.verdict, error.effect), (verdict, Effect::Unknown));
        assert_eq!((error.code.as_str(), error.http_status), (code, Some(200)));
    }
}

#[tokio::test]
async fn an_answer_that_is_cut_off_leaves_the_effect_unknown() {
    let Reply::Bytes(whole) = answer(200, &[], COPIED) else { unreachable!() };
    let head_end = whole.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    for (end, code) in [
        (0, "ConnectionReset"),
        (10, "ConnectionReset"),
        (head_end - 1, "ConnectionReset"),
        (head_end, "IncompleteAnswer"),
        (whole.len() - 1, "IncompleteAnswer"),
    ] {
        let error = copy_answered(Reply::BytesThenClose(whole[..end].to_vec())).await.unwrap_err();
        assert!(is_unproven(&error), "{end}: {error:?}");
        assert_eq!((error.code.as_str(), error.attempts), (code, 1));
    }
}

#[tokio::test]
async fn an_answer_in_chunks_is_read_to_its_end() {
    let chunked = |last: &str| {
        let (one, two) = COPIED.split_at(30);
        let chunks = format!("{:x}\r\n{one}\r\n{:x}\r\n{two}\r\n{last}", one.len(), two.len());
        format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into_bytes()
    };
    copy_answered(Reply::Bytes(chunked("0\r\n\r\n"))).await.unwrap();
    assert!(is_unproven(&copy_answered(Reply::BytesThenClose(chunked(""))).await.unwrap_err()));
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_a_time_out_with_unknown_effect() {
    let stub = Stub::scripted([Reply::Silence]).await;
    let clock = HeldClock::new();
    let store = HttpStore::new(config(&stub.url()), clock.clone()).unwrap();
    let (error, ()) = tokio::join!(call(&store, copy()), async {
        stub.request_came().await;
        clock.advance(Duration::from_secs(120)).await;
    });
    let error = error.unwrap_err();
    assert!(is_unproven(&error));
    assert_eq!(error.code, "RequestTimeout");
    // The client closes the connection and does not keep it.
    stub.connection_ended().await;
}

fn complete() -> CompleteMultipartUpload {
    CompleteMultipartUpload::new(at("key"), "u".into(), vec![(1, "\"a\"".parse().unwrap())])
}

const HEAD_OF_CHUNKS: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
const BLANK: &str = "1\r\n \r\n";

#[tokio::test]
async fn a_completion_goes_on_for_as_long_as_blanks_come_and_its_end_counts() {
    let (tell, reply) = told();
    let stub = Stub::scripted([reply]).await;
    let clock = HeldClock::new();
    let store = HttpStore::new(config(&stub.url()), clock.clone()).unwrap();
    let (done, ()) = tokio::join!(call(&store, complete()), async {
        stub.request_came().await;
        clock.advance(Duration::from_secs(119)).await;
        clock.until_looked_at(|| tell.send(HEAD_OF_CHUNKS).unwrap()).await;
        // A quarter of an hour, of which no two minutes are silent.
        for _ in 0..9 {
            clock.advance(Duration::from_secs(100)).await;
            clock.until_looked_at(|| tell.send(BLANK).unwrap()).await;
        }
        clock.advance(Duration::from_secs(119)).await;
        let document = "51\r\n<CompleteMultipartUploadResult><ETag>\"a-1\"</ETag></CompleteMultipartUploadResult>";
        tell.send(document).unwrap();
        tell.send("\r\n0\r\n\r\n").unwrap();
    });
    assert_eq!(done.unwrap().etag.as_str(), "\"a-1\"");
}

#[tokio::test]
async fn an_attempt_ends_when_nothing_of_its_answer_came_for_its_time_since_the_last_byte() {
    let (tell, reply) = told();
    let stub = Stub::scripted([reply]).await;
    let clock = HeldClock::new();
    let store = HttpStore::new(config(&stub.url()), clock.clone()).unwrap();
    let (error, ()) = tokio::join!(call(&store, complete()), async {
        stub.request_came().await;
        clock.until_looked_at(|| tell.send(HEAD_OF_CHUNKS).unwrap()).await;
        clock.advance(Duration::from_secs(100)).await;
        clock.until_looked_at(|| tell.send(BLANK).unwrap()).await;
        clock.advance(Duration::from_secs(120)).await;
    });
    let error = error.unwrap_err();
    assert!(is_unproven(&error));
    assert_eq!(error.code, "RequestTimeout");
    drop(tell);
}

#[tokio::test]
async fn an_answer_that_never_ends_is_given_up_however_often_something_of_it_comes() {
    let (tell, reply) = told();
    let stub = Stub::scripted([reply]).await;
    let clock = HeldClock::new();
    let store = HttpStore::new(config(&stub.url()), clock.clone()).unwrap();
    let (error, minutes) = tokio::join!(call(&store, complete()), async {
        stub.request_came().await;
        clock.until_looked_at(|| tell.send(HEAD_OF_CHUNKS).unwrap()).await;
        for minute in 1.. {
            clock.advance(Duration::from_secs(60)).await;
            if minute == 62 {
                return minute;
            }
            clock.until_looked_at(|| tell.send(BLANK).unwrap()).await;
        }
        0
    });
    assert_eq!((error.unwrap_err().code.as_str(), minutes), ("RequestTimeout", 62));
}

#[tokio::test]
async fn the_size_of_a_copy_decides_how_long_it_may_be_silent() {
    for (size, seconds) in [(Some(0), 15), (Some(1 << 30), 143), (None, 120)] {
        let stub = Stub::scripted([Reply::Silence, answer(200, &[], COPIED)]).await;
        let clock = HeldClock::new();
        let store = HttpStore::new(config(&stub.url()), clock.clone()).unwrap();
        let request = CopyObject { size, ..copy() };
        let mut silent = std::pin::pin!(call(&store, request));
        tokio::select! {
            biased;
            _ = &mut silent => panic!("no server answers"),
            () = stub.request_came() => {}
        }
        tokio::select! {
            biased;
            error = &mut silent => panic!("{size:?}: {error:?}"),
            () = clock.advance(Duration::from_secs(seconds - 1)) => {}
        }
        let (error, ()) = tokio::join!(silent, clock.advance(Duration::from_secs(1)));
        assert_eq!(error.unwrap_err().code, "RequestTimeout", "{size:?}");
    }
}

#[tokio::test]
async fn a_head_says_how_many_entries_of_its_metadata_the_store_cannot_tell() {
    for (headers, untold) in [(&[("x-amz-missing-meta", "2")][..], 2), (&[], 0)] {
        let stub = Stub::scripted([answer(200, headers, "")]).await;
        assert_eq!(call(&store(&stub.url()), head()).await.unwrap().untold_metadata, untold);
    }
}

#[tokio::test]
async fn text_of_user_metadata_is_read_in_either_form_and_bytes_that_are_no_text_are_told() {
    let told = async |value: &[u8]| {
        let head = b"HTTP/1.1 200 X\r\ncontent-length: 0\r\nx-amz-meta-a: ";
        let stub = Stub::scripted([Reply::Bytes([head, value, b"\r\n\r\n"].concat())]).await;
        let head = call(&store(&stub.url()), self::head()).await.unwrap();
        (head.metadata.user[0].1.clone(), head.metadata.form, head.untold_metadata)
    };
    assert_eq!(told("Zoë".as_bytes()).await, ("Zoë".to_owned(), None, 0));
    assert_eq!(told(b"=?UTF-8?Q?Zo=C3=AB?=").await, ("Zoë".to_owned(), Some(TextForm::EncodedWords), 0));
    let (_, form, untold) = told(b"Zo\xeb").await;
    assert_eq!((form, untold), (None, 1), "Latin-1");
}

#[tokio::test]
async fn a_call_that_is_dropped_closes_its_connection() {
    let stub = Stub::scripted([Reply::Silence]).await;
    let store = store(&stub.url());
    tokio::select! {
        _ = call(&store, head()) => panic!("no server answers"),
        () = stub.request_came() => {}
    }
    stub.connection_ended().await;
}

#[tokio::test]
async fn an_endpoint_without_a_listener_is_unavailable_and_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = call(&store(&url), delete()).await.unwrap_err();
    assert_eq!((error.verdict, error.effect), (Verdict::Unavailable, Effect::None));
    assert_eq!((error.code.as_str(), error.attempts), ("ConnectFailed", 0));
    assert!(error.message.contains(&url), "{error}");
}

#[tokio::test]
async fn connections_are_kept_between_calls_and_not_used_when_the_server_closed_them() {
    let deleted = || answer(204, &[], "");
    let Reply::Bytes(closing) = deleted() else { unreachable!() };
    let stub = Stub::scripted([deleted(), deleted(), Reply::BytesThenClose(closing), deleted()]).await;
    let store = store(&stub.url());
    for n in 0..4 {
        call(&store, delete()).await.unwrap();
        if n == 2 {
            stub.connection_ended().await;
        }
    }
    let connections: Vec<_> = stub.recorded().iter().map(|request| request.connection).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
}

#[tokio::test]
async fn a_connection_that_was_idle_for_too_long_is_not_used_again() {
    let stub = Stub::scripted([answer(204, &[], ""), answer(204, &[], "")]).await;
    let clock = HeldClock::new();
    let store = HttpStore::new(config(&stub.url()), clock.clone()).unwrap();
    call(&store, delete()).await.unwrap();
    clock.advance(Duration::from_secs(4)).await;
    call(&store, delete()).await.unwrap();
    assert_eq!(stub.recorded()[1].connection, 1);
}

#[tokio::test]
async fn a_request_is_signed_with_the_credentials_of_its_moment() {
    let stub = Stub::scripted([answer(204, &[], ""), answer(204, &[], "")]).await;
    let rotating = Arc::new(RotatingCredentials::new(credentials()));
    let store = store_of(HttpConfig { credentials: rotating.clone(), ..config(&stub.url()) });
    call(&store, delete()).await.unwrap();
    rotating.rotate(Credentials { key_id: "AKIDNEXT".into(), secret: "next".into(), token: None });
    call(&store, delete()).await.unwrap();
    let requests = stub.recorded();
    assert!(requests[0].header("authorization").unwrap().contains("Credential=AKIDTEST/20261124/eu-west-1/s3/"));
    assert_eq!(requests[0].header("x-amz-security-token"), Some("token-of-test"));
    assert!(requests[1].header("authorization").unwrap().contains("Credential=AKIDNEXT/"));
    assert_eq!(requests[1].header("x-amz-security-token"), None);
}

#[tokio::test]
async fn every_body_has_its_md5_and_its_length_even_an_empty_one() {
    let stub = Stub::scripted((0..3).map(|_| answer(200, &[("etag", "\"e\"")], ""))).await;
    let store = store(&stub.url());
    let large = vec![b'x'; 300 << 10];
    for body in [b"hello".to_vec(), Vec::new(), large] {
        call(&store, PutObject::new(at("key"), body, Default::default())).await.unwrap();
    }
    let requests = stub.recorded();
    assert_eq!(requests[0].header("content-md5"), Some("XUFAKrxLKna5cZ2REBfFkg=="));
    assert_eq!(requests[1].header("content-length"), Some("0"));
    assert_eq!(requests[1].header("content-md5"), Some("1B2M2Y8AsgTpgAmY7PhCfg=="));
    assert_eq!((requests[2].body.len(), requests[2].header("content-md5").unwrap().len()), (300 << 10, 24));
}

#[tokio::test]
async fn a_bucket_may_stand_in_the_host() {
    let stub = Stub::scripted([answer(204, &[], "")]).await;
    // `photos.localhost` is this machine, by RFC 6761.
    let url = format!("http://localhost:{}", stub.port);
    let store = store_of(HttpConfig { addressing: Addressing::VirtualHosted, ..config(&url) });
    match call(&store, delete()).await {
        Ok(_) => {
            let request = &stub.recorded()[0];
            assert_eq!(request.header("host"), Some(format!("photos.localhost:{}", stub.port).as_str()));
            assert_eq!(request.target, "/key");
        }
        // Where the resolver does not know it, the request went nowhere.
        Err(error) => assert_eq!((error.verdict, error.effect), (Verdict::Unavailable, Effect::None), "{error}"),
    }
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let elsewhere = Stub::scripted([]).await;
    let reply = answer(307, &[("location", &elsewhere.url()), ("x-amz-bucket-region", "eu-north-1")], "");
    let stub = Stub::scripted([reply]).await;
    let error = call(&store(&stub.url()), delete()).await.unwrap_err();
    assert_eq!((error.verdict, error.http_status), (Verdict::Invalid, Some(307)));
    assert!(error.message.contains("eu-north-1") && error.message.contains(&elsewhere.url()), "{error}");
    assert!(elsewhere.recorded().is_empty());
}

#[tokio::test]
async fn a_refused_head_is_explained_by_an_error_that_has_a_body() {
    let expired = "<Error><Code>ExpiredToken</Code><Message>over</Message></Error>";
    let stub = Stub::scripted([answer(400, &[], ""), answer(400, &[], ""), answer(400, &[], expired)]).await;
    let error = call(&store(&stub.url()), head()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::CredentialsRefused, "ExpiredToken"));
    assert_eq!(stub.recorded()[2].header("range"), Some("bytes=0-0"));
    // An object that can be read after all leaves the head's own error.
    let byte = answer(206, &[("content-range", "bytes 0-0/9")], "x");
    let stub = Stub::scripted([answer(403, &[], ""), answer(403, &[], ""), byte]).await;
    let error = call(&store(&stub.url()), head()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Denied, "AccessDenied"));
}

#[tokio::test]
async fn a_head_whose_checksums_need_more_rights_is_made_without_them() {
    let stub = Stub::scripted([answer(403, &[], ""), answer(200, &[("etag", "\"e\"")], "")]).await;
    let head = call(&store(&stub.url()), head()).await.unwrap();
    assert_eq!((head.etag.unwrap().as_str(), head.checksums.len()), ("\"e\"", 0));
    let modes: Vec<_> = stub.recorded().iter().map(|sent| sent.header("x-amz-checksum-mode").is_some()).collect();
    assert_eq!(modes, [true, false]);
}

#[tokio::test]
async fn a_read_asks_for_bytes_as_they_are_and_for_their_checksums() {
    let read = || answer(200, &[("etag", "\"e\"")], "");
    let stub = Stub::scripted([read(), read()]).await;
    let store = store(&stub.url());
    call(&store, get(None)).await.unwrap();
    call(&store, head()).await.unwrap();
    for sent in stub.recorded() {
        let asked = (sent.header("accept-encoding"), sent.header("x-amz-checksum-mode"));
        assert_eq!(asked, (Some("identity"), Some("ENABLED")));
        // A server on the way may change what it takes for a matter between itself and us.
        let authorization = sent.header("authorization").unwrap();
        assert!(authorization.contains("x-amz-checksum-mode") && !authorization.contains("accept-encoding"));
    }
}

#[tokio::test]
async fn checksums_of_the_whole_are_told_from_those_of_parts() {
    let (crc32, crc64) = ("x-amz-checksum-crc32", "x-amz-checksum-crc64nvme");
    let (plain, parts) = (("etag", "\"0123\""), ("etag", "\"0123-2\""));
    let told = |kind| ("x-amz-checksum-type", kind);
    type Headers<'a> = &'a [(&'a str, &'a str)];
    let cases: [(Headers<'_>, &[(ChecksumAlgorithm, bool)]); 6] = [
        (&[plain], &[]),
        (&[plain, (crc32, "AAAAAA==")], &[(ChecksumAlgorithm::Crc32, true)]),
        (&[parts, (crc32, "AAAAAA==")], &[(ChecksumAlgorithm::Crc32, false)]),
        (&[parts, (crc64, "AAAAAAAAAAA=")], &[(ChecksumAlgorithm::Crc64Nvme, true)]),
        (&[parts, (crc32, "AAAAAA=="), told("FULL_OBJECT")], &[(ChecksumAlgorithm::Crc32, true)]),
        (&[parts, (crc32, "AAAAAA==-2"), told("COMPOSITE")], &[(ChecksumAlgorithm::Crc32, false)]),
    ];
    for (headers, expected) in cases {
        let stub = Stub::scripted([answer(200, headers, "")]).await;
        let declared = call(&store(&stub.url()), head()).await.unwrap().checksums;
        let declared: Vec<_> = declared.iter().map(|checksum| (checksum.algorithm, checksum.is_of_whole)).collect();
        assert_eq!(declared, expected, "{headers:?}");
    }
    // Of a range it may be the checksum of the whole or not.
    let range = answer(206, &[plain, (crc32, "AAAAAA=="), ("content-range", "bytes 0-0/1")], "x");
    let stub = Stub::scripted([range]).await;
    assert_eq!(call(&store(&stub.url()), get(Some((0, 0)))).await.unwrap().head.checksums, []);
}

/// Ceph RGW 16.2 answers for the whole object, whose ETag ends with the number of its parts.
#[tokio::test]
async fn the_parts_of_an_object_are_those_that_a_header_counts_and_not_what_its_etag_ends_with() {
    let head = || HeadPart { at: at("key"), version: None, part: 2 };
    for (more, parts) in [("x-amz-mp-parts-count: 2\r\n", Some(2)), ("", None)] {
        let told = format!("HTTP/1.1 206 OK\r\ncontent-length: 7\r\netag: \"0123-2\"\r\n{more}\r\n");
        let stub = Stub::scripted([Reply::Bytes(told.into_bytes())]).await;
        assert_eq!(call(&store(&stub.url()), head()).await.unwrap(), PartHead { size: 7, parts });
        assert!(stub.recorded()[0].target.ends_with("?partNumber=2"), "{:?}", stub.recorded()[0].target);
    }
}

#[tokio::test]
async fn a_missing_object_is_missing() {
    let stub = Stub::scripted([Reply::Bytes(b"HTTP/1.1 404 Not Found\r\ncontent-length: 200\r\n\r\n".to_vec())]).await;
    let error = call(&store(&stub.url()), head()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Missing, "NotFound"));
}

#[tokio::test]
async fn a_read_of_the_first_byte_tells_an_empty_object_a_missing_one_and_a_hidden_one_apart() {
    let error = |code: &str| format!("<Error><Code>{code}</Code><Message>no</Message></Error>");
    for (status, body, code, verdict) in [
        (416, error("InvalidRange"), "InvalidRange", Verdict::Invalid),
        (416, String::new(), "InvalidRange", Verdict::Invalid),
        (404, error("NoSuchKey"), "NoSuchKey", Verdict::Missing),
        (404, error("NoSuchBucket"), "NoSuchBucket", Verdict::Missing),
        (404, error("NoSuchVersion"), "NoSuchVersion", Verdict::Missing),
        (405, error("MethodNotAllowed"), "MethodNotAllowed", Verdict::Invalid),
        (404, String::new(), "NotFound", Verdict::Missing),
    ] {
        let stub = Stub::scripted([answer(status, &[], &body)]).await;
        let error = call(&store(&stub.url()), get(Some((0, 0)))).await.map(|_| ()).unwrap_err();
        assert_eq!((error.code.as_str(), error.verdict, error.effect), (code, verdict, Effect::None));
    }
    // A HEAD has no document, but a delete marker says that it is one.
    let head_only = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nx-amz-delete-marker: true\r\n\r\n";
    let stub = Stub::scripted([Reply::Bytes(head_only.into())]).await;
    assert_eq!(call(&store(&stub.url()), head()).await.unwrap_err().code, "NoSuchKey");
}

#[tokio::test]
async fn the_date_of_an_answer_widens_the_bounds_of_the_stores_clock() {
    let ours: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let clock = Arc::new(StoreClock::new(Arc::clone(&ours)));
    clock.observe(clock.read(), ours.now());
    let before = clock.offset().unwrap();
    let stub = Stub::scripted([answer(200, &[("date", "Wed, 21 Oct 2015 07:28:00 GMT")], COPIED)]).await;
    let store = HttpStore::new(config(&stub.url()), ours).unwrap().telling_dates_to(Arc::clone(&clock));
    call(&store, copy()).await.unwrap();
    let after = clock.offset().unwrap();
    let years_ms = ours_minus_2015_ms(&clock);
    assert!(after.low_ms <= -years_ms + 1000 && after.high_ms >= before.high_ms, "{before:?} {after:?}");
}

fn ours_minus_2015_ms(clock: &StoreClock) -> i64 {
    clock.now().as_millisecond() - 1_445_412_480_000
}

#[tokio::test]
async fn a_head_tells_everything_that_the_server_says() {
    let head_only = "HTTP/1.1 200 OK\r\ncontent-length: 12345\r\netag: \"e-3\"\r\nx-amz-version-id: v1\r\n\
                     last-modified: Wed, 21 Oct 2015 07:28:00 GMT\r\nx-amz-storage-class: GLACIER\r\n\
                     x-amz-restore: ongoing-request=\"true\"\r\nx-amz-meta-B: 2\r\nx-amz-meta-a: 1\r\n\
                     content-type: text/plain\r\nx-amz-tagging-count: 2\r\nx-amz-server-side-encryption: AES256\r\n\r\n";
    let stub = Stub::scripted([Reply::Bytes(head_only.into())]).await;
    let head = call(&store(&stub.url()), head()).await.unwrap();
    assert_eq!((head.size, head.parts, head.tag_count), (12345, Some(3), Some(2)));
    assert_eq!(head.modified.unwrap().as_second(), 1_445_412_480);
    assert_eq!(head.storage_class.as_deref(), Some("GLACIER"));
    assert_eq!(head.restore.as_deref(), Some("ongoing-request=\"true\""));
    assert_eq!(head.metadata.user, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    assert_eq!(head.metadata.content_type.as_deref(), Some("text/plain"));
}

#[tokio::test]
async fn an_object_is_streamed_and_its_connection_kept() {
    let body = "x".repeat(200_000);
    let stub = Stub::scripted([answer(200, &[("etag", "\"e\"")], &body), answer(204, &[], "")]).await;
    let store = store(&stub.url());
    let mut got = call(&store, get(None)).await.unwrap();
    let mut bytes = 0;
    while let Some(piece) = got.body.next().await {
        bytes += piece.unwrap().len();
    }
    assert_eq!((got.head.size, bytes), (200_000, 200_000));
    call(&store, delete()).await.unwrap();
    assert_eq!(stub.recorded()[1].connection, 0);
}

#[tokio::test]
async fn a_stream_that_ends_early_ends_in_an_error() {
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\nx-amz-request-id: R9\r\n\r\n12345".to_vec();
    let stub = Stub::scripted([Reply::BytesThenClose(cut)]).await;
    let mut got = call(&store(&stub.url()), get(None)).await.unwrap();
    assert_eq!(got.body.next().await.unwrap().unwrap(), "12345");
    let error = got.body.next().await.unwrap().unwrap_err();
    assert_eq!((error.code.as_str(), error.request_id.as_deref()), ("IncompleteAnswer", Some("R9")));
    assert!(got.body.next().await.is_none());
}

#[tokio::test]
async fn an_object_without_a_length_or_with_another_range_is_not_taken() {
    let endless = Reply::BytesThenClose(b"HTTP/1.1 200 OK\r\n\r\n12345".to_vec());
    let other = answer(206, &[("content-range", "bytes 0-4/10")], "12345");
    for (reply, range) in [(endless, None), (other, Some((5, 9)))] {
        let stub = Stub::scripted([reply]).await;
        let error = call(&store(&stub.url()), get(range)).await.map(|_| ()).unwrap_err();
        assert!(is_unproven(&error), "{error:?}");
    }
    let shorter = answer(206, &[("content-range", "bytes 5-7/8")], "123");
    let stub = Stub::scripted([shorter]).await;
    assert_eq!(call(&store(&stub.url()), get(Some((5, 9)))).await.unwrap().head.size, 3);
}

#[tokio::test]
async fn a_store_that_ignores_ranges_is_read_where_the_whole_is_the_range_and_else_says_so_at_once() {
    for range in [(0, 4), (0, 9)] {
        let stub = Stub::scripted([answer(200, &[], "12345")]).await;
        let mut got = call(&store(&stub.url()), get(Some(range))).await.unwrap();
        assert_eq!((got.head.size, got.body.next().await.unwrap().unwrap()), (5, "12345".into()));
    }
    for range in [(0, 3), (3, 4), (5, 9)] {
        let stub = Stub::scripted([answer(200, &[], "12345")]).await;
        let error = call(&store(&stub.url()), get(Some(range))).await.map(|_| ()).unwrap_err();
        assert_eq!((error.verdict, error.code.as_str()), (Verdict::Invalid, "RangeIgnored"));
        assert!(error.message.contains("the store ignores Range"), "{error}");
    }
}

#[tokio::test]
async fn a_multi_object_delete_answers_for_each_object_in_the_order_of_the_request() {
    let body = "<DeleteResult>\
        <Error><Key>locked</Key><Code>AccessDenied</Code><Message>no</Message></Error>\
        <Deleted><Key>a&#x20;b</Key><DeleteMarker>true</DeleteMarker><DeleteMarkerVersionId>m</DeleteMarkerVersionId></Deleted>\
        <Deleted><Key>twice</Key><VersionId>v2</VersionId></Deleted>\
        <Deleted><Key>null</Key></Deleted>\
        <Deleted><Key>nobody asked</Key></Deleted>\
        </DeleteResult>";
    let stub = Stub::scripted([answer(200, &[], body)]).await;
    let names = [("a b", None), ("locked", None), ("twice", Some("v1")), ("twice", Some("v2")), ("null", Some("null"))];
    let object = |(key, version): (&str, Option<&str>)| (key.parse().unwrap(), version.map(|v| v.parse().unwrap()));
    let objects = names.map(object).to_vec();
    let results = call(&store(&stub.url()), DeleteObjects { bucket: at("k").bucket, objects }).await.unwrap();
    let deleted = |is_delete_marker, version: Option<&str>| {
        DeleteResult::Deleted(Deleted { is_delete_marker, version: version.map(|v| v.parse().unwrap()) })
    };
    assert_eq!(
        results,
        [
            deleted(true, Some("m")),
            failed_delete("AccessDenied", "no"),
            DeleteResult::Unnamed,
            deleted(false, Some("v2")),
            deleted(false, None),
        ]
    );
}

#[tokio::test]
async fn keys_that_xml_cannot_carry_are_refused_before_anything_is_sent() {
    let stub = Stub::scripted([]).await;
    let objects = vec![("plain".parse().unwrap(), None), ("bell\u{7}".parse().unwrap(), None)];
    let error = call(&store(&stub.url()), DeleteObjects { bucket: at("k").bucket, objects }).await.unwrap_err();
    assert_eq!((error.verdict, error.effect, error.attempts), (Verdict::Invalid, Effect::None, 0));
    assert!(stub.recorded().is_empty());
}

#[tokio::test]
async fn a_page_of_a_listing_has_any_key_and_names_the_next() {
    let page = |end: &str| {
        format!(
            "<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>a+b%2B%00%C3%A9</Key><Size>5</Size>\
             <ETag>\"e\"</ETag><LastModified>2015-10-21T07:28:00.000Z</LastModified>\
             <StorageClass>GLACIER</StorageClass></Contents>{end}</ListBucketResult>"
        )
    };
    let request =
        || ListObjectsV2 { bucket: at("k").bucket, prefix: String::new(), continuation_token: None, max_keys: 9 };
    let next = "<IsTruncated>true</IsTruncated><NextContinuationToken>t/1</NextContinuationToken>";
    let stub = Stub::scripted([
        answer(200, &[], &page(next)),
        answer(200, &[], &page("<IsTruncated>true</IsTruncated>")),
        answer(200, &[], &page("")),
    ])
    .await;
    let store = store(&stub.url());
    let listed = call(&store, request()).await.unwrap();
    assert_eq!(listed.objects[0].key.as_str(), "a b+\0é");
    assert_eq!((listed.objects[0].size, listed.next.as_deref()), (5, Some("t/1")));
    // A page that could be the last by mistake would lose objects.
    assert_eq!(call(&store, request()).await.unwrap_err().code, "ListingDoesNotAdvance");
    assert!(is_unproven(&call(&store, request()).await.unwrap_err()));
}

#[tokio::test]
async fn tags_and_grants_are_read_as_they_are() {
    let tags = "<Tagging><TagSet><Tag><Key>k</Key><Value> v </Value></Tag></TagSet></Tagging>";
    let acl = "<AccessControlPolicy><Owner><ID>me</ID></Owner><AccessControlList><Grant>\
               <Grantee xmlns:xsi=\"x\" xsi:type=\"Group\"><URI>all</URI></Grantee><Permission>READ</Permission>\
               </Grant></AccessControlList></AccessControlPolicy>";
    let none = "<Error><Code>NoSuchTagSet</Code></Error>";
    let stub = Stub::scripted([answer(200, &[], tags), answer(404, &[], none), answer(200, &[], acl)]).await;
    let store = store(&stub.url());
    let request = || GetObjectTagging { at: at("key"), version: None };
    assert_eq!(call(&store, request()).await.unwrap(), [Tag { key: "k".into(), value: " v ".into() }]);
    assert_eq!(call(&store, request()).await.unwrap(), []);
    let acl = call(&store, GetObjectAcl { at: at("key"), version: None }).await.unwrap();
    let grant = AclGrant { grantee: Grantee::Group("all".into()), permission: "READ".into() };
    assert_eq!((acl.owner.as_str(), acl.grants), ("me", vec![grant]));
}

#[tokio::test]
async fn a_restore_that_was_done_already_is_told_from_one_that_begins() {
    let stub = Stub::scripted([answer(202, &[], ""), answer(200, &[], "")]).await;
    let store = store(&stub.url());
    for was_restored in [false, true] {
        let request = RestoreObject { at: at("key"), version: None, days: 1, tier: "Bulk".into() };
        assert_eq!(call(&store, request).await.unwrap().was_restored, was_restored);
    }
}

#[tokio::test]
async fn a_page_of_a_proxy_is_not_a_success() {
    let page = || answer(200, &[("content-type", "text/html")], "<html>please log in</html>");
    let stub = Stub::scripted([page(), page()]).await;
    let store = store(&stub.url());
    assert!(is_unproven(&call(&store, delete()).await.unwrap_err()));
    let tag = PutObjectTagging { at: at("key"), version: None, tags: Vec::new() };
    assert!(is_unproven(&call(&store, tag).await.unwrap_err()));
}

#[tokio::test]
async fn an_error_never_holds_a_secret_even_when_the_server_repeats_it() {
    let body = "<Error><Code>InvalidToken</Code><Message>token-of-test and secret-of-test</Message></Error>";
    let stub = Stub::scripted([answer(403, &[], body)]).await;
    let error = call(&store(&stub.url()), delete()).await.unwrap_err();
    assert_eq!(error.message, "[secret] and [secret]");
    let stub = Stub::scripted([answer(403, &[], body)]).await;
    let short = Credentials { key_id: "k".into(), secret: "e".into(), token: None };
    let store_with_short =
        store_of(HttpConfig { credentials: Arc::new(RotatingCredentials::new(short)), ..config(&stub.url()) });
    assert_eq!(call(&store_with_short, delete()).await.unwrap_err().message, "token-of-test and secret-of-test");
    let shown = format!("{:?}", store(&stub.url()));
    assert!(!shown.contains("of-test"), "{shown}");
}

#[tokio::test]
async fn an_error_s_body_is_bounded() {
    let huge = format!("<Error><Code>Odd</Code><Message>{}</Message></Error>", "x".repeat(1 << 20));
    let stub = Stub::scripted([answer(403, &[], &huge)]).await;
    let error = call(&store(&stub.url()), delete()).await.unwrap_err();
    assert_eq!((error.verdict, error.code.as_str()), (Verdict::Denied, "AccessDenied"));
}

#[tokio::test]
async fn a_server_of_the_extra_authority_is_trusted_and_no_other() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let server = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::Pkcs8(signing_key.serialize_der().into()))
        .unwrap();
    let stub = Stub::over_tls([answer(204, &[], "")], TlsAcceptor::from(Arc::new(server))).await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, cert.pem()).unwrap();
    let url = format!("https://127.0.0.1:{}", stub.port);
    let trusting = HttpConfig { extra_ca: Some(path.clone()), ..config(&url) };
    call(&store_of(trusting.clone()), delete()).await.unwrap();

    let CertifiedKey { cert, .. } = generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    std::fs::write(&path, cert.pem()).unwrap();
    let error = call(&store_of(trusting.clone()), delete()).await.unwrap_err();
    assert_eq!((error.verdict, error.effect, error.code.as_str()), (Verdict::Unavailable, Effect::None, "TlsFailed"));

    std::fs::write(&path, "no certificate").unwrap();
    let problem = HttpStore::new(trusting, HeldClock::new()).unwrap_err().to_string();
    assert!(problem.contains("ca.pem") && problem.contains("holds no certificate"), "{problem}");
}

#[tokio::test]
async fn every_request_says_signed_that_its_sender_pays_when_its_endpoint_or_its_job_says_so() {
    for (requester_pays, is_paying) in [(false, false), (true, false), (false, true), (true, true)] {
        for request in crate::calls::all_on("plain") {
            let stub = Stub::scripted([]).await;
            let store = store_of(HttpConfig { requester_pays, ..config(&stub.url()) });
            let cancel = CancelToken::unbounded().paying(is_paying);
            store.call(&cancel, request.clone()).await.unwrap_err();
            let sent = &stub.recorded()[0];
            let is_signed = sent.header("authorization").unwrap().contains("x-amz-request-payer");
            let pays = requester_pays || is_paying;
            let expected = (pays.then_some("requester"), pays);
            assert_eq!((sent.header("x-amz-request-payer"), is_signed), expected, "{request:?}");
        }
    }
}

#[tokio::test]
async fn who_owns_the_objects_of_a_bucket_is_told_or_not_said_and_a_listing_says_nothing() {
    let controls = "<OwnershipControls><Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>\
                    </OwnershipControls>";
    let listing = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>";
    for (body, expected) in [(controls, Some("BucketOwnerEnforced")), (listing, None), ("", None)] {
        let stub = Stub::scripted([answer(200, &[], body)]).await;
        let asked = GetBucketOwnershipControls { bucket: at("key").bucket };
        let told = call(&store(&stub.url()), asked).await.unwrap();
        assert_eq!(told.as_deref(), expected, "{body}");
    }
}

#[tokio::test]
async fn who_pays_for_requests_is_told_or_not_said_and_a_listing_says_nothing() {
    let payer = "<RequestPaymentConfiguration><Payer>Requester</Payer></RequestPaymentConfiguration>";
    let listing = "<ListBucketResult><Name>b</Name><IsTruncated>false</IsTruncated></ListBucketResult>";
    for (body, expected) in [(payer, Some("Requester")), (listing, None), ("", None)] {
        let stub = Stub::scripted([answer(200, &[], body)]).await;
        let asked = GetBucketRequestPayment { bucket: at("key").bucket };
        let told = call(&store(&stub.url()), asked).await.unwrap();
        assert_eq!(told.as_deref(), expected, "{body}");
        assert!(stub.recorded()[0].target.ends_with("?requestPayment="), "{:?}", stub.recorded());
    }
}
