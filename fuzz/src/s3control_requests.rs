//! Bodies of CreateJob and PutJobTagging of the S3 Control dialect: a decoded request survives encoding and decoding.

use brigade_wire::s3control::create_job::{decode_request, encode_request};
use brigade_wire::s3control::put_job_tagging;

pub(crate) fn check(bytes: &[u8]) {
    if let Ok(tags) = put_job_tagging::decode_request(bytes) {
        assert!(tags.len() <= 50, "a job has more tags than it may");
    }
    let Ok(spec) = decode_request(bytes) else { return };
    let again = decode_request(&encode_request(&spec));
    assert_eq!(again.as_ref(), Ok(&spec), "what was understood is not what is written");
}
