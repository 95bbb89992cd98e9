//! Names of resources (`qcs::...`): a decoded name keeps its text.

use brigade_wire::cos::qcs::{parse_bucket, parse_object, parse_role};

pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(bucket) = parse_bucket(text) {
        assert_eq!(parse_bucket(&bucket.text).as_ref(), Ok(&bucket));
        let object = parse_object(&format!("{text}/a key"));
        assert_eq!(object.expect("a bucket with a key behind it").bucket, bucket.bucket);
    }
    if let Ok(object) = parse_object(text) {
        assert_eq!(parse_object(&object.text).as_ref(), Ok(&object));
        assert!(text.ends_with(object.key.as_str()), "the key is not what was written");
    }
    if let Ok(role) = parse_role(text) {
        assert_eq!(parse_role(&role.text).as_ref(), Ok(&role));
    }
}
