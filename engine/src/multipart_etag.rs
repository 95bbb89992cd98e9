//! The ETag that an object gets from its parts: which formula an endpoint uses, and what a
//! completion must yield by it. It proves a completion whose answer was lost.
//!
//! Stores agree on the form `DIGEST-PARTS` and on nothing else: AWS, Ceph and MinIO take the MD5
//! over the binary MD5s of the parts, Garage the MD5 over their hexadecimal text, others a random
//! number. An object that has either digest is proven, for nothing else makes one. That an object
//! has neither proves that it is another one only where the endpoint was seen to use one of them.

use std::sync::atomic::{AtomicU8, Ordering};

use brigade_model::ETag;
use md5::{Digest, Md5};

/// How an endpoint makes the ETag of an object out of those of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Formula {
    /// MD5 over the MD5s as bytes.
    Binary,
    /// MD5 over the MD5s as hexadecimal text.
    HexText,
}

impl Formula {
    const ALL: [Formula; 2] = [Formula::Binary, Formula::HexText];

    /// The ETag by this formula; `None` when a part's ETag is no MD5.
    fn etag(self, parts: &[(u32, ETag)]) -> Option<ETag> {
        let mut digest = Md5::new();
        for (_, etag) in parts {
            let text = etag.unquoted().to_ascii_lowercase();
            let bytes = hex::decode(&text).ok().filter(|bytes| bytes.len() == 16)?;
            match self {
                Formula::Binary => digest.update(bytes),
                Formula::HexText => digest.update(text),
            }
        }
        ETag::new(format!("{}-{}", hex::encode(digest.finalize()), parts.len())).ok()
    }
}

/// The ETags that the object may have once the parts are put together.
#[must_use]
pub(crate) fn expected_etags(parts: &[(u32, ETag)]) -> Vec<ETag> {
    Formula::ALL.into_iter().filter_map(|formula| formula.etag(parts)).collect()
}

/// What the completions of an endpoint have shown of its formula. One for each endpoint.
#[derive(Debug, Default)]
pub struct MultipartEtag(AtomicU8);

const IS_DIGEST: u8 = 1;
const IS_OTHER: u8 = 2;

impl MultipartEtag {
    /// A completion succeeded and gave this ETag.
    pub(crate) fn learn(&self, expected: &[ETag], etag: &ETag) {
        let seen = if expected.iter().any(|expected| expected.matches(etag)) { IS_DIGEST } else { IS_OTHER };
        self.0.fetch_or(seen, Ordering::Relaxed);
    }

    /// Whether each object that the endpoint made of parts has one of the expected ETags, as far
    /// as was seen: then one that has neither is another object.
    pub(crate) fn is_digest(&self) -> bool {
        self.0.load(Ordering::Relaxed) == IS_DIGEST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_MD5SUM: [&str; 2] = ["96e024ba2074fe77e8e965ba43a704be-2", "3bc22fb7aaebe9c8c5d7de312b876bb8-2"];

    fn parts(etags: &[&str]) -> Vec<(u32, ETag)> {
        (1..).zip(etags.iter().map(|etag| ETag::new(*etag).unwrap())).collect()
    }

    #[test]
    fn the_etag_of_an_object_follows_from_those_of_its_parts() {
        // MD5 of "a" and of "b", and their digests over bytes and over text, by md5sum.
        let parts = parts(&["\"0cc175b9c0f1b6a831c399e269772661\"", "92EB5FFEE6AE2FEC3AD71C777531578F"]);
        let expected = expected_etags(&parts);
        let text: Vec<&str> = expected.iter().map(ETag::unquoted).collect();
        assert_eq!(text, BY_MD5SUM);
    }

    #[test]
    fn parts_without_an_md5_yield_nothing_that_can_be_expected() {
        assert_eq!(expected_etags(&parts(&["0cc175b9c0f1b6a831c399e269772661", "random"])), []);
        assert_eq!(expected_etags(&parts(&["0cc175b9"])), []);
    }

    #[test]
    fn an_endpoint_that_was_seen_to_make_another_etag_once_proves_nothing_by_a_difference() {
        let expected = expected_etags(&parts(&["0cc175b9c0f1b6a831c399e269772661"]));
        let learned = MultipartEtag::default();
        assert!(!learned.is_digest(), "nothing was seen");
        learned.learn(&expected, &expected[1]);
        assert!(learned.is_digest());
        learned.learn(&expected, &ETag::new("random-1").unwrap());
        assert!(!learned.is_digest());
    }
}
