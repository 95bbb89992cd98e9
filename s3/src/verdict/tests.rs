use super::*;

fn refused(status: u16, code: &str) -> (Verdict, Effect) {
    judge(Seen::Refused { status, code: Some(code) })
}

fn bare(status: u16) -> (Verdict, Effect) {
    judge(Seen::Refused { status, code: None })
}

#[test]
fn what_was_never_sent_had_no_effect_and_what_was_sent_may_have_had_one() {
    for step in Step::ALL {
        // What this process lacks opens no circuit of the endpoint.
        let verdict = if matches!(step, Step::Descriptor | Step::Admit) { Throttled } else { Unavailable };
        assert_eq!(judge(Seen::NotConnected(step)), (verdict, NoEffect));
    }
    for loss in Loss::ALL {
        assert_eq!(judge(Seen::Lost(loss)), (Transient, Unknown));
    }
    assert_eq!(judge(Seen::Unproven { code: None }), (Transient, Unknown));
    assert_eq!(judge(Seen::Empty), (Transient, Unknown));
    assert_eq!(judge(Seen::Unsigned), (CredentialsRefused, NoEffect));
    assert_eq!(own_code(Seen::Unsigned), "NoCredentials");
}

#[test]
fn an_error_with_a_success_s_status_is_judged_by_its_code_and_its_effect_is_unknown() {
    for (code, verdict, ..) in CODES {
        assert_eq!(judge(Seen::Unproven { code: Some(code) }), (*verdict, Unknown), "{code}");
    }
    assert_eq!(judge(Seen::Unproven { code: Some("InternalError") }), (Transient, Unknown));
    assert_eq!(own_code(Seen::Unproven { code: Some("InternalError") }), "InternalError");
    assert_eq!(own_code(Seen::Empty), "EmptyAnswer");
}

#[test]
fn every_status_has_a_verdict_by_itself() {
    for status in 300..1000 {
        let expected = match status {
            429 | 503 | 509 => (Throttled, NoEffect),
            408 | 425 => (Transient, NoEffect),
            404 | 410 => (Missing, NoEffect),
            401 | 403 => (Denied, NoEffect),
            407 => (CredentialsRefused, NoEffect),
            304 | 409 | 412 => (Precondition, NoEffect),
            501 | 505 => (Invalid, NoEffect),
            300..=499 => (Invalid, NoEffect),
            _ => (Transient, Unknown),
        };
        assert_eq!(bare(status), expected, "{status}");
        assert!(!own_code(Seen::Refused { status, code: None }).is_empty());
    }
}

#[test]
fn a_code_of_the_table_decides_whatever_its_status_says() {
    for (code, verdict, effect, _) in CODES {
        for status in [400, 403, 404, 409, 412, 500, 503] {
            assert_eq!(refused(status, code), (*verdict, *effect), "{status} {code}");
        }
    }
}

#[test]
fn slow_down_spends_no_attempt_and_a_server_error_may_have_had_an_effect() {
    assert_eq!(refused(503, "SlowDown"), (Throttled, NoEffect));
    assert_eq!(refused(503, "XMinioServerNotInitialized"), (Throttled, NoEffect));
    assert_eq!(refused(500, "InternalError"), (Transient, Unknown));
    assert_eq!(bare(502), (Transient, Unknown));
}

#[test]
fn every_code_of_throttling_slows_down_whatever_its_status_and_so_does_the_key_service_s() {
    for code in [
        "BandwidthLimitExceeded",
        "KMS.ThrottlingException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    ] {
        assert_eq!(refused(400, code), (Throttled, NoEffect), "{code}");
    }
    // A quota of keys is none of requests, and a key that is off stays off.
    for code in ["KMS.LimitExceededException", "KMS.DisabledException"] {
        assert_eq!(refused(400, code), (Invalid, NoEffect), "{code}");
    }
}

#[test]
fn an_answer_that_taught_the_region_is_repeated_and_one_that_did_not_is_as_it_was() {
    let code = Some("AuthorizationHeaderMalformed");
    for (status, code) in [(301, None), (301, Some("PermanentRedirect")), (400, code)] {
        assert_eq!(judge(Seen::Taught { status, code }), (Transient, NoEffect));
        assert_eq!(judge(Seen::Refused { status, code }), (Invalid, NoEffect));
        assert_eq!(own_code(Seen::Taught { status, code }), own_code(Seen::Refused { status, code }));
    }
}

#[test]
fn refused_credentials_are_told_from_a_denied_action() {
    for code in ["InvalidAccessKeyId", "SignatureDoesNotMatch", "RequestTimeTooSkewed"] {
        assert_eq!(refused(403, code), (CredentialsRefused, NoEffect));
    }
    assert_eq!(refused(400, "ExpiredToken"), (CredentialsRefused, NoEffect));
    assert_eq!(refused(403, "AccessDenied"), (Denied, NoEffect));
    assert_eq!(refused(403, "AllAccessDisabled"), (Denied, NoEffect));
}

#[test]
fn what_does_not_exist_is_missing_and_what_the_state_forbids_is_a_condition() {
    for code in ["NoSuchKey", "NoSuchVersion", "NoSuchBucket", "NoSuchUpload", "NoSuchTagSet"] {
        assert_eq!(refused(404, code), (Missing, NoEffect));
    }
    assert_eq!(refused(403, "InvalidObjectState"), (Precondition, NoEffect));
    assert_eq!(refused(409, "RestoreAlreadyInProgress"), (Precondition, NoEffect));
    assert_eq!(refused(412, "PreconditionFailed"), (Precondition, NoEffect));
    assert_eq!(refused(409, "BucketNotEmpty"), (Precondition, NoEffect));
    assert_eq!(refused(400, "EntityTooLarge"), (Invalid, NoEffect));
}

#[test]
fn a_store_s_own_code_is_kept_and_ours_fills_its_place() {
    assert_eq!(own_code(Seen::Refused { status: 403, code: Some("InvalidObjectState") }), "InvalidObjectState");
    assert_eq!(own_code(Seen::Refused { status: 404, code: None }), "NotFound");
    assert_eq!(own_code(Seen::Refused { status: 418, code: None }), "ClientError");
    assert_eq!(own_code(Seen::Lost(Loss::TimedOut)), "RequestTimeout");
}

#[test]
fn no_row_stands_twice() {
    let mut codes: Vec<_> = CODES.iter().map(|(code, ..)| code).collect();
    codes.sort_unstable();
    assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(STATUSES.windows(2).all(|pair| pair[0].0.0 < pair[1].0.0));
}

#[test]
fn every_code_and_every_status_has_one_class_and_only_what_a_person_must_change_lasts() {
    let class = |status, code, message| class_of(Seen::Refused { status, code }, message);
    for (code, verdict, _, expected) in CODES {
        for status in [400, 403, 404, 409, 500, 503] {
            assert_eq!(class(status, Some(code), ""), *expected, "{status} {code}");
        }
        // What is tried again until it passes, passes; a refusal of our credentials may last.
        let may_pass = matches!(verdict, Throttled | Transient);
        assert!(!(may_pass && matches!(expected, Lasting(_))), "{code}");
        assert!(!(*verdict == Precondition && *expected != OfObject), "{code}");
    }
    for status in 300..1000 {
        let expected = match status {
            301 | 308 => Lasting(Bucket),
            300..=399 if status != 304 => Passing(Bucket),
            407 => Lasting(Endpoint),
            408 | 425 | 429 | 503 | 509 => Passing(Endpoint),
            501 | 505 => OfObject,
            500.. => Passing(Endpoint),
            _ => OfObject,
        };
        assert_eq!(class(status, None, ""), expected, "{status}");
        assert_eq!(class(status, Some("Whatever"), ""), expected, "{status}");
    }
    for (code, words, expected) in WORDS {
        assert_eq!(class(403, Some(code), words), *expected, "{code} {words}");
        assert_eq!(class(403, Some(code), "for another reason"), OfObject, "{code}");
    }
    for seen in Step::ALL.map(Seen::NotConnected).into_iter().chain(Loss::ALL.map(Seen::Lost)) {
        assert_eq!(class_of(seen, ""), Passing(Endpoint));
    }
}

#[test]
fn what_fails_a_whole_bucket_or_endpoint_is_told_from_what_fails_an_object() {
    let lasting = |status, code, message| lasting(Seen::Refused { status, code: Some(code) }, message);
    let table = [
        (403, "InvalidAccessKeyId", "", Some(Endpoint)),
        (403, "SignatureDoesNotMatch", "", Some(Endpoint)),
        (403, "AccountProblem", "", Some(Endpoint)),
        (404, "NoSuchBucket", "", Some(Bucket)),
        (400, "AccessControlListNotSupported", "", Some(Bucket)),
        (400, "KMS.DisabledException", "", Some(Bucket)),
        (301, "PermanentRedirect", "", Some(Bucket)),
        (403, "AccessDenied", "Mfa Authentication must be used for this request", Some(Bucket)),
        // A policy may be about a prefix.
        (403, "AccessDenied", "Access Denied", None),
        (404, "NoSuchKey", "", None),
        (403, "InvalidObjectState", "", None),
        (503, "SlowDown", "", None),
        (400, "KMS.ThrottlingException", "", None),
        // A new token comes, and a clock is set.
        (400, "ExpiredToken", "", None),
        (403, "RequestTimeTooSkewed", "", None),
    ];
    for (status, code, message, expected) in table {
        assert_eq!(lasting(status, code, message), expected, "{code} {message}");
    }
    assert_eq!(super::lasting(Seen::Taught { status: 301, code: None }, ""), None, "the next one is signed for it");
    let refused = failed_delete("AccessDenied", "Mfa Authentication must be used for this request");
    assert!(matches!(refused, DeleteResult::Failed { lasting: Some(Bucket), .. }), "{refused:?}");
}
