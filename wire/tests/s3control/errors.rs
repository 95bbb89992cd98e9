//! The error table: whole, and in the form that SDKs read.

use std::fmt::Write as _;

use brigade_wire::s3control::errors::TABLE;
use brigade_wire::s3control::{S3ControlError, decode_error, encode_error};

#[test]
fn the_table_says_what_each_condition_answers() {
    let mut text = String::new();
    for row in TABLE {
        writeln!(text, "{} {} | {}: {}", row.status, row.code, row.condition, row.message).unwrap();
    }
    insta::assert_snapshot!(text);
}

#[test]
fn a_code_has_one_status_wherever_it_stands() {
    for row in TABLE {
        for other in TABLE.iter().filter(|other| other.code == row.code) {
            assert_eq!(row.status, other.status, "{}", row.code);
        }
    }
}

#[test]
fn an_error_stands_in_an_error_response_with_its_request_id_beside_it() {
    let body = encode_error(&S3ControlError::invalid_element("Priority", "<b> & \"c\""), "id");
    let expected = "<ErrorResponse xmlns=\"http://awss3control.amazonaws.com/doc/2018-08-20/\"><Error>\
        <Code>BadRequestException</Code><Message>Priority is invalid: &lt;b&gt; &amp; &quot;c&quot;</Message></Error>\
        <RequestId>id</RequestId></ErrorResponse>";
    assert_eq!(String::from_utf8(body).unwrap(), expected);
    let read = decode_error(expected.as_bytes()).unwrap();
    let message = "Priority is invalid: <b> & \"c\"";
    assert_eq!(
        (read.code.as_str(), read.message.as_str(), read.request_id.as_str()),
        ("BadRequestException", message, "id")
    );
    assert!(decode_error(b"<Error><Code>NoSuchJob</Code></Error>").is_none() && decode_error(b"{}").is_none());
}
