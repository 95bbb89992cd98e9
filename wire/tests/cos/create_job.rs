//! CreateJob: every fixture is decoded, and answered by its result or its error.

use brigade_model::limits::REQUEST_BODY_BYTES_MAX;
use brigade_wire::cos::create_job::{decode_request, decode_result, encode_request, encode_result};
use brigade_wire::cos::{CosError, decode_error};

use crate::fixtures::{case, cases};
use crate::jobs;

#[test]
fn each_request_gets_its_result_or_its_error() {
    for case in cases("CreateJob") {
        match decode_request(&case.body()) {
            Ok(_) => case.expect(&encode_result(jobs::id())),
            Err(error) => case.expect_error(&error),
        }
    }
}

#[test]
fn each_accepted_request_is_read_as_it_was_meant() {
    for case in cases("CreateJob") {
        if let Ok(spec) = decode_request(&case.body()) {
            insta::assert_debug_snapshot!(case.name.clone(), spec);
        }
    }
}

#[test]
fn what_we_send_for_a_request_asks_for_the_same() {
    for case in cases("CreateJob") {
        if let Ok(spec) = decode_request(&case.body()) {
            assert_eq!(decode_request(&encode_request(&spec)), Ok(spec), "{}", case.name);
        }
    }
}

#[test]
fn we_send_what_the_go_client_sends_but_for_its_spelling_of_quotes() {
    let case = case("CreateJob", "as-the-go-client-writes-it");
    let ours = encode_request(&decode_request(&case.body()).unwrap());
    let theirs = String::from_utf8(case.body()).unwrap().replace("&#34;", "&quot;");
    assert_eq!(String::from_utf8(ours).unwrap(), theirs);
}

#[test]
fn every_way_to_cut_a_request_off_is_malformed_and_none_panics() {
    let body = case("CreateJob", "copy-with-every-parameter").body();
    let end = body.iter().rposition(|byte| *byte == b'>').unwrap();
    for length in 1..=end {
        let error = decode_request(&body[..length]).unwrap_err();
        assert_eq!(error.code, "MalformedXML", "{length}: {error}");
    }
}

#[test]
fn a_body_above_the_limit_is_refused_unread() {
    let body = vec![b'<'; REQUEST_BODY_BYTES_MAX + 1];
    assert_eq!(decode_request(&body), Err(CosError::xml_size_limit()));
}

#[test]
fn a_result_that_is_none_is_told_to_the_client() {
    assert_eq!(decode_result(&encode_result(jobs::id())), Ok(jobs::id()));
    for body in ["", "<Error/>", "<CreateJobResult/>", "<CreateJobResult><JobId>1</JobId></CreateJobResult>"] {
        assert!(decode_result(body.as_bytes()).is_err(), "{body}");
    }
}

#[test]
fn an_error_reads_back_as_it_was_written() {
    let error = CosError::invalid_parameter("Priority", "<b> & \"c\"");
    let body = brigade_wire::cos::encode_error(&error, "host/jobs", "request", "trace");
    let read = decode_error(&body).unwrap();
    assert_eq!((read.code.as_str(), read.message), (error.code, error.message));
    assert_eq!(
        (read.resource.as_str(), read.request_id.as_str(), read.trace_id.as_str()),
        ("host/jobs", "request", "trace")
    );
    for body in ["", "nonsense", "<CreateJobResult/>", "<Error>"] {
        assert_eq!(decode_error(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn a_description_repeats_the_clients_spelling_and_constraints_as_integers() {
    let written = "<MetadataDirective>Replace</MetadataDirective>\
                   <ModifiedSinceConstraint>2019-12-19T18:00:30Z</ModifiedSinceConstraint>\
                   <NewObjectMetadata><HttpExpiresDate>2019-12-19T18:00:30Z</HttpExpiresDate><UserMetadata>\
                   <member><Key>Colour</Key><Value>red</Value></member>\
                   <member><Key>x-cos-meta-Owner</Key><Value>me</Value></member></UserMetadata></NewObjectMetadata>\
                   <StorageClass> STANDARD </StorageClass>";
    let body = String::from_utf8(case("CreateJob", "copy-with-iso-constraints").body()).unwrap();
    let (before, rest) = body.split_once("<COSPutObjectCopy>").unwrap();
    let (_, after) = rest.split_once("<TargetResource>").unwrap();
    let body = format!("{before}<COSPutObjectCopy>{written}<TargetResource>{after}");
    let spec = decode_request(body.as_bytes()).unwrap();
    let job = jobs::of_spec(spec.clone());
    let described = String::from_utf8(brigade_wire::cos::describe_job::encode_result(&job)).unwrap();
    for repeated in [
        "<MetadataDirective>Replace</MetadataDirective>",
        "<ModifiedSinceConstraint>1576778430</ModifiedSinceConstraint>",
        "<HttpExpiresDate>2019-12-19T18:00:30Z</HttpExpiresDate>",
        "<Key>Colour</Key>",
        "<Key>x-cos-meta-Owner</Key>",
        "<StorageClass>STANDARD</StorageClass>",
    ] {
        assert!(described.contains(repeated), "{repeated}: {described}");
    }
    assert_eq!(decode_request(&encode_request(&spec)), Ok(spec), "a repeated request is the same");
}
