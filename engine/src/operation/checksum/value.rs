//! The value of a checksum: a digest, and of one of parts their number, which stands at its end as in S3.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use brigade_model::operation::{ChecksumType, ComputeChecksum, DigestAlgorithm};
use brigade_model::ports::object_store::ObjectHead;

/// The value of a checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Checksum {
    pub(super) digest: Vec<u8>,
    /// Of how many parts; `None` of one of all bytes.
    pub(super) parts: Option<u32>,
}

impl Checksum {
    /// Of a text in hexadecimal or base64. One of parts must say their number.
    pub(super) fn read(text: &str, compute: ComputeChecksum) -> Option<Self> {
        let (digest, parts) = match compute.checksum_type {
            ChecksumType::FullObject => (text, None),
            ChecksumType::Composite => {
                let (digest, parts) = text.rsplit_once('-')?;
                (digest, Some(parts.parse().ok()?))
            }
        };
        let read = [hex::decode(digest).ok(), BASE64_STANDARD.decode(digest).ok()];
        let digest = read.into_iter().flatten().find(|digest| digest.len() == compute.algorithm.bytes())?;
        Some(Self { digest, parts })
    }

    /// What the store declares of that type by that algorithm; an ETag is no checksum.
    pub(super) fn declared(head: &ObjectHead, compute: ComputeChecksum) -> Option<Self> {
        let is_of_whole = compute.checksum_type == ChecksumType::FullObject;
        let is_it = |declared: DigestAlgorithm| declared == compute.algorithm;
        let mut of_type = head.checksums.iter().filter(|checksum| checksum.is_of_whole == is_of_whole);
        Self::read(&of_type.find(|checksum| is_it(checksum.algorithm.into()))?.value, compute)
    }

    pub(super) fn base64(&self) -> String {
        self.with_parts(BASE64_STANDARD.encode(&self.digest))
    }

    pub(super) fn hex(&self) -> String {
        self.with_parts(hex::encode(&self.digest))
    }

    fn with_parts(&self, digest: String) -> String {
        self.parts.map_or(digest.clone(), |parts| format!("{digest}-{parts}"))
    }
}
